"""One push under way: its session, its record, and how its steps are repeated."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

from agent.model.caution import Caution, CommitMode
from agent.model.errors import AgentError, CapabilityMissing, OutcomeUnknown, SessionLost
from agent.model.outcome import Event, Failure, Outcome, Result, Status, StepRecord, Wait, Waiting
from agent.model.pki.certificate import Certificate, Evidence
from agent.model.plan import Plan
from agent.model.state import Enrollment, TrustpointConfig
from agent.model.steps import ClearCertificates, ConfigureTrustpoint
from agent.model.unfinished import Memory, WriteAheadLog
from agent.netconf import operations
from agent.netconf.pending import Pending
from agent.netconf.query import Behind
from agent.netconf.retry import Policy, Waits, at_once
from agent.netconf.session import Session
from agent.remedy.skips import NoLongerPlanned, WindowClosed

if TYPE_CHECKING:
    from agent.xr.cli.sshport import Ssh  # whoever only plans needs no SSH library

log = logging.getLogger(__name__)

LATE = 5.0
"""Seconds by which a device may take a commit on trial back later than announced (two to three were seen)."""
ENDLESS = 10**6
"""Tries, where a deadline is what ends them."""
PUSH = "push"
"""The step by whose name a failure goes that comes between two others, each of which has its own end."""
_LONGEST_WAIT = 5.0

T = TypeVar("T")
Opener = Callable[[], Session | Waits[Session]]
"""Opens a further session: at once, or by steps that may have to wait for their turn."""
Steps = Generator[Event | Wait, None, T]
"""What is done on a device: it yields what happens, and waits for whoever drives it to let pass, on its way to a value.

