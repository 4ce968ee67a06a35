"""Progress on stderr: a spinner on a terminal, else one plain line for each step that ended."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

from rich.console import Console
from rich.status import Status as Spinner
from rich.text import Text

from agent.cli.view.render import cell, word
from agent.cli.view.streams import errors, progress, tell
from agent.fleet.report.shown import LEGACY
from agent.model.errors import AgentError
from agent.model.masking.text import neutralise
from agent.model.outcome import Event, Status


class Progress:
    """Says each event once; safe to use from several threads."""

    def __init__(self) -> None:
        self._console = progress()
        self._running: dict[str, str] = {}
        self._lock = threading.Lock()
        turning = "line" if self._console.options.ascii_only else "dots"
        self._spinner = Spinner("", spinner=turning, console=self._console) if self._console.is_terminal else None

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
            with self._lock:
                _tell(self._console, event.device, event.step, event.status, event.detail)

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
        line = Text.assemble(cell(f"{device}: ", "bold"), cell(LEGACY, "yellow"))
        tell(errors(), line, level="warning", about={"device": device})


def say_wait(device: str, error: AgentError, seconds: float) -> None:
    """Say that *device* refuses sessions for now and is asked again in *seconds*; a running spinner stays below."""
    said = f"{error.message}; rate limit: trying again in {seconds:.0f} s"
    _tell(progress(), device, "connect", Status.RETRY, said)


def _tell(screen: Console, device: str, step: str, status: Status, detail: str) -> None:
    said = word(status)
    said.pad_right(max(0, 7 - len(said)))
    parts = [cell(f"{device:<10}", "bold"), cell(f"{step:<15}"), said]
    if detail:
        parts.append(cell(detail, "dim"))
    about = {"device": device, "step": step, "status": status.value, "detail": detail or None}
    tell(screen, Text(" ").join(parts), whole=not screen.is_terminal, about=about)
