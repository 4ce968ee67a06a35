"""What holds for every test: in CI none is skipped."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from agent.simulator import Simulator
from tests.support import Clock, Lab

_CI = os.environ.get("CI", "").lower() in {"1", "true"}


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turn a skip into a failure that keeps the reason; an expected failure (xfail) is no skip."""
    if report.outcome != "skipped" or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    report.outcome = "failed"
    report.longrepr = f"{report.nodeid}: nothing may be skipped in CI ({reason})"


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if _CI:
        _refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if _CI:
        _refuse_skip(report)
    return report


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """Simulated routers, gone with the test."""
    with Simulator() as simulator:
        yield Lab(simulator, tmp_path)


@pytest.fixture
def clock() -> Clock:
    """Time for policies."""
    return Clock()
