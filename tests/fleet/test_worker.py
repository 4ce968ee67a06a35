"""A call in a worker: it goes on only as long as its client keeps what it tells."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from agent.fleet.run import worker as module
from agent.fleet.run.job import ClientLost
from agent.fleet.run.parcel import Parcel
from agent.fleet.run.rate import Rate
from agent.fleet.run.worker import Bring, Link, answer, stop
from agent.model.errors import JournalError
from tests.fleet.calls import JOB
from tests.support import eventually

LINK = Link("topic", Parcel(JOB).key, Rate(), shared=True)


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
    made = Worker(lambda: answer("key", None, stopped=False))
    monkeypatch.setattr(module, "get_worker", lambda: made)
    return made


def test_a_call_begins_and_tells_when_its_client_answers(worker: Worker) -> None:
    call = module._Call(LINK)
    with call.under_way():
        call.unfinished("r1", None)
    assert worker.said == [("begin", ()), ("unfinished", ("r1", None))]
    assert not call.stop.is_set()
    assert not module._calls


def test_a_call_whose_client_does_not_answer_does_not_begin(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ANSWERED_WITHIN", 0.01)
    worker.client = lambda: None
    call = module._Call(LINK)
    with pytest.raises(ClientLost, match="nothing more is sent"), call.under_way():
        raise AssertionError("it began")
    assert call.stop.is_set()
    with pytest.raises(ClientLost):
        call.unfinished("r1", None)
    assert worker.said == [("begin", ())], "nobody is asked again"


def test_what_could_not_be_kept_is_raised_and_the_next_is_told_again(worker: Worker) -> None:
    call = module._Call(LINK)
    with call.under_way():
        worker.client = lambda: answer("key", JournalError("the disk is full"), stopped=True)
        with pytest.raises(JournalError, match="the disk is full"):
            call.unfinished("r1", None)
        assert call.stop.is_set()
        worker.client = lambda: answer("key", None, stopped=True)
        call.unfinished("r1", None)


def released(call: module._Call) -> None:
    Bring(Parcel(JOB), own=False).transition("key", "executing", "released", stimulus_id="remove-client")


def torn_down(call: module._Call) -> None:
    Bring(Parcel(JOB), own=False).teardown(SimpleNamespace())


@pytest.mark.parametrize("end", [released, torn_down])
def test_a_call_whose_client_is_gone_is_told_so_while_it_waits(
    worker: Worker, end: Callable[[module._Call], None]
) -> None:
    call, waits = module._Call(LINK), threading.Event()
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
    call = module._Call(LINK)
    with call.under_way():
        stop("another topic")
        Bring(Parcel(JOB), own=False).transition("another key", "executing", "released")
        Bring(Parcel(JOB), own=False).transition("key", "ready", "executing")
        assert not call.stop.is_set()
        stop("topic")
        assert call.stop.is_set()
        call.unfinished("r1", None)  # its step is finished or undone, which is kept
