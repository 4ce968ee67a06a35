"""Which router is next by the windows of a run, and what is said of them before it begins."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

import agent
from agent.fleet.inventory.target import Target
from agent.fleet.window.calendar import Calendar, Told
from agent.fleet.window.preview import check, described, held_up
from agent.fleet.window.timing import Timing, shown
from agent.fleet.window.windows import windows
from agent.fleet.window.zone import Zone

BERLIN, NEW_YORK = Zone("Europe/Berlin"), Zone("America/New_York")
NIGHT = Timing(windows(("22:00-04:00",)), BERLIN)
NEED = timedelta(minutes=5)


def utc(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


def router(name: str, window: str | None = None, tz: Zone | None = None) -> Target:
    return Target(name, name, window=windows((window,)) if window else None, tz=tz)


def names(calendar: Calendar, routers: list[Target], now: datetime, need: timedelta = NEED) -> list[str]:
    """Those that may be begun now, in their turn."""
    queue, found = calendar.queue(routers), []
    while (taken := queue.take(now, need)) is not None:
        found.append(taken[0].name)
    return found


def test_a_router_without_a_window_is_begun_at_any_time_and_has_no_end() -> None:
    queue = Calendar(NIGHT).queue([router("r1", "00:00-24:00")])
    assert queue.take(utc(27, 12), NEED) == (router("r1", "00:00-24:00"), None)
    assert queue.take(utc(27, 12), NEED) is None


def test_a_routers_own_window_and_zone_count_before_those_of_the_run() -> None:
    routers = [router("r1"), router("r2", "10:00-14:00"), router("r3", tz=NEW_YORK), router("r4", "00:00-24:00")]
    assert names(Calendar(NIGHT), routers, utc(27, 12)) == ["r2", "r4"]
    assert names(Calendar(NIGHT), routers, utc(27, 23)) == ["r1", "r4"]
    assert names(Calendar(NIGHT), routers, utc(28, 3, 30)) == ["r3", "r4"]


def test_windows_that_are_not_heeded_bound_nothing() -> None:
    for calendar in (Calendar(), Calendar(Timing(NIGHT.windows, BERLIN, heeded=False))):
        assert names(calendar, [router("r1"), router("r2", "10:00-11:00")], utc(27, 20)) == ["r1", "r2"]


def test_of_open_windows_the_one_that_closes_first_comes_first_and_in_one_the_inventorys_order_counts() -> None:
    routers = [
        router("r1"),
        router("r2", "22:00-23:30"),
        router("r3"),
        router("r4", "22:00-23:30"),
        router("r5", tz=NEW_YORK),
    ]
    assert names(Calendar(NIGHT), routers, utc(27, 22)) == ["r2", "r4", "r1", "r3"]


def test_none_is_begun_that_would_not_end_in_time() -> None:
    for left, begun in ((6, ["r1"]), (5, ["r1"]), (4, [])):
        calendar, now = Calendar(NIGHT), utc(28, 3) - timedelta(minutes=left)
        calendar.begin([router("r1")], utc(27, 22))
        assert names(calendar, [router("r1")], now) == begun


def test_only_the_first_window_counts_unless_the_run_is_to_go_on_until_it_is_done() -> None:
    for until_done in (False, True):
        calendar = Calendar(Timing(NIGHT.windows, BERLIN, until_done=until_done))
        calendar.begin([router("r1")], utc(27, 22))
        assert names(calendar, [router("r1")], utc(28, 22)) == ["r1"] * until_done
        assert bool(calendar.queue([router("r1")]).coming(utc(28, 12), NEED)) is until_done


def test_the_first_window_is_the_first_in_which_something_can_be_begun() -> None:
    calendar = Calendar(NIGHT)
    calendar.begin([router("r1")], utc(28, 2, 58))
    (opening,) = calendar.queue([router("r1")]).coming(utc(28, 2, 58), NEED)
    assert opening.interval.opens == utc(28, 21)


def test_a_clock_that_is_set_back_closes_a_window_that_is_not_open_yet_and_one_set_forward_ends_it() -> None:
    calendar = Calendar(NIGHT)
    calendar.begin([router("r1")], utc(27, 21, 5))
    assert names(calendar, [router("r1")], utc(27, 21, 5)) == ["r1"]
    assert names(calendar, [router("r1")], utc(27, 20, 55)) == []
    assert names(calendar, [router("r1")], utc(27, 21)) == ["r1"]
    assert names(calendar, [router("r1")], utc(29, 22)) == []


def test_a_clock_that_was_set_forward_by_mistake_and_back_again_loses_no_window() -> None:
    calendar = Calendar(Timing(NIGHT.windows, BERLIN, until_done=True))
    calendar.begin([router("r1")], utc(27, 12))
    assert calendar.queue([router("r1")]).coming(utc(29, 12), NEED)[0].interval.opens == utc(29, 21)
    assert calendar.queue([router("r1")]).coming(utc(28, 12), NEED)[0].interval.opens == utc(28, 21)


def test_nothing_begins_before_the_start_even_in_an_open_window() -> None:
    timing = Timing(NIGHT.windows, BERLIN, start_at=utc(28, 0))
    routers = [router("r1"), router("r2", "00:00-24:00")]
    assert names(Calendar(timing), routers, utc(27, 23, 59)) == []
    assert names(Calendar(timing), routers, utc(28, 0)) == ["r1", "r2"]
    late = Timing(NIGHT.windows, BERLIN, start_at=utc(28, 2, 58))
    assert [one.interval.opens for one in Calendar(late).queue([router("r1")]).coming(utc(27, 12), NEED)] == [
        utc(28, 21)
    ]


def test_routers_are_ordered_as_their_windows_open_and_else_as_they_were() -> None:
    routers = [router("r1", tz=NEW_YORK), router("r2"), router("r3", "00:00-24:00"), router("r4"), router("r5")]
    assert [one.name for one in Calendar(NIGHT).ordered(routers, utc(27, 12))] == ["r3", "r2", "r4", "r5", "r1"]
    assert [one.name for one in Calendar(NIGHT).ordered(routers, utc(27, 22))] == ["r2", "r3", "r4", "r5", "r1"]


def test_which_windows_are_next_is_said_in_order_and_only_of_routers_that_are_left() -> None:
    queue = Calendar(NIGHT).queue([router("r1", tz=NEW_YORK), router("r2"), router("r3")])
    now = utc(27, 19, 30)
    assert [(one.routers, one.interval.opens) for one in queue.coming(now, NEED)] == [(2, utc(27, 21)), (1, utc(28, 3))]
    assert [one.shown(now) for one in queue.coming(now, NEED)] == [
        "window 22:00-04:00 (Europe/Berlin): opens 2026-11-27 22:00 CET, in 1 h 30 min, for 2 routers",
        "window 22:00-04:00 (America/New_York): opens 2026-11-27 22:00 EST, in 7 h 30 min, for 1 router",
    ]
    assert queue.take(utc(27, 22), NEED) is not None
    assert queue.coming(utc(27, 22), NEED)[0].shown(utc(27, 22)) == (
        "window 22:00-04:00 (Europe/Berlin): open until 2026-11-28 04:00 CET, for 1 router"
    )
    assert len(queue) == 2


def test_a_log_says_each_window_that_is_waited_for_once_and_that_it_opened() -> None:
    queue, told = Calendar(NIGHT).queue([router("r1", tz=NEW_YORK), router("r2")]), Told()
    said = [line for hour in (19, 20, 21, 22) for line in told.said(queue.coming(utc(27, hour), NEED), utc(27, hour))]
    assert [line.partition(", ")[0] for line in said] == [
        "next: window 22:00-04:00 (Europe/Berlin): opens 2026-11-27 22:00 CET",
        "window 22:00-04:00 (Europe/Berlin): open until 2026-11-28 04:00 CET",
        "next: window 22:00-04:00 (America/New_York): opens 2026-11-27 22:00 EST",
    ]


def test_a_window_that_is_too_short_for_any_router_is_refused() -> None:
    with pytest.raises(agent.InputError, match=r"the window 22:00-22:04 \(by .*\) is too short: .* 5 min") as error:
        check(Timing(), [router("r1"), router("r2", "22:00-22:04")], utc(27, 12), None)
    assert error.value.device == "r2"
    check(Timing(reckoned=60), [router("r2", "22:00-22:04")], utc(27, 12), None)


def test_a_window_that_does_not_open_before_the_end_is_refused_where_no_other_does() -> None:
    stop_at = utc(27, 21)
    with pytest.raises(agent.InputError, match="no window opens before --stop-at; window 22:00-04:00"):
        check(NIGHT, [router("r1"), router("r2", tz=NEW_YORK)], utc(27, 12), stop_at)
    some = [router("r1"), router("r2", "20:00-22:00")]
    check(NIGHT, some, utc(27, 12), stop_at)
    lines = list(described(NIGHT, some, utc(27, 12), stop_at))
    assert ["not begun" in line for line in lines[:2]] == [False, True]


def test_a_start_that_is_not_before_the_end_is_refused() -> None:
    with pytest.raises(agent.InputError, match="--start-at is not before --stop-at"):
        check(Timing(start_at=utc(27, 22)), [router("r1")], utc(27, 12), utc(27, 22))


def test_what_is_said_before_a_run_names_windows_and_by_what_a_router_is_begun() -> None:
    assert list(described(Timing(), [router("r1")], utc(27, 12), None)) == []
    lines = list(described(NIGHT, [router("r1"), router("r2", "00:00-24:00")], utc(27, 12), None))
    assert [line.partition(":")[0] for line in lines[:2]] == ["without a window", "window 22"]
    assert "reckoned with 5 min (--router-time)" in lines[2]
    assert "--until-done" in lines[3]
    many = [router(f"r{number}", f"{number:02}:00-{number:02}:30") for number in range(20)]
    lines = list(described(Timing(), many, utc(27, 12), None))
    assert lines[8] == "12 windows more open later, for 12 routers"


@pytest.mark.parametrize("until_done, then", [(False, "they are not begun"), (True, "they wait for their next")])
def test_a_canary_that_opens_when_other_windows_have_closed_is_said_before(until_done: bool, then: str) -> None:
    timing = Timing(NIGHT.windows, BERLIN, until_done=until_done)
    others = [router("r2"), router("r3"), router("r4", tz=NEW_YORK), router("r5", "00:00-24:00")]
    (line,) = held_up(timing, [router("r1"), router("r6", tz=NEW_YORK)], others, utc(27, 12))
    assert line.startswith(
        "the canary is not done before 2026-11-27 22:00 EST, when window 22:00-04:00 (America/New_York)"
    )
    assert f"the windows of 2 routers have closed, and {then}" in line
    assert list(held_up(timing, [router("r1")], others, utc(27, 12))) == []
    assert list(held_up(timing, [router("r6", "00:00-24:00")], others, utc(27, 12))) == []


@pytest.mark.parametrize(
    "seconds, text",
    [
        *((0, "0 s"), (59.6, "1 min"), (61, "1 min 1 s"), (300, "5 min"), (3600, "1 h 0 min"), (86_369, "23 h 59 min")),
        *((86_400, "1 day"), (542_460, "6 days 6 h")),
    ],
)
def test_durations_are_in_words(seconds: float, text: str) -> None:
    assert shown(seconds) == text


def test_why_nothing_more_is_begun_is_said() -> None:
    (night,) = Timing(NIGHT.windows, BERLIN).grouped([router("r1")])
    assert night is not None
    calendar = Calendar(NIGHT)
    calendar.begin([router("r1")], utc(27, 22))
    assert calendar.over(night, utc(28, 3), NEED) == "window 22:00-04:00 (Europe/Berlin) closed 2026-11-28 04:00 CET"
    assert calendar.over(night, utc(28, 2, 58), NEED).endswith("closes 2026-11-28 04:00 CET: a router takes 5 min")


def test_an_opening_without_a_window_is_that_of_the_start() -> None:
    (opening,) = Calendar(Timing(zone=BERLIN, start_at=utc(28, 0))).queue([router("r1")]).coming(utc(27, 23), NEED)
    assert opening.shown(utc(27, 23)).startswith("without a window: opens 2026-11-28 01:00 CET, ")
