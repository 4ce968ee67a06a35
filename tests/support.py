"""What the tests share: simulated routers, how to reach them, and time that passes only when told to."""

from __future__ import annotations

import logging
import math
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import asyncssh

import agent
from agent.model.device import Device as Target
from agent.model.local.clock import Clock as RouterClock
from agent.netconf.payload import template
from agent.netconf.retry import Policy
from agent.netconf.transport import DirectSession
from agent.simulator import Device, Persona, Simulator
from agent.simulator.device.silence import Silence

_TESTS = Path(__file__).parent
_TURN = 0.01
"""Seconds between two looks at what another thread does."""
_LONGEST = 600.0
"""Seconds after which a test gives up that waits for what is sure to come; no test is to take them."""


@dataclass
class Clock:
    """Seconds that only :meth:`sleep` lets pass; ``slept`` remembers them."""

    now: float = 0.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def idle(self, _: threading.Condition, seconds: float) -> None:
        self.sleep(seconds)

    def policy(self, **changes: Any) -> Policy:
        policy = Policy(sleep=self.sleep, idle=self.idle, clock=lambda: self.now, random=lambda: 0.0)
        return replace(policy, **changes)


class DeviceClock(RouterClock):
    """The clock of a simulated device for whoever reaches it: time-outs pass in *time*, and only where the device's
    *silence* says that it does not answer. A busy machine makes a test slower, never another one.
    """

    def __init__(self, silence: Silence, time: Clock) -> None:
        self._silence, self._time = silence, time

    @classmethod
    def of(cls, device: Device, time: Clock | None = None) -> DeviceClock:
        """The clock of a device of the simulator, which then goes by *time* as well."""
        clock = cls(device.silence, time or Clock())
        device.config.clock = clock.now
        return clock

    def now(self) -> float:
        return self._time.now

    def wait(
        self, answered: threading.Event, seconds: float, session: str | None = None, message: str = "hello"
    ) -> bool:
        def never() -> bool:
            return self._silence.hello() if message == "hello" else self._silence.of(session, message, self.now())

        def until() -> float:
            return math.inf if message == "hello" else self._silence.until(session, message)

        return self._heard(answered, seconds, never, until, f"{message} of session {session}")

    def passed(self, seconds: float) -> None:
        self._time.now += max(0.0, seconds)

    def heard(
        self, arrived: threading.Event, seconds: float, channel: tuple[int, int], *, typed: int = 0, read: int = 0
    ) -> bool:
        def never() -> bool:
            return self._silence.at_rest(channel, typed=typed, read=read, now=self.now())

        def until() -> float:
            return self._silence.rests_until(channel, self.now())

        return self._heard(arrived, seconds, never, until, f"channel {channel}")

    def _heard(
        self,
        event: threading.Event,
        seconds: float,
        never: Callable[[], bool],
        until: Callable[[], float],
        what: str,
    ) -> bool:
        """Whether it comes within *seconds*, of which only those pass in which the device is known to be silent."""
        end = self.now() + max(0.0, seconds)
        while not _either(lambda: event.wait(_TURN), never, what):
            self.passed(min(end, until()) - self.now())
            if self.now() >= end:
                return event.is_set()
        return True


def _either(true: Callable[[], bool], never: Callable[[], bool], what: str) -> bool:
    """Whether it becomes true, or never will; one of both comes, however long the machine takes."""
    end = time.monotonic() + _LONGEST
    while not true():
        if never():
            return False
        if time.monotonic() > end:
            raise AssertionError(f"{what} neither answers nor says that it does not")
    return True


@dataclass
class Lab:
    """A simulator with a known_hosts file that names its devices."""

    simulator: Simulator
    folder: Path

    def add(self, persona: Persona | None = None, name: str | None = None, **settings: Any) -> Device:
        device = self.simulator.add(persona or Persona(**settings), name=name)
        self.known_hosts.write_text(self.simulator.known_hosts())
        return device

    @property
    def known_hosts(self) -> Path:
        return self.folder / "known_hosts"

    def target(self, device: Device, **changes: Any) -> Target:
        """How it is reached; with a short *timeout* and ``clock=DeviceClock.of(device)`` where it is to be silent."""
        return replace(
            Target(
                "127.0.0.1",
                device.port,
                ssh_port=device.ssh_port or 22,
                username=self.simulator.username,
                password=agent.Secret(self.simulator.password),
                host_keys=agent.HostKeys(self.known_hosts),
                label=device.name,
                timeout=60.0,
                open_timeout=60.0,
            ),
            **changes,
        )

    def ssh(self, device: Device, **changes: Any) -> agent.Ssh:
        return agent.Ssh(self.target(device, **changes))

    def connect(self, device: Device, **changes: Any) -> agent.Session:
        return agent.connect(self.target(device, **changes))

    @contextmanager
    def below(self, device: Device, *, owned: bool = True, **changes: Any) -> Iterator[tuple[agent.Session, Any]]:
        """A session, and the transport session that it stands on, both ended with the block."""
        target = self.target(device, **changes)
        transport = DirectSession(target)
        transport.open()
        session = agent.Session(transport, device=device.name, owned=owned, timeout=target.timeout, clock=target.clock)
        try:
            with session:
                yield session, transport
        finally:
            transport.close()


@contextmanager
def only_cbc(simulator: Simulator) -> Iterator[None]:
    """Let the simulated routers encrypt by CBC alone, as old releases of IOS XR may."""
    before = simulator._options
    simulator._options = asyncssh.SSHServerConnectionOptions(options=before, encryption_algs=["aes128-cbc"])
    try:
        yield
    finally:
        simulator._options = before


def read(session: agent.Session, timeout: float | None = None) -> str:
    """One get of the licensing state; gives the name of its root."""
    body = template("get")
    body[-1].append(template("filter-licensing"))
    reply = session.call(body, operation="get", timeout=timeout)
    assert reply.data is not None
    return str(reply.data[0].tag).rpartition("}")[2]


def all_of(error: BaseException) -> str:
    """All that an error and those below it say of themselves, and the local variables of their frames but a test's."""
    said: list[str] = []
    below: BaseException | None = error
    while below is not None:
        said += [repr(below), repr(vars(below))]
        for frame in traceback.TracebackException.from_exception(below, capture_locals=True).stack:
            if not Path(frame.filename).is_relative_to(_TESTS):
                said += [f"{frame.name}: {name}={value}" for name, value in (frame.locals or {}).items()]
        below = below.__cause__ or below.__context__
    return "\n".join(said)


def left_clean(device: Device) -> bool:
    """Whether no lock and no uncommitted change is left."""
    return not device.config.locks and not device.config.dirty


class _Kept(logging.Handler):
    """Keeps the records it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@contextmanager
def logged(of: str = "agent") -> Iterator[list[logging.LogRecord]]:
    """What the logger *of* and those below it log inside the block from INFO on, behind the context filter."""
    handler, logger = _Kept(), logging.getLogger(of)
    handler.addFilter(agent.ContextFilter())
    before = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    try:
        yield handler.records
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


def eventually(true: Callable[[], bool]) -> bool:
    """Whether it becomes true, however few turns other threads get on a busy machine."""
    end = time.monotonic() + _LONGEST
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(_TURN)
    return True
