"""A push in several processes whose client is killed: what outlives it sends nothing more, and is waited for."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest

from agent.fleet.journal.store import Journal
from agent.fleet.results.record import RunState
from agent.simulator import Device, Fault, FaultKind
from tests.cli.lab import Fleet
from tests.cli.processes import said, until
from tests.fleet.clusters import Machines, machines

PLAIN = ["--yes", "--commit", "plain", "--no-renew"]


@pytest.fixture
def elsewhere(fleet: Fleet, tmp_path: Path) -> Iterator[Machines]:
    with machines(tmp_path, 2, fleet.environment) as made:
        yield made


@pytest.fixture
def scheduler(elsewhere: Machines) -> str:
    return elsewhere.address


def workers_of(client: subprocess.Popen[str]) -> list[psutil.Process]:
    """The processes of a client in which routers are worked on."""
    return [child for child in psutil.Process(client.pid).children() if "spawn_main" in " ".join(child.cmdline())]


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait(600)  # what outlives it has its streams


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
        _, stderr = resumed.communicate(timeout=600)
    assert resumed.returncode == 0, stderr
    assert once(held), orphan
    assert once(other)
    assert not held.config.locks
    assert not held.config.dirty


def test_a_process_of_this_machine_that_outlives_its_client_is_waited_for(fleet: Fleet) -> None:
    held, other = fleet.add(2)
    held.faults.append(Fault("ca-authenticate", FaultKind.HELD))
    with fleet.started("push", *PLAIN, "--processes", "1") as client:
        until(lambda: bool(held.held) and not other.sessions)
        (worker,) = workers_of(client)
        worker.suspend()  # else it ends as soon as its client does
        kill(client)
    try:
        with fleet.started("push", "--resume", "last", "--yes", inventory=False) as resumed:
            assert f"process {worker.pid} by " in said(resumed, "waiting for the push of")
            held.release()
            until(lambda: held.state.authenticates == 1)
            assert held.counters["lock"] == 2
            worker.resume()
            _, stderr = resumed.communicate(timeout=600)
    finally:
        if worker.is_running():
            worker.kill()
    assert resumed.returncode == 0, stderr
    assert once(held)
    assert once(other)
    assert not held.config.locks


@pytest.mark.parametrize("resume_with", [[], ["--processes", "1"]])
def test_a_run_in_processes_is_resumed_at_once_after_kill_9_and_writes_nothing_twice(
    fleet: Fleet, resume_with: list[str]
) -> None:
    fleet.add(16)
    with fleet.started("push", *PLAIN, "--no-canary", "--workers", "8", "--processes", "2") as client:
        until(lambda: sum(device.state.authenticates for device in fleet.devices) >= 8)
        workers = workers_of(client)
        kill(client)
    with fleet.started("push", "--resume", "last", "--yes", *resume_with, inventory=False) as resumed:
        _, stderr = resumed.communicate(timeout=600)
    assert resumed.returncode == 0, stderr
    assert {device.state.authenticates for device in fleet.devices} == {1}
    assert {device.config.commits for device in fleet.devices} == {1}
    assert set(fleet.records().values()) <= {"remedied", "unchanged"}
    until(lambda: not any(worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE for worker in workers))


def test_every_write_of_a_worker_is_in_the_journal_before_it_is_sent(fleet: Fleet, scheduler: str) -> None:
    (device,) = fleet.add()
    seen: dict[str, list[str]] = {}

    def look(operation: str) -> None:
        with Journal.open(fleet.journal) as journal:
            _, trail = journal.trail("last", device.name)
        seen[operation] = [one.step for one in trail.moments if one.status.value == "started"]

    writes = ["lock", "edit-config", "commit", "ca-authenticate"]
    for operation in writes:
        device.faults.append(Fault(operation, FaultKind.MEANWHILE, act=partial(look, operation)))
    done = fleet.run("push", *PLAIN, "--scheduler", scheduler)
    assert done.exit_code == 0, done.stderr
    assert {operation: steps[-1] for operation, steps in seen.items()} == {step: step for step in writes}


@pytest.mark.parametrize("backend", ["--processes", "--scheduler"])
def test_a_second_interrupt_ends_at_once_and_what_was_under_way_is_gone_on_with(
    fleet: Fleet, backend: str, request: pytest.FixtureRequest
) -> None:
    (device,) = fleet.add()
    device.faults.append(Fault("ca-authenticate", FaultKind.HELD))
    where = "1" if backend == "--processes" else request.getfixturevalue("scheduler")
    with fleet.started("push", *PLAIN, backend, where, start_new_session=True) as client:
        until(lambda: bool(device.held))
        os.killpg(client.pid, signal.SIGINT)
        said(client, "once more ends at once")
        os.killpg(client.pid, signal.SIGINT)
        _, stderr = client.communicate(timeout=600)
    assert client.returncode == 130
    assert device.name in stderr.splitlines()[-1]
    device.release()
    until(lambda: not device.sessions)
    with fleet.started("push", "--resume", "last", "--yes", inventory=False) as resumed:
        _, stderr = resumed.communicate(timeout=600)
    assert resumed.returncode == 0, stderr
    assert once(device)


def test_a_run_over_a_scheduler_stops_when_too_many_failed(fleet: Fleet, scheduler: str) -> None:
    fleet.add(6, terminal_rpc="refused", ssh=False)
    done = fleet.run("push", *PLAIN, "--scheduler", scheduler, "--max-failures", "0", "--in-flight", "2")
    assert done.exit_code == 1
    assert re.search(r"stopped: \d of 6 routers failed, in batch 1", done.stderr), done.stderr
    with Journal.open(fleet.journal) as journal:
        assert journal.run("last").state is RunState.STOPPED
        assert journal.run("last").counts["waiting"] >= 1


def test_where_the_scheduler_is_lost_the_run_stops_and_its_workers_send_nothing_more(
    fleet: Fleet, elsewhere: Machines
) -> None:
    held, _ = fleet.add(2)
    held.faults.append(Fault("commit", FaultKind.HELD))
    with fleet.started("push", *PLAIN, "--scheduler", elsewhere.address) as client:
        until(lambda: bool(held.held))
        elsewhere.scheduler.kill()
        _, stderr = client.communicate(timeout=600)
        assert client.returncode == 1
        assert "stopped: the workers are lost" in stderr
        assert fleet.records()[held.name] == "unknown"
        held.release()
        until(lambda: not held.sessions)
    assert held.config.commits == 1
    assert not held.state.authenticates


def test_the_first_interrupt_ends_the_steps_of_workers_in_order(fleet: Fleet, scheduler: str) -> None:
    (device,) = fleet.add()
    device.faults.append(Fault("edit-config", FaultKind.HELD))
    with fleet.started("push", *PLAIN, "--scheduler", scheduler) as client:
        until(lambda: bool(device.held))
        client.send_signal(signal.SIGINT)
        said(client, "ending in order")
        device.release()
        _, stderr = client.communicate(timeout=600)
    assert client.returncode == 130, stderr
    assert not device.sessions
    assert not device.config.locks
    assert not device.config.dirty
    assert not device.config.commits
    assert fleet.records() == {device.name: "failed"}
    with Journal.open(fleet.journal) as journal:
        _, trail = journal.trail("last", device.name)
    assert ("edit-config", "done") in [(one.step, one.status.value) for one in trail.moments]
