"""Processes with several threads each, as one executor; one that dies takes only its own calls with it.

``ProcessPoolExecutor`` runs one call at a time in a process, and all calls of all processes fail when one dies.
"""

from __future__ import annotations

import itertools
import multiprocessing
import pickle
import signal
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.reduction import ForkingPickler
from typing import Any

CONTEXT = multiprocessing.get_context("spawn")
_END = None

Prepare = Callable[..., AbstractContextManager[None]]


class WorkerDied(BrokenExecutor):
    """The process that made a call ended in the middle of it."""


@dataclass(eq=False)
class _Worker:
    process: Any
    channel: Connection
    calls: dict[int, Future[Any]] = field(default_factory=dict)


class Herd(Executor):
    """*processes* with *threads* each, which live inside the context that *prepare* makes of *arguments*."""

    def __init__(
        self, processes: int, threads: int, prepare: Prepare | None = None, arguments: tuple[Any, ...] = ()
    ) -> None:
        self._begin = (threads, prepare, arguments)
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._closing = False
        self._wake, self._woken = CONTEXT.Pipe()
        self._workers = [self._worker() for _ in range(processes)]
        self._reader = threading.Thread(target=self._read, name="herd", daemon=True)
        self._reader.start()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Make a call in the process that has the fewest; a dead one has been replaced.

        Raises:
            PicklingError, TypeError, AttributeError: the call cannot travel.
        """
        future: Future[Any] = Future()
        with self._lock:
            if self._closing:
                raise RuntimeError("the herd is shut down")
            worker = min(self._workers, key=lambda one: len(one.calls))
            number = next(self._numbers)
            call = ForkingPickler.dumps((number, fn, args, kwargs))
            worker.calls[number] = future
            future.set_running_or_notify_cancel()
            # The reader sees a broken pipe as well, and gives every call of that process its error.
            with suppress(BrokenPipeError, ConnectionResetError):
                worker.channel.send_bytes(call)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002 - the interface's
        """End the processes when their calls are made; *wait* for that."""
        with self._lock:
            if self._closing:
                return
            self._closing = True
            for worker in self._workers:
                with suppress(BrokenPipeError, ConnectionResetError):
                    worker.channel.send(_END)
            self._wake.send(_END)
        if wait:
            self._reader.join()

    def _worker(self) -> _Worker:
        ours, theirs = CONTEXT.Pipe()
        process = CONTEXT.Process(target=_serve, args=(theirs, *self._begin), daemon=True)
        process.start()
        theirs.close()
        return _Worker(process, ours)

    def _read(self) -> None:
        """Hand answers to those who wait, and replace what died, until all have ended."""
        while True:
            with self._lock:
                by_channel = {worker.channel: worker for worker in self._workers}
                if self._closing and not by_channel:
                    break
            for ready in wait([*by_channel, self._woken]):
                if ready is self._woken:
                    self._woken.recv()
                else:
                    self._take(by_channel[ready])  # type: ignore[index] # only connections are waited for
        self._wake.close()
        self._woken.close()

    def _take(self, worker: _Worker) -> None:
        try:
            number, good, value = worker.channel.recv()
        except (EOFError, ConnectionResetError):
            self._bury(worker)
            return
        with self._lock:
            future = worker.calls.pop(number)
        if good:
            future.set_result(value)
        else:
            future.set_exception(value)

    def _bury(self, worker: _Worker) -> None:
        worker.channel.close()
        worker.process.join()
        with self._lock:
            self._workers.remove(worker)
            if not self._closing:
                self._workers.append(self._worker())
        for future in worker.calls.values():
            future.set_exception(WorkerDied(f"process {worker.process.pid} ended with {worker.process.exitcode}"))


def _serve(channel: Connection, threads: int, prepare: Prepare | None, arguments: tuple[Any, ...]) -> None:
    """A worker's life: make calls until there are none left, whatever signals its terminal sends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    lock = threading.Lock()

    def call(number: int, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        try:
            answer = (number, True, fn(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001 - it is raised again where the call came from
            answer = (number, False, _portable(error))
        with lock:
            channel.send(answer)

    inside = prepare(*arguments) if prepare is not None else nullcontext()
    with inside, ThreadPoolExecutor(threads, thread_name_prefix="router") as pool:
        try:
            while (asked := channel.recv()) is not _END:
                pool.submit(call, *asked)
        except EOFError:
            pass  # the parent died: what is under way ends by itself


def _portable(error: BaseException) -> BaseException:
    """*error* itself where it survives the way, else its traceback in one that does."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    except (pickle.PickleError, TypeError, AttributeError):
        return RuntimeError("".join(traceback.format_exception(error)))
    return error
