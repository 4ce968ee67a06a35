"""Many routers at once: batch by batch, in their windows, a bounded number in flight, results as they come.

Works with anything that has the ``concurrent.futures.Executor`` interface: a thread pool, a Dask cluster.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from concurrent.futures import Executor, Future, wait
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from queue import Empty, SimpleQueue
from typing import Any

from agent.fleet.inventory.target import Target
from agent.fleet.parking import Parked
from agent.fleet.results.record import Kind, Result, RunState
from agent.fleet.run.job import BUG, BUGS_IN_TURN, Job
from agent.fleet.run.rollout import CANARY, Batch, Rollout
from agent.fleet.window.calendar import Calendar, Opening, Queue
from agent.fleet.window.pace import Pace
from agent.model.errors import AgentError, Interrupted
from agent.model.masking.logged import textless
from agent.model.masking.text import counted
from agent.model.outcome import Failure, Outcome, Status
from agent.model.outcome import Result as PushResult
from agent.netconf.retry import Policy

log = logging.getLogger(__name__)

_LOOK = 0.5
"""Seconds between two looks at the policy's stop while nothing else happens."""
_CLOCK = 15.0
"""Seconds between two looks at the clock on the wall, which may be set, while nothing but a window is waited for."""
_AGAIN = "read it before anything else: push --resume does"


class Watcher:
    """Who is told how a run goes, in the thread that runs it; this one looks away."""

    def batch(self, batch: Batch) -> None:
        """A batch begins."""

    def begun(self, target: Target, batch: Batch) -> None:
        """A router is handed out; called before anything is sent to it."""

    def ended(self, result: Result) -> None:
        """A router is done with."""

    def coming(self, openings: tuple[Opening, ...], now: datetime) -> None:
        """When those of the batch may be begun that were not; told anew whenever that is otherwise than before."""


@dataclass(frozen=True)
class Backend:
    """What carries the routers' jobs out.

    Attributes:
        workers: how many routers are worked on at a time.
        in_flight: how many are begun and have not ended at most, those included that wait; by default as many.
        open: makes the executor for a job, which it may bring to its workers.
        perform: what the executor calls with job and target; for other processes it must be picklable.
        parked: which of them wait, so that another one may begin; behind: whether some that are due do not get their
            turn, so that none may.
        died: what a call raises where its worker died under it; lost: where there are no workers any more.
        interrupt: carries a cancellation to where the policy's ``stop`` does not reach.
        hold: what was handed out and has not begun begins no more.
        close: called when the run ends.
    """

    workers: int
    open: Callable[[Job], Executor]
    perform: Callable[..., Any]
    in_flight: int | None = None
    parked: Parked = field(default_factory=Parked)
    behind: Callable[[], bool] = lambda: False
    died: tuple[type[Exception], ...] = ()
    lost: tuple[type[BaseException], ...] = ()
    interrupt: Callable[[], None] = lambda: None
    hold: Callable[[], None] = lambda: None
    close: Callable[[], None] = lambda: None


