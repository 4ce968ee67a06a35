"""Simulated routers in a process of their own, so that the server's work is not counted as the client's."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from agent.simulator import Persona, ServiceTime, ServiceTimes, Simulator, alike

RELEASE = "7.8.1"


@dataclass(frozen=True)
class Pace:
    """How routers keep their client waiting: nothing by default.

    Attributes:
        round_trip: seconds that everything takes to them and back.
        commit, contact: as ``xr-agent simulate --commit-time`` and ``--contact-time`` take it.
        hello_size: bytes of their hello.
    """

    round_trip: float = 0.0
    commit: str = "0"
    contact: str = "0"
    hello_size: int = 0


INSTANT = Pace()


@dataclass(frozen=True)
class Servers:
    """Ports of routers that need the root, the user's name and password, and their host key as a known_hosts value."""

    ports: list[int]
    username: str
    password: str
    host_keys: list[str]


@dataclass(frozen=True)
class Account:
    """What there is to tell by now.

    Attributes:
        cpu: seconds that the routers' process took; session_seconds: those for which sessions were open, in all.
        written: what was written to each router, by its name.
    """

    cpu: float
    session_seconds: float
    written: dict[str, dict[str, int]]


class Fleet:
    """Routers on loopback, and what they can tell of what was done to them."""

    def __init__(self, child: subprocess.Popen[str], at: Servers) -> None:
        self._child, self.at = child, at

    def account(self) -> Account:
        """What was done by now."""
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.write("\n")
        self._child.stdin.flush()
        return Account(**json.loads(self._child.stdout.readline()))


@contextmanager
def servers(number: int, pace: Pace = INSTANT) -> Iterator[Servers]:
    """*number* routers on loopback, each fresh."""
    with fleet(number, pace) as served:
        yield served.at


@contextmanager
def fleet(number: int, pace: Pace = INSTANT) -> Iterator[Fleet]:
    """The same at that pace, and with an account of what was written to them."""
    command = [sys.executable, "-m", "bench.servers", str(number), json.dumps(asdict(pace))]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        yield Fleet(child, Servers(**json.loads(child.stdout.readline())))
    finally:
        child.stdin.close()
        child.stdout.close()
        child.wait(60)


@contextmanager
def relayed(ports: list[int], one_way: float) -> Iterator[list[int]]:
    """The ports of relays in front of *ports*, each holding bytes back *one_way* seconds; themselves for 0."""
    if not one_way:
        yield ports
        return
    child = subprocess.Popen(
        [sys.executable, "-m", "bench.relay", str(one_way), *map(str, ports)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    try:
        yield [int(port) for port in child.stdout.readline().split()]
    finally:
        child.terminate()
        child.wait(10)
        child.stdout.close()


def _serve(number: int, pace: Pace) -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    persona = Persona(
        release=RELEASE,
        terminal_rpc="installs",
        ssh=False,
        round_trip=pace.round_trip,
        hello_size=pace.hello_size,
        takes=ServiceTimes(commit=ServiceTime.parse(pace.commit), contact=ServiceTime.parse(pace.contact)),
    )
    with Simulator() as simulator:
        devices = simulator.add_all((one.name, one.persona) for one in alike(number, persona))
        described = Servers(
            ports=[device.port for device in devices],
            username=simulator.username,
            password=simulator.password,
            host_keys=[device.host_key for device in devices],
        )
        print(json.dumps(vars(described)), flush=True)
        for _ in sys.stdin:  # until the parent goes
            cpu, seconds = time.process_time(), sum(device.session_seconds for device in devices)
            print(json.dumps({"cpu": cpu, "session_seconds": seconds, "written": simulator.ledgers()}), flush=True)


if __name__ == "__main__":
    _serve(int(sys.argv[1]), Pace(**json.loads(sys.argv[2])))
