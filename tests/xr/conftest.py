"""Scripted routers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.xr import terminal
from tests.xr.routers import Routers


@pytest.fixture
def routers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Routers]:
    """Routers on loopback, gone with the test; loopback never pauses in the middle of a line."""
    monkeypatch.setattr(terminal, "QUIET", 0.1)
    with Routers(tmp_path) as servers:
        yield servers
