"""What became of a commit whose answer was lost: a time-out proves nothing, and neither does a lost session.

A server may be at a commit for longer than anybody waits. Who is granted both locks on another session knows that the
one which held them is gone, and its commit over; what is running then is the truth.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from enum import Enum

from agent.model.errors import AgentError, Interrupted, OutcomeUnknown, PolicyRefused, RPCError
from agent.model.outcome import Event, Status, Waiting
from agent.netconf import operations
from agent.netconf.pending import Pending
from agent.netconf.retry import Waits
from agent.remedy.commit.change import Change, cancel, holds
from agent.remedy.commit.locks import BOTH, Wanted, acquire_once
from agent.remedy.run import Run, Steps

log = logging.getLogger(__name__)

_LOCK_TRIES = 4
_LONGEST_WAIT = 5.0


class Fate(Enum):
    """How a commit ended; the value says by what that is known."""

    NOTHING = "it did not take effect"
    CONFIRMED = "confirmed by another session"
    RUNNING = "the configuration was read back and is there"


def answered_late(run: Run, pending: Pending | None) -> Steps[bool]:
    """Wait for an answer that did not come in time, for as long as a commit on trial lasts; whether it came.

    A user who wants to end is not kept waiting: what became of it is found out at once, by another session.
    """
    if pending is None or pending.answered() or not run.session.connected:
        return False
    seconds = float(run.caution.confirm_timeout)
    said = f"no answer within {run.session.timeout:g} s; it may come yet: waiting up to {seconds:g} s more"
    yield Event(run.plan.device, pending.operation, Status.RETRY, said)
    end = run.policy.clock() + seconds
    with suppress(Interrupted):
        while not pending.answered() and run.policy.clock() < end:
            yield from run.policy.pause(1.0, Waiting.ANSWER, said)
    return pending.answered()


def fate(run: Run, change: Change, persist: str | None, lost: AgentError) -> Steps[Fate]:
    """Find out how a commit ended whose answer was *lost*, and end one on trial; within its time.

    The session that sent it was given up before; nothing breaks the search off. Where the locks were granted for it
    they are held afterwards.

    Raises:
        OutcomeUnknown: it could not be found out in that time, which the message names.
    """
    yield Event(run.plan.device, run.current, Status.UNKNOWN, f"{lost.message}; finding out what became of it")
    end = run.trial_ends or run.policy.clock() + run.caution.confirm_timeout
    # Running cannot be locked while a commit is on trial, the candidate can; who is granted it knows that it is clean.
    locks = Wanted(BOTH if persist is None else ("candidate",))
    with run.unbroken():
        policy, wait, tries, why = run.policy, run.policy.first, 0, lost.message
        while True:
            tries += 1
            try:
                yield from _reopened(run, end)
                locked = yield from _locked(run, locks)
                found = yield from _look(
                    run, change, persist, locked, patient=tries < _LOCK_TRIES, over=policy.clock() >= end
                )
            except AgentError as error:
                run.abandon()
                found, why = None, error.message
            if found is Fate.NOTHING:
                run.log.begin(change.unfinished(run))  # on trial no more; the candidate may hold it yet
            if found is not None:
                return found
            if run.connect is None or policy.clock() >= end:
                raise _unknown(run, change, persist, lost, why)
            wait = min(_LONGEST_WAIT, wait * 2)
            seconds = min(wait, max(0.0, end - policy.clock()) + 0.1)
            yield from policy.pause(seconds, Waiting.ANSWER, why)


def _reopened(run: Run, end: float) -> Waits[None]:
    """Another session than the one that did not answer; a borrowed one that still lives is left to its owner."""
    if not run.session.connected or not run.session.owned:
        run.adopt((yield from run.further(end)))


def _look(
    run: Run, change: Change, persist: str | None, locked: bool, *, patient: bool, over: bool
) -> Waits[Fate | None]:
    """What can be told now; None where nothing can. *over*: a commit on trial has ended by itself."""
    if persist is None:
        there = yield from holds(run, change, there=locked)
        return Fate.RUNNING if there else Fate.NOTHING if locked else None
    if locked:
        return (yield from _confirmed(run, change, persist, over=over))
    return Fate.NOTHING if not patient and cancel(run, persist) else None


def _confirmed(run: Run, change: Change, persist: str, *, over: bool) -> Waits[Fate | None]:
    """Confirm the commit on trial under the candidate's lock, and read what came of it.

    The candidate is discarded first, which makes it what is running: a confirming commit commits it as well (RFC 6241
    section 8.4.5.1), and where the trial is over already there are servers that take it for a plain one.
    """
    operations.discard_changes(run.session)
    try:
        operations.send_confirm(run.session, persist=persist).result()
    except RPCError as error:
        log.info("%s: confirm: %s", run.plan.device, error.message)
        # It was confirmed before, was never begun, or is over; what is running at its end tells.
        there = yield from holds(run, change, there=over)
        return Fate.NOTHING if not there else Fate.RUNNING if over else None
    return Fate.CONFIRMED if (yield from holds(run, change)) else Fate.NOTHING


def _locked(run: Run, wanted: Wanted) -> Waits[bool]:
    """Whether the locks are granted, in one try."""
    try:
        yield from acquire_once(run, wanted)
    except (RPCError, PolicyRefused) as error:
        log.info("%s: %s", run.plan.device, error.message)
        return False
    return True


def _unknown(run: Run, change: Change, persist: str | None, lost: AgentError, why: str) -> OutcomeUnknown:
    seconds = run.caution.confirm_timeout
    within = f" within {seconds} s" if run.connect is not None else ""
    besides = "" if why == lost.message else f"; {why}"
    taken = "; if it is on trial, the device is to take it back by itself" if persist else ""
    return OutcomeUnknown(
        f"{lost.message}; what became of it could not be found out{within}{besides}; it may take effect yet{taken}",
        hint=f"read trustpoint {change.trustpoint} before anything else, in {seconds} s; or push again: it does",
    )
