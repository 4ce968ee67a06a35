"""Steps of many routers by a few threads: a router that waits is parked, and its thread goes on with another one."""

from __future__ import annotations

import gc
import heapq
import itertools
import logging
import math
import resource
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager, suppress
from contextvars import Context, copy_context
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from agent.model.errors import Interrupted
from agent.model.masking.logged import textless
from agent.model.outcome import Wait, Waiting
from agent.netconf.retry import Policy, Waits, interrupted

log = logging.getLogger(__name__)

MOST = 1000
"""Routers in flight where nobody says how many, and those among them that wait and keep their sessions open."""
_OTHER_FILES = 64
"""Files that the process may have open beside those of routers."""
_AT_WORK, _PARKED = 3, 2
"""Files of a router that is at work, two sessions and the CLI; and of any in flight besides: its leases, by address."""

_NEW_OBJECTS = 100_000
"""Objects made and not freed after which the garbage collector looks at them; Python has 700."""

_FIRST_LOOK_LATER = 12.0
"""Seconds by which the first look for contact comes later while other routers have not begun: few have theirs before,
and a router that begins now has its own earlier."""

_MOMENT = 0.1
"""Seconds in which a thread takes what is due, if one is free."""

T = TypeVar("T")


@dataclass(slots=True)
class _Due:
    """When a flight is gone on with, by the policy's clock; none any more once it is, or was put elsewhere."""

    at: float
    number: int
    flight: _Flight | None

    def __lt__(self, other: _Due) -> bool:
        return self.at < other.at or (self.at == other.at and self.number < other.number)


class Parked:
    """Which routers wait, and for what; told by any thread.

    Attributes:
        changed: called when one more waits, and another may begin in its place.
    """

    def __init__(self) -> None:
        self._waits: dict[str, Wait] = {}
        self._lock = threading.Lock()
        self.changed: Callable[[], None] = lambda: None

    def __call__(self, device: str, wait: Wait | None) -> None:
        """It waits, or with None is at work, or done with."""
        with self._lock:
            self._waits.pop(device, None)
            if wait is None or wait.why is Waiting.TURN:
                return  # whoever began meanwhile would wait for its turn as well
            self._waits[device] = wait
        self.changed()

    def __len__(self) -> int:
        return len(self._waits)


class _Flight:
    """Steps that were begun and have not ended; gone on with by one thread at a time, in the context they came with.

    Attributes:
        wait: what they are parked for.
        kept: whether they count among those whose connections stay open meanwhile.
        later: seconds by which the next look for contact may come later.
    """

    def __init__(self, make: Callable[[], Waits[Any]], policy: Policy, context: Context) -> None:
        self.future: Future[Any] = Future()
        self.future.set_running_or_notify_cancel()
        self.wait: Wait | None = None
        self.kept = False
        self.later = _FIRST_LOOK_LATER
        self._make, self._policy, self.context = make, policy, context
        self._steps: Waits[Any] | None = None

    @property
    def stopped(self) -> bool:
        """Whether its run was cancelled."""
        return self._policy.stop is not None and self._policy.stop(0)

    def go_on(self, broken: Interrupted | None) -> Wait | None:
        """Take the steps to their next wait, or end them by what breaks off the one of now; None when they ended.

        Whatever they raise is the future's, a bug as well: it ends these steps and no others.
        """
        try:
            wait = self.context.run(self._resumed, broken)
            if not isinstance(wait, Wait):
                raise TypeError(f"steps that only wait yielded {type(wait).__name__}")
        except StopIteration as end:
            self.future.set_result(end.value)
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is asked for
            self.future.set_exception(error)
        else:
            self.wait = wait
            return wait
        self._steps = None
        return None

    def _resumed(self, broken: Interrupted | None) -> object:
        if self._steps is None:
            self._steps = self._make()
        return next(self._steps) if broken is None else self._steps.throw(broken)


def files() -> float:
    """How many files this process may have open."""
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return math.inf if most == resource.RLIM_INFINITY else most


def allow_files(workers: int, in_flight: int) -> None:
    """Let this process open as many as so many routers take, where the system lets it."""
    wanted = _OTHER_FILES + _AT_WORK * workers + (_PARKED + 1) * in_flight
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


@contextmanager
def rarely_collected() -> Iterator[None]:
    """Have the garbage collector look at what is new only once there is more of it, and not at what is there already.

    A thousand routers in flight are a hundred thousand objects, which it would go through again and again in vain: what
    is done with is freed without it.
    """
    often = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS, *often[1:])
    try:
        yield
    finally:
        gc.set_threshold(*often)
        gc.unfreeze()


