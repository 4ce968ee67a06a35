"""What a router takes is known by the others of its run, and reckoned with before."""

from __future__ import annotations

from datetime import timedelta

import pytest

from agent.fleet.window.pace import Pace


def after(pace: Pace, *took: float, counts: bool = True) -> Pace:
    for number, seconds in enumerate(took):
        pace.begun(f"r{number}", 0.0)
        pace.ended(f"r{number}", seconds, counts=counts)
    return pace


def seconds(pace: Pace, at: float = 0.0) -> float:
    return pace.need(at) / timedelta(seconds=1)


def test_nothing_is_known_before_the_first_was_worked_on() -> None:
    pace = after(Pace(300), 1, 2, 3, counts=False)
    assert seconds(pace) == 300


@pytest.mark.parametrize(
    "took, need", [([70], 70), ([70, 10, 20], 70), ([*range(1, 101)], 95), ([*range(1, 20), 600], 19)]
)
def test_95_of_100_took_no_longer(took: list[float], need: float) -> None:
    assert seconds(after(Pace(300), *took)) == need


def test_one_under_way_counts_once_it_takes_longer_than_most() -> None:
    pace = after(Pace(300), 10, 20)
    pace.begun("slow", 100)
    assert seconds(pace, at=105) == 20
    assert seconds(pace, at=150) == 50
    pace.ended("slow", 160, counts=True)
    assert seconds(pace, at=1000) == 60


def test_one_that_is_under_way_for_longer_than_was_reckoned_says_so_while_nothing_is_known() -> None:
    pace = Pace(300)
    pace.begun("first", 0)
    assert seconds(pace, at=200) == 300
    assert seconds(pace, at=900) == 900
