"""Carry a plan out on one device, event by event, and end in an outcome that says what is proven."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from dataclasses import replace
from typing import TypeVar

from agent.model.caution import CommitMode
from agent.model.errors import AgentError, AnchorMismatch, CapabilityMissing, Interrupted, OutcomeUnknown
from agent.model.method import Method
from agent.model.outcome import Event, Failure, Outcome, Result, Status, StepRecord
from agent.model.pki.certificate import Evidence
from agent.model.plan import DRIFTED, Intent, Plan, Skip
from agent.model.state import ConfigModel
from agent.model.steps import ConfigureTrustpoint, Installation, Note, Register, RenewAuthorization, Step
from agent.model.telemetry.spans import Steps as StepSpans
from agent.model.unfinished import Memory, WriteAheadLog
from agent.netconf.retry import Policy, Waits, completed, driven, relayed
from agent.netconf.session import Connector, Session
from agent.remedy.check.preflight import preflight
from agent.remedy.commit.change import begun_anew
from agent.remedy.commit.claim import Installing, claim, tidy
from agent.remedy.commit.configure import change_of, configure
from agent.remedy.commit.recover import recover
from agent.remedy.commit.rollback import restore
from agent.remedy.commit.trial import cancelled
from agent.remedy.commit.typed import type_trustpoint
from agent.remedy.fallback import fall_back
from agent.remedy.methods.registry import METHODS
from agent.remedy.run import Opener, Run, Steps
from agent.remedy.skips import AS_APPROVED
from agent.remedy.steps.clear import bare
from agent.remedy.steps.renew import register, renew
from agent.remedy.steps.verify import still_there
from agent.xr import trustpoint
from agent.xr.cli.sshport import Ssh

_log = logging.getLogger(__name__)

T = TypeVar("T")


def apply(
    session: Session,
    plan: Plan | Skip,
    policy: Policy | None = None,
    *,
    connect: Connector | None = None,
    turn: Callable[[], float] = lambda: 0.0,
    ssh: Ssh | None = None,
    log: WriteAheadLog | None = None,
    at_end: Callable[[Session], Waits[None] | None] | None = None,
) -> Generator[Event, None, Outcome]:
    """Do what *plan* says; the last event carries the outcome, which is the generator's return value too.

    An expected failure ends in an outcome with its error, it is not raised. *connect* opens another session where this
    one is lost and the state must be read back; without it such an end is ``unknown``. *turn* takes a turn to do so,
    and says in how many seconds it comes. *ssh* is the CLI and SFTP, for the methods that need them; it is used and not
    closed. *log* keeps what is begun at the router's configuration where the next push finds it, should this one die;
    without it that is known to this push alone. *at_end* is called behind the last step with the session that is in
    use by then, open or lost, so that what came of it can be read without another one. Closing the generator early
    gives back locks, candidate and files.

    What has to be waited for is slept by *policy* between the events; :func:`carry_out` leaves that to its caller.
    """
    policy = policy or Policy()
    steps = carry_out(session, plan, policy, connect=connect, turn=turn, ssh=ssh, log=log, at_end=at_end)
    return driven(steps, policy)


def carry_out(
    session: Session,
    plan: Plan | Skip,
    policy: Policy,
    *,
    connect: Opener | None = None,
    turn: Callable[[], float] = lambda: 0.0,
    window_closed: Callable[[], bool] = lambda: False,
    ssh: Ssh | None = None,
    log: WriteAheadLog | None = None,
    at_end: Callable[[Session], Waits[None] | None] | None = None,
) -> Steps[Outcome]:
    """As :func:`apply`, its waits among the events: whoever drives it comes back when one is over.

    *window_closed*: whether it is too late to begin a change; asked while locks are waited for, and ahead of the first.

    Until then nothing holds a thread, and any thread may go on with it. What :func:`apply` raises where a cancellation
    breaks a wait off, the driver throws into it.
    """
    log = log or Memory()
    if isinstance(plan, Plan):
        try:
            plan = yield from _ready(plan, ssh, session, policy)
        except Interrupted as error:
            error.message = f"{error.message}; nothing was changed, nothing is locked"
            outcome = failed(plan.device, error, session.address)
            yield _last(outcome)
            return outcome
    if isinstance(plan, Skip):
        outcome = skipped(plan, session.address)
        if plan.kind != DRIFTED and (left := log.unfinished()) is not None:
            intent = Intent(trustpoint=left.trustpoint)
            nothing = Plan(plan.device, intent, Method.RPC, plan.config_model, release=plan.release)
            run = Run(session, nothing, policy, connect, ssh, log, turn, started=policy.clock())
            yield from _logged(run, _tidied(run))
            outcome = replace(outcome, steps=(*run.records, *outcome.steps), retries=run.retries)
        yield _last(outcome)
        return outcome
    begun = policy.clock()
    run = Run(session, plan, policy, connect, ssh, log, turn, window_closed, evidence=plan.present, started=begun)
    run.records += _failed_ways(plan)
    return (yield from _logged(run, _carried_out(run, at_end)))


def _ready(made: Plan, ssh: Ssh | None, session: Session, policy: Policy) -> Steps[Plan | Skip]:
    """*made* with what it needs beside NETCONF tried, before anything is locked or edited."""
    found = yield from preflight(made, made.state, ssh, session, policy)
    for one in _failed_ways(found):
        yield Event(found.device, one.step, one.status, one.detail)
    if made.exact and (isinstance(found, Skip) or (found.method, found.acts) != (made.method, made.acts)):
        why = "; ".join(one.detail for one in _failed_ways(found))
        reason = f"drifted: what was planned is no longer possible: {why}"
        return Skip(made.device, reason, AS_APPROVED, made.release, made.config_model, found.tried, DRIFTED)
    return replace(found, exact=made.exact) if isinstance(found, Plan) else found


def _failed_ways(made: Plan | Skip) -> list[StepRecord]:
    """What failed of what was tried, and is gone without."""
    return [StepRecord("preflight", Status.FAILED, f"{one.way}: {one.detail}") for one in made.tried if not one.works]


def _logged(run: Run, steps: Steps[T]) -> Steps[T]:
    """The same; what is logged on the way to each is bound to the step, what the driver logs between is not.

    Each step is a span below the one that is current where it begins.
    """
    spans = StepSpans(run.plan.device)
    try:
        return (yield from relayed(steps, around=lambda: spans.current(run.current), done=spans.seen))
    finally:
        spans.end()


def _carried_out(run: Run, at_end: Callable[[Session], Waits[None] | None] | None) -> Steps[Outcome]:
    try:
        outcome = yield from _steps(run)
        run.give_back()
        outcome = replace(outcome, steps=tuple(run.records))  # with what could not be given back
        if at_end is not None and (reading := at_end(run.session)) is not None:
            yield from reading
    except GeneratorExit:
        _abandoned(run)
        raise
    finally:
        run.give_back()
        run.close_reopened()
    yield _last(outcome)
    return outcome


def _tidied(run: Run) -> Steps[None]:
    """End what an earlier push left, although there is nothing to do; what cannot be ended is said in the records."""
    try:
        yield from recover(run)
        yield from begun_anew(run, lambda: tidy(run))
    except AgentError as error:
        yield run.ended(run.current, Status.FAILED, error.message)
    finally:
        run.give_back()
        run.close_reopened()


def _abandoned(run: Run) -> None:
    """Nobody wants further events: take back what is on trial, and what was committed unless an action was begun.

    Raises nothing: whoever stopped listening would not hear it.
    """
    try:
        if run.on_trial is not None:
            completed(run.alive(), run.policy)
            cancelled(run, run.on_trial)
    except AgentError as error:
        _log.warning("%s: the device takes the commit on trial back by itself: %s", run.plan.device, error.message)
        return
    if run.bare:
        _log.error("%s: trustpoint %s may be without a certificate", run.plan.device, run.plan.intent.trustpoint)
    if run.acted or not (run.changed and run.caution.rollback):
        return
    for event in driven(restore(run), run.policy):
        _log.info("%s: %s %s: %s", event.device, event.step, event.status.value, event.detail)


def _steps(run: Run) -> Steps[Outcome]:
    """The plan's steps; where its method fails in a way that another may not, the next method's, planned anew."""
    while True:
        error = (yield from _try(run)) or (yield from still_there(run))
        if error is None:
            return run.outcome()
        try:
            following = yield from fall_back(run, error)
        except Interrupted as cancelled_by:
            return (yield from _failed(run, cancelled_by))
        if following is None:
            return (yield from _failed(run, error))
        run.plan, run.evidence = following, following.present
        if not following:
            return run.outcome()


def _failed(run: Run, error: AgentError) -> Steps[Outcome]:
    """The end by *error*: what this run configured is rolled back where it is known that it did not do.

    What cannot be rolled back leaves the device in doubt.
    """
    outcome = run.outcome(error)
    if isinstance(error, AnchorMismatch) and run.configured:
        # Whoever brought that certificate: taking the trustpoint away may take it away as well.
        yield run.ended("undo", Status.SKIPPED, f"trustpoint {run.plan.intent.trustpoint} stays with its certificate")
    elif outcome.result is Result.FAILED and not _proven(run) and run.caution.rollback:
        yield from restore(run)
        if _proven(run):  # it came while the rollback was being made ready
            return run.outcome()
    lost = run.removed is not None and (run.bare or not _proven(run))
    if run.undone and not run.left and not lost:
        error.message = f"{error.message}; {run.undone}"
    elif isinstance(error, Interrupted) and not run.changed:
        error.message = f"{error.message}; nothing was committed"
    if run.left:
        name, device = run.plan.intent.trustpoint, run.plan.device
        hint = f"on the router: show running-config crypto ca trustpoint {name}; a second push goes on from there"
        error = OutcomeUnknown(f"{error.message}; {run.left}", device=device, hint=hint)
    if lost:
        yield bare(run, error)
    return run.outcome(error)


def _proven(run: Run) -> bool:
    return run.evidence is not Evidence.NONE


def _try(run: Run) -> Steps[AgentError | None]:
    try:
        _prepare(run)
        yield from recover(run)
        yield from begun_anew(run, lambda: _taken(run))
    except Interrupted as error:
        if run.evidence is Evidence.NONE:
            yield run.ended(run.current, Status.FAILED, error.message)
            return error
        yield run.ended(run.current, Status.SKIPPED, "interrupted after the certificate was proven")
    except AgentError as error:
        status = _STATUS.get(run.outcome(error).result, Status.FAILED)
        yield run.ended(run.current, status, error.message)
        return error
    return None


def _taken(run: Run) -> Steps[None]:
    """Each step in its turn; ahead of one that writes, under the lock, the plan is held against what is there."""
    steps, claimed, locked = run.plan.steps, False, False
    if run.log.unfinished() is not None:
        steps, claimed, locked = (yield from claim(run, steps)), True, run.holds_locks
    while steps:
        step = steps[0]
        if not isinstance(step, Note):  # what is but said needs no time
            run.policy.check()
        if isinstance(step, Installing) and (not claimed or (locked and not run.holds_locks)):
            steps, claimed, locked = (yield from claim(run, steps)), True, run.holds_locks
            continue
        if isinstance(step, Register | RenewAuthorization):
            run.release()  # the root is proven; others need not wait for what the licensing agent does
        yield from _step(run, step)
        # What was typed at the CLI was not under a lock, so what follows it is claimed by itself.
        claimed = claimed and not (isinstance(step, ConfigureTrustpoint) and step.model is ConfigModel.NONE)
        steps = steps[1:]


def _prepare(run: Run) -> None:
    """Build every payload once, so that what the device's models refuse is known before anything is changed."""
    schema = run.session.schema
    _confirmable(run)
    for step in run.plan.steps:
        match step:
            case ConfigureTrustpoint() if step.model is not ConfigModel.NONE:
                change_of(step).content(schema)
            case Installation():
                METHODS[step.method].check(schema, step)
    if (clears := run.plan.clears) is not None:
        trustpoint.clear_request(schema, clears.trustpoint)


