"""Whether a push that was ended behind the proof still owes a router the renewal of its licence."""

from __future__ import annotations

from collections.abc import Iterable

from agent.fleet.results.structs import Step
from agent.model.method import Method
from agent.model.outcome import Status

INSTALLING = tuple({method.action for method in Method if method.action})
"""The steps that may bring the root."""


def began(steps: Iterable[Step]) -> bool:
    """Whether one of them may have brought the root."""
    return any(step.step in INSTALLING for step in steps)


def due(steps: Iterable[Step]) -> bool:
    """Whether a push that ended well with these *steps* was broken off behind the proof, or its renewal failed or has
    no known answer; that the device reached the server since makes up for that."""
    broken = asked = reached = False
    for step in steps:
        if step.interrupted:
            broken = True
        elif step.step == "renew-auth":
            asked = step.status in (Status.FAILED, Status.UNKNOWN)
        elif step.step == "contact":
            reached = step.status is Status.DONE
    return (broken or asked) and not reached
