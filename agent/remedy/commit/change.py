"""One change of a trustpoint's configuration, and whether it is running."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from agent.model.errors import UNANSWERED, AgentError, OutcomeUnknown, RPCError, SessionLost, TransportError
from agent.model.outcome import Status, Waiting
from agent.model.state import ConfigModel, Enrollment, Reading, TrustpointConfig
from agent.model.unfinished import Unfinished
from agent.netconf import operations
from agent.netconf.payload import Payload
from agent.netconf.query import ask_one, ask_until_there
from agent.netconf.retry import Disposition, Waits, classify
from agent.netconf.session import Session
from agent.netconf.yang.schema import Schema
from agent.remedy import read
from agent.remedy.run import LATE, Run, Steps
from agent.xr import trustpoint

log = logging.getLogger(__name__)

_REDOS = 2


@dataclass(frozen=True)
class Change:
    """What is sent, what was and then must be running, how it is called."""

    trustpoint: str
    model: ConfigModel
    before: Enrollment | None
    wanted: Enrollment | None
    content: Callable[[Schema], Payload]
    line: str

    def holds(self, reading: Reading[TrustpointConfig]) -> bool:
        """Whether the running configuration is as wanted."""
        return (reading.value.enrollment if reading.value else None) == self.wanted

    def unfinished(self, run: Run, persist: str | None = None) -> Unfinished:
        """What the write-ahead log keeps of it; with *persist* once its commit on trial is about to be sent."""
        seconds = run.caution.confirm_timeout + LATE if persist else None
        until = run.policy.now() + timedelta(seconds=seconds) if seconds else None
        before, wanted = (None if one is None else one.cli for one in (self.before, self.wanted))
        return Unfinished(self.trustpoint, before, wanted, persist, until, seconds)


class NotCommitted(TransportError):
    """The session failed, and nothing of the change is running or will be: it may be begun anew."""


@contextmanager
def uncommitted(run: Run) -> Iterator[None]:
    """A session lost inside the block, ahead of any commit, costs nothing but what was done over it.

    Raises:
        NotCommitted: it was lost; it is given up, and with it its locks.
    """
    try:
        yield
    except (OutcomeUnknown, *UNANSWERED) as error:
        run.abandon()
        raise not_committed(run, error) from error


def not_committed(run: Run, error: AgentError) -> NotCommitted:
    """The session was lost by *error* in the step of now."""
    hint = "push again; if it stays, look at the device's load and at the way to it"
    return NotCommitted(f"{run.current}: {error.message}; nothing was committed", hint=hint)


def begun_anew(run: Run, attempt: Callable[[], Steps[None]]) -> Steps[None]:
    """*attempt*, from its beginning again where nothing of it was committed.

    So it is where a session was lost, or another one committed in between (XR: 0x41866c00).
    """
    for redo in range(_REDOS + 1):
        try:
            return (yield from attempt())
        except RPCError as error:
            if classify(error) is not Disposition.REDO or redo == _REDOS:
                raise
            said = "another session committed in between; begun anew"
        except NotCommitted as error:
            if run.connect is None or redo == _REDOS:
                raise
            said = f"{error.message}; begun anew on another session"
        yield run.retried(run.current, said)
        run.give_back()
        yield from run.policy.pause(run.policy.first, Waiting.BUSY, said)


def cancel(run: Run, persist: str) -> bool:
    """Whether the device took the commit on trial back; where it knows no such trial, that is over already."""
    try:
        operations.cancel_commit(run.session, persist=persist)
    except RPCError as error:
        log.info("%s: cancel-commit: %s", run.plan.device, error.message)
        return False
    return True


def discard_edit(run: Run) -> None:
    """Empty the candidate of our edit under the locks that are held; a lost session does so by itself."""
    session = run.session
    if run.locks.session is not session or not session.connected:
        return
    try:
        operations.discard_changes(session)
    except AgentError as error:
        said = f"the candidate may still hold the change: {error.message}"
        log.warning("%s: %s", run.plan.device, said)
        run.ended("discard-changes", Status.FAILED, said)
        return
    run.locks.edited = False
    run.log.end()


def running(
    run: Run, change: Change, *, there: bool = True, session: Session | None = None
) -> Waits[Reading[TrustpointConfig]]:
    """The committed trustpoint: by the model, else over the CLI where that is at hand.

    *there*: *change* is expected to be running, so where it leaves a trustpoint an empty answer is asked for again.
    *session*: by which, instead of the run's own.
    """
    session = session or (yield from run.alive())
    query = trustpoint.config_query(session.schema, change.model, change.trustpoint)
    ask = ask_until_there if there and change.wanted is not None else ask_one
    return (yield from read.config(run.ssh, change.trustpoint, (yield from ask(session, query, run.policy))))


def holds(run: Run, change: Change, *, there: bool = True, session: Session | None = None) -> Waits[bool]:
    """Whether *change* is running; as :func:`running`.

    Raises:
        AgentError: it cannot be read.
    """
    reading = yield from running(run, change, there=there, session=session)
    if reading.missing is not None:
        raise SessionLost(reading.missing)
    return change.holds(reading)
