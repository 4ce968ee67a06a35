"""One credential is not hammered by the many processes of one run, each of which does one router.

As of :mod:`agent.fleet.run.logins`, in files of the run's own folder: what is known of a credential, and a lock for
each login that is under way, which ends with its process.
"""

from __future__ import annotations

import errno
import fcntl
import json
import logging
import os
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Any

from agent.fleet.run.credential import Credential, shared
from agent.fleet.run.logins import LIMIT, LONGEST_WAIT, SLOW, Attempt, Judged, refusals
from agent.model.errors import InputError, LoginWithheld

_KEY_LENGTH = 32
_ROOM = 4096
_MOST_PLACES = 100
"""Logins under way at once with a credential that nobody has accepted yet, whatever the limit of refusals."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Known:
    """Of a credential: whether anybody accepted it, and the routers that refused it since a success."""

    proven: bool = False
    refused: tuple[str, ...] = ()


class SharedLogins:
    """The guard of one run, below *folder*, which is for its user alone.

    Raises:
        InputError: the folder cannot be used.
    """

    longest_wait = LONGEST_WAIT

    def __init__(self, folder: Path, limit: int = LIMIT, *, clock: Callable[[], float] = time.time) -> None:
        self._folder, self._limit, self._clock = folder / "xr-agent-logins", limit, clock
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            self.key = self._key()
        except OSError as error:
            raise InputError(f"{self._folder}: {error.strerror or error}", hint="see to Ansible's local_tmp") from error
        self.digest = shared(self.key)

    def begin(self, credentials: Sequence[Credential], router: str, *, accepted: bool = False) -> Attempt | None:
        """As of :meth:`agent.fleet.run.logins.Guard.begin`."""
        with ExitStack() as stack:
            if not accepted:
                for one in credentials:
                    if (turn := self._turn(one)) is None:
                        return None
                    stack.enter_context(turn)
            under_way = stack.pop_all()

        def ended(judged: Judged) -> None:
            with under_way:
                for one in credentials:
                    self._ended(one, judged.of(one), router)

        return Attempt(ended)

    def _turn(self, credential: Credential) -> ExitStack | None:
        """A login that may begin with the credential, under way until what is returned is closed; None while others
        come first.

        Raises:
            LoginWithheld: it is not to be tried any more, or a refusal could not be kept.
        """
        if not self._folder.exists():
            raise LoginWithheld("not tried: the run has ended", hint="run it again")
        try:
            return self._turn_by_what_is_known(credential)
        except OSError as error:
            said = f"not tried, since a refusal could not be kept: {self._folder}: {error.strerror or error}"
            raise LoginWithheld(said, hint="see to the controller's disk, then run it again") from error

    def _turn_by_what_is_known(self, credential: Credential) -> ExitStack | None:
        with self._state(credential) as file:
            known = _read(file)
            most = self._limit - len(known.refused)
            if most <= 0:
                raise _withheld(credential, known.refused)
            if known.proven and not known.refused:
                return ExitStack()
            with ExitStack() as stack:
                free, busy, slow = self._places(credential)
                if free is not None:
                    stack.enter_context(free)
                if free is None or busy >= most or (busy and not known.proven and not slow):
                    return None
                _write(file, known)  # so that there is room for a refusal
                os.utime(free.fileno(), (self._clock(),) * 2)
                return stack.pop_all()

    def _places(self, credential: Credential) -> tuple[IO[str] | None, int, bool]:
        """A place for one more login, locked, if there is one; how many are taken, and whether all those are slow."""
        free: IO[str] | None = None
        busy, slow = 0, True
        for number in range(min(self._limit, _MOST_PLACES)):
            place = self._path(credential, f"place-{number}").open("a")
            if not _locked(place):
                busy += 1
                slow = slow and self._clock() - os.fstat(place.fileno()).st_mtime >= SLOW
            elif free is None:
                free = place
                continue
            place.close()
        return free, busy, slow

    def _ended(self, credential: Credential, accepted: bool | None, router: str) -> None:
        if accepted is None or not self._folder.exists():  # it goes with the run, while a push is still seen through
            return
        try:
            with self._state(credential) as file:
                known = _read(file)
                _write(file, _Known(known.proven or accepted, () if accepted else (*known.refused, router)))
        except OSError as error:
            log.warning("what a login told cannot be kept: %s: %s", self._folder, error.strerror or error)

    @contextmanager
    def _state(self, credential: Credential) -> Iterator[int]:
        """The file with what is known of the credential, for this process alone while the block lasts."""
        file = os.open(self._path(credential, "known"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file
        finally:
            os.close(file)

    def _path(self, credential: Credential, what: str) -> Path:
        said = (credential.username, credential.password, credential.keys, credential.agent, credential.jump)
        return self._folder / f"{blake2b(repr(said).encode(), digest_size=12).hexdigest()}-{what}"

    def _key(self) -> bytes:
        """What the processes of the run share to tell credentials apart; the first one makes it, whole at once."""
        path = self._folder / "key"
        if not path.exists():
            with NamedTemporaryFile(dir=self._folder, prefix="key.") as fresh:
                fresh.write(secrets.token_bytes(_KEY_LENGTH))
                fresh.flush()
                with suppress(FileExistsError):
                    os.link(fresh.name, path)
        return path.read_bytes()


def _read(file: int) -> _Known:
    text = os.pread(file, os.fstat(file).st_size, 0)
    said: dict[str, Any] = json.loads(text) if text else {}
    return _Known(bool(said.get("proven")), tuple(said.get("refused", ())))


def _write(file: int, known: _Known) -> None:
    """In place of what is there; it takes room enough for refusals to come, whatever becomes of the disk."""
    text = json.dumps({"proven": known.proven, "refused": known.refused}).encode().ljust(_ROOM)
    if os.pwrite(file, text, 0) < len(text):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    os.ftruncate(file, len(text))


def _locked(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _withheld(credential: Credential, refused: Sequence[str]) -> LoginWithheld:
    return LoginWithheld(
        f"not tried: {refusals(credential, refused)}",
        hint="see that user, password and key in the inventory are right and the account is not locked, then run it "
        "again; max_refused_logins allows more refusals",
    )
