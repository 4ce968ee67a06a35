"""What runs in a process of a herd: calls that come through a channel, in threads."""

from __future__ import annotations

import pickle
import signal
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, nullcontext, suppress
from multiprocessing.connection import Connection
from typing import Any

STOP, END = "stop", "end"
PREPARED = None
"""Stands where the number of a call stands: the answer tells how ``prepare`` went."""
TERMINAL = frozenset((signal.SIGINT, signal.SIGTERM, signal.SIGHUP))

Prepare = Callable[..., AbstractContextManager[None]]


def serve(channel: Connection, threads: int, prepare: Prepare | None, arguments: tuple[Any, ...]) -> None:
    """A worker's life: make calls until there are none left, whatever signals its terminal sends."""
    for number in TERMINAL:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, TERMINAL)
    stop = threading.Event()
    with ExitStack() as inside:
        try:
            inside.enter_context(prepare(stop, *arguments) if prepare is not None else nullcontext())
        except BaseException as error:  # noqa: BLE001 - every call raises it, where it came from
            channel.send((PREPARED, False, "".join(traceback.format_exception(error))))
            return
        channel.send((PREPARED, True, ""))
        _listen(channel, inside.enter_context(ThreadPoolExecutor(threads, thread_name_prefix="router")), stop)


def _listen(channel: Connection, pool: ThreadPoolExecutor, stop: threading.Event) -> None:
    lock = threading.Lock()

    def call(number: int, asked: bytes) -> None:
        try:
            fn, args, kwargs = pickle.loads(asked)  # noqa: S301 - our own bytes
            answer = number, True, pickle.dumps(fn(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001 - it is raised again where the call came from
            answer = number, False, _portable(error)
        with lock, suppress(OSError):  # the parent died: nobody waits
            channel.send(answer)

    try:
        while (asked := channel.recv()) != END:
            if asked == STOP:
                stop.set()
            else:
                pool.submit(call, *asked)
    except (EOFError, OSError):
        stop.set()  # the parent died: what is under way ends as after an interrupt


def _portable(error: BaseException) -> bytes:
    """*error* itself, pickled, where it survives the way, else its traceback in one that does."""
    try:
        pickled = pickle.dumps(error)
        pickle.loads(pickled)  # noqa: S301 - our own bytes
    except BaseException:  # noqa: BLE001 - whatever keeps it from travelling, its text does travel
        return pickle.dumps(RuntimeError("".join(traceback.format_exception(error))))
    return pickled
