"""One push under way: its session, its record, and how its steps are repeated."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from agent.model.caution import Caution, CommitMode
from agent.model.certificate import Evidence
from agent.model.errors import AgentError, CapabilityMissing, OutcomeUnknown, SessionLost
from agent.model.outcome import Event, Failure, Outcome, Result, Status, StepRecord
from agent.model.plan import ConfigureTrustpoint, Plan
from agent.model.unfinished import Memory, WriteAheadLog
from agent.netconf import operations
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
        log: keeps what was begun at the configuration until its end is known.
        changed: whether the device was changed, or may have been; configured: whether its trustpoint was by this run.
        locked: whether this run holds the locks.
        on_trial: the persist-id of a commit that the device takes back unless it is confirmed.
        acted: whether an action that installs a certificate was begun.
        undo: the first change of the trustpoint's configuration, registered before its commit is sent; what was
            there before it is what a failure restores.
        left: what that could not restore, and may be on the device still.
    """

    session: Session
    plan: Plan
    policy: Policy
    connect: Connector | None = None
    ssh: Ssh | None = None
    log: WriteAheadLog = field(default_factory=Memory)
    records: list[StepRecord] = field(default_factory=list)
    retries: int = 0
    changed: bool = False
    configured: bool = False
    locked: bool = False
    on_trial: str | None = None
    acted: bool = False
    undo: ConfigureTrustpoint | None = None
    left: str = ""
    evidence: Evidence = Evidence.NONE
    persistent: bool | None = None
    started: float = 0.0
    current: str = "plan"
    loose: list[tuple[str, Pending]] = field(default_factory=list)
    _reopened: Session | None = None
    _proven_on: Session | None = None

    def proven(self, evidence: Evidence) -> None:
        """The anchor is there, by *evidence*, over the session of now."""
        self.evidence, self._proven_on = evidence, self.session

    @property
    def lost_since_proof(self) -> bool:
        """Whether the session over which the anchor was proven ended by itself: the router may have reloaded."""
        return self._proven_on is not None and not (self._proven_on is self.session and self.session.connected)

    def started_event(self, step: str, detail: str = "") -> Event:
        """The step begins; a failure from here on is its."""
        self.current = step
        return Event(self.plan.device, step, Status.STARTED, detail)

    def ended(self, step: str, status: Status, detail: str = "") -> Event:
        """The step ended; it goes into the outcome's steps."""
        self.records.append(StepRecord(step, status, detail))
        return Event(self.plan.device, step, status, detail)

    @property
    def caution(self) -> Caution:
        """How carefully the router is changed."""
        return self.plan.intent.caution

    @property
    def trial(self) -> bool:
        """Whether a commit is one that the device takes back unless a second session confirms it."""
        if self.caution.commit is not CommitMode.AUTO:
            return self.caution.commit is CommitMode.CONFIRMED
        return self.confirmable

    @property
    def confirmable(self) -> bool:
        """Whether the device offers that, and a second session can be opened."""
        return self.connect is not None and self.session.capabilities.confirmed_commit

    def persist(
        self,
        step: str,
        action: Callable[[], T],
        *,
        before_repeat: Callable[[], T | None] | None = None,
        policy: Policy | None = None,
    ) -> Steps[T]:
        """*action* until it succeeds or the policy ends; *before_repeat* reads the state and may make it needless.

        Without it nothing opens another session, so a lost one ends the tries.
        """
        for attempt in (policy or self.policy).tries():
            with attempt:
                if attempt.number > 1 and before_repeat is not None and (found := before_repeat()) is not None:
                    return found
                return action()
            error = attempt.error
            if before_repeat is None and isinstance(error, SessionLost):
                raise error
            self.retries += 1
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

    def abandon(self) -> None:
        """End a session of our own that did not answer as it should: with it the device drops its locks and candidate.

        A borrowed one is left open; candidate and locks are given back on it behind what it does not answer.
        """
        self.loose.clear()
        if self.locked and not self.session.owned and self.session.connected:
            self._give_back()
        self.locked = False
        self.session.close()

    def _give_back(self) -> None:
        try:
            operations.send_discard_changes(self.session)
            for target in ("candidate", "running"):
                operations.send_unlock(self.session, target)
            left = "discard-changes and both unlocks wait behind what the session does not answer"
        except AgentError as error:
            left = f"the locks may be held until the borrowed session ends: {error.message}"
        self.records.append(StepRecord("give back", Status.UNKNOWN, left))

    @contextmanager
    def unbroken(self) -> Iterator[None]:
        """No wish to end breaks the block off: what was begun in it is seen through."""
        policy, self.policy = self.policy, self.policy.unstopped()
        shell = self.ssh.policy if self.ssh else None
        if self.ssh is not None:
            self.ssh.policy = self.ssh.policy.unstopped()
        try:
            yield
        finally:
            self.policy = policy
            if self.ssh is not None and shell is not None:
                self.ssh.policy = shell

    def renewed(self) -> Session:
        """A further session; the one before is closed where it is our own, and settled where it is borrowed.

        Raises:
            AgentError: it cannot be opened.
        """
        self.settle()
        if self.connect is None:
            raise SessionLost("there is no way to open another session", device=self.plan.device)
        if self.session.owned:
            self.session.close()
        self._reopen(self.connect)
        return self.session

    def _reopen(self, connect: Connector) -> None:
        self.close_reopened()
        self.session = self._reopened = self.policy.run(connect)

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
            self._reopen(self.connect)
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
            method=None if result is Result.UNCHANGED else self.plan.method,
            config_model=self.plan.config_model,
            evidence=self.evidence,
            persistent=self.persistent,
            steps=tuple(self.records),
            retries=self.retries,
            elapsed_s=round(self.policy.clock() - self.started, 3),
            error=Failure.of(error) if error else None,
            changed=self.changed,
        )
