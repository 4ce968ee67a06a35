"""What kind of device a simulated one is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

from agent.model.anchor import TrustAnchor
from agent.model.errors import InputError
from agent.model.resources import directory

TerminalRpc = Literal["ok-without-certificate", "refused", "installs"]

BASE = "urn:ietf:params:netconf:base"
_PROTOCOL = tuple(
    f"urn:ietf:params:netconf:capability:{name}"
    for name in ("candidate:1.0", "confirmed-commit:1.1", "rollback-on-error:1.0", "validate:1.1")
)
_MONITORING = "urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring?module=ietf-netconf-monitoring&revision=2010-10-04"
_NO_GET_SCHEMA = "&deviations=cisco-xr-ietf-netconf-monitoring-deviations"


@dataclass(frozen=True)
class ModuleFile:
    """A module as one release has it."""

    name: str
    revision: str
    namespace: str
    path: Path


@dataclass(frozen=True)
class Persona:
    """A device's release and what it is like when the simulation begins.

    Attributes:
        terminal_rpc: what rpc ca-authenticate does under terminal enrollment. No source says what a router does;
            ``installs`` is an assumption.
        installs: the PEM that a successful authentication brings.
        enrollment: the enrollment configured under Trustpool (``terminal`` or a URL); None for no trustpoint.
        certificate: the PEM that trustpoint Trustpool holds.
        registration, authorization, transport, url: of the licensing agent.
        contact: whether the licensing server trusts work before anything is done; None: as the root decides.
        pad_hello: how many capabilities the hello lists at least; real ones list up to about 1,100.
        no_get_schema: announce the deviation by which get-schema is not supported.
        candidate: whether :candidate is announced.
        grants_dirty_lock: grant the lock of a candidate that somebody left changed, against RFC 6241.
    """

    release: str = "7.8.1"
    terminal_rpc: TerminalRpc = "ok-without-certificate"
    installs: str = field(default_factory=lambda: TrustAnchor.bundled().pem, repr=False)
    enrollment: str | None = None
    certificate: str | None = field(default=None, repr=False)
    registration: str = "complete"
    authorization: str = "authorized"
    transport: str = "callhome"
    url: str = "https://tools.cisco.com/its/service/oddce/services/DDCEService"
    contact: bool | None = None
    fixes: tuple[str, ...] = ()
    base_11: bool = True
    pad_hello: int = 0
    no_get_schema: bool = False
    candidate: bool = True
    grants_dirty_lock: bool = False
    latency: float = 0.0

    def __post_init__(self) -> None:
        if self.release not in _index()["releases"]:
            raise InputError(f"release {self.release} is not known", hint="see the releases in yang/releases.json")

    @property
    def modules(self) -> Mapping[str, ModuleFile]:
        """The modules of this release, by name."""
        return _modules(self.release)

    def capabilities(self) -> list[str]:
        """What the hello announces."""
        listed = [f"{BASE}:1.0", *([f"{BASE}:1.1"] if self.base_11 else []), *_PROTOCOL]
        if not self.candidate:
            listed = [uri for uri in listed if ":candidate:" not in uri and ":confirmed" not in uri]
        listed.append(_MONITORING + (_NO_GET_SCHEMA if self.no_get_schema else ""))
        listed += [f"{one.namespace}?module={one.name}&revision={one.revision}" for one in self.modules.values()]
        for number in range(self.pad_hello - len(listed)):
            name = f"Cisco-IOS-XR-padding-{number:04d}-oper"
            listed.append(f"http://cisco.com/ns/yang/{name}?module={name}&revision=2015-11-09")
        return listed


def releases() -> list[str]:
    """Every release there is a persona for, oldest first."""
    return list(_index()["releases"])


@cache
def _index() -> Any:
    return json.loads((directory("yang") / "releases.json").read_text(encoding="utf-8"))


@cache
def _modules(release: str) -> Mapping[str, ModuleFile]:
    found = {}
    for name, about in _index()["modules"].items():
        for file, revisions in about["files"].items():
            for revision, on in revisions.items():
                if release in on:
                    found[name] = ModuleFile(name, revision, str(about["namespace"]), directory("yang") / file)
    return found
