"""Waits of the main thread see to signals in time; others are left alone."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from agent.model.local import clock
from agent.model.local.clock import Clock, waited
from agent.model.local.stop import Stop
from agent.netconf.retry import Policy


class Waits:
    """What is waited for, until it comes with the call of that number, by a time of its own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, comes_with: int = 0) -> None:
        self.asked: list[float] = []
        self._now, self._comes_with = 100.0, comes_with
        monkeypatch.setattr(clock, "time", SimpleNamespace(monotonic=lambda: self._now, sleep=self))

    def __call__(self, seconds: float) -> bool:
        self.asked.append(seconds)
        self._now += seconds
        return len(self.asked) == self._comes_with


def test_the_main_thread_waits_a_second_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    waits = Waits(monkeypatch)
    assert not waited(waits, 60.5)
    assert waits.asked == [1.0] * 60 + [0.5]


def test_it_waits_no_longer_than_until_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    waits = Waits(monkeypatch, comes_with=3)
    assert waited(waits, 60)
    assert len(waits.asked) == 3


@pytest.mark.parametrize("seconds", [0.0, -1.0])
def test_where_no_time_is_left_it_looks_once(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    waits = Waits(monkeypatch)
    assert not waited(waits, seconds)
    assert waits.asked == [0.0]


def test_another_thread_which_no_signal_comes_to_waits_as_long_as_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    waits = Waits(monkeypatch)
    with ThreadPoolExecutor(1) as pool:
        assert not pool.submit(waited, waits, 60.5).result()
    assert waits.asked == [60.5]


class Unset(threading.Event):
    """It never comes, and notes how it is waited for."""

    def __init__(self, waits: Waits) -> None:
        super().__init__()
        self._waits = waits

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        return self._waits(timeout)


@pytest.mark.parametrize("what", ["an answer", "a channel", "a cancellation", "the next try"])
def test_so_waits_whatever_a_command_waits_for(monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    waits = Waits(monkeypatch)
    if what == "an answer":
        assert not Clock().wait(Unset(waits), 20.0)
    elif what == "a channel":
        assert not Clock().heard(Unset(waits), 20.0, (1, 0))
    elif what == "the next try":
        Policy().wait(20.0)
    else:
        stop = Stop()
        monkeypatch.setattr(stop, "_came", waits)
        assert not stop(20.0)
        stop.close()
    assert waits.asked == [1.0] * 20


def test_a_cancellation_that_is_there_is_seen_at_once() -> None:
    stop = Stop()
    stop.set()
    assert stop(3600.0)
    stop.close()
