"""How the tests of fleets reach simulated routers."""

from __future__ import annotations

import pytest

import agent
from agent.fleet.inventory.reference import Reference
from agent.fleet.inventory.target import Reach
from tests.fleet.routers import PASSWORD
from tests.support import Lab


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
