"""A run in its routers' windows, by a clock that goes on only while something takes time, and that may be set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from agent.fleet.inventory.target import Target
from agent.fleet.results.record import Kind, Result, RunState
from agent.fleet.run.executors import Inline
from agent.fleet.run.job import Job
from agent.fleet.run.rollout import Batch, Rollout, Share
from agent.fleet.run.runner import Backend, Run, Watcher
from agent.fleet.window.calendar import Calendar, Opening
from agent.fleet.window.timing import Timing
from agent.fleet.window.windows import windows
from agent.fleet.window.zone import Zone
from agent.model.outcome import Outcome, Status, StepRecord
from agent.model.outcome import Result as PushResult
from tests.support import Clock

BERLIN, NEW_YORK = Zone("Europe/Berlin"), Zone("America/New_York")
NIGHT = windows(("22:00-04:00",))
EVENING = datetime(2026, 11, 27, 20, 0, tzinfo=UTC)
"""21:00 in Berlin."""
HOUR = 3600.0


class WorkerGone(Exception):
    pass


@dataclass
class Night:
    """A run on routers that take some seconds each, one after the other.

    Attributes:
        began: what the time of day was when each was begun; set_by: by how many seconds the clock was set since.
        act: what happens while one is worked on.
    """

    clock: Clock
    takes: float = 60.0
    start: datetime = EVENING
    set_by: float = 0.0
    began: dict[str, datetime] = field(default_factory=dict)
    until: dict[str, datetime | None] = field(default_factory=dict)
    act: Callable[[str], None] = lambda name: None
    result: PushResult = PushResult.REMEDIED
    steps: tuple[StepRecord, ...] = ()
    changed: bool = True

    def now(self) -> datetime:
        return self.start + timedelta(seconds=self.clock.now + self.set_by)

    def work(self, job: Job, target: Target) -> Result:
        self.began[target.name] = self.now()
        self.until[target.name] = target.until
        self.clock.now += self.takes
        self.act(target.name)
        made = Outcome(target.name, self.result, steps=self.steps, changed=self.changed)
        return Result(target.name, Kind.PUSH, outcome=made)

    def run(self, routers: list[Target], timing: Timing, *, stop: object = None, **more: object) -> Run:
        backend = Backend(1, lambda _: Inline(), self.work, died=(WorkerGone,))
        policy = self.clock.policy(stop=stop)
        options = {"now": self.now, "policy": policy, "calendar": Calendar(timing), **more}
        return Run(routers, Job(Kind.PUSH), backend, **options)  # type: ignore[arg-type]


@pytest.fixture
def night(clock: Clock) -> Night:
    return Night(clock)


def routers(number: int, **said: object) -> list[Target]:
    return [Target(f"r{index}", f"r{index}", **said) for index in range(number)]  # type: ignore[arg-type]


def hours(night: Night) -> list[tuple[str, str]]:
    """When each was begun, by the clock of Berlin."""
    return [(name, f"{BERLIN.clock(at):%d %H:%M}") for name, at in night.began.items()]


def test_a_run_waits_for_its_window_and_tells_each_router_its_end(night: Night) -> None:
    run = night.run(routers(2), Timing(NIGHT, BERLIN))
    assert len(list(run.results())) == 2
    assert hours(night) == [("r0", "27 22:00"), ("r1", "27 22:01")]
    assert set(night.until.values()) == {datetime(2026, 11, 28, 3, 0, tzinfo=UTC)}
    assert run.state is RunState.DONE


def test_a_run_without_windows_begins_at_once(night: Night) -> None:
    list(night.run(routers(1), Timing()).results())
    assert night.began == {"r0": EVENING}
    assert night.until == {"r0": None}


def test_none_is_begun_that_by_what_the_others_took_would_not_end_in_time(night: Night) -> None:
    night.takes, told = 50 * 60, list[str]()
    run = night.run(routers(20), Timing(NIGHT, BERLIN), stopped=lambda state, why: told.append(why))
    results = list(run.results())
    # 7 times 50 minutes fit into six hours, and the eighth does not, though the 5 minutes that it was reckoned with do.
    assert len(results) == 7
    assert max(night.began.values()) + timedelta(minutes=50) <= datetime(2026, 11, 28, 3, 0, tzinfo=UTC)
    assert run.state is RunState.STOPPED
    assert run.why == "window 22:00-04:00 (Europe/Berlin) closes 2026-11-28 04:00 CET: a router takes 50 min"
    assert told == [run.why]


@pytest.mark.parametrize("status, begun", [(Status.FAILED, 7), (Status.SKIPPED, 8)])
def test_one_that_failed_counts_and_one_at_which_nothing_was_to_do_does_not(
    night: Night, status: Status, begun: int
) -> None:
    night.takes = 50 * 60
    night.result, night.steps, night.changed = PushResult.FAILED, (StepRecord("lock", status),), False
    assert len(list(night.run(routers(20), Timing(NIGHT, BERLIN)).results())) == begun


def test_before_the_first_one_ended_what_is_reckoned_counts(night: Night) -> None:
    night.takes, night.start = 50 * 60, datetime(2026, 11, 28, 2, 30, tzinfo=UTC)
    list(night.run(routers(20), Timing(NIGHT, BERLIN, reckoned=29 * 60)).results())
    assert hours(night)[:1] == [("r0", "28 03:30")]
    assert len(night.began) == 1
    waited = Night(Clock(), start=night.start)
    list(waited.run(routers(1), Timing(NIGHT, BERLIN, reckoned=31 * 60)).results())
    assert hours(waited) == [("r0", "28 22:00")]


def test_a_run_goes_on_in_the_next_windows_until_it_is_done(night: Night) -> None:
    night.takes = 50 * 60
    run = night.run(routers(20), Timing(NIGHT, BERLIN, until_done=True))
    assert len(list(run.results())) == 20
    assert run.state is RunState.DONE
    assert [at for name, at in hours(night) if name in ("r0", "r7", "r14")] == ["27 22:00", "28 22:00", "29 22:00"]


def test_each_router_is_begun_in_the_window_of_its_own_zone(night: Night) -> None:
    mixed = [*routers(2, tz=NEW_YORK), Target("b1", "b1"), Target("b2", "b2", window=windows(("Sat 12:00-13:00",)))]
    run = night.run(mixed, Timing(NIGHT, BERLIN))
    assert len(list(run.results())) == 4
    assert hours(night) == [("b1", "27 22:00"), ("r0", "28 04:00"), ("r1", "28 04:01"), ("b2", "28 12:00")]


def test_a_router_whose_window_went_by_in_an_earlier_batch_is_left_and_the_others_go_on(night: Night) -> None:
    night.takes = 2 * HOUR
    mixed = [
        *routers(2),
        Target("short", "short", window=windows(("22:00-23:00",))),
        Target("day", "day", window=windows(("Sat 12:00-18:00",))),
    ]
    run = night.run(mixed, Timing(NIGHT, BERLIN), rollout=Rollout(batch=Share(2)))
    assert [result.device for result in run.results()] == ["r0", "r1", "day"]
    assert run.state is RunState.STOPPED
    assert run.why == "window 22:00-23:00 (Europe/Berlin) closed 2026-11-27 23:00 CET"


def test_without_its_whole_canary_a_run_does_not_go_on(night: Night) -> None:
    night.takes = 4 * HOUR
    mixed = [*routers(2), Target("free", "free", window=windows(("00:00-24:00",)))]
    run = night.run(mixed, Timing(NIGHT, BERLIN), rollout=Rollout(canary=Share(2)))
    assert [result.device for result in run.results()] == ["r0"]
    assert run.state is RunState.STOPPED
    assert run.why.startswith("the canary was not begun as a whole: window 22:00-04:00")


@pytest.mark.parametrize("set_by", [-HOUR, -24 * HOUR])
def test_a_clock_that_is_set_back_out_of_the_window_is_waited_for_again(night: Night, set_by: float) -> None:
    def act(name: str) -> None:
        if name == "r0":
            night.set_by = set_by

    night.act = act
    run = night.run(routers(2), Timing(NIGHT, BERLIN))
    assert len(list(run.results())) == 2
    assert hours(night) == [("r0", "27 22:00"), ("r1", "27 22:00")]
    assert run.state is RunState.DONE


def test_a_clock_that_is_set_forward_out_of_the_window_ends_the_run(night: Night) -> None:
    def act(name: str) -> None:
        night.set_by = 12 * HOUR

    night.act = act
    run = night.run(routers(3), Timing(NIGHT, BERLIN))
    assert len(list(run.results())) == 1
    assert run.state is RunState.STOPPED


def test_a_clock_that_is_set_forward_while_a_window_is_waited_for_is_seen_soon(night: Night) -> None:
    def sleep(seconds: float) -> None:
        night.clock.now += seconds
        night.set_by = 2 * HOUR

    run = night.run(routers(1), Timing(NIGHT, BERLIN))
    run.policy = night.clock.policy(sleep=sleep)
    list(run.results())
    assert EVENING + timedelta(hours=2) <= night.began["r0"] <= EVENING + timedelta(hours=2, minutes=1)


def test_a_clock_that_is_set_makes_nobody_slower(night: Night) -> None:
    """What the others took is measured by a clock that nobody sets: 40 minutes forward are none that the first took."""

    def act(name: str) -> None:
        night.set_by = 40 * 60

    night.act, night.start = act, datetime(2026, 11, 28, 2, 0, tzinfo=UTC)
    run = night.run(routers(2), Timing(NIGHT, BERLIN))
    assert len(list(run.results())) == 2
    assert hours(night) == [("r0", "28 03:00"), ("r1", "28 03:41")]


def test_a_window_over_a_night_on_which_the_clock_is_set_back_lasts_an_hour_longer(night: Night) -> None:
    night.start, night.takes = datetime(2026, 10, 24, 19, 0, tzinfo=UTC), HOUR
    run = night.run(routers(20), Timing(NIGHT, BERLIN))
    assert len(list(run.results())) == 7


def test_a_window_over_a_night_on_which_it_is_set_forward_lasts_an_hour_less(night: Night) -> None:
    night.start, night.takes = datetime(2027, 3, 27, 19, 0, tzinfo=UTC), HOUR
    run = night.run(routers(20), Timing(NIGHT, BERLIN))
    assert len(list(run.results())) == 5


def test_nothing_begins_before_the_start_and_behind_the_end(night: Night) -> None:
    night.takes = HOUR
    start, end = EVENING + timedelta(hours=4), EVENING + timedelta(hours=6)
    run = night.run(routers(9), Timing(start_at=start), rollout=Rollout(stop_at=end))
    list(run.results())
    assert list(night.began.values()) == [start, start + timedelta(hours=1)]
    assert (run.state, run.why) == (RunState.STOPPED, "no router is begun after 2026-11-28 02:00 UTC")


def test_no_window_is_waited_for_that_opens_behind_the_end(night: Night) -> None:
    mixed = [*routers(1), Target("day", "day", window=windows(("20:00-22:00",)))]
    run = night.run(mixed, Timing(NIGHT, BERLIN), rollout=Rollout(stop_at=EVENING + timedelta(hours=1)))
    assert [result.device for result in run.results()] == ["day"]
    assert run.state is RunState.STOPPED
    assert run.why == "no further window opens before 2026-11-27 21:00 UTC"
    assert night.now() < EVENING + timedelta(hours=1)


def test_a_cancellation_ends_the_wait_for_a_window_at_once(night: Night) -> None:
    waited: list[float] = []

    def stop(seconds: float) -> bool:
        waited.append(seconds)
        return seconds > 0

    run = night.run(routers(2), Timing(NIGHT, BERLIN), stop=stop)
    assert list(run.results()) == []
    assert run.state is RunState.INTERRUPTED
    assert sum(seconds > 0 for seconds in waited) == 1
    assert night.began == {}


def test_a_router_whose_worker_died_is_not_done_once_more_behind_its_window(night: Night) -> None:
    def act(name: str) -> None:
        night.clock.now += 6 * HOUR
        raise WorkerGone

    night.act = act
    run = night.run(routers(1), Timing(NIGHT, BERLIN))
    (result,) = run.results()
    assert result.word == "unknown"
    assert len(night.began) == 1


def test_the_watcher_is_told_which_windows_are_next(night: Night) -> None:
    told: list[list[tuple[int, datetime]]] = []

    class Watch(Watcher):
        def coming(self, openings: tuple[Opening, ...], now: datetime) -> None:
            told.append([(one.routers, one.interval.opens) for one in openings])

        def begun(self, target: Target, batch: Batch) -> None:
            assert told

    mixed = [Target("n1", "n1", tz=NEW_YORK), *routers(2)]
    list(night.run(mixed, Timing(NIGHT, BERLIN), watcher=Watch()).results())
    berlin, new_york = datetime(2026, 11, 27, 21, tzinfo=UTC), datetime(2026, 11, 28, 3, tzinfo=UTC)
    assert told == [[(2, berlin), (1, new_york)], [(1, berlin), (1, new_york)], [(1, new_york)], []]
