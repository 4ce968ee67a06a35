"""A job is brought to each worker once; neither a call nor its answer has its bundle, its PEM or its notice again."""

from __future__ import annotations

import hashlib
import os
import pickle
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import agent
from agent.fleet.inventory.target import Target
from agent.fleet.results.record import Kind, Result
from agent.fleet.run import parcel as parcels
from agent.fleet.run import processes as herds
from agent.fleet.run.executors import cluster, processes
from agent.fleet.run.job import Job
from agent.fleet.run.parcel import Delivered, Parcel, carry_out
from agent.fleet.run.processes import WorkerDied
from agent.fleet.run.runner import Crew, Run
from agent.model.pki.bundle import Bundle
from agent.model.plan import Authenticate, ImportBundle, Plan
from agent.model.state import ConfigModel
from agent.simulator import QUOVADIS
from tests.fleet.test_crews import local_cluster

ANCHOR = agent.TrustAnchor.bundled()
BUNDLE = Bundle.from_bytes((ANCHOR.pem + QUOVADIS * 250).encode())
JOB = Job(Kind.PLAN, intent=agent.Intent(bundle=BUNDLE))
SMALL = 4096
"""Bytes that a call or an answer may have; the bundle has half a million."""


def planned(job: Job, target: Target) -> Result:
    """What a plan holds of a job, without a router."""
    intent = target.intent(job.intent)
    steps = (ImportBundle(intent.anchor, intent.bundle), Authenticate(intent.trustpoint, intent.anchor))
    plan = Plan(target.name, intent, agent.Method.TRUSTPOOL, ConfigModel.NONE, steps)
    return Result(target.name, job.kind, plan=plan)


def die_once(job: Job, target: Target) -> Result:
    """As :func:`planned`, but the process dies where the router's host, a file, is not there yet."""
    if not Path(target.host).exists():
        Path(target.host).touch()
        os._exit(9)
    return planned(job, target)


@pytest.fixture
def brought() -> Iterator[Parcel]:
    made = Parcel(JOB)
    made.bring()
    yield made
    made.take_away()


class Travelling(Executor):
    """Threads to which calls go as to another process; ``sizes`` are those of the calls and of their answers."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(4)
        self.sizes: list[int] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        call = pickle.dumps((fn, args, kwargs))

        def carried() -> Any:
            made, given, named = pickle.loads(call)  # noqa: S301 - our own bytes
            answer = pickle.dumps(made(*given, **named))
            self.sizes += [len(call), len(answer)]
            return pickle.loads(answer)  # noqa: S301 - our own bytes

        return self._threads.submit(carried)


def test_calls_and_answers_are_small_however_large_the_bundle_is(brought: Parcel) -> None:
    assert len(BUNDLE.data) > 500_000
    executor = Travelling()
    crew = Crew(4, lambda job: Delivered(executor, brought), planned)
    targets = [Target(f"r{number}", "a", data={"note": "x" * 10_000}, groups=("g",) * 1000) for number in range(20)]
    results = list(Run(targets, JOB, crew).results())
    assert len(executor.sizes) == 40
    assert max(executor.sizes) < SMALL
    for result in results:
        plan = result.plan
        assert isinstance(plan, Plan)
        assert plan.intent == JOB.intent
        assert plan.intent.bundle is BUNDLE
        assert plan.steps[:1] == (ImportBundle(ANCHOR, BUNDLE),)


def test_what_a_worker_has_is_what_was_sent(brought: Parcel) -> None:
    there: Parcel = pickle.loads(pickle.dumps(brought))  # noqa: S301 - our own bytes
    assert (there.key, there.job) == (brought.key, brought.job)
    assert there.job.intent.bundle is not None
    assert hashlib.sha256(there.job.intent.bundle.data).digest() == hashlib.sha256(BUNDLE.data).digest()
    answer = there.pack(planned(there.job, Target("r1", "a")))
    assert len(answer) < SMALL
    assert brought.unpack(answer) == planned(JOB, Target("r1", "a"))


def test_two_jobs_are_not_taken_for_each_other() -> None:
    other = Job(Kind.PLAN, intent=agent.Intent(bundle=BUNDLE, clean=True))
    assert Parcel(other).key != Parcel(JOB).key


def test_another_job_than_the_one_that_was_brought_is_refused(brought: Parcel) -> None:
    with Delivered(ThreadPoolExecutor(1), brought) as executor, pytest.raises(ValueError, match="another job"):
        executor.submit(planned, Job(Kind.PLAN), Target("r1", "a"))


def test_an_error_of_a_call_or_of_the_executor_comes_through(brought: Parcel) -> None:
    def fail(job: Job, target: Target) -> Result:
        raise WorkerDied(target.name)

    with Delivered(ThreadPoolExecutor(1), brought) as executor:
        with pytest.raises(WorkerDied, match="r1"):
            executor.submit(fail, JOB, Target("r1", "a")).result(30)
        shut = executor
    with pytest.raises(RuntimeError):
        shut.submit(planned, JOB, Target("r1", "a"))


def test_what_was_taken_away_is_not_there(brought: Parcel) -> None:
    assert brought.unpack(carry_out(planned, brought.key, Target("r1", "a"))).device == "r1"
    brought.take_away()
    assert brought.key not in parcels._here


def test_processes_get_it_once_each_and_so_does_one_that_takes_a_dead_ones_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []

    class Counting:
        loads = staticmethod(pickle.loads)

        @staticmethod
        def dumps(value: object) -> bytes:
            made = pickle.dumps(value)
            sizes.append(len(made))
            return made

    monkeypatch.setattr(herds, "pickle", Counting)
    targets = [Target("r0", str(tmp_path / "died")), *(Target(f"r{number}", str(tmp_path)) for number in range(1, 8))]
    crew = processes(2, 2)
    results = list(Run(targets, JOB, Crew(2, crew.open, die_once, broken=crew.broken)).results())
    assert {result.word for result in results} == {"planned"}
    assert len(results) == 8
    assert len(sizes) >= 9  # each router's call, and one more of the one that died
    assert max(sizes) < SMALL
    assert issubclass(BrokenExecutor, crew.broken)


def test_dask_brings_it_by_a_plugin_and_not_with_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    import distributed

    submit, sizes = distributed.Client.submit, []

    def counted(client: Any, fn: Any, *args: Any, **kwargs: Any) -> Any:
        sizes.append(len(pickle.dumps((fn, args))))
        return submit(client, fn, *args, **kwargs)

    monkeypatch.setattr(distributed.Client, "submit", counted)
    with local_cluster() as scheduler:
        crew = cluster(scheduler, 4)
        targets = [Target(f"r{number}", "a") for number in range(8)]
        results = list(Run(targets, JOB, Crew(4, crew.open, planned, broken=crew.broken, close=crew.close)).results())
        crew.close()  # again: nothing is left to close
    assert len(results) == len(sizes) == 8
    assert all(isinstance(result.plan, Plan) and result.plan.intent.bundle is BUNDLE for result in results)
    assert max(sizes) < SMALL


def test_a_scheduler_that_is_gone_when_the_run_begins_is_said() -> None:
    with local_cluster() as scheduler:
        crew = cluster(scheduler, 4)
    with pytest.raises(agent.InputError, match="cannot be reached"):
        crew.open(JOB)
    crew.close()
