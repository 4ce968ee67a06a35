"""Whether a push that was ended behind the proof still owes a router the renewal of its licence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from agent.model.method import Method
from agent.model.outcome import Status

INSTALLING = tuple({method.action for method in Method if method.action})
"""The steps that may bring the root."""

_INTERRUPTED = "interrupted"

Steps = Iterable[Mapping[str, Any]]
"""The steps of an outcome as JSON has them."""


def began(steps: Steps) -> bool:
    """Whether one of them may have brought the root."""
    return any(step.get("step") in INSTALLING for step in steps)


def due(steps: Steps) -> bool:
    """Whether a push that ended well with these *steps* was broken off behind the proof, or its renewal failed or has
    no known answer; that the device reached the server since makes up for that."""
    broken = asked = reached = False
    for step in steps:
        name, status = step.get("step"), step.get("status")
        if status == Status.SKIPPED.value and str(step.get("detail", "")).startswith(_INTERRUPTED):
            broken = True
        elif name == "renew-auth":
            asked = status in (Status.FAILED.value, Status.UNKNOWN.value)
        elif name == "contact":
            reached = status == Status.DONE.value
    return (broken or asked) and not reached
