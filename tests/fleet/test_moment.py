"""A time that is written says which day it means, or is refused."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

import agent
from agent.fleet.window.moment import moment
from agent.fleet.window.zone import Zone

BERLIN = Zone("Europe/Berlin")
NOW = datetime(2026, 11, 27, 21, 30, tzinfo=UTC)
"""22:30 in Berlin."""


@pytest.mark.parametrize(
    "text, when",
    [
        ("23:00", datetime(2026, 11, 27, 22, 0, tzinfo=UTC)),
        ("today 23:00:30", datetime(2026, 11, 27, 22, 0, 30, tzinfo=UTC)),
        ("tomorrow 02:00", datetime(2026, 11, 28, 1, 0, tzinfo=UTC)),
        (" Tomorrow  2:00 ", datetime(2026, 11, 28, 1, 0, tzinfo=UTC)),
        ("2026-12-01 02:00", datetime(2026, 12, 1, 1, 0, tzinfo=UTC)),
        ("2026-12-01T02:00", datetime(2026, 12, 1, 1, 0, tzinfo=UTC)),
        ("20261201T0200", datetime(2026, 12, 1, 1, 0, tzinfo=UTC)),
        ("2026-12-01T02:00Z", datetime(2026, 12, 1, 2, 0, tzinfo=UTC)),
        ("2026-12-01 02:00+05:30", datetime(2026, 11, 30, 20, 30, tzinfo=UTC)),
        ("2027-07-01 02:00", datetime(2027, 7, 1, 0, 0, tzinfo=UTC)),
    ],
)
def test_it_is_of_the_day_that_it_says_by_the_clock_of_the_zone(text: str, when: datetime) -> None:
    found = moment(text, NOW, BERLIN)
    assert found == when
    assert found.utcoffset() == BERLIN.clock(when).utcoffset()


def test_the_day_is_that_of_the_zone_and_not_of_the_machine() -> None:
    found = moment("12:00", NOW, Zone("Asia/Tokyo"))
    assert found == datetime(2026, 11, 28, 3, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["22:30", "22:29", "2026-11-27 22:30", "2026-11-27T21:30Z", "2020-01-01 00:00", "0001-01-01 00:00"]
)
def test_a_time_that_has_just_gone_by_is_refused_and_not_taken_for_tomorrow(text: str) -> None:
    with pytest.raises(agent.InputError, match="has gone by") as error:
        moment(text, NOW, BERLIN)
    assert "it is 2026-11-27 22:30 CET" in (error.value.hint or "")
    assert "tomorrow" in (error.value.hint or "")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "25:00",
        "24:00",
        "22",
        "22:60",
        "2200",
        "tomorrow",
        "yesterday 22:00",
        "2026-13-01 02:00",
        "\u0662\u0662:00",
    ],
)
def test_what_is_no_time_is_refused_with_examples(text: str) -> None:
    with pytest.raises(agent.InputError, match="this is no time") as error:
        moment(text, NOW, BERLIN)
    assert "tomorrow 02:00" in (error.value.hint or "")


@pytest.mark.parametrize("text", ["2062-12-01 02:00", "9999-12-31T23:59Z", "9999-12-31 23:59-12:00"])
def test_a_year_that_is_misspelt_is_refused(text: str) -> None:
    with pytest.raises(agent.InputError, match="more than a year ahead"):
        moment(text, NOW, BERLIN)


@pytest.mark.parametrize("text", ["2026-12-01", "20261201", "2026-W49-2"])
def test_a_day_alone_is_no_time(text: str) -> None:
    with pytest.raises(agent.InputError, match="a day without a time"):
        moment(text, NOW, BERLIN)


def test_a_time_over_which_the_clock_is_set_forward_is_refused() -> None:
    with pytest.raises(agent.InputError, match="there is no 02:30 on 2027-03-28"):
        moment("2027-03-28 02:30", NOW, BERLIN)


def test_a_time_that_comes_twice_is_refused_with_both() -> None:
    with pytest.raises(agent.InputError, match="02:30 comes twice on 2027-10-31") as error:
        moment("2027-10-31 02:30", NOW, BERLIN)
    assert error.value.hint == "write 2027-10-31T02:30+02:00 or 2027-10-31T02:30+01:00"
    assert moment("2027-10-31T02:30+01:00", NOW, BERLIN) == datetime(2027, 10, 31, 1, 30, tzinfo=UTC)
