"""Processes with threads: one that dies takes only its own calls with it."""

from __future__ import annotations

import gc
import multiprocessing
import os
import resource
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

import agent
from agent.fleet.run import processes as herds
from agent.fleet.run.processes import Herd, WorkerDied
from tests.support import eventually

_stop = threading.Event()
"""In a process that :func:`remember` prepared: its event."""


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


class Unreadable:
    """What can be pickled, but not unpickled."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return refuse, ("worn out",)


def refuse(text: str) -> None:
    raise LookupError(text)


def channel() -> Connection:
    """In a process of a herd: what joins it to the herd."""
    (found,) = [one for one in gc.get_objects() if isinstance(one, Connection) and not one.closed]
    return found


def die_in_the_middle_of_an_answer() -> None:
    os.write(channel().fileno(), struct.pack("!i", 1000) + b"half")
    die()


def hang_up(folder: Path) -> None:
    """Break the channel, but live on until the file ``go`` is there."""
    with socket.socket(fileno=os.dup(channel().fileno())) as ours:
        ours.shutdown(socket.SHUT_RDWR)
    process_and_thread(folder)


def wait_to_be_stopped(folder: Path) -> bool:
    Path(folder, f"{os.getpid()} waits").touch()
    return _stop.wait(60)


@contextmanager
def remember(stop: threading.Event) -> Iterator[None]:
    global _stop  # noqa: PLW0603 - a process has one
    _stop = stop
    yield


@contextmanager
def wait_for(stop: threading.Event, file: Path) -> Iterator[None]:
    while not file.exists():
        time.sleep(0.01)
    yield


@contextmanager
def only_so_often(stop: threading.Event, folder: Path, times: int) -> Iterator[None]:
    Path(folder, f"{os.getpid()} begins").touch()
    if len(list(folder.glob("* begins"))) > times:
        raise LookupError("no room for the journal")
    yield


@contextmanager
def dying(stop: threading.Event) -> Iterator[None]:
    die()
    yield


@contextmanager
def few_files(more: int) -> Iterator[None]:
    """This process can open *more* files, and no others."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.dup(0)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest + more, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def begun(folder: Path, what: str) -> list[int]:
    return [int(path.name.split()[0]) for path in folder.glob(f"* {what}")]


def alone(call: str) -> subprocess.Popen[str]:
    """A process of its own that makes a call of this module."""
    return subprocess.Popen(
        [sys.executable, "-c", f"from tests.fleet import test_herd; test_herd.{call}"],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
    )


