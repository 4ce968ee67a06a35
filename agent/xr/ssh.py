"""The router's SSH port beside NETCONF: one connection, opened when first needed, for the CLI and for SFTP."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from agent.model.device import Device
from agent.xr.console import Console
from agent.xr.files import Files


class Ssh:
    """The way to a device's CLI and files; nothing is opened before it is asked for.

    A failed attempt is remembered and raised again at once: XR limits new SSH sessions, and what refused a login
    once refuses it again.
    """

    def __init__(self, device: Device) -> None:
        raise NotImplementedError

    def console(self) -> Console:
        """The CLI, in exec mode; the same one until it is lost.

        Raises:
            ConnectError, HostKeyError, SSHAuthenticationError, ConsoleError: by what failed.
        """
        raise NotImplementedError

    def files(self) -> Files:
        """SFTP on the same connection.

        Raises:
            ConnectError, HostKeyError, SSHAuthenticationError, FileError: by what failed; FileError where the device
                has no SFTP subsystem.
        """
        raise NotImplementedError

    def close(self) -> None:
        """End the connection, if there is one; may be used again afterwards. Never raises."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
