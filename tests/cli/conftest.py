"""What the tests of commands share: a lab, a fleet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.simulator import Simulator
from tests.cli.lab import Fleet, Lab


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """No device yet."""
    with Simulator() as simulator:
        yield Lab(simulator, tmp_path / "known_hosts")


@pytest.fixture
def fleet(lab: Lab, tmp_path: Path) -> Fleet:
    """No device yet, and no inventory."""
    return Fleet(lab, tmp_path)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where a recording goes."""
    return tmp_path / "r1.rec"
