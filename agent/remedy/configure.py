"""Commit a change of the trustpoint: lock, edit, validate, commit, unlock, confirm, read back.

Whatever fails, candidate and locks are given back. Nothing but the commit changes what is running, so a failure before
it is a failure without effect, also where an answer was lost.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from agent.model.errors import (
    AgentError,
    Interrupted,
    OutcomeUnknown,
    ProtocolError,
    ReplyTimeout,
    RPCError,
    SessionLost,
    TransportError,
)
from agent.model.outcome import Event, Status
from agent.model.plan import ConfigureTrustpoint
from agent.model.state import ConfigModel, Enrollment, Reading, TrustpointConfig
from agent.netconf import operations
from agent.netconf.payload import Element
from agent.netconf.retry import Disposition, classify
from agent.netconf.schema import Schema
from agent.netconf.session import Session
from agent.remedy.locks import forget, lock
from agent.remedy.run import Run, Steps
from agent.xr import cliread, trustpoint
from agent.xr.query import ask_one, ask_until_there

log = logging.getLogger(__name__)

_REDOS = 2
_LATE = 5.0
"""Seconds by which a device may take a commit on trial back later than announced (two to three were seen)."""


@dataclass(frozen=True)
class Change:
    """One change of a trustpoint's configuration: what is sent, what then must be running, how it is called."""

    trustpoint: str
    model: ConfigModel
    wanted: Enrollment | None
    content: Callable[[Schema], Element]
    line: str

    def holds(self, reading: Reading[TrustpointConfig]) -> bool:
        """Whether the running configuration is as wanted."""
        return (reading.value.enrollment if reading.value else None) == self.wanted


class _NotCommitted(TransportError):
    """The session failed before the commit was sent: nothing was changed."""


def configure(run: Run, step: ConfigureTrustpoint) -> Steps[None]:
    """Bring the trustpoint into the running configuration; errors as of :func:`change`."""
    wish = Change(
        step.trustpoint,
        step.model,
        step.enrollment,
        lambda schema: trustpoint.config_edit(
            schema, step.model, step.trustpoint, step.enrollment, replaces=step.replaces
        ),
        step.diff()[-1].lstrip("+ "),
    )
    run.undo = run.undo or step
    yield from change(run, wish)
    run.configured = True


def change(run: Run, wish: Change) -> Steps[None]:
    """Commit *wish* and see it in the running configuration; begun anew where that does no harm.

    Raises:
        LockDenied, PolicyRefused: the configuration is somebody else's at the moment.
        RPCError, SchemaError: the device or its models refuse the change; nothing was committed.
        TransportError: nothing was committed, or the device took it back.
        OutcomeUnknown: the commit's answer was lost and the configuration could not be read back.
    """
    for redo in range(_REDOS + 1):
        try:
            persist = yield from _transaction(run, wish)
            yield from (_confirm(run, wish, persist) if persist else _read_back(run, wish))
            return
        except RPCError as error:
            if classify(error) is not Disposition.REDO or redo == _REDOS:
                raise
            said = "another session committed in between; edited again"
        except _NotCommitted as error:
            if run.connect is None or redo == _REDOS:
                raise
            said = f"{error.message}; begun anew on another session"
        run.retries += 1
        yield Event(run.plan.device, run.current, Status.RETRY, said)
        run.policy.wait(run.policy.first)


def _transaction(run: Run, wish: Change) -> Steps[str | None]:
    """From lock to unlock; the persist-id where the commit is on trial."""
    with ExitStack() as undo:
        discard = undo.enter_context(ExitStack())
        try:
            run.alive()
            yield run.started_event("lock", "running and candidate")
            detail = yield from lock(run, wish.model, wish.trustpoint, undo)
            yield run.ended("lock", Status.DONE, detail)
            yield run.started_event("edit-config", wish.line)
            discard.callback(_discard, run)
            yield from run.persist("edit-config", lambda: _edit(run, wish))
        except (OutcomeUnknown, ReplyTimeout, SessionLost, ProtocolError) as error:
            run.abandon()
            raise _not_committed(run, error) from error
        said = wish.model.value
        yield run.ended("edit-config", Status.DONE, f"{said}; validated" if _validates(run) else said)
        run.policy.wait(0)
        persist = f"xr-agent-{secrets.token_hex(16)}" if run.trial else None
        yield run.started_event("commit", f"on trial for {run.caution.confirm_timeout} s" if persist else "")
        said = yield from _commit(run, wish, persist)
        run.on_trial = persist
        discard.pop_all()
        yield run.ended("commit", Status.DONE, said)
    return persist


