"""What a device does not answer, or not yet: so that whoever tests with it need not guess that from a time-out."""

from __future__ import annotations

import math
from threading import Semaphore
from typing import Any, Protocol


class Resting(Protocol):
    """What serves a channel; asked from any thread.

    Attributes:
        rests_until: until when nothing is printed, by the clock of the datastores.
    """

    rests_until: float

    def at_rest(self, *, typed: int, read: int, now: float) -> bool:
        """Whether it has got all *typed* bytes, sent no more than were *read*, and goes on only where something further
        is typed or time passes."""


class Silence:
    """Told by the servers as soon as it is decided, asked by a test's clock from any thread."""

    def __init__(self) -> None:
        self._swallowed: set[tuple[str, str]] = set()
        self._late: dict[str, tuple[str, float]] = {}
        self._logins_late = -math.inf
        self._hellos = Semaphore(0)
        self._channels: dict[tuple[int, int], Resting] = {}

    def swallow(self, session: str, message: str) -> None:
        """This rpc gets no answer."""
        self._swallowed.add((session, message))

    def postpone(self, session: str, message: str, until: float) -> None:
        """This rpc and all behind it in its session get none before *until*, by the clock of the datastores."""
        self._late[session] = message, until

    def postpone_login(self, until: float) -> None:
        """A login that was just begun goes on then; one of them at a time is told apart."""
        self._logins_late = until

    def swallow_hello(self) -> None:
        """A session that was just opened gets no hello."""
        self._hellos.release()

    def hello(self) -> bool:
        """Whether a hello was swallowed that nobody has asked for yet; whoever waits for one asks again and again."""
        return self._hellos.acquire(blocking=False)

    def of(self, session: str | None, message: str, now: float) -> bool:
        """Whether an rpc is not answered by *now*, nor going to be before time passes; without *session*, a login."""
        if session is None:
            return message == "login" and now < self._logins_late
        late, until = self._late.get(session, ("", 0.0))
        return (session, message) in self._swallowed or (now < until and _number(message) >= _number(late))

    def until(self, session: str | None, message: str) -> float:
        """Until when that lasts."""
        if session is None:
            return self._logins_late
        return math.inf if (session, message) in self._swallowed else self._late[session][1]

    def opened(self, channel: Any, served_by: Resting) -> None:
        """An asyncssh channel is served by that from now on."""
        self._channels[channel.get_extra_info("peername")[1], channel._recv_chan] = served_by

    def at_rest(self, channel: tuple[int, int], *, typed: int, read: int, now: float) -> bool:
        """As of :class:`Resting`, for the client's port and the server's number of a channel."""
        served_by = self._channels.get(channel)
        return served_by is not None and served_by.at_rest(typed=typed, read=read, now=now)

    def rests_until(self, channel: tuple[int, int], now: float) -> float:
        """Until when that lasts, for one that is at rest."""
        until = self._channels[channel].rests_until
        return until if now < until else math.inf


def _number(message: str) -> int:
    """The count in a message-id such as ``7`` or ``xr-agent-c0ffee-7``; one without is behind all others."""
    last = message.rpartition("-")[2]
    return int(last) if last.isdigit() else 1 << 64
