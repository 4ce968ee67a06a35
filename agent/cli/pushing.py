"""The push of one device as the command line does it: ask, apply, and report every end, an interrupt's too."""

from __future__ import annotations

import time
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace

import click

from agent.cli import jsonout, render
from agent.cli.console import errors, say_error, say_failure
from agent.cli.interrupt import Interrupted
from agent.cli.options import DEBUG
from agent.cli.progress import Progress
from agent.cli.work import Router, emit, say_anchor, session_to
from agent.model.errors import AgentError, InputError
from agent.model.outcome import Event, Failure, Outcome, Result, Status, StepRecord
from agent.model.plan import Intent, Plan, Skip
from agent.model.state import ConfigModel
from agent.netconf.session import Session
from agent.remedy.apply import apply, failed
from agent.remedy.observe import observe
from agent.remedy.plan import plan
from agent.xr.ssh import Ssh

_INTERRUPTED = "interrupted"
_WRITES = ("commit", "configure", "ca-authenticate", "dialog", "trustpool import", "register-id-token", "renew-auth")


@dataclass
class Push:
    """One push: what is wanted, and how far it came."""

    router: Router
    intent: Intent
    ask: bool
    bundled: bool
    release: str | None = None
    made: Plan | Skip | None = None
    events: list[Event] = field(default_factory=list)
    waited: float = 0.0


def run(push: Push, form: str) -> None:
    """Whatever the end, one object for it on stdout; an expected error also as a line on stderr."""
    begun = time.monotonic()
    code = None
    try:
        outcome = _push(push)
    except AgentError as error:
        say_error(error, debug=bool(click.get_current_context().meta.get(DEBUG)))
        outcome = failed(push.router.device.name, error, push.router.device.address)
        code = 2 if isinstance(error, InputError) else 1
    except (KeyboardInterrupt, click.Abort):
        outcome = _interrupted(push)
    outcome = replace(outcome, elapsed_s=round(time.monotonic() - begun - push.waited, 3))
    if form != "table" or code is None:  # a device that could not be read has no table, only its error
        emit(form, lambda: jsonout.push_object(outcome), lambda: render.outcome_view(outcome))
    if code is None:
        code = _judge(outcome)
    click.get_current_context().exit(code)


def _push(push: Push) -> Outcome:
    progress = Progress()
    with ExitStack() as stack:
        with progress:
            session = stack.enter_context(session_to(push.router, progress))
            ssh = stack.enter_context(push.router.shell())
            state = observe(session, push.intent.trustpoint, ssh=ssh, trustpool=push.intent.has_bundle)
            made = push.made = plan(push.intent, state)
            progress.finished(push.router.device.name)
        say_anchor(push.intent.anchor, bundled=push.bundled)
        if made and push.ask and not _confirmed(push, made):
            return _ended(push, Result.SKIPPED, Failure("declined", "not confirmed; nothing was changed"))
        with progress:
            return _apply(push, session, ssh, made, progress)


def _confirmed(push: Push, made: Plan | Skip) -> bool:
    """Show the plan and ask; the time this takes is not the push's."""
    begun = time.monotonic()
    errors().print(render.plan_view(made))
    try:
        return click.confirm("Apply?", err=True)
    finally:
        push.waited = time.monotonic() - begun


def _apply(push: Push, session: Session, ssh: Ssh | None, made: Plan | Skip, progress: Progress) -> Outcome:
    outcome: Outcome | None = None
    # Closing the generator early, as an interrupt does, gives back the locks and the candidate.
    with closing(apply(session, made, connect=push.router.connect, ssh=ssh)) as events:
        for event in events:
            push.events.append(event)
            progress.event(event)
            outcome = event.outcome or outcome
    if outcome is None:
        raise AssertionError("apply ended without an outcome")
    return outcome


def _ended(push: Push, result: Result, error: Failure) -> Outcome:
    """The outcome of a push that this side ended, from the events there were."""
    ended = [event for event in push.events if event.status not in (Status.STARTED, Status.RETRY)]
    made = push.made
    return Outcome(
        device=push.router.device.name,
        result=result,
        address=push.router.device.address,
        release=made.release if made else None,
        method=getattr(made, "method", None),
        config_model=made.config_model if made is not None else ConfigModel.NONE,
        steps=tuple(StepRecord(event.step, event.status, event.detail) for event in ended),
        retries=sum(event.status is Status.RETRY for event in push.events),
        error=error,
    )


def _interrupted(push: Push) -> Outcome:
    """What an interrupt left behind: a write whose answer nobody read makes the outcome unknown."""
    done = [event.step for event in push.events if event.status is Status.DONE]
    under_way = push.events[-1].step if push.events and push.events[-1].status is not Status.DONE else ""
    if under_way in _WRITES:
        return _ended(
            push,
            Result.UNKNOWN,
            Failure(
                _INTERRUPTED,
                f"interrupted while {under_way} was under way; locks were given back",
                "run push again: it reads what is there before it does anything",
            ),
        )
    if "commit" in done or "configure" in done:
        return _ended(
            push,
            Result.FAILED,
            Failure(
                _INTERRUPTED,
                f"interrupted after {done[-1]}; locks were given back",
                "run push again: it goes on from here",
            ),
        )
    return _ended(push, Result.FAILED, Failure(_INTERRUPTED, "interrupted; nothing was changed, nothing is locked"))


def _judge(outcome: Outcome) -> int:
    """Say the error of an outcome, and give the exit code."""
    error = outcome.error
    if error is None:
        return 0 if outcome.well else 1
    if error.kind == _INTERRUPTED:
        raise Interrupted("; next: ".join(filter(None, (error.message, error.hint))))
    say_failure(error.message, device=outcome.device, hint=error.hint)
    return 1
