"""One command over many routers: whom, how, kept in the journal, shown while it runs, reported at the end."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import NoReturn

import click

import agent
from agent.cli import fleetchosen, options
from agent.cli.signals import Interrupted, unbroken
from agent.cli.view import fleetview
from agent.cli.view.console import console, errors, say_failure
from agent.cli.view.live import Live
from agent.cli.view.unread import last_words
from agent.cli.work import Array, say_anchor
from agent.fleet.inventory.target import Target
from agent.fleet.journal import lease
from agent.fleet.journal.runlog import RunLog
from agent.fleet.journal.store import Journal
from agent.fleet.report import document as report
from agent.fleet.results import objects
from agent.fleet.results.record import Kind, Result, RunRecord, RunState
from agent.fleet.run.job import Hooks, Job
from agent.fleet.run.rollout import Batch, Rollout
from agent.fleet.run.runner import Backend, Run
from agent.model.errors import InputError
from agent.model.masking.text import counted, neutralise
from agent.netconf.retry import Policy
from agent.netconf.trace import TraceFile

Options = options.Options


def run(kind: Kind, form: str, given: Options, *, ask: bool = False) -> None:
    """The whole run; exits with its code."""
    with ExitStack() as stack:
        if given.get("resume"):
            journal = stack.enter_context(Journal.open(given["journal"], create=False))
            before = journal.resumable(given["resume"], kind=kind)
            wish = _Wish.of(kind, form, fleetchosen.resumed(before.settings, given), stack)
            _some_left(wish.targets, journal, before.run)
            log = stack.enter_context(journal.resume(before.run, kind=kind))
            targets = _left(wish.targets, log)
        else:
            wish = _Wish.of(kind, form, given, stack)
            targets, journal = wish.targets, stack.enter_context(Journal.open(given["journal"]))
            if ask and not _confirmed(targets, given):
                say_failure("not confirmed; nothing was changed")
                click.get_current_context().exit(1)
            log = stack.enter_context(_begun(journal, wish, targets))
        say_anchor(wish.job.intent.anchor, bundled=wish.given["anchor"] is None)
        until = wish.rollout.stop_at
        window = f", none begun after {until:%Y-%m-%d %H:%M %Z}" if until else ""
        errors().print(f"run {log.run}: {counted(len(targets), 'router')}{window}", soft_wrap=True)
        in_doubt = ("doubtful", "unknown")  # of earlier tries; a new run has none
        doubtful = {one.device for one in journal.devices(log.run, words=in_doubt)}
        made = _carry_out(wish, targets, doubtful, log)
        log.close(made.state)
        _finish(journal, log.run, wish, made)


@dataclass(frozen=True)
class _Wish:
    """What the options say, understood whole before a journal, a run or a router is touched."""

    kind: Kind
    form: str
    given: Options
    job: Job
    rollout: Rollout
    targets: list[Target]
    trace: TraceFile | None
    backend: Callable[[Hooks], Backend]

    @classmethod
    def of(cls, kind: Kind, form: str, given: Options, stack: ExitStack) -> _Wish:
        """What is opened for it is closed by *stack*.

        Raises:
            InputError: an option cannot be used, or what it names.
        """
        fleetchosen.check(given)
        if given["report"] is not None:
            report.check_path(given["report"])
        if kind is Kind.PUSH and not given["scheduler"]:
            lease.prepare(lease.folder())
        job, rollout = fleetchosen.job(kind, given), fleetchosen.rollout(given)
        targets = fleetchosen.targets(given)
        trace, backend = fleetchosen.trace(given, stack), fleetchosen.backend(given, stack)
        return cls(kind, form, given, job, rollout, targets, trace, backend)


def _begun(journal: Journal, wish: _Wish, targets: list[Target]) -> RunLog:
    return journal.begin(
        wish.kind,
        [target.name for target in targets],
        settings=fleetchosen.settings(wish.given),
        change_ref=wish.given["change_ref"],
        version=agent.__version__,
    )


class _Watch:
    """Keeps and shows what the runner tells."""

    def __init__(self, log: RunLog, live: Live, job: Job) -> None:
        self._log, self._live, self._job = log, live, job

    def batch(self, batch: Batch) -> None:
        self._live.batch(batch)

    def begun(self, target: Target, batch: Batch) -> None:
        self._log.begun(target.name, batch.name)
        self._live.begun(target, batch)

    def ended(self, result: Result) -> None:
        self._log.ended(result, self._job.intent.anchor)
        self._live.ended(result)


def _carry_out(wish: _Wish, targets: list[Target], doubtful: Collection[str], log: RunLog) -> Run:
    live, job = Live(len(targets)), replace(wish.job, run=log.run)
    with ExitStack() as stack:
        stop = stack.enter_context(unbroken(lambda: _leave(live, log.run)))
        policy = Policy(stop=stop)
        backend = wish.backend(Hooks(log=log, policy=policy, on_event=live.event, trace=wish.trace))
        made = Run(targets, job, backend, wish.rollout, _Watch(log, live, job), policy, doubtful=doubtful)
        stack.enter_context(live)
        with closing(made.results()) as results:
            try:
                for result in results:
                    if wish.form == "jsonl":
                        print(objects.dump(result.plain(job.intent.anchor), "jsonl"), flush=True)
            except BrokenPipeError:
                results.close()
                log.close(made.state)
                raise
    return made


def _leave(live: Live, run: str) -> NoReturn:
    """End the process at once: routers drop locks and candidates with their sessions; the journal has the rest."""
    shown = "\x1b[?25h\n" if sys.stderr.isatty() else ""
    names = ", ".join(live.flying)
    said = (
        f"interrupted at once; in doubt: {names or 'none'}; next: xr-agent push --resume {run}, which reads them first"
    )
    last_words(2, f"{shown}{neutralise(said)}\n")
    os._exit(130)


def _finish(journal: Journal, run: str, wish: _Wish, made: Run) -> None:
    """Print, report, and exit."""
    record, path = journal.run(run), wish.given["report"]
    if wish.form == "json":
        array = Array()
        for one in journal.devices(run):
            array.add(dict(one.plain))
        array.end()
    elif wish.form == "table":
        console(sys.stdout).print(fleetview.run_view(record, journal.devices(run)))
    if path is not None:
        report.write(path, record, journal.devices(run), now=datetime.now(UTC))
        errors().print(f"report {path}", soft_wrap=True)
    left, again = _to_do(record, journal)
    if made.state is RunState.INTERRUPTED:
        raise Interrupted("; next: ".join(filter(None, (f"interrupted; {left}", again))))
    if made.state is RunState.STOPPED:
        say_failure(f"stopped: {made.why}; {left}", hint=again)
    well = all(one.well for one in journal.devices(run))
    click.get_current_context().exit(0 if well and made.state is RunState.DONE else 1)


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


def _some_left(targets: list[Target], journal: Journal, run: str) -> None:
    """See that *run* has something left among *targets*, where it has anything left at all.

    Raises:
        InputError: it has not: the run would end as done by doing nothing.
    """
    names = {target.name for target in targets}
    left = journal.left(run)
    if left and names.isdisjoint(left):
        hint = f"what is left: xr-agent history {run} --failed"
        raise InputError(f"none of the routers chosen is left in run {run}", hint=hint)


def _left(targets: list[Target], log: RunLog) -> list[Target]:
    """What a run has left, the doubtful ones first; a router that is not among *targets* any more is said."""
    by_name = {target.name: target for target in targets}
    names = [*log.doubtful(), *log.left()]
    for name in names:
        if name not in by_name:
            say_failure("it is in the run, and not among those that inventory and filters give now", device=name)
    doubtful = len(log.doubtful())
    in_doubt = f"{doubtful} in doubt, which are read first" if doubtful else "none in doubt"
    unrenewed = log.unrenewed()
    owed = f"; {len(unrenewed)} may have the root, not seen to renew" if unrenewed else ""
    errors().print(f"{counted(len(log.proven()), 'router')} proven; {in_doubt}{owed}", soft_wrap=True)
    return [replace(by_name[name], unrenewed=name in unrenewed) for name in names if name in by_name]


def _confirmed(targets: list[Target], given: Options) -> bool:
    order = ", ".join(f"{name} {given[name]}" for name in ("canary", "batch", "max_failures", "stop_at") if given[name])
    errors().print("xr-agent plan shows what is done to each", soft_wrap=True)
    return click.confirm(f"Push to {counted(len(targets), 'router')}{f' ({order})' if order else ''}?", err=True)
