"""Ctrl-C, SIGTERM and SIGHUP: the first one ends the work in order, the second at once, saying what may be left."""

from __future__ import annotations

import errno
import os
import signal
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

from agent.cli.stdio.structured import JsonLines
from agent.model.local.stop import Stop
from agent.model.masking.text import neutralise

_WAITING = "ending in order: the step under way is finished or undone; once more ends at once\n"


def last_words(stream: int, text: str) -> None:
    """Write to a file descriptor past all buffers, as from a signal's handler or before an exit at once."""
    if stream == 2 and isinstance(sys.stderr, JsonLines):
        text = sys.stderr.line("warning", text.strip())
    with suppress(OSError):
        os.write(stream, text.encode())


def last_said(text: str) -> None:
    """Say on stderr how things were left by an interrupt."""
    if isinstance(sys.stderr, JsonLines):
        sys.stderr.say("warning", text)
    else:
        print(neutralise(text), file=sys.stderr)


def leave_at_once(said: str, result: str = "") -> NoReturn:
    """End the process, having *said* why on stderr; *result* is the rest of what stdout is owed."""
    last_words(1, result)
    hidden = sys.stderr.isatty() and not isinstance(sys.stderr, JsonLines)
    cursor = "\x1b[?25h\n" if hidden else ""  # which a spinner hides
    last_words(2, f"{cursor}{neutralise(said)}\n")
    os._exit(130)


class Interrupted(Exception):
    """The user ended the command; the message says how things were left."""


class _Signals:
    """What signals do: raise, or where work must not be broken off, tell it to end and then end the process.

    ``held``: a few lines are to be whole, so the first signal that would break them off waits for their end.
    ``breaks``: the first signal breaks the work off, besides telling it to end.
    """

    def __init__(self) -> None:
        self._count = 0
        self.stop: Stop | None = None
        self.leave: Callable[[], NoReturn] | None = None
        self.held = self.waiting = self.breaks = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        del frame
        if number == signal.SIGHUP:
            _hung_up()
        self._count += 1
        if self.stop is not None and not self.stop(0):
            self.stop.set()
            if not self.breaks:
                last_words(2, _WAITING)
                return
        elif self.stop is None and self._count == 2:
            last_words(2, "ending in order; once more leaves at once\n")
            return
        if self.held and not self.waiting:
            self.waiting = True
        else:
            self.end()

    def end(self) -> NoReturn:
        """What is under way ends here."""
        self.waiting = False
        breaks, self.breaks = self.breaks, False
        if self.leave is not None and not breaks:
            self.leave()
        raise KeyboardInterrupt


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
def whole() -> Iterator[None]:
    """Let a signal break off what is behind the block rather than the block; a second one does so at once."""
    if not _active or _active[-1].held or threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = _active[-1]
    handler.held = True
    try:
        yield
    finally:
        handler.held = False
    if handler.waiting:
        handler.end()


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


@contextmanager
def breakable() -> Iterator[None]:
    """Inside :func:`unbroken`: let the first signal break this block off all the same, until :func:`keep_whole`."""
    for handler in _active[-1:]:
        handler.breaks = True
    try:
        yield
    finally:
        keep_whole()


def keep_whole() -> None:
    """From here on no signal breaks off what :func:`breakable` has begun."""
    for handler in _active[-1:]:
        handler.breaks = False
