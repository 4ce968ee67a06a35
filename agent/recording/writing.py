"""A recording's file as it is written: event by event, readable by its owner alone, whole whenever it is looked at.

While a router is recorded the events are in ``FILE.part``. What is learned late stands in what came early as well, so
at the end all of it goes through the stand-ins once more, into ``FILE`` at once. Whoever dies before leaves the part.
"""

from __future__ import annotations

import errno
import os
import tempfile
import threading
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Protocol, Self

import msgspec

from agent.model.errors import InputError
from agent.recording.events import AnyEvent, Begin, End, Passed
from agent.recording.reading import MOST, read

_HINT = "name a new file in a folder of your own"
_FOR_THE_END = 16 * 2**20
"""What stand-ins of another length and the last line may add."""


class Sanitiser(Protocol):
    """What replaces in an event all that is nobody's business by stand-ins."""

    def __call__(self, event: Passed) -> Passed:
        """*event*, which came just now, and what it tells of names learned for those that follow."""

    def again(self, event: Passed) -> Passed:
        """*event*, of which that was made, with what was learned since; it tells nothing new."""


class Writer:
    """Writes one recording; for several threads.

    Raises:
        InputError: *path* is there already, or its folder cannot be written to.
    """

    def __init__(self, path: str | Path, begin: Begin, sanitise: Sanitiser | None = None) -> None:
        self.path = Path(path)
        self.part = self.path.with_name(f"{self.path.name}.part")
        self._begin, self._sanitise = begin, sanitise
        self._lock = threading.Lock()
        self._packer = _packer()
        self._failed: OSError | None = None
        self._events = self._size = 0
        if self.path.exists() or self.path.is_symlink():
            raise InputError(f"{self.path}: it is there already", hint=_HINT)
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            self._file: IO[bytes] | None = os.fdopen(os.open(self.part, flags, 0o600), "wb", buffering=0)
        except FileExistsError as error:
            said = f"{self.part}: it is there already, of a recording that did not end or is going on"
            raise InputError(said, hint="look at it, remove it, or name another file") from error
        except OSError as error:
            raise InputError(f"{self.path}: {error.strerror or error}", hint=_HINT) from error
        self._put(begin)

    def __call__(self, event: Passed) -> None:
        """Write *event* down, with stand-ins, on disk when this returns; what fails is raised by :meth:`end`."""
        with self._lock:
            if self._file is not None and self._failed is None:
                self._put(event if self._sanitise is None else self._sanitise(event))

    def end(self, end: Callable[[], End]) -> Path:
        """Go through all of it once more, add *end*, and give the file its name, which is returned.

        Raises:
            InputError: it could not be written; the part stays where it is, and is named.
        """
        with self._lock:
            if self._file is None:
                return self.path
            try:
                if self._failed is not None:
                    raise self._failed
                self._file.write(self._packer.flush())
                self._file.close()
                self._renamed(end)
            except OSError as error:
                said = f"{self.path}: {error.strerror or error}; what was recorded until then is in {self.part}"
                raise InputError(said, hint="make room, and record again") from error
            finally:
                self._close()
        return self.path

    def close(self) -> None:
        """Write nothing more; where it was not ended, the part stays. Closing again does nothing."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _renamed(self, end: Callable[[], End]) -> None:
        """By a file of its own: the part is kept until the whole is there."""
        found = read(self.part)
        if len(found.events) != self._events:
            raise OSError(errno.EIO, f"{self._events} events were written and {len(found.events)} are read")
        number, name = tempfile.mkstemp(prefix=f".{self.path.name}.", dir=self.path.parent)
        try:
            with os.fdopen(number, "wb") as file:
                packer = _packer()
                file.write(packer.compress(_line(self._begin)))
                for event in found.events:
                    file.write(packer.compress(_line(event if self._sanitise is None else self._sanitise.again(event))))
                file.write(packer.compress(_line(end())) + packer.flush())
                file.flush()
                os.fsync(file.fileno())
            _named(name, self.path)
        finally:
            Path(name).unlink(missing_ok=True)
        self.part.unlink()

    def _put(self, event: AnyEvent) -> None:
        line = _line(event)
        self._size += len(line)
        if self._size > MOST - _FOR_THE_END:
            self._failed = OSError(errno.EFBIG, f"more than {MOST >> 20} MiB, which nothing would read again")
            return
        try:
            data = self._packer.compress(line) + self._packer.flush(zlib.Z_SYNC_FLUSH)
            while data and self._file is not None:
                data = data[self._file.write(data) :]
            self._events += not isinstance(event, Begin)
        except OSError as error:
            self._failed = error


def _named(name: str, path: Path) -> None:
    """Give a file its name, which nothing else has; where the file system has no links, by a rename."""
    try:
        os.link(name, path)
    except OSError as error:
        if isinstance(error, FileExistsError) or path.exists():
            raise
        Path(name).rename(path)


def _line(event: AnyEvent) -> bytes:
    return msgspec.json.encode(event) + b"\n"


def _packer() -> zlib._Compress:
    return zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
