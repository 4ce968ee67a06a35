"""A process that pushes to a simulated router, without SSH below NETCONF: it may be killed, and costs no handshakes.

Both ends are the real ones from the frames upward: the agent's :class:`DirectSession` and its framing, and the
simulator's session with its own framing in the simulator's thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import agent
from agent.model.device import Device as Target
from agent.model.outcome import Outcome
from agent.model.unfinished import Memory, Unfinished
from agent.netconf.retry import Policy
from agent.netconf.session import Session
from agent.netconf.transport import DirectSession
from agent.simulator import Device, Fault, FaultKind, Persona, Simulator
from agent.simulator.netconf.rpcs import NetconfSession
from agent.ssh.connection import Deadline
from tests.support import Clock, DeviceClock, eventually

TIMEOUT = 10.0
"""Seconds for an answer, by the clock of the router's world."""
_EPOCH = datetime(2030, 1, 1, tzinfo=UTC)


class Killed(BaseException):
    """The process was killed: nothing of it runs on, and nothing is cleaned up."""


class Wire:
    """What lies between the two: a channel for the agent, a channel and a connection for the simulator."""

    def __init__(self, simulator: Simulator, device: Device, receive: Callable[[bytes], None]) -> None:
        self._loop: asyncio.AbstractEventLoop = simulator.loop
        self._receive = receive
        self._ended = False
        self._session: Any = None
        self._loop.call_soon_threadsafe(self._begin, device)

    def _begin(self, device: Device) -> None:
        fault = device.fault("connect")
        if fault is not None or device.refuses():
            self.abort()
            return
        self._session = NetconfSession(device, self)
        self._session.connection_made(self)
        self._session.session_started()

    # --- the agent's side, as of its channel and connection ------------------------------------------

    def sendall(self, data: bytes) -> None:
        """Put *data* on the wire."""
        if self._ended:
            raise EOFError("the connection has ended")
        self._loop.call_soon_threadsafe(self._take, data)

    def close(self) -> None:
        """Hang up; the simulator is told."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.abort)

    def ending(self, _: float, end: Callable[[], object]) -> Callable[[], object]:
        """Have *end* called once what this returns is called, which it is by the end of the wire if not before."""
        return lambda: None if self._loop.is_closed() else self._loop.call_soon_threadsafe(end)

    # --- the simulator's side, as of an asyncssh channel and its connection --------------------------------------

    def _take(self, data: bytes) -> None:
        if not self._ended and self._session is not None:
            self._session.data_received(data, None)

    def write(self, data: bytes) -> None:
        """Send to the agent."""
        if not self._ended:
            self._receive(data)

    def is_closing(self) -> bool:
        """Whether it has ended."""
        return self._ended

    def abort(self) -> None:
        """End it without a word."""
        if self._ended:
            return
        self._ended = True
        self._receive(b"")
        if self._session is not None:
            self._session.connection_lost(None)

    def exit(self, status: int) -> None:
        """End it as after close-session."""
        self.abort()

    def reset(self) -> None:
        """The same: there is no TCP."""
        self.abort()


class InProcess(DirectSession):
    """The agent's session over a :class:`Wire`; *alive* raises :class:`Killed` where its process was killed."""

    def __init__(self, simulator: Simulator, device: Device, target: Target, alive: Callable[[], None]) -> None:
        super().__init__(target)
        self._simulator, self._router, self._alive = simulator, device, alive

    def open(self) -> None:
        """Exchange hellos."""
        self._wire = Wire(self._simulator, self._router, self.received)
        self._channel: Any = self._wire
        self._connection: Any = self._wire
        self._connected = True
        try:
            self._exchange_hellos(Deadline(self._device.open_timeout, clock=self._device.clock.now))
        except BaseException:
            self.close()
            raise

    def send(self, message: str) -> None:
        """Write, as long as the process lives."""
        self._alive()
        super().send(message)


class Kept(Memory):
    """A write-ahead log as a dead process leaves it."""

    dead = False

    def begin(self, change: Unfinished) -> None:
        if not self.dead:
            super().begin(change)

    def end(self) -> None:
        if not self.dead:
            super().end()


class Process:
    """Pushes to one router, by a clock of its own; killed, it is begun again with the write-ahead log that it left.

    Attributes:
        clock: the time, which the router goes by as well; log: the write-ahead log.
    """

    def __init__(self, simulator: Simulator, device: Device, clock: Clock | None = None) -> None:
        self._simulator, self._device = simulator, device
        self.clock = clock or Clock()
        self.log = Kept()
        self._target = Target(
            "127.0.0.1",
            device.port or 830,
            ssh_port=device.ssh_port or 22,
            username=simulator.username,
            password=agent.Secret(simulator.password),
            host_keys=agent.HostKeys(pinned=" ".join(device.host_key.split()[1:3]) or None),
            label=device.name,
            timeout=TIMEOUT,
            open_timeout=TIMEOUT,
            clock=DeviceClock.of(device, self.clock),
        )

    @classmethod
    def at(cls, simulator: Simulator, **settings: Any) -> tuple[Process, Device]:
        """A process and a router of its own that listens nowhere."""
        device = Device("router", Persona(**settings), post=simulator.post)
        return cls(simulator, device), device

    def push(self, intent: agent.Intent) -> Outcome | agent.AgentError | None:
        """One push; the error where no session came up, None where it was killed. The router's faults are over then."""
        self.log.dead = False
        device, target = self._device, self._target
        end: Outcome | agent.AgentError | None
        try:
            with self.connect() as session, agent.Ssh(target, turn=self._turn) as ssh:
                reached = ssh if device.ssh_port else None
                end = agent.remediate(
                    session, intent, policy=self.policy, connect=self.connect, ssh=reached, log=self.log
                )
        except Killed:
            end = None
        except agent.AgentError as error:
            end = error
        device.faults.clear()
        device.post(device.drop_all)
        assert eventually(lambda: not device.sessions)
        return None if self.log.dead else end

    def connect(self) -> Session:
        """A session of the agent's."""
        self._alive()
        target = self._target
        wire = InProcess(self._simulator, self._device, target, self._alive)
        wire.open()
        return Session(wire, device=target.name, address=target.address, timeout=target.timeout, clock=target.clock)

    @property
    def policy(self) -> Policy:
        """The policy by its clock."""

        def sleep(seconds: float) -> None:
            self._alive()
            self.clock.sleep(seconds)

        return self.clock.policy(sleep=sleep, now=lambda: _EPOCH + timedelta(seconds=self.clock.now))

    def _turn(self) -> float:
        self._alive()
        return 0.0

    def _alive(self) -> None:
        if self.log.dead:
            raise Killed

    def die(self) -> None:
        """Be killed, in the simulator's thread: the connections end, and nothing is cleaned up."""
        self.log.dead = True
        asyncio.get_running_loop().call_soon(self._device.drop_all)  # behind the effect, if that is to come

    def death(self, operation: str, *, skip: int = 0, answered: bool = False) -> Fault:
        """The fault that kills it as an rpc arrives; *answered*: when that is done, which it does not get to know."""
        return _Death(self, operation, skip, FaultKind.DROP_AFTER if answered else FaultKind.DROP_BEFORE)


class _Death(Fault):
    def __init__(self, process: Process, operation: str, skip: int, kind: FaultKind) -> None:
        super().__init__(operation, kind, skip=skip)
        self._process = process

    def strikes(self, operation: str) -> bool:
        hit = super().strikes(operation)
        if hit:
            self._process.die()
        return hit
