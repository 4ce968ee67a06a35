"""SSH servers on loopback, all in one thread: for each device a port with NETCONF, and one with the CLI and SFTP."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterable, Iterator
from typing import Any

import asyncssh
from asyncssh.stream import SSHServerStreamSession

from agent.simulator.cli import shell
from agent.simulator.device.faults import FaultKind
from agent.simulator.device.simdevice import Device
from agent.simulator.netconf.rpcs import NetconfSession
from agent.simulator.personas.persona import Persona
from agent.simulator.servers.loopback import Loopback
from agent.simulator.servers.ports import MANY, bound, free
from agent.simulator.servers.sftpserver import SftpServer
from agent.simulator.servers.sshconnection import Connection

USERNAME, PASSWORD = "admin", "admin"
"""The simulator's own login: public, and good for nothing but a simulation on loopback."""

_OPENING = 600
"""Seconds for opening the ports of ten thousand devices on a slow machine; two are usual."""


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

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator

    def connection_made(self, conn: Any) -> None:
        self._connection = conn
        self._simulator.keep(conn)
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
        return (username, password) == (USERNAME, self._simulator.password)

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return username == USERNAME and key in self._simulator.keys

    def session_requested(self) -> NetconfSession | ConsoleSession:
        device = self._connection.device
        return NetconfSession(device, self._connection) if self._connection.netconf else ConsoleSession(device)


class Simulator(Loopback):
    """Serves devices on 127.0.0.1 until :meth:`stop`; a context manager.

    *ports* are those that :meth:`add_all` takes, as far as they are free.
    """

    username = USERNAME

    def __init__(
        self, *, host_key: asyncssh.SSHKey | None = None, password: str = PASSWORD, ports: Iterable[int] = MANY
    ) -> None:
        self.password = password
        self.devices: dict[str, Device] = {}
        self._host_key = host_key or asyncssh.generate_private_key("ssh-ed25519")
        self.keys: list[asyncssh.SSHKey] = []
        self._held: list[socket.socket] = []
        self._ports = iter(ports)
        self._options = asyncssh.SSHServerConnectionOptions(
            server_factory=lambda: Server(self),
            server_host_keys=[self._host_key],
            encoding=None,
            compression_algs=None,
            line_editor=False,
            login_timeout=60,
        )
        super().__init__()

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
        self.keys.append(asyncssh.import_public_key(public_key))

    def known_hosts(self) -> str:
        """The host keys of all devices' ports as an OpenSSH known_hosts file."""
        return "".join(device.known_hosts() for device in self.devices.values())

    def ledgers(self) -> dict[str, dict[str, object]]:
        """What was written to each device by now, by its name; see :meth:`Device.ledger`."""
        return self.post(lambda: {name: device.ledger() for name, device in self.devices.items()})

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
            listener = await self.listen(lambda: Connection(self.loop, self._options, device, netconf=netconf), sock)
            undo.callback(listener.close)
        return int(sock.getsockname()[1])

    def _leave(self) -> None:
        for held in self._held:
            held.close()
        for device in self.devices.values():
            device.drop_all()
