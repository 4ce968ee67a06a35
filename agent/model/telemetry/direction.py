"""Which way a message passes."""

from __future__ import annotations

from enum import Enum


class Direction(Enum):
    """Seen from the agent."""

    SENT = "sent"
    RECEIVED = "received"
