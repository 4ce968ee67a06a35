"""Scripted routers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.xr.routers import Routers


@pytest.fixture
def routers(tmp_path: Path) -> Iterator[Routers]:
    """Routers on loopback, gone with the test."""
    with Routers(tmp_path) as servers:
        yield servers
