"""Files on the router, over SFTP."""

from __future__ import annotations

import errno
import hashlib
import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

from agent.model.errors import AgentError, FileError, ReplyTimeout, SessionLost
from agent.model.local.clock import Clock
from agent.ssh.channel import close_channel, has_ended, open_channel

if TYPE_CHECKING:
    from paramiko import Channel, SFTPClient, Transport

log = logging.getLogger(__name__)

_OPEN_WAIT = 30.0
_VERSION, _ATTRIBUTES = 2, 105
_CLOSED = "Socket is closed"  # paramiko's words for writing to a channel that has ended


def fresh_name(suffix: str) -> str:
    """An unguessable file name that says whose it is: ``xr-agent-<32 hex digits><suffix>``."""
    return f"xr-agent-{secrets.token_hex(16)}{suffix}"


class Files:
    """SFTP on an authenticated SSH transport; *timeout* is for each of its answers, in seconds.

    Attributes:
        left: paths that :meth:`put` may have made, and that nobody was seen to remove since.
    """

    def __init__(self, transport: Transport, *, device: str, timeout: float = 60.0, clock: Clock | None = None) -> None:
        self.device = device
        self.left: set[str] = set()
        self._timeout = timeout
        self._clock = clock
        self._channel, self._sftp = self._opened(transport)

    @property
    def alive(self) -> bool:
        """Whether the channel was open when last heard of."""
        return not self._channel.closed and not self._channel.eof_received

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
                file = self._sftp.open(path, "wxb")
        except FileError as error:
            self.left.discard(path)  # refused, so it was not made
            if self.exists(path):
                raise FileError(f"{path} exists already", device=self.device, hint="nothing was changed") from error
            raise
        try:
            with file, self._mapped(path, "written"):
                file.write(data)  # each part is acknowledged, so that a full disk is known by its own error
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
                self._sftp.remove(path)
            except FileNotFoundError:
                log.debug("%s: %s is not there", self.device, path)
        self.left.discard(path)

    def exists(self, path: str) -> bool:
        """Whether there is such a file; errors as of :meth:`remove`."""
        with self._mapped(path, "looked for"):
            try:
                self._sftp.stat(path)
            except FileNotFoundError:
                return False
        return True

    def close(self) -> None:
        """End SFTP; the SSH connection stays. Never raises."""
        close_channel(self._channel)

    def _opened(self, transport: Transport) -> tuple[Channel, SFTPClient]:
        wait = min(self._timeout, _OPEN_WAIT)
        try:
            with self._named("SFTP", "begun"):
                channel = open_channel(transport, lambda channel: channel.invoke_subsystem("sftp"), wait, self._clock)
                channel.settimeout(wait)
                try:
                    sftp = _client_class()(channel)
                except BaseException:
                    close_channel(channel)
                    raise
        except (SessionLost, ReplyTimeout) as error:
            if has_ended(transport):
                raise SessionLost(error.message, device=self.device, hint="connect again") from error
            raise FileError(
                "the router has no SFTP", device=self.device, hint="on the router: ssh server v2, and its SFTP"
            ) from error
        channel.settimeout(self._timeout)
        return channel, sftp

    def _private(self, path: str) -> None:
        try:
            self._sftp.chmod(path, 0o600)
        except (TimeoutError, ConnectionError):
            raise
        except OSError as error:
            # Certificates are public, and some file systems of routers know no modes.
            log.info("%s: %s keeps its mode: %s", self.device, path, error)

    def _compare(self, data: bytes, path: str) -> None:
        size = self._sftp.stat(path).st_size
        if size != len(data):
            raise FileError(
                f"{path} has {size} bytes, and {len(data)} were sent", device=self.device, hint="is the disk full?"
            )
        with self._sftp.open(path, "rb") as file:
            arrived = hashlib.sha256(file.read(len(data) + 1))
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
        """As :meth:`_named`; a session that gave no answer is closed, since that answer may still come."""
        try:
            with self._named(path, doing):
                yield
        except (ReplyTimeout, SessionLost):
            self.close()
            raise

    @contextmanager
    def _named(self, path: str, doing: str) -> Iterator[None]:
        """Give every failure of SFTP its name in the error tree."""
        from paramiko import SFTPError, SSHException

        hint = f"{path} may be there, in part or whole"
        try:
            yield
        except TimeoutError as error:
            raise ReplyTimeout(
                f"{path} could not be {doing} within {self._timeout:g} s", device=self.device, hint=hint
            ) from error
        except (EOFError, SSHException, SFTPError, ConnectionError, UnicodeDecodeError) as error:
            raise SessionLost(f"SFTP ended before {path} was {doing}", device=self.device, hint=hint) from error
        except OSError as error:
            if str(error) == _CLOSED:
                raise SessionLost(f"SFTP ended before {path} was {doing}", device=self.device, hint=hint) from error
            raise FileError(
                f"{path} could not be {doing}: {error.strerror or str(error) or 'refused'}",
                device=self.device,
                hint=_advice(error, doing),
            ) from error


@cache
def _client_class() -> type[SFTPClient]:
    """paramiko's client, but one that leaves a server whose answers paramiko would read for ever."""
    from paramiko import SFTPClient, SFTPError

    class Strict(SFTPClient):
        """Only what was asked for is an answer (draft-ietf-secsh-filexfer-02 section 3)."""

        def _read_packet(self) -> tuple[int, bytes]:
            kind, data = super()._read_packet()  # type: ignore[misc] # what begins with _ has no types
            number = int.from_bytes(data[:4])
            if len(data) < 4 or (kind != _VERSION and number not in self._expecting):  # type: ignore[attr-defined] # the same
                raise SFTPError(f"an answer to request {number}, which was not made")
            if kind == _ATTRIBUTES:
                # Nothing here needs extended attributes, of which a few bytes may announce four thousand million.
                return kind, data[:4] + bytes([data[4] & 0x7F]) + data[5:] if len(data) > 4 else data
            return kind, data

    return Strict


def _advice(error: OSError, doing: str) -> str:
    """SFTP version 3 has no code of its own for a full disk: servers say failure (draft-ietf-secsh-filexfer-02)."""
    if error.errno == errno.ENOENT:
        return "there is no such folder: name the other --storage"
    if error.errno == errno.EACCES:
        return "the user may not write there: name the other --storage, or a user with more rights"
    if doing == "written":
        return "the disk may be full: free space on the router, or name the other --storage"
    return "name the other --storage"
