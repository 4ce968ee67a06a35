"""What the tests look for in a recording."""

from __future__ import annotations

from typing import Any

from agent.model.telemetry.direction import Direction
from agent.recording.events import Message, Passed, Terminal
from agent.recording.reading import Recording


def typed(found: Recording) -> list[str]:
    sent = [event for event in found.events if isinstance(event, Terminal) and event.direction is Direction.SENT]
    return [event.data.decode().rstrip("\n") for event in sent]


def of(found: Recording, kind: type[Passed]) -> list[Any]:
    return [event for event in found.events if isinstance(event, kind)]


def said(event: Passed) -> bytes:
    match event:
        case Terminal():
            return event.data
        case Message():
            return event.text.encode()
    return b""
