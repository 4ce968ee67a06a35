"""What a push began at a router's configuration and has not seen the end of, kept where a crash does not reach it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from agent.model.state import TrustpointConfig


@dataclass(frozen=True, slots=True)
class Unfinished:
    """One change of a trustpoint from before its edit-config is sent until its end is known.

    Attributes:
        trustpoint: its name.
        before, wanted: what :func:`line_of` says of it before the change and after it.
        persist: the persist-id of the commit on trial (RFC 6241 section 8.4), None for a plain commit.
        until: when the router has taken a commit on trial back by itself, by this machine's clock, aware; None where no
            commit was about to be sent yet.
        seconds: how long that is from when it was sent; None where it is not known.
    """

    trustpoint: str
    before: str | None
    wanted: str | None
    persist: str | None = None
    until: datetime | None = None
    seconds: float | None = None


class WriteAheadLog(Protocol):
    """Where one router's :class:`Unfinished` change is kept; one at the most, since one push at a time changes it."""

    def unfinished(self) -> Unfinished | None:
        """What an earlier push, or this one, left."""

    def begin(self, change: Unfinished) -> None:
        """Keep *change* in place of what was kept; it is on disk before this returns.

        Raises:
            JournalError: it cannot be kept, so nothing may be sent.
        """

    def end(self) -> None:
        """The end of the change is known: nothing of it is left in the candidate or on trial."""


class Memory(WriteAheadLog):
    """A write-ahead log for as long as this process lasts."""

    def __init__(self) -> None:
        self._kept: Unfinished | None = None

    def unfinished(self) -> Unfinished | None:
        return self._kept

    def begin(self, change: Unfinished) -> None:
        self._kept = change

    def end(self) -> None:
        self._kept = None


def line_of(config: TrustpointConfig | None) -> str | None:
    """A trustpoint's enrollment as one would type it, or ``no enrollment``; None where there is no trustpoint."""
    return None if config is None else config.enrollment.cli
