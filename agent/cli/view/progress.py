"""Progress on stderr: a spinner on a terminal, else one plain line for each step that ended."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

from rich.status import Status as Spinner
from rich.text import Text

from agent.cli.view.render import cell, word
from agent.cli.view.streams import errors
from agent.fleet.report.shown import LEGACY
from agent.model.errors import AgentError
from agent.model.masking.text import neutralise
from agent.model.outcome import Event, Status


class Progress:
    """Says each event once; safe to use from several threads."""

    def __init__(self) -> None:
        self._console = errors()
        self._running: dict[str, str] = {}
        self._lock = threading.Lock()
        self._spinner = Spinner("", console=self._console) if self._console.is_terminal else None

    def say(self, device: str, text: str) -> None:
        """What is under way on *device*; shown until the next thing is."""
        with self._lock:
            self._running[device] = text
            self._refresh()

    def event(self, event: Event) -> None:
        """A step that began goes into the spinner, one that ended gets its line; the event of the outcome neither."""
        if event.outcome is not None:
            self.finished(event.device)
        elif event.status is Status.STARTED and event.step != "lease":
            self.say(event.device, " ".join(filter(None, (event.step, event.detail))))
        else:
            line = _line(event.device, event.step, event.status, event.detail)
            with self._lock:
                self._console.print(line, soft_wrap=not self._console.is_terminal)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """No spinner while the block lasts, which asks something."""
        self.__exit__(None, None, None)
        try:
            yield
        finally:
            self.__enter__()

    def finished(self, device: str) -> None:
        """Nothing is under way on *device* any more."""
        with self._lock:
            self._running.pop(device, None)
            self._refresh()

    def _refresh(self) -> None:
        if self._spinner is not None:
            busy = (f"{device}: {text}" for device, text in sorted(self._running.items()))
            self._spinner.update(Text(neutralise(" · ".join(busy)), no_wrap=True, overflow="ellipsis"))

    def __enter__(self) -> Self:
        if self._spinner is not None:
            self._spinner.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._spinner is not None:
            self._spinner.stop()


def say_legacy(device: str, *, legacy: bool) -> None:
    """Say by which SSH algorithms it was reached, where they are *legacy* ones."""
    if legacy:
        errors().print(Text.assemble(cell(f"{device}: ", "bold"), cell(LEGACY, "yellow")), soft_wrap=True)


def say_wait(device: str, error: AgentError, seconds: float) -> None:
    """Say that *device* refuses sessions for now and is asked again in *seconds*; a running spinner stays below."""
    screen = errors()
    said = f"{error.message}; rate limit: trying again in {seconds:.0f} s"
    screen.print(_line(device, "connect", Status.RETRY, said), soft_wrap=not screen.is_terminal)


def _line(device: str, step: str, status: Status, detail: str) -> Text:
    said = word(status)
    said.pad_right(max(0, 7 - len(said)))
    parts = [cell(f"{device:<10}", "bold"), cell(f"{step:<15}"), said]
    if detail:
        parts.append(cell(detail, "dim"))
    return Text(" ").join(parts)
