"""How far a push that proved the root came with the renewal of the licence."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from agent.fleet.results.structs import Step
from agent.model.method import Method
from agent.model.outcome import Status, StepRecord

INSTALLING = tuple({method.action for method in Method if method.action})
"""The steps that may bring the root."""


class Renewal(Enum):
    """What of the renewal is open; the value says it to people.

    DUE: it was not asked for, or refused; UNKNOWN: its answer was lost; UNSEEN: it was accepted, and the device has
    not shown a newer contact with the licensing server.
    """

    DUE = "licence is not renewed"
    UNKNOWN = "licence may not be renewed"
    UNSEEN = "licence is renewed, contact not seen yet"

    @property
    def owed(self) -> bool:
        """Whether a resumed push asks for it once more."""
        return self is not Renewal.UNSEEN


_ASKED = {Status.DONE: Renewal.UNSEEN, Status.FAILED: Renewal.DUE, Status.UNKNOWN: Renewal.UNKNOWN}


def began(steps: Iterable[Step]) -> bool:
    """Whether one of them may have brought the root."""
    return any(step.step in INSTALLING for step in steps)


def interrupted(step: Step | StepRecord) -> bool:
    """Whether a cancellation kept it from being done, or from being seen to its end."""
    return step.status is Status.SKIPPED and step.detail.startswith("interrupted")


def renewal(steps: Iterable[Step | StepRecord]) -> Renewal | None:
    """What a push that ended well with these *steps* left open; that the device reached the server since makes up for
    all of it. None also where no renewal was due, or the licensing agent does not do that."""
    left: Renewal | None = None
    for step in steps:
        if step.step == "contact" and step.status is Status.DONE:
            return None
        if step.step == "renew-auth" and not interrupted(step):
            left = _ASKED.get(step.status)
        elif interrupted(step):
            left = left or Renewal.DUE
    return left
