"""A run on one router: its steps as they come, then its result as a whole."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import NoReturn

import click
from rich.console import Console, RenderableType

from agent.cli.signals import Interrupted, keep_whole, leave_at_once
from agent.cli.usage.given import resuming
from agent.cli.view import render
from agent.cli.view.checkview import check_view
from agent.cli.view.output import emit
from agent.cli.view.progress import Progress, say_legacy
from agent.cli.view.streams import errors, progress, say_failure
from agent.fleet.inventory.target import Target
from agent.fleet.journal.runlog import RunLog
from agent.fleet.journal.store import Journal
from agent.fleet.results import objects
from agent.fleet.results.record import Kind, Result, RunState
from agent.fleet.results.renewal import INSTALLING
from agent.fleet.run.job import Job, broken_off, ended_early
from agent.fleet.run.rollout import Batch
from agent.fleet.run.runner import Run, Watcher
from agent.model.errors import InputError, JournalError
from agent.model.errors import Interrupted as Ended
from agent.model.outcome import Event, Failure, Status, Wait
from agent.model.plan import Plan, Skip

_LICENCE = ("register-id-token", "renew-auth")


class One(Progress, Watcher):
    """The watcher of a run on one router, which keeps and shows it."""

    def __init__(self, job: Job, form: str, log: RunLog, *, bundled: bool, approved: str = "") -> None:
        super().__init__()
        self._approved = approved
        self._job, self._form, self._log, self._bundled = job, form, log, bundled
        self._anchored = False
        self._known: Result | None = None
        self._result: Result | None = None
        self._events: list[Event] = []

    def begun(self, target: Target, batch: Batch) -> None:
        self._log.begun(target.name, batch.name)
        self._known = Result(target.name, self._job.kind)
        self.say(target.name, "connecting and reading")

    def event(self, event: Event) -> None:
        self._events.append(event)
        super().event(event)

    def waits(self, device: str, wait: Wait | None) -> None:
        """Its step says what is waited for."""

    def ended(self, result: Result) -> None:
        self._result = result
        self._log.ended(result, self._job.intent.anchor)
        self.finished(result.device)

    def came(self, result: Result) -> None:
        """It is shown at the end."""

    def approve(self, made: Plan) -> bool:
        """Show the plan and ask.

        Raises:
            KeyboardInterrupt: the user interrupted, or there is nothing more to read.
        """
        with self.paused():
            self._say_anchor(errors())
            errors().print(render.plan_view(made))
            try:
                return click.confirm(f"Apply {self._approved}?" if self._approved else "Apply?", err=True)
            except click.Abort:
                raise KeyboardInterrupt from None

    def begins(self, known: Result) -> None:
        """From here on no signal breaks the push off."""
        keep_whole()
        self._known = known
        self._say_anchor()

    def _say_anchor(self, screen: Console | None = None) -> None:
        if not self._anchored:
            self._anchored = True
            (screen or progress()).print(
                render.anchor_lines(self._job.intent.anchor, bundled=self._bundled), soft_wrap=True
            )

    def leave(self) -> NoReturn:
        """End the process at once; its connections end with it, and with them the locks and the candidate."""
        known, failure = self._known, broken_off(self._resumption)
        if known is not None and known.plan is not None:
            failure = Failure(Ended.kind, _may_be_left(self._events), self._resumption)
            known = Result(known.device, known.kind, outcome=ended_early(known, self._events, failure))
        elif known is not None:
            known = replace(known, error=failure)
        plain = None if known is None or self._form == "table" else known.plain(self._job.intent.anchor)
        said = "; next: ".join(filter(None, (failure.message, failure.hint)))
        leave_at_once(said, "" if plain is None else f"{objects.dump(plain, self._form)}\n")

    def unkept(self, journal: Journal, error: JournalError) -> None:  # noqa: ARG002 - a view's
        """Print what was done until the journal could not be written any more."""
        known = self._known
        if self._result is not None:
            self._show(self._result)
            _say_why(self._result)
        elif known is not None and known.plan is not None:
            outcome = ended_early(known, self._events, Failure.of(error))
            result = Result(known.device, known.kind, known.address, known.release, outcome=outcome)
            with suppress(JournalError):
                self._log.ended(result, self._job.intent.anchor)
            self._show(result)

    def finish(self, journal: Journal, made: Run) -> int:
        """Print the result; the exit code.

        Raises:
            Interrupted: the user ended it.
        """
        result = self._result
        if result is None and made.state is RunState.STOPPED:
            say_failure(f"not begun: {made.why}", hint=f"{resuming(self._log.run)} goes on with it")
            return 1
        if result is None:
            raise Interrupted("; next: ".join(filter(None, ("interrupted; nothing was begun", self._resumption))))
        failure = result.failure
        self._show(result)
        if made.state is RunState.INTERRUPTED or (failure is not None and failure.kind == Ended.kind):
            raise Interrupted("; next: ".join(filter(None, (_how(result), self._next(journal, result)))))
        _say_why(result)
        if failure is not None:
            return 2 if result.error is not None and failure.kind == InputError.kind else 1
        return 0 if result.well else 1

    def _show(self, result: Result) -> None:
        """The result on stdout, and on stderr what it is about; what could not be read has no table."""
        if result.error is None:
            self._say_anchor()
        say_legacy(result.device, legacy=result.legacy_ssh)
        if result.error is None or self._form != "table":
            emit(self._form, lambda: result.plain(self._job.intent.anchor), lambda: _view(result))

    @property
    def _resumption(self) -> str | None:
        """How to go on with a push; what only reads is run again."""
        if self._job.kind is not Kind.PUSH:
            return None
        return f"{resuming(self._log.run)}, which reads the router first"

    def _next(self, journal: Journal, result: Result) -> str | None:
        """What to do after an interrupt that ended the work in order."""
        hint = result.failure.hint if result.failure else None
        if result.device in journal.left(self._log.run) and (resumption := self._resumption) is not None:
            own = result.failure is not None and result.failure.kind != Ended.kind
            return f"{hint}; then {resumption}" if hint and own else resumption
        return hint if result.renewal is None else render.watched(result.device)


def _say_why(result: Result) -> None:
    """Why it did not go well, and what to do next."""
    failure = result.failure
    if failure is not None:
        say_failure(failure.message, device=result.device, hint=failure.hint)
    elif isinstance(result.plan, Skip):
        say_failure(f"skipped: {result.plan.reason}", device=result.device, hint=result.plan.hint)


def _view(result: Result) -> RenderableType:
    if result.check is not None:
        return check_view(result.check)
    if result.verdict is not None:
        return render.verdict_view(result.verdict, result.ended or datetime.now(UTC))
    if result.plan is not None:
        return render.plan_view(result.plan)
    if result.outcome is not None:
        return render.outcome_view(result.outcome)
    raise AssertionError("a result without a view")


def _how(result: Result) -> str:
    """That it was interrupted, and how the router was left."""
    left = result.renewal.value if result.renewal else None
    message = result.failure.message if result.failure else ", ".join(filter(None, (result.word, left)))
    return message if message.startswith(Ended.kind) else f"{Ended.kind}: {message}"


def _may_be_left(events: list[Event]) -> str:
    """What the router may keep of a push that ends here."""
    begun = [event for event in events if event.status is Status.STARTED]
    ended = {event.step for event in events if event.status is not Status.STARTED}
    files = [event.detail for event in begun if event.step in ("sftp", "copy")]
    said = [f"interrupted at once during {events[-1].step if events else 'the first step'}"]
    steps = {event.step for event in begun}
    if "confirm" not in ended and any(event.step == "commit" and "on trial" in event.detail for event in begun):
        said.append("a commit on trial, which the router takes back by itself, may be running")
    elif steps & {"commit", "configure"}:
        said.append("the trustpoint's configuration may be changed")
    gone = [event.detail for event in begun if event.step == "clear"]
    said += [f"{what} may be gone; the journal has it: xr-agent history --device NAME" for what in gone]
    said += [f"{step} may have taken effect" for step in (*sorted(INSTALLING), *_LICENCE) if step in steps]
    said += [f"the file {path} may be there" for path in files]
    return "; ".join(said) if len(said) > 1 else f"{said[0]}; nothing was changed"
