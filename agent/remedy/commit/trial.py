"""A commit on trial (RFC 6241 section 8.4): seen from a second session, confirmed by the one that holds the locks."""

from __future__ import annotations

import logging

from agent.model.errors import AgentError, Interrupted, OutcomeUnknown, RPCError, SessionLost, TransportError
from agent.model.outcome import Event, Status, Waiting
from agent.model.state import TrustpointConfig
from agent.netconf import operations
from agent.netconf.pending import Pending, Reply
from agent.netconf.query import awaited
from agent.netconf.retry import Waits
from agent.netconf.session import Session
from agent.remedy.commit.change import Change, NotCommitted, cancel, discard_edit, holds, running
from agent.remedy.commit.uncertain import Fate, answered_late, fate
from agent.remedy.run import LATE, Run, Steps
from agent.remedy.steps.verify import look_behind

log = logging.getLogger(__name__)


def confirm(run: Run, change: Change, persist: str, *, acts: bool = False) -> Steps[None]:
    """See the commit from a further session, then make it last; else take it back, or let the device do so.

    The first session confirms, since a confirming commit commits what is in the candidate by then, and it alone holds
    the locks; the second does it by the persist-id only where the first was lost. *acts* as of
    :func:`agent.remedy.commit.configure.commit`.

    Raises:
        NotCommitted: the device took it back; it may be begun anew.
        TransportError, RPCError, Interrupted: it could not be confirmed, and is taken back.
        OutcomeUnknown: what became of it could not be found out.
    """
    yield run.started_event("confirm", "once another session sees it")
    seconds = run.caution.confirm_timeout
    margin = LATE + min(LATE, seconds / 4)  # a cancel-commit is to come in time, too
    second = there = None
    try:
        second = yield from run.further((run.trial_ends or 0.0) - margin)
        there = yield from _seen(run, change, second)
    except AgentError as error:
        said = yield from _unseen(run, change, persist, second, error)
    else:
        said = yield from _confirmed(run, change, persist, second, acts=acts)
    finally:
        if second is not None and run.session is not second:
            second.close()
    _over(run)
    run.committed(change.wanted, there)
    yield run.ended("confirm", Status.DONE, f"{said}; running has '{change.line}'")


def _seen(run: Run, change: Change, second: Session) -> Waits[TrustpointConfig | None]:
    """The trustpoint as *second* sees it running, which shows as well that the router can still be reached."""
    reading = yield from running(run, change, session=second)
    if reading.answered and change.holds(reading):
        return reading.value
    said = reading.missing or "another session does not see it in running"
    raise TransportError(said)


def _confirmed(run: Run, change: Change, persist: str, second: Session, *, acts: bool) -> Steps[str]:
    pending: Pending | None = None

    def send() -> Waits[Reply]:
        nonlocal pending
        with run.session.together():
            pending = operations.send_confirm(run.session, persist=persist)
            if acts:
                look_behind(run, run.session)
        try:
            yield from awaited(pending, Waiting.CONFIGURATION)
        except GeneratorExit:
            if _ok(run, pending):  # nobody goes on with it, and what lasts by it is to be taken back
                _over(run)
                run.committed(change.wanted)
            raise
        return pending.result()

    try:
        with run.unbroken():
            yield from run.persisted("confirm", send)
        return "confirmed"
    except (OutcomeUnknown, SessionLost) as error:
        run.behind = None
        if (yield from answered_late(run, pending)) and _ok(run, pending):
            return "confirmed; answered late"
        lost: AgentError = error
    except RPCError as error:
        # No such trial any more means that it ended one way or the other.
        if _taken_back(run, persist):
            raise
        lost = error
    return (yield from _found_out(run, change, persist, second, lost))


def _unseen(run: Run, change: Change, persist: str, second: Session | None, error: AgentError) -> Steps[str]:
    """Take back what no other session sees; where the first one does not do that, find out what became of it."""
    why = yield from _withdrawn(run, change, persist, error)
    if not isinstance(why, OutcomeUnknown) or isinstance(error, Interrupted):
        raise why from error
    said = f"the commit on trial could neither be confirmed nor cancelled: {error.message}"
    return (yield from _found_out(run, change, persist, second, TransportError(said)))


def _found_out(run: Run, change: Change, persist: str, second: Session | None, lost: AgentError) -> Steps[str]:
    """In words how the trial ended, by another session; errors as of :func:`confirm`."""
    yield Event(run.plan.device, "confirm", Status.UNKNOWN, f"{lost.message}; asking on another session")
    run.abandon()
    if second is not None:
        run.adopt(second)
    found = yield from fate(run, change, persist, lost)
    if found is Fate.NOTHING:
        _over(run)
        run.changed = run.configured = run.made is not None
        said = "the device took the commit back; the configuration is as before"
        raise NotCommitted(said, hint="run push again") from lost
    return str(found.value)


def _ok(run: Run, pending: Pending | None) -> bool:
    if pending is None:
        return False
    try:
        pending.result()
    except AgentError as error:
        log.info("%s: confirm, answered late: %s", run.plan.device, error.message)
        return False
    return True


def _withdrawn(run: Run, change: Change, persist: str, error: AgentError) -> Waits[AgentError]:
    """The error of a commit that is not to be confirmed: taken back now, else by the device itself."""
    seconds = run.caution.confirm_timeout + LATE
    try:
        with run.unbroken():
            gone = cancelled(run, persist)
            stays = gone and (yield from holds(run, change, there=False))
    except AgentError as second:
        gone = stays = False
        log.info("%s: cancel-commit: %s", run.plan.device, second.message)
    if not gone:
        return OutcomeUnknown(
            f"the commit is on trial, and could neither be confirmed nor cancelled: {error.message}; the device has "
            f"{seconds:g} s to take it back by itself",
            hint="read the trustpoint after that, or push again: it does",
        )
    if stays:
        run.changed = run.configured = True
        run.committed(change.wanted)
    if isinstance(error, Interrupted):
        if not stays:
            run.undone = f"undone: the commit was taken back, and trustpoint {change.trustpoint} shows nothing of it"
        return error
    back, now = "", "its cancel-commit was answered with ok, yet running has it"
    if not stays:
        back, now = " and was taken back", "the configuration is as before"
    said = f"the commit could not be confirmed{back}: {error.message}; {now}"
    return TransportError(said, hint="run push again; without a second session: --commit plain")


def _taken_back(run: Run, persist: str) -> bool:
    """As :func:`cancelled`; False as well where that could not be asked, or the answer was lost."""
    try:
        return cancelled(run, persist)
    except AgentError as error:
        log.info("%s: cancel-commit: %s", run.plan.device, error.message)
        return False


def cancelled(run: Run, persist: str) -> bool:
    """As :func:`cancel`, of this run's own commit.

    The lock of running is given up ahead of it: there are servers that take nothing back while anybody holds it, and
    yet answer with ok.
    """
    if run.holds_locks:
        run.locks.held.remove("running")
        run.loose.append(("unlock running", operations.send_unlock(run.session, "running")))
    if not cancel(run, persist):
        return False
    _over(run)
    # There are servers that leave in the candidate what they take back, and do not count it as changed.
    discard_edit(run)
    run.changed = run.configured = run.made is not None
    return True


def _over(run: Run) -> None:
    run.on_trial = run.trial_ends = None
