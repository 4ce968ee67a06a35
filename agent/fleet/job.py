"""What is done with each router of a run: one function, whose arguments and result may go to another process."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Protocol

from agent.fleet.address import addresses
from agent.fleet.lease import Lease
from agent.fleet.rate import Limiter, Rate
from agent.fleet.record import Kind, Result
from agent.fleet.reference import Reference
from agent.fleet.target import Reach, Target
from agent.model.context import bound
from agent.model.device import Device
from agent.model.errors import AgentError, JournalError
from agent.model.outcome import Event, Failure, Outcome, Status
from agent.model.outcome import Result as PushResult
from agent.model.plan import Intent, Plan, Register, Skip
from agent.model.state import State
from agent.model.unfinished import Unfinished
from agent.netconf.retry import Policy
from agent.netconf.session import Session, connect
from agent.netconf.trace import Trace
from agent.remedy.apply import apply
from agent.remedy.assess import assess
from agent.remedy.notice import Notice
from agent.remedy.observe import observe
from agent.remedy.plan import plan
from agent.xr.ssh import Ssh

log = logging.getLogger(__name__)

BUG = "bug"
"""The kind of a failure that no error of the tree describes."""


@dataclass(frozen=True, slots=True)
class Job:
    """The same for every router of a run.

    Attributes:
        intent: what is wanted, its token left out, since a secret does not travel; ``token`` says where that is.
        notice: the field notice that ``assess`` judges by; None for the bundled one.
        run: what log records call the run.
    """

    kind: Kind
    reach: Reach = field(default_factory=Reach)
    intent: Intent = field(default_factory=Intent)
    token: Reference | None = None
    notice: Notice | None = None
    run: str | None = None


class Log(Protocol):
    """What keeps a run: a journal's ``RunLog``, or nothing."""

    def event(self, event: Event) -> None:
        """A step begins or ended; a write is kept for good before this returns, and it is sent only then."""

    def state(self, device: str, which: Literal["before", "after"], seen: Mapping[str, Any]) -> None:
        """What was read of the router before the first and after the last write."""

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
    result = Result(target.name, job.kind)
    with bound(run=job.run, device=target.name):
        try:
            device = target.device(job.reach)
            result = replace(result, address=device.address)
            with ExitStack() as stack:
                result = _Work(job, target, device, hooks).run(stack, result)
        except JournalError:
            raise
        except AgentError as error:
            log.info("%s: %s", target.name, error.message)
            result = replace(result, error=Failure.of(error))
        except Exception as error:  # noqa: BLE001 - it is told, and the other routers go on
            result = _after_bug(result, error)
    return replace(result, began=began, ended=hooks.now())


def _after_bug(result: Result, error: Exception) -> Result:
    """Where it happened, and not what it says, which may quote a secret. How far a push had come is not known."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    said = f"a bug in xr-agent: {type(error).__name__} at {Path(frame.filename).name}:{frame.lineno}"
    log.critical("%s: %s\n%s", result.device, said, "".join(traceback.format_tb(error.__traceback__)).rstrip())
    failure = Failure(BUG, said, "read the router before anything else; please report it with the traceback logged")
    if result.kind is not Kind.PUSH:
        return replace(result, error=failure)
    unknown = PushResult.UNKNOWN
    outcome = Outcome(result.device, unknown, result.address, result.release, error=failure, changed=True)
    return replace(result, outcome=outcome)


class _Work:
    """One job on one router."""

    def __init__(self, job: Job, target: Target, device: Device, hooks: Hooks) -> None:
        self._job, self._hooks, self._device = job, hooks, device
        self._jump = target.jump or job.reach.jump
        self._opening = replace(hooks.policy, deadline=job.reach.connect_wait)
        intent = target.intent(job.intent)
        self._intent = replace(intent, token=job.token.resolve()) if job.token else intent

    def run(self, stack: ExitStack, result: Result) -> Result:
        # Before anything is read, so that what is read stays true; and no session waits at the router meanwhile.
        lease = stack.enter_context(self._leased()) if self._job.kind is Kind.PUSH else None
        if lease is not None and lease.waited:
            self._hooks.event(Event(self._device.name, "lease", Status.DONE, "the other push ended"))
        session = stack.enter_context(self._first())
        ssh = stack.enter_context(self._shell()) if self._job.reach.ssh else None
        assessed = self._job.kind is Kind.ASSESS
        intent, policy = self._intent, self._hooks.policy
        state = observe(session, intent.trustpoint, policy=policy, ssh=ssh, full=assessed, trustpool=intent.has_bundle)
        result = replace(result, release=state.release)
        if assessed:
            return replace(result, verdict=assess(state, intent.anchor, self._hooks.now(), notice=self._job.notice))
        made = plan(intent, state)
        if self._job.kind is Kind.PLAN:
            return replace(result, plan=without_token(made))
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
        """The CLI and SFTP; a wish to end breaks the wait for a turn off where it would break off a connection."""

        def turn() -> None:
            self._hooks.limiter.wait(self._jump, ssh.policy)

        ssh = Ssh(self._device, self._opening, trace=self._hooks.trace, before=turn)
        return ssh

    def _first(self) -> Session:
        """The first session: until it is there a wish to end breaks it off."""
        self._hooks.limiter.wait(self._jump, self._hooks.policy)
        return self._connect(self._opening)

    def _further(self) -> Session:
        """Another one in the middle of a push, which alone decides when it may end."""
        self._hooks.limiter.wait(self._jump, self._hooks.policy.unstopped())
        return self._connect(None)

    def _connect(self, policy: Policy | None) -> Session:
        strict = self._job.reach.strict_models
        return connect(self._device, strict_models=strict, policy=policy, trace=self._hooks.trace)

    def _push(self, session: Session, ssh: Ssh | None, made: Plan | Skip, state: State, lease: Lease | None) -> Outcome:
        self._keep("before", seen(state))
        outcome: Outcome | None = None
        policy, further = self._hooks.policy, self._further
        with closing(apply(session, made, policy, connect=further, ssh=ssh, log=lease)) as events:
            for event in events:
                self._hooks.event(event)
                outcome = event.outcome or outcome
        if outcome is None:
            raise AssertionError("apply ended without an outcome")
        self._keep("after", {"evidence": outcome.evidence.value, "persistent": outcome.persistent})
        return outcome

    def _keep(self, which: Literal["before", "after"], what: Mapping[str, Any]) -> None:
        if self._hooks.log is not None:
            self._hooks.log.state(self._device.name, which, what)


def without_token(made: Plan | Skip) -> Plan | Skip:
    """A plan as it may travel and be kept: a secret does neither."""
    if isinstance(made, Skip) or made.intent.token is None:
        return made
    steps = tuple(Register(None) if isinstance(step, Register) else step for step in made.steps)
    return replace(made, intent=replace(made.intent, token=None), steps=steps)


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
