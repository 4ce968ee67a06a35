"""The YANG library of a device: yang-library (RFC 8525) and the older modules-state (RFC 7895)."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from urllib.parse import parse_qs

from lxml import etree

from agent.simulator.personas.persona import Persona

_NS = "urn:ietf:params:xml:ns:yang:ietf-yang-library"
_DATASTORES = "urn:ietf:params:xml:ns:yang:ietf-datastores"
_CAPABILITY = "urn:ietf:params:netconf:capability:yang-library"
_IMPORTED = {
    "name": "ietf-inet-types",
    "revision": "2013-07-15",
    "namespace": "urn:ietf:params:xml:ns:yang:ietf-inet-types",
}
"""A module that others only import: it has no data of its own."""
_REVISIONS = {"1.0": "2016-06-21", "1.1": "2019-01-04"}


def trees(persona: Persona) -> list[etree._Element]:
    """The top-level elements; an RFC 8525 server has both, and a device that lists its modules in the hello none."""
    match persona.behaviour.library:
        case "1.1":
            return [_yang_library(persona), _modules_state(persona)]
        case "1.0":
            return [_modules_state(persona)]
    return []


def capabilities(persona: Persona) -> list[str]:
    """What the hello announces: the protocol's capabilities and the library in place of the modules."""
    listed = persona.capabilities()
    version = persona.behaviour.library
    if version is None:
        return listed
    name = "content-id" if version == "1.1" else "module-set-id"
    library = f"{_CAPABILITY}:{version}?revision={_REVISIONS[version]}&{name}={_content_id(persona)}"
    return [*(uri for uri in listed if "?module=" not in uri), library]


@lru_cache(maxsize=64)
def _content_id(persona: Persona) -> str:
    return hashlib.sha256("\n".join(persona.capabilities()).encode()).hexdigest()[:16]


@lru_cache(maxsize=64)
def _modules(persona: Persona) -> list[dict[str, list[str]]]:
    """Each module's leaves, as both libraries name them; of a module's several revisions the last."""
    found: dict[str, dict[str, list[str]]] = {}
    for uri in persona.capabilities():
        namespace, _, query = uri.partition("?")
        given = parse_qs(query)
        if "module" in given:
            found[given["module"][0]] = {
                "name": given["module"],
                "revision": given.get("revision", []),
                "namespace": [namespace],
                "feature": ",".join(given.get("features", [])).split(","),
                "deviation": ",".join(given.get("deviations", [])).split(","),
            }
    return list(found.values())


def _top(name: str) -> etree._Element:
    return etree.Element(f"{{{_NS}}}{name}", nsmap={None: _NS, "ds": _DATASTORES})  # type: ignore[dict-item] # None is the default


def _add(parent: etree._Element, name: str, text: str | None = None) -> etree._Element:
    element = etree.SubElement(parent, f"{{{_NS}}}{name}")
    element.text = text
    return element


def _yang_library(persona: Persona) -> etree._Element:
    library = _top("yang-library")
    module_set = _add(library, "module-set")
    _add(module_set, "name", "complete")
    for about in _modules(persona):
        module = _add(module_set, "module")
        for leaf, values in about.items():
            for value in filter(None, values):
                _add(module, leaf, value)
    imported = _add(module_set, "import-only-module")
    for leaf, value in _IMPORTED.items():
        _add(imported, leaf, value)
    schema = _add(library, "schema")
    _add(schema, "name", "complete")
    _add(schema, "module-set", "complete")
    for name in ("running", "candidate", "operational"):
        datastore = _add(library, "datastore")
        _add(datastore, "name", f"ds:{name}")
        _add(datastore, "schema", "complete")
    _add(library, "content-id", _content_id(persona))
    return library


def _modules_state(persona: Persona) -> etree._Element:
    state = _top("modules-state")
    _add(state, "module-set-id", _content_id(persona))
    for about in _modules(persona):
        module = _add(state, "module")
        for leaf in ("name", "revision", "namespace", "feature"):
            for value in filter(None, about[leaf]):
                _add(module, leaf, value)
        for name in filter(None, about["deviation"]):
            deviation = _add(module, "deviation")
            _add(deviation, "name", name)
            _add(deviation, "revision", "")
        _add(module, "conformance-type", "implement")
    imported = _add(state, "module")
    for leaf, value in _IMPORTED.items():
        _add(imported, leaf, value)
    _add(imported, "conformance-type", "import")
    return state
