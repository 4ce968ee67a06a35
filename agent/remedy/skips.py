"""Why a push ends before it changed anything, other than by a failure."""

from __future__ import annotations

from agent.model.errors import AgentError
from agent.model.plan import DRIFTED


class NoLongerPlanned(AgentError):
    """What was planned is no longer possible, by what is there now; nothing was changed."""

    kind = "skipped"


class Drifted(NoLongerPlanned):
    """The device is no longer as the plan saw it that was approved as it is; nothing was changed."""

    kind = DRIFTED


class WindowClosed(NoLongerPlanned):
    """Nothing may be begun any more, since the router's change window closed; nothing was changed."""

    kind = "window"

    def __init__(self, device: str) -> None:
        said, hint = (
            "its window closed before anything was changed",
            "a resumed push takes it up again in its next window",
        )
        super().__init__(said, device=device, hint=hint)


AS_APPROVED = "plan again and have that approved, or push with --replan"
"""What helps where a device is no longer as an approved plan saw it."""
