"""Processes with several threads each, as one executor; one that dies takes only its own calls with it.

``ProcessPoolExecutor`` runs one call at a time in a process, and all calls of all processes fail when one dies.
A channel to each process is all that is shared: what a killed process held, a semaphore say, would stay held.
"""

from __future__ import annotations

import itertools
import logging
import multiprocessing
import pickle
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from typing import Any

from agent.fleet.run.worker import END, PREPARED, STOP, TERMINAL, Prepare, serve

log = logging.getLogger(__name__)

CONTEXT = multiprocessing.get_context("spawn")

_PATIENCE = 5.0
"""Seconds in which a process that hung up has to end."""


class WorkerDied(RuntimeError):
    """The process that made a call ended in the middle of it; the herd goes on."""


@dataclass(eq=False)
class _Worker:
    process: Any
    channel: Connection
    calls: dict[int, Future[Any]] = field(default_factory=dict)
    ready: bool = False
    why: str = ""

    def tell(self, message: object) -> None:
        # The reader sees a broken channel as well, and gives every call of that process its error.
        with suppress(OSError):
            self.channel.send(message)

    def end(self) -> int | None:
        """Its exit code, once it has ended; it is killed where it does not by itself."""
        self.process.join(_PATIENCE)
        self.process.kill()
        self.process.join()
        return self.process.exitcode  # type: ignore[no-any-return] # processes of a context have no type


class Herd(Executor):
    """*processes* with *threads* each, which live in the context that ``prepare(stop, *arguments)`` makes.

    *stop* is a ``threading.Event`` that is set when the herd is interrupted or its owner died. Where *prepare* fails,
    the herd is broken: it takes no further call, and those of the processes that are ready are still made.

    Raises:
        OSError: a process could not be started; none is left behind.
    """

    def __init__(
        self, processes: int, threads: int, prepare: Prepare | None = None, arguments: tuple[Any, ...] = ()
    ) -> None:
        self._begin = (threads, prepare, arguments)
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._stopped = self._closing = False
        self._broken = ""
        self._workers: list[_Worker] = []
        with ExitStack() as undo:
            self._wake, self._woken = CONTEXT.Pipe()
            undo.callback(self._woken.close)
            undo.callback(self._wake.close)
            for _ in range(processes):
                worker = self._worker()
                self._workers.append(worker)
                undo.callback(worker.channel.close)
                undo.callback(worker.process.join)
                undo.callback(worker.process.kill)
            undo.pop_all()
        self._reader = threading.Thread(target=self._read, name="herd", daemon=True)
        self._reader.start()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Make a call in the process that has the fewest; a dead one has been replaced.

        Raises:
            BrokenExecutor: no process is left, or one could not be prepared.
            PicklingError, TypeError, AttributeError: the call cannot travel.
        """
        call = pickle.dumps((fn, args, kwargs))
        future: Future[Any] = Future()
        with self._lock:
            if self._broken:
                raise BrokenExecutor(self._broken)
            if self._closing:
                raise RuntimeError("the herd is shut down")
            worker = min(self._workers, key=lambda one: len(one.calls))
            number = next(self._numbers)
            worker.calls[number] = future
            future.set_running_or_notify_cancel()
            worker.tell((number, call))
        return future

    def interrupt(self) -> None:
        """Set the event ``stop`` in every process, and in those that are still to come."""
        with self._lock:
            self._stopped = True
            for worker in self._workers:
                worker.tell(STOP)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002 - the interface's
        """End the processes when their calls are made; *wait* for that."""
        with self._lock:
            if not self._closing:
                self._closing = True
                self._wake.send(END)
                for worker in self._workers:
                    self._dismiss(worker)
        if wait:
            self._reader.join()

    def _dismiss(self, worker: _Worker) -> None:
        """Let *worker* go if it is done: only then, since it hears nothing after that."""
        if self._closing and not worker.calls:
            worker.tell(END)

    def _worker(self) -> _Worker:
        with ExitStack() as undo:
            ours, theirs = CONTEXT.Pipe()
            undo.callback(ours.close)
            with theirs, _signals_held():
                process = CONTEXT.Process(target=serve, args=(theirs, *self._begin), daemon=True)
                process.start()
            undo.pop_all()
        worker = _Worker(process, ours)
        if self._stopped:
            worker.tell(STOP)
        return worker

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
            number, good, answer = worker.channel.recv()
        except (EOFError, OSError):  # OSError: it was killed in the middle of an answer
            self._bury(worker)
            return
        if number is PREPARED:
            worker.ready, worker.why = good, answer
            return
        with self._lock:
            future = worker.calls.pop(number)
            self._dismiss(worker)
        try:
            value = pickle.loads(answer)  # noqa: S301 - our own bytes
        except BaseException as error:  # noqa: BLE001 - it is raised where the answer is waited for
            good, value = False, RuntimeError(f"an answer cannot be unpickled: {error!r}")
        if good:
            future.set_result(value)
        else:
            future.set_exception(value)

    def _bury(self, worker: _Worker) -> None:
        said = f"process {worker.process.pid} ended with {worker.end()}"
        with self._lock:  # nobody sends to a worker that is not in the list
            self._workers.remove(worker)
            if not worker.ready:
                self._broken = self._broken or worker.why or f"{said} before it was ready"
            elif not (self._closing or self._broken):
                self._replace()
        worker.channel.close()
        for future in worker.calls.values():
            future.set_exception(WorkerDied(said) if worker.ready else BrokenExecutor(self._broken))

    def _replace(self) -> None:
        try:
            self._workers.append(self._worker())
        except OSError as error:
            log.warning("a process that died cannot be replaced: %s", error)
            if not self._workers:
                self._broken = f"no process is left, and none can be started: {error}"


@contextmanager
def _signals_held() -> Iterator[None]:
    """Block the terminal's signals in this thread: a process that it starts inherits that until it ignores them."""
    resource_tracker.ensure_running()  # unblocks them if it has to be started, which the first process would do
    before = signal.pthread_sigmask(signal.SIG_BLOCK, TERMINAL)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
