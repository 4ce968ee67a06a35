"""The client's side of a Dask cluster: what its workers are brought, what they tell, and how they are stopped."""

from __future__ import annotations

import logging
import pickle
import socket
import ssl
import sys
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor, Future
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

import agent.fleet.run as room
from agent.fleet.inventory.target import Target
from agent.fleet.results.record import Result, RunState
from agent.fleet.run import cluster as module
from agent.fleet.run.executors import cluster, processes, reach
from agent.fleet.run.job import Job
from agent.fleet.run.rate import Rate
from agent.fleet.run.router import Hooks
from agent.fleet.run.runner import Backend, Run
from agent.model.errors import InputError, JournalError
from agent.model.outcome import Event, Wait, Waiting
from agent.model.plan import Plan
from agent.model.unfinished import Unfinished
from agent.netconf.retry import Policy
from tests.fleet import calls
from tests.fleet.calls import BUNDLE, EVENTS, JOB, SMALL
from tests.fleet.clusters import THREADS, local_cluster
from tests.support import eventually, logged

ALL = 2 * THREADS
TOKEN = "token=s3cr3t"


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    with local_cluster() as address:
        yield address


@pytest.fixture
def backend(scheduler: str) -> Iterator[Backend]:
    with closing(reach(scheduler)) as reached:
        made = cluster(reached, 100)
        yield made
        made.close()


def call(executor: Executor, what: Any, name: str, host: str = "a") -> Future[Any]:
    """Have a worker do something with a router; the hooks are the worker's."""
    return executor.submit(what, JOB, Target(name, host))


class Kept:
    """A journal in memory, whose disk may be full."""

    def __init__(self, *, full: bool = False) -> None:
        self.full = full
        self.told: dict[str, list[object]] = defaultdict(list)

    def event(self, event: Event) -> None:
        self.told[event.device].append(int(event.step))

    def state(self, device: str, which: str, seen: Mapping[str, Any]) -> None:
        self.told[device].append(which)

    def unfinished(self, device: str, change: Unfinished | None) -> None:
        if self.full:
            raise JournalError("the disk is full", hint="see to it")
        self.told[device].append(change)


