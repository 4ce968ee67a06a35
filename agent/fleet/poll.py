"""Watch the licensing of many routers: looks spread over the interval, a bounded number at once, back-off for each."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime

from agent.fleet.job import Hooks, Job
from agent.fleet.target import Target
from agent.model.certificate import Evidence
from agent.model.errors import AgentError, CapabilityMissing, InputError, Interrupted
from agent.model.state import Licensing, Reading, State
from agent.netconf.session import Session, connect
from agent.remedy.assess import deadlines_of
from agent.remedy.observe import observe, read_licensing
from agent.remedy.poll import Sample, Until, Watch
from agent.xr.ssh import Ssh

MOST_KEPT = 1000
"""Sessions that may be kept open at once: each has a socket and two threads here, and one of the router's sessions."""
_LOOK = 0.5


@dataclass(frozen=True, slots=True)
class Look:
    """One look at one router.

    Attributes:
        seconds: how long it took, by the policy's clock.
        anchor_present: whether the trustpoint shows the anchor; None where that was not read. The trustpool, which
            no model shows, is not looked into.
        deadlines: as of :func:`agent.remedy.assess.deadlines_of`.
        kind: the kind of error (a word of the error tree) where the look failed.
        last: no further look follows: what was waited for is reached, or there is nothing to poll.
    """

    target: Target
    sample: Sample
    seconds: float = 0.0
    anchor_present: bool | None = None
    deadlines: tuple[tuple[str, datetime], ...] = ()
    kind: str | None = None
    last: bool = False


def watch(
    targets: Sequence[Target],
    job: Job,
    *,
    interval: float = 300.0,
    until: Until = Until.FOREVER,
    workers: int = 50,
    keep_sessions: bool = False,
    timeout: float | None = None,
    hooks: Hooks | None = None,
) -> Generator[Look, None, None]:
    """Looks as they come, until each router reached *until*, *timeout* seconds passed, or the caller stops.

    A router that is away is looked at again after 5 s, doubling to 300 s, never sooner than *interval*. With
    *keep_sessions* each keeps its session open, else one is opened for every look.

    Raises:
        InputError: more sessions to keep than may be.
        Interrupted: the wish to end came.
    """
    hooks = hooks or Hooks()
    if keep_sessions and len(targets) > MOST_KEPT:
        raise InputError(
            f"{len(targets)} sessions to keep open are too many", hint=f"at most {MOST_KEPT}; reopen them for each look"
        )
    routers = [_Router(target, job, hooks, until, interval=interval, keep=keep_sessions) for target in targets]
    with ExitStack() as stack:
        for router in routers:
            stack.callback(router.close)
        pool = stack.enter_context(ThreadPoolExecutor(workers, thread_name_prefix="poll"))
        yield from _Schedule(routers, interval, workers, hooks).looks(pool, timeout)


class _Router:
    """One router under watch."""

    def __init__(self, target: Target, job: Job, hooks: Hooks, until: Until, *, interval: float, keep: bool) -> None:
        self.target, self._job, self._hooks, self._keep = target, job, hooks, keep
        self._state: State | None = None
        self._watch = Watch(
            self._connect,
            self._read,
            until,
            interval=interval,
            policy=hooks.policy,
            now=hooks.now,
            device=target.name,
        )

    def look(self) -> Look:
        """One look, whatever comes of it."""
        policy = self._hooks.policy
        began, kind, last = policy.clock(), None, False
        self._state = None
        try:
            sample = self._watch.sample()
        except Interrupted:
            raise
        except AgentError as error:
            sample, kind, last = self._watch.failed(error), error.kind, isinstance(error, CapabilityMissing)
        state = self._seen()
        if sample.error is not None and kind is None:
            kind = "no-data" if state else "connect"
        if not self._keep or sample.reached:
            self.close()
        return Look(
            self.target,
            sample,
            policy.clock() - began,
            _present(state, self._job) if state else None,
            deadlines_of(sample.licensing),
            kind,
            last or sample.reached,
        )

    def _seen(self) -> State | None:
        """What this look read, if it came to that."""
        return self._state

    @property
    def wait(self) -> float:
        """Seconds from the last look to the next."""
        return self._watch.wait

    def close(self) -> None:
        """End the session, if there is one."""
        self._watch.close()

    def _connect(self) -> Session:
        self._hooks.limiter.wait(self.target.jump or self._job.reach.jump, self._hooks.policy)
        # Secrets are read anew: they may be other ones by now.
        return connect(self.target.device(self._job.reach), strict_models=self._job.reach.strict_models)

    def _read(self, session: Session) -> Reading[Licensing]:
        name = self.target.trustpoint or self._job.intent.trustpoint
        state = self._state = observe(session, name, policy=self._hooks.policy)
        if state.licensing.source is not None or not self._job.reach.ssh:
            return state.licensing
        with Ssh(self.target.device(self._job.reach)) as ssh:
            return read_licensing(session, self._hooks.policy, ssh)


class _Schedule:
    """When each router is looked at."""

    def __init__(self, routers: Sequence[_Router], interval: float, workers: int, hooks: Hooks) -> None:
        self._interval, self._workers, self._policy = interval, workers, hooks.policy
        self._order = itertools.count()
        start, apart = self._policy.clock(), interval / max(1, len(routers))
        self._due = [(start + number * apart, next(self._order), router) for number, router in enumerate(routers)]

    def looks(self, pool: ThreadPoolExecutor, timeout: float | None) -> Generator[Look, None, None]:
        end = None if timeout is None else self._policy.clock() + timeout
        flying: dict[Future[Look], tuple[float, _Router]] = {}
        while self._due or flying:
            now = self._policy.clock()
            if end is not None and now >= end:
                return
            while self._due and self._due[0][0] <= now and len(flying) < self._workers:
                due, _, router = heapq.heappop(self._due)
                flying[pool.submit(router.look)] = due, router
            if not flying:
                self._policy.wait(min(self._due[0][0], end or self._due[0][0]) - now)
                continue
            self._policy.wait(0)
            done, _ = wait(flying, timeout=_LOOK, return_when=FIRST_COMPLETED)
            for future in done:
                due, router = flying.pop(future)
                look = future.result()
                if not look.last:
                    self._again(due, router)
                yield look

    def _again(self, due: float, router: _Router) -> None:
        """The next look: on the router's own beat, which a late one does not shift; after a failure, from now."""
        now, wait_for = self._policy.clock(), router.wait
        following = due + self._interval if wait_for == self._interval else now + wait_for
        heapq.heappush(self._due, (max(now, following), next(self._order), router))


def _present(state: State, job: Job) -> bool | None:
    shown = state.certificate.value
    if shown is not None:
        return shown.proves(job.intent.anchor) not in (None, Evidence.NONE)
    return False if state.certificate.answered and not state.certificate.empty else None
