"""SSH connections as the simulator takes them: without asyncssh's padding between packets, and as if from afar."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections import deque
from typing import Any

import asyncssh
from asyncssh.constants import MSG_IGNORE

from agent.simulator.device.simdevice import Device


class QuietConnection(asyncssh.SSHServerConnection):
    """Sends nothing that only hides what is said, and can be ended whatever it is at."""

    def __init__(self, loop: asyncio.AbstractEventLoop, options: asyncssh.SSHServerConnectionOptions) -> None:
        super().__init__(loop, options)
        self.socket: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.socket = transport.get_extra_info("socket")
        super().connection_made(transport)

    def send_packet(self, pkttype: int, *args: bytes, **more: Any) -> None:
        """Send a packet; asyncssh's SSH_MSG_IGNORE before each, meant for CBC, doubles the work of both sides."""
        if pkttype != MSG_IGNORE:
            super().send_packet(pkttype, *args, **more)


class Connection(QuietConnection):
    """A connection to *device*, to its NETCONF port or to that of the CLI.

    What the client sends is taken the persona's ``round_trip`` later, in order, and so everything is answered that much
    later; only the TCP handshake and the server's first line are not.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        options: asyncssh.SSHServerConnectionOptions,
        device: Device,
        *,
        netconf: bool,
    ) -> None:
        super().__init__(loop, options)
        self.device, self.netconf = device, netconf
        self._round_trip = device.persona.round_trip
        self._on_the_way: deque[bytes | None] = deque()

    def reset(self) -> None:
        """End by a TCP reset, as a device does that refuses the connection."""
        with contextlib.suppress(OSError):  # it may have ended already
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.abort()

    def data_received(self, data: bytes, datatype: int | None = None) -> None:
        """Take what came, or hold it back for as long as it is on its way."""
        if self._round_trip:
            self._hold(data)
        else:
            super().data_received(data, datatype)

    def eof_received(self) -> bool | None:  # type: ignore[override] # asyncio takes a bool: whether to stay open
        """The client's end, which comes behind what it sent."""
        if not self._round_trip:
            super().eof_received()
            return None
        self._hold(None)
        return True

    def connection_lost(self, exc: Exception | None = None) -> None:
        """What is on its way over a broken connection is lost."""
        self._on_the_way.clear()
        super().connection_lost(exc)

    def _hold(self, data: bytes | None) -> None:
        self._on_the_way.append(data)
        asyncio.get_running_loop().call_later(self._round_trip, self._arrive)

    def _arrive(self) -> None:
        if not self._on_the_way:
            return
        data = self._on_the_way.popleft()
        if data is None:
            super().eof_received()
        else:
            super().data_received(data)
