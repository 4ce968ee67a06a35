"""Commit a change of the trustpoint under the locks that are held: edit, validate, commit, confirm, read back.

Nothing but the commit changes what is running, so a failure before it is a failure without effect, also where an answer
was lost. What is begun is kept in the write-ahead log before it is sent.
"""

from __future__ import annotations

import logging
import secrets

from agent.model.errors import (
    UNANSWERED,
    AgentError,
    JournalError,
    OutcomeUnknown,
    RPCError,
    SessionLost,
    TransportError,
)
from agent.model.outcome import Status, Waiting
from agent.model.state import TrustpointConfig
from agent.model.steps import ConfigureTrustpoint
from agent.netconf import operations
from agent.netconf.payload import Payload
from agent.netconf.pending import Pending, await_last
from agent.netconf.query import Behind, awaited
from agent.netconf.retry import Disposition, Waits, classify
from agent.netconf.yang.schema import Schema
from agent.remedy.commit.change import Change, NotCommitted, discard_edit, holds, not_committed, running, uncommitted
from agent.remedy.commit.locks import forget
from agent.remedy.commit.trial import confirm
from agent.remedy.commit.uncertain import Fate, answered_late, fate
from agent.remedy.run import LATE, Run, Steps
from agent.remedy.steps.verify import look_behind
from agent.xr import trustpoint

log = logging.getLogger(__name__)


def configure(run: Run, step: ConfigureTrustpoint) -> Steps[None]:
    """Bring the trustpoint into the running configuration; errors as of :func:`commit`."""
    run.undoable(step)
    yield from commit(run, change_of(step), acts=True)


def change_of(step: ConfigureTrustpoint) -> Change:
    """What *step* changes."""
    name, model, wanted = step.trustpoint, step.model, step.enrollment

    def content(schema: Schema) -> Payload:
        return trustpoint.config_edit(schema, model, name, wanted, replaces=step.replaces)

    return Change(name, model, step.before, wanted, content, wanted.cli)


def commit(run: Run, change: Change, *, acts: bool = False) -> Steps[None]:
    """Commit *change* and see it in the running configuration; the locks are held before, and afterwards as well.

    *acts*: an action follows, ahead of which the certificate is looked at; it is read behind what commits.

    Raises:
        NotCommitted: a session was lost, and nothing was committed.
        RPCError, SchemaError: the device or its models refuse the change; nothing was committed.
        TransportError: the commit was on trial and is taken back.
        OutcomeUnknown: what became of the commit could not be found out, or running does not show it.
    """
    yield run.started_event("edit-config", change.line)
    if run.locks.session is not run.session:
        raise not_committed(run, SessionLost("the locks ended with their session"))
    run.log.begin(change.unfinished(run))
    run.locks.edited = True
    try:
        with uncommitted(run):
            yield from run.persist("edit-config", lambda: _edit(run, change))
    except NotCommitted:
        raise
    except AgentError:
        discard_edit(run)
        raise
    said = change.model.value
    yield run.ended("edit-config", Status.DONE, f"{said}; validated" if run.session.capabilities.validate else said)
    run.policy.check()
    persist = f"xr-agent-{secrets.token_hex(16)}" if run.trial else None
    yield run.started_event("commit", f"on trial for {run.caution.confirm_timeout} s" if persist else "")
    sent = _Commit(run, change, persist, acts=acts)
    yield from _commit(run, change, persist, sent)
    if run.on_trial is not None:
        yield from confirm(run, change, run.on_trial, acts=acts)
    else:
        yield from read_back(run, change, sent.behind)
    run.log.end()


def _edit(run: Run, change: Change) -> None:
    """Edit, and validate behind it without waiting; both answers are read before anything else is sent."""
    session = run.session
    content, validate = change.content(session.schema), None
    with session.together():
        edit = operations.send_edit_config(session, content)
        try:
            validate = operations.send_validate(session) if session.capabilities.validate else None
        except SessionLost:
            edit.result()  # it is lost as well, and says so
            raise
    await_last((edit, validate))
    try:
        edit.result()
    except AgentError:
        forget(validate)
        raise
    if validate is not None:
        validate.result()


