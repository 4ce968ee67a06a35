"""Which nodes a device has; payloads checked before they are sent, replies decoded to typed values.

yangson validates and decodes; pyang resolves what a device sends by get-schema. Both are imported when first needed.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.model.errors import AgentError, SchemaError
from agent.netconf.payload import Element, Payload, parse, payload_of
from agent.netconf.yang import library
from agent.netconf.yang.capability import Capabilities
from agent.netconf.yang.fetched import fetch_modules
from agent.netconf.yang.library import Match, Variant

if TYPE_CHECKING:
    from agent.netconf.yang.compiled import Model

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Findings:
    """What decoding found beside values: sentences, and whether the data had elements of the module, or others."""

    notes: list[str] = field(default_factory=list)
    own: bool = False
    foreign: bool = False


_findings: ContextVar[Findings | None] = ContextVar("agent_schema_findings", default=None)


@contextmanager
def findings() -> Iterator[Findings]:
    """Collect what :meth:`Schema.decode` finds in this thread, while the block lasts."""
    found = Findings()
    token = _findings.set(found)
    try:
        yield found
    finally:
        _findings.reset(token)


class Schema:
    """The models of one device, each resolved when first asked for.

    Args:
        capabilities: what its hello announced.
        release: its release, where it is known; tells variants apart that the hello cannot.
        strict: take a module that is not known exactly for one that is not there.
        fetch: get-schema, ``(module, revision) -> text``; None where the device does not offer it.
    """

    def __init__(
        self,
        capabilities: Capabilities,
        *,
        release: str | None = None,
        strict: bool = False,
        fetch: Callable[[str, str], str] | None = None,
        cache_dir: Path | None = None,
    ) -> None:
        self._capabilities = capabilities
        self._releases = frozenset((release,)) if release else library.possible_releases(capabilities)
        self._strict = strict
        self._fetch = fetch
        self._cache_dir = cache_dir
        self._variants: dict[str, Variant | None] = {}
        self._models: dict[str, Model] = {}
        self._refused: dict[str, str] = {}
        self._notes: dict[str, str] = {}

    def variant(self, module: str) -> Variant | None:
        """The nodes of *module*; None where it is not announced, or not known exactly under ``strict``."""
        if module not in self._variants:
            self._variants[module] = self._resolve(module)
        return self._variants[module]

    def refused(self, module: str) -> str | None:
        """Why ``strict`` takes *module* for one that is not there; None where it does not."""
        self.variant(module)
        return self._refused.get(module)

    def notes(self) -> list[str]:
        """What stands in for a module, or was refused by ``strict``, of those looked at so far; a sentence each."""
        return [*self._notes.values(), *self._refused.values()]

    def source(self, module: str) -> str:
        """Where readings through *module* come from, e.g. ``Cisco-IOS-XR-um-crypto-cfg@2021-04-02``."""
        variant = self.variant(module)
        return variant.source if variant else module

    def has(self, module: str, path: str) -> bool:
        """Whether the node at *path* (names separated by ``/``, no prefixes) is there; rpc input and output count."""
        variant = self.variant(module)
        return variant is not None and self._model(variant).find(path) is not None

    def longest(self, module: str, path: str) -> int | None:
        """The most characters that the string at *path* may have; None where there is no bound, or no such node."""
        variant = self.variant(module)
        return None if variant is None else self._model(variant).longest(path)

    def validate(self, payload: Element | Payload, *, module: str) -> None:
        """Check configuration or the body of an rpc against the device's model.

        Nodes marked for removal are checked for existence only.

        Raises:
            SchemaError: with the path and what is wrong there; or the module is not the device's.
        """
        variant = self._required(module)
        text = payload_of(payload)
        seen = _digest(variant, text)
        if seen in judged_valid:
            return
        self._model(variant).validate(parse(payload) if isinstance(payload, Payload) else payload)
        if len(judged_valid) >= MOST_VALID:
            judged_valid.clear()
        judged_valid.add(seen)

    def decode(self, data: Element, *, module: str) -> dict[str, Any]:
        """The children of *data* in *module*'s namespace as plain typed values, names without prefixes.

        Lists are lists even with one entry, integers int, yes/no enumerations str, booleans bool, empty leaves True,
        presence containers ``{}``. Under an ``<rpc-reply>`` the output of the rpc whose nodes fit is meant. Nodes that
        the model does not have are left out. A leaf that is no value of its type is an
        :class:`agent.model.state.Unreadable`, and said in the :func:`findings`.

        Raises:
            SchemaError: the module is not the device's.
        """
        from agent.netconf.yang.decoding import decoded

        variant = self._required(module)
        found = _findings.get() or Findings()
        note = self._notes.get(module)
        if note and note not in found.notes:
            found.notes.append(note)
        tree, notes = decoded(self._model(variant), data)
        found.notes += notes
        found.own = found.own or bool(tree)
        found.foreign = found.foreign or (not tree and len(data) > 0)
        return tree

    def _model(self, variant: Variant) -> Model:
        """The compiled model of a variant; one for all devices that have it."""
        model = self._models.get(variant.module)
        if model is None:
            from agent.netconf.yang import compiled

            model = self._models[variant.module] = compiled.model(variant)
        return model

    def _required(self, module: str) -> Variant:
        variant = self.variant(module)
        if variant is None:
            announced = self._capabilities.module(module) is not None
            why = self._notes.get(module) or self._refused.get(module) or f"{module} is not known"
            raise SchemaError(why if announced else f"the device does not announce {module}")
        return variant

    def _resolve(self, module: str) -> Variant | None:
        announced = self._capabilities.module(module)
        if announced is None:
            return None
        revision = announced.revision
        exact = library.exact(module, revision, self._releases) if revision else None
        if exact is not None:
            return exact
        unhelped = ""
        if self._fetch is not None and revision:
            try:
                path = fetch_modules(module, revision, self._fetch, self._capabilities, self._cache_dir)
                variant = Variant(module, revision, announced.namespace, path, Match.DEVICE)
                self._model(variant)
                return variant
            except AgentError as error:
                unhelped = f"cannot be used: {error.message}"
                self._notes[module] = f"the device's own {module} {unhelped}"
                log.info("%s: get-schema did not help: %s", module, error.message)
        if not library.known(module):
            return None
        if self._strict:
            self._refused[module] = f"{library.inexact(module, revision)}, and --strict-models is set"
            return None
        variant = library.nearest(module, revision)
        self._notes[module] = f"{variant.note}; the device's own {unhelped}" if unhelped else variant.note
        return variant


judged_valid: set[bytes] = set()
"""Payloads that are valid, by digest, since a fleet is sent the same over and over; an invalid one is judged anew."""
MOST_VALID = 4096
_DIGEST_KEY = os.urandom(32)


def _digest(variant: Variant, payload: Payload) -> bytes:
    """Under a key of this process alone, since a payload may hold a secret."""
    digest = hashlib.blake2b(payload.encode(), digest_size=32, key=_DIGEST_KEY)
    digest.update(f"{variant.module} {variant.path}".encode())
    return digest.digest()
