"""The modules of a device whose hello leaves them to its yang-library (RFC 7950 section 5.6.4, RFC 8525, RFC 7895)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache
from urllib.parse import quote

from agent.model.errors import AgentError
from agent.netconf.payload import Element, qname, template
from agent.netconf.yang.capability import NAME, REVISION, Capabilities
from agent.netconf.yang.library import known

IN_LIBRARY = "the hello leaves YANG modules to the device's yang-library, which only the device can be asked for"

_NS = "urn:ietf:params:xml:ns:yang:ietf-yang-library"
_FILTERS = {"yang-library:1.1": "filter-yang-library", "yang-library:1.0": "filter-modules-state"}
_KINDS = frozenset(("cfg", "act", "oper"))


@lru_cache(maxsize=64)
def needed(capabilities: Capabilities) -> bool:
    """Whether the device keeps a yang-library, and its hello lacks known modules of configuration, actions or state.

    A router lists all that it has. A server of YANG 1.1 lists at most its modules of YANG 1.
    """
    listed = {name.rpartition("-")[2] for name in capabilities.modules if known(name)}
    return _filter(capabilities) is not None and not listed >= _KINDS


def followed(read: Callable[[Element], Element | None], hello: Capabilities) -> Capabilities:
    """*hello* with the modules of the device's yang-library, as if it had announced them.

    *read* sends the one ``<get>`` and gives its ``<data>``. Where that cannot be read, the notes say why.
    """
    subtree = _filter(hello)
    if subtree is None:
        return hello
    body = template("get")
    body[-1].append(template(subtree))
    try:
        data = read(body)
    except AgentError as error:
        return _noted(hello, error.message)
    found = frozenset() if data is None else frozenset(_uris(data, hello))
    if not found:
        return _noted(hello, "it lists no module")
    return Capabilities.from_uris(hello.uris | found)


def _filter(capabilities: Capabilities) -> str | None:
    return next((name for version, name in _FILTERS.items() if capabilities.announces(version)), None)


def _noted(hello: Capabilities, why: str) -> Capabilities:
    said = f"the hello leaves YANG modules to the device's yang-library, which could not be read: {why}"
    return replace(hello, notes=(*hello.notes, said))


def _uris(data: Element, hello: Capabilities) -> Iterator[str]:
    """The capability URI of each module that the hello does not list, and of each submodule, which get-schema needs.

    What is only imported has no data of its own on the device, so it counts only where it is none that matters here.
    """
    implemented: dict[str, Element] = {}
    types: dict[str, Element] = {}
    for entry in data.iter(qname(_NS, "module"), qname(_NS, "import-only-module")):
        name = _leaf(entry, "name")
        if entry.tag == qname(_NS, "module") and _leaf(entry, "conformance-type") != "import":
            implemented[name] = entry
        elif not known(name) and (name not in types or _revision(entry) > _revision(types[name])):
            types[name] = entry
    for name, entry in {**types, **implemented}.items():
        namespace = _leaf(entry, "namespace")
        if namespace and "?" not in namespace and hello.module(name) is None:
            yield from _announced(name, namespace, entry)


def _announced(name: str, namespace: str, entry: Element) -> Iterator[str]:
    if not NAME.fullmatch(name):
        return
    fields = [f"module={name}", *([f"revision={_revision(entry)}"] if _revision(entry) else [])]
    if deviations := _deviations(entry):
        fields.append(f"deviations={quote(','.join(deviations), safe=',')}")
    yield f"{namespace}?{'&'.join(fields)}"
    for submodule in entry.iterfind(qname(_NS, "submodule")):
        yield from _announced(_leaf(submodule, "name"), namespace, submodule)


def _deviations(entry: Element) -> list[str]:
    """Their names: a leaf each in RFC 8525, a list with name and revision in RFC 7895."""
    found = entry.iterfind(qname(_NS, "deviation"))
    return [text for one in found if (text := _leaf(one, "name") or (one.text or "").strip())]


def _revision(entry: Element) -> str:
    """Of RFC 7895 the empty text where a module has none; whatever else is no date counts as none."""
    text = _leaf(entry, "revision")
    return text if REVISION.fullmatch(text) else ""


def _leaf(entry: Element, name: str) -> str:
    text: str | None = entry.findtext(qname(_NS, name))
    return (text or "").strip()
