"""One event loop in one thread for every SSH connection of the process; other threads wait for what it does."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import warnings
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import Context, copy_context
from typing import Any, TypeVar

T = TypeVar("T")

log = logging.getLogger(__name__)

_END_WAIT = 5.0


class EventLoop:
    """A running asyncio loop, whose thread ends with the process."""

    def __init__(self) -> None:
        # cryptography's, of what asyncssh calls for servers that have nothing else: nobody here could do otherwise.
        warnings.filterwarnings("ignore", message="Diffie-Hellman over finite fields", module="asyncssh")
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(_unexpected)
        self._loop.set_default_executor(_AtOnce())
        self._guard = threading.Lock()
        self._calls: list[tuple[Context, Callable[..., object], tuple[object, ...]]] = []
        threading.Thread(target=self._loop.run_forever, name="xr-agent-ssh", daemon=True).start()

    def run(
        self,
        coroutine: Awaitable[T],
        ended: Callable[[threading.Event], bool],
        done: threading.Event | None = None,
    ) -> T:
        """The result of *coroutine*, which runs in the loop while the caller waits: *ended* does, until *done* is set.

        Where *ended* says that it was not, or raises, the coroutine is cancelled, and what it holds is given back
        before this returns.

        Raises:
            TimeoutError: *ended* said False.
        """
        done = done or threading.Event()
        gone = threading.Event()

        async def work() -> T:
            try:
                return await coroutine
            finally:
                gone.set()

        future = asyncio.run_coroutine_threadsafe(work(), self._loop)
        future.add_done_callback(lambda _: done.set())
        try:
            if not ended(done) and not future.done():
                raise TimeoutError
        except BaseException:
            if future.cancel() and not gone.wait(_END_WAIT):
                log.debug("what was cancelled has not ended within %g s", _END_WAIT)
            raise
        return future.result()

    def soon(self, function: Callable[..., object], *arguments: object) -> None:
        """Call it in the loop's thread; returns at once. What it raises is logged.

        Several threads' calls that come before the loop looks wake it once, since that costs more than most of them.
        """
        call = copy_context(), function, arguments
        with self._guard:
            if not self._calls:  # first: an interrupt in between keeps no later call from waking it
                self._loop.call_soon_threadsafe(self._called)
            self._calls.append(call)

    def later(self, seconds: float, function: Callable[[], object]) -> Callable[[], None]:
        """Have it called once in the loop's thread: in so many seconds, or as soon as what is returned is called.

        That may be called from any thread, and returns at once.
        """
        return _Later(self, seconds, function)

    def _called(self) -> None:
        with self._guard:
            calls, self._calls = self._calls, []
        for context, function, arguments in calls:
            try:
                context.run(function, *arguments)
            except Exception as error:  # noqa: BLE001 - it is told as the loop tells what its own calls raise
                self._loop.call_exception_handler({"message": "a call failed", "exception": error})


class _Later:
    """A call to come, all of it in the loop's thread but what is called to have it come now."""

    def __init__(self, loop: EventLoop, seconds: float, function: Callable[[], object]) -> None:
        self._loop = loop
        self._function: Callable[[], object] | None = function
        self._timer: asyncio.TimerHandle | None = None
        loop.soon(self._begin, seconds)

    def __call__(self) -> None:
        self._loop.soon(self._come)

    def _begin(self, seconds: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, self._come)

    def _come(self) -> None:
        function, self._function = self._function, None
        if self._timer is not None:
            self._timer.cancel()
        if function is not None:
            function()


class _AtOnce(ThreadPoolExecutor):
    """Makes a call where it is asked for: asyncssh has its options made by an executor, since they may read files.

    Those given here read none, and making them takes less than handing them to another thread and back.
    """

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - it is raised where the result is asked for
            future.set_exception(error)
        return future


class _Shared:
    """The loop of this process; a child of it has no thread of its parent, and begins one of its own."""

    def __init__(self) -> None:
        self._forget()
        os.register_at_fork(after_in_child=self._forget)

    def _forget(self) -> None:
        self._making = threading.Lock()
        self._loop: EventLoop | None = None

    def get(self) -> EventLoop:
        with self._making:
            if self._loop is None:
                self._loop = EventLoop()
            return self._loop


_shared = _Shared()


def event_loop() -> EventLoop:
    """The loop of this process, begun when first asked for."""
    return _shared.get()


def _unexpected(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What nobody waited for; the error's text may quote what was sent."""
    error = context.get("exception")
    log.debug("in the event loop: %s", type(error).__name__ if error else context.get("message"))
