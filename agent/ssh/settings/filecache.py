"""What was made of files, kept until they change: a fleet's workers all ask for the same few."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Generic, TypeVar

T = TypeVar("T")
Mark = tuple[int, int, int]

_MOST = 256


class FileCache(Generic[T]):
    """What *read* made of a file, and of it in a variant, least recently used ones forgotten.

    Attributes:
        lock: held while a file is read, so that workers which begin together read it once.
    """

    def __init__(self, most: int = _MOST) -> None:
        self.lock = threading.RLock()
        self._held: OrderedDict[tuple[Path, Hashable], tuple[Mark, T]] = OrderedDict()
        self._most = most

    def get(self, path: Path, read: Callable[[Path], T], variant: Hashable = None) -> T:
        """What is held of the file at *path*, else what *read* makes of it.

        Raises:
            OSError, ValueError: there is no such file; and whatever *read* raises.
        """
        now = mark(path.stat())  # before it is read: what changes meanwhile is read again
        with self.lock:
            held = self._held.get((path, variant))
            if held is not None and held[0] != now:
                now = mark(path.stat())  # it may have been read while the lock was waited for
            if held is None or held[0] != now:
                held = (now, read(path))
                self.keep(path, *held, variant=variant)
            else:
                self._held.move_to_end((path, variant))
            return held[1]

    def held(self, path: Path, variant: Hashable = None) -> T | None:
        """What is held of the file as it is now, without reading it; None as well while another thread reads one."""
        if not self.lock.acquire(blocking=False):
            return None
        try:
            held = self._held.get((path, variant))
            return held[1] if held is not None and held[0] == mark(path.stat()) else None
        finally:
            self.lock.release()

    def keep(self, path: Path, seen: Mark, made: T, variant: Hashable = None) -> None:
        """Hold *made* as what the file says while it looks as it was *seen*; under the lock."""
        self._held[(path, variant)] = (seen, made)
        self._held.move_to_end((path, variant))
        if len(self._held) > self._most:
            self._held.popitem(last=False)


def mark(about: os.stat_result) -> Mark:
    """By what a file that was changed or replaced is known."""
    return about.st_mtime_ns, about.st_size, about.st_ino
