"""The YANG library of a device: yang-library (RFC 8525) and the older modules-state (RFC 7895)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import parse_qs

from agent.simulator.personas.persona import Persona

Tree = Mapping[str, object]
"""What an element contains, by name: text, a tree, or a list of either."""

LIBRARY = "urn:ietf:params:xml:ns:yang:ietf-yang-library"
DATASTORES = "urn:ietf:params:xml:ns:yang:ietf-datastores"
_CAPABILITY = "urn:ietf:params:netconf:capability:yang-library"
_IMPORTED = {
    "name": "ietf-inet-types",
    "revision": "2013-07-15",
    "namespace": "urn:ietf:params:xml:ns:yang:ietf-inet-types",
}
"""A module that others only import: it has no data of its own."""
_REVISIONS = {"1.0": "2016-06-21", "1.1": "2019-01-04"}


def library_trees(persona: Persona) -> dict[str, Tree]:
    """The top-level nodes; an RFC 8525 server has both, and a device that lists its modules in the hello none."""
    match persona.behaviour.library:
        case "1.1":
            return {"yang-library": _yang_library(persona), "modules-state": _modules_state(persona)}
        case "1.0":
            return {"modules-state": _modules_state(persona)}
    return {}


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
                "feature": _words(given, "features"),
                "deviation": _words(given, "deviations"),
            }
    return list(found.values())


def _words(given: Mapping[str, list[str]], key: str) -> list[str]:
    return [word for value in given.get(key, []) for word in value.split(",") if word]


def _yang_library(persona: Persona) -> Tree:
    return {
        "module-set": {"name": "complete", "module": _modules(persona), "import-only-module": _IMPORTED},
        "schema": {"name": "complete", "module-set": "complete"},
        "datastore": [{"name": f"ds:{name}", "schema": "complete"} for name in ("running", "candidate", "operational")],
        "content-id": _content_id(persona),
    }


def _modules_state(persona: Persona) -> Tree:
    modules: list[Tree] = [
        {
            **about,
            "deviation": [{"name": name, "revision": ""} for name in about["deviation"]],
            "conformance-type": "implement",
        }
        for about in _modules(persona)
    ]
    imported = {**_IMPORTED, "conformance-type": "import"}
    return {"module-set-id": _content_id(persona), "module": [*modules, imported]}
