"""What the tests share: simulated routers, how to reach them, and time that passes only when told to."""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import agent
from agent.model.device import Device as Target
from agent.netconf.payload import template
from agent.netconf.retry import Policy
from agent.simulator import Device, Persona, Simulator

_TESTS = Path(__file__).parent


@dataclass
class Clock:
    """Seconds that only :meth:`sleep` lets pass; ``slept`` remembers them."""

    now: float = 0.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def policy(self, **changes: Any) -> Policy:
        return replace(Policy(sleep=self.sleep, clock=lambda: self.now, random=lambda: 0.0), **changes)


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
        return replace(
            Target(
                "127.0.0.1",
                device.port,
                ssh_port=device.ssh_port or 22,
                username=self.simulator.username,
                password=agent.Secret(self.simulator.password),
                host_keys=agent.HostKeys(self.known_hosts),
                label=device.name,
                timeout=10.0,
                open_timeout=10.0,
            ),
            **changes,
        )

    def ssh(self, device: Device, **changes: Any) -> agent.Ssh:
        return agent.Ssh(self.target(device, **changes))

    def connect(self, device: Device, **changes: Any) -> agent.Session:
        return agent.connect(self.target(device, **changes))


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
    """What the logger *of* and those below it log inside the block from INFO on, behind the context filter.

    What paramiko logs of our own connections is left out: it comes from threads of its own.
    """
    handler, logger = _Kept(), logging.getLogger(of)
    handler.addFilter(agent.ContextFilter())
    handler.addFilter(lambda record: record.name != "agent.netconf.paramiko")
    before = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    try:
        yield handler.records
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


def eventually(true: Callable[[], bool]) -> bool:
    """Whether it becomes true while the simulator's thread gets a few turns."""
    for _ in range(200):
        if true():
            return True
        time.sleep(0.01)
    return False
