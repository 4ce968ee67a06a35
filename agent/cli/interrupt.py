"""Ctrl-C, SIGTERM and SIGHUP: the first one ends the work in order, the second at once, saying what may be left."""

from __future__ import annotations

import errno
import os
import select
import signal
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

_WAITING = b"ending in order: the step under way is finished or undone; once more ends at once\n"


class Interrupted(Exception):
    """The user ended the command; the message says how things were left."""


class Stop:
    """The wish to end: called with seconds it waits for it, as ``threading.Event.wait`` does.

    A pipe, since an Event must not be set by a signal handler that interrupts its own wait.
    """

    def __init__(self) -> None:
        self._read, self._write = os.pipe()

    def set(self) -> None:
        """It came."""
        os.write(self._write, b"x")

    def __call__(self, seconds: float) -> bool:
        """Wait up to *seconds* for it; whether it came."""
        return bool(select.select([self._read], [], [], seconds)[0])

    def close(self) -> None:
        """Give the pipe back."""
        os.close(self._read)
        os.close(self._write)


class _Signals:
    """What signals do: raise, or where work must not be broken off, tell it to end and then end the process."""

    def __init__(self) -> None:
        self._count = 0
        self.stop: Stop | None = None
        self.leave: Callable[[], NoReturn] | None = None

    def __call__(self, number: int, frame: FrameType | None) -> None:
        del frame
        if number == signal.SIGHUP:
            _hung_up()
        self._count += 1
        if self.stop is None or self.leave is None:
            if self._count != 2:
                raise KeyboardInterrupt
            print("ending in order; once more leaves at once", file=sys.stderr)
        elif self.stop(0):
            self.leave()
        else:
            self.stop.set()
            os.write(2, _WAITING)


def _hung_up() -> None:
    """Write nowhere from now on what would go to a terminal that is gone: it would fail, and break the work off."""
    for stream in (1, 2):
        try:
            termios.tcgetattr(stream)
        except termios.error as error:
            if error.args[0] == errno.EIO:
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, stream)
                os.close(nowhere)


_active: list[_Signals] = []
_NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def orderly() -> Iterator[None]:
    """Turn SIGINT, SIGTERM and SIGHUP into KeyboardInterrupt for as long as the block lasts.

    A signal that the parent process had ignored stays ignored (``nohup``, background jobs).
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = _Signals()
    before = {
        number: signal.signal(number, handler) for number in _NUMBERS if signal.getsignal(number) is not signal.SIG_IGN
    }
    _active.append(handler)
    try:
        yield
    finally:
        _active.remove(handler)
        for number, old in before.items():
            signal.signal(number, old)


@contextmanager
def unbroken(leave: Callable[[], NoReturn]) -> Iterator[Stop]:
    """Let no signal break the block off: the first one sets the stop that is given, the next one calls *leave*."""
    stop = Stop()
    handlers = _active[-1:]
    for handler in handlers:
        handler.stop, handler.leave = stop, leave
    try:
        yield stop
    finally:
        for handler in handlers:
            handler.stop = handler.leave = None
        stop.close()
