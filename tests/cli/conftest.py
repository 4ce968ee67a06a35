"""Simulated devices, and the command run against them in this process."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from agent.cli.main import program
from agent.simulator import Device, Persona, Simulator

VARIABLE = "XR_TEST_PASSWORD"


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


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """No device yet."""
    with Simulator() as simulator:
        yield Lab(simulator, tmp_path / "known_hosts")


@contextmanager
def loggers_restored() -> Iterator[None]:
    """Levels and handlers as they were: the command sets them for a whole process."""
    names = ("", "agent", "paramiko", "ncclient", "asyncssh")
    levels = {name: logging.getLogger(name).level for name in names}
    handlers = list(logging.getLogger().handlers)
    yield
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    logging.getLogger().handlers[:] = handlers


@pytest.fixture(autouse=True)
def _loggers() -> Iterator[None]:
    with loggers_restored():
        yield
