"""Files on the router, over SFTP."""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Awaitable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import asyncssh

from agent.model.errors import AgentError, ConnectError, FileError, ReplyTimeout, SessionLost
from agent.ssh.connection import Connection

if TYPE_CHECKING:
    from agent.recording.events import Entry
    from agent.recording.recorder import Recorded

log = logging.getLogger(__name__)

T = TypeVar("T")

_OPEN_WAIT = 30.0
_PART = 32768
_LOST = (asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection)


def fresh_name(suffix: str) -> str:
    """An unguessable file name that says whose it is: ``xr-agent-<32 hex digits><suffix>``."""
    return f"xr-agent-{secrets.token_hex(16)}{suffix}"


class Files:
    """SFTP on an authenticated SSH connection; *timeout* is for each of its answers, in seconds; *recorded* is told
    each request with what came of it.

    Attributes:
        left: paths that :meth:`put` may have made, and that nobody was seen to remove since.
    """

    def __init__(
        self, connection: Connection, *, device: str, timeout: float = 60.0, recorded: Recorded | None = None
    ) -> None:
        self.device = device
        self._recorded = recorded
        self.left: set[str] = set()
        self._connection, self._timeout = connection, timeout
        self._lost = False
        self._client = self._opened()

    @property
    def alive(self) -> bool:
        """Whether it was when last heard of."""
        return not self._lost and self._connection.alive

    def put(self, data: bytes, path: str) -> None:
        """Write a new file, owner-readable, and read it back: size and SHA-256 must agree. An existing one is refused.

        On any failure after the file was made it is removed again, where the session still answers.

        Raises:
            FileError: no room, no such folder, not allowed, exists already, or it arrived damaged.
            SessionLost, ReplyTimeout: the file may have been left; the hint names it.
        """
        try:
            with self._mapped(path, "made"):
                self.left.add(path)
                file = self._asked("open", path, self._client.open(path, "xb"))
        except FileError as error:
            self.left.discard(path)  # refused, so it was not made
            if self.exists(path):
                raise FileError(f"{path} exists already", device=self.device, hint="nothing was changed") from error
            raise
        try:
            with self._mapped(path, "written"), self._closed_behind(file):
                for begin in range(0, len(data), _PART):  # each is acknowledged: a full disk has its own error
                    self._asked("write", path, file.write(data[begin : begin + _PART]))
            with self._mapped(path, "read back"):
                self._private(path)
                self._compare(data, path)
        except BaseException:
            self._undo(path)
            raise

    def remove(self, path: str) -> None:
        """Remove a file; one that is not there is no error.

        Raises:
            FileError, SessionLost, ReplyTimeout: it may still be there; the hint names it.
        """
        with self._mapped(path, "removed"):
            try:
                self._asked("remove", path, self._client.remove(path))
            except asyncssh.SFTPNoSuchFile:
                log.debug("%s: %s is not there", self.device, path)
        self.left.discard(path)

    def exists(self, path: str) -> bool:
        """Whether there is such a file; errors as of :meth:`remove`."""
        return self._stat(path) is not None

    def size(self, path: str) -> int | None:
        """Its size in bytes; None where the server does not tell, or there is none; errors as of :meth:`remove`."""
        found = self._stat(path)
        return None if found is None else found.size

    def _stat(self, path: str) -> asyncssh.SFTPAttrs | None:
        with self._mapped(path, "looked for"):
            try:
                return self._asked("stat", path, self._client.stat(path))
            except asyncssh.SFTPNoSuchFile:
                return None

    def names(self, folder: str) -> tuple[str, ...]:
        """What is in *folder*; errors as of :meth:`remove`."""
        with self._mapped(folder, "listed"):
            found = self._asked("list", folder, self._client.readdir(folder))
        return tuple(str(one.filename) for one in found)

    def close(self, lost: str | None = None) -> None:
        """End SFTP, or see that it is *lost*; the SSH connection stays. Never raises."""
        if self._recorded is not None:
            self._recorded.closed(lost)
        self._lost = True
        self._connection.soon(self._client.exit)

    def _opened(self) -> asyncssh.SFTPClient:
        try:
            return self._connection.sftp(min(self._timeout, _OPEN_WAIT))
        except (AgentError, asyncssh.SFTPError) as error:
            if self._recorded is not None:
                self._recorded.closed(_words(error))
            if isinstance(error, AgentError) and not isinstance(error, ConnectError | ReplyTimeout):
                raise
            raise FileError(
                "the router has no SFTP", device=self.device, hint="on the router: ssh server v2, and its SFTP"
            ) from error

    def _run(self, coroutine: Awaitable[T]) -> T:
        """One answer; where none comes the session is closed, since it may still come, and is asked nothing more."""
        try:
            return self._connection.run(coroutine, self._timeout)
        except (ReplyTimeout, SessionLost, *_LOST) as error:
            self.close(None if isinstance(error, ReplyTimeout) else _words(error))
            raise

    def _asked(self, request: str, path: str, coroutine: Awaitable[T]) -> T:
        """As :meth:`_run`, recorded where anybody records."""
        if self._recorded is None:
            return self._run(coroutine)
        begun = self._recorded.at()

        def told(**answer: Any) -> None:
            if self._recorded is not None:
                self._recorded.answered(request, path, begun, **answer)

        try:
            answer = self._run(coroutine)
        except asyncssh.SFTPError as error:
            told(refused=_words(error), code=error.code)
            raise
        except AgentError as error:
            told(refused=error.message)
            raise
        told(**_shown(path, answer))
        return answer

    @contextmanager
    def _closed_behind(self, file: asyncssh.SFTPClientFile) -> Iterator[None]:
        """Close *file* at the end of the block, however that ends, if anybody is there to do it."""
        try:
            yield
        finally:
            if not self._lost:
                self._run(file.close())

    def _private(self, path: str) -> None:
        try:
            self._asked("setstat", path, self._client.chmod(path, 0o600))
        except _LOST:
            raise
        except asyncssh.SFTPError as error:
            # Certificates are public, and some file systems of routers know no modes.
            log.info("%s: %s keeps its mode: %s", self.device, path, error)

    def _compare(self, data: bytes, path: str) -> None:
        size = self._asked("stat", path, self._client.stat(path)).size
        if size != len(data):
            raise FileError(
                f"{path} has {size} bytes, and {len(data)} were sent", device=self.device, hint="is the disk full?"
            )
        file: Any = self._asked("open", path, self._client.open(path, "rb"))  # typed as one that may be of text
        with self._closed_behind(file):
            arrived = hashlib.sha256(self._asked("read", path, file.read(len(data) + 1)))
        if arrived.digest() != hashlib.sha256(data).digest():
            raise FileError(
                f"{path} is not what was sent: sha256 {arrived.hexdigest()}",
                device=self.device,
                hint="the disk or the transfer is damaged",
            )

    def _undo(self, path: str) -> None:
        """Remove a file that is not as it should be; the failure that led here is the one to tell."""
        if not self.alive:
            return
        try:
            self.remove(path)
        except AgentError as error:
            log.warning("%s: %s may still be there: %s", self.device, path, error.message)

    @contextmanager
    def _mapped(self, path: str, doing: str) -> Iterator[None]:
        """Give every failure of SFTP its name in the error tree."""
        hint = f"{path} may be there, in part or whole"
        try:
            yield
        except ReplyTimeout as error:
            raise ReplyTimeout(
                f"{path} could not be {doing} within {self._timeout:g} s", device=self.device, hint=hint
            ) from error
        except (SessionLost, *_LOST, asyncssh.SFTPBadMessage) as error:
            self.close(_words(error))
            raise SessionLost(f"SFTP ended before {path} was {doing}", device=self.device, hint=hint) from error
        except asyncssh.SFTPError as error:
            raise FileError(
                f"{path} could not be {doing}: {error.reason or 'refused'}",
                device=self.device,
                hint=_advice(error, doing),
            ) from error


