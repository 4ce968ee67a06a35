"""Two pushes from one machine: the second waits for the first, saying so, and finds what that brought."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

import agent
from agent.cli.main import program
from agent.fleet.journal.store import Journal
from agent.fleet.results.record import Kind
from agent.model.outcome import Result
from agent.model.unfinished import Unfinished
from agent.remedy.lease import lease as module
from agent.remedy.lease.lease import Lease
from agent.simulator import Device, Fault, FaultKind
from tests.cli.lab import Fleet, Lab, started
from tests.cli.processes import said, until
from tests.cli.schemas import check


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A state folder of this test's own, for the processes that it starts as well."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    module.prepare.cache_clear()
    yield tmp_path / "state" / "xr-agent"
    module.prepare.cache_clear()


@contextmanager
def held(device: Device, run: str | None = None) -> Iterator[Lease]:
    """Another push of this machine is at the router."""
    with Lease.take((f"127.0.0.1:{device.port}",), run=run) as lease:
        yield lease


def reached(lab: Lab, device: Device) -> agent.Device:
    """The router for a session of this process."""
    return agent.Device(
        "127.0.0.1",
        device.port,
        username=lab.simulator.username,
        password=agent.Secret(lab.simulator.password),
        host_keys=agent.HostKeys(lab.known_hosts),
    )


def test_the_push_of_one_router_waits_for_another_one_and_plans_anew(lab: Lab) -> None:
    device = lab.add()
    words = ["push", *lab.words(device), "--yes", "--format", "json"]
    with held(device, "20261128-163000-0b0d") as other, started(lab, *words) as process:
        line = said(process, "waiting for the push of")
        assert f"process {os.getpid()} by " in line
        assert ", run 20261128-163000-0b0d, since " in line
        assert device.counters["lock"] == device.counters["edit-config"] == 0
        with agent.connect(reached(lab, device)) as session:
            assert agent.remediate(session).result is Result.REMEDIED
        other.release()
        stdout, _ = process.communicate(timeout=600)
    assert json.loads(stdout)["outcome"] == "unchanged"
    assert device.state.authenticates == 1


def test_a_wait_for_another_push_ends_with_an_interrupt(lab: Lab) -> None:
    device = lab.add()
    with held(device), started(lab, "push", *lab.words(device), "--yes", "--format", "json") as process:
        said(process, "waiting for the push of")
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=600)
    assert process.returncode == 130
    made = json.loads(stdout)
    check("push", made)
    assert (made["outcome"], made["error"]["kind"]) == ("failed", "interrupted")
    assert "nothing was changed" in stderr
    assert device.counters["lock"] == 0
    until(lambda: not device.sessions)


def test_what_only_reads_waits_for_nobody(lab: Lab) -> None:
    device = lab.add()
    with held(device):
        for command in ("show", "assess", "plan"):
            lab.json(command, device)
        lab.json("push", device, "--dry-run")
        assert lab.run("poll", device, "--until", "authorized").exit_code == 0


def test_a_state_folder_that_cannot_be_written_is_told_before_the_router_is_reached(lab: Lab, state: Path) -> None:
    device = lab.add()
    state.parent.write_text("")
    done = lab.run("push", device, "--yes")
    assert done.exit_code == 2
    assert "Not a directory" in done.stderr
    assert "XDG_STATE_HOME" in done.stderr
    assert device.counters["connect"] == 0


def test_what_an_earlier_push_left_and_nobody_can_read_keeps_the_next_from_writing(lab: Lab, state: Path) -> None:
    device = lab.add()
    (state / "leases").mkdir(parents=True)
    (state / "leases" / f"127.0.0.1:{device.port}.json").write_text("{")
    done = lab.run("push", device, "--yes")
    assert done.exit_code == 2
    assert "what an earlier push left unfinished cannot be read" in done.stderr
    assert device.counters["lock"] == 0


@pytest.mark.parametrize("backend", [["--workers", "1"], ["--workers", "2"], ["--processes", "2"]])
def test_a_router_that_is_in_an_inventory_twice_is_pushed_to_once(fleet: Fleet, backend: list[str]) -> None:
    (device,) = fleet.add()
    device.faults.append(Fault("ca-authenticate", FaultKind.DELAY, seconds=0.5))
    key = fleet.lab.known_hosts.read_text()
    fleet.lab.known_hosts.write_text(key + key.replace("127.0.0.1", "localhost"))
    fleet.inventory.write_text(f"name,host,port,ssh_port\na,127.0.0.1,{device.port},\nb,localhost,{device.port},\n")
    done = fleet.run("push", "--yes", *backend)
    assert done.exit_code == 0, done.stderr
    assert sorted(fleet.records().values()) == ["remedied", "unchanged"]
    assert device.state.authenticates == 1


def test_a_run_says_for_whom_it_waits_and_keeps_it(fleet: Fleet) -> None:
    (device,) = fleet.add()
    with held(device, "other"), fleet.started("push", "--yes") as process:
        line = said(process, "waiting for the push of")
        assert f"process {os.getpid()} by " in line
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=600)
    assert process.returncode == 130
    assert device.counters["connect"] == 0
    with Journal.open(fleet.journal) as journal:
        _, trail = journal.trail("last", device.name)
    assert [(one.step, one.status.value) for one in trail.moments] == [("lease", "started")]
    assert fleet.run("push", "--yes", "--resume", "last").exit_code == 0
    assert fleet.records() == {device.name: "remedied"}


def _history(fleet: Fleet, *words: str) -> str:
    given = ["history", "--journal", str(fleet.journal), *words]
    return str(CliRunner().invoke(program, given, catch_exceptions=False).stdout)


def test_history_says_that_a_commit_was_on_trial(fleet: Fleet) -> None:
    (device,) = fleet.add()
    persist = "xr-agent-0123456789abcdef"
    until = datetime(2026, 11, 28, 16, 30, 5, tzinfo=UTC)
    with Journal.open(fleet.journal) as journal:
        log = journal.begin(Kind.PUSH, [device.name], settings={}, change_ref=None, version="1")
        log.begun(device.name)
        log.unfinished(device.name, Unfinished("Trustpool", None, "enrollment terminal", persist, until))
    words = ["last", "--device", device.name]
    table = " ".join(_history(fleet, *words).split())
    assert "trustpoint Trustpool from none to 'enrollment terminal'; on trial until 2026-11-28 16:30:05 UTC" in table
    assert persist not in table
    (found,) = json.loads(_history(fleet, *words, "--format", "json"))
    check("history", found)
    assert found["unfinished"] == {
        "trustpoint": "Trustpool",
        "before": None,
        "wanted": "enrollment terminal",
        "persist": "xr-agent…",
        "until": "2026-11-28T16:30:05Z",
    }
