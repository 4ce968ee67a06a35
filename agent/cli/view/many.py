"""A run over many routers: bars or a line for each that ended, then what the journal has of all."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from agent.cli.signals import Interrupted
from agent.cli.view.console import errors, say_failure
from agent.cli.view.fleetview import run_view
from agent.cli.view.live import Live
from agent.cli.view.output import Objects, emit_all
from agent.cli.view.render import anchor_lines
from agent.cli.view.unread import last_words
from agent.fleet.journal.store import Journal
from agent.fleet.results.record import Kind, Result, RunRecord, RunState
from agent.fleet.run.job import Job
from agent.fleet.run.runner import Run
from agent.model.masking.text import counted, neutralise


class Many(Live):
    """The watcher of a run over an inventory."""

    def __init__(self, job: Job, form: str, total: int, *, bundled: bool) -> None:
        super().__init__(total)
        self._job, self._form = job, form
        self._lines = Objects("jsonl")
        errors().print(anchor_lines(job.intent.anchor, bundled=bundled), soft_wrap=True)

    def came(self, result: Result) -> None:
        """A line for each where lines are wanted."""
        if self._form == "jsonl":
            self._lines.add(result.plain(self._job.intent.anchor))

    def leave(self, run: str) -> NoReturn:
        """End the process at once: routers drop locks and candidates with their sessions; the journal has the rest."""
        shown = "\x1b[?25h\n" if sys.stderr.isatty() else ""
        doubt = f"interrupted at once; in doubt: {', '.join(self.flying) or 'none'}"
        last_words(2, f"{shown}{neutralise(doubt)}; next: xr-agent push --resume {run}, which reads them first\n")
        os._exit(130)

    def finish(self, journal: Journal, made: Run, run: str) -> int:
        """Print what the journal has of it; the exit code.

        Raises:
            Interrupted: the user ended it.
        """
        record = journal.run(run)
        if self._form != "jsonl":
            emit_all(
                self._form,
                lambda: (dict(one.plain) for one in journal.devices(run)),
                lambda: (run_view(record, journal.devices(run)),),
            )
        left, again = _to_do(record, journal)
        if made.state is RunState.INTERRUPTED:
            raise Interrupted("; next: ".join(filter(None, (f"interrupted; {left}", again))))
        if made.state is RunState.STOPPED:
            say_failure(f"stopped: {made.why}; {left}", hint=again)
        well = all(one.well for one in journal.devices(run))
        return 0 if well and made.state is RunState.DONE else 1


def _to_do(record: RunRecord, journal: Journal) -> tuple[str, str | None]:
    """What a run that ended early has left, and how to go on with that; None where nothing is."""
    waiting, doubtful = (record.counts.get(word, 0) for word in ("waiting", "doubtful"))
    unwell = len(journal.left(record.run)) - waiting - doubtful
    parts = ((waiting, "not begun"), (doubtful, "in doubt"), (unwell, "not ended well"))
    left = ", ".join(f"{counted(count, 'router')} {how}" for count, how in parts if count)
    if not left:
        return "every router was gone through, and none needs a look", None
    if record.kind is not Kind.PUSH:
        return left, "run it again"
    first = "those in doubt" if doubtful else "those not begun" if waiting and unwell else ""
    order = f", which goes to {first} first" if first else ""
    look = f"; see why: xr-agent history {record.run} --failed" if unwell else ""
    return left, f"xr-agent push --resume {record.run}{order}{look}"
