"""When each of many routers is looked at: spread over the interval, a bounded number at once, each on its own beat."""

from __future__ import annotations

import logging
import threading
from itertools import islice
from typing import Any

import pytest

import agent
from agent.fleet.poll import MOST_KEPT, Look, Stopped, watch
from agent.fleet.results.record import Kind
from agent.fleet.run.job import Job
from agent.fleet.run.router import Hooks
from agent.model.errors import Interrupted
from tests.fleet.routers import Stage, many
from tests.support import Clock, logged

POLL = Job(Kind.POLL)
TOKEN = "token=s3cr3t"


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> Stage:
    return Stage.set(monkeypatch, clock)


def seen(stage: Stage, number: int, **settings: Any) -> list[Look]:
    hooks = settings.pop("hooks", Hooks(policy=stage.clock.policy()))
    return list(watch(many(number), POLL, hooks=hooks, **settings))


def test_looks_are_spread_over_the_interval_and_each_router_keeps_its_beat(stage: Stage) -> None:
    looks = seen(stage, 60, interval=300, timeout=900)
    assert len(looks) == 180
    assert dict(stage.times) == {f"r{index}": [5 * index, 300 + 5 * index, 600 + 5 * index] for index in range(60)}


def test_no_more_are_looked_at_at_once_than_there_are_workers(stage: Stage) -> None:
    together = threading.Barrier(4, timeout=20)

    def act(name: str) -> None:
        if name == "r0":
            stage.clock.now += 299  # meanwhile all others are due
        else:
            together.wait()

    stage.act = act
    seen(stage, 101, interval=300, timeout=300, workers=4)
    assert (len(stage.times), stage.opened, stage.most) == (101, 101, 4)


@pytest.mark.parametrize(
    "seconds, times",
    [(40, [0, 60, 120, 180]), (60, [0, 60, 120, 180]), (70, [0, 120, 180]), (130, [0, 180])],
)
def test_a_look_that_takes_long_does_not_shift_the_beat(stage: Stage, seconds: float, times: list[float]) -> None:
    first = iter([seconds])

    def act(name: str) -> None:
        stage.clock.now += next(first, 0)

    stage.act = act
    seen(stage, 1, interval=60, timeout=200)
    assert stage.times["r0"] == times


def test_a_look_that_begins_late_does_not_shift_the_beat(stage: Stage) -> None:
    def act(name: str) -> None:
        if name == "r0" and stage.clock.now == 0:
            stage.clock.now += 50

    stage.act = act
    seen(stage, 3, interval=60, timeout=150, workers=1)
    assert dict(stage.times) == {"r0": [0, 60, 120], "r1": [50, 80, 140], "r2": [50, 100]}


