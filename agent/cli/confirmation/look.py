"""The look at every router before a push: what is to be done to each, read as ``plan`` reads it, and the question."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import UTC, datetime
from typing import NoReturn, Self

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from agent.cli.confirmation.bounds import Bounds, Seen, wants_kinds
from agent.cli.input.approval import Approval
from agent.cli.request import RunRequest
from agent.cli.signals import Interrupted, leave_at_once, unbroken
from agent.cli.view.fleetview import plan_groups
from agent.cli.view.streams import errors, progress, say_failure
from agent.fleet.inventory.target import Target
from agent.fleet.results.record import DeviceRecord, Kind, Result, RunState
from agent.fleet.run.rollout import CANARY, kind, usual_failures
from agent.fleet.run.router import Hooks
from agent.fleet.run.runner import Run, Watcher
from agent.fleet.window.preview import held_up
from agent.model.errors import AgentError, InputError
from agent.model.local.stdin import at_terminal
from agent.model.masking.text import counted
from agent.model.pki.anchor import TrustAnchor
from agent.model.plan import Plan
from agent.netconf.retry import Policy

_ORDER = ("batch", "pause", "stop_at")


def see_terminal(*, resumed: bool) -> None:
    """See that there is a terminal on which a push, or one that is *resumed*, can be confirmed.

    Raises:
        InputError: there is none.
    """
    if not (at_terminal() and sys.stderr.isatty()):
        first = "see what is left with xr-agent history RUN" if resumed else "look first with --dry-run"
        said = "push changes routers, and there is no terminal to confirm on"
        raise InputError(said, hint=f"{first}, then push with --yes")


def approved(request: RunRequest, targets: list[Target], *, ask: bool, before: int = 0, shown: str = "") -> Bounds:
    """What bounds the push to *targets*, which is said; with *ask* the plans are shown, and the user confirmed them.

    Every router is looked at where somebody is asked, or a canary of each kind of plan is wanted; a plan file has what
    would be seen, unless it lets routers be planned anew. One HOST is asked about by its plan, and nothing bounds it.

    Arguments:
        before: as of :meth:`Bounds.of`.
        shown: what else shows what is about to be done.

    Raises:
        Exit: it was not confirmed.
        Interrupted: the user ended the look.
        AgentError: the look could not go on.
    """
    if request.kind is not Kind.PUSH or request.one or not targets:
        return Bounds(request.rollout)
    given = request.given
    targets = request.calendar().ordered(targets, datetime.now(UTC))  # so that no canary keeps others waiting in vain
    seen = None
    if request.approval is not None and not request.approval.replan:
        seen = _planned(request.approval, targets)
    elif ask or (usual_failures(len(targets), before) and wants_kinds(given)):
        seen = looked_at(request, targets, ask=ask)
    bounds, screen = Bounds.of(given, request.rollout, len(targets), seen, before=before), _screen(ask=ask)
    if seen is not None:
        for group in seen.groups if ask else ():
            screen.print(group)
        unread = f", {len(seen.unread):,} could not be read and come last" if seen.unread else ""
        number = f"{len(seen.kinds):,} of {counted(len(targets), 'router')}"
        screen.print(f"{number} {'is' if len(seen.kinds) == 1 else 'are'} to be changed{unread}", soft_wrap=True)
    for line in bounds.lines:
        screen.print(line, soft_wrap=True)
    for line in _held_up(request, bounds, targets):
        screen.print(line, soft_wrap=True)
    if ask:
        _confirm(request, len(targets), shown)
    return bounds


def _held_up(request: RunRequest, bounds: Bounds, targets: Sequence[Target]) -> Iterator[str]:
    """Whether windows close while the canary is waited for."""
    first = next(bounds.rollout.batches(len(targets)))
    if request.timing is not None and first.name == CANARY:
        ordered = bounds.ordered(targets)
        yield from held_up(request.timing, ordered[: first.stop], ordered[first.stop :], datetime.now(UTC))


def _screen(*, ask: bool) -> Console:
    """Where it is said what is about to be done: a question needs it, else it is progress."""
    return errors() if ask else progress()


def _confirm(request: RunRequest, number: int, shown: str) -> None:
    if shown:
        errors().print(shown, soft_wrap=True)
    said = ", ".join(f"{name} {request.given[name]}" for name in _ORDER if request.given[name])
    by = f" by {request.approval.named}" if request.approval is not None else ""
    if not click.confirm(f"Push to {counted(number, 'router')}{by}{f' ({said})' if said else ''}?", err=True):
        say_failure("not confirmed; nothing was changed")
        click.get_current_context().exit(1)


def _planned(approval: Approval, targets: Sequence[Target]) -> Seen:
    """What its plan file says of *targets*; one that could not be read when it was made is left alone."""
    planned = {one.device: one for one in approval.file.routers}
    found = (planned[target.name] for target in targets)
    kinds = {one.device: kind(one.release, one.method, one.steps) for one in found if one.method is not None}
    return Seen(kinds, groups=plan_groups(approval.records(targets)))


def looked_at(request: RunRequest, targets: list[Target], *, ask: bool = False) -> Seen:
    """The plan of each of *targets*; nothing is changed or kept, and no session stays open.

    Raises:
        Interrupted: the user ended it.
        AgentError: it could not go on, as where all workers are lost.
    """
    kinds, unread = dict[str, str](), set[str]()
    with ExitStack() as stack:
        policy = Policy(stop=stack.enter_context(unbroken(_leave)))
        backend = request.backend(Hooks(policy=policy, logins=request.logins, trace=request.trace))
        bar = stack.enter_context(_Bar(len(targets), _screen(ask=ask)))
        run = Run(targets, replace(request.job, kind=Kind.PLAN), backend, watcher=bar, policy=policy)
        with closing(run.results()) as results:
            order = {target.name: place for place, target in enumerate(targets)}
            groups = plan_groups(_records(results, request.job.intent.anchor, kinds, unread), order)
    if run.state is RunState.INTERRUPTED:
        raise Interrupted("interrupted; nothing was changed")
    if run.state is RunState.STOPPED:
        raise AgentError(f"the routers could not all be looked at: {run.why}; nothing was changed")
    in_order = {target.name: kinds[target.name] for target in targets if target.name in kinds}
    return Seen(in_order, frozenset(unread), groups)


def _records(
    results: Iterable[Result], anchor: TrustAnchor, kinds: dict[str, str], unread: set[str]
) -> Iterator[DeviceRecord]:
    """The *results* as they are shown; *kinds* gets those that are to be changed, *unread* those that failed."""
    for result in results:
        if result.error is not None:
            unread.add(result.device)
        if isinstance(result.plan, Plan) and result.plan:
            kinds[result.device] = kind(result.plan.release, result.plan.method, result.plan.diff())
        yield result.record(anchor)


def _leave() -> NoReturn:
    leave_at_once("interrupted at once; nothing was changed")


class _Bar(Watcher):
    """How many were looked at, on a terminal; else only that it begins."""

    def __init__(self, total: int, screen: Console) -> None:
        screen.print(f"reading {counted(total, 'router')} for their plans; nothing is changed", soft_wrap=True)
        shown = (TextColumn("reading"), BarColumn(bar_width=None), MofNCompleteColumn())
        self._bars = Progress(*shown, console=screen, transient=True, disable=not screen.is_terminal)
        self._task = self._bars.add_task("reading", total=total)

    def ended(self, result: Result) -> None:  # noqa: ARG002 - a watcher's
        self._bars.advance(self._task)

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()
