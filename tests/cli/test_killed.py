"""A push in several processes whose client is killed: what outlives it sends nothing more, and is waited for."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from agent.fleet.journal.store import Journal
from agent.fleet.results.record import RunState
from agent.simulator import Device, Fault, FaultKind
from tests.cli.conftest import Lab
from tests.cli.test_fleet import Fleet
from tests.cli.test_lease import said
from tests.cli.test_processes import until
from tests.fleet.clusters import machines

PLAIN = ["--yes", "--commit", "plain", "--no-renew"]


@pytest.fixture
def fleet(lab: Lab, tmp_path: Path) -> Fleet:
    return Fleet(lab, tmp_path)


@pytest.fixture
def scheduler(fleet: Fleet, tmp_path: Path) -> Iterator[str]:
    with machines(tmp_path, 2, fleet.environment) as address:
        yield address


def workers_of(client: subprocess.Popen[str]) -> list[psutil.Process]:
    """The processes of a client in which routers are worked on."""
    return [child for child in psutil.Process(client.pid).children() if "spawn_main" in " ".join(child.cmdline())]


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)


def once(device: Device) -> bool:
    """Whether nothing was written to it twice."""
    return (device.state.authenticates, device.config.commits, device.counters["edit-config"]) == (1, 1, 1)


@pytest.mark.parametrize("operation", ["commit", "ca-authenticate"])
def test_a_worker_of_another_machine_that_outlives_its_client_is_waited_for(
    fleet: Fleet, scheduler: str, operation: str
) -> None:
    held, other = fleet.add(2)
    held.faults.append(Fault(operation, FaultKind.HELD))
    words = [*PLAIN, "--scheduler", scheduler]
    with fleet.started("push", *words) as client:
        until(lambda: bool(held.held) and not other.sessions)
        kill(client)
    with fleet.started("push", "--resume", "last", "--yes", inventory=False) as resumed:
        said(resumed, "waiting for another push over this scheduler")
        assert held.counters[operation] == 1
        orphan = dict(held.counters)
        held.release()
        _, stderr = resumed.communicate(timeout=120)
    assert resumed.returncode == 0, stderr
    assert once(held), orphan
    assert once(other)
    assert not held.config.locks
    assert not held.config.dirty
