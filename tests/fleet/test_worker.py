"""A call in a worker: it goes on only as long as its client keeps what it tells."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from agent.fleet.inventory.target import Target
from agent.fleet.parking import Parking
from agent.fleet.results.record import Kind, Result
from agent.fleet.run import worker as module
from agent.fleet.run.job import Job
from agent.fleet.run.parcel import Parcel
from agent.fleet.run.rate import Limiter, Rate
from agent.fleet.run.router import ClientLost, Hooks
from agent.fleet.run.worker import Bring, Link, alone, answer, carry_out, stop
from agent.model.errors import Interrupted, JournalError
from agent.netconf.retry import Waits, completed
from agent.netconf.retry import at_once as at_once_steps
from tests.fleet.calls import JOB
from tests.support import Clock, eventually
from tests.threads import at_once

LINK = Link("topic", Parcel(JOB).key, Rate(), shared=True, key=b"key")


@dataclass
class Worker:
    """Dask's worker; ``client`` is told what is said, or nobody."""

    client: Callable[[], object] = lambda: None
    said: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list)
    address: str = "tcp://here:1"

    def get_current_task(self) -> str:
        return "key"

    def log_event(self, topic: str, told: dict[str, Any]) -> None:
        assert (topic, told["from"], told["call"]) == ("topic", self.address, "key")
        self.said.append(pickle.loads(told["said"]))  # noqa: S301 - our own bytes
        self.client()


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Worker:
    made = Worker(lambda: answer([("key", None, False)]))
    monkeypatch.setattr(module, "get_worker", lambda: made)
    return made


def called(worker: Worker) -> module._Call:
    return module._Call(LINK, "r1", worker, Parking(1))


def test_a_call_begins_and_tells_when_its_client_answers(worker: Worker) -> None:
    call = called(worker)
    with call.under_way():
        call.unfinished("r1", None)
    assert worker.said == [("begin", ()), ("unfinished", ("r1", None))]
    assert not call.stop.is_set()
    assert not module._calls


class Threads(Worker):
    """One whose calls run in threads of their own, each answered at once."""

    def get_current_task(self) -> str:
        return threading.current_thread().name

    def log_event(self, topic: str, told: dict[str, Any]) -> None:
        answer([(told["call"], None, False)])


def test_all_calls_of_a_process_have_one_limiter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "get_worker", Threads)
    monkeypatch.setattr(module, "secede", lambda: None)
    parcel = Parcel(JOB)
    parcel.bring()

    def limiter_of(link: Link) -> int:
        used: list[Limiter] = []

        def perform(_job: Job, target: Target, hooks: Hooks) -> Waits[Result]:
            used.append(hooks.limiter)
            return at_once_steps(lambda: Result(target.name, Kind.PLAN))

        carry_out(perform, link, Target("r1", "r1.example"))
        return id(used[0])

    for tenths in range(1, 101):
        link = Link("topic", parcel.key, Rate(tenths / 10), shared=False, key=b"key")

        def work(_: int, link: Link = link) -> int:
            return limiter_of(link)

        assert len(set(at_once(work, 16))) == 1
        assert len(module._parkings) == tenths, "and the same threads"
    Bring(parcel, own=False).teardown(Threads())
    assert not module._parkings