def test_a_job_is_brought_by_a_plugin_and_not_with_a_call(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    import distributed

    submit, sizes = distributed.Client.submit, []

    def counted(client: Any, fn: Any, *args: Any, **kwargs: Any) -> Any:
        sizes.append(len(pickle.dumps((fn, args))))
        return submit(client, fn, *args, **kwargs)

    monkeypatch.setattr(distributed.Client, "submit", counted)
    assert len(BUNDLE.data) > 500_000
    targets = [Target(f"r{number}", "a", data={"note": "x" * 10_000}, groups=("g",) * 1000) for number in range(8)]
    results: list[Result] = list(Run(targets, JOB, replace(backend, perform=calls.planned)).results())
    assert len(results) == len(sizes) == 8
    assert all(isinstance(result.plan, Plan) and result.plan.intent.bundle is BUNDLE for result in results)
    assert max(sizes) < SMALL
    backend.close()  # again: nothing is left to close


def test_no_more_are_worked_on_than_the_cluster_has_threads_and_more_are_in_flight(backend: Backend) -> None:
    assert backend.workers == ALL
    assert (backend.in_flight or 0) > ALL


def test_what_a_worker_parks_lets_others_begin_and_is_said_here(scheduler: str) -> None:
    waits: dict[str, list[Wait | None]] = defaultdict(list)
    gate = threading.Event()

    def told(device: str, wait: Wait | None) -> None:
        waits[device].append(wait)
        if sum(any(made) for made in waits.values()) == 10:
            gate.set()

    with closing(reach(scheduler)) as reached:
        made = cluster(reached, 100, Hooks(on_wait=told), in_flight=10)
        run = Run(
            [Target(f"r{number}", "a") for number in range(12)],
            JOB,
            replace(made, perform=calls.wait_for_contact),
            policy=Policy(stop=gate.wait),
        )
        results = list(run.results())
    assert run.state is RunState.INTERRUPTED
    assert len(results) == 10, "no more were begun, and those were by four threads"
    assert {result.failure.kind for result in results if result.failure} == {"interrupted"}
    assert all(made == [Wait(600, Waiting.CONTACT, "", breakable=True), None] for made in waits.values())


def test_another_job_than_the_one_that_was_brought_is_refused(backend: Backend) -> None:
    with backend.open(JOB) as executor:
        submit: Any = executor.submit
        with pytest.raises(ValueError, match="another job"):
            submit(calls.planned, Job(JOB.kind), Target("r1", "a"))


def test_an_error_of_a_call_comes_back_and_what_cannot_travel_is_one(backend: Backend) -> None:
    with backend.open(JOB) as executor:
        with pytest.raises(LookupError, match="no such thing"):
            call(executor, calls.fail, "r1").result(60)
        with pytest.raises(TypeError, match="pickle"):
            call(executor, calls.give_what_cannot_travel, "r1").result(60)


def test_a_cancellation_reaches_all_calls_and_those_that_begin_after_it(backend: Backend, tmp_path: Path) -> None:
    executor = backend.open(JOB)
    waiting = [call(executor, calls.wait_to_be_stopped, f"r{one}", str(tmp_path)) for one in range(ALL)]
    assert eventually(lambda: len(list(tmp_path.iterdir())) == ALL)
    queued = call(executor, calls.is_stopped, "late")
    backend.hold()
    assert not any(call.done() for call in [*waiting, queued])
    backend.interrupt()
    assert all(call.result(60) for call in [*waiting, queued])
    assert call(executor, calls.is_stopped, "later").result(60)


def test_a_call_that_begins_when_a_run_is_stopped_is_cancelled(backend: Backend) -> None:
    with backend.open(JOB) as executor:
        assert not call(executor, calls.is_stopped, "before").result(60)
        backend.hold()
        assert call(executor, calls.is_stopped, "after").result(60)


def test_what_workers_tell_is_kept_here_in_its_order_and_shown(scheduler: str) -> None:
    log = Kept()
    shown: list[Event] = []
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with closing(reach(scheduler)) as reached:
            made = cluster(reached, 100, Hooks(log=log, on_event=shown.append))
            with made.open(JOB) as executor:
                told = [call(executor, calls.tell, f"r{number}") for number in range(8)]
                assert [call.result(60) for call in told] == ["told"] * 8
            made.close()
    finally:
        sys.setswitchinterval(interval)
    whole = ["before", *range(EVENTS), Unfinished("Trustpool", None, "enrollment terminal")]
    assert log.told == {f"r{number}": whole for number in range(8)}
    assert len(shown) == 8 * EVENTS


def test_what_cannot_be_kept_is_raised_where_it_was_told(scheduler: str) -> None:
    with closing(reach(scheduler)) as reached:
        made = cluster(reached, 1, Hooks(log=Kept(full=True)))
        with made.open(JOB) as executor, pytest.raises(JournalError, match="the disk is full") as caught:
            call(executor, calls.tell, "r1").result(60)
        made.close()
    assert caught.value.hint == "see to it"


def test_a_login_whose_call_ended_without_a_word_keeps_no_other_waiting(backend: Backend) -> None:
    with backend.open(JOB) as executor:
        assert [call(executor, calls.log_in_and_end, name).result(60) for name in ("r1", "r2")] == [True, True]


def test_refusals_are_counted_over_all_workers(backend: Backend) -> None:
    with backend.open(JOB) as executor:
        ends = [call(executor, calls.refused, f"r{number}") for number in range(12)]
        errors = Counter(type(one.exception(60)).__name__ for one in ends)
    assert errors == {"SSHAuthenticationError": 3, "LoginWithheld": 9}


def test_a_bug_of_whoever_is_told_is_one_of_the_call(scheduler: str) -> None:
    class Odd(Exception):
        """It cannot be pickled."""

    def refuse(event: Event) -> None:
        raise Odd(TOKEN)

    with closing(reach(scheduler)) as reached, logged() as records:
        made = cluster(reached, 1, Hooks(log=Kept(), on_event=refuse))
        with made.open(JOB) as executor, pytest.raises(RuntimeError, match="Odd where the client"):
            call(executor, calls.tell, "r1").result(60)
        made.close()
    (said,) = [logging.Formatter().format(record) for record in records if record.levelno >= logging.ERROR]
    assert "in refuse" in said
    assert said.endswith("Odd")
    assert TOKEN not in said


def test_what_the_client_cannot_read_is_one_of_the_call_at_once(scheduler: str) -> None:
    with closing(reach(scheduler)) as reached, logged() as records:
        made = cluster(reached, 1, Hooks(log=Kept()))
        with made.open(JOB) as executor, pytest.raises(RuntimeError, match="ZeroDivisionError where the client"):
            call(executor, calls.tell_what_cannot_be_read, "r1").result(60)
        made.close()
    assert [record.levelno for record in records if record.levelno >= logging.ERROR] == [logging.ERROR]


def test_a_scheduler_that_is_gone_when_the_run_begins_is_said() -> None:
    with local_cluster() as scheduler:
        reached = reach(scheduler)
    with closing(reached):
        made = cluster(reached, 4)
        with pytest.raises(InputError, match="cannot be reached"):
            made.open(JOB)
        made.close()


def listening() -> set[tuple[int, str, int]]:
    """The ports at which this process and its children listen: process, address, port."""
    here = psutil.Process()
    return {
        (one.pid, at.laddr.ip, at.laddr.port)
        for one in (here, *here.children(recursive=True))
        for at in one.net_connections()
        if at.status == psutil.CONN_LISTEN
    }


def let_in(port: int) -> bytes:
    """What is said to one who has not the key of the run.

    Raises:
        ssl.SSLError, ConnectionError: he is not let in.
    """
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", port)) as plain, context.wrap_socket(plain) as wrapped:
        return wrapped.recv(1)


def test_processes_of_ones_own_are_reached_by_their_client_alone_and_end_with_it() -> None:
    before = listening()
    with closing(module.Cluster.started(2, 1)) as own:
        assert (own.workers, own.threads) == (2, 2)
        made = module.backend(lambda: own, 2, Hooks(), Rate())
        with made.open(JOB) as executor:
            assert call(executor, calls.planned, "r1").result(60).device == "r1"
            opened = listening() - before
            assert {address for _, address, _ in opened} == {"127.0.0.1"}
            assert len(opened) == 5, "a scheduler, two workers and what starts each; no pages"
            for _, _, port in opened:
                with pytest.raises((ssl.SSLError, ConnectionError)):
                    let_in(port)
        made.close()
    assert listening() <= before
    assert not any(psutil.pid_exists(pid) for pid, _, _ in opened - before if pid != psutil.Process().pid)


def test_processes_that_cannot_be_started_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**options: object) -> None:
        raise RuntimeError("Nanny failed to start.")

    monkeypatch.setattr("distributed.LocalCluster", refuse)
    with pytest.raises(InputError, match=r"2 processes cannot be started: Nanny failed to start"):
        processes(2, 2).open(JOB)


def test_without_dask_more_than_one_process_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(room, "cluster")
    monkeypatch.setitem(sys.modules, "agent.fleet.run.cluster", None)
    for refused in (lambda: processes(2, 2), lambda: reach("tcp://127.0.0.1:1")):
        with pytest.raises(InputError, match="needs the extra dask") as caught:
            refused()
        assert "pip install 'xr-trust-agent[dask]'" in (caught.value.hint or "")