def _confirmable(run: Run) -> None:
    """Refuse a confirmed commit that was asked for and cannot be had, before anything is changed.

    Raises:
        CapabilityMissing: the device does not offer it, no second session can be opened, or the CLI is typed at.
    """
    edits = [step for step in run.plan.steps if isinstance(step, ConfigureTrustpoint)]
    if run.caution.commit is not CommitMode.CONFIRMED or not edits:
        return
    typed = any(step.model is ConfigModel.NONE for step in edits)
    if typed or not run.confirmable:
        why = "the lines are typed at the CLI" if typed else "it takes confirmed-commit:1.1 and a second session"
        raise CapabilityMissing(f"a confirmed commit is not possible: {why}", hint="use --commit auto or plain")


def _step(run: Run, step: Step) -> Steps[None]:
    match step:
        case ConfigureTrustpoint(model=ConfigModel.NONE):
            yield from type_trustpoint(run, step)
        case ConfigureTrustpoint():
            yield from configure(run, step)
        case Installation():
            yield from METHODS[step.method].carry_out(run, step)
        case Register():
            yield from register(run, step)
        case RenewAuthorization():
            yield from renew(run, step)
        case Note():
            if StepRecord(step.about, Status.SKIPPED, step.text) not in run.records:  # said before it was begun anew
                yield run.ended(step.about, Status.SKIPPED, step.text)


_STATUS = {Result.FAILED: Status.FAILED, Result.UNKNOWN: Status.UNKNOWN, Result.SKIPPED: Status.SKIPPED}


def _last(outcome: Outcome) -> Event:
    proof = "" if outcome.evidence is Evidence.NONE else f", by {outcome.evidence.value}"
    detail = f"{outcome.result.value}{proof}" if outcome.error is None else outcome.error.message
    return Event(outcome.device, "outcome", _STATUS.get(outcome.result, Status.DONE), detail, outcome)


def skipped(skip: Skip, address: str | None = None) -> Outcome:
    """The outcome of a device that no plan fits."""
    return Outcome(
        device=skip.device,
        result=Result.SKIPPED,
        address=address,
        release=skip.release,
        config_model=skip.config_model,
        steps=(*_failed_ways(skip), StepRecord("plan", Status.SKIPPED, skip.reason)),
        error=Failure(skip.kind, skip.reason, skip.hint),
    )


def failed(device: str, error: AgentError, address: str | None = None) -> Outcome:
    """The outcome of a device that could not even be read; nothing was changed on it."""
    return Outcome(device=device, result=Result.FAILED, address=address, error=Failure.of(error))