def test_a_call_whose_client_does_not_answer_does_not_begin(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ANSWERED_WITHIN", 0.01)
    worker.client = lambda: None
    call = called(worker)
    with pytest.raises(ClientLost, match="nothing more is sent"), call.under_way():
        raise AssertionError("it began")
    assert call.stop.is_set()
    with pytest.raises(ClientLost):
        call.unfinished("r1", None)
    assert worker.said == [("begin", ())], "nobody is asked again"


def test_what_could_not_be_kept_is_raised_and_the_next_is_told_again(worker: Worker) -> None:
    call = called(worker)
    with call.under_way():
        worker.client = lambda: answer([("key", JournalError("the disk is full"), True)])
        with pytest.raises(JournalError, match="the disk is full"):
            call.unfinished("r1", None)
        assert call.stop.is_set()
        worker.client = lambda: answer([("key", None, True)])
        call.unfinished("r1", None)


def released(call: module._Call) -> None:
    Bring(Parcel(JOB), own=False).transition("key", "executing", "released", stimulus_id="remove-client")


def torn_down(call: module._Call) -> None:
    Bring(Parcel(JOB), own=False).teardown(SimpleNamespace(address=Worker.address))


@pytest.mark.parametrize("end", [released, torn_down])
def test_a_call_whose_client_is_gone_is_told_so_while_it_waits(
    worker: Worker, end: Callable[[module._Call], None]
) -> None:
    call, waits = called(worker), threading.Event()
    ended: list[BaseException] = []

    def tell() -> None:
        try:
            call.unfinished("r1", None)
        except ClientLost as error:
            ended.append(error)

    with call.under_way():
        worker.client = waits.set
        other = threading.Thread(target=tell)
        other.start()
        assert eventually(waits.is_set)
        end(call)
        other.join()
        assert call.stop.is_set()
    assert len(ended) == 1


def test_only_the_calls_of_a_run_are_stopped(worker: Worker) -> None:
    call = called(worker)
    with call.under_way():
        stop("another topic")
        Bring(Parcel(JOB), own=False).transition("another key", "executing", "released")
        Bring(Parcel(JOB), own=False).transition("key", "ready", "executing")
        assert not call.stop.is_set()
        stop("topic")
        assert call.stop.is_set()
        call.unfinished("r1", None)  # its step is finished or undone, which is kept


class Leases:
    """The scheduler's leases; ``busy``: how often each is refused first."""

    def __init__(self, **busy: int) -> None:
        self.busy = busy
        self.log: list[str] = []

    def __call__(self, *, name: str) -> Any:
        address = name.removeprefix("xr-agent lease ")

        def acquire(timeout: float) -> bool:
            assert timeout == 0
            self.busy[address] = self.busy.get(address, 0) - 1
            self.log += [f"has {address}"] if self.busy[address] < 0 else []
            return self.busy[address] < 0

        return SimpleNamespace(
            acquire=acquire,
            release=lambda: self.log.append(f"gives {address}"),
            refresh_callback=SimpleNamespace(stop=lambda: self.log.append(f"forgets {address}")),
            loop=SimpleNamespace(add_callback=lambda act: act()),
        )


def test_a_router_is_held_by_all_its_addresses_and_given_back(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    leases = Leases(b=2)
    told: list[str] = []
    monkeypatch.setattr(module, "Semaphore", leases)
    held, waited = completed(alone(("b", "a"), clock.policy(), told.append), clock.policy())
    with held:
        assert waited
        assert leases.log == ["has a", "has b"]
    assert leases.log[2:] == ["gives b", "forgets b", "gives a", "forgets a"]
    assert told == ["waiting for another push over this scheduler, or for its lease to end"]
    assert clock.slept == [1.0, 1.0]
    held, waited = completed(alone(("a",), clock.policy(), told.append), clock.policy())
    with held:
        assert not waited


def test_a_wait_for_a_router_ends_with_a_cancellation_and_holds_nothing(
    monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    leases = Leases(b=1000)
    monkeypatch.setattr(module, "Semaphore", leases)
    policy = clock.policy(stop=lambda seconds: seconds > 0)
    with pytest.raises(Interrupted):
        completed(alone(("a", "b"), policy, lambda text: None), policy)
    assert leases.log == ["has a", "forgets b", "gives a", "forgets a"]


def test_without_its_scheduler_a_call_holds_no_router(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    leases = Leases()

    def lost(*, name: str) -> Any:
        made = leases(name=name)
        if name.endswith("b"):
            made.acquire = refuse
        return made

    def refuse(timeout: float) -> bool:
        raise OSError("the connection is closed")

    monkeypatch.setattr(module, "Semaphore", lost)
    with pytest.raises(ClientLost, match="the scheduler cannot be reached"):
        completed(alone(("a", "b"), clock.policy(), lambda text: None), clock.policy())
    assert leases.log == ["has a", "forgets b", "gives a", "forgets a"]
