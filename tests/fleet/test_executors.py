"""Threads, processes and a Dask cluster do the same."""

from __future__ import annotations

import gc
import multiprocessing
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

import agent
from agent.fleet.inventory.reference import Reference
from agent.fleet.inventory.target import Reach
from agent.fleet.results.record import Kind, Result, RunState
from agent.fleet.run import executors
from agent.fleet.run.executors import cluster, processes, threads
from agent.fleet.run.job import Job
from agent.fleet.run.router import Hooks
from agent.fleet.run.runner import Backend, Run
from agent.model.caution import Caution, CommitMode
from agent.model.outcome import Event
from agent.simulator import Device, Fault, FaultKind
from tests.fleet.clusters import local_cluster
from tests.fleet.routers import target
from tests.support import Clock, Lab, eventually

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


def run(backend: Backend, devices: list[Device], job: Job) -> dict[str, Result]:
    made = Run([target(device) for device in devices], job, backend)
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
        results = run(cluster(executors.reach(scheduler), 4), devices, Job(Kind.PUSH, reach, INTENT))
    assert words(results, devices) == WORDS
    assert [device.state.authenticates for device in devices] == [1, 1, 1, 0, 0]


def test_a_cluster_is_reached_over_tls_as_dasks_configuration_says(lab: Lab, reach: Reach) -> None:
    import dask
    from distributed import Security

    security = Security.temporary()  # type: ignore[no-untyped-call]
    tls = {"ca-file": security.tls_ca_file}
    tls |= {f"client.{part}": getattr(security, f"tls_client_{part}") for part in ("cert", "key")}
    device = lab.add(release="7.4.1", terminal_rpc="installs")
    with (
        local_cluster(n_workers=1, host="tls://127.0.0.1", security=security) as address,
        dask.config.set({f"distributed.comm.tls.{name}": value for name, value in tls.items()}),
    ):
        assert address.startswith("tls://")
        results = run(cluster(executors.reach(address), 1), [device], Job(Kind.PUSH, reach, INTENT))
    assert words(results, [device]) == ["remedied"]


def test_a_router_whose_worker_process_is_killed_is_read_first_and_done_once(lab: Lab, reach: Reach) -> None:
    devices = [lab.add(release="7.4.1", terminal_rpc="installs") for _ in range(3)]
    hit = devices[0]
    # The certificate is asked for after the action: there it is killed.
    hit.faults.append(Fault("get", FaultKind.HELD, skip=6))
    before = {child.pid for child in multiprocessing.active_children()}

    def kill() -> None:
        assert eventually(lambda: bool(hit.held))
        assert hit.state.authenticates == 1
        (worker,) = [child for child in multiprocessing.active_children() if child.pid not in before]
        worker.kill()
        hit.release()

    with ThreadPoolExecutor(1) as other:
        killing = other.submit(kill)
        results = run(processes(1, 3), devices, Job(Kind.PUSH, reach, INTENT))
        killing.result()
    assert set(words(results, devices)) <= {"remedied", "unchanged"}
    assert [device.state.authenticates for device in devices] == [1, 1, 1]
    assert [device.config.commits for device in devices] == [1, 1, 1]


@pytest.mark.parametrize("scheduler", ["tcp://127.0.0.1:1", "zzz", "tcp://127.0.0.1", "127.0.0.1:x"])
def test_a_scheduler_that_cannot_be_reached_is_said(scheduler: str) -> None:
    with pytest.raises(agent.InputError, match=f"the Dask scheduler {re.escape(scheduler)} cannot be reached"):
        executors.reach(scheduler)
    gc.collect()  # a client that was left half made would say so here


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