def most_in_flight(workers: int) -> int:
    """How many routers are in flight where nobody says: as many as the limit of open files has room for."""
    return max(workers, int(min(MOST, (files() - _OTHER_FILES - _AT_WORK * workers) // (_PARKED + 1))))


def most_open(workers: int, in_flight: int) -> int:
    """How many of them may keep sessions open while they wait."""
    return max(0, int(min(MOST, files() - _OTHER_FILES - _AT_WORK * workers - _PARKED * in_flight)))


class Parking(Executor):
    """*workers* threads, started as they are needed, for any number of steps: what is due first, then what is new.

    Of those that are parked, *most_open* keep connections that their wait could do without.
    """

    def __init__(self, workers: int, policy: Policy | None = None, *, most_open: int = MOST) -> None:
        self._workers, self._policy, self._most_open = workers, policy or Policy(), most_open
        self._lock = threading.Lock()
        self._work, self._watch = threading.Condition(self._lock), threading.Condition(self._lock)
        self._new: deque[_Flight] = deque()
        self._due: list[_Due] = []
        self._order = itertools.count()
        self._threads: list[threading.Thread] = []
        self._flying = self._idle = self._open = self._void = 0
        self._watching = self._closed = self._broken = False

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Take the steps that ``fn(*args, **kwargs)`` makes; cancelled as the policy says."""
        return self.take(partial(fn, *args, **kwargs), self._policy)

    def take(self, make: Callable[[], Waits[T]], policy: Policy) -> Future[T]:
        """As :meth:`submit`, with a *policy* of their own for their cancellation.

        Raises:
            RuntimeError: it was shut down.
        """
        flight = _Flight(make, policy, copy_context())
        with self._lock:
            if self._closed:
                raise RuntimeError("nothing is begun after the shutdown")
            self._flying += 1
            self._new.append(flight)
            self._call()
        return flight.future

    @property
    def behind(self) -> bool:
        """Whether somebody who is due waits for a thread: whoever is new then would only stand behind."""
        with self._lock:
            first = self._first()
            return first is not None and first.at + _MOMENT < self._policy.clock()

    def interrupt(self) -> None:
        """Break off every wait that may be, those of now and those to come, whatever the policy says."""
        with self._lock:
            self._broken = True
        self.look()

    def look(self) -> None:
        """See who was cancelled, and break off their waits at once."""
        with self._lock:
            now = self._policy.clock()
            for due in self._due:
                if due.flight is not None and self._breaks(due.flight):
                    due.at = now
            heapq.heapify(self._due)
            self._call()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002 - the interface's
        """Take no further steps; those that were taken go on to their end, which is waited for."""
        with self._lock:
            self._closed = True
            self._call_all()
        if wait:
            for thread in self._threads:
                thread.join()

    def _call(self) -> None:
        """Have one more thread look at what there is; it calls the next where it finds more than it takes."""
        if self._idle:
            self._work.notify()
        elif self._watching:
            self._watch.notify()
        elif len(self._threads) < self._workers:
            thread = threading.Thread(target=self._run, name=f"router_{len(self._threads)}", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # the system has no more of them: those that are there do it
                if not self._threads:
                    raise
            else:
                self._threads.append(thread)

    def _call_all(self) -> None:
        self._work.notify_all()
        self._watch.notify_all()

    def _run(self) -> None:
        while (flight := self._next()) is not None:
            broken = interrupted() if flight.wait is not None and self._breaks(flight) else None
            if (wait := flight.go_on(broken)) is None:
                self._ended()
            else:
                self._park(flight, wait)
            del flight  # nothing of it is kept while there is nothing to do

    def _breaks(self, flight: _Flight) -> bool:
        return flight.wait is not None and flight.wait.breakable and (self._broken or flight.stopped)

    def _next(self) -> _Flight | None:
        """The next to go on with, waited for; None when there will be none any more."""
        with self._lock:
            while True:
                first = self._first()
                left = None if first is None else first.at - self._policy.clock()
                if first is not None and first.flight is not None and left is not None and left <= 0:
                    heapq.heappop(self._due)
                    flight, first.flight = first.flight, None
                    self._open -= flight.kept
                    flight.kept = False
                elif self._new:
                    flight = self._new.popleft()
                elif self._closed and not self._flying:
                    return None
                else:
                    self._sleep(left)
                    continue
                first = self._first()
                more = self._new or (first is not None and first.at <= self._policy.clock())
                if more or (first is not None and not self._watching):
                    self._call()
                return flight

    def _first(self) -> _Due | None:
        """Who is due first."""
        while self._due and self._due[0].flight is None:
            heapq.heappop(self._due)
            self._void -= 1
        return self._due[0] if self._due else None

    def _sleep(self, left: float | None) -> None:
        """One thread watches the time until the next is due; the others only wait to be called."""
        if left is None or self._watching:
            self._idle += 1
            self._work.wait()
            self._idle -= 1
        else:
            self._watching = True
            self._policy.idle(self._watch, left)
            self._watching = False

    def _park(self, flight: _Flight, wait: Wait) -> None:
        if wait.release is not None and not self._keeps(flight):
            try:
                flight.context.run(wait.release)
            except Exception as error:  # whatever a close raises: this thread serves the other routers as well
                log.error("connections were given up, not closed", exc_info=textless(error))
        due = _Due(math.inf, next(self._order), flight)
        # From here on another thread may go on with it.
        seconds = wait.seconds if wait.until is None else wait.until(partial(self._wake, due))
        with self._lock:
            if due.flight is not None:
                now = self._policy.clock()
                if wait.why is Waiting.CONTACT and wait.until is None:
                    seconds += flight.later if self._new else 0.0
                    flight.later = 0.0
                due.at = now if self._breaks(flight) else now + seconds
                self._push(due)

    def _wake(self, due: _Due) -> None:
        """What it waits for has come: it is due now, unless it is gone on with already."""
        with self._lock:
            flight, due.flight = due.flight, None
            if flight is not None:
                self._void += due.at < math.inf  # else it is not among them yet
                self._push(_Due(self._policy.clock(), next(self._order), flight))
                self._call()

    def _push(self, due: _Due) -> None:
        if self._void > len(self._due) // 2:
            self._due, self._void = [one for one in self._due if one.flight is not None], 0
            heapq.heapify(self._due)
        heapq.heappush(self._due, due)
        if self._due[0] is due and self._watching:
            self._watch.notify()

    def _keeps(self, flight: _Flight) -> bool:
        with self._lock:
            flight.kept = self._open < self._most_open
            self._open += flight.kept
        return flight.kept

    def _ended(self) -> None:
        with self._lock:
            self._flying -= 1
            if self._closed and not self._flying:
                self._call_all()
