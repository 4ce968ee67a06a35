"""How a run over many routers goes, on stderr: bars and the routers in flight, or a line for each one that ended."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

from rich.console import Group, RenderableType
from rich.live import Live as Screen
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from agent.cli.view.console import errors
from agent.cli.view.render import cell, word
from agent.fleet.inventory.target import Target
from agent.fleet.results.record import Result
from agent.fleet.run.rollout import Batch
from agent.model.masking.text import counted
from agent.model.outcome import Event, Status

_SHOWN = 12


class Live:
    """A watcher of a run; :meth:`event` may be called from any thread."""

    def __init__(self, total: int) -> None:
        self._console = errors()
        self._lock = threading.Lock()
        self._total = total
        self._flying: dict[str, str] = {}
        self._count = self._retries = self._failures = 0
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self._console,
        )
        self._bar: TaskID | None = None
        terminal = self._console.is_terminal
        self._screen = Screen(console=self._console, get_renderable=self._view, transient=True) if terminal else None

    @property
    def flying(self) -> list[str]:
        """The routers in flight."""
        return list(self._flying)

    def batch(self, batch: Batch) -> None:
        """Its bar begins."""
        self._bar = self._bars.add_task(batch.name, total=batch.size)
        if self._screen is None:
            self._say(cell(f"{batch.name}: {batch.size} of {counted(self._total, 'router')}", "bold"))

    def begun(self, target: Target, batch: Batch) -> None:  # noqa: ARG002 - a watcher's
        """A router is in flight."""
        with self._lock:
            self._flying[target.name] = "reading"

    def event(self, event: Event) -> None:
        """A step of a router in flight."""
        with self._lock:
            self._retries += event.status is Status.RETRY
            if event.device in self._flying and event.status in (Status.STARTED, Status.RETRY):
                again = " again" if event.status is Status.RETRY else ""
                self._flying[event.device] = f"{event.step}{again} {event.detail}"
        if self._screen is None and event.step == "lease" and event.status is Status.STARTED:
            self._say(Text(" ").join([cell(event.device, "bold"), cell(event.detail)]))

    def ended(self, result: Result) -> None:
        """A router is done with; one that needs a look gets its line on a terminal, too."""
        with self._lock:
            self._flying.pop(result.device, None)
            self._count += 1
            self._failures += not result.well
        if self._bar is not None:
            self._bars.advance(self._bar)
        if self._screen is None or not result.well:
            self._say(self._line(result))

    def _line(self, result: Result) -> Text:
        failure = result.failure
        why = failure.message if failure else next(iter(result.verdict.reasons if result.verdict else ()), "")
        said = word(result.word)
        parts = [cell(f"{self._count}/{self._total}", "dim"), cell(result.device, "bold"), said]
        return Text(" ").join([*parts, *([cell(why)] if why and not result.well else [])])

    def _say(self, line: Text) -> None:
        self._console.print(line, soft_wrap=not self._console.is_terminal)

    def _view(self) -> RenderableType:
        with self._lock:
            flying, retries, failures = list(self._flying.items()), self._retries, self._failures
        table = Table.grid(padding=(0, 2))
        for name, step in flying[:_SHOWN]:
            table.add_row(
                cell(name, "bold"), Text(cell(step, "dim").plain, no_wrap=True, overflow="ellipsis", style="dim")
            )
        more = f", {len(flying) - _SHOWN} not shown" if len(flying) > _SHOWN else ""
        counts = cell(f"{len(flying)} in flight{more} · {retries} retries · {failures} need a look", "dim")
        return Group(self._bars.get_renderable(), table, counts)

    def __enter__(self) -> Self:
        if self._screen is not None:
            self._screen.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._screen is not None:
            self._screen.stop()
