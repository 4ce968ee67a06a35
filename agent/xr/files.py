"""Files on the router, over SFTP."""

from __future__ import annotations

from typing import Any


def fresh_name(suffix: str) -> str:
    """An unguessable file name that says whose it is: ``xr-agent-<32 hex digits><suffix>``."""
    raise NotImplementedError


class Files:
    """SFTP on an authenticated SSH transport."""

    def __init__(self, transport: Any, *, device: str, timeout: float = 60.0) -> None:
        raise NotImplementedError

    def put(self, data: bytes, path: str) -> None:
        """Write a new file, owner-readable, and read it back: size and SHA-256 must agree. An existing one is refused.

        On any failure after the file was made it is removed again.

        Raises:
            FileError: no room, no such folder, not allowed, exists already, or it arrived damaged.
            SessionLost, ReplyTimeout: the file may have been left; the hint names it.
        """
        raise NotImplementedError

    def remove(self, path: str) -> None:
        """Remove a file; one that is not there is no error.

        Raises:
            FileError, SessionLost, ReplyTimeout: it may still be there; the hint names it.
        """
        raise NotImplementedError

    def exists(self, path: str) -> bool:
        """Whether there is such a file; errors as of :meth:`remove`."""
        raise NotImplementedError

    def close(self) -> None:
        """End SFTP; the SSH connection stays. Never raises."""
        raise NotImplementedError
