"""Many routers at once: bounded, batch by batch, and none stops the others unless it shall."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from agent.fleet.inventory.target import Target
from agent.fleet.parking import Parked, Parking
from agent.fleet.results.planned import Approved, planned
from agent.fleet.results.record import Kind, Result, RunState
from agent.fleet.run import runner
from agent.fleet.run.job import Job
from agent.fleet.run.rollout import Batch, Rollout, Share
from agent.fleet.run.runner import Backend, Run, Watcher
from agent.model.errors import Interrupted
from agent.model.method import Method
from agent.model.outcome import Failure, Outcome, Wait, Waiting
from agent.model.outcome import Result as PushResult
from agent.netconf.retry import Policy, Waits
from tests.support import Clock, logged

NOW = datetime(2026, 11, 27, 22, 0, tzinfo=UTC)
PUSH = Job(Kind.PUSH)
TOKEN = "token=s3cr3t"


def targets(number: int) -> list[Target]:
    return [Target(f"r{index}", f"r{index}.example") for index in range(number)]


def done(name: str, result: PushResult = PushResult.REMEDIED) -> Result:
    return Result(name, Kind.PUSH, outcome=Outcome(name, result))


@dataclass
class Work:
    """A perform that counts how many are in flight, and fails where it is told to."""

    failing: frozenset[str] = frozenset()
    flying: int = 0
    most: int = 0
    order: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    gate: Callable[[str], None] = lambda name: None

    def __call__(self, job: Job, target: Target) -> Result:
        with self.lock:
            self.flying += 1
            self.most = max(self.most, self.flying)
            self.order.append(target.name)
        self.gate(target.name)
        with self.lock:
            self.flying -= 1
        return done(target.name, PushResult.FAILED if target.name in self.failing else PushResult.REMEDIED)


def pool(work: Callable[[Job, Target], Result], workers: int = 4) -> Backend:
    return Backend(workers, lambda _: ThreadPoolExecutor(workers), work)


def test_no_more_are_in_flight_than_there_are_workers_and_each_ends_once() -> None:
    work = Work()
    run = Run(targets(100), PUSH, pool(work, 4))
    results = list(run.results())
    assert sorted(result.device for result in results) == sorted(target.name for target in run.targets)
    assert work.most <= 4
    assert (run.state, run.failed) == (RunState.DONE, 0)


class Stuck(ThreadPoolExecutor):
    """Its workers do not end as they should."""

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        super().shutdown(wait, cancel_futures=cancel_futures)
        raise OSError("the scheduler is gone")


def test_what_the_backend_opened_is_closed_where_its_executor_does_not_end() -> None:
    closed: list[bool] = []
    backend = replace(pool(Work()), open=lambda _: Stuck(1), close=lambda: closed.append(True))
    with pytest.raises(OSError, match="gone"):
        list(Run(targets(2), PUSH, backend).results())
    assert closed == [True]


def test_what_the_inventory_says_besides_does_not_travel_to_workers() -> None:
    handed: list[Target] = []

    def work(job: Job, target: Target) -> Result:
        handed.append(target)
        if not died:
            died.append(target.name)
            raise WorkerGone
        return done(target.name)

    died: list[str] = []
    told = replace(
        targets(1)[0], platform="iosxr", groups=("core",), data={"note": "hunter2"}, trustpoint="T", port=8300
    )
    run = Run([told], PUSH, replace(pool(work, 1), died=(WorkerGone,)))
    assert [result.word for result in run.results()] == ["remedied"]
    assert handed == [Target("r0", "r0.example", trustpoint="T", port=8300)] * 2
    assert "hunter2" not in repr(told)


def test_no_more_are_handed_out_than_are_in_flight() -> None:
    handed: list[str] = []

    class Watch(Watcher):
        def begun(self, target: Target, batch: Batch) -> None:
            handed.append(target.name)

    run = Run(targets(1000), PUSH, pool(Work(), 4), watcher=Watch())
    results = run.results()
    next(results)
    assert len(handed) <= 5
    assert len(list(results)) == 999


def test_a_batch_is_finished_before_the_next_begins_and_a_pause_lies_between(clock: Clock) -> None:
    work = Work()
    rollout = Rollout(canary=Share(2), batch=Share(4), pause=600)
    run = Run(targets(10), PUSH, pool(work), rollout, policy=clock.policy())
    assert len(list(run.results())) == 10
    assert set(work.order[:2]) == {"r0", "r1"}
    assert set(work.order[2:6]) == {"r2", "r3", "r4", "r5"}
    assert clock.slept == [600, 600]


def test_a_failed_canary_stops_the_run() -> None:
    work = Work(failing=frozenset(("r1",)))
    run = Run(targets(10), PUSH, pool(work), Rollout(canary=Share(2)))
    assert [result.device for result in run.results()] in (["r0", "r1"], ["r1", "r0"])
    assert (run.state, run.why) == (RunState.STOPPED, "1 of 10 routers failed, in the canary")


@pytest.mark.parametrize("rollout", [Rollout(canary=Share(2)), Rollout(max_failures=Share(0))])
def test_failures_that_a_cancellation_brings_are_not_why_the_run_ends(clock: Clock, rollout: Rollout) -> None:
    cancelled = threading.Event()

    class Cancelled(Watcher):
        def ended(self, result: Result) -> None:
            cancelled.set()

    work = Work(failing=frozenset(("r0", "r1")))
    policy = clock.policy(stop=lambda _: cancelled.is_set())
    run = Run(targets(10), PUSH, pool(work, 1), rollout, Cancelled(), policy=policy)
    assert "failed" in {result.word for result in run.results()}
    assert (run.state, run.why) == (RunState.INTERRUPTED, "interrupted")


def test_behind_a_canary_that_was_skipped_go_the_next_of_its_kind_twice_as_many_each_time() -> None:
    def perform(_job: Job, target: Target) -> Result:
        return done(target.name, PushResult.SKIPPED if target.name in drifted else PushResult.REMEDIED)

    drifted = {f"r{number}" for number in range(1, 6)}
    kinds = {f"r{number}": "a" if number else "b" for number in range(20)}
    batches: list[Batch] = []

    class Told(Watcher):
        def batch(self, batch: Batch) -> None:
            batches.append(batch)

    backend = Backend(4, lambda _: ThreadPoolExecutor(4), perform)
    run = Run(targets(20), PUSH, backend, Rollout(canary=Share(2), kinds=kinds), Told())
    assert len(list(run.results())) == 20
    assert run.state is RunState.DONE
    assert [(one.name, one.start, one.size) for one in batches] == [
        *(("canary", 0, 2), ("canary", 2, 2), ("canary", 4, 4)),
        ("batch 1", 8, 12),
    ]


def test_failures_stop_nothing_until_there_are_too_many() -> None:
    failing = frozenset(f"r{number}" for number in range(10, 100))
    run = Run(targets(100), PUSH, pool(Work(failing=failing), 1), Rollout(max_failures=Share(5)))
    results = list(run.results())
    assert run.state is RunState.STOPPED
    assert len(results) == 16
    assert len(list(Run(targets(100), PUSH, pool(Work(failing=failing))).results())) == 100


def test_no_router_begins_after_the_maintenance_window() -> None:
    work = Work()
    rollout = Rollout(stop_at=NOW + timedelta(hours=2))
    run = Run(targets(100), PUSH, pool(work, 1), rollout, now=lambda: NOW + timedelta(hours=len(work.order) // 2))
    assert 4 <= len(list(run.results())) <= 5
    assert (run.state, run.why) == (RunState.STOPPED, "no router is begun after 2026-11-28 00:00 UTC")


def test_a_cancellation_lets_those_in_flight_finish_and_begins_no_other(clock: Clock) -> None:
    cancelled = threading.Event()
    work = Work(gate=lambda name: cancelled.set() if name == "r3" else None)
    run = Run(targets(100), PUSH, pool(work, 2), policy=clock.policy(stop=lambda seconds: cancelled.is_set()))
    results = list(run.results())
    assert run.state is RunState.INTERRUPTED
    assert 4 <= len(results) == len(work.order) <= 6


def test_a_bug_is_not_hidden() -> None:
    def buggy(job: Job, target: Target) -> Result:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(Run(targets(3), PUSH, pool(buggy)).results())


@pytest.mark.parametrize("times, result", [(1, PushResult.REMEDIED), (2, PushResult.UNKNOWN)])
def test_a_router_whose_worker_died_is_done_once_more_and_then_unknown(times: int, result: PushResult) -> None:
    made: list[str] = []
    deaths = ["r2"] * times

    def work(job: Job, target: Target) -> Result:
        if target.name in deaths:
            deaths.remove(target.name)
            raise WorkerGone
        made.append(target.name)
        return done(target.name)

    fragile = Backend(3, lambda _: ThreadPoolExecutor(3), work, died=(WorkerGone,))
    results = {one.device: one for one in Run(targets(6), PUSH, fragile).results()}
    assert len(results) == 6
    ends = {name: one.outcome.result for name, one in results.items() if one.outcome}
    assert ends == {**dict.fromkeys(results, PushResult.REMEDIED), "r2": result}
    assert made.count("r2") == 2 - times
    assert max(made.count(name) for name in made) == 1


def test_a_router_whose_worker_died_is_not_held_against_its_plan_for_what_that_worker_did() -> None:
    approved = Approved(planned(Result("r0", Kind.PLAN, error=Failure("connect", "away")), "Trustpool", Method.AUTO))
    begun: list[bool] = []

    def work(job: Job, target: Target) -> Result:
        assert target.approved is not None
        begun.append(target.approved.begun)
        if len(begun) == 1:
            raise WorkerGone
        return done(target.name)

    run = Run([replace(targets(1)[0], approved=approved)], PUSH, replace(pool(work, 1), died=(WorkerGone,)))
    assert [result.word for result in run.results()] == ["remedied"]
    assert begun == [False, True]


def test_what_was_handed_out_begins_no_more_once_a_run_is_stopped() -> None:
    held = []
    backend = replace(pool(Work(failing=frozenset(("r0",))), 1), hold=lambda: held.append(True))
    run = Run(targets(10), PUSH, backend, Rollout(max_failures=Share(0)))
    list(run.results())
    assert (run.state, held) == (RunState.STOPPED, [True])


@pytest.mark.parametrize("before", ["a worker died", "too many failed"])
def test_a_cancellation_reaches_the_workers_whatever_the_run_waits_for(before: str) -> None:
    told, cancelled = threading.Event(), threading.Event()
    calls = []

    def work(job: Job, target: Target) -> Result:
        calls.append(target.name)
        if len(calls) == 1 and before == "a worker died":
            raise WorkerGone
        if len(calls) == 1:
            return done(target.name, PushResult.FAILED)
        cancelled.set()
        assert_set(told)
        return done(target.name, PushResult.FAILED)

    number = 1 if before == "a worker died" else 2
    policy = Policy(stop=lambda seconds: cancelled.is_set())
    backend = Backend(2, lambda _: ThreadPoolExecutor(2), work, died=(WorkerGone,), interrupt=told.set)
    rollout = Rollout() if before == "a worker died" else Rollout(max_failures=Share(0))
    run = Run(targets(number), PUSH, backend, rollout, policy=policy)
    assert len(list(run.results())) == number
    assert told.is_set()


def test_a_bug_that_strikes_one_router_after_the_other_stops_the_run() -> None:
    work = Work()

    def buggy(job: Job, target: Target) -> Result:
        work(job, target)
        odd = target.name in ("r1", "r2") or int(target.name[1:]) >= 10
        return Result(target.name, Kind.PUSH, error=Failure("bug", "a bug")) if odd else done(target.name)

    run = Run(targets(1000), PUSH, pool(buggy, 1))
    results = list(run.results())
    assert run.state is RunState.STOPPED
    assert "a bug in xr-agent" in run.why
    assert 12 < len(results) <= 14


def test_a_watcher_that_fails_at_the_end_is_told_of_the_others_all_the_same() -> None:
    gate, told = threading.Event(), []

    class Watch(Watcher):
        def ended(self, result: Result) -> None:
            told.append(result.device)
            gate.set()
            raise OSError(f"no space left for {TOKEN}")

    work = Work(gate=lambda name: None if name == "r0" else assert_set(gate))
    with logged() as records, pytest.raises(OSError, match="no space left"):
        list(Run(targets(6), PUSH, pool(work, 6), watcher=Watch()).results())
    assert sorted(told) == [f"r{number}" for number in range(6)]
    said = [logging.Formatter().format(record) for record in records]
    assert len(said) == 5
    assert all("ended remedied, which could not be kept" in one and "in ended" in one for one in said)
    assert TOKEN not in "".join(said)


def test_a_bug_of_one_in_flight_is_told_at_the_end_without_its_text() -> None:
    gate = threading.Event()

    def buggy(job: Job, target: Target) -> Result:
        if target.name == "r0":
            return done(target.name)
        assert_set(gate)
        raise ZeroDivisionError(TOKEN)

    results = Run(targets(3), PUSH, pool(buggy, 3)).results()
    next(results)
    gate.set()
    with logged() as records:
        results.close()
    said = [logging.Formatter().format(record) for record in records]
    assert len(said) == 2
    assert all("it is in doubt" in one and "ZeroDivisionError" in one and "in buggy" in one for one in said)
    assert TOKEN not in "".join(said)


def test_what_is_in_flight_when_the_taker_goes_is_told_to_the_watcher() -> None:
    gate, ended = threading.Event(), []

    class Watch(Watcher):
        def ended(self, result: Result) -> None:
            ended.append(result.device)

    work = Work(gate=lambda name: None if name == "r0" else assert_set(gate))
    results = Run(targets(8), PUSH, pool(work, 8), watcher=Watch()).results()
    assert next(results).device == "r0"
    gate.set()
    results.close()
    assert sorted(ended) == [f"r{number}" for number in range(8)]


def assert_set(gate: threading.Event) -> None:
    assert gate.wait(30)


@pytest.mark.parametrize("doubtful, word", [((), "failed"), (("r0",), "unknown")])
def test_a_router_in_doubt_that_cannot_be_read_stays_in_doubt(doubtful: tuple[str, ...], word: str) -> None:
    away = Result("r0", Kind.PUSH, error=Failure("connect", "no answer"))
    (result,) = Run(targets(1), PUSH, pool(lambda job, target: away), doubtful=doubtful).results()
    assert result.word == word


def test_a_router_whose_worker_died_and_that_is_away_then_is_unknown() -> None:
    calls = []

    def work(job: Job, target: Target) -> Result:
        calls.append(target.name)
        if len(calls) == 1:
            raise WorkerGone
        return Result(target.name, Kind.PUSH, error=Failure("connect", "no answer"))

    (result,) = Run(targets(1), PUSH, replace(pool(work), died=(WorkerGone,))).results()
    assert result.word == "unknown"
    assert result.failure is not None
    assert result.failure.message == "no answer; it stays in doubt what was written before"


def test_workers_that_die_count_as_failures_at_once() -> None:
    def work(job: Job, target: Target) -> Result:
        raise WorkerGone

    dying = Backend(1, lambda _: ThreadPoolExecutor(1), work, died=(WorkerGone,))
    run = Run(targets(1000), PUSH, dying, Rollout(max_failures=Share(5)))
    words = [result.word for result in run.results()]
    assert run.state is RunState.STOPPED
    assert words == ["unknown"] * 6


def test_where_all_workers_are_lost_the_run_stops_and_nothing_is_done_twice() -> None:
    handed = []

    def work(job: Job, target: Target) -> Result:
        handed.append(target.name)
        raise WorkerGone

    gone = Backend(2, lambda _: ThreadPoolExecutor(2), work, lost=(WorkerGone,))
    run = Run(targets(100), PUSH, gone)
    assert {result.word for result in run.results()} == {"unknown"}
    assert run.state is RunState.STOPPED
    assert "the workers are lost" in run.why
    assert len(handed) == len(set(handed)) <= 4


class WorkerGone(Exception):
    pass


def test_an_error_of_one_router_counts_as_a_failure_but_no_verdict_does() -> None:
    away = Result("r0", Kind.ASSESS, error=Failure("connect", "no answer"))
    run = Run(targets(1), Job(Kind.ASSESS), pool(lambda job, target: away))
    list(run.results())
    assert run.failed == 1


@pytest.mark.parametrize("why, begun", [(Waiting.CONTACT, 5), (Waiting.LOCK, 5), (Waiting.TURN, 2)])
def test_one_that_waits_makes_room_for_another_and_for_none_that_would_wait_for_its_turn_as_well(
    monkeypatch: pytest.MonkeyPatch, why: Waiting, begun: int
) -> None:
    monkeypatch.setattr(runner, "_LOOK", 0.01)
    parked = Parked()
    handed: list[str] = []
    looks: list[int] = []

    def stop(_: float) -> bool:
        looks.append(len(handed))
        return looks.count(len(handed)) > 50  # nobody was begun since, however often it was looked

    def steps(job: Job, target: Target) -> Waits[Result]:
        handed.append(target.name)
        wait = Wait(10**6, why)
        parked(target.name, wait)
        try:
            yield wait
        except Interrupted:
            parked(target.name, None)
        return done(target.name)

    policy = Policy(stop=stop)
    parking = Parking(2, policy)
    backend = Backend(2, lambda _: parking, steps, in_flight=5, parked=parked, interrupt=parking.interrupt)
    run = Run(targets(20), PUSH, backend, policy=policy)
    assert len(list(run.results())) == begun == len(handed)
    assert (run.state, len(parked)) == (RunState.INTERRUPTED, 0)


def test_a_batch_ends_when_those_of_it_that_wait_have_ended(clock: Clock) -> None:
    order: list[str] = []

    def steps(job: Job, target: Target) -> Waits[Result]:
        order.append(f"{target.name} begins")
        yield Wait(100, Waiting.CONTACT)
        order.append(f"{target.name} ends")
        return done(target.name)

    backend = Backend(1, lambda _: Parking(1, clock.policy()), steps, in_flight=10)
    list(Run(targets(4), PUSH, backend, Rollout(batch=Share(2)), policy=clock.policy()).results())
    for first, last in (("r0", "r2"), ("r1", "r3")):
        assert order.index(f"{first} ends") < order.index(f"{last} begins")


def test_whoever_breaks_a_run_off_waits_for_no_contact() -> None:
    def steps(job: Job, target: Target) -> Waits[Result]:
        if target.name == "r0":
            raise ZeroDivisionError
        try:
            yield Wait(10**6, Waiting.CONTACT)
        except Interrupted:
            ended.append(target.name)
        return done(target.name)

    ended: list[str] = []
    parking = Parking(4)
    backend = Backend(4, lambda _: parking, steps, interrupt=parking.interrupt)
    with pytest.raises(ZeroDivisionError):
        list(Run(targets(4), PUSH, backend).results())
    assert sorted(ended) == ["r1", "r2", "r3"]
