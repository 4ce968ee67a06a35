"""The matrix as a table, after its tests: a row for each fault, a column for each step."""

from __future__ import annotations

import pytest

from agent.ssh.loop import event_loop
from tests.faults.matrix import STEPS

_MARKS = {"passed": "+", "failed": "X", "error": "X", "skipped": "s"}


@pytest.fixture(autouse=True)
def loop_of_the_process() -> None:
    """The event loop stays until the process ends, with its thread and files: they are nothing that a push leaves."""
    event_loop()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    marks = {
        tuple(value): mark
        for outcome, mark in _MARKS.items()
        for report in terminalreporter.stats.get(outcome, [])
        for name, value in getattr(report, "user_properties", [])
        if name == "cell"
    }
    if not marks:
        return
    faults = list(dict.fromkeys(fault for _, fault in sorted(marks, key=lambda cell: (STEPS.index(cell[0]), cell[1]))))
    width = max(map(len, faults))
    write = terminalreporter.write_line
    terminalreporter.section("fault matrix: + the five promises hold, X they do not, . no such fault there")
    for number, step in enumerate(STEPS, 1):
        held = sum(mark == "+" for (where, _), mark in marks.items() if where == step)
        cells = sum(where == step for where, _ in marks)
        write(f"{number:3} {step:18}{held:4} of {cells} cells hold")
    write(" " * width + "".join(f"{number:3}" for number in range(1, len(STEPS) + 1)))
    for fault in faults:
        write(f"{fault:{width}}" + "".join(f"{marks.get((step, fault), '.'):>3}" for step in STEPS))
    write(f"{sum(mark == '+' for mark in marks.values())} of {len(marks)} cells hold")
