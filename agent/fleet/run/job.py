"""What is done with each router of a run: one function, whose arguments and result may go to another process."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from agent.fleet.inventory.reference import Reference
from agent.fleet.inventory.target import Reach, Target
from agent.fleet.planfile import drift
from agent.fleet.results.basis import basis
from agent.fleet.results.objects import certificate_object, plain
from agent.fleet.results.record import Kind, Result
from agent.fleet.run.router import Hooks, Router, Which
from agent.model.errors import AgentError, Interrupted, JournalError
from agent.model.masking.logged import textless
from agent.model.outcome import Event, Failure, Outcome, Status, Wait, steps_of
from agent.model.outcome import Result as PushResult
from agent.model.plan import Intent, Plan, Skip, Verdict
from agent.model.state import ConfigModel, State
from agent.model.steps import Register
from agent.model.telemetry.spans import Carrier, Span, came
from agent.model.unfinished import Unfinished
from agent.netconf.retry import Policy, Waits, completed, relayed
from agent.netconf.session import Session
from agent.remedy.apply import carry_out, skipped
from agent.remedy.assess import assess_by, deadlines_of
from agent.remedy.check.points import checked
from agent.remedy.check.preflight import preflight
from agent.remedy.lease.lease import Lease
from agent.remedy.notices.folder import signatures_of
from agent.remedy.notices.notice import Notice
from agent.remedy.observe import observation
from agent.remedy.plan import plan
from agent.remedy.skips import WindowClosed
from agent.ssh.settings.identity import addresses

log = logging.getLogger(__name__)

BUG = "bug"
"""The kind of a failure that no error of the tree describes."""
BUGS_IN_TURN = 3
"""Routers in turn that ran into a bug: the next one would as well, so a run ends."""


@dataclass(frozen=True, slots=True)
class Job:
    """The same for every router of a run.

    Attributes:
        intent: what is wanted, its token left out, since a secret does not travel; ``token`` says where that is.
        notices: the field notices that ``assess`` judges by, several each by its own root; none for the bundled one.
        run: what log records call the run.
        below: the span of the run, for a process that is not its own.
    """

    kind: Kind
    reach: Reach = field(default_factory=Reach)
    intent: Intent = field(default_factory=Intent)
    token: Reference | None = None
    notices: tuple[Notice, ...] = ()
    run: str | None = None
    below: Carrier = ()


def perform(job: Job, target: Target, hooks: Hooks | None = None) -> Result:
    """As :func:`performed`, its waits slept by the policy of *hooks*."""
    hooks = hooks or Hooks()
    return completed(performed(job, target, hooks), hooks.policy)


def performed(job: Job, target: Target, hooks: Hooks) -> Waits[Result]:
    """The whole *job* on one router; every failure is in the result, a bug as well.

    A KeyboardInterrupt is in the result, too, where it broke off reading; later it is raised.

    Raises:
        JournalError: the run cannot be kept any more, so it must not go on.
    """

    span = Span(f"{job.kind.value} router", job.below, device=target.name, run=job.run)

    def at_work() -> AbstractContextManager[None]:
        hooks.on_wait(target.name, None)
        return span.current(run=job.run, device=target.name)

    def waits(wait: Wait) -> bool:
        hooks.on_wait(target.name, wait)
        return False

    with span:
        result = yield from relayed(_performed(job, target, hooks), around=at_work, done=waits)
        _ended(span, result)
    return result


def _ended(span: Span, result: Result) -> None:
    if result.outcome is not None:
        came(span, result.outcome)
    else:
        failure = result.failure
        span.say(outcome=result.word, release=result.release, error=failure.kind if failure else None)
        span.end(failure.message if failure else None)


def _performed(job: Job, target: Target, hooks: Hooks) -> Waits[Result]:
    began, work = hooks.now(), _Work(job, target, hooks)
    try:
        with ExitStack() as stack:
            result = yield from work.steps(stack)
    except JournalError:
        raise
    except AgentError as error:
        log.info("%s: %s", target.name, error.message)
        hooks.on_error(error)
        reading = isinstance(error, Interrupted) and not work.writing
        result = replace(work.result, error=broken_off(error.hint) if reading else Failure.of(error))
    except KeyboardInterrupt:
        if work.writing:
            raise
        result = replace(work.result, error=broken_off())
    except Exception as error:  # noqa: BLE001 - it is told, and the other routers go on
        result = work.after_bug(error)
    return replace(result, began=began, ended=hooks.now())


def broken_off(hint: str | None = None) -> Failure:
    """What a router has to say that was only read, or not yet, when the user interrupted."""
    return Failure(Interrupted.kind, "interrupted; nothing was changed, nothing is locked", hint)


def bug(device: str, error: Exception) -> Failure:
    """A failure by *error*, logged: where it happened, and not what it says, which may quote a secret."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    said = f"a bug in xr-agent: {type(error).__name__} at {Path(frame.filename).name}:{frame.lineno}"
    log.critical("%s: %s", device, said, exc_info=textless(error))
    return Failure(BUG, said, "read the router before anything else; please report it with the traceback logged")


