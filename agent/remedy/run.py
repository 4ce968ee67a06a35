"""One push under way: its session, its record, and how its steps are repeated."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import TypeVar

from agent.model.certificate import Evidence
from agent.model.errors import AgentError, CapabilityMissing, OutcomeUnknown, SessionLost
from agent.model.outcome import Event, Failure, Outcome, Result, Status, StepRecord
from agent.model.plan import Plan
from agent.netconf.retry import Policy
from agent.netconf.session import Connector, Pending, Session
from agent.xr.ssh import Ssh

log = logging.getLogger(__name__)

T = TypeVar("T")
Steps = Generator[Event, None, T]


@dataclass
class Run:
    """What the steps of one push share.

    Attributes:
        connect: opens a further session to the same device; without it a lost session ends the push.
        ssh: the CLI and SFTP, where they are at hand; closed by whoever gave it.
        changed: whether the device was changed, or may have been; configured: whether its trustpoint was by this run.
    """

    session: Session
    plan: Plan
    policy: Policy
    connect: Connector | None = None
    ssh: Ssh | None = None
    records: list[StepRecord] = field(default_factory=list)
    retries: int = 0
    changed: bool = False
    configured: bool = False
    evidence: Evidence = Evidence.NONE
    persistent: bool | None = None
    started: float = 0.0
    current: str = "plan"
    loose: list[tuple[str, Pending]] = field(default_factory=list)
    _reopened: Session | None = None

    def started_event(self, step: str, detail: str = "") -> Event:
        """The step begins; a failure from here on is its."""
        self.current = step
        return Event(self.plan.device, step, Status.STARTED, detail)

    def ended(self, step: str, status: Status, detail: str = "") -> Event:
        """The step ended; it goes into the outcome's steps."""
        self.records.append(StepRecord(step, status, detail))
        return Event(self.plan.device, step, status, detail)

    def persist(
        self, step: str, action: Callable[[], T], *, before_repeat: Callable[[], T | None] | None = None
    ) -> Steps[T]:
        """*action* until it succeeds or the policy ends; *before_repeat* reads the state and may make it needless."""
        for attempt in self.policy.tries():
            with attempt:
                if attempt.number > 1 and before_repeat is not None and (found := before_repeat()) is not None:
                    return found
                return action()
            self.retries += 1
            error = attempt.error
            log.info("%s: %s is repeated: %s", self.plan.device, step, error)
            yield Event(self.plan.device, step, Status.RETRY, error.message if error else "")
        raise AssertionError("the policy neither returned nor raised")

    def settle(self) -> None:
        """Read the answers nobody waited for (unlocks); a refusal there is said, and changes no result."""
        while self.loose:
            what, pending = self.loose.pop(0)
            try:
                pending.result()
            except AgentError as error:
                log.warning("%s: %s: %s", self.plan.device, what, error.message)
                self.records.append(StepRecord(what, Status.FAILED, error.message))

    def alive(self) -> Session:
        """The session, reopened where it was lost and a connector is at hand.

        Raises:
            AgentError: it was lost and cannot be reopened.
        """
        if not self.session.connected:
            if self.connect is None:
                raise SessionLost(
                    "the session was lost and there is no way to open another",
                    device=self.plan.device,
                    hint="give a connect callable, or push again on a new session",
                )
            self.close_reopened()
            self.session = self._reopened = self.connect()
        return self.session

    def shell(self) -> Ssh:
        """The CLI and SFTP.

        Raises:
            CapabilityMissing: there is no SSH access.
        """
        if self.ssh is None:
            raise CapabilityMissing(
                "there is no SSH access to the CLI", device=self.plan.device, hint="give the push an Ssh of the device"
            )
        return self.ssh

    def close_reopened(self) -> None:
        """Close the session that this run opened itself, if any; the caller's own stays open."""
        if self._reopened is not None:
            self._reopened.close()
            self._reopened = None

    def outcome(self, error: AgentError | None = None) -> Outcome:
        """The end of the run."""
        if error is not None:
            result = Result.UNKNOWN if isinstance(error, OutcomeUnknown) else Result.FAILED
        else:
            result = Result.REMEDIED if self.changed else Result.UNCHANGED
        return Outcome(
            device=self.plan.device,
            result=result,
            address=self.session.address,
            release=self.plan.release,
            method=self.plan.method,
            config_model=self.plan.config_model,
            evidence=self.evidence,
            persistent=self.persistent,
            steps=tuple(self.records),
            retries=self.retries,
            elapsed_s=round(self.policy.clock() - self.started, 3),
            error=Failure.of(error) if error else None,
        )