That may be another thread each time, and later than asked for.
"""


@dataclass
class Locks:
    """The locks that one session was granted; they end with it, and no other session may give them back.

    ``edited``: whether the candidate may hold an edit that this run made over that session.
    """

    session: Session | None = None
    held: list[operations.Datastore] = field(default_factory=list)
    edited: bool = False

    def forget(self) -> None:
        """None is held any more."""
        self.session, self.held, self.edited = None, [], False


@dataclass
class Run:
    """What the steps of one push share.

    Attributes:
        connect: opens a further session to the same device; without it a lost session ends the push.
        turn: takes a turn to do so; in how many seconds it comes.
        ssh: the CLI and SFTP, where they are at hand; closed by whoever gave it.
        log: keeps what was begun at the configuration until its end is known.
        window_closed: whether it is too late to begin a change.
        changed: whether the device was changed, or may have been; configured: whether its trustpoint was by this run.
        locks: the locks that this run was granted, and on which session.
        behind: the certificate as read behind the last write, ahead of the step that is to see it.
        on_trial: the persist-id of a commit that the device takes back unless it is confirmed; trial_ends: when, by the
            policy's clock.
        acted: whether an action that installs a certificate was begun.
        undo: the first change of the trustpoint's configuration that was committed, registered before its commit is
            sent; what was there before it is what a failure restores.
        before: the trustpoint ahead of it, None for none.
        made: the enrollment that this run's last commit gave the trustpoint; only that is rolled back.
        besides: what it had beside its enrollment, as read back after the first commit; None where it was not.
        clears: the certificate that this run may remove, which is the one that its first plan saw; None once it did.
        exact: whether its first plan was approved as it is.
        removed: the one that it removed, or may have; bare: whether nothing is known to have taken its place.
        left: what could not be restored, and may be on the device still; undone: how it is known that the configuration
            is as before, where this run had changed it.
        current: the step that is under way; ``plan`` before the first one, :data:`PUSH` between two.
    """

    session: Session
    plan: Plan
    policy: Policy
    connect: Opener | None = None
    ssh: Ssh | None = None
    log: WriteAheadLog = field(default_factory=Memory)
    turn: Callable[[], float] = lambda: 0.0
    window_closed: Callable[[], bool] = lambda: False
    records: list[StepRecord] = field(default_factory=list)
    retries: int = 0
    changed: bool = False
    configured: bool = False
    locks: Locks = field(default_factory=Locks)
    behind: Behind[Certificate] | None = None
    on_trial: str | None = None
    trial_ends: float | None = None
    acted: bool = False
    undo: ConfigureTrustpoint | None = None
    before: TrustpointConfig | None = None
    made: Enrollment | None = None
    besides: dict[str, object] | None = None
    clears: ClearCertificates | None = None
    exact: bool = False
    removed: Certificate | None = None
    bare: bool = False
    left: str = ""
    undone: str = ""
    evidence: Evidence = Evidence.NONE
    persistent: bool | None = None
    started: float = 0.0
    current: str = "plan"
    loose: list[tuple[str, Pending]] = field(default_factory=list)
    _reopened: Session | None = None
    _proven_on: Session | None = None

    def __post_init__(self) -> None:
        self.clears, self.exact = self.plan.clears, self.plan.exact

    def proven(self, evidence: Evidence) -> None:
        """The anchor is there, by *evidence*, over the session of now."""
        self.evidence, self._proven_on = evidence, self.session

    @property
    def lost_since_proof(self) -> bool:
        """Whether the session over which the anchor was proven ended by itself: the router may have reloaded."""
        return self._proven_on is not None and not (self._proven_on is self.session and self.session.connected)

    def undoable(self, step: ConfigureTrustpoint) -> None:
        """Register the undo ahead of the first change: what was there before it.

        A change that was not committed is none: what somebody else set since is what the next one finds.
        """
        if not self.configured:
            state = self.plan.state
            self.undo, self.before, self.besides = step, state.config.value if state else None, None

    def committed(self, enrollment: Enrollment | None, there: TrustpointConfig | None = None) -> None:
        """A commit of this run gave the trustpoint *enrollment*; *there*: as it was read back, None where it was not.

        What somebody sets besides between two commits of this run is not this run's, so the first reading counts.
        """
        self.made = enrollment
        if self.besides is None and there is not None:
            self.besides = there.further

    def is_own(self, there: TrustpointConfig | None) -> bool:
        """Whether the trustpoint is what this run's own commit left: as read back, else what was there and ours."""
        if not self.configured or there is None or there.enrollment != self.made:
            return False
        besides = self.besides
        if besides is None:
            besides = self.before.further if self.before else {}
        return there.further == besides

    def started_event(self, step: str, detail: str = "") -> Event:
        """The step begins; a failure from here on is its."""
        self.current = step
        return Event(self.plan.device, step, Status.STARTED, detail)

    def ended(self, step: str, status: Status, detail: str = "") -> Event:
        """The step ended; it goes into the outcome's steps, and what fails from here on is no longer its."""
        if step == self.current:
            self.current = PUSH
        self.records.append(StepRecord(step, status, detail))
        return Event(self.plan.device, step, status, detail)

    def retried(self, step: str, detail: str) -> Event:
        """Something is tried again."""
        self.retries += 1
        return Event(self.plan.device, step, Status.RETRY, detail)

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
        self, step: str, action: Callable[[], T], *, before_repeat: Callable[[], Steps[T | None]] | None = None
    ) -> Steps[T]:
        """As :meth:`persisted`, of an *action* that takes no steps."""
        return self.persisted(step, lambda: at_once(action), before_repeat=before_repeat)

    def persisted(
        self, step: str, action: Callable[[], Steps[T]], *, before_repeat: Callable[[], Steps[T | None]] | None = None
    ) -> Steps[T]:
        """*action* until it succeeds or the policy ends; *before_repeat* reads the state and may make it needless.

        Without it nothing opens another session, so a lost one ends the tries.
        """

        def attempt(number: int) -> Steps[T]:
            if number > 1 and before_repeat is not None and (found := (yield from before_repeat())) is not None:
                return found
            return (yield from action())

        return self.repeated(step, attempt, self.policy, never=() if before_repeat else (SessionLost,))

    def repeated(
        self,
        step: str,
        attempt: Callable[[int], Steps[T]],
        policy: Policy,
        why: Waiting = Waiting.BUSY,
        never: tuple[type[AgentError], ...] = (SessionLost,),
    ) -> Steps[T]:
        """As :meth:`Policy.repeated`, each repeat an event."""

        def told(error: AgentError) -> Steps[None]:
            log.info("%s: %s is repeated: %s", self.plan.device, step, error)
            yield self.retried(step, error.message)

        return policy.repeated(attempt, why, never=never, told=told)

    def see_in_time(self) -> None:
        """Nothing is begun behind the end of the window.

        Raises:
            WindowClosed: it is over, and nothing was changed yet.
        """
        if not self.changed and self.window_closed():
            raise WindowClosed(self.plan.device)

    def settle(self) -> None:
        """Read the answers nobody waited for (unlocks); a refusal there is said, and changes no result."""
        while self.loose:
            what, pending = self.loose.pop(0)
            try:
                pending.result()
                if what == "discard-changes" and self.trial_ends is None:
                    self.log.end()  # and nothing is on trial, or may be
            except AgentError as error:
                log.warning("%s: %s: %s", self.plan.device, what, error.message)
                self.records.append(StepRecord(what, Status.FAILED, error.message))

    @property
    def holds_locks(self) -> bool:
        """Whether the session of now lives and holds the lock of running for this run."""
        return "running" in self.locks.held and self.locks.session is self.session and self.session.connected

    def release(self) -> None:
        """Give back what is held, the candidate first emptied of an edit of ours, without waiting for the answers.

        They are read beside the next step's. A lock ends with its session, and with the candidate's lock its changes
        (RFC 6241 sections 7.5 and 8.3.4.2), so on a lost session nothing is sent, and on no other session ever.
        """
        session, held = self.locks.session, self.locks.held
        if session is not None and session.connected:
            try:
                with session.together():
                    if self.locks.edited:
                        self.loose.append(("discard-changes", operations.send_discard_changes(session)))
                    for target in reversed(held):
                        self.loose.append((f"unlock {target}", operations.send_unlock(session, target)))
            except AgentError as error:
                log.info("%s: nothing is given back on a lost session: %s", self.plan.device, error.message)
        self.locks.forget()

    def give_back(self) -> None:
        """As :meth:`release`, and wait for the answers."""
        self.release()
        self.settle()

    def abandon(self) -> None:
        """End a session of our own that did not answer as it should: with it the device drops its locks and candidate.

        A borrowed one is left open; candidate and locks are given back on it behind what it does not answer.
        """
        self.loose.clear()
        if self.locks.session is self.session and self.session.connected and not self.session.owned:
            self.release()
            self.loose.clear()
            said = "discard-changes and the unlocks wait behind what the session does not answer"
            self.records.append(StepRecord("give back", Status.UNKNOWN, said))
        self.locks.forget()
        self.session.close()

    @contextmanager
    def unbroken(self) -> Iterator[None]:
        """No cancellation breaks the block off: what was begun in it is seen through."""
        with ExitStack() as undo:
            for one in (self, self.ssh) if self.ssh else (self,):
                undo.callback(setattr, one, "policy", one.policy)
                one.policy = one.policy.unstopped()
            yield

    def further(self, deadline: float | None = None) -> Waits[Session]:
        """Another session beside the one of now, to be closed or adopted; asked for as the policy says.

        With a *deadline*, by the clock, it is asked for until then, and every few seconds also where the device limits
        new sessions, since a trial may be over in a minute. A cancellation breaks off the waits between tries, and no
        turn that was taken.

        Raises:
            AgentError: it cannot be opened, or there is nothing to open it with.
        """
        connect, policy = self.connect, self.policy
        if connect is None:
            hint = "give a connect callable, or push again on a new session"
            raise SessionLost("there is no way to open another session", hint=hint)
        if deadline is not None:
            left, slow = max(0.0, deadline - policy.clock()), min(policy.slow, _LONGEST_WAIT)
            policy = replace(policy, attempts=ENDLESS, deadline=left, longest=_LONGEST_WAIT, slow=slow)

        def attempt(_: int) -> Waits[Session]:
            yield from policy.unstopped().pause(self.turn(), Waiting.TURN)
            opened = connect()
            session = (yield from opened) if isinstance(opened, Generator) else opened
            session.in_order = session.in_order and self.session.in_order
            return session

        return (yield from policy.repeated(attempt, Waiting.SESSION))

    def pause(self, seconds: float, why: Waiting) -> Waits[None]:
        """A wait that needs no connection: where no lock hangs on those of now, whoever drives may end them."""
        free = self.connect is not None and self.session.owned and not self.locks.held and self.trial_ends is None
        return self.policy.pause(seconds, why, release=self._leave if free else None)

    def _leave(self) -> None:
        self.settle()
        self.session.close()
        if self.ssh is not None:
            self.ssh.close()

    def adopt(self, session: Session) -> None:
        """Go on over *session*, which this run opened; what it opened before is closed."""
        self.close_reopened()
        self.session = self._reopened = session

    def alive(self) -> Waits[Session]:
        """The session, reopened where it was lost and a connector is at hand.

        A device that takes no connection at the moment is asked again: once something was sent to it for as long as a
        commit on trial lasts or might, before that as the policy says.

        Raises:
            AgentError: it was lost and cannot be reopened.
        """
        if not self.session.connected:
            if self.session.owned:
                self.session.close()  # what broke it may have left the connection, and with it the locks
            end = self.trial_ends
            if end is None and self.changed:
                end = self.policy.clock() + self.caution.confirm_timeout
            self.adopt((yield from self.further(end)))
        return self.session

    def cli(self) -> Waits[Ssh]:
        """As :meth:`shell`, the connection open where that can be."""
        ssh = self.shell()
        yield from ssh.opening()
        return ssh

    def shell(self) -> Ssh:
        """The CLI and SFTP.

        Raises:
            CapabilityMissing: there is no SSH access.
        """
        if self.ssh is None:
            raise CapabilityMissing("there is no SSH access to the CLI", hint="give the push an Ssh of the device")
        return self.ssh

    def close_reopened(self) -> None:
        """Close the session that this run opened itself, if any; the caller's own stays open."""
        if self._reopened is not None:
            self._reopened.close()
            self._reopened = None

    def outcome(self, error: AgentError | None = None) -> Outcome:
        """The end of the run."""
        match error:
            case None:
                result = Result.REMEDIED if self.changed else Result.UNCHANGED
            case OutcomeUnknown():
                result = Result.UNKNOWN
            case NoLongerPlanned():
                result = Result.SKIPPED
            case _:
                result = Result.FAILED
        persistent = self.persistent
        if persistent is None and not self.changed and self.evidence is not Evidence.NONE:
            persistent = self.plan.persistent  # nothing was brought: it is as it was
        return Outcome(
            device=self.plan.device,
            result=result,
            address=self.session.address,
            release=self.plan.release,
            method=None if result is Result.UNCHANGED else self.plan.method,
            config_model=self.plan.config_model,
            evidence=self.evidence,
            persistent=persistent,
            steps=tuple(self.records),
            retries=self.retries,
            elapsed_s=round(self.policy.clock() - self.started, 3),
            error=Failure.of(error) if error else None,
            changed=self.changed,
            removed=self.removed,
        )
