"""The locks of running and candidate: waited for within a bound, their holder named, the candidate's state judged."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from agent.model.errors import AgentError, LockDenied, PolicyRefused, RPCError
from agent.model.outcome import Status, Waiting
from agent.model.state import Reading
from agent.netconf import operations
from agent.netconf.monitoring import holder
from agent.netconf.pending import Pending, await_last
from agent.netconf.query import Query, collect
from agent.netconf.retry import Policy, Waits, awaits_confirmation, bare
from agent.remedy.commit.leftover import ours, same_elsewhere
from agent.remedy.run import ENDLESS, Run, Steps

log = logging.getLogger(__name__)

BOTH: tuple[operations.Datastore, ...] = ("running", "candidate")
TRIAL_WAIT = 605.0
"""Seconds for which a commit on trial of somebody else is waited out: the default confirm-timeout (RFC 6241 section
8.4.5), and what a device takes the commit back late."""

_NO_HOLDER = (None, "0")
_MODIFIED = ("modified", "uncommitted", "not committed", "not been committed", "dirty")
"""By such words servers say that a candidate is not clean, where they do not say so by their error-tag."""
_HELD_HERE = "locked by this session"
_LONGEST_WAIT = 5.0


class Dirty(PolicyRefused):
    """The candidate holds uncommitted changes that are not this run's."""


@dataclass
class Wanted:
    """Which locks, and what is read beside them, all in flight together.

    ``unsaid`` counts the refusals without a reason: one may pass, the next is taken for a candidate that is not clean.
    """

    targets: tuple[operations.Datastore, ...]
    queries: Sequence[Query[Any]] = ()
    unsaid: int = 0


def acquire(run: Run, wanted: Wanted) -> Steps[list[Reading[Any]]]:
    """Lock what is wanted on the session of now; the readings of its queries, made under the locks.

    An edit that an earlier push left in the candidate is recognised by the run's write-ahead log, and discarded.

    Raises:
        LockDenied, RPCError: somebody holds one for longer than the caution's lock_wait, or than a commit on trial may
            last; the hint names the session.
        Dirty: the candidate holds somebody else's changes.
        WindowClosed: the window ended meanwhile.
    """
    patient = replace(run.policy, attempts=ENDLESS, deadline=run.caution.lock_wait, longest=_LONGEST_WAIT)
    try:
        return (yield from _repeated(run, wanted, patient))
    except RPCError as error:
        if awaits_confirmation(error):
            return (yield from _trial_waited_out(run, wanted, error))
        if not isinstance(error, LockDenied) or error.session_id in _NO_HOLDER:
            raise
        who = holder(run.session, str(error.session_id))
        if who.listed is False:
            error.hint = f"{who} is not among the device's sessions any more: wait, and push again"
            raise
        if not run.caution.kill_lock_holder:
            error.hint = f"{who} holds it: ask whoever that is, wait longer (--lock-wait), or use --kill-lock-holder"
            raise
    run.see_in_time()
    yield run.started_event("kill-session", f"{who} holds the lock, and --kill-lock-holder asks for it")
    log.warning("%s: %s holds the lock and is killed", run.plan.device, who)
    operations.kill_session(run.session, who.session_id)
    yield run.ended("kill-session", Status.DONE, str(who))
    yield run.started_event("lock", "running and candidate")
    return (yield from _repeated(run, wanted, run.policy))


def _trial_waited_out(run: Run, wanted: Wanted, error: RPCError) -> Steps[list[Reading[Any]]]:
    """The same, where a commit on trial is in the way: it ends by itself, whoever's it is.

    There are servers that leave in the candidate what they take back, and yet grant its lock.
    """
    yield run.started_event("lock", f"somebody's commit is on trial; waiting up to {TRIAL_WAIT:g} s for its end")
    patient = replace(run.policy, attempts=ENDLESS, deadline=TRIAL_WAIT, longest=_LONGEST_WAIT)
    try:
        readings = yield from _repeated(run, wanted, patient, Waiting.TRIAL)
    except RPCError as last:
        if awaits_confirmation(last):
            last.hint = "a commit is on trial there: push again when it is confirmed or taken back"
        raise last from error
    if "candidate" not in wanted.targets or same_elsewhere(run, run.plan.intent.trustpoint):
        return readings
    yield from discard(run, "it differs from running, and a commit on trial has ended", None)
    return (yield from acquire_once(run, wanted))


def _repeated(run: Run, wanted: Wanted, policy: Policy, why: Waiting = Waiting.LOCK) -> Steps[list[Reading[Any]]]:
    def attempt(_: int) -> Waits[list[Reading[Any]]]:
        run.see_in_time()
        return acquire_once(run, wanted)

    return run.repeated("lock", attempt, policy, why)


