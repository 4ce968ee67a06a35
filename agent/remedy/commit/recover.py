"""Bring to its end what an earlier push left on trial: what is on trial is not there."""

from __future__ import annotations

from dataclasses import replace

from agent.model.errors import OutcomeUnknown, SessionLost
from agent.model.outcome import Status, Waiting
from agent.model.unfinished import Unfinished
from agent.netconf.retry import Waits
from agent.remedy.commit.change import cancel
from agent.remedy.run import LATE, Run, Steps

_TRIES = 3


def recover(run: Run) -> Steps[None]:
    """Take a commit back that an earlier push left on trial, or wait for the device to do so; then all is read anew.

    It is cancelled and not confirmed, since nobody can say what else was committed with it by now. An edit that was
    left in the candidate is recognised under the lock (:mod:`agent.remedy.commit.leftover`).

    Raises:
        SessionLost, OutcomeUnknown, Interrupted: that could not be done.
    """
    left = run.log.unfinished()
    if left is None:
        return
    run.plan = replace(run.plan, state=None)
    if left.persist is None:
        return
    yield run.started_event("recover", f"an earlier push left a commit at trustpoint {left.trustpoint} on trial")
    said = yield from _cancelled(run, left.persist)
    if said is None:
        said = yield from _waited(run, left)
    run.log.begin(replace(left, persist=None, until=None, seconds=None))
    yield run.ended("recover", Status.DONE, said)


def _cancelled(run: Run, persist: str) -> Waits[str | None]:
    """How the trial ended by our word; None where the device knows none by that name, or does not end it."""
    for number in range(1, _TRIES + 1):
        try:
            yield from run.alive()
            return "an earlier push's commit on trial was taken back" if cancel(run, persist) else None
        except (OutcomeUnknown, SessionLost):
            if number == _TRIES:
                raise
            run.abandon()
    raise AssertionError("the last try ends or raises")


def _waited(run: Run, left: Unfinished) -> Steps[str]:
    """By its end the device has taken it back, if it was not confirmed before.

    That is no later than it lasts, whatever was done to this machine's clock since.
    """
    longest = run.caution.confirm_timeout + LATE if left.seconds is None else left.seconds
    seconds = 0.0 if left.until is None else min((left.until - run.policy.now()).total_seconds(), longest)
    if seconds > 0:
        yield run.retried("recover", f"it is over in {seconds:.0f} s at the latest; waiting for that")
        yield from run.policy.pause(seconds, Waiting.TRIAL)
    return "an earlier push's commit on trial is over"