def _words(error: AgentError | asyncssh.SFTPError) -> str:
    return error.message if isinstance(error, AgentError) else error.reason or type(error).__name__


def _shown(path: str, answer: object) -> dict[str, Any]:
    """What a recording says of an answer: names and sizes, never what is in a file."""
    if isinstance(answer, asyncssh.SFTPAttrs):
        return {"entries": (_entry(path, answer),)}
    if isinstance(answer, bytes):
        return {"size": len(answer)}
    if isinstance(answer, int):
        return {"size": answer}
    if isinstance(answer, Sequence):
        return {"entries": tuple(_entry(str(one.filename), one.attrs) for one in answer)}
    return {}


def _entry(name: str, attrs: asyncssh.SFTPAttrs) -> Entry:
    from agent.recording.events import Entry

    return Entry(
        name.encode("utf-8", "backslashreplace").decode(), attrs.type == asyncssh.FILEXFER_TYPE_DIRECTORY, attrs.size
    )


def _advice(error: asyncssh.SFTPError, doing: str) -> str:
    """SFTP version 3 has no code of its own for a full disk: servers say failure (draft-ietf-secsh-filexfer-02)."""
    if isinstance(error, asyncssh.SFTPNoSuchFile):
        return "there is no such folder: name the other --storage"
    if isinstance(error, asyncssh.SFTPPermissionDenied):
        return "the user may not write there: name the other --storage, or a user with more rights"
    if doing == "written":
        return "the disk may be full: free space on the router, or name the other --storage"
    return "name the other --storage"
