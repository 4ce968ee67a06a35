"""Calls of many threads reach the one event loop, each once, in order, and none harms the next."""

from __future__ import annotations

import logging
import sys
import threading
from contextvars import ContextVar

import pytest

from agent.ssh.loop import EventLoop


def test_calls_of_many_threads_are_made_in_each_threads_order() -> None:
    loop, made = EventLoop(), list[tuple[int, int]]()

    def call(own: int) -> None:
        for number in range(300):
            loop.soon(made.append, (own, number))

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=call, args=(own,)) for own in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    through = threading.Event()
    loop.soon(through.set)
    assert through.wait(60)
    assert len(made) == 8 * 300
    assert all([n for one, n in made if one == own] == list(range(300)) for own in range(8))


def test_a_call_that_fails_is_logged_by_its_kind_and_the_next_one_is_made(caplog: pytest.LogCaptureFixture) -> None:
    loop, through = EventLoop(), threading.Event()

    def together() -> None:
        loop.soon(int, "s3cr3t")
        loop.soon(through.set)

    with caplog.at_level(logging.DEBUG, "agent.ssh.loop"):
        loop.soon(together)
        assert through.wait(60)
    assert caplog.messages == ["in the event loop: ValueError"]


def test_a_call_is_made_in_its_callers_context() -> None:
    loop, through = EventLoop(), threading.Event()
    device: ContextVar[str] = ContextVar("device", default="none")
    seen: list[str] = []

    def see() -> None:
        seen.append(device.get())
        through.set()

    device.set("r1")
    loop.soon(see)
    assert through.wait(60)
    assert seen == ["r1"]


@pytest.mark.parametrize("seconds, calls", [(0.0, 0), (3600.0, 1), (3600.0, 2), (0.0, 1)])
def test_a_call_to_come_is_made_once_by_its_time_or_as_soon_as_somebody_wants_it(seconds: float, calls: int) -> None:
    loop, through, made = EventLoop(), threading.Event(), list[str]()

    def come() -> None:
        made.append(threading.current_thread().name)
        through.set()

    now = loop.later(seconds, come)
    for _ in range(calls):
        now()
    assert through.wait(60)
    now()
    behind = threading.Event()
    loop.soon(behind.set)
    assert behind.wait(60)
    assert made == ["xr-agent-ssh"]
