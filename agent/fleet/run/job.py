"""What is done with each router of a run: one function, whose arguments and result may go to another process."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Literal, Protocol

from agent.fleet.inventory.reference import Reference
from agent.fleet.inventory.target import Reach, Target
from agent.fleet.journal.lease import Lease
from agent.fleet.results.record import Kind, Result
from agent.fleet.run.identity import addresses
from agent.fleet.run.rate import Limiter, Rate
from agent.model.context import bound
from agent.model.errors import AgentError, JournalError
from agent.model.outcome import Event, Failure, Outcome, Status, steps_of
from agent.model.outcome import Result as PushResult
from agent.model.plan import Intent, Plan, Register, Skip
from agent.model.state import State
from agent.model.unfinished import Unfinished
from agent.netconf.retry import Policy, Waits
from agent.netconf.session import Session, connect
from agent.netconf.trace import Trace
from agent.remedy.apply import apply
from agent.remedy.assess import assess_by
from agent.remedy.notices.folder import signatures_of
from agent.remedy.notices.notice import Notice
from agent.remedy.observe import observation, observe
from agent.remedy.plan import plan
from agent.xr.cli.sshport import Ssh

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
    """

    kind: Kind
    reach: Reach = field(default_factory=Reach)
    intent: Intent = field(default_factory=Intent)
    token: Reference | None = None
    notices: tuple[Notice, ...] = ()
    run: str | None = None


class Log(Protocol):
    """What keeps a run: a journal's ``RunLog``, or nothing."""

    def event(self, event: Event) -> None:
        """A step begins or ended; a write is kept for good before this returns, and it is sent only then."""

    def state(self, device: str, which: Literal["before", "after"], seen: Mapping[str, Any]) -> None:
        """What was read of the router before the first step and after the last."""

    def unfinished(self, device: str, change: Unfinished | None) -> None:
        """What is begun at the router's configuration, kept for good before this returns; None: its end is known."""


@dataclass(frozen=True)
class Hooks:
    """What the caller's process has: it stays there."""

    log: Log | None = None
    policy: Policy = field(default_factory=Policy)
    limiter: Limiter = field(default_factory=lambda: Limiter(Rate()))
    on_event: Callable[[Event], None] | None = None
    trace: Trace | None = None
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def event(self, event: Event) -> None:
        """Keep it, then show it."""
        if self.log is not None:
            self.log.event(event)
        if self.on_event is not None:
            self.on_event(event)


def perform(job: Job, target: Target, hooks: Hooks | None = None) -> Result:
    """The whole *job* on one router; every failure is in the result, a bug as well.

    Raises:
        JournalError: the run cannot be kept any more, so it must not go on.
    """
    hooks = hooks or Hooks()
    began = hooks.now()
    work = _Work(job, target, hooks)
    with bound(run=job.run, device=target.name):
        try:
            with ExitStack() as stack:
                result = work.run(stack)
        except JournalError:
            raise
        except AgentError as error:
            log.info("%s: %s", target.name, error.message)
            result = replace(work.result, error=Failure.of(error))
        except Exception as error:  # noqa: BLE001 - it is told, and the other routers go on
            result = work.after_bug(error)
    return replace(result, began=began, ended=hooks.now())


