"""One push at a time to a router from this machine: a lease per address in the state folder.

The process that works at the router holds it, a worker's as well; the kernel releases it however that ends. What the
push began at the router's configuration and did not see the end of lies beside it, and stays there for the next one.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import socket
import tempfile
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Self
from urllib.parse import quote

from agent.model.errors import InputError, JournalError
from agent.model.local.files import read_start
from agent.model.local.user import state_folder, user_name
from agent.model.outcome import Wait, Waiting
from agent.model.unfinished import Unfinished, WriteAheadLog
from agent.netconf.retry import Policy, Waits, completed
from agent.remedy.lease import writeahead

log = logging.getLogger(__name__)

_TURN, _LONGEST_TURN = 0.2, 1.6
_LARGEST = 1 << 16
_LONGEST_NAME = 180
_ELSEWHERE = "set XDG_STATE_HOME to a folder on a local disk that this user can write to"
_LOOK = (
    "see the router's trustpoint, and whether its candidate differs from running; a commit on trial ends by itself; "
    "then remove the file"
)


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose push has a lease."""

    pid: int
    host: str
    user: str
    run: str | None
    since: str

    @classmethod
    def here(cls, run: str | None, now: datetime) -> Holder:
        """This process."""
        since = f"{now.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
        return cls(os.getpid(), socket.gethostname(), user_name(), run, since)

    @classmethod
    def read(cls, file: int) -> Holder | None:
        """Who signed the open *file*; None where nobody did yet, or nobody of ours."""
        try:
            return writeahead.converted(os.pread(file, _LARGEST, 0), cls)
        except (OSError, ValueError):
            return None

    def __str__(self) -> str:
        run = f", run {self.run}" if self.run else ""
        return f"process {self.pid} by {self.user}{run}, since {self.since}"


Told = Callable[[str], None]
Kept = Callable[[Unfinished | None], None]


def folder() -> Path:
    """Where the leases of this user are.

    Raises:
        InputError: the user has no home folder.
    """
    return state_folder() / "leases"


