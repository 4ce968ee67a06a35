"""SSH servers on loopback, all in one thread: for each device a port with NETCONF, and one with the CLI and SFTP."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, Self

import asyncssh
from asyncssh.stream import SSHServerStreamSession

from agent.simulator.cli import shell
from agent.simulator.device.faults import Fault, FaultKind
from agent.simulator.device.ledger import ledger
from agent.simulator.device.simdevice import Device
from agent.simulator.netconf.framing import Deframer, FramingError, enframe, unfinished
from agent.simulator.netconf.rpcs import Rpcs
from agent.simulator.personas.persona import BASE, Persona
from agent.simulator.servers.ports import MANY, bound, free
from agent.simulator.servers.sftpserver import SftpServer
from agent.simulator.servers.sshconnection import Connection

USERNAME, PASSWORD = "admin", "admin"
"""The simulator's own login: public, and good for nothing but a simulation on loopback."""

_BACKLOG = 100
_OPENING = 600
"""Seconds for opening the ports of ten thousand devices on a slow machine; two are usual."""

_ACCEPTING = 3
"""Turns of the event loop in which a connection that was just accepted becomes one that can be ended."""
_TURNS = 200
"""Turns of the event loop that connections get to end in when the simulator stops; few are needed."""


class NetconfSession(asyncssh.SSHServerSession[bytes]):
    """One channel with the netconf subsystem; rpcs are answered one after the other, as RFC 6241 asks."""

    def __init__(self, device: Device, connection: asyncssh.SSHServerConnection) -> None:
        self._device = device
        self._connection = connection
        self._channel: Any = None
        self._frames = Deframer()
        self._waiting: deque[bytes] = deque()
        self._task: asyncio.Task[None] | None = None
        self._greeted = False
        self.closing = self.dropping = self.dropped = self.busy = False
        self._gone = False
        device.last_session += 1
        self.session_id = str(device.last_session)
        self._rpcs = Rpcs(device, self)

    def connection_made(self, chan: Any) -> None:
        """The channel is open."""
        self._channel = chan

    def subsystem_requested(self, subsystem: str) -> bool:
        """Only NETCONF is served."""
        return subsystem == "netconf"

    def session_started(self) -> None:
        """Send the hello at once, or end where there are as many sessions as may be."""
        if len(self._device.sessions) >= self._device.persona.max_sessions:
            self._channel.exit(1)
            return
        self._device.sessions[self.session_id] = self
        fault = self._device.fault("hello")
        if fault is None or not self._spoilt(fault):
            self._channel.write(enframe(self._device.hello % self.session_id.encode(), chunked=False))

    def _spoilt(self, fault: Fault) -> bool:
        """Whether a fault took the hello's place."""
        match fault.kind:
            case FaultKind.RAW:
                self.raw(enframe(fault.data, chunked=False))
            case FaultKind.GARBAGE:
                if self.raw(fault.data or b"\x00\xff garbage" * 8):
                    self._device.silence.swallow_hello()
            case FaultKind.HALF:
                self.cut(self._device.hello % self.session_id.encode())
            case FaultKind.DROP_BEFORE | FaultKind.DROP_AFTER:
                self.drop()
            case FaultKind.RESET:
                self.reset()
            case FaultKind.SILENT:
                self._device.silence.swallow_hello()
            case _:
                return False
        return True

    def data_received(self, data: bytes, datatype: int | None) -> None:
        """Take what came; the first message is the client's hello."""
        try:
            for message in self._frames.messages(data):
                if self._greeted:
                    self._waiting.append(message)
                else:
                    self._greeted = True
                    self._frames.chunked = self._device.persona.base_11 and f"{BASE}:1.1".encode() in message
        except FramingError:
            self.drop()
            return
        if self._waiting and self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._work())

    async def _work(self) -> None:
        try:
            while self._waiting and not self._channel.is_closing():
                answer = await self._rpcs.answer(self._waiting.popleft())
                if answer is not None and not self._channel.is_closing():
                    self._channel.write(enframe(answer, self._frames.chunked))
                if self.dropping:
                    self.drop()
                if self.closing:
                    self._channel.exit(0)
        finally:
            self._task = None
            if self._gone:
                self._leave()

    def eof_received(self) -> bool:
        """The client will send no more."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Give back what the session held; where it is busy, once it has done what it is about."""
        if self.busy:
            self._gone = True
            return
        self._leave()
        if self._task is not None:
            self._task.cancel()

    def _leave(self) -> None:
        self._device.sessions.pop(self.session_id, None)
        self._device.config.leave(self.session_id)

    def drop(self) -> None:
        """End the connection without a word, and what the session is about."""
        self.busy, self.dropped = False, True
        if self._gone and self._task is not None:
            self._task.cancel()
        self._connection.abort()

    def raw(self, data: bytes) -> bool:
        """Send bytes as they are; whether their reader has to wait for more."""
        self._channel.write(data)
        return unfinished(data, chunked=self._frames.chunked)

    def cut(self, message: bytes) -> None:
        """Send half of a message, and end."""
        framed = enframe(message, self._frames.chunked)
        self._channel.write(framed[: len(framed) // 2])
        self._channel.write_eof()
        self._channel.close()

    def reset(self) -> None:
        """Reset the TCP connection."""
        _reset(self._connection)


def _reset(connection: asyncssh.SSHServerConnection) -> None:
    """End a connection by a TCP reset, as a device does that refuses it."""
    sock = connection.get_extra_info("socket")
    if sock is not None:  # None: it has ended already
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.abort()


class ConsoleSession(SSHServerStreamSession[bytes]):
    """One channel with the CLI or SFTP, and nothing else."""

    def __init__(self, device: Device) -> None:
        super().__init__(
            lambda stdin, stdout, _: shell.serve(device, stdin, stdout),
            (lambda channel: SftpServer(channel, device.disk)) if device.persona.sftp else None,
            3,
        )

    def subsystem_requested(self, subsystem: str) -> bool:
        """SFTP where the device has it; NETCONF has a port of its own."""
        return subsystem == "sftp" and super().subsystem_requested(subsystem)


class _Server(asyncssh.SSHServer):
    def __init__(self, password: str, keys: list[asyncssh.SSHKey], connections: list[Connection]) -> None:
        self._password, self._keys, self._connections = password, keys, connections
        self._connection: Connection | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        if not isinstance(conn, Connection):
            raise TypeError(f"{conn!r} is no connection of the simulator's")
        self._connection = conn
        self._connections[:] = [one for one in self._connections if one.socket.fileno() != -1]
        self._connections.append(conn)
        fault = conn.device.fault("connect" if conn.netconf else "connect-ssh")
        if fault is not None:
            (conn.abort if fault.kind is FaultKind.DROP_BEFORE else lambda: _reset(conn))()
        elif conn.device.refuses():
            _reset(conn)
        if not conn.netconf:
            conn.device.connections.add(conn)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._connection is not None:
            self._connection.device.connections.discard(self._connection)

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == (USERNAME, self._password)

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return username == USERNAME and key in self._keys

    def session_requested(self) -> NetconfSession | ConsoleSession:
        if self._connection is None:
            raise asyncssh.ChannelOpenError(asyncssh.OPEN_CONNECT_FAILED, "no connection")
        if not self._connection.netconf:
            return ConsoleSession(self._connection.device)
        return NetconfSession(self._connection.device, self._connection)


class Simulator:
    """A thread with an event loop that serves devices on 127.0.0.1 until :meth:`stop`; a context manager.

    *ports* are those that :meth:`add_all` takes, as far as they are free.
    """

    username = USERNAME

    def __init__(
        self, *, host_key: asyncssh.SSHKey | None = None, password: str = PASSWORD, ports: Iterable[int] = MANY
    ) -> None:
        self.password = password
        self.devices: dict[str, Device] = {}
        self._host_key = host_key or asyncssh.generate_private_key("ssh-ed25519")
        self._keys: list[asyncssh.SSHKey] = []
        self._listeners: list[asyncio.Server] = []
        self._held: list[socket.socket] = []
        self._ports = iter(ports)
        self._connections: list[Connection] = []
        self._options = asyncssh.SSHServerConnectionOptions(
            server_factory=lambda: _Server(self.password, self._keys, self._connections),
            server_host_keys=[self._host_key],
            encoding=None,
            compression_algs=None,
            line_editor=False,
            login_timeout=60,
        )
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="simulator", daemon=True)
        self._thread.start()

    def add(
        self, persona: Persona | None = None, *, name: str | None = None, port: int = 0, ssh_port: int = 0
    ) -> Device:
        """Serve a further device; its ports are free ones unless given."""
        device = Device(name or f"device-{len(self.devices) + 1}", persona or Persona())
        self._serve([device], (bound(one) for one in (port, ssh_port)))
        return device

    def add_all(self, personas: Iterable[tuple[str, Persona]]) -> list[Device]:
        """Serve further devices, given as (name, persona), on free ports; all of them or, where that fails, none."""
        devices = [Device(name, persona) for name, persona in personas]
        self._serve(devices, free(self._ports))
        return devices

    def _serve(self, devices: list[Device], sockets: Iterator[socket.socket]) -> None:
        self._run(self._open(devices, sockets), wait=_OPENING)
        public = " ".join(self._host_key.export_public_key().decode().split()[:2])
        for device in devices:
            device.post = self._post
            device.host_key = f"[127.0.0.1]:{device.port} {public}"
            self.devices[device.name] = device

    def authorize(self, public_key: str) -> None:
        """Accept a user's public key, an OpenSSH line."""
        self._keys.append(asyncssh.import_public_key(public_key))

    def known_hosts(self) -> str:
        """The host keys of all devices' ports as an OpenSSH known_hosts file."""
        return "".join(device.known_hosts() for device in self.devices.values())

    def ledgers(self) -> dict[str, dict[str, object]]:
        """What was written to each device by now, by its name; see :func:`agent.simulator.device.ledger.ledger`."""

        async def read() -> dict[str, dict[str, object]]:
            return {name: ledger(device) for name, device in self.devices.items()}

        found: dict[str, dict[str, object]] = self._run(read())
        return found

    def stop(self) -> None:
        """End all connections, listeners and the thread."""
        if self._loop.is_closed():
            return
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Any, *, wait: float = 30) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(wait)

    def _post(self, work: Callable[[], None]) -> None:
        """Run *work* in the simulator's thread and wait for it."""

        if threading.current_thread() is self._thread:
            work()
            return

        async def run() -> None:
            work()

        self._run(run())

    async def _open(self, devices: list[Device], sockets: Iterator[socket.socket]) -> None:
        """Listen on both ports of each device, or on none of any; the CLI's port is 0 where nothing listens."""
        with contextlib.ExitStack() as undo:
            for device in devices:
                device.port = await self._door(undo, device, next(sockets), netconf=True)
                if device.persona.ssh:
                    device.ssh_port = await self._door(undo, device, next(sockets), netconf=False)
            undo.pop_all()

    async def _door(self, undo: contextlib.ExitStack, device: Device, sock: socket.socket, *, netconf: bool) -> int:
        """Listen on *sock*, or only hold its port where nobody is to answer; the port."""
        undo.callback(sock.close)
        if netconf and not device.persona.reachable:
            self._held.append(sock)
        else:
            listener = await self._loop.create_server(
                lambda: Connection(self._loop, self._options, device, netconf=netconf), sock=sock, backlog=_BACKLOG
            )
            undo.callback(listener.close)
            self._listeners.append(listener)
        return int(sock.getsockname()[1])

    async def _end(self) -> None:
        await self._accept_no_more()
        for held in self._held:
            held.close()
        for device in self.devices.values():
            device.drop_all()
        await self._hang_up()
        for listener in self._listeners:
            await listener.wait_closed()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        for task in others:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await self._loop.shutdown_default_executor()

    async def _accept_no_more(self) -> None:
        """Close the listeners; connections that are being accepted are first, since asyncio would leave them open."""
        for listener in self._listeners:
            for sock in listener.sockets:
                self._loop.remove_reader(sock.fileno())
        for _ in range(_ACCEPTING):
            await asyncio.sleep(0)
        for listener in self._listeners:
            listener.close()

    async def _hang_up(self) -> None:
        """Wait until every socket is closed, also one that was about to be and still had something to send."""
        for _ in range(_TURNS):
            left = [one for one in self._connections if one.socket.fileno() != -1]
            if not left:
                return
            for one in left:
                one.abort()
                with contextlib.suppress(OSError):
                    one.socket.shutdown(socket.SHUT_RDWR)
            await asyncio.sleep(0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
