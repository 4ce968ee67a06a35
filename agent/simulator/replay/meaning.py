"""What a request means, whatever its bytes: the same meaning has the same key."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from lxml import etree

Key: TypeAlias = tuple[Any, ...]

BASE = "urn:ietf:params:xml:ns:netconf:base:1.0"
FRESH = re.compile(r"xr-agent-[0-9a-f]{32}")
"""A name that the agent makes up for one push: of a file, of a commit on trial."""
_ANY = "xr-agent-*"
_READS = frozenset(("get", "get-config", "get-data", "get-schema", "validate"))
_HARMLESS = frozenset(("lock", "unlock", "close-session", "kill-session"))
_PREFIXED = re.compile(r"([A-Za-z_][\w.-]*):([A-Za-z_][\w.-]*)")
_SHOWS = re.compile(r"(?:(?:admin|do) )*(?:show|dir|more|terminal|exit|end|abort)\b")
_LONGEST = 120
_PARSER = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True)


@dataclass(frozen=True, slots=True)
class Asked:
    """One request.

    Attributes:
        label: how messages call it.
        reads: it may be answered again and again; changes: what is read behind it may be something else than before.
        fresh: the names in it that were made up, in their order.
    """

    key: Key
    label: str
    reads: bool = False
    changes: bool = False
    fresh: tuple[str, ...] = ()


class NoRequest(ValueError):
    """It is no rpc."""


def of_rpc(text: str) -> tuple[str | None, Asked]:
    """The message-id of an ``<rpc>``, and what it means.

    Prefixes, the order of siblings, comments, blanks around values and the attributes of ``<rpc>`` mean nothing.

    Raises:
        NoRequest: it is none.
    """
    try:
        rpc = etree.fromstring(text.encode(), _PARSER)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise NoRequest(f"what was sent is no request: {error}") from error
    body = next(_elements(rpc), None)
    if rpc.tag != f"{{{BASE}}}rpc" or body is None:
        raise NoRequest("what was sent is no request: it is no rpc")
    name = etree.QName(body).localname
    reads = name in _READS
    changes = not reads and name not in _HARMLESS
    found = Asked(_canonical(body), _label(body), reads, changes, tuple(FRESH.findall(text)))
    return rpc.get("message-id"), found


def of_line(line: str) -> Asked:
    """What a line typed at the CLI means."""
    words = " ".join(line.split())
    shown = words if len(words) <= _LONGEST else f"{words[:_LONGEST]}…"
    reads = _SHOWS.match(words) is not None
    return Asked(("cli", FRESH.sub(_ANY, words)), f"'{shown}'", reads, not reads, tuple(FRESH.findall(words)))


def of_files(request: str, path: str) -> Asked:
    """What one request over SFTP means."""
    reads = request in ("stat", "list", "read")
    return Asked(
        (request, FRESH.sub(_ANY, path)), f"SFTP {request} {path}", reads, not reads, tuple(FRESH.findall(path))
    )


def _elements(parent: Any) -> Iterator[Any]:
    return (one for one in parent if isinstance(one.tag, str))


def _canonical(element: Any) -> Key:
    inner = sorted(_canonical(one) for one in _elements(element))
    text = "" if inner else FRESH.sub(_ANY, _value("".join(element.itertext()).strip(), element))
    attributes = tuple(sorted((name, _value(value.strip(), element)) for name, value in element.attrib.items()))
    return (element.tag, attributes, text, tuple(inner))


def _value(text: str, element: Any) -> str:
    """A value, with the namespace in place of its prefix where it has one that is declared."""
    named = _PREFIXED.fullmatch(text)
    namespace = element.nsmap.get(named[1]) if named else None
    return f"{{{namespace}}}{named[2]}" if named and namespace else text


def _label(body: Any) -> str:
    """The operation, its datastore, and the model with the path down to where the request branches."""
    name, words = etree.QName(body).localname, []
    for what in ("source", "target"):
        found = next((one for one in _elements(body) if etree.QName(one).localname == what), None)
        store = None if found is None else next(_elements(found), None)
        words += [] if store is None else [etree.QName(store).localname]
    of_base = etree.QName(body).namespace == BASE
    holders = (
        [one for one in _elements(body) if etree.QName(one).localname in ("filter", "config")] if of_base else [[body]]
    )
    top = next((one for holder in holders for one in _elements(holder)), None)
    if top is not None:
        words += [str(etree.QName(top).namespace).rpartition("/")[2].removeprefix("urn:ietf:params:xml:ns:yang:")]
        words += [] if top is body else ["/".join(_path(top))]
    label = " ".join([name, *words])
    return label if len(label) <= _LONGEST else f"{label[:_LONGEST]}…"


def _path(element: Any) -> Iterator[str]:
    while True:
        yield etree.QName(element).localname
        inner = list(_elements(element))
        if len(inner) != 1:
            return
        (element,) = inner
