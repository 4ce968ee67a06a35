"""Ctrl-C and SIGTERM: the first one ends the work in order, and the clean-up it starts is not broken off by haste."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupted(Exception):
    """The user ended the command; the message says how things were left."""


class _Signals:
    """The first signal raises, the second is told to wait, the third raises again."""

    def __init__(self) -> None:
        self._count = 0

    def __call__(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._count += 1
        if self._count == 2:
            print("ending in order, locks are given back; once more leaves at once", file=sys.stderr)
            return
        raise KeyboardInterrupt


@contextmanager
def orderly() -> Iterator[None]:
    """Turn SIGINT and SIGTERM into KeyboardInterrupt for as long as the block lasts.

    A signal that the parent process had ignored stays ignored (``nohup``, background jobs).
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = _Signals()
    before = {
        number: signal.signal(number, handler)
        for number in (signal.SIGINT, signal.SIGTERM)
        if signal.getsignal(number) is not signal.SIG_IGN
    }
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
