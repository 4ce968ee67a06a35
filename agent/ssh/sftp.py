"""Files on the router, over SFTP."""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import asyncssh

from agent.model.errors import AgentError, ConnectError, FileError, ReplyTimeout, SessionLost
from agent.ssh.connection import Connection

log = logging.getLogger(__name__)

T = TypeVar("T")

_OPEN_WAIT = 30.0
_PART = 32768
_LOST = (asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection)


def fresh_name(suffix: str) -> str:
    """An unguessable file name that says whose it is: ``xr-agent-<32 hex digits><suffix>``."""
    return f"xr-agent-{secrets.token_hex(16)}{suffix}"


class Files:
    """SFTP on an authenticated SSH connection; *timeout* is for each of its answers, in seconds.

    Attributes:
        left: paths that :meth:`put` may have made, and that nobody was seen to remove since.
    """

    def __init__(self, connection: Connection, *, device: str, timeout: float = 60.0) -> None:
        self.device = device
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
                file = self._run(self._client.open(path, "xb"))
        except FileError as error:
            self.left.discard(path)  # refused, so it was not made
            if self.exists(path):
                raise FileError(f"{path} exists already", device=self.device, hint="nothing was changed") from error
            raise
        try:
            with self._mapped(path, "written"), self._closed_behind(file):
                for begin in range(0, len(data), _PART):  # each is acknowledged: a full disk has its own error
                    self._run(file.write(data[begin : begin + _PART]))
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
                self._run(self._client.remove(path))
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
                return self._run(self._client.stat(path))
            except asyncssh.SFTPNoSuchFile:
                return None

    def close(self) -> None:
        """End SFTP; the SSH connection stays. Never raises."""
        self._lost = True
        self._connection.soon(self._client.exit)

    def _opened(self) -> asyncssh.SFTPClient:
        try:
            return self._connection.sftp(min(self._timeout, _OPEN_WAIT))
        except (ConnectError, ReplyTimeout, asyncssh.SFTPError) as error:
            raise FileError(
                "the router has no SFTP", device=self.device, hint="on the router: ssh server v2, and its SFTP"
            ) from error

    def _run(self, coroutine: Awaitable[T]) -> T:
        """One answer; where none comes the session is closed, since it may still come, and is asked nothing more."""
        try:
            return self._connection.run(coroutine, self._timeout)
        except (ReplyTimeout, SessionLost, *_LOST):
            self.close()
            raise

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
            self._run(self._client.chmod(path, 0o600))
        except _LOST:
            raise
        except asyncssh.SFTPError as error:
            # Certificates are public, and some file systems of routers know no modes.
            log.info("%s: %s keeps its mode: %s", self.device, path, error)

    def _compare(self, data: bytes, path: str) -> None:
        size = self._run(self._client.stat(path)).size
        if size != len(data):
            raise FileError(
                f"{path} has {size} bytes, and {len(data)} were sent", device=self.device, hint="is the disk full?"
            )
        file: Any = self._run(self._client.open(path, "rb"))  # typed as one that may be of text
        with self._closed_behind(file):
            arrived = hashlib.sha256(self._run(file.read(len(data) + 1)))
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
            self.close()
            raise SessionLost(f"SFTP ended before {path} was {doing}", device=self.device, hint=hint) from error
        except asyncssh.SFTPError as error:
            raise FileError(
                f"{path} could not be {doing}: {error.reason or 'refused'}",
                device=self.device,
                hint=_advice(error, doing),
            ) from error


def _advice(error: asyncssh.SFTPError, doing: str) -> str:
    """SFTP version 3 has no code of its own for a full disk: servers say failure (draft-ietf-secsh-filexfer-02)."""
    if isinstance(error, asyncssh.SFTPNoSuchFile):
        return "there is no such folder: name the other --storage"
    if isinstance(error, asyncssh.SFTPPermissionDenied):
        return "the user may not write there: name the other --storage, or a user with more rights"
    if doing == "written":
        return "the disk may be full: free space on the router, or name the other --storage"
    return "name the other --storage"
