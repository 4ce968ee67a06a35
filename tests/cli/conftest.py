"""What the tests of commands share: a lab, a fleet, logging as it was."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
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
