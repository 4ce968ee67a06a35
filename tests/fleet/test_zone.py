"""What the clock of a time zone shows, also when it is set forward or back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

import agent
from agent.fleet.window.zone import Zone

BERLIN = Zone("Europe/Berlin")
HOUR = timedelta(hours=1)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Zone]:
    """The zone of a machine in Berlin."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield Zone()
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    "text", ["", "Europe", "Europe/Nowhere", "../etc/passwd", "/etc/localtime", "a\0b", "+02:00", "\udcff", "x" * 300]
)
def test_what_is_no_zone_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(agent.InputError, match="no such time zone") as error:
        Zone.parse(text)
    assert error.value.hint is not None


def test_a_zone_that_is_written_nearly_so_is_named() -> None:
    with pytest.raises(agent.InputError) as error:
        Zone.parse("europe/berlin")
    assert error.value.hint == "did you mean Europe/Berlin?"


@pytest.mark.parametrize(
    "shown, instants",
    [
        ("2027-01-01 02:30", [datetime(2027, 1, 1, 1, 30, tzinfo=UTC)]),
        ("2027-03-28 02:30", []),
        (
            "2026-10-25 02:30",
            [datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)],
        ),
    ],
    ids=["once", "never", "twice"],
)
def test_a_clock_shows_a_time_once_or_never_or_twice(machine: Zone, shown: str, instants: list[datetime]) -> None:
    found = [zone.instants(datetime.fromisoformat(shown)) for zone in (BERLIN, machine)]
    assert found == [instants, instants]


@pytest.mark.parametrize(
    "change, before, behind",
    [
        (datetime(2026, 10, 25, 1, tzinfo=UTC), 2 * HOUR, HOUR),
        (datetime(2027, 3, 28, 1, tzinfo=UTC), HOUR, 2 * HOUR),
    ],
)
def test_a_clock_that_is_set_divides_the_time(
    machine: Zone, change: datetime, before: timedelta, behind: timedelta
) -> None:
    first, last = change - 31 * HOUR, change + 50 * HOUR
    for zone in (BERLIN, machine):
        assert list(zone.stretches(first, last)) == [(first, change, before), (change, last, behind)]


def test_a_zone_without_summer_time_is_one_stretch() -> None:
    first = datetime(2026, 10, 20, tzinfo=UTC)
    assert list(Zone("UTC").stretches(first, first + 100 * HOUR)) == [(first, first + 100 * HOUR, timedelta())]


def test_a_clock_that_is_set_by_half_an_hour_is_followed_as_well() -> None:
    change = datetime(2026, 10, 3, 15, 30, tzinfo=UTC)
    found = list(Zone("Australia/Lord_Howe").stretches(change - HOUR, change + HOUR))
    assert found == [
        (change - HOUR, change, 10.5 * HOUR),
        (change, change + HOUR, 11 * HOUR),
    ]