class _Work:
    """One job on one router.

    Attributes:
        result: what is known of it so far.
        events: what a push did by then; writing: whether it began to.
    """

    def __init__(self, job: Job, target: Target, hooks: Hooks) -> None:
        self._job, self._target, self._hooks = job, target, hooks
        self.result = Result(target.name, job.kind)
        self.events: list[Event] = []
        self.writing = False

    def steps(self, stack: ExitStack) -> Waits[Result]:
        """Observe, then what the kind of the job asks for."""
        self._router = router = Router(self._target, self._job.reach, self._hooks)
        self.result = replace(self.result, address=router.device.address)
        intent = self._target.intent(self._job.intent)
        token, stop = self._job.token, self._hooks.policy.stop
        self._intent = replace(intent, token=token.resolve(stop=stop)) if token else intent
        if self._job.kind is Kind.CHECK:
            return (yield from self._checked(stack))
        approved = self._target.approved
        if approved is not None and (nothing := drift.unplanned(router.device.name, approved)) is not None:
            return self._left_alone(nothing)
        approve = self._hooks.approve if self._job.kind is Kind.PUSH else None
        # Before anything is read, so that what is read stays true; and no session waits at the router meanwhile. But
        # nobody is kept waiting by somebody who is asked.
        lease = (yield from self._leased(stack))[0] if self._job.kind is Kind.PUSH and approve is None else None
        session = stack.enter_context((yield from self._first()))
        self._ssh = stack.enter_context(router.shell())
        state = yield from self._observed(session, self._hooks.policy)
        if self._job.kind is Kind.ASSESS:
            return replace(self.result, verdict=self._judged(state))
        made = yield from self._planned(session, state)
        if self._job.kind is Kind.PLAN:
            return replace(self.result, plan=portable(made))
        if approve is not None and isinstance(made, Plan) and made and not approve(made):
            declined = Failure("declined", "not confirmed; nothing was changed")
            return replace(self.result, outcome=_outcome(self.result, made, PushResult.SKIPPED, declined))
        if lease is None:
            lease, waited = yield from self._leased(stack)
            session = session if session.connected else stack.enter_context((yield from router.first()))
            if waited:
                state = yield from self._observed(session, self._hooks.policy)
                made = yield from self._planned(session, state)
        if isinstance(made, Plan) and made and self._window_closed():
            late = Failure.of(WindowClosed(router.device.name))
            return replace(self.result, outcome=_outcome(self.result, made, PushResult.SKIPPED, late))
        return replace(self.result, outcome=(yield from self._pushed(session, made, state, lease)))

    def _window_closed(self) -> bool:
        """Whether the router's window is over."""
        until = self._target.until
        return until is not None and self._hooks.now() >= until

    def _left_alone(self, why: Skip) -> Result:
        if self._job.kind is Kind.PLAN:
            return replace(self.result, plan=why)
        return replace(self.result, outcome=skipped(why, self.result.address))

    def _first(self) -> Waits[Session]:
        session = yield from self._router.first()
        self.result = replace(self.result, legacy_ssh=session.legacy_ssh)
        return session

    def _checked(self, stack: ExitStack) -> Waits[Result]:
        router, policy = self._router, self._hooks.policy
        ssh = stack.enter_context(router.shell())
        found = yield from checked(router.device, self._first, ssh, self._intent, policy, turn=router.turn)
        return replace(self.result, check=found, release=found.release)

    def _observed(self, session: Session, policy: Policy) -> Waits[State]:
        judged_by = signatures_of(self._job.notices) if self._job.kind is Kind.ASSESS else None
        name, pool = self._intent.trustpoint, self._intent.has_bundle
        state = yield from observation(session, name, policy, ssh=self._ssh, judged_by=judged_by, trustpool=pool)
        due = () if self.result.due else deadlines_of(state.licensing.value)
        self.result = replace(self.result, release=state.release, due=self.result.due or due)
        return state

    def _planned(self, session: Session, state: State) -> Waits[Plan | Skip]:
        """The plan, what it needs beside NETCONF tried; held against what was approved, where anything was."""
        made = yield from preflight(plan(self._intent, state), state, self._ssh, session, self._hooks.policy)
        if self._job.kind is Kind.PLAN:
            self.result = replace(self.result, basis=basis(state))
        approved = self._target.approved
        return made if approved is None else drift.held(approved, made, state)

    def _judged(self, state: State) -> Verdict:
        notices = self._job.notices
        return assess_by(state, notices, self._hooks.now(), anchor=self._intent.anchor if len(notices) < 2 else None)

    def _leased(self, stack: ExitStack) -> Waits[tuple[Lease, bool]]:
        """The router for this push alone, and whether another one, of this machine or beyond, was waited for."""
        device, hooks = self._router.device, self._hooks

        def told(text: str) -> None:
            self._tell(Event(device.name, "lease", Status.STARTED, text))

        def kept(change: Unfinished | None) -> None:
            if hooks.log is not None:
                with self._router.fenced():
                    hooks.log.unfinished(device.name, change)

        known_by = addresses(device, path=self._router.path)
        held, beyond = yield from hooks.alone(known_by, hooks.policy, told)
        stack.enter_context(held)
        taken = Lease.taken(known_by, run=self._job.run, policy=hooks.policy, told=told, kept=kept)
        lease = stack.enter_context((yield from taken))
        if waited := beyond or lease.waited:
            self._tell(Event(device.name, "lease", Status.DONE, "the other push ended"))
        return lease, waited

    def _tell(self, event: Event) -> None:
        with self._router.fenced():
            self._hooks.event(event)

    def _pushed(self, session: Session, made: Plan | Skip, state: State, lease: Lease) -> Waits[Outcome]:
        self._keep("before", seen(state))
        if isinstance(made, Plan) and made.clears is not None:
            self._keep("held", plain(certificate_object(made.clears.held)))
        self._hooks.begins(replace(self.result, plan=made))
        self.writing = True
        pushing = carry_out(
            session,
            made,
            self._hooks.policy,
            connect=self._router.opened,
            turn=self._router.turn,
            window_closed=self._window_closed,
            ssh=self._ssh,
            log=lease,
            at_end=self._read_again,
        )

        def told(step: Event | Wait) -> bool:
            if isinstance(step, Event):
                self.events.append(step)
                try:
                    self._tell(step)
                except BaseException:
                    pushing.close()  # what is raised ends the push, it is no failure of its step
                    raise
            return isinstance(step, Event)

        return (yield from cast("Waits[Outcome]", relayed(pushing, done=told)))

    def _read_again(self, session: Session) -> Waits[None]:
        """Keep the state as it is read behind the last step; nothing where there was none, or it cannot be read now."""
        policy = replace(self._hooks.policy, attempts=1)
        begun = any(event.status is Status.STARTED for event in self.events)
        if self._hooks.log is None or not begun or not session.connected:
            return
        try:
            policy.check()
            state = yield from self._observed(session, policy)
        except AgentError as error:
            log.info("%s: the state after the push is not known: %s", self._target.name, error.message)
            return
        self._keep("after", seen(state))

    def after_bug(self, error: Exception) -> Result:
        """The result by a bug: of a push what was done by then, and that it is not known how far it came."""
        failure = bug(self._target.name, error)
        if self._job.kind is not Kind.PUSH:
            return replace(self.result, error=failure)
        return replace(self.result, outcome=ended_early(self.result, self.events, failure))

    def _keep(self, which: Which, what: Mapping[str, Any]) -> None:
        if self._hooks.log is not None:
            self._hooks.log.state(self._target.name, which, what)