class _Commit:
    """The commit as it is sent, and sent again where the device refuses it in passing.

    On the session that holds the locks, and on no other: there the candidate may be anybody's.

    Attributes:
        pending: the try whose answer counts.
        nothing: the device had nothing left to commit, so what is running is nobody's change of ours.
        behind: what is running, read behind a commit that is not on trial.
    """

    def __init__(self, run: Run, change: Change, persist: str | None, *, acts: bool) -> None:
        self._run, self._change, self._persist, self._session = run, change, persist, run.session
        self._acts = acts
        self.behind = Behind(trustpoint.config_query(run.session.schema, change.model, change.trustpoint))
        self.pending: Pending | None = None
        self.nothing = False

    def send(self) -> Waits[str]:
        """One try, and how it went in words."""
        run, seconds = self._run, self._run.caution.confirm_timeout
        try:
            if self._persist is None:
                with self._session.together():
                    self.pending = operations.send_commit(self._session)
                    self.behind.send(self._session)
                    if self._acts:
                        look_behind(run, self._session)
            else:
                run.log.begin(self._change.unfinished(run, self._persist))
                run.trial_ends = run.policy.clock() + seconds + LATE
                self.pending = operations.send_commit_confirmed(self._session, persist=self._persist, timeout=seconds)
        except SessionLost as error:  # before anything was sent: a lost answer is an OutcomeUnknown
            run.abandon()
            raise not_committed(run, error) from error
        try:
            yield from awaited(self.pending, Waiting.CONFIGURATION)
        except GeneratorExit:
            self._seen_through()
            raise
        return self.answer()

    def _seen_through(self) -> None:
        """Nobody goes on with it: it is waited for, so that what it did can be taken back."""
        try:
            self.answer()
        except AgentError as error:
            log.info("%s: commit: %s", self._run.plan.device, error.message)
        else:
            self.took()

    def took(self) -> None:
        """It was answered, or seen, as done: what is there now is this run's, on trial or for good."""
        run = self._run
        run.locks.edited = False
        if self.nothing:
            return
        run.configured, run.on_trial = True, self._persist
        if self._persist is None:
            run.committed(self._change.wanted)

    def lasts(self) -> None:
        """It is on trial no more: what it changed is there for good."""
        self._persist = None

    def unread(self) -> None:
        """Nothing that was read behind it is to be gone by."""
        self.behind.drop()
        self._run.behind = None

    def answer(self) -> str:
        """The answer of the last try in words; errors as of :meth:`agent.netconf.session.Pending.result`."""
        if self.pending is None:
            raise AssertionError("nothing was sent")
        try:
            self.pending.result()
        except RPCError as error:
            if classify(error) is not Disposition.SUCCESS:
                raise
            self.nothing = True
            return "nothing was left to commit"
        return f"on trial for {self._run.caution.confirm_timeout} s" if self._persist else "committed"

    def seen(self) -> Waits[str | None]:
        """What a repeat is spared by: running has it although it was refused."""
        return "committed; seen in running" if (yield from holds(self._run, self._change)) else None


def _commit(run: Run, change: Change, persist: str | None, sent: _Commit) -> Steps[None]:
    """Commit; afterwards it is running, and on trial where the run says so."""
    before, run.changed = run.changed, True  # from here on until an answer says otherwise
    try:
        said = yield from _answered(run, sent)
    except (NotCommitted, JournalError):
        run.changed, run.trial_ends = before, None
        raise
    except (OutcomeUnknown, TransportError, *UNANSWERED) as error:
        run.abandon()
        sent.unread()
        found = yield from fate(run, change, persist, error)
        run.trial_ends = None
        if found is Fate.NOTHING:
            run.changed = before
            said = f"{error.message}; {found.value}, and the configuration is as before"
            raise NotCommitted(said, hint="run push again") from error
        sent.lasts()
        said = f"its answer was lost; {found.value}"
    except AgentError as error:  # refused, or cancelled between two tries
        sent.unread()
        if not (yield from _in_spite_of(run, change, error)):
            if persist is not None:
                _no_trial(run, persist)
            run.changed, run.trial_ends = before, None
            discard_edit(run)
            raise
        said = f"{error.message}; yet running has it"
    sent.took()
    if sent.nothing:
        run.changed, run.trial_ends = before, None
    yield run.ended("commit", Status.DONE, said)


def _answered(run: Run, sent: _Commit) -> Steps[str]:
    """The answer in words, also one that comes late.

    Raises:
        OutcomeUnknown: none came.
        RPCError, NotCommitted: as of :meth:`_Commit.send`.
    """
    try:
        return (yield from run.persisted("commit", sent.send, before_repeat=sent.seen))
    except OutcomeUnknown:
        if not (yield from answered_late(run, sent.pending)):
            raise
    sent.unread()  # what was sent behind it had no time of its own
    return f"{sent.answer()}; answered late"


def _no_trial(run: Run, persist: str) -> None:
    """End what a refused commit may have put on trial all the same, as two servers do."""
    try:
        operations.cancel_commit(run.session, persist=persist)
    except AgentError as error:
        log.info("%s: nothing is on trial: %s", run.plan.device, error.message)


def _in_spite_of(run: Run, change: Change, error: AgentError) -> Waits[bool]:
    """Whether the change is running although the commit was refused: a refusal proves as little as an ok."""
    if classify(error) is Disposition.REDO:
        return False
    try:
        return (yield from holds(run, change, there=False))
    except AgentError as second:
        log.info("%s: after '%s' nothing could be read: %s", run.plan.device, error.message, second.message)
        return False


def read_back(run: Run, change: Change, behind: Behind[TrustpointConfig] | None = None) -> Steps[None]:
    """Read the committed trustpoint back: a server's ok to a commit proves as little as any.

    It was read *behind* the commit; what that does not show is read again.

    Debian's netconfd 2.13 answers ok to a commit that follows a validate, and commits nothing.
    """
    yield run.started_event("read back", "configuration")
    try:
        reading = None if behind is None else (yield from behind.reading(run.session, run.policy))
        if reading is None or reading.missing is not None or not change.holds(reading):
            run.behind = None  # of before the waits that may come now
            reading = yield from running(run, change)
    except UNANSWERED as error:
        yield run.retried("read back", f"{error.message}; reading it on another session")
        run.abandon()
        reading = yield from running(run, change)
    if reading.missing is not None or not change.holds(reading):
        shown = f"'{reading.value.enrollment.cli}'" if reading.value else reading.absent("no such trustpoint")
        raise OutcomeUnknown(
            f"the commit was answered with ok, but the running configuration shows {shown}",
            hint=f"on the router: show running-config crypto ca trustpoint {change.trustpoint}",
        )
    run.committed(change.wanted, reading.value)
    yield run.ended("read back", Status.DONE, f"running has '{change.line}'")
