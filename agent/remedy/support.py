"""What each known device, or a captured hello, allows: the same choice that a push makes, without a device."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cache
from typing import Any

from agent.model.errors import InputError, ProtocolError
from agent.model.local.resources import directory
from agent.model.state import Access
from agent.netconf.yang import yanglibrary
from agent.netconf.yang.capability import Capabilities
from agent.netconf.yang.library import known
from agent.netconf.yang.schema import Schema
from agent.remedy.access import access

# Captured files may hold a prompt or a second message around the hello.
_TAG = re.compile(rb"<(?P<end>/?)(?:[A-Za-z_][\w.-]{0,60}:)?hello\b[^<>]*>")
LARGEST = 4 * 1024 * 1024
"""Bytes of a file with a captured hello."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Devices that announce the same as far as it matters: ``RELEASE PLATFORM`` each, and what that allows."""

    devices: tuple[str, ...]
    access: Access


def kinds(release: str | None = None, platform: str | None = None, *, strict: bool = False) -> list[Kind]:
    """Every kind of device whose hello was captured, or those of *release* and *platform*.

    Raises:
        InputError: none was captured of that release or platform.
    """
    found = []
    for group in _hellos()["groups"]:
        named = tuple(name for name in group["hellos"] if _fits(name, release, platform))
        if named:
            found.append(Kind(named, _possible(_announced(group["modules"]), strict=strict)))
    if not found:
        raise _unknown(release, platform)
    return sorted(found, key=lambda kind: _number(kind.devices[0]))


def of_hello(hello: bytes, *, strict: bool = False) -> Access:
    """What the device that sent *hello* allows; the message may stand among other text.

    Raises:
        ProtocolError: there is no hello in it, or more than one.
    """
    if len(hello) > LARGEST:
        raise ProtocolError(f"more than {LARGEST} bytes are no hello")
    found = list(_messages(hello))
    if len(found) != 1:
        raise ProtocolError(f"there are {len(found)} hello messages in it, not one")
    capabilities = Capabilities.from_hello(found[0]).as_captured()
    if yanglibrary.needed(capabilities):
        capabilities = replace(capabilities, notes=(*capabilities.notes, yanglibrary.IN_LIBRARY))
    return _possible(capabilities, strict=strict)


def _messages(text: bytes) -> Iterator[bytes]:
    """Each hello in *text*, from its first tag to its last."""
    begun: int | None = None
    for tag in _TAG.finditer(text):
        if not tag["end"]:
            begun = tag.start() if begun is None else begun
        elif begun is not None:
            yield text[begun : tag.end()]
            begun = None


_answers: dict[tuple[object, ...], Access] = {}


def _possible(capabilities: Capabilities, *, strict: bool) -> Access:
    """The answer to what is announced; the same announcement of what matters has the same answer."""
    relevant = frozenset((name, one.revision) for name, one in capabilities.modules.items() if known(name))
    key = (relevant, capabilities.candidate, capabilities.validate, capabilities.empty, capabilities.notes, strict)
    if key not in _answers:
        _answers[key] = access(capabilities, Schema(capabilities, strict=strict))
    return _answers[key]


def _announced(modules: Mapping[str, str]) -> Capabilities:
    """A captured hello, of which only modules and revisions were kept."""
    namespaces = _namespaces()
    uris = (f"{namespaces.get(name, 'urn:' + name)}?module={name}&revision={day}" for name, day in modules.items())
    return Capabilities.from_uris(uris).as_captured()


@cache
def _hellos() -> Any:
    return json.loads((directory("yang") / "hellos.json").read_text(encoding="utf-8"))


@cache
def _namespaces() -> Mapping[str, str]:
    modules = json.loads((directory("yang") / "releases.json").read_text(encoding="utf-8"))["modules"]
    return {name: str(about["namespace"]) for name, about in modules.items()}


def _parts(name: str) -> tuple[str, str]:
    """Release and platform."""
    release, _, platform = name.partition(" ")
    return release, platform


def _fits(name: str, release: str | None, platform: str | None) -> bool:
    own_release, own_platform = _parts(name)
    return release in (None, own_release) and platform in (None, own_platform)


def _unknown(release: str | None, platform: str | None) -> InputError:
    captured = [_parts(name) for group in _hellos()["groups"] for name in group["hellos"]]
    for what, given, known_ones, cutoff in (
        ("release", release, {one for one, _ in captured}, 0.5),
        ("platform", platform, {one for _, one in captured}, 0.4),
    ):
        if given is not None and given not in known_ones:
            near = ", ".join(get_close_matches(given, sorted(known_ones), n=4, cutoff=cutoff))
            hint = f"did you mean {near}?" if near else "leave the option out to see all"
            return InputError(f"no hello of {what} {given} was captured", hint=hint)
    there = sorted(one for own, one in captured if own == release)
    return InputError(f"no hello of {release} on {platform} was captured", hint=f"captured: {', '.join(there)}")


def _number(name: str) -> tuple[list[int], str]:
    release, platform = _parts(name)
    return [int(part) for part in release.split(".")], platform