def bug(device: str, error: Exception) -> Failure:
    """A failure by *error*, logged: where it happened, and not what it says, which may quote a secret."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    said = f"a bug in xr-agent: {type(error).__name__} at {Path(frame.filename).name}:{frame.lineno}"
    log.critical("%s: %s\n%s", device, said, "".join(traceback.format_tb(error.__traceback__)).rstrip())
    return Failure(BUG, said, "read the router before anything else; please report it with the traceback logged")


class _Work:
    """One job on one router; ``result`` is what is known of it so far, ``events`` what a push did by then."""

    def __init__(self, job: Job, target: Target, hooks: Hooks) -> None:
        self._job, self._target, self._hooks = job, target, hooks
        self._jump = target.jump or job.reach.jump
        self._opening = replace(hooks.policy, deadline=job.reach.connect_wait)
        self.result = Result(target.name, job.kind)
        self.events: list[Event] = []

    def run(self, stack: ExitStack) -> Result:
        self._device = self._target.device(self._job.reach)
        self.result = replace(self.result, address=self._device.address)
        intent = self._target.intent(self._job.intent)
        self._intent = replace(intent, token=self._job.token.resolve()) if self._job.token else intent
        # Before anything is read, so that what is read stays true; and no session waits at the router meanwhile.
        lease = stack.enter_context(self._leased()) if self._job.kind is Kind.PUSH else None
        if lease is not None and lease.waited:
            self._hooks.event(Event(self._device.name, "lease", Status.DONE, "the other push ended"))
        session = stack.enter_context(self._first())
        ssh = stack.enter_context(self._shell()) if self._job.reach.ssh else None
        assessed = self._job.kind is Kind.ASSESS
        intent, policy = self._intent, self._hooks.policy
        state = observe(
            session,
            intent.trustpoint,
            policy=policy,
            ssh=ssh,
            full=assessed,
            trustpool=intent.has_bundle,
            signatures=signatures_of(self._job.notices),
        )
        result = self.result = replace(self.result, release=state.release)
        if assessed:
            notices = self._job.notices
            anchor = intent.anchor if len(notices) < 2 else None
            return replace(result, verdict=assess_by(state, notices, self._hooks.now(), anchor=anchor))
        made = plan(intent, state)
        if self._job.kind is Kind.PLAN:
            return replace(result, plan=portable(made))
        return replace(result, outcome=self._push(session, ssh, made, state, lease))

    def _leased(self) -> Lease:
        """The router for this push alone; another push of this machine is waited for."""

        def told(text: str) -> None:
            self._hooks.event(Event(self._device.name, "lease", Status.STARTED, text))

        def kept(change: Unfinished | None) -> None:
            if self._hooks.log is not None:
                self._hooks.log.unfinished(self._device.name, change)

        known_by = addresses(self._device)
        return Lease.take(known_by, run=self._job.run, policy=self._hooks.policy, told=told, kept=kept)

    def _shell(self) -> Ssh:
        """The CLI and SFTP."""
        return Ssh(self._device, self._opening, trace=self._hooks.trace, turn=self._turn)

    def _turn(self) -> float:
        return self._hooks.limiter.turn(self._jump, self._hooks.policy.clock)

    def _first(self) -> Session:
        """The first session: until it is there a wish to end breaks it off."""
        self._hooks.policy.wait(self._turn())
        return self._connect(self._opening)

    def _further(self) -> Session:
        """Another one in the middle of a push, which waits for its turn."""
        return self._connect(None)

    def _connect(self, policy: Policy | None) -> Session:
        strict = self._job.reach.strict_models
        return connect(self._device, strict_models=strict, policy=policy, trace=self._hooks.trace)

    def _push(self, session: Session, ssh: Ssh | None, made: Plan | Skip, state: State, lease: Lease | None) -> Outcome:
        self._keep("before", seen(state))
        outcome: Outcome | None = None
        policy, further, at_end = self._hooks.policy, self._further, partial(self._read_again, ssh)
        pushing = apply(session, made, policy, connect=further, turn=self._turn, ssh=ssh, log=lease, at_end=at_end)
        with closing(pushing) as events:
            for event in events:
                self.events.append(event)
                self._hooks.event(event)
                outcome = event.outcome or outcome
        if outcome is None:
            raise AssertionError("apply ended without an outcome")
        return outcome

    def _read_again(self, ssh: Ssh | None, session: Session) -> Waits[None]:
        """Keep the state as it is read behind the last step; nothing where there was none, or it cannot be read now."""
        policy = replace(self._hooks.policy, attempts=1)
        begun = any(event.status is Status.STARTED for event in self.events)
        if self._hooks.log is None or not begun or not session.connected:
            return
        try:
            policy.check()
            pool = self._intent.has_bundle
            state = yield from observation(session, self._intent.trustpoint, policy, ssh=ssh, trustpool=pool)
        except AgentError as error:
            log.info("%s: the state after the push is not known: %s", self._device.name, error.message)
            return
        self._keep("after", seen(state))

    def after_bug(self, error: Exception) -> Result:
        """The result by a bug: of a push what was done by then, and that it is not known how far it came."""
        failure, known = bug(self._target.name, error), self.result
        if self._job.kind is not Kind.PUSH:
            return replace(known, error=failure)
        outcome = Outcome(
            known.device,
            PushResult.UNKNOWN,
            known.address,
            known.release,
            steps=steps_of(self.events),
            retries=sum(event.status is Status.RETRY for event in self.events),
            error=failure,
            changed=True,
        )
        return replace(known, outcome=outcome)

    def _keep(self, which: Literal["before", "after"], what: Mapping[str, Any]) -> None:
        if self._hooks.log is not None:
            self._hooks.log.state(self._device.name, which, what)


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
