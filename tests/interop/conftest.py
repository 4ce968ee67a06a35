"""The servers that the scenarios run against."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import agent
from agent.simulator import Persona, Simulator
from tests.interop.netconfd import Netconfd, missing, running

_GAP = 0.2
"""Seconds after the hello: netconfd drops an rpc that arrives in the same read as the client's hello."""


@dataclass
class Server:
    """A NETCONF server with an empty trustpoint configuration."""

    name: str
    connect: Callable[[], agent.Session]


@pytest.fixture(scope="session")
def netconfd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Netconfd]:
    """One netconfd for all tests of a process."""
    absent = missing()
    if absent:
        pytest.skip(f"not installed: {', '.join(absent)}; on Debian: apt-get install netconfd openssh-server")
    with running(tmp_path_factory.mktemp("netconfd")) as server:
        yield server


def netconfd_session(server: Netconfd) -> agent.Session:
    """A session that may be used at once."""
    session = agent.connect(server.target())
    time.sleep(_GAP)
    return session


@pytest.fixture(params=["netconfd", "simulator"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    """Each server in turn, so that one suite judges both."""
    if request.param == "netconfd":
        real: Netconfd = request.getfixturevalue("netconfd")

        yield Server("netconfd", lambda: netconfd_session(real))
        return
    with Simulator() as simulator:
        device = simulator.add(Persona(release="7.7.1"))
        (tmp_path / "known_hosts").write_text(simulator.known_hosts())
        target = agent.Device(
            "127.0.0.1",
            device.port,
            username=simulator.username,
            password=agent.Secret(simulator.password),
            host_keys=agent.HostKeys(tmp_path / "known_hosts"),
            label="simulator",
        )
        yield Server("simulator", lambda: agent.connect(target))
