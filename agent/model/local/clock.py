"""The time that waits for a router go by."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from threading import Event

_SLICE = 1.0


def waited(wait: Callable[[float], bool], seconds: float) -> bool:
    """What *wait*, given how long, says of so many seconds; in the main thread a second at a time.

    Python handles a signal that comes just as a wait begins only at its end, and that must not be a minute away.
    """
    if threading.current_thread() is threading.main_thread():
        end = time.monotonic() + seconds
        while (seconds := end - time.monotonic()) > _SLICE:
            if wait(_SLICE):
                return True
    return wait(max(0.0, seconds))


def slept(seconds: float) -> None:
    """Let so many seconds pass, as :func:`waited` does."""
    waited(_asleep, seconds)


def _asleep(seconds: float) -> bool:
    time.sleep(seconds)
    return False


class Clock:
    """The machine's time, and how an answer is waited for within a bound.

    A test puts another one into its :class:`agent.model.device.Device`: it knows from the router what will not be
    answered, so that no short time-out has to stand for it, and lets time pass only then.
    """

    def now(self) -> float:
        """Seconds that only grow; their beginning means nothing."""
        return time.monotonic()

    def wait(self, answered: Event, seconds: float, session: str | None = None, message: str = "hello") -> bool:
        """Wait for an answer; whether it came: to the rpc with that message-id in that session, else to a new
        connection: its ``handshake``, its ``login``, its ``hello``."""
        del session, message  # for a clock that asks the router
        return waited(answered.wait, seconds)

    def heard(self, arrived: Event, seconds: float, channel: tuple[int, int], *, typed: int = 0, read: int = 0) -> bool:
        """Wait for what comes on the SSH channel of that number on the connection from that port; whether it came.

        By then *typed* bytes were sent on it and *read* bytes taken from it.
        """
        del channel, typed, read  # for a clock that asks the router
        return waited(arrived.wait, seconds)