def _not_committed(run: Run, error: AgentError) -> _NotCommitted:
    return _NotCommitted(
        f"{run.current}: {error.message}; nothing was committed",
        device=run.plan.device,
        hint="push again; if it stays, look at the device's load and at the way to it",
    )


def _validates(run: Run) -> bool:
    return run.session.capabilities.validate


def _edit(run: Run, wish: Change) -> None:
    """Edit, and validate behind it without waiting; both answers are read before anything else is sent."""
    session = run.session
    edit = operations.send_edit_config(session, wish.content(session.schema))
    try:
        validate = operations.send_validate(session) if _validates(run) else None
    except SessionLost:
        edit.result()  # it is lost as well, and says so
        raise
    try:
        edit.result()
    except AgentError:
        forget(validate)
        raise
    if validate is not None:
        validate.result()


def _commit(run: Run, wish: Change, persist: str | None) -> Steps[str]:
    """Commit on the session that holds the locks, and on no other: there the candidate may be anybody's."""
    session = run.session

    def committed() -> str | None:
        return "committed; seen in running" if _holds(run, wish) else None

    def commit() -> str:
        try:
            return _send_commit(run, session, persist)
        except SessionLost as error:  # before anything was sent: a lost answer is an OutcomeUnknown
            raise _not_committed(run, error) from error

    before, run.changed = run.changed, True  # from here on until an answer says otherwise
    try:
        return (yield from run.persist("commit", commit, before_repeat=committed))
    except OutcomeUnknown as error:
        yield Event(run.plan.device, "commit", Status.UNKNOWN, f"{error.message}; reading the configuration back")
        run.abandon()
        if persist:
            return "its answer was lost"
        if _reread(run, wish, error):
            return "its answer was lost; the configuration was read back and is there"
        run.changed = before
        raise TransportError(
            "the commit's answer was lost; the configuration was read back and is as before",
            device=run.plan.device,
            hint="run push again",
        ) from error
    except RPCError as error:
        if _in_spite_of(run, wish, error):
            return f"{error.message}; yet running has it"
        run.changed = before
        raise
    except _NotCommitted:
        run.changed = before
        raise


def _send_commit(run: Run, session: Session, persist: str | None) -> str:
    """The commit, and how it went in words."""
    try:
        if persist:
            operations.commit_confirmed(session, persist=persist, timeout=run.caution.confirm_timeout)
            return f"on trial for {run.caution.confirm_timeout} s"
        operations.commit(session)
    except RPCError as error:
        if classify(error) is not Disposition.SUCCESS:
            raise
        return "nothing was left to commit"
    return "committed"


def _in_spite_of(run: Run, wish: Change, error: RPCError) -> bool:
    """Whether the change is running although the commit was refused: a refusal proves as little as an ok."""
    if classify(error) is Disposition.REDO:
        return False
    try:
        return _holds(run, wish, there=False)
    except AgentError as second:
        log.info("%s: after '%s' nothing could be read: %s", run.plan.device, error.message, second.message)
        return False


def _confirm(run: Run, wish: Change, persist: str) -> Steps[None]:
    """See a commit on trial from a further session, then make it last; else take it back, or let the device do so."""
    seconds = run.caution.confirm_timeout
    end = run.policy.clock() + seconds + _LATE
    yield run.started_event("confirm", "on another session")
    try:
        run.renewed()
        there = _holds(run, wish)
    except AgentError as error:
        raise OutcomeUnknown(
            f"the commit is on trial, and could not be confirmed: {error.message}; the device takes it back by itself "
            f"within {seconds + _LATE:g} s",
            device=run.plan.device,
            hint="push again after that",
        ) from error
    if not there:
        cancelled(run, persist)
        raise TransportError(
            "the commit on trial is not in the running configuration, which is as before",
            device=run.plan.device,
            hint="run push again",
        )
    try:
        said = yield from _make_last(run, wish, persist, end)
    except (RPCError, Interrupted) as error:
        if cancelled(run, persist):
            raise
        # No such trial any more, so it ended one way or the other.
        if not _lasts(run, wish, end, error):
            raise
        said = f"{error.message}; seen in running after the time-out"
    run.on_trial = None
    yield run.ended("confirm", Status.DONE, f"{said}; running has '{wish.line}'")


