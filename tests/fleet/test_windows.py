"""Windows are open while the clock of their zone shows a time of theirs, whatever is done to that clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

import agent
from agent.fleet.window.windows import Interval, Window, Windows, windows
from agent.fleet.window.zone import Zone

BERLIN, UTC_ZONE = Zone("Europe/Berlin"), Zone("UTC")
NONE = timedelta()


def utc(day: int, hour: int, minute: int = 0, *, month: int = 11, year: int = 2026) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


def first(text: str, now: datetime, zone: Zone = BERLIN, number: int = 1) -> list[Interval]:
    return Windows(windows((text,)), zone).intervals(now)[:number]


def test_a_window_over_midnight_belongs_to_the_day_on_which_it_opens() -> None:
    now = utc(27, 12)  # a Friday
    assert first("Fri 22:00-04:00", now) == [Interval(utc(27, 21), utc(28, 3))]
    assert first("Sat 22:00-04:00", now) == [Interval(utc(28, 21), utc(29, 3))]


def test_one_that_is_open_is_open_since_it_opened() -> None:
    assert first("22:00-04:00", utc(28, 2)) == [Interval(utc(27, 21), utc(28, 3))]
    assert first("22:00-04:00", utc(28, 3)) == [Interval(utc(28, 21), utc(29, 3))]


@pytest.mark.parametrize(
    "text, days",
    [
        ("01:00-02:00", (0, 1, 2, 3, 4, 5, 6)),
        ("Sat,Sun 01:00-02:00", (5, 6)),
        ("Mon-Fri 01:00-02:00", (0, 1, 2, 3, 4)),
        ("sat - mon 1:00-02:00", (0, 5, 6)),
        ("Saturday, tues 01:00 \u2013 02:00", (1, 5)),
    ],
)
def test_days_are_named_or_from_one_to_another(text: str, days: tuple[int, ...]) -> None:
    window = Window.parse(text)
    assert (window.days, window.opens, window.closes) == (days, 60, 120)


@pytest.mark.parametrize(
    "text, fault",
    [
        ("", "no window"),
        ("22:00", "no window"),
        ("22-04", "no window"),
        ("2200-0400", "no window"),
        ("22:00-04:00 Sat", "no window"),
        ("22:00-04:00 Europe/Berlin", "no window"),
        ("22:00:00-04:00", "no window"),
        ("\u0662\u0662:00-04:00", "no window"),
        ("25:00-04:00", "no time of a day"),
        ("22:60-04:00", "no time of a day"),
        ("22:00-24:01", "no time of a day"),
        ("Sut 22:00-04:00", "no day of a week"),
        ("S 22:00-04:00", "no day of a week"),
        ("Sat,,Sun 22:00-04:00", "no day of a week"),
        ("Sat- 22:00-04:00", "no day of a week"),
        ("22:00-22:00", "empty"),
        ("00:00-00:00", "empty"),
        ("24:00-04:00", "opens at 24:00"),
        ("22:00-04:00;", "no window"),
    ],
)
def test_what_is_no_window_is_refused_and_says_what_to_write(text: str, fault: str) -> None:
    with pytest.raises(agent.InputError, match=fault) as error:
        windows((text,))
    assert error.value.hint is not None


def test_no_window_at_all_is_refused() -> None:
    with pytest.raises(agent.InputError, match="there is no window"):
        windows(())


@pytest.mark.parametrize(
    "texts",
    [
        ("22:00-04:00", "03:00-05:00"),
        ("22:00-04:00; 22:00-04:00",),
        ("Sun 22:00-04:00", "Mon 03:59-05:00"),
        ("Mon 10:00-11:00", "Mon-Fri 10:30-12:00"),
        ("00:00-24:00", "Sat 01:00-02:00"),
    ],
)
def test_windows_that_overlap_are_refused_and_named(texts: tuple[str, ...]) -> None:
    with pytest.raises(agent.InputError, match=r"the windows .* and .* overlap"):
        windows(texts)


def test_windows_that_touch_are_one() -> None:
    found = first("Sun 22:00-24:00; Mon 00:00-04:00; Mon 23:00-23:30", utc(28, 12), number=2)
    assert found == [Interval(utc(29, 21), utc(30, 3)), Interval(utc(30, 22), utc(30, 22, 30))]
    assert Windows(windows(("Sun 22:00-04:00", "Mon 04:00-05:00")), BERLIN).intervals(utc(28, 12))[0] == Interval(
        utc(29, 21), utc(30, 4)
    )


@pytest.mark.parametrize(
    "text, always", [("00:00-24:00", True), ("06:00-22:00; 22:00-06:00", True), ("Mon-Sat 00:00-24:00", False)]
)
def test_windows_that_are_open_at_any_time_are_known_as_such(text: str, always: bool) -> None:
    assert Windows(windows((text,)), BERLIN).always is always


FORWARD = utc(27, 12, month=3, year=2027)
"""The day before the clock of Berlin is set from 02:00 to 03:00, at 01:00 UTC."""
BACK = utc(24, 12, month=10)
"""The day before it is set from 03:00 to 02:00, at 01:00 UTC."""


@pytest.mark.parametrize(
    "text, opens, closes",
    [
        ("22:00-04:00", utc(27, 21, month=3, year=2027), utc(28, 2, month=3, year=2027)),
        ("02:30-04:00", utc(28, 1, month=3, year=2027), utc(28, 2, month=3, year=2027)),
        ("01:00-02:30", utc(28, 0, month=3, year=2027), utc(28, 1, month=3, year=2027)),
        # Over the whole of it the clock is set forward: it opens a day later.
        ("02:00-03:00", utc(29, 0, month=3, year=2027), utc(29, 1, month=3, year=2027)),
        ("Sun 02:10-02:50", utc(4, 0, 10, month=4, year=2027), utc(4, 0, 50, month=4, year=2027)),
    ],
)
def test_what_the_clock_is_set_forward_over_is_never_open(text: str, opens: datetime, closes: datetime) -> None:
    assert first(text, FORWARD) == [Interval(opens, closes)]


@pytest.mark.parametrize(
    "text, found",
    [
        ("22:00-04:00", [(utc(24, 20, month=10), utc(25, 3, month=10))]),
        ("02:00-03:00", [(utc(25, 0, month=10), utc(25, 2, month=10))]),
        (
            "01:00-02:30",
            [
                (utc(24, 23, month=10), utc(25, 0, 30, month=10)),
                (utc(25, 1, month=10), utc(25, 1, 30, month=10)),
            ],
        ),
        (
            "02:30-04:00",
            [
                (utc(25, 0, 30, month=10), utc(25, 1, month=10)),
                (utc(25, 1, 30, month=10), utc(25, 3, month=10)),
            ],
        ),
    ],
)
def test_what_the_clock_shows_twice_is_open_twice(text: str, found: list[tuple[datetime, datetime]]) -> None:
    assert first(text, BACK, number=len(found)) == [Interval(*one) for one in found]


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "UTC"])
@pytest.mark.parametrize("text", ["22:00-04:00", "Sun 01:30-02:45; Sat 23:00-24:00", "02:15-02:45"])
def test_it_is_open_exactly_while_the_clock_shows_a_time_of_it(zone: str, text: str) -> None:
    found, clock = Windows(windows((text,)), Zone(zone)), Zone(zone)
    for year, month in ((2026, 10), (2026, 11), (2027, 3), (2027, 4), (2011, 12)):
        now = utc(25, 7, month=month, year=year)
        intervals = found.intervals(now)
        for quarter in range(13 * 24 * 4):
            at = now + timedelta(minutes=15 * quarter)
            shown = clock.clock(at)
            minute = shown.hour * 60 + shown.minute
            inside = any(
                (shown.weekday() in one.days and one.opens <= minute < one.closes)
                or ((shown.weekday() - 1) % 7 in one.days and minute + 24 * 60 < one.closes)
                for one in found.windows
            )
            assert any(one.opens <= at < one.closes for one in intervals) is inside, at


def test_the_next_is_the_first_that_is_long_enough() -> None:
    found = Windows(windows(("22:00-22:10", "23:00-04:00")), UTC_ZONE)
    hour = timedelta(hours=1)
    assert found.next(utc(27, 20), NONE) == Interval(utc(27, 22), utc(27, 22, 10))
    assert found.next(utc(27, 20), hour) == Interval(utc(27, 23), utc(28, 4))
    assert found.next(utc(28, 3), hour) == Interval(utc(27, 23), utc(28, 4))
    assert found.next(utc(28, 3, 1), hour) == Interval(utc(28, 23), utc(29, 4))
    assert found.next(utc(27, 20), 6 * hour) is None
