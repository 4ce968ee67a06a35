"""Simulated routers in a process of their own, so that the server's work is not counted as the client's."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from agent.simulator import Persona, Simulator, alike

RELEASE = "7.8.1"


@dataclass(frozen=True)
class Servers:
    """Ports of routers that need the root, the user's name and password, and their host key as a known_hosts value."""

    ports: list[int]
    username: str
    password: str
    host_keys: list[str]


@dataclass(frozen=True)
class Account:
    """CPU seconds that the routers' process took by now, and what was written to each router, by its name."""

    cpu: float
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
def servers(number: int) -> Iterator[Servers]:
    """*number* routers on loopback, each fresh."""
    with fleet(number) as served:
        yield served.at


@contextmanager
def fleet(number: int, round_trip: float = 0.0) -> Iterator[Fleet]:
    """The same, *round_trip* seconds away, and with an account of what was written to them."""
    command = [sys.executable, "-m", "bench.servers", str(number), str(round_trip)]
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


def _serve(number: int, round_trip: float) -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    persona = Persona(release=RELEASE, terminal_rpc="installs", ssh=False, round_trip=round_trip)
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
            cpu = time.process_time()
            print(json.dumps({"cpu": cpu, "written": simulator.ledgers()}), flush=True)


if __name__ == "__main__":
    _serve(int(sys.argv[1]), float(sys.argv[2]))
