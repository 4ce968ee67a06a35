"""The push of one device as the command line does it: ask, apply, and report every end, an interrupt's too."""

from __future__ import annotations

import os
import sys
import time
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from typing import NoReturn

import click

from agent.cli.options import DEBUG
from agent.cli.signals import Interrupted, unbroken
from agent.cli.view import render
from agent.cli.view.console import errors, say_error, say_failure
from agent.cli.view.progress import Progress
from agent.cli.view.unread import last_words
from agent.cli.work import Router, emit, say_anchor, session_to
from agent.fleet.journal import lease
from agent.fleet.journal.lease import Lease
from agent.fleet.results import objects
from agent.fleet.run.identity import addresses
from agent.model.errors import AgentError, InputError
from agent.model.masking.text import neutralise
from agent.model.outcome import Event, Failure, Outcome, Result, Status, steps_of
from agent.model.plan import Intent, Plan, Skip
from agent.model.state import ConfigModel
from agent.netconf.retry import Policy
from agent.netconf.session import Session
from agent.remedy.apply import apply, failed
from agent.remedy.observe import observe
from agent.remedy.plan import plan
from agent.xr.cli.sshport import Ssh

_INTERRUPTED = "interrupted"
_ACTIONS = ("ca-authenticate", "dialog", "trustpool import", "register-id-token", "renew-auth")
_READS_FIRST = "push again: it reads what is there before it does anything"


@dataclass
class Push:
    """One push: what is wanted, and how far it came."""

    router: Router
    intent: Intent
    ask: bool
    bundled: bool
    form: str
    stopped: bool = False
    outcome: Outcome | None = None
    release: str | None = None
    made: Plan | Skip | None = None
    events: list[Event] = field(default_factory=list)
    waited: float = 0.0


def run(push: Push) -> None:
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
        nothing = Failure(_INTERRUPTED, "interrupted; nothing was changed, nothing is locked")
        outcome = push.outcome or _ended(push, Result.FAILED, nothing)
    outcome = replace(outcome, elapsed_s=round(time.monotonic() - begun - push.waited, 3))
    if push.form != "table" or code is None:  # a device that could not be read has no table, only its error
        emit(push.form, lambda: objects.push_object(outcome), lambda: render.outcome_view(outcome))
    if code is None:
        code = _judge(push, outcome)
    click.get_current_context().exit(code)


def _push(push: Push) -> Outcome:
    progress = Progress()
    lease.prepare(lease.folder())
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
            held = stack.enter_context(_leased(push, progress))
            if held.waited:
                session = session if session.connected else stack.enter_context(session_to(push.router, progress))
                state = observe(session, push.intent.trustpoint, ssh=ssh, trustpool=push.intent.has_bundle)
                made = push.made = plan(push.intent, state)
            return _apply(push, session, ssh, made, held, progress)


def _leased(push: Push, progress: Progress) -> Lease:
    """The router for this push alone; another push of this machine is waited for, until Ctrl-C ends that."""
    device = push.router.device

    def told(text: str) -> None:
        progress.say(device.name, text)
        progress.line(device.name, "lease", Status.STARTED.value, text)

    return Lease.take(addresses(device), told=told)


def _confirmed(push: Push, made: Plan | Skip) -> bool:
    """Show the plan and ask; the time this takes is not the push's."""
    begun = time.monotonic()
    errors().print(render.plan_view(made))
    try:
        return click.confirm("Apply?", err=True)
    finally:
        push.waited = time.monotonic() - begun


def _apply(
    push: Push, session: Session, ssh: Ssh | None, made: Plan | Skip, held: Lease, progress: Progress
) -> Outcome:
    outcome: Outcome | None = None
    with unbroken(lambda: _leave(push)) as stop:
        policy = Policy(stop=stop, told=push.router.policy.told)
        if ssh is not None:
            ssh.policy = replace(push.router.policy, stop=stop)
        with closing(apply(session, made, policy, connect=push.router.connect, ssh=ssh, log=held)) as events:
            for event in events:
                push.events.append(event)
                progress.event(event)
                outcome = event.outcome or outcome
        push.stopped, push.outcome = stop(0), outcome
    if outcome is None:
        raise AssertionError("apply ended without an outcome")
    return outcome


def _leave(push: Push) -> NoReturn:
    """End the process at once; its connections end with it, and with them the locks and the candidate."""
    left = _may_be_left(push)
    outcome = _ended(push, Result.UNKNOWN, Failure(_INTERRUPTED, left, _READS_FIRST))
    if push.form != "table":
        last_words(1, f"{objects.dump(objects.push_object(outcome), push.form)}\n")
    shown = "\x1b[?25h\n" if sys.stderr.isatty() else ""  # a spinner hides the cursor
    last_words(2, f"{shown}{neutralise(left)}; next: {_READS_FIRST}\n")
    os._exit(130)


def _may_be_left(push: Push) -> str:
    """What the router may keep of a push that ends here."""
    begun = [event for event in push.events if event.status is Status.STARTED]
    ended = {event.step for event in push.events if event.status is not Status.STARTED}
    files = [event.detail for event in begun if event.step in ("sftp", "copy")]
    said = [f"interrupted at once during {push.events[-1].step if push.events else 'the first step'}"]
    steps = {event.step for event in begun}
    if "confirm" not in ended and any(event.step == "commit" and "on trial" in event.detail for event in begun):
        said.append("a commit on trial, which the router takes back by itself, may be running")
    elif steps & {"commit", "configure"}:
        said.append("the trustpoint's configuration may be changed")
    said += [f"{step} may have taken effect" for step in _ACTIONS if step in steps]
    said += [f"the file {path} may be there" for path in files]
    return "; ".join(said) if len(said) > 1 else f"{said[0]}; nothing was changed"


def _ended(push: Push, result: Result, error: Failure) -> Outcome:
    """The outcome of a push that this side ended, from the events there were."""
    made = push.made
    return Outcome(
        device=push.router.device.name,
        result=result,
        address=push.router.device.address,
        release=made.release if made else None,
        method=getattr(made, "method", None),
        config_model=made.config_model if made is not None else ConfigModel.NONE,
        steps=steps_of(push.events),
        retries=sum(event.status is Status.RETRY for event in push.events),
        error=error,
    )


def _named(message: str) -> str:
    return message if message.startswith(_INTERRUPTED) else f"{_INTERRUPTED}: {message}"


def _judge(push: Push, outcome: Outcome) -> int:
    """Say the error of an outcome, and give the exit code."""
    error = outcome.error
    if push.stopped or (error is not None and error.kind == _INTERRUPTED):
        said = (error.message, error.hint) if error else (outcome.result.value,)
        raise Interrupted("; next: ".join(filter(None, (_named(said[0]), *said[1:]))))
    if error is None:
        return 0 if outcome.well else 1
    say_failure(error.message, device=outcome.device, hint=error.hint)
    return 1