@dataclass
class Run:
    """One run over *targets*; iterate over :meth:`results`, then look at ``state`` and ``why``.

    A run whose routers all had their turn is done, however many of them failed.

    Attributes:
        policy: its ``stop`` is the cancellation: no further router is begun then.
        now: the clock that ``Rollout.stop_at`` and windows are compared with.
        calendar: when routers may be begun. One that was not in its window is left, and ends the run as stopped.
        doubtful: routers of which an earlier try left in doubt what was written to them.
        stopped: is told, in the thread that runs it, that no further router is begun; by a bound only where
            some are left.
    """

    targets: Sequence[Target]
    job: Job
    backend: Backend
    rollout: Rollout = field(default_factory=Rollout)
    watcher: Watcher = field(default_factory=Watcher)
    policy: Policy = field(default_factory=Policy)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    doubtful: Collection[str] = ()
    calendar: Calendar = field(default_factory=Calendar)
    stopped: Callable[[RunState, str], None] = lambda _state, _why: None
    state: RunState = RunState.RUNNING
    why: str = ""
    failed: int = 0
    _begun: int = 0
    _died: set[str] = field(default_factory=set)
    _bugs: int = 0
    _interrupted: bool = False
    _coming: tuple[Opening, ...] = ()
    _over: str = ""
    _shown: set[str] = field(default_factory=set)
    _again: int = 0

    def __post_init__(self) -> None:
        self._pace = Pace(self.calendar.timing.reckoned)

    def results(self) -> Generator[Result, None, None]:
        """Each router's result as it comes; routers that were not begun have none.

        Closing the iterator early waits for those in flight; so does an error, and the watcher is told of them all.
        """
        self.calendar.begin(self.targets, self.now())
        with closing(_Pool(self.backend, self.job)) as pool:
            try:
                for batch in self.rollout.batches(len(self.targets), self._further_canaries):
                    if not self._goes_on(batch):
                        break
                    self.watcher.batch(batch)
                    yield from self._batch(batch, pool)
            except BaseException:
                self._end(RunState.INTERRUPTED, "ended by an error, or by whoever took the results")
                for result in pool.rest():
                    self._told_of(result)
                raise
            if self.state is RunState.STOPPED and self._begun == len(self.targets) and not pool.gone:
                self.state, self.why = RunState.RUNNING, ""  # it stopped nothing: there was none left to begin
            if self._over:
                self._end(RunState.STOPPED, self._over)
        if self.state is RunState.RUNNING:
            self.state = RunState.DONE

    def _further_canaries(self, begun: int) -> int:
        """Put behind the *begun* first routers the next of each kind of which those showed nothing; how many."""
        self._again += 1
        left = self.targets[begun:]
        chosen = self.rollout.further((target.name for target in left), self._shown, self._again)
        self.targets = [*self.targets[:begun], *sorted(left, key=lambda target: target.name not in chosen)]
        return len(chosen)

    def _goes_on(self, batch: Batch) -> bool:
        """Whether the next batch may begin; waits for the pause before it."""
        try:
            self.policy.wait(self.rollout.pause if batch.start else 0)
        except Interrupted as error:
            self._end(RunState.INTERRUPTED, error.message)
        return self._may_begin()

    def _told_of(self, result: Result) -> None:
        """Tell the watcher while another error is on its way: one that it raises keeps no other result from it."""
        try:
            self.watcher.ended(self._judged(result))
        except Exception as further:  # the journal that ended the run may refuse this as well
            said = "%s: it ended %s, which could not be kept"
            log.error(said, result.device, result.word, exc_info=textless(further))

    def _heed(self) -> None:
        """End where the user says so."""
        if self.policy.stop is not None and self.policy.stop(0):
            self._end(RunState.INTERRUPTED, "interrupted")

    def _may_begin(self) -> bool:
        self._heed()
        until = self.rollout.stop_at
        if self.state is RunState.RUNNING and until is not None and self.now() >= until:
            self._end(RunState.STOPPED, f"no router is begun after {until:%Y-%m-%d %H:%M %Z}")
        return self.state is RunState.RUNNING

    def _end(self, state: RunState, why: str) -> None:
        if self.state is RunState.RUNNING:
            self.state, self.why = state, why
            self.backend.hold()
            if state is RunState.INTERRUPTED or self._begun < len(self.targets):
                self.stopped(state, why)
        # Also where the run had been stopped before: those in flight are to end.
        if state is RunState.INTERRUPTED and not self._interrupted:
            self._interrupted = True
            self.backend.interrupt()

    def _batch(self, batch: Batch, pool: _Pool) -> Generator[Result, None, None]:
        waiting = self.calendar.queue(self.targets[batch.start : batch.stop])
        died: list[Target] = []
        while True:
            while pool.takes and (target := self._next(waiting)) is not None:
                self.watcher.begun(target, batch)
                self._begun += 1
                self._pace.begun(target.name, self.policy.clock())
                pool.submit(self.job, target)
            self._tell(waiting)
            if not pool.flying:
                if pool.takes and self._waits(waiting):
                    continue
                break
            self._may_begin()
            for target, result in pool.completed():
                if result is not None:
                    yield self._took(result, batch)
                    continue
                died.append(target)
                self._count(len(died), batch)
            if pool.gone:
                self._end(RunState.STOPPED, pool.gone)
        self._left(waiting, batch)
        self._died |= {target.name for target in died}
        for target in died:
            again = self._next(self.calendar.queue([target.written_to()]))
            result = pool.alone(self.job, again, self._may_begin) if again else _lost(self.job, target)
            if pool.gone:
                self._end(RunState.STOPPED, pool.gone)
            yield self._took(result, batch)

    def _next(self, waiting: Queue[Target]) -> Target | None:
        """The next of *waiting* that may be begun now, told when its window closes."""
        taken = waiting.take(self.now(), self._need()) if self._may_begin() else None
        return replace(taken[0], until=taken[1]) if taken is not None else None

    def _need(self) -> timedelta:
        return self._pace.need(self.policy.clock()) if self.calendar.bound else timedelta()

    def _tell(self, waiting: Queue[Target]) -> None:
        """Tell the watcher which windows are next."""
        if self.calendar.bound and (coming := waiting.coming(self.now(), self._need())) != self._coming:
            self._coming = coming
            self.watcher.coming(coming, self.now())

    def _waits(self, waiting: Queue[Target]) -> bool:
        """Whether a window is to open for some of *waiting*; a part of the time until then has passed."""
        coming = waiting.coming(self.now(), self._need()) if self.state is RunState.RUNNING else ()
        if not coming or self._is_late(coming):
            return False
        try:
            self.policy.wait(min(_CLOCK, max(0.0, (coming[0].interval.opens - self.now()).total_seconds())))
        except Interrupted as error:
            self._end(RunState.INTERRUPTED, error.message)
        return True

    def _is_late(self, coming: tuple[Opening, ...]) -> bool:
        return self.rollout.stop_at is not None and coming[0].interval.opens >= self.rollout.stop_at

    def _left(self, waiting: Queue[Target], batch: Batch) -> None:
        """Those of *waiting* may be begun no more; without its whole canary a run does not go on."""
        if self.state is not RunState.RUNNING or not waiting:
            return
        now, need, until = self.now(), self._need(), self.rollout.stop_at
        over = "; ".join(self.calendar.over(windows, now, need) for windows in waiting.windows[:3])
        coming = waiting.coming(now, need)
        late = f"no further window opens before {until:%Y-%m-%d %H:%M %Z}" if coming and self._is_late(coming) else ""
        self._over = late or over
        if batch.name == CANARY:
            self._end(RunState.STOPPED, f"the canary was not begun as a whole: {self._over}")

    def _took(self, result: Result, batch: Batch) -> Result:
        result = self._judged(result)
        self._pace.ended(result.device, self.policy.clock(), counts=_worked(result))
        self.watcher.ended(result)
        self.failed += _failed(result)
        self._count(0, batch)
        if result.word != PushResult.SKIPPED.value:
            self._shown.add(self.rollout.kinds.get(result.device, ""))
        self._bugs = self._bugs + 1 if result.failure is not None and result.failure.kind == BUG else 0
        if self._bugs >= BUGS_IN_TURN:
            self._end(RunState.STOPPED, f"{BUGS_IN_TURN} routers in turn ran into a bug in xr-agent")
        return result

    def _count(self, died: int, batch: Batch) -> None:
        """End the run where too many failed, those included whose workers died."""
        failed = self.failed + died
        if self.rollout.too_many(failed, len(self.targets), batch):
            # The steps that an interruption undid are failures, too, but not why the run ends.
            self._heed()
            where = f"the {CANARY}" if batch.name == CANARY else batch.name
            self._end(RunState.STOPPED, f"{failed:,} of {counted(len(self.targets), 'router')} failed, in {where}")

    def _judged(self, result: Result) -> Result:
        """*result*; of a router that is in doubt, one that could not be read is unknown."""
        in_doubt = result.device in self.doubtful or result.device in self._died
        if result.error is None or self.job.kind is not Kind.PUSH or not in_doubt:
            return result
        failure = replace(result.error, message=f"{result.error.message}; it stays in doubt what was written before")
        unknown = Outcome(result.device, PushResult.UNKNOWN, address=result.address, error=failure)
        return replace(result, error=None, outcome=unknown)


