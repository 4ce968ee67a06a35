"""Whatever is given as a window, a time or a zone is read, or refused in one line; a window opens again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from agent.fleet.window.moment import moment
from agent.fleet.window.windows import Window, Windows, windows
from agent.fleet.window.zone import Zone
from agent.model.errors import InputError
from tests.properties.conftest import few, steady

PIECES = [
    "22:00",
    "04:00",
    "24:00",
    "2:30",
    "Sat",
    "Mon",
    "tomorrow",
    "2026-12-01",
    "T",
    "Z",
    "+25:00",
    "W49",
    *"-,; :9\0é٣",
]
TEXT = st.lists(st.sampled_from(PIECES), max_size=8).map("".join) | st.text(max_size=20)
ZONES = st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "UTC"]).map(Zone)
TIMES = st.datetimes(datetime(2011, 1, 1), datetime(2037, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis'
MINUTES = st.integers(0, 24 * 60 - 1)
WEEKS = st.sets(st.integers(0, 6), min_size=1).map(lambda days: tuple(sorted(days)))


@given(TEXT, TIMES)
@example("9999-12-31T23:59-23:59", datetime(2026, 11, 27, tzinfo=UTC))
@example("0001-01-01T00:00+23:59", datetime(2026, 11, 27, tzinfo=UTC))
@steady
def test_any_text_is_read_or_refused(text: str, now: datetime) -> None:
    for read in (lambda: windows((text,)), lambda: Zone.parse(text), lambda: moment(text, now, Zone("Europe/Berlin"))):
        refused = None
        try:
            read()
        except InputError as error:
            refused = error
        assert refused is None or (refused.hint and "\n" not in refused.message)


@given(ZONES, TIMES, WEEKS, MINUTES, st.integers(1, 24 * 60))
@few
def test_a_window_opens_again_and_is_as_long_as_it_is_written_but_for_the_clock(
    zone: Zone, now: datetime, days: tuple[int, ...], opens: int, length: int
) -> None:
    found = Windows((Window(days, opens, opens + length, ""),), zone).intervals(now)
    assert found
    assert found == sorted(found)
    for one, other in pairwise(found):
        assert one.closes < other.opens
    for one in found:
        assert one.closes > now
        assert one.opens < one.closes
    if len(days) == 1:
        assert all(one.closes - one.opens <= timedelta(minutes=length + 60) for one in found)
