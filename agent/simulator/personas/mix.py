"""A fleet of many kinds: what a network may look like, the same for the same number every time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from agent.model.pki.anchor import TrustAnchor
from agent.simulator.personas.persona import Persona
from agent.simulator.personas.quovadis import QUOVADIS

_STRIDE = 37
"""Coprime to 100: devices that follow each other are of different kinds, and a hundred of them are every one."""


@dataclass(frozen=True)
class Kind:
    """One kind of devices.

    Attributes:
        about: what is the matter with it, for people; share: how many of a hundred are of it.
        likes: release and platform of its devices, in turn; differs: from a persona's defaults.
    """

    name: str
    about: str
    share: int
    likes: tuple[str, ...]
    differs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Member:
    """A device of the fleet before it is served."""

    name: str
    kind: str
    persona: Persona


@cache
def kinds() -> tuple[Kind, ...]:
    """Every kind; their shares add up to a hundred."""
    root = TrustAnchor.bundled().pem
    affected = (
        "7.3.2 asr9k-x64",
        "7.5.1 ncs5500",
        "7.4.1 ncs540",
        "7.3.2 8000",
        "7.2.2 xrv9k",
        "7.1.3 asr9k-x64",
        "7.5.1 8000",
        "7.0.2 ncs5500",
        "7.3.2 ncs540",
        "7.4.1 asr9k-x64",
    )
    new = ("7.8.1 8000", "24.1.1 ncs540", "25.2.1 ncs5700", "24.4.1 8000")
    both = (QUOVADIS, root)
    no_rpc = {"terminal_rpc": "refused"}
    wrong_root = {"terminal_rpc": "installs", "installs": QUOVADIS}
    url = "https://ssm.example.net/SmartTransport"
    own_server = {"transport": "smart", "url": url, "transport_configured": True}
    return (
        Kind("affected", "lack the root", 44, affected, {"transport_configured": True}),
        Kind("remedied", "were given the root before", 16, affected[:6], {"certificate": root}),
        Kind("shipped", "have the root built in", 8, new, {"built_in": both}),  # by the notice (H63)
        Kind("on-prem", "license from a server of their own", 10, affected[:5], own_server),
        Kind("policy", "license by policy", 6, new[1:], {"built_in": both, "policy": True}),
        Kind("dialog", "lack the root and refuse rpc ca-authenticate", 8, affected[:4], no_rpc),
        Kind("console", "lack the root and have no model of trustpoints", 4, ("6.6.3 asr9k-x64", "6.6.3 ncs5500")),
        Kind("wrong-root", "take another root in its place", 1, ("7.5.1 ncs5500",), wrong_root),
        Kind("no-way", "lack the root, refuse the rpc and have no CLI", 1, ("7.4.1 ncs540",), {**no_rpc, "ssh": False}),
        Kind("unreachable", "answer nothing", 2, ("7.3.2 asr9k-x64",), {"reachable": False, "ssh": False}),
    )


def mix(number: int, like: Persona) -> list[Member]:
    """*number* devices of every kind; what a kind does not say is as of *like*, release and platform aside."""
    hundred = []
    for kind in kinds():
        for n in range(kind.share):
            release, platform = kind.likes[n % len(kind.likes)].split()
            hundred.append((kind.name, replace(like, release=release, platform=platform, **kind.differs)))
    return [Member(name, *hundred[n * _STRIDE % 100]) for n, name in enumerate(_names(number))]


def alike(number: int, persona: Persona) -> list[Member]:
    """*number* devices of one persona."""
    return [Member(name, "alike", persona) for name in _names(number)]


def _names(number: int) -> list[str]:
    width = max(4, len(str(number)))
    return [f"r{n:0{width}}" for n in range(1, number + 1)]
