"""A run over many routers: bars and the routers in flight, or a line for each that ended; then what the journal has."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from typing import NoReturn, Self

from rich import progress
from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from agent.cli.signals import Interrupted, leave_at_once
from agent.cli.usage.given import resuming
from agent.cli.view.fleetview import run_view
from agent.cli.view.output import Objects, emit_all
from agent.cli.view.render import anchor_lines, cell, watched, word
from agent.cli.view.streams import progress as progress_console
from agent.cli.view.streams import say_failure, tell
from agent.fleet.inventory.target import Target
from agent.fleet.journal.runlog import RunLog
from agent.fleet.journal.store import Journal
from agent.fleet.results.record import DeviceRecord, Kind, Result, RunRecord, RunState
from agent.fleet.results.renewal import Renewal
from agent.fleet.run.job import Job
from agent.fleet.run.rollout import Batch
from agent.fleet.run.runner import Run, Watcher
from agent.fleet.window.calendar import Opening, Told
from agent.model.errors import JournalError
from agent.model.masking.text import counted
from agent.model.outcome import Event, Status, Wait, Waiting

_SHOWN, _WINDOWS = 12, 3


class Many(Watcher):
    """The watcher of a run over an inventory, which keeps and shows it; :meth:`event` may come from any thread."""

    def __init__(self, job: Job, form: str, log: RunLog, total: int, *, bundled: bool) -> None:
        self._job, self._form, self._log = job, form, log
        self._lines = Objects("jsonl")
        self._console = progress_console()
        self._console.print(anchor_lines(job.intent.anchor, bundled=bundled), soft_wrap=True)
        self._lock = threading.Lock()
        self._total = total
        self._flying: dict[str, str] = {}
        self._waits: dict[str, Waiting] = {}
        self._openings: tuple[Opening, ...] = ()
        self._told = Told()
        self._count = self._retries = self._failures = 0
        self._bars = progress.Progress(
            progress.TextColumn("{task.description}"),
            progress.BarColumn(bar_width=None),
            progress.MofNCompleteColumn(),
            progress.TimeElapsedColumn(),
            progress.TimeRemainingColumn(),
            console=self._console,
        )
        self._bar: progress.TaskID | None = None
        terminal = self._console.is_terminal
        self._screen = Live(console=self._console, get_renderable=self._view, transient=True) if terminal else None

    def batch(self, batch: Batch) -> None:
        self._bar = self._bars.add_task(batch.name, total=batch.size)
        if self._screen is None:
            self._say(cell(f"{batch.name}: {batch.size} of {counted(self._total, 'router')}", "bold"))

    def begun(self, target: Target, batch: Batch) -> None:
        self._log.begun(target.name, batch.name)
        with self._lock:
            self._flying[target.name] = "reading"

    def event(self, event: Event) -> None:
        with self._lock:
            self._retries += event.status is Status.RETRY
            if event.device in self._flying and event.status in (Status.STARTED, Status.RETRY):
                again = " again" if event.status is Status.RETRY else ""
                self._flying[event.device] = f"{event.step}{again} {event.detail}"
        if self._screen is None and event.step == "lease" and event.status is Status.STARTED:
            self._say(Text(" ").join([cell(event.device, "bold"), cell(event.detail)]), event.device)

    def waits(self, device: str, wait: Wait | None) -> None:
        """A router waits, or is at work again; from any thread."""
        with self._lock:
            self._waits.pop(device, None)
            if wait is not None:
                self._waits[device] = wait.why

    def coming(self, openings: tuple[Opening, ...], now: datetime) -> None:
        """Which windows are next: where there is no screen the next one is said, and that it opened."""
        with self._lock:
            self._openings = tuple(one for one in openings if one.windows is not None or one.interval.opens > now)
        if self._screen is None:
            for said in self._told.said(self._openings, now):
                self._say(cell(said))

    def ended(self, result: Result) -> None:
        """A router is done with; one that needs a look gets its line on a terminal, too."""
        self._log.ended(result, self._job.intent.anchor)
        with self._lock:
            self._flying.pop(result.device, None)
            self._waits.pop(result.device, None)
            self._count += 1
            self._failures += not result.well
        if self._bar is not None:
            self._bars.advance(self._bar)
        if self._screen is None or not result.well:
            self._say(self._line(result), result.device, well=result.well)

    def came(self, result: Result) -> None:
        """A line for each where lines are wanted."""
        if self._form == "jsonl":
            self._lines.add(result.plain(self._job.intent.anchor))

    def leave(self) -> NoReturn:
        """End the process at once: routers drop locks and candidates with their sessions; the journal has the rest."""
        doubt = f"interrupted at once; in doubt: {', '.join(list(self._flying)) or 'none'}"
        leave_at_once(f"{doubt}; next: {resuming(self._log.run)}, which reads them first")

    def finish(self, journal: Journal, made: Run) -> int:
        """Print what the journal has of it; the exit code.

        Raises:
            Interrupted: the user ended it.
        """
        run = self._log.run
        record = journal.run(run)
        self._show(record, journal.devices(run))
        left, again = _to_do(record, journal)
        if made.state is RunState.INTERRUPTED:
            raise Interrupted("; next: ".join(filter(None, (f"interrupted; {left}", again))))
        if made.state is RunState.STOPPED:
            say_failure(f"stopped: {made.why}; {left}", hint=again)
        well = all(one.well for one in journal.devices(run))
        return 0 if well and made.state is RunState.DONE else 1

    def unkept(self, journal: Journal, error: JournalError) -> None:  # noqa: ARG002 - a view's
        """Print what was done until the journal could not be written any more."""
        for one in self._log.unkept.values() if self._form == "jsonl" else ():
            self._lines.add(one.plain)
        self._show(*journal.known(self._log))

    def _show(self, run: RunRecord, devices: Iterable[DeviceRecord]) -> None:
        """All routers as one, where not each had its line."""
        if self._form != "jsonl":
            found = (one for one in devices if self._form == "table" or one.plain is not None)
            emit_all(self._form, found, lambda one: one.plain, lambda shown: (run_view(run, shown),))

    def _line(self, result: Result) -> Text:
        failure = result.failure
        why = failure.message if failure else next(iter(result.reasons), "")
        said = word(result.word)
        parts = [cell(f"{self._count}/{self._total}", "dim"), cell(result.device, "bold"), said]
        told = why if not result.well else result.renewal and result.renewal.value
        return Text(" ").join([*parts, *([cell(told)] if told else [])])

    def _say(self, line: Text, device: str | None = None, *, well: bool = True) -> None:
        whole = not self._console.is_terminal
        tell(self._console, line, level="info" if well else "warning", whole=whole, about={"device": device})

    def _view(self) -> RenderableType:
        with self._lock:
            flying, waits = list(self._flying.items()), dict(self._waits)
            retries, failures, openings = self._retries, self._failures, self._openings
        table = Table.grid(padding=(0, 2))
        for name, step in sorted(flying, key=lambda one: one[0] in waits)[:_SHOWN]:  # those at work come first
            table.add_row(
                cell(name, "bold"), Text(cell(step, "dim").plain, no_wrap=True, overflow="ellipsis", style="dim")
            )
        more = f", {len(flying) - _SHOWN} not shown" if len(flying) > _SHOWN else ""
        counts = cell(f"{len(flying)} in flight{more} · {retries} retries · {failures} need a look", "dim")
        now = datetime.now(UTC)
        windows = [cell(one.shown(now), "dim") for one in openings[:_WINDOWS]]
        return Group(
            self._bars.get_renderable(), table, *windows, cell(states(len(flying), waits.values()), "dim"), counts
        )

    def __enter__(self) -> Self:
        if self._screen is not None:
            self._screen.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._screen is not None:
            self._screen.stop()


def states(flying: int, waits: Collection[Waiting]) -> str:
    """What those in flight do: how many are at work, how many wait, and for what."""
    counts = Counter(waits).most_common()
    waiting = (f"{count} waiting for {why.value}" for why, count in counts)
    return " · ".join((f"{flying - len(waits)} at work", *waiting))


def _to_do(record: RunRecord, journal: Journal) -> tuple[str, str | None]:
    """What a run that ended early has left, and how to go on with that; None where nothing is."""
    waiting, doubtful = (record.counts.get(word, 0) for word in ("waiting", "doubtful"))
    remaining = journal.left(record.run)
    renewals = Counter(one.renewal for one in journal.devices(record.run) if one.renewal is not None)
    owed = sum(count for one, count in renewals.items() if one.owed)
    unwell = len(remaining) - waiting - doubtful - owed
    parts = [(waiting, "not begun"), (doubtful, "in doubt"), (unwell, "not ended well")]
    parts += [(renewals[one], f"whose {one.value}") for one in Renewal]
    left = ", ".join(f"{counted(count, 'router')} {how}" for count, how in parts if count)
    if not left:
        return "every router was gone through, and none needs a look", None
    if record.kind is not Kind.PUSH:
        return left, "run it again"
    if not remaining:
        return left, watched()
    first = "those in doubt" if doubtful else "those not begun" if waiting and (unwell or owed) else ""
    order = f", which goes to {first} first" if first else ""
    look = f"; see why: xr-agent history {record.run} --failed" if unwell else ""
    watch = f"; {watched()}" if renewals[Renewal.UNSEEN] else ""
    return left, f"{resuming(record.run)}{order}{look}{watch}"
