"""``simulate --fleet`` as a process: its files, its limits, and the account it gives of itself."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from nornir.plugins.inventory import SimpleInventory

import agent
from agent.cli.main import program
from agent.simulator import Persona, ServiceTime, ServiceTimes
from tests.cli.lab import COMMAND
from tests.cli.processes import served, until


@contextmanager
def serving(folder: Path, *words: str) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """A fleet, and what it says up to when it is ready."""
    command = [*COMMAND, "simulate", "--write", str(folder), *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process, served(process)
        finally:
            if process.poll() is None:
                process.kill()


def refused(*words: str, command: Sequence[str] = COMMAND, **more: Any) -> str:
    """What ``simulate`` says to a wrong call."""
    done = subprocess.run([*command, "simulate", *words], capture_output=True, text=True, check=False, **more)
    assert (done.returncode, done.stdout) == (2, ""), done
    return str(done.stderr)


def push(folder: Path, host: Any) -> agent.Outcome:
    """A push to one host of the inventory, by what its files say."""
    reach = host.data["xr_agent"]
    kind, _, name = reach["password"].partition(":")
    assert (kind, name) == ("env", "XR_SIMULATED_PASSWORD")
    target = agent.Device(
        host.hostname,
        reach["netconf_port"],
        ssh_port=reach["ssh_port"],
        username=host.username,
        password=agent.Secret.from_file(folder / "password"),
        host_keys=agent.HostKeys(folder / "known_hosts"),
    )
    with agent.connect(target) as session, agent.Ssh(target) as ssh:
        return agent.remediate(session, ssh=ssh)


def test_a_fleet_tells_nornir_of_its_devices_and_gives_account_when_asked_and_at_its_end(tmp_path: Path) -> None:
    folder, account = tmp_path / "fleet", tmp_path / "account.json"
    with serving(folder, "--fleet", "30", "--terminal-rpc", "installs", "--counters", str(account)) as (process, said):
        inventory = SimpleInventory(
            host_file=str(folder / "hosts.yaml"),
            group_file=str(folder / "groups.yaml"),
            defaults_file=str(folder / "defaults.yaml"),
        ).load()
        for name, host in inventory.hosts.items():
            host.name = name
        assert list(inventory.hosts) == [f"r{number:04}" for number in range(1, 31)]
        first = inventory.hosts["r0001"]
        first.username = inventory.defaults.username
        assert (first.data["kind"], first.data["release"], inventory.defaults.platform) == (
            "affected",
            "7.3.2",
            "cisco_iosxr",
        )
        assert [group.name for group in first.groups] == ["xr-7.3", "affected"]
        assert json.loads(account.read_text())["written"] == 1
        assert push(folder, first).result is agent.Result.REMEDIED
        process.send_signal(signal.SIGUSR1)
        until(lambda: json.loads(account.read_text())["written"] == 2)
        made = json.loads(account.read_text())["devices"]
        assert (made["r0001"]["commits"], made["r0001"]["authenticates"], made["r0001"]["kind"]) == (1, 1, "affected")
        assert {name for name, one in made.items() if one["commits"]} == {"r0001"}
        assert push(folder, first).result is agent.Result.UNCHANGED
        process.send_signal(signal.SIGTERM)
        assert process.wait(600) == 0
    ended = json.loads(account.read_text())
    assert (ended["written"], ended["devices"]["r0001"]["commits"]) == (3, 1)
    assert ended["devices"]["r0001"]["sessions"] > made["r0001"]["sessions"]
    assert any(f"xr-agent assess -i {folder} --known-hosts {folder}/known_hosts" in line for line in said)
    assert "export XR_SIMULATED_PASSWORD=admin\n" in said


def test_the_files_of_a_fleet_are_its_owner_s_alone_and_cover_every_port(tmp_path: Path) -> None:
    with serving(tmp_path / "fleet", "--fleet", "100") as (_, said):
        for path in (tmp_path / "fleet").iterdir():
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
        lines = (tmp_path / "fleet" / "hosts.yaml").read_text().splitlines()[1:]
        hosts = [json.loads(line.partition(": ")[2])["data"] for line in lines]
        known = {line.split()[0] for line in (tmp_path / "fleet" / "known_hosts").read_text().splitlines()}
        ports = {host["xr_agent"][which] for host in hosts for which in ("netconf_port", "ssh_port")} - {1}
        assert known == {f"[127.0.0.1]:{port}" for port in ports}
        assert {host["xr_agent"]["ssh_port"] for host in hosts if host["kind"] in ("no-way", "unreachable")} == {1}
    counted = {line.split()[1]: int(line.split()[0]) for line in said if line.split()[:1] and line.split()[0].isdigit()}
    assert counted == {kind: sum(host["kind"] == kind for host in hosts) for kind in counted}
    assert sum(counted.values()) == 100


def test_with_a_release_all_devices_are_alike(tmp_path: Path) -> None:
    words = ("--fleet", "3", "--release", "7.8.1", "--no-ssh", "--latency", "20")
    with serving(tmp_path / "fleet", *words) as (_, said):
        text = (tmp_path / "fleet" / "hosts.yaml").read_text()
    assert text.count('"release": "7.8.1", "kind": "alike"') == 3
    assert text.count('"ssh_port": 1,') == 3
    assert said[0] == "simulated IOS XR, no routers: 3 devices on 127.0.0.1, 20 ms away\n"
    assert any(line.startswith("xr-agent push ") and line.endswith(" --no-ssh --yes\n") for line in said)


def test_a_fleet_replaces_its_own_inventory_but_nobody_else_s(tmp_path: Path) -> None:
    for _ in range(2):
        with serving(tmp_path, "--fleet", "1"):
            pass
    (tmp_path / "hosts.yaml").write_text("core1: {}\n")
    assert "simulate did not write it" in refused("--fleet", "1", "--write", str(tmp_path))
    assert (tmp_path / "hosts.yaml").read_text() == "core1: {}\n"


def test_a_fleet_raises_its_limit_of_open_files_where_it_may_and_says_so_where_it_may_not(tmp_path: Path) -> None:
    def limited(soft: int, hard: int) -> list[str]:
        limit = f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))"
        return [sys.executable, "-c", f"{limit}; from agent.cli.main import main; main()"]

    words = ("--fleet", "300", "--write", str(tmp_path))
    with subprocess.Popen([*limited(400, 2000), "simulate", *words], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert "300 devices" in process.stdout.readline()
        process.terminate()
    said = refused(*words, command=limited(400, 400))
    assert said.startswith("error: 1103 file descriptors are needed, and the system allows 400")


@pytest.mark.parametrize(
    "words, hello",
    [
        ((), 0),
        (("--hello-size", "60"), 60_000),
        (("--pad-hello",), 120_000),
        (("--pad-hello", "--hello-size", "50"), 50_000),
    ],
)
def test_each_device_takes_the_times_and_has_the_hello_that_are_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, words: Sequence[str], hello: int
) -> None:
    served: list[Persona] = []
    monkeypatch.setattr("agent.cli.simulated.serve_fleet", lambda _, persona, *__, **___: served.append(persona))
    times = ("--commit-time", "1.5", "--login-time", "uniform:1-2", "--contact-time", "lognormal:15-40")
    call = ["simulate", "--fleet", "2", "--write", str(tmp_path), *times, *words]

    assert CliRunner().invoke(program, call, catch_exceptions=False).exit_code == 0

    (persona,) = served
    assert persona.hello_size == hello
    assert persona.takes == ServiceTimes(
        commit=ServiceTime(1.5, 1.5),
        login=ServiceTime(1.0, 2.0),
        contact=ServiceTime(15.0, 40.0, "lognormal"),
    )


@pytest.mark.parametrize(
    "words, said",
    [
        (("--commit-time", "uniform:3-1"), "Invalid value for '--commit-time': 'uniform:3-1' is no time"),
        (("--fleet", "2"), "--fleet needs --write FOLDER"),
        (("--fleet", "2", "--write", "x", "--port", "830"), "--port is of one device"),
        (("--fleet", "2", "--write", "x", "--known-hosts", "y"), "--known-hosts is of one device"),
        (("--write", "x"), "--write is of a fleet"),
        (("--counters", "x"), "--counters is of a fleet"),
        (("--fleet", "0", "--write", "x"), "--fleet"),
        (("--fleet", "2", "--write", "/dev/null/x"), "/dev/null/x"),
        (("--fleet", "2", "--write", "x", "--counters", "/dev/null/x"), "name a writable file with --counters"),
    ],
)
def test_a_call_that_makes_no_sense_is_refused(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    assert said in refused(*words, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(Path.cwd())})


@pytest.mark.parametrize("release, hint", [("7.3.22", "did you mean 7.3.2, "), ("x", "there are 5.3.0 to ")])
def test_a_release_that_is_not_known_is_answered_with_those_that_are(release: str, hint: str) -> None:
    assert f"next: {hint}" in refused("--release", release)
