"""One process per run: locks on files beside the journal, which the kernel releases however a process ends."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from agent.model.errors import InputError

_PATIENCE = 0.5
LONGEST = 30.0
_TURN = 0.01


@dataclass(slots=True)
class RunLock:
    """The right to carry a run out, held until it is released or the process is gone."""

    path: Path
    _file: int

    @classmethod
    def take(cls, journal: Path, run: str) -> RunLock:
        """Hold *run* alone.

        Raises:
            InputError: another process holds it, or the file cannot be made.
        """
        path = _lock_file(journal, run)
        try:
            return cls(path, _locked(path))
        except BlockingIOError as error:
            raise _in_use(path, run) from error
        except OSError as error:
            raise InputError(f"{path}: {error.strerror or error}", hint="give another with --journal FILE") from error

    def release(self, *, remove: bool) -> None:
        """Give it back; files that are not removed tell who had it."""
        if remove:
            with suppress(OSError):  # one that stays is held by nobody
                self.path.unlink(missing_ok=True)
        os.close(self._file)


def held(journal: Path, run: str) -> bool:
    """Whether a process has *run* at the moment."""
    try:
        file = os.open(_lock_file(journal, run), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """No other process is inside such a block for the same folder at the same time.

    Raises:
        InputError: another one stays in it for half a minute.
    """
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            _lock(file, LONGEST)
        except BlockingIOError as error:
            raise InputError(
                f"another process has been at the journals in {folder} for {LONGEST:g} s", hint="see which, and end it"
            ) from error
        yield
    finally:
        os.close(file)


def _lock_file(journal: Path, run: str) -> Path:
    return journal.with_name(f"{journal.name}-{run}.lock")


def _locked(path: Path) -> int:
    """*path*, made where it is missing, open, locked and signed; BlockingIOError where another process has the lock."""
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            # Whoever only looks whether it is held has a lock for a moment.
            _lock(file, _PATIENCE)
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(file), path.stat()):
                    os.ftruncate(file, 0)
                    os.pwrite(file, json.dumps({"pid": os.getpid(), "host": socket.gethostname()}).encode(), 0)
                    return file
        except OSError:
            os.close(file)
            raise
        os.close(file)  # its holder removed it in between: lock the one that is there now


def _lock(file: int, seconds: float) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                raise
        time.sleep(_TURN)


def _in_use(path: Path, run: str) -> InputError:
    try:
        holder = json.loads(path.read_text(encoding="utf-8"))
        who = f"process {holder['pid']} on {holder['host']}"
    except (OSError, ValueError, KeyError, TypeError):
        who = "another process"  # it has the lock and has not yet written its name
    return InputError(f"run {run} is in use by {who}", hint="wait for its end, or end it")
