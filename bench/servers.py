"""Simulated routers in a process of their own, so that the server's work is not counted as the client's."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from agent.simulator import Persona, Simulator

RELEASE = "7.8.1"


@dataclass(frozen=True)
class Servers:
    """Ports of routers that need the root, the user's name and password, and their host key as a known_hosts value."""

    ports: list[int]
    username: str
    password: str
    host_keys: list[str]


@contextmanager
def servers(number: int) -> Iterator[Servers]:
    """*number* routers on loopback, each fresh."""
    child = subprocess.Popen(
        [sys.executable, "-m", "bench.servers", str(number)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        yield Servers(**json.loads(child.stdout.readline()))
    finally:
        child.stdin.close()
        child.stdout.close()
        child.wait(10)


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


def _serve(number: int) -> None:
    with Simulator() as simulator:
        devices = [
            simulator.add(Persona(release=RELEASE, terminal_rpc="installs"), name=f"r{n}") for n in range(number)
        ]
        described = Servers(
            ports=[device.port for device in devices],
            username=simulator.username,
            password=simulator.password,
            host_keys=[device.host_key for device in devices],
        )
        print(json.dumps(vars(described)), flush=True)
        sys.stdin.read()  # until the parent goes


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
