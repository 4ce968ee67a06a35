"""The servers that the scenarios run against."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import agent
from agent.model.device import Device
from agent.simulator import Persona, Simulator
from tests.interop.netconfd import Netconfd, missing, running
from tests.interop.sshd import Keys

_GAP = 0.2
"""Seconds after the hello: netconfd drops an rpc that arrives in the same read as the client's hello."""

_RUNNING = pytest.StashKey[Netconfd]()


@dataclass
class Server:
    """A NETCONF server with an empty trustpoint configuration."""

    name: str
    connect: Callable[[], agent.Session]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failure against netconfd shows what netconfd and sshd said."""
    report = yield
    netconfd = item.session.stash.get(_RUNNING, None)
    if report.failed and netconfd is not None and "simulator" not in item.name:
        report.sections.append(("netconfd and sshd", netconfd.logs()))
    return report


def require_netconfd() -> None:
    """Skip where the servers are not installed; in CI a skip is a failure."""
    if absent := missing():
        pytest.skip(f"not installed: {', '.join(absent)}; on Debian: apt-get install netconfd openssh-server")


@pytest.fixture(scope="session")
def netconfd(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Netconfd]:
    """One netconfd for all tests of a process."""
    require_netconfd()
    with running(tmp_path_factory.mktemp("netconfd")) as server:
        request.session.stash[_RUNNING] = server
        yield server


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    """Key pairs of further servers before netconfd, and of their user."""
    return Keys.made(tmp_path_factory.mktemp("keys"))


def netconfd_session(server: Netconfd, target: Device | None = None) -> agent.Session:
    """A session that may be used at once."""
    session = agent.connect(target or server.target())
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