def acquire_once(run: Run, wanted: Wanted) -> Waits[list[Reading[Any]]]:
    """One try of :func:`acquire`."""
    session = run.session
    if run.locks.session is not session:
        run.locks.forget()
    missing = [target for target in wanted.targets if target not in run.locks.held]
    run.locks.session = session
    with session.together():
        locks = [(target, operations.send_lock(session, target)) for target in missing]
        reads = [query.send(session) for query in wanted.queries]
    await_last((*(pending for _, pending in locks), *reads))
    refused = _granted(run, locks)
    if refused is not None:
        for pending in reads:
            forget(pending)
        yield from _refused(run, wanted, *refused)
        # The candidate was emptied, so what was read of it before is over.
        return (yield from acquire_once(run, wanted))
    return (yield from collect(session, wanted.queries, reads, run.policy, answers=bool(locks)))


def _refused(run: Run, wanted: Wanted, target: operations.Datastore, error: AgentError) -> Waits[None]:
    """Judge a refused lock; returns where the candidate could be emptied and then locked."""
    wanted.unsaid += bare(error)
    if target == "candidate" and _dirty(error, wanted.unsaid):
        yield from discard(run, "its lock is refused and no session is named as the holder", error)
        if _granted(run, [("candidate", operations.send_lock(run.session, "candidate"))]) is None:
            return
    run.give_back()
    raise error


def _dirty(error: AgentError, unsaid: int) -> bool:
    """Whether a refused lock of the candidate means uncommitted changes: no session holds it, yet it is not given.

    RFC 6241 section 7.5 asks for lock-denied; netconfd answers resource-denied, netopeer2 operation-failed with words,
    others without any.
    """
    if awaits_confirmation(error):
        return False
    if isinstance(error, LockDenied):
        return error.session_id in _NO_HOLDER
    said = error.message.lower()
    return isinstance(error, RPCError) and (
        "resource-denied" in error.tags or unsaid > 1 or any(word in said for word in _MODIFIED)
    )


def _granted(
    run: Run, locks: list[tuple[operations.Datastore, Pending]]
) -> tuple[operations.Datastore, AgentError] | None:
    """Collect the answers; the run holds a target from the moment its lock may have been granted."""
    refused: tuple[operations.Datastore, AgentError] | None = None
    for target, pending in locks:
        run.locks.held.append(target)
        try:
            pending.result()
        except RPCError as error:
            if _held_here(run, error):
                if not run.session.owned:
                    run.locks.held.remove(target)  # its owner's lock stays its owner's: the push works under it
                continue
            run.locks.held.remove(target)
            _give_back(run, target, error)
            refused = refused or (target, error)
        except AgentError as error:
            refused = refused or (target, error)
    return refused


def _held_here(run: Run, error: RPCError) -> bool:
    """Whether this very session holds the lock: by a try whose answer did not say so, or by who lent the session.

    Where a commit is on trial, a server may name the session-id of nobody, which can be this session's by chance.
    """
    if awaits_confirmation(error):
        return False
    if isinstance(error, LockDenied) and error.session_id is not None:
        return error.session_id == run.session.session_id
    return _HELD_HERE in error.message.lower()


def _give_back(run: Run, target: operations.Datastore, error: RPCError) -> None:
    """Unlock where the refusal does not say that another holds it: it proves as little as an ok.

    Not on a borrowed session, whose owner may hold the lock.
    """
    if run.session.owned and not isinstance(error, LockDenied) and run.session.connected:
        forget(operations.send_unlock(run.session, target))


def discard(run: Run, how: str, cause: AgentError | None) -> Waits[None]:
    """Empty a candidate that holds uncommitted changes: an earlier push's own, or by the user's word anybody's.

    Raises:
        Dirty: they are somebody else's, and the user said nothing; the locks are given back.
        WindowClosed: they are somebody else's, and it is too late to begin.
    """
    if (yield from ours(run)):
        log.warning("%s: discarding what an earlier push left in the candidate", run.plan.device)
    elif run.plan.intent.discard_foreign:
        run.see_in_time()
        log.warning("%s: discarding the uncommitted changes of somebody else", run.plan.device)
    else:
        left = run.log.unfinished()
        said = f"; trustpoint {left.trustpoint} may be in it as a push left it" if left else ""
        run.give_back()
        raise Dirty(
            f"the candidate holds uncommitted changes of somebody else: {how}{said}",
            hint="commit or discard them there, or use --discard-foreign",
        ) from cause
    operations.discard_changes(run.session)


def forget(pending: Pending | None) -> None:
    """Take an answer that no longer matters off the wire."""
    if pending is not None:
        try:
            pending.result()
        except AgentError as error:
            log.debug("not needed any more: %s", error.message)
