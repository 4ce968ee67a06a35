"""What the tests of fleets share: how simulated routers are reached, where an inventory is, and by what it is read."""

from __future__ import annotations

from pathlib import Path

import pytest
import ruamel.yaml.main

import agent
from agent.fleet.inventory.reference import Reference
from agent.fleet.inventory.target import Reach
from tests.fleet.routers import PASSWORD
from tests.support import Lab


@pytest.fixture(autouse=True)
def one_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    """The C parser of ruamel.yaml, which reads other values, is nowhere used, be it installed or not."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the C parser of ruamel.yaml was made")

    monkeypatch.setattr(ruamel.yaml.main, "CParser", refuse)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the files of an inventory are."""
    return tmp_path


@pytest.fixture
def reach(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Reach:
    """How simulated routers are reached; the password is in the environment, which other processes inherit."""
    monkeypatch.setenv(PASSWORD, lab.simulator.password)
    return Reach(
        username=lab.simulator.username,
        password=Reference.parse(f"env:{PASSWORD}"),
        host_keys=agent.HostKeys(lab.known_hosts),
        timeout=10.0,
        open_timeout=10.0,
    )
