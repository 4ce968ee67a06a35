"""Threads, processes and a Dask cluster do the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

import agent
from agent.fleet.crews import cluster, processes, threads
from agent.fleet.job import Hooks, Job
from agent.fleet.record import Kind, Result, RunState
from agent.fleet.reference import Reference
from agent.fleet.runner import Crew, Run
from agent.fleet.target import Reach
from agent.model.caution import Caution, CommitMode
from agent.model.outcome import Event
from agent.simulator import Device
from tests.fleet.routers import target
from tests.support import Clock, Lab

INTENT = agent.Intent(renew=False, caution=Caution(commit=CommitMode.PLAIN))


def fleet(lab: Lab) -> list[Device]:
    """Routers that end in different ways."""
    pem = agent.TrustAnchor.bundled().pem
    return [
        lab.add(release="7.4.1", terminal_rpc="installs"),
        lab.add(release="7.3.2", terminal_rpc="installs"),
        lab.add(release="7.4.1", terminal_rpc="refused"),
        lab.add(release="7.4.1", terminal_rpc="installs", enrollment="terminal", certificate=pem),
        lab.add(release="7.4.1", terminal_rpc="refused", ssh=False),
    ]


WORDS = ["remedied", "remedied", "remedied", "unchanged", "failed"]


@contextmanager
def local_cluster() -> Iterator[str]:
    """A Dask cluster of two worker processes; gives its scheduler's address."""
    import distributed

    with distributed.LocalCluster(  # type: ignore[no-untyped-call]
        n_workers=2, threads_per_worker=2, dashboard_address=None, host="127.0.0.1"
    ) as made:
        yield made.scheduler_address


def run(crew: Crew, devices: list[Device], job: Job) -> dict[str, Result]:
    made = Run([target(device) for device in devices], job, crew)
    results = {result.device: result for result in made.results()}
    assert made.state is RunState.DONE
    return results


def words(results: dict[str, Result], devices: list[Device]) -> list[str]:
    return [results[device.name].word for device in devices]


def test_threads_do_the_job_and_say_what_they_do(lab: Lab, reach: Reach, clock: Clock) -> None:
    devices = fleet(lab)
    events: list[Event] = []
    hooks = Hooks(policy=clock.policy(), on_event=events.append)
    results = run(threads(3, hooks), devices, Job(Kind.PUSH, reach, INTENT))
    assert words(results, devices) == WORDS
    assert [device.state.authenticates for device in devices] == [1, 1, 1, 0, 0]
    assert {event.device for event in events} == {device.name for device in devices}


def test_processes_end_as_threads_do(lab: Lab, reach: Reach) -> None:
    devices = fleet(lab)
    results = run(processes(2, 4), devices, Job(Kind.PUSH, reach, INTENT))
    assert words(results, devices) == WORDS
    assert [device.state.authenticates for device in devices] == [1, 1, 1, 0, 0]


def test_a_dask_cluster_ends_as_threads_do(lab: Lab, reach: Reach) -> None:
    devices = fleet(lab)
    with local_cluster() as scheduler:
        results = run(cluster(scheduler, 4), devices, Job(Kind.PUSH, reach, INTENT))
    assert words(results, devices) == WORDS
    assert [device.state.authenticates for device in devices] == [1, 1, 1, 0, 0]


def test_a_scheduler_that_cannot_be_reached_is_said() -> None:
    with pytest.raises(agent.InputError, match=r"the Dask scheduler tcp://127\.0\.0\.1:1 cannot be reached"):
        cluster("tcp://127.0.0.1:1", 4)


def test_assess_and_plan_change_nothing(lab: Lab, reach: Reach, clock: Clock) -> None:
    devices = fleet(lab)
    hooks = Hooks(policy=clock.policy())
    verdicts = run(threads(3, hooks), devices, Job(Kind.ASSESS, reach, INTENT))
    assert words(verdicts, devices) == ["affected", "affected", "affected", "remedied", "affected"]
    plans = run(threads(3, hooks), devices, Job(Kind.PLAN, reach, INTENT))
    assert words(plans, devices) == ["planned", "planned", "planned", "nothing-to-do", "planned"]
    assert not any(device.counters["edit-config"] for device in devices)


def test_a_router_whose_secret_is_missing_fails_alone(lab: Lab, reach: Reach, clock: Clock) -> None:
    good, bad = lab.add(terminal_rpc="installs"), lab.add(terminal_rpc="installs")
    entries = [target(good), replace(target(bad), password=Reference.parse("env:XR_NO_SUCH_VARIABLE"))]
    made = Run(entries, Job(Kind.PUSH, reach, INTENT), threads(2, Hooks(policy=clock.policy())))
    results = {result.device: result for result in made.results()}
    assert results[good.name].word == "remedied"
    failure = results[bad.name].error
    assert failure is not None
    assert "XR_NO_SUCH_VARIABLE is not set" in failure.message
    assert not bad.log