def _make_last(run: Run, wish: Change, persist: str, end: float) -> Steps[str]:
    """The confirming commit; where its answer is lost it is sent again, which confirms nothing twice.

    Refused then, the trial is over: what is running after the device would have taken it back tells how it ended.
    """
    try:
        yield from run.persist("confirm", lambda: operations.confirm(run.session, persist=persist))
        return "confirmed"
    except (OutcomeUnknown, SessionLost) as error:
        yield Event(run.plan.device, "confirm", Status.UNKNOWN, f"{error.message}; asking on another session")
        run.abandon()
        lost: AgentError = error
    try:
        run.renewed()
        operations.confirm(run.session, persist=persist)
        return "confirmed at the second time of asking"
    except RPCError:
        lasts = _lasts(run, wish, end, lost)
    except AgentError as second:
        raise OutcomeUnknown(
            f"{lost.message}; {second.message}; if it is not confirmed, the device takes the commit back by itself",
            device=run.plan.device,
            hint="push again after that",
        ) from second
    if not lasts:
        raise TransportError(
            "the device took the commit back; the configuration is as before",
            device=run.plan.device,
            hint="run push again",
        ) from lost
    return "confirmed; seen in running after the time-out"


def _lasts(run: Run, wish: Change, end: float, error: AgentError) -> bool:
    """Whether the change is running at *end*, when the device would have taken it back."""
    run.policy.unstopped().wait(max(0.0, end - run.policy.clock()))
    lasts = _reread(run, wish, error)
    run.changed = lasts or run.configured
    return lasts


def cancelled(run: Run, persist: str) -> bool:
    """Whether the device took the commit on trial back; where it knows no such trial, that is over already."""
    try:
        operations.cancel_commit(run.session, persist=persist)
    except RPCError as error:
        log.info("%s: cancel-commit: %s", run.plan.device, error.message)
        return False
    run.on_trial, run.changed = None, run.configured
    return True


def _reread(run: Run, wish: Change, error: AgentError) -> bool:
    try:
        return _holds(run, wish)
    except AgentError as second:
        raise OutcomeUnknown(
            f"the commit's answer was lost, and the configuration could not be read back: {second.message}",
            device=run.plan.device,
            hint=f"read trustpoint {wish.trustpoint} before anything else",
        ) from error


def running(run: Run, name: str, model: ConfigModel, *, there: bool = True) -> Reading[TrustpointConfig]:
    """The committed trustpoint: by the model, else over the CLI where that is at hand; *there*: it is expected."""
    session = run.alive()
    query = trustpoint.config_query(session.schema, model, name)
    reading = ask_until_there(session, query, run.policy) if there else ask_one(session, query, run.policy)
    if reading.missing is not None and run.ssh is not None:
        return cliread.config(run.ssh, name)
    return reading


def _holds(run: Run, wish: Change, *, there: bool = True) -> bool:
    reading = running(run, wish.trustpoint, wish.model, there=there and wish.wanted is not None)
    if reading.missing is not None:
        raise SessionLost(reading.missing, device=run.plan.device)
    return wish.holds(reading)


def _read_back(run: Run, wish: Change) -> Steps[None]:
    """Read the committed trustpoint back, beside the unlocks: a server's ok to a commit proves as little as any.

    Debian's netconfd 2.13 answers ok to a commit that follows a validate, and commits nothing.
    """
    yield run.started_event("read back", "configuration")
    reading = running(run, wish.trustpoint, wish.model, there=wish.wanted is not None)
    run.settle()
    if reading.missing is not None or not wish.holds(reading):
        shown = reading.missing or (f"'{reading.value.enrollment.cli}'" if reading.value else "no such trustpoint")
        raise OutcomeUnknown(
            f"the commit was answered with ok, but the running configuration shows {shown}",
            device=run.plan.device,
            hint=f"on the router: show running-config crypto ca trustpoint {wish.trustpoint}",
        )
    yield run.ended("read back", Status.DONE, f"running has '{wish.line}'")


def _discard(run: Run) -> None:
    if not run.session.connected:
        return  # the device discards and unlocks by itself when the session ends (RFC 6241 sections 7.5 and 8.3.4.2)
    try:
        operations.discard_changes(run.session)
    except AgentError as error:
        log.warning("%s: the candidate may still hold the change: %s", run.plan.device, error.message)
