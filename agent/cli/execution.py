"""assess, plan and push on one router or many: whom, how, kept in the journal, shown while it runs, reported."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import click

import agent
from agent.cli.confirmation.look import approved, see_terminal
from agent.cli.input.approval import write
from agent.cli.options import DEBUG
from agent.cli.replayed import Replayed
from agent.cli.request import RunRequest, resumed
from agent.cli.signals import breakable, unbroken
from agent.cli.usage.given import Options, resuming
from agent.cli.view.asking import asker
from agent.cli.view.many import Many
from agent.cli.view.notifying import Notifications
from agent.cli.view.one import One
from agent.cli.view.progress import say_wait
from agent.cli.view.streams import errors, progress, say_failure, say_traceback, say_warning
from agent.fleet.inventory.target import Target
from agent.fleet.journal.runlog import RunLog
from agent.fleet.journal.store import Journal
from agent.fleet.report import document as report
from agent.fleet.results.record import DeviceRecord, Kind, Result, RunRecord, RunState
from agent.fleet.run.executors import Inline
from agent.fleet.run.job import Job, perform
from agent.fleet.run.rollout import usual_failures
from agent.fleet.run.router import Hooks
from agent.fleet.run.runner import Backend, Run
from agent.fleet.window import preview
from agent.model.errors import AgentError, FileError, InputError, JournalError
from agent.model.masking.text import counted
from agent.model.telemetry.spans import Span, carried
from agent.netconf.retry import Policy


def run(kind: Kind, form: str, given: Options, *, ask: bool = False) -> None:
    with ExitStack() as stack:
        if given.get("resume"):
            journal = stack.enter_context(Journal.open(given["journal"], create=False))
            before = journal.resumable(given["resume"], kind=kind)
            see = partial(see_terminal, resumed=True) if ask else None
            request = RunRequest.of(kind, form, resumed(before.settings, given), stack, before_asking=see)
            remaining = _still_left(request, journal, before.run)
            _say_windows(request, remaining, ask=ask)
            shown, bound = f"xr-agent history {before.run} shows what is left of it", journal.bound(before.run)
            if bound is None:  # an earlier xr-agent did not keep how many were to be changed, only how many there are
                bound = usual_failures(sum(before.counts.values()))
            bounds = approved(request, remaining, ask=ask, before=bound, shown=shown)
            log = stack.enter_context(journal.resume(before.run, kind=kind, bound=bounds.bound))
            targets = _left(request.targets, log, quiet=request.one)
        else:
            see = partial(see_terminal, resumed=False) if ask else None
            request = RunRequest.of(kind, form, given, stack, before_asking=see)
            targets = request.targets
            _say_windows(request, targets, ask=ask)
            if kind is Kind.PUSH:  # where the run cannot be kept, that is said before any router is read
                Journal.open(request.given["journal"]).close()
            bounds = approved(request, targets, ask=ask)
            journal, log = begin(request, stack, bound=bounds.bound)
        request = replace(request, rollout=bounds.rollout)
        notifications = stack.enter_context(Notifications(request.receivers, journal, log.run))
        view = _one(request, log) if request.one else _many(request, targets, log)
        targets = bounds.ordered(request.calendar().ordered(targets, datetime.now(UTC)))
        in_doubt = ("doubtful", "unknown")  # of earlier tries; a new run has none
        doubtful = {one.device for one in journal.devices(log.run, words=in_doubt)}
        work = partial(_carry_out, request, targets, doubtful, log, view, notifications.stopped, ask=ask)
        made = _kept(request, journal, log, view, work)
        notifications.ended(made.why)
        code = _finish(request, journal, log.run, view, made)
        code = request.replay.code(code) if request.replay else code
    click.get_current_context().exit(code)


def _finish(request: RunRequest, journal: Journal, run: str, view: One | Many, made: Run) -> int:
    """Print what came of the run, and write its files, also where nobody reads stdout any more; the exit code."""
    try:
        try:
            return view.finish(journal, made)
        finally:
            if request.collected is not None:
                write(request.given["out"], request.collected, request.form, made.state)
    finally:
        write_report(request, journal, run)
        if request.recording is not None:
            request.recording.finish()


def _kept(request: RunRequest, journal: Journal, log: RunLog, view: One | Many, work: Callable[[], Run]) -> Run:
    """What came of *work*, with its end in the journal.

    Raises:
        JournalError: that cannot be written; what was done by then is printed and reported.
    """
    state = RunState.LOST
    try:
        made = work()
        state = made.state
        log.close(state)
    except JournalError as error:
        _say_unkept(request, journal, log, view, error, state)
        raise
    return made


def _say_unkept(
    request: RunRequest, journal: Journal, log: RunLog, view: One | Many, error: JournalError, state: RunState
) -> None:
    """Print and report what was done until *error*: what came since is in no journal; and say how to go on.

    *state*: how the run ended, ``lost`` where it did not go through all of its routers.
    """
    again = f"then {resuming(log.run)}, which reads first what is in doubt"
    error.hint = f"see to its disk; {again}" if request.kind is Kind.PUSH else "see to its disk, then run it again"
    collected = request.collected
    parts: list[Callable[[], None]] = [lambda: view.unkept(journal, error)]
    if collected is not None:
        parts.append(lambda: write(request.given["out"], collected, request.form, state))
    parts.append(lambda: _write_report(request, *journal.known(log)))
    for say in parts:
        try:
            with suppress(BrokenPipeError):
                say()
        except AgentError as further:
            say_warning(further.message, hint=further.hint)


def begin(request: RunRequest, stack: ExitStack, *, bound: int = 0) -> tuple[Journal, RunLog]:
    """The journal and the new run in it, with the *bound* of :meth:`Journal.begin`; *stack* closes both.

    What only reads begins where the journal cannot be kept, too, be it the user's own or a named one, and says so.

    Raises:
        InputError: the run cannot be kept, and has to be.
    """
    try:
        return _begun(request, request.given["journal"], stack, bound)
    except InputError as error:
        if request.kind is Kind.PUSH:
            raise
        try:
            folder = stack.enter_context(TemporaryDirectory(prefix="xr-agent-"))
        except OSError:
            raise error from None
        say_warning(f"this run is not kept: {error.message}", hint=error.hint)
        return _begun(request, Path(folder) / "journal.db", stack, bound)


def _begun(request: RunRequest, path: Path | None, stack: ExitStack, bound: int) -> tuple[Journal, RunLog]:
    with ExitStack() as undo:
        journal = undo.enter_context(Journal.open(path))
        log = undo.enter_context(
            journal.begin(
                request.kind,
                [target.name for target in request.targets],
                settings=request.settings(),
                change_ref=request.given["change_ref"],
                version=agent.__version__,
                bound=bound,
                places={target.name: (target.site, target.groups) for target in request.targets},
            )
        )
        stack.push(undo.pop_all())
    return journal, log


def write_report(request: RunRequest, journal: Journal, run: str) -> None:
    """What the journal has of the run, where a report is wanted.

    Raises:
        FileError: it cannot be written.
    """
    _write_report(request, journal.run(run), journal.devices(run))


def _write_report(request: RunRequest, run: RunRecord, devices: Iterable[DeviceRecord]) -> None:
    path: Path | None = request.given["report"]
    if path is not None:
        report.write(path, run, devices, now=datetime.now(UTC))
        progress().print(f"report {path}", soft_wrap=True)


def _one(request: RunRequest, log: RunLog) -> One:
    named = request.approval.named if request.approval else ""
    return One(request.job, request.form, log, bundled=request.bundled, approved=named)


def _many(request: RunRequest, targets: list[Target], log: RunLog) -> Many:
    view = Many(request.job, request.form, log, len(targets), bundled=request.bundled)
    until = request.rollout.stop_at
    window = f", none begun after {until:%Y-%m-%d %H:%M %Z}" if until else ""
    progress().print(f"run {log.run}: {counted(len(targets), 'router')}{window}", soft_wrap=True)
    return view


def _carry_out(
    request: RunRequest,
    targets: list[Target],
    doubtful: Collection[str],
    log: RunLog,
    view: One | Many,
    stopped: Callable[[RunState, str], None],
    *,
    ask: bool,
) -> Run:
    with ExitStack() as stack:
        span = stack.enter_context(Span(f"{request.kind.value} run", run=log.run, routers=len(targets)))
        stack.enter_context(span.current())
        job = replace(request.job, run=log.run, below=carried())
        hooks = _hooks(request, log, view, Policy(stop=stack.enter_context(unbroken(view.leave))))
        backend = (
            _alone(hooks, view, targets[0].name, ask=ask, replay=request.replay)
            if isinstance(view, One)
            else request.backend(hooks)
        )
        made = Run(
            targets,
            job,
            backend,
            request.rollout,
            view,
            hooks.policy,
            doubtful=doubtful,
            calendar=request.calendar(),
            stopped=stopped,
        )
        stack.enter_context(view)
        with closing(made.results()) as results:
            try:
                for result in results:
                    view.came(result)
                    if request.collected is not None:
                        request.collected.add(result)
                    if request.recording is not None:
                        request.recording.came(result)
            except (BrokenPipeError, FileError):  # stdout is lost
                results.close()
                log.close(made.state)
                raise
        span.say(state=made.state.value, failed=made.failed, change_ref=request.given["change_ref"])
        span.end(made.why or (f"{counted(made.failed, 'router')} failed" if made.failed else None))
    return made


def _hooks(request: RunRequest, log: RunLog, view: One | Many, policy: Policy) -> Hooks:
    """What a run of *request* is told of and asks, however its routers are reached."""
    recorder = request.recording.recorder if request.recording is not None else None
    hooks = Hooks(
        log=log,
        policy=policy,
        logins=request.logins,
        on_event=view.event,
        on_wait=view.waits,
        trace=request.trace,
        recorder=recorder,
    )
    if click.get_current_context().meta.get(DEBUG):
        hooks = replace(hooks, on_error=say_traceback)
    return request.replay.hooks(hooks) if request.replay else hooks


def _alone(hooks: Hooks, view: One, name: str, replay: Replayed | None, *, ask: bool) -> Backend:
    """This thread, for one router: a signal breaks reading off."""
    policy = replace(hooks.policy, told=partial(say_wait, name))
    approve = view.approve if ask else None
    hooks = replace(hooks, policy=policy, begins=view.begins, approve=approve, ask=asker(view.paused))

    def work(job: Job, target: Target) -> Result:
        with breakable():
            result = perform(job, target, hooks)
        return replay.noted(result) if replay else result

    return Backend(1, lambda _job: Inline(), work)


def _still_left(request: RunRequest, journal: Journal, run: str) -> list[Target]:
    """The routers of *request* that *run* has left, the doubtful ones first; none only where it has none left at all.

    Raises:
        InputError: it has, and none among them: the run would end as done by doing nothing.
    """
    left, unrenewed = journal.left(run), journal.unrenewed(run)
    doubtful = {one.device for one in journal.devices(run, words=("doubtful",))}
    found = [replace(one, unrenewed=one.name in unrenewed) for one in request.targets if one.name in left]
    if left and not found:
        hint = f"what is left: xr-agent history {run} --failed"
        raise InputError(f"none of the routers chosen is left in run {run}", hint=hint)
    return sorted(found, key=lambda one: one.name not in doubtful)


def _left(targets: list[Target], log: RunLog, *, quiet: bool) -> list[Target]:
    """What a run has left, the doubtful ones first; a router that is not among *targets* any more is said."""
    by_name = {target.name: target for target in targets}
    names = [*log.doubtful(), *log.left()]
    for name in names:
        if name not in by_name:
            say_failure("it is in the run, and not among those that inventory and filters give now", device=name)
    doubtful = len(log.doubtful())
    in_doubt = f"{doubtful} in doubt, which are read first" if doubtful else "none in doubt"
    unrenewed, begun = log.unrenewed(), log.written_to()
    owed = f"; {len(unrenewed)} to renew the licence if the root is there" if unrenewed else ""
    if not quiet:
        progress().print(f"{counted(len(log.proven()), 'router')} proven; {in_doubt}{owed}", soft_wrap=True)
    left = (by_name[name] for name in names if name in by_name)
    return [replace(one.written_to() if one.name in begun else one, unrenewed=one.name in unrenewed) for one in left]


def _say_windows(request: RunRequest, targets: list[Target], *, ask: bool) -> None:
    """Say when *targets* may be begun, before it is asked whether they are to be."""
    screen = errors() if ask else progress()
    if request.timing is not None:
        for line in preview.described(request.timing, targets, datetime.now(UTC), request.rollout.stop_at):
            screen.print(line, soft_wrap=True)
