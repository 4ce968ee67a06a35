"""Processes with threads: one that dies takes only its own calls with it."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.synchronize import Event as Flag
from pathlib import Path

import pytest

from agent.fleet.herd import CONTEXT, Herd, WorkerDied


def process_and_thread(folder: Path, together: int = 1) -> tuple[int, int]:
    """Where a call runs; it ends when *together* of them were under way at once and the file ``go`` is there."""
    place = os.getpid(), threading.get_ident()
    Path(folder, f"{place}").touch()
    while len(list(folder.glob("(*"))) < together or not Path(folder, "go").exists():
        time.sleep(0.01)
    return place


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def fail() -> None:
    raise LookupError("no such thing")


class Untravelled(Exception):
    """An exception that cannot be unpickled."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(one)
        self.two = two


def fail_oddly() -> None:
    raise Untravelled("odd", "thing")


@contextmanager
def wait_for(flag: Flag) -> Iterator[None]:
    assert flag.wait(30)
    yield


def test_calls_run_in_all_threads_of_all_processes(tmp_path: Path) -> None:
    with Herd(2, 2) as herd:
        calls = [herd.submit(process_and_thread, tmp_path, 4) for _ in range(4)]
        (tmp_path / "go").touch()
        places = {call.result(30) for call in calls}
    assert len(places) == 4
    assert len({process for process, _ in places}) == 2
    assert os.getpid() not in {process for process, _ in places}


def test_a_process_that_dies_fails_its_calls_only_and_is_replaced(tmp_path: Path) -> None:
    with Herd(2, 1) as herd:
        long = herd.submit(process_and_thread, tmp_path)
        with pytest.raises(WorkerDied):
            herd.submit(die).result(30)
        (tmp_path / "go").touch()
        first = long.result(30)[0]
        again = {herd.submit(process_and_thread, tmp_path).result(30)[0] for _ in range(4)}
    assert first in again or len(again) == 2


def test_an_error_comes_back_as_it_was_or_as_its_text() -> None:
    with Herd(1, 1) as herd:
        with pytest.raises(LookupError, match="no such thing"):
            herd.submit(fail).result(30)
        with pytest.raises(RuntimeError, match="Untravelled: odd"):
            herd.submit(fail_oddly).result(30)


def test_what_cannot_travel_is_refused_where_it_is_asked_for() -> None:
    with Herd(1, 1) as herd:
        with pytest.raises((TypeError, AttributeError)):
            herd.submit(lambda: None, threading.Lock())
        assert herd.submit(len, "abc").result(30) == 3


def test_every_process_is_prepared_and_shutting_down_waits_for_what_is_under_way() -> None:
    flag = CONTEXT.Event()
    herd = Herd(1, 1, wait_for, (flag,))
    call = herd.submit(len, "abc")
    with ThreadPoolExecutor(1) as other:
        ending = other.submit(herd.shutdown)
        flag.set()
        ending.result(30)
    assert call.result(0) == 3
    with pytest.raises(RuntimeError):
        herd.submit(len, "abc")
