"""SSH servers on loopback, all in one thread: for each device a port with NETCONF, and one with the CLI and SFTP."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Coroutine, Iterable, Iterator
from typing import Any, Self, TypeVar

import asyncssh
from asyncssh.stream import SSHServerStreamSession

from agent.simulator.cli import shell
from agent.simulator.device.faults import FaultKind
from agent.simulator.device.simdevice import Device
from agent.simulator.netconf.rpcs import NetconfSession
from agent.simulator.personas.persona import Persona
from agent.simulator.servers.ports import MANY, bound, free
from agent.simulator.servers.sftpserver import SftpServer
from agent.simulator.servers.sshconnection import Connection

USERNAME, PASSWORD = "admin", "admin"
"""The simulator's own login: public, and good for nothing but a simulation on loopback."""

T = TypeVar("T")
_BACKLOG = 100
_OPENING = 600
"""Seconds for opening the ports of ten thousand devices on a slow machine; two are usual."""

_ACCEPTING = 3
"""Turns of the event loop in which a connection that was just accepted becomes one that can be ended."""
_TURNS = 200
"""Turns of the event loop that connections get to end in when the simulator stops; few are needed."""


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


class Server(asyncssh.SSHServer):
    _connection: Connection  # the one it is for, as soon as that is made

    def __init__(self, password: str, keys: list[asyncssh.SSHKey], connections: list[Connection]) -> None:
        self._password, self._keys, self._connections = password, keys, connections

    def connection_made(self, conn: Any) -> None:
        self._connection = conn
        self._connections[:] = [one for one in self._connections if one.socket.fileno() != -1]
        self._connections.append(conn)
        fault = conn.device.fault("connect" if conn.netconf else "connect-ssh")
        if fault is not None:
            (conn.abort if fault.kind is FaultKind.DROP_BEFORE else conn.reset)()
        elif conn.device.refuses():
            conn.reset()
        if not conn.netconf:
            conn.device.connections.add(conn)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connection.device.connections.discard(self._connection)

    async def begin_auth(self, username: str) -> bool:
        """Take the time that a login takes; every user has to log in."""
        device = self._connection.device
        if seconds := device.draw("login"):
            device.silence.postpone_login(device.config.clock() + seconds)
            await device.pause(seconds)
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == (USERNAME, self._password)

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return username == USERNAME and key in self._keys

    def session_requested(self) -> NetconfSession | ConsoleSession:
        device = self._connection.device
        return NetconfSession(device, self._connection) if self._connection.netconf else ConsoleSession(device)


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
            server_factory=lambda: Server(self.password, self._keys, self._connections),
            server_host_keys=[self._host_key],
            encoding=None,
            compression_algs=None,
            line_editor=False,
            login_timeout=60,
        )
        self.loop = asyncio.new_event_loop()
        self._over = asyncio.Event()
        self._thread = threading.Thread(target=self._serve_until_over, name="simulator", daemon=True)
        self._thread.start()

    def _serve_until_over(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self.loop) as runner:
            runner.run(self._over.wait())

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
            device.post = self.post
            device.host_key = f"[127.0.0.1]:{device.port} {public}"
            self.devices[device.name] = device

    def authorize(self, public_key: str) -> None:
        """Accept a user's public key, an OpenSSH line."""
        self._keys.append(asyncssh.import_public_key(public_key))

    def known_hosts(self) -> str:
        """The host keys of all devices' ports as an OpenSSH known_hosts file."""
        return "".join(device.known_hosts() for device in self.devices.values())

    def ledgers(self) -> dict[str, dict[str, object]]:
        """What was written to each device by now, by its name; see :meth:`Device.ledger`."""
        return self.post(lambda: {name: device.ledger() for name, device in self.devices.items()})

    def stop(self) -> None:
        """End all connections, listeners and the thread."""
        if self.loop.is_closed():
            return
        self._run(self._end())
        self.loop.call_soon_threadsafe(self._over.set)
        self._thread.join()

    def _run(self, work: Coroutine[Any, Any, T], *, wait: float = 30) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(wait)

    def post(self, work: Callable[[], T]) -> T:
        """Run *work* in the simulator's thread and wait for it."""
        if threading.current_thread() is self._thread:
            return work()

        async def run() -> T:
            return work()

        return self._run(run())

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
            listener = await self.loop.create_server(
                lambda: Connection(self.loop, self._options, device, netconf=netconf), sock=sock, backlog=_BACKLOG
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

    async def _accept_no_more(self) -> None:
        """Close the listeners; connections that are being accepted are first, since asyncio would leave them open."""
        for listener in self._listeners:
            for sock in listener.sockets:
                self.loop.remove_reader(sock.fileno())
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

    def __exit__(self, *_: object) -> None:
        self.stop()
