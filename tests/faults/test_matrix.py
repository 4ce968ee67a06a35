"""Whatever fails, at whatever step: nothing is left, nothing is lost, nothing is said that is not so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from tests.faults.matrix import STEPS, Cell, cells
from tests.faults.trial import check
from tests.support import Lab

CELLS = list(cells())


def test_the_matrix_has_every_step_and_no_cell_twice() -> None:
    assert len(CELLS) >= 300
    assert {cell.step for cell in CELLS} == set(STEPS)
    assert [name for name, times in Counter(map(str, CELLS)).items() if times > 1] == []


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_whatever_fails_the_five_promises_hold(
    lab: Lab, cell: Cell, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    record_property("cell", (cell.step, cell.fault))
    monkeypatch.setenv("XDG_CACHE_HOME", str(lab.folder))
    check(lab, cell)