class _Pool:
    """An executor, and what is in flight in it."""

    def __init__(self, backend: Backend, job: Job) -> None:
        self._backend = backend
        self._executor = backend.open(job)
        self.flying: dict[Future[Result], Target] = {}
        self._ended: SimpleQueue[Future[Result] | None] = SimpleQueue()
        backend.parked.changed = lambda: self._ended.put(None)
        self.gone = ""
        """Why there are no workers any more."""

    @property
    def takes(self) -> bool:
        """Whether one more may be handed out."""
        backend, flying = self._backend, len(self.flying)
        most, free = backend.in_flight or backend.workers, flying - len(backend.parked) < backend.workers
        return flying < most and free and not self.gone and not backend.behind()

    def submit(self, job: Job, target: Target) -> None:
        """Hand *target* out."""
        try:
            future = self._executor.submit(self._backend.perform, job, target.for_worker())
        except (*self._backend.died, *self._backend.lost) as error:
            future = Future()
            future.set_exception(error)
        self.flying[future] = target
        future.add_done_callback(self._ended.put)

    def completed(self) -> Iterator[tuple[Target, Result | None]]:
        """Those that ended by now, or within a moment; None where its worker died under it."""
        for future in self._done():
            target = self.flying.pop(future)
            self._backend.parked(target.name, None)
            try:
                result = future.result()
            except self._backend.died as error:
                log.warning("%s: its worker died: %s", target.name, error)
                yield target, None
            except self._backend.lost as error:
                self.gone = f"the workers are lost: {str(error) or type(error).__name__}"
                yield target, None
            else:
                yield target, result

    def _done(self) -> Iterator[Future[Result]]:
        """What ended; nothing where one more may be handed out in its place, or nothing happened for a moment."""
        with suppress(Empty):
            future = self._ended.get(timeout=_LOOK)
            while True:
                if future is not None:
                    yield future
                future = self._ended.get_nowait()

    def rest(self) -> Iterator[Result]:
        """Wait for those in flight; one that ends in an error or a bug is logged with it."""
        wait(self.flying)
        for future in self.flying:
            error = future.exception()
            if error is None:
                yield future.result()
            elif isinstance(error, AgentError):
                log.error("%s: it is in doubt: %s", self.flying[future].name, error.message)
            else:
                log.error("%s: it is in doubt", self.flying[future].name, exc_info=textless(error))
        self.flying.clear()

    def alone(self, job: Job, target: Target, look: Callable[[], object]) -> Result:
        """A router whose worker died, once more and by itself: a push reads first what became of it."""
        self.submit(job, target)
        while self.flying:
            look()
            for _, result in self.completed():
                return result or _lost(job, target)
        raise AssertionError("what is in flight ends")

    def close(self) -> None:
        try:
            self._executor.shutdown(wait=True)
        finally:
            self._backend.close()


def _lost(job: Job, target: Target) -> Result:
    """The result of a router whose worker died, and which could not be done once more."""
    failure = Failure("worker-lost", "its worker died in the middle of it", _AGAIN)
    if job.kind is Kind.PUSH:
        return Result(target.name, job.kind, outcome=Outcome(target.name, PushResult.UNKNOWN, error=failure))
    return Result(target.name, job.kind, error=failure)


def _worked(result: Result) -> bool:
    """Whether there was something to do on a router, be it in vain: what that took, others may take as well."""
    made = result.outcome
    return made is not None and (made.changed or any(step.status is not Status.SKIPPED for step in made.steps))


def _failed(result: Result) -> bool:
    """Whether a router failed: that no method fits it, or that it is affected, is no failure of the run."""
    if result.outcome is not None:
        return result.outcome.result in (PushResult.FAILED, PushResult.UNKNOWN)
    return result.error is not None