def ended_early(known: Result, events: Sequence[Event], failure: Failure) -> Outcome:
    """The outcome of a push that ended by *failure* in mid-step: what was done by then; the rest is unknown."""
    retries = sum(event.status is Status.RETRY for event in events)
    outcome = _outcome(known, known.plan, PushResult.UNKNOWN, failure)
    return replace(outcome, steps=steps_of(events), retries=retries, changed=True)


def _outcome(known: Result, made: Plan | Skip | None, result: PushResult, failure: Failure) -> Outcome:
    return Outcome(
        known.device,
        result,
        known.address,
        known.release,
        method=made.method if isinstance(made, Plan) else None,
        config_model=made.config_model if made is not None else ConfigModel.NONE,
        error=failure,
    )


def portable(made: Plan | Skip) -> Plan | Skip:
    """A plan as it may travel and be kept: a secret does neither, and what was read of the router is too much."""
    if isinstance(made, Skip):
        return made
    steps = tuple(Register(None) if isinstance(step, Register) else step for step in made.steps)
    return replace(made, intent=replace(made.intent, token=None), steps=steps, state=None)


def seen(state: State) -> dict[str, Any]:
    """What a journal keeps of a state: enough to tell later what was changed."""
    config, certificate, licence = state.config.value, state.certificate.value, state.licensing.value
    return {
        "enrollment": config.enrollment.cli if config else None,
        "certificate": certificate.name if certificate else None,
        "sha1": certificate.sha1 if certificate else None,
        "registration": licence.registration.value if licence and licence.registration else None,
        "authorization": licence.authorization.value if licence and licence.authorization else None,
        "last_contact": licence.last_comm_time.text if licence and licence.last_comm_time else None,
    }
