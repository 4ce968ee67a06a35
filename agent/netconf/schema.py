"""Which nodes a device has; payloads checked before they are sent, replies decoded to typed values.

yangson validates and decodes; pyang resolves what a device sends by get-schema. Both are imported when first needed.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import shutil
import tempfile
import threading
import xml.etree.ElementTree as ET
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from agent.model.errors import AgentError, CapabilityMissing, SchemaError
from agent.netconf import library
from agent.netconf.capability import Capabilities
from agent.netconf.fetched import fetch_modules
from agent.netconf.library import Match, Variant
from agent.netconf.payload import NETCONF_NS, Element, qname, serialize

log = logging.getLogger(__name__)

_OPERATION = qname(NETCONF_NS, "operation")
_compiling = threading.Lock()


class Schema:
    """The models of one device, each resolved when first asked for.

    Args:
        capabilities: what its hello announced.
        release: its release, where it is known; tells variants apart that the hello cannot.
        strict: take a module that is not known exactly for one that is not there.
        fetch: get-schema, ``(module, revision) -> text``; None where the device does not offer it.
        prefer_device: ask the device even where ``yang/`` knows the revision.
    """

    def __init__(
        self,
        capabilities: Capabilities,
        *,
        release: str | None = None,
        strict: bool = False,
        fetch: Callable[[str, str], str] | None = None,
        prefer_device: bool = False,
        cache_dir: Path | None = None,
    ) -> None:
        self._capabilities = capabilities
        self._releases = frozenset((release,)) if release else library.possible_releases(capabilities)
        self._strict = strict
        self._fetch = fetch
        self._prefer_device = prefer_device
        self._cache_dir = cache_dir
        self._variants: dict[str, Variant | None] = {}
        self._refused: list[str] = []

    def variant(self, module: str) -> Variant | None:
        """The nodes of *module*; None where it is not announced, or not known exactly under ``strict``."""
        if module not in self._variants:
            try:
                self._variants[module] = self._resolve(module)
            except CapabilityMissing as error:
                self._variants[module] = None
                self._refused.append(error.message)
        return self._variants[module]

    def notes(self) -> list[str]:
        """What stands in for a module, or was refused by ``strict``, of those looked at so far; a sentence each."""
        standing = [
            f"{variant.module}@{variant.revision} is not known: the nearest older revision stands in"
            for variant in self._variants.values()
            if variant is not None and variant.match is Match.NEAREST
        ]
        return [*standing, *(f"{refusal}, and --strict-models is set" for refusal in self._refused)]

    def source(self, module: str) -> str:
        """Where readings through *module* come from, e.g. ``Cisco-IOS-XR-um-crypto-cfg@2021-04-02``."""
        variant = self.variant(module)
        return variant.source if variant else module

    def has(self, module: str, path: str) -> bool:
        """Whether the node at *path* (names separated by ``/``, no prefixes) is there; rpc input and output count."""
        variant = self.variant(module)
        return variant is not None and _find(_model(variant), path) is not None

    def validate(self, payload: Element, *, module: str) -> None:
        """Check configuration or the body of an rpc against the device's model.

        Nodes marked for removal are checked for existence only.

        Raises:
            SchemaError: with the path and what is wrong there; or the module is not the device's.
        """
        variant = self._required(module)
        seen = _digest(variant, payload)
        if seen in _valid:
            return
        _validate(variant, payload)
        if len(_valid) >= _MOST_VALID:
            _valid.clear()
        _valid.add(seen)

    def decode(self, data: Element, *, module: str) -> dict[str, Any]:
        """The children of *data* in *module*'s namespace as plain typed values, names without prefixes.

        Lists are lists even with one entry, integers int, yes/no enumerations str, booleans bool, empty leaves True,
        presence containers ``{}``. Under an ``<rpc-reply>`` the output of the rpc whose nodes fit is meant. Nodes that
        the model does not have are left out.

        Raises:
            SchemaError: a value that is not of its type; or the module is not the device's.
        """
        from yangson.exceptions import YangsonException

        variant = self._required(module)
        model = _model(variant)
        own = [child for child in data if _namespace(child) == variant.namespace]
        top: Any = model.schema
        if own and _child(top, _local(own[0])) is None:
            top = _output(top, _local(own[0])) or top
        wrapped = ET.Element("data")
        for child in own:
            _prune(child, top, wrapped)
        try:
            return dict(_plain(top.from_xml(wrapped)))
        except YangsonException as error:
            raise SchemaError(f"{variant.source} does not describe the reply: {error}") from error

    def _required(self, module: str) -> Variant:
        variant = self.variant(module)
        if variant is None:
            raise SchemaError(f"the device does not announce {module}")
        return variant

    def _resolve(self, module: str) -> Variant | None:
        announced = self._capabilities.module(module)
        if announced is None:
            return None
        revision = announced.revision
        paths = library.candidates(module, revision, self._releases) if revision else []
        if revision and len(paths) == 1 and not self._prefer_device:
            return library.exact(module, revision, paths[0])
        if self._fetch is not None and revision:
            try:
                path = fetch_modules(module, revision, self._fetch, self._capabilities, self._cache_dir)
                return Variant(module, revision, announced.namespace, path, Match.DEVICE)
            except AgentError as error:
                log.info("%s: get-schema did not help: %s", module, error.message)
        if revision and len(paths) == 1:
            return library.exact(module, revision, paths[0])
        return library.nearest(module, revision, strict=self._strict) if library.known(module) else None


_valid: set[bytes] = set()
"""Payloads that are valid, by digest, since a fleet is sent the same over and over; an invalid one is judged anew."""
_MOST_VALID = 4096
_DIGEST_KEY = os.urandom(32)


def _digest(variant: Variant, payload: Element) -> bytes:
    """Under a key of this process alone, since a payload may hold a secret."""
    digest = hashlib.blake2b(serialize(payload), digest_size=32, key=_DIGEST_KEY)
    digest.update(f"{variant.module} {variant.path}".encode())
    return digest.digest()


def _validate(variant: Variant, payload: Element) -> None:
    from yangson.enumerations import ContentType, ValidationScope
    from yangson.exceptions import YangsonException

    model, module, name = _model(variant), variant.module, _local(payload)
    node = _find(model, name)
    if node is None:
        raise SchemaError(f"{module} has no {name}")
    removed = ET.Element("removed")
    wrapped = ET.Element("payload")
    wrapped.append(_to_stdlib(payload, removed))
    top: Any = model.schema
    if _is_rpc(node):
        top, wrapped = _child(node, "input"), wrapped[0]
    try:
        _instance(model, top, wrapped).validate(ValidationScope.all, ContentType.all)
    except YangsonException as error:
        raise SchemaError(f"{module} does not allow it: {error}", hint="nothing was sent") from error
    for gone in removed:
        path = str(gone.get("path"))
        if _find(model, path) is None:
            raise SchemaError(f"{module} has no {path}", hint="nothing was sent")


def _model(variant: Variant) -> Any:
    """The compiled model of a variant; one for all devices that have it."""
    with _compiling:
        return _compile(variant.path, variant.module, variant.namespace)


@lru_cache(maxsize=128)
def _compile(path: Path, module: str, namespace: str) -> Any:
    from yangson import DataModel
    from yangson.exceptions import YangsonException

    folder = path.parent
    described = folder / "yang-library.json"
    try:
        if described.exists():  # a device's own modules, with what they import
            return DataModel(described.read_text(encoding="utf-8"), (str(folder),))
        revision = _revision_of(path)
        listed = json.dumps(
            {
                "ietf-yang-library:modules-state": {
                    "module-set-id": "",
                    "module": [
                        {"name": module, "revision": revision, "namespace": namespace, "conformance-type": "implement"}
                    ],
                }
            }
        )
        with tempfile.TemporaryDirectory(prefix="xr-agent-") as plain:
            # yangson finds a file by module@revision only; a second variant of a revision has another name.
            shutil.copy(path, Path(plain, f"{module}@{revision}.yang"))
            return DataModel(listed, (plain,))
    except (YangsonException, OSError, ValueError, KeyError) as error:
        raise SchemaError(f"{path.name} cannot be compiled: {error}") from error


def _revision_of(path: Path) -> str:
    found = re.search(r"^\s*revision\s+\"?(\d{4}-\d\d-\d\d)", path.read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        raise SchemaError(f"{path.name} has no revision statement")
    return found.group(1)


def _instance(model: Any, top: Any, wrapped: ET.Element) -> Any:
    from yangson.instance import RootNode

    cooked = top.from_xml(wrapped)
    return RootNode(cooked, top, model.schema_data, cooked.timestamp)


def _find(model: Any, path: str) -> Any:
    """The schema node at *path*, or None; choices and cases are passed through, as in data."""
    node = model.schema
    for name in path.strip("/").split("/"):
        node = _child(node, name)
        if node is None:
            return None
    return node


@lru_cache(maxsize=1 << 13)
def _child(node: Any, name: str) -> Any:
    for child in getattr(node, "children", ()):
        if _passed_through(child):
            found = _child(child, name)
            if found is not None:
                return found
        elif child.name == name:
            return child
    return None


def _passed_through(node: Any) -> bool:
    return type(node).__name__ in ("ChoiceNode", "CaseNode")


def _is_rpc(node: Any) -> bool:
    return type(node).__name__ == "RpcActionNode"


def _output(top: Any, name: str) -> Any:
    """The output node of the first rpc that has a child *name* there."""
    for rpc in top.children:
        if _is_rpc(rpc):
            output = _child(rpc, "output")
            if output is not None and _child(output, name) is not None:
                return output
    return None


def _local(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _namespace(element: Element) -> str:
    return str(element.tag).rpartition("}")[0].removeprefix("{")


def _to_stdlib(element: Element, removed: ET.Element, path: str = "") -> ET.Element:
    """The element for yangson; what an operation attribute removes goes to *removed* by its path."""
    path = f"{path}/{_local(element)}"
    copied = ET.Element(str(element.tag))
    copied.text = element.text if not len(element) else None
    for child in element:
        if child.get(_OPERATION) in ("remove", "delete"):
            ET.SubElement(removed, "node", path=f"{path}/{_local(child)}")
        else:
            copied.append(_to_stdlib(child, removed, path))
    return copied


def _prune(element: Element, parent: Any, into: ET.Element) -> None:
    """Copy what the schema below *parent* knows; the rest is what the part in ``yang/`` or an older variant lacks."""
    node = _child(parent, _local(element))
    if node is None:
        log.debug("left out: %s", element.tag)
        return
    copied = ET.SubElement(into, str(element.tag))
    copied.text = element.text if not len(element) else None
    for child in element:
        _prune(child, node, copied)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name).rpartition(":")[2]: _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    # yangson's value of type empty is (None,)
    return True if isinstance(value, tuple) else value
