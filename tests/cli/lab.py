"""Simulated routers and their inventory, the command run against them, and what it left there."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from agent.cli.main import program
from agent.fleet.journal.runlog import RunLog
from agent.fleet.journal.store import Journal
from agent.model.errors import JournalError
from agent.model.pki.anchor import TrustAnchor
from agent.simulator import Device, Persona, Simulator

VARIABLE = "XR_TEST_PASSWORD"
COMMAND = [sys.executable, "-m", "agent.cli.main"]
PEM = TrustAnchor.bundled().pem
WRITES = {
    "lock",
    "edit-config",
    "commit",
    "discard-changes",
    "ca-authenticate",
    "renew-auth",
    "renew-id",
    "kill-session",
}


@contextmanager
def started(lab: Lab, *words: str, **more: Any) -> Iterator[subprocess.Popen[str]]:
    """The command as a process, which ends with the block."""
    environment = {**os.environ, VARIABLE: lab.simulator.password}
    with subprocess.Popen(
        [*COMMAND, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, **more
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


@dataclass
class Lab:
    """A simulator, and how the command reaches its devices."""

    simulator: Simulator
    known_hosts: Path

    def add(self, **settings: Any) -> Device:
        """A device whose host key is on record."""
        device = self.simulator.add(Persona(**{"release": "7.4.1", "terminal_rpc": "installs", **settings}))
        self.known_hosts.write_text(self.simulator.known_hosts())
        return device

    def words(self, device: Device) -> list[str]:
        """The options by which *device* is reached."""
        return [
            "127.0.0.1",
            "--port",
            str(device.port),
            "--ssh-port",
            str(device.ssh_port or 22),
            "--username",
            self.simulator.username,
            "--password-env",
            VARIABLE,
            "--known-hosts",
            str(self.known_hosts),
            "--ssh-config",
            "/dev/null",
        ]

    def run(self, command: str, device: Device, *words: str, password: str | None = None) -> Any:
        """*command* against *device* in this process."""
        environment = {VARIABLE: password or self.simulator.password}
        given = [command, *self.words(device), *words]
        return CliRunner().invoke(program, given, env=environment, catch_exceptions=False)

    def json(self, command: str, device: Device, *words: str) -> Any:
        """What *command* says as JSON."""
        return json.loads(self.run(command, device, "--format", "json", *words).stdout)


class Fleet:
    """Simulated routers with their inventory and journal."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab, self.folder = lab, folder
        self.devices: list[Device] = []

    def add(self, number: int = 1, **settings: Any) -> list[Device]:
        added = [self.lab.add(**settings) for _ in range(number)]
        self.devices += added
        rows = [f"{one.name},127.0.0.1,{one.port},{one.ssh_port or 22}" for one in self.devices]
        self.inventory.write_text("\n".join(["name,host,port,ssh_port", *rows, ""]))
        return added

    @property
    def inventory(self) -> Path:
        return self.folder / "routers.csv"

    @property
    def journal(self) -> Path:
        return self.folder / "journal.db"

    @property
    def environment(self) -> dict[str, str]:
        return {VARIABLE: self.lab.simulator.password}

    def words(self, command: str, *words: str, inventory: bool = True) -> list[str]:
        simulator, known_hosts = self.lab.simulator, self.lab.known_hosts
        return [
            command,
            *(["-i", str(self.inventory)] if inventory else []),
            *("--username", simulator.username, "--password-env", VARIABLE),
            *("--known-hosts", str(known_hosts), "--ssh-config", "/dev/null", "--journal", str(self.journal)),
            *words,
        ]

    def run(self, command: str, *words: str, **more: Any) -> Any:
        given = self.words(command, *words)
        return CliRunner().invoke(program, given, env=self.environment, catch_exceptions=False, **more)

    def records(self, run: str = "last") -> dict[str, str]:
        """What the journal says of each router."""
        with Journal.open(self.journal) as journal:
            return {one.device: one.word for one in journal.devices(journal.run(run).run)}

    def started(
        self, command: str, *words: str, inventory: bool = True, **more: Any
    ) -> AbstractContextManager[subprocess.Popen[str]]:
        return started(self.lab, *self.words(command, *words, inventory=inventory), **more)


def untouched(device: Device) -> bool:
    """Whether nothing was so much as tried that could change the device."""
    return not WRITES & {operation for _, operation in device.log}


def journal_full(monkeypatch: pytest.MonkeyPatch, method: str, number: int) -> None:
    """Have the journal's disk full from the *number*-th call of *method* of RunLog on, and nothing written any more."""
    write, meant, calls = RunLog._write, getattr(RunLog, method), itertools.count(1)
    full = False

    def counted(log: RunLog, *given: Any, **more: Any) -> None:
        nonlocal full
        full = next(calls) >= number
        meant(log, *given, **more)

    def written(log: RunLog, *given: Any, **more: Any) -> None:
        if full:
            raise JournalError("the journal cannot be written: database or disk is full; nothing further is begun")
        write(log, *given, **more)

    monkeypatch.setattr(RunLog, method, counted)
    monkeypatch.setattr(RunLog, "_write", written)


def one_error(stderr: str) -> str:
    """The one error line, and its hint where it has one."""
    said = [line for line in stderr.splitlines() if line.startswith("error: ")]
    assert len(said) == 1
    assert "Traceback" not in stderr
    return stderr[stderr.index(said[0]) :]