def test_it_is_said_when_there_are_too_few_workers_for_the_interval(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    def act(name: str) -> None:
        stage.clock.now += 20

    stage.act = act
    with caplog.at_level(logging.WARNING, "agent"):
        seen(stage, 10, interval=60, timeout=600, workers=1)
    late = [record.getMessage() for record in caplog.records]
    assert 1 <= len(late) <= 10
    assert all("late: more workers or a longer interval are needed" in text for text in late)
    counts = [len(times) for times in stage.times.values()]
    assert max(counts) - min(counts) <= 1


def test_a_router_that_is_away_is_tried_after_growing_waits(stage: Stage) -> None:
    stage.away("r0", until=1e9)
    looks = seen(stage, 1, interval=1, timeout=1300)
    assert stage.times["r0"] == [0, 5, 15, 35, 75, 155, 315, 615, 915, 1215]
    assert {look.sample.kind for look in looks} == {"connect"}


def test_a_router_that_is_away_is_never_tried_sooner_than_the_interval(stage: Stage) -> None:
    stage.away("r0", until=1e9)
    seen(stage, 1, interval=60, timeout=1000)
    assert stage.times["r0"] == [0, 60, 120, 180, 240, 320, 480, 780]


def test_a_router_that_comes_back_is_looked_at_as_before_and_the_others_never_wait_for_it(stage: Stage) -> None:
    stage.away("r0", until=70)
    looks = seen(stage, 2, interval=10, timeout=120)
    assert stage.times["r0"] == [0, 10, 20, 40, 80, 90, 100, 110]
    assert stage.times["r1"] == [5 + 10 * number for number in range(12)]
    assert [look.sample.error is None for look in looks if look.target.name == "r0"] == [False] * 4 + [True] * 4


def test_a_timeout_ends_the_watch(stage: Stage) -> None:
    assert len(seen(stage, 10, interval=100, timeout=45)) == 5
    assert stage.clock.now == 45


def test_looks_under_way_are_finished_when_the_time_is_over(stage: Stage) -> None:
    def act(name: str) -> None:
        stage.clock.now += 100

    stage.act = act
    assert len(seen(stage, 2, interval=100, timeout=45)) == 1
    assert (stage.opened, stage.closed) == (1, 1)


def test_looks_that_are_due_but_wait_for_a_worker_are_not_begun_any_more(stage: Stage) -> None:
    def act(name: str) -> None:
        stage.clock.now += 10

    stage.act = act
    assert len(seen(stage, 10, interval=10, timeout=35, workers=1)) == 4


def test_a_cancellation_ends_the_watch_and_closes_what_is_kept(stage: Stage) -> None:
    hooks = Hooks(policy=stage.clock.policy(stop=_after(stage.clock, 1000)))
    with pytest.raises(Interrupted):
        seen(stage, 20, interval=100, keep_sessions=True, hooks=hooks)
    assert stage.clock.now >= 1000
    assert (stage.opened, stage.closed) == (20, 20)


def test_no_look_begins_after_a_cancellation(stage: Stage) -> None:
    def act(name: str) -> None:
        stage.clock.now += 100

    stage.act = act
    with pytest.raises(Interrupted):
        seen(stage, 20, interval=10, workers=1, hooks=Hooks(policy=stage.clock.policy(stop=_after(stage.clock, 250))))
    assert stage.opened == 3


def test_a_look_that_hangs_keeps_none_of_the_others_waiting(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.fleet.poll._LOOK", 3600)
    others = threading.Event()

    def act(name: str) -> None:
        assert name != "r0" or others.wait(30), "nobody else was looked at"
        if name == "r3":
            others.set()

    stage.act = act
    looks = watch(many(4), POLL, interval=0.4)  # by the real clock: the time has to pass while a look hangs
    left = {"r1", "r2", "r3"}
    while left:
        left.discard(next(looks).target.name)
    looks.close()


def _after(clock: Clock, end: float) -> Any:
    def stop(seconds: float) -> bool:
        if seconds:
            clock.sleep(seconds)
        return clock.now >= end

    return stop


def test_a_caller_who_stops_looking_leaves_no_session_and_no_thread(stage: Stage) -> None:
    looks = watch(many(20), POLL, interval=100, keep_sessions=True, hooks=Hooks(policy=stage.clock.policy()))
    assert len(list(islice(looks, 30))) == 30
    looks.close()
    assert (stage.opened, stage.closed) == (20, 20)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("poll")]


@pytest.mark.parametrize(
    "files, number, most, hint", [(20_000, MOST_KEPT + 1, MOST_KEPT, "each look"), (1024, 861, 860, "ulimit -n 2000")]
)
def test_more_sessions_than_can_be_kept_are_refused_before_any_look(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, files: int, number: int, most: int, hint: str
) -> None:
    monkeypatch.setattr("resource.getrlimit", lambda which: (files, files))
    with pytest.raises(agent.InputError, match=f"{number} sessions .* at most {most} with 100 workers") as caught:
        seen(stage, number, keep_sessions=True)
    assert hint in (caught.value.hint or "")
    assert not stage.times


@pytest.mark.parametrize("keep", [False, True])
def test_a_bug_at_one_router_is_told_with_its_place_and_the_others_go_on(stage: Stage, keep: bool) -> None:
    bug = ZeroDivisionError(TOKEN)

    def act(name: str) -> None:
        if name == "r1":
            raise bug

    stage.act = act
    with logged() as records:
        looks = seen(stage, 3, interval=30, timeout=100, keep_sessions=keep)
    by_name = {name: [look for look in looks if look.target.name == name] for name in ("r0", "r1", "r2")}
    assert [look.sample.error for look in by_name["r0"] + by_name["r2"]] == [None] * 7
    assert [look.sample.kind for look in by_name["r1"]] == ["bug"] * 3  # it keeps its beat as well
    assert not any(look.last for look in looks)
    said = by_name["r1"][0].sample.error or ""
    assert said.startswith("a bug in xr-agent: ZeroDivisionError at test_poll_schedule.py:")
    told = [logging.Formatter().format(record) for record in records if record.levelno >= logging.CRITICAL]
    assert len(told) == 3
    assert all("in act" in one and TOKEN not in one for one in told)
    assert stage.opened == stage.closed


@pytest.mark.parametrize("broken", [("glance",), ("close",), ("glance", "close")], ids=" and ".join)
def test_a_bug_behind_the_connection_leaves_no_session_and_each_is_told_without_its_text(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, broken: tuple[str, ...]
) -> None:
    def buggy(*_: object) -> None:
        raise ZeroDivisionError(TOKEN)

    def close_in_vain(*_: object) -> None:
        stage.closed += 1
        buggy()

    if "glance" in broken:
        monkeypatch.setattr("agent.fleet.poll.glance", buggy)
    if "close" in broken:
        stage.close = close_in_vain  # type: ignore[method-assign]
    with logged() as records:
        look = next(watch(many(1), POLL, hooks=Hooks(policy=stage.clock.policy())))
    assert (look.sample.kind, look.last) == ("bug", False)
    assert (stage.opened, stage.closed) == (1, 1)
    told = [logging.Formatter().format(record) for record in records if record.levelno >= logging.ERROR]
    assert len(told) == len(broken)
    assert all("ZeroDivisionError" in one and "in buggy" in one and TOKEN not in one for one in told)


def test_bugs_at_several_looks_in_turn_end_the_watch(stage: Stage) -> None:
    def act(name: str) -> None:
        if name in ("r3", "r5", "r6", "r7"):
            raise ZeroDivisionError

    stage.act = act
    looks = watch(many(20), POLL, interval=20, hooks=Hooks(policy=stage.clock.policy()))
    taken = list(islice((look.target.name for look in looks), 8))
    with pytest.raises(Stopped, match="3 looks in turn ran into a bug in xr-agent"):
        next(looks)
    assert taken == [f"r{index}" for index in range(8)]
    assert stage.opened == stage.closed
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("poll")]


def test_ten_thousand_routers_are_neither_ten_thousand_sessions_nor_threads(stage: Stage) -> None:
    looks = watch(many(10_000), POLL, interval=300, workers=50, hooks=Hooks(policy=stage.clock.policy()))
    for _ in islice(looks, 10_000):
        assert stage.opened - stage.closed <= 50
        assert threading.active_count() <= 60
    looks.close()
    assert len(stage.times) == 10_000
    assert (stage.opened, stage.closed) == (10_000, 10_000)
