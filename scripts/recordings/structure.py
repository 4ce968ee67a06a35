"""How what a router says is built: which elements and fields there are, whatever stands in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from lxml import etree

from agent.model.telemetry.direction import Direction
from agent.recording.events import Message
from agent.recording.reading import Recording
from agent.simulator.replay.meaning import NoRequest, of_rpc

_ID = re.compile(r'message-id="([^"]*)"')
_PARSER = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)


def elements(recording: Recording) -> set[str]:
    """The elements in what was answered to reads, as paths behind the module."""
    found: set[str] = set()
    reads: dict[tuple[int, str], bool] = {}
    for event in recording.events:
        if not isinstance(event, Message):
            continue
        if event.direction is Direction.SENT:
            reads.update(_read(event))
            continue
        answers = _ID.search(event.text)
        if answers and reads.get((event.session, answers[1])):
            root = etree.fromstring(event.text.encode(), _PARSER)
            found.update(path for data in root for one in data for path in _paths(one, ""))
    return found


def _read(event: Message) -> Iterator[tuple[tuple[int, str], bool]]:
    try:
        message_id, asked = of_rpc(event.text)
    except NoRequest:
        return
    yield (event.session, message_id or ""), asked.reads


def _paths(element: Any, above: str) -> Iterator[str]:
    if not isinstance(element.tag, str):
        return
    name = etree.QName(element)
    path = f"{above}/{name.localname}" if above else f"{str(name.namespace).rpartition('/')[2]} {name.localname}"
    yield path
    for one in element:
        yield from _paths(one, path)


def fields(value: Any, above: str = "") -> set[str]:
    """The members of JSON that say something, as paths."""
    if isinstance(value, dict):
        return {path for name, one in value.items() for path in fields(one, f"{above}.{name}".lstrip("."))}
    if isinstance(value, list):
        return {path for one in value for path in fields(one, above)}
    return set() if value is None else {above}