def hit_at_once() -> None:
    """Signals of a terminal come as soon as the first process of a herd is there."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    with Herd(2, 1) as herd:
        for child in multiprocessing.active_children():
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                os.kill(child.pid or 0, number)
        answers = [herd.submit(len, "abc") for _ in range(2)]
        assert [answer.result(30) for answer in answers] == [3, 3]
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == before
    sys.stdout.write("unhurt")


def own_a_herd(folder: str) -> None:
    herd = Herd(1, 1, remember)
    herd.submit(leave_word, Path(folder)).result()


def leave_word(folder: Path) -> None:
    if wait_to_be_stopped(folder):
        (folder / "stopped").touch()


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


def test_every_process_is_prepared_and_shutting_down_waits_for_what_is_under_way(tmp_path: Path) -> None:
    herd = Herd(1, 1, wait_for, (tmp_path / "go",))
    call = herd.submit(len, "abc")
    with ThreadPoolExecutor(1) as other:
        ending = other.submit(herd.shutdown)
        (tmp_path / "go").touch()
        ending.result(30)
    assert call.result(0) == 3
    with pytest.raises(RuntimeError):
        herd.submit(len, "abc")


def test_an_interrupt_reaches_all_processes_after_one_was_killed_while_it_waited(tmp_path: Path) -> None:
    with Herd(2, 2, remember) as herd:
        calls = [herd.submit(wait_to_be_stopped, tmp_path) for _ in range(4)]
        assert any(eventually(lambda: len(begun(tmp_path, "waits")) == 2) for _ in range(15))
        os.kill(begun(tmp_path, "waits")[0], signal.SIGKILL)
        assert any(eventually(lambda: any(call.done() for call in calls)) for _ in range(15))
        herd.interrupt()
        again = [herd.submit(wait_to_be_stopped, tmp_path) for _ in range(2)]
        assert all(call.result(30) for call in again)
        ends = [call.exception(30) for call in calls]
    assert sorted(type(end).__name__ for end in ends) == ["NoneType", "NoneType", "WorkerDied", "WorkerDied"]


def test_a_process_that_begins_after_an_interrupt_is_stopped_at_once(tmp_path: Path) -> None:
    with Herd(1, 1, remember) as herd:
        herd.interrupt()
        with pytest.raises(WorkerDied):
            herd.submit(die).result(30)
        assert herd.submit(wait_to_be_stopped, tmp_path).result(30)


def test_an_interrupt_is_heard_while_the_herd_shuts_down(tmp_path: Path) -> None:
    herd = Herd(1, 1, remember)
    call = herd.submit(wait_to_be_stopped, tmp_path)
    herd.shutdown(wait=False)
    herd.interrupt()
    assert call.result(30)
    herd.shutdown()


def test_processes_stop_when_the_one_that_owns_them_is_killed(tmp_path: Path) -> None:
    with alone(f"own_a_herd({str(tmp_path)!r})") as owner:
        assert any(eventually(lambda: len(begun(tmp_path, "waits")) == 1) for _ in range(15))
        owner.kill()
    assert any(eventually((tmp_path / "stopped").exists) for _ in range(15))


def test_signals_of_the_terminal_leave_a_process_alone_from_its_first_moment() -> None:
    with alone("hit_at_once()") as there:
        assert there.communicate(timeout=60)[0] == "unhurt"


@pytest.mark.parametrize("make", [partial(agent.Secret, "x"), threading.Lock], ids=["secret", "lock"])
def test_an_answer_that_cannot_be_pickled_is_an_error(make: Callable[[], object]) -> None:
    with Herd(1, 1) as herd:
        with pytest.raises(TypeError, match="pickle"):
            herd.submit(make).result(30)
        assert herd.submit(len, "abc").result(30) == 3


def test_what_cannot_be_unpickled_fails_its_own_call_only(tmp_path: Path) -> None:
    with Herd(1, 2) as herd:
        long = herd.submit(process_and_thread, tmp_path)
        with pytest.raises(RuntimeError, match=r"an answer cannot be unpickled: LookupError.*worn out"):
            herd.submit(Unreadable).result(30)
        with pytest.raises(LookupError, match="worn out"):
            herd.submit(print, Unreadable()).result(30)
        (tmp_path / "go").touch()
        assert long.result(30)


def test_a_process_that_is_killed_in_the_middle_of_an_answer_is_replaced() -> None:
    with Herd(1, 1) as herd:
        with pytest.raises(WorkerDied):
            herd.submit(die_in_the_middle_of_an_answer).result(30)
        assert herd.submit(len, "abc").result(30) == 3


def test_calls_can_be_made_while_a_process_that_hung_up_ends(tmp_path: Path) -> None:
    with Herd(1, 1) as herd:
        first = herd.submit(hang_up, tmp_path)
        assert any(eventually(lambda: any(tmp_path.glob("(*"))) for _ in range(15))
        others = []
        for _ in range(20):
            others.append(herd.submit(len, "abc"))
            time.sleep(0.01)
        (tmp_path / "go").touch()
        for call in [first, *others]:
            with pytest.raises(WorkerDied):
                call.result(30)
        assert herd.submit(len, "abc").result(30) == 3


def test_a_process_that_hung_up_and_does_not_end_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(herds, "_PATIENCE", 0.1)
    with Herd(1, 1) as herd:
        with pytest.raises(WorkerDied, match="ended with -9"):
            herd.submit(hang_up, tmp_path).result(30)
        assert herd.submit(len, "abc").result(30) == 3


def test_processes_that_cannot_be_prepared_break_the_herd_and_are_not_replaced(tmp_path: Path) -> None:
    with Herd(2, 1, only_so_often, (tmp_path, 0)) as herd:
        for call in [herd.submit(len, "abc") for _ in range(4)]:
            with pytest.raises(BrokenExecutor, match=r"(?s)Traceback.*no room for the journal"):
                call.result(30)
        with pytest.raises(BrokenExecutor, match="no room for the journal"):
            herd.submit(len, "abc")
    assert len(begun(tmp_path, "begins")) == 2


def test_a_process_that_dies_before_it_is_ready_breaks_the_herd() -> None:
    with Herd(1, 1, dying) as herd, pytest.raises(BrokenExecutor, match="ended with -9 before it was ready"):
        herd.submit(len, "abc").result(30)


def test_what_is_under_way_goes_on_when_another_process_cannot_be_prepared(tmp_path: Path) -> None:
    with Herd(2, 1, only_so_often, (tmp_path, 2)) as herd:
        long = herd.submit(process_and_thread, tmp_path)
        with pytest.raises(WorkerDied):
            herd.submit(die).result(30)
        with pytest.raises(BrokenExecutor, match="no room for the journal"):
            herd.submit(len, "abc").result(30)
        with pytest.raises(BrokenExecutor):
            herd.submit(len, "abc")
        (tmp_path / "go").touch()
        assert long.result(30)


def test_a_herd_of_which_not_all_processes_can_begin_leaves_none_behind() -> None:
    Herd(1, 1).shutdown()
    gc.collect()  # what earlier tests left goes now, and not in between
    processes, files = multiprocessing.active_children(), os.listdir("/dev/fd")  # noqa: PTH208 - numbers
    with few_files(20), pytest.raises(OSError, match="Too many open files"):
        Herd(50, 1)
    gc.collect()
    assert multiprocessing.active_children() == processes
    assert set(os.listdir("/dev/fd")) <= set(files)  # noqa: PTH208 - numbers


def test_a_herd_goes_on_with_fewer_processes_and_is_broken_when_none_is_left() -> None:
    with Herd(2, 1) as herd:
        assert [herd.submit(len, "abc").result(30) for _ in range(2)] == [3, 3]
        with few_files(0), pytest.raises(WorkerDied):
            herd.submit(die).result(30)
        assert herd.submit(len, "abc").result(30) == 3
        with few_files(0), pytest.raises(WorkerDied):
            herd.submit(die).result(30)
        with pytest.raises(BrokenExecutor, match=r"none can be started: .*Too many open files"):
            herd.submit(len, "abc")
