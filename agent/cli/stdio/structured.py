"""stderr for machines (``--log-json``): every line that anybody writes there is a JSON object."""

from __future__ import annotations

import io
import json
import sys
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TextIO, cast

from agent.model.masking.text import neutralise

_OURS = "agent.cli"
About = Mapping[str, str | None]
"""Further members of an object, by their names."""
NOTHING: About = MappingProxyType({})


class JsonLines(io.TextIOBase):
    """A text stream over another, to which a line goes as an object: time, level, logger, message, what it is about.

    What is flushed without the end of its line is a question, and an object as well: its answer is typed below. Safe to
    use from several threads; the beginnings of lines are each thread's own.
    """

    encoding = "utf-8"
    errors = "backslashreplace"

    def __init__(self, below: TextIO) -> None:
        self._below, self._begun = below, threading.local()

    def say(
        self, level: str, message: str, about: About = NOTHING, *, logger: str = _OURS, time: float | None = None
    ) -> None:
        """Write an object; what of *about* is None stays out."""
        self._below.write(self.line(level, message, about, logger=logger, time=time))
        self._below.flush()

    def line(
        self, level: str, message: str, about: About = NOTHING, *, logger: str = _OURS, time: float | None = None
    ) -> str:
        """The same as text, ASCII with its line feed; *time* is in seconds since 1970, by default now."""
        when = datetime.now(UTC) if time is None else datetime.fromtimestamp(time, UTC)
        said = {"level": level, "logger": logger, "message": neutralise(message, lines=True)}
        known = {name: neutralise(value, lines=True) for name, value in about.items() if value is not None}
        return json.dumps({"time": when.isoformat(timespec="milliseconds"), **said, **known}) + "\n"

    def write(self, text: str, /) -> int:
        *lines, self._begun.text = (self._rest + text).split("\n")
        for line in lines:
            if line.strip():
                self.say("info", line.rstrip())
        return len(text)

    def flush(self) -> None:
        rest, self._begun.text = self._rest, ""
        if rest.strip():
            self.say("info", rest.strip())
        self._below.flush()

    @property
    def _rest(self) -> str:
        found: str = getattr(self._begun, "text", "")
        return found

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self._below.isatty()

    def fileno(self) -> int:
        return self._below.fileno()

    def close(self) -> None:
        """The stream below is somebody else's."""


def begin() -> None:
    """Make objects of all that goes to ``sys.stderr`` from now on."""
    if sys.stderr is not None and not isinstance(sys.stderr, JsonLines):  # there is none where it was closed
        sys.stderr = cast("TextIO", JsonLines(sys.stderr))
