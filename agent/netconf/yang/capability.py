"""What a device announces in its hello (RFC 6241 section 8.1): protocol capabilities and YANG modules."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from urllib.parse import parse_qs

from agent.model.errors import ProtocolError
from agent.netconf.payload import NETCONF_NS, parse, qname

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,127}")
REVISION = re.compile(r"\d{4}-\d\d-\d\d")
_CAPABILITY = "urn:ietf:params:netconf:capability"
_MONITORING = "ietf-netconf-monitoring"
_USUAL = ("candidate:1.0", "confirmed-commit:1.1", "rollback-on-error:1.0", "validate:1.1")
"""What a real router of any release lists besides base:1.1 and its modules."""
_ASSUMED = "the hello lists no protocol capabilities: those usual for IOS XR are assumed (docs/hardware.md, H39)"
_MOST_FIELDS = 20
_NO_GET_SCHEMA = "cisco-xr-ietf-netconf-monitoring-deviations"


@dataclass(frozen=True, slots=True)
class Module:
    """One YANG module as announced; ``revision`` is None where the hello gives none."""

    name: str
    revision: str | None
    namespace: str
    deviations: tuple[str, ...] = ()


@dataclass(frozen=True)
class Capabilities:
    """Everything one hello announces; ``modules`` by name, ``notes`` what stands in for what it lacks."""

    uris: frozenset[str]
    modules: Mapping[str, Module] = field(hash=False)
    notes: tuple[str, ...] = ()

    @classmethod
    def from_uris(cls, uris: Iterable[str]) -> Capabilities:
        """From capability URIs, blanks around them dropped; devices that announce the same share one value."""
        return _of(tuple(uris))

    @classmethod
    def from_hello(cls, hello: bytes | str) -> Capabilities:
        """From a ``<hello>`` message, prefixed or not.

        Raises:
            ProtocolError: it is no hello.
        """
        root = parse(hello)
        if root.tag != qname(NETCONF_NS, "hello"):
            raise ProtocolError(f"{root.tag!r} is no NETCONF hello")
        return cls.from_uris(str(element.text or "") for element in root.iter(qname(NETCONF_NS, "capability")))

    def as_captured(self) -> Capabilities:
        """With the protocol capabilities usual for IOS XR where a hello of modules only was captured; says so."""
        if self.empty or any(uri.startswith("urn:ietf:params:netconf:") for uri in self.uris):
            return self
        usual = {"urn:ietf:params:netconf:base:1.1", *(f"{_CAPABILITY}:{name}" for name in _USUAL)}
        return Capabilities(self.uris | usual, self.modules, (_ASSUMED,))

    def announces(self, capability: str) -> bool:
        """Whether the protocol capability *capability* is there, e.g. ``yang-library:1.1``."""
        return f"{_CAPABILITY}:{capability}" in _without_parameters(self.uris)

    @property
    def candidate(self) -> bool:
        """:candidate."""
        return self.announces("candidate:1.0")

    @property
    def confirmed_commit(self) -> bool:
        """:confirmed-commit 1.1, the version with persist."""
        return self.announces("confirmed-commit:1.1")

    @property
    def validate(self) -> bool:
        """:validate of either version."""
        return self.announces("validate:1.1") or self.announces("validate:1.0")

    @property
    def rollback_on_error(self) -> bool:
        """:rollback-on-error, without which no error-option of that name may be sent."""
        return self.announces("rollback-on-error:1.0")

    @property
    def empty(self) -> bool:
        """Whether no module is announced: nothing can be told of such a device."""
        return not self.modules

    @property
    def get_schema(self) -> bool:
        """Whether get-schema may be called: ietf-netconf-monitoring is there and not deviated away."""
        monitoring = self.modules.get(_MONITORING)
        return monitoring is not None and _NO_GET_SCHEMA not in monitoring.deviations

    def module(self, name: str) -> Module | None:
        """The module *name* as announced."""
        return self.modules.get(name)


@lru_cache(maxsize=64)
def _without_parameters(uris: frozenset[str]) -> frozenset[str]:
    return frozenset(uri.partition("?")[0] for uri in uris)


@lru_cache(maxsize=64)
def _of(uris: tuple[str, ...]) -> Capabilities:
    return _announced(frozenset(uri.strip() for uri in uris if uri and uri.strip()))


@lru_cache(maxsize=64)
def _announced(uris: frozenset[str]) -> Capabilities:
    # In order, so that of a module that is announced twice every process takes the same: the newest.
    modules = sorted(filter(None, map(_module, uris)), key=lambda one: (one.revision or "", one.name, one.namespace))
    return Capabilities(uris, MappingProxyType({module.name: module for module in modules}))


@lru_cache(maxsize=1 << 16)
def _module(uri: str) -> Module | None:
    namespace, _, query = uri.partition("?")
    try:
        given = parse_qs(query.replace("&amp;", "&"), max_num_fields=_MOST_FIELDS)
    except ValueError:
        return None  # RFC 6020 section 5.6.4 knows four fields; nobody who means a module writes that many
    if "module" not in given:
        return None
    return Module(
        name=given["module"][0],
        revision=given.get("revision", [None])[0],
        namespace=namespace,
        deviations=tuple(filter(None, ",".join(given.get("deviations", [])).split(","))),
    )
