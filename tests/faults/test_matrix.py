"""Whatever fails, at whatever step: nothing is left, nothing is lost, nothing is said that is not so."""

from __future__ import annotations

import pytest

from tests.faults.matrix import Cell, cells, check
from tests.support import Lab

CELLS = list({str(cell): cell for cell in cells()}.values())


def test_the_matrix_is_whole() -> None:
    assert len(CELLS) >= 300


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_whatever_fails_the_five_promises_hold(lab: Lab, cell: Cell) -> None:
    check(lab, cell)