@cache
def prepare(path: Path) -> None:
    """See to it that leases can be had in the folder *path*, which is made where it is missing; once in a process.

    Raises:
        InputError: it cannot be written, or its file system keeps no locks.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path, prefix=".probe-") as probe, Path(probe.name).open("rb+") as other:
            fcntl.flock(probe, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with suppress(BlockingIOError):
                fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
                raise InputError(f"no push can be told from another one: {path} keeps no locks", hint=_ELSEWHERE)
    except OSError as error:
        raise InputError(
            f"no push can be told from another one: {path}: {error.strerror or error}", hint=_ELSEWHERE
        ) from error


class Lease(WriteAheadLog):
    """The right to push to one router from this machine, and the write-ahead log of what was begun there.

    It is exclusive between the threads of a process, too. Use it in a ``with`` statement, from one thread at a time.

    Attributes:
        waited: whether another push had it first, so that what was read of the router before is stale.
    """

    def __init__(self, files: tuple[_File, ...], left: Unfinished | None, kept: Kept, *, waited: bool) -> None:
        self.waited = waited
        self._files = files
        self._left = left
        self._kept = kept

    @classmethod
    def take(
        cls,
        addresses: Iterable[str],
        *,
        path: Path | None = None,
        run: str | None = None,
        policy: Policy | None = None,
        told: Told = lambda _: None,
        kept: Kept = lambda _: None,
    ) -> Self:
        """As :meth:`taken`, its waits slept by the *policy*.

        Raises:
            InputError, JournalError: as there.
            Interrupted: the policy's ``stop`` came while it waited.
        """
        policy = policy or Policy()
        return completed(cls.taken(addresses, path=path, run=run, policy=policy, told=told, kept=kept), policy)

    @classmethod
    def taken(
        cls,
        addresses: Iterable[str],
        *,
        policy: Policy,
        path: Path | None = None,
        run: str | None = None,
        told: Told = lambda _: None,
        kept: Kept = lambda _: None,
    ) -> Waits[Self]:
        """Hold the router of these *addresses* (:func:`agent.ssh.settings.identity.addresses`) alone, as soon as its
        holder is done: however long that takes, since whoever ended holds nothing.

        *told* is given whom it waits for, each time that is somebody else. *kept* is told each change that is begun,
        and None at its end; an error that it raises at a beginning is raised.

        Raises:
            InputError: no lease can be had in the state folder, or what an earlier push left there cannot be read.
        """
        where = path or folder()
        prepare(where)
        holder = Holder.here(run, policy.now())
        with ExitStack() as undo:
            files: list[_File] = []
            # In one order, so that no two wait for each other.
            for address in sorted(set(addresses)):
                file = _File(where, address)
                undo.callback(file.release)
                yield from file.lock(told)
                file.sign(holder)
                files.append(file)
            left = [change for file in files if (change := file.left()) is not None]
            # They differ where pushes knew the router by one address each: what may still be on trial counts.
            last = max(left, key=_ends, default=None)
            made = cls(tuple(files), last, kept, waited=any(file.waited for file in files))
            undo.pop_all()
        return made

    def unfinished(self) -> Unfinished | None:
        return self._left

    def begin(self, change: Unfinished) -> None:
        for file in self._files:
            file.keep(change)
        self._left = change
        self._kept(change)

    def end(self) -> None:
        if self._left is None:
            return
        for file in self._files:
            file.forget()
        self._left = None
        try:
            self._kept(None)
        except JournalError as error:  # whoever writes to the journal next is told again
            log.warning("%s", error.message)

    def release(self) -> None:
        """Let others have it; what is unfinished stays. Releasing again does nothing."""
        for file in self._files:
            file.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


class _File:
    """The lease of one address: ``NAME.lock``, held and signed, and ``NAME.json``, which outlives it."""

    def __init__(self, folder: Path, address: str) -> None:
        name = quote(address, safe="[]:.,-")
        if len(name) > _LONGEST_NAME:
            name = hashlib.sha256(address.encode("utf-8", "surrogateescape")).hexdigest()
        self.address = address
        self.waited = False
        self._lock = folder / f"{name}.lock"
        self._log = folder / f"{name}.json"
        self._held: int | None = None
        self._signed = ""

    def lock(self, told: Told) -> Waits[None]:
        """Wait for it; errors as of :meth:`Lease.taken`."""
        said, seconds = "", _TURN
        while self._held is None:
            holder = self._try()
            if holder and holder != said:
                told(f"waiting for {holder}")
                said = holder
            if self._held is None:
                yield Wait(seconds, Waiting.PUSH, holder)
                seconds = min(2 * seconds, _LONGEST_TURN)  # a thousand may wait

    def _try(self) -> str:
        """Lock the file that is there now; else whose push holds it."""
        try:
            file = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise self._unusable(error) from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(file), self._lock.stat()):
                    self._held = file
        except BlockingIOError:
            self.waited = True
            holder = Holder.read(file)
            return f"the push of {holder}" if holder else "another push of this machine"
        except OSError as error:
            raise self._unusable(error) from error
        finally:
            if self._held is None:
                os.close(file)  # another one's, or removed by its holder in between
        return ""

    def sign(self, holder: Holder) -> None:
        """Say in it who has it."""
        said = {"router": self.address, **asdict(holder)}
        try:
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, json.dumps(said).encode(), 0)
        except OSError as error:
            raise self._unusable(error) from error
        self._signed = str(holder)

    @property
    def _descriptor(self) -> int:
        if self._held is None:
            raise ValueError(f"the lease of {self.address} is not held")
        return self._held

    def left(self) -> Unfinished | None:
        """What is kept of an unfinished change.

        Raises:
            InputError: it is there and cannot be read.
        """
        if not os.path.lexists(self._log):
            return None
        try:
            data = read_start(self._log, _LARGEST + 1, hint=_LOOK)
            return writeahead.parsed(data.decode() if len(data) <= _LARGEST else "")
        except (InputError, ValueError) as error:
            why = error.message.removeprefix(f"{self._log}: ") if isinstance(error, InputError) else str(error)
            raise InputError(
                f"what an earlier push left unfinished cannot be read: {self._log}: {why}", hint=_LOOK
            ) from error

    def keep(self, change: Unfinished) -> None:
        """Put *change* on disk, whole or not at all; errors as of :meth:`Lease.begin`."""
        said = {"router": self.address, "by": self._signed or "a push of this user", **writeahead.plain(change)}
        made = self._log.with_suffix(".new")
        try:
            data = json.dumps(said).encode()
            try:
                _write(made, data)
            except FileExistsError:  # of a push that died while it wrote
                made.unlink(missing_ok=True)
                _write(made, data)
            made.replace(self._log)
            _sync(self._log.parent)
        except OSError as error:
            raise JournalError(
                f"what is begun at the router cannot be kept: {self._log}: {error.strerror or error}",
                hint="see to its disk; then push again",
            ) from error

    def forget(self) -> None:
        """Nothing is unfinished any more."""
        try:
            self._log.unlink(missing_ok=True)
        except OSError as error:  # the next push finds that nothing of it is left at the router
            log.warning("%s: %s", self._log, error.strerror or error)

    def release(self) -> None:
        """Give it back; without it no lock file is left, what is unfinished is."""
        file, self._held = self._held, None
        if file is None:
            return
        with suppress(OSError):  # one that stays is held by nobody
            self._lock.unlink(missing_ok=True)
        os.close(file)

    def _unusable(self, error: OSError) -> InputError:
        return InputError(f"the lease {self._lock} cannot be had: {error.strerror or error}", hint=_ELSEWHERE)


def _ends(change: Unfinished) -> datetime:
    return change.until or datetime.min.replace(tzinfo=UTC)


def _write(path: Path, data: bytes) -> None:
    """Make a new file that is on disk as a whole when this returns."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        while data:
            data = data[os.write(file, data) :]
        os.fsync(file)
    finally:
        os.close(file)


def _sync(folder: Path) -> None:
    """A name is on disk when its folder is."""
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)
