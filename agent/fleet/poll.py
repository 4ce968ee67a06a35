"""Watch the licensing of many routers: looks spread over the interval, a bounded number at once, back-off for each."""

from __future__ import annotations

import heapq
import itertools
import logging
import math
import resource
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime

from agent.fleet.inventory.target import Target
from agent.fleet.run.job import BUG, BUGS_IN_TURN, Job, bug
from agent.fleet.run.logins import Logins, Rest
from agent.fleet.run.router import Hooks, Router
from agent.model.errors import AgentError, CapabilityMissing, InputError, Interrupted
from agent.model.masking.logged import textless
from agent.model.state import Licensing, Reading
from agent.model.telemetry.context import bound
from agent.netconf.retry import Disposition, Policy, Waits, classify, completed
from agent.netconf.session import Session
from agent.remedy.assess import deadlines_of
from agent.remedy.observe import Glance, glance, licensing_by_cli
from agent.remedy.poll import Sample, Until, Watch
from agent.xr.cli.sshport import Ssh

log = logging.getLogger(__name__)

MOST_KEPT = 1000
"""Sessions that may be kept open at once: each has a socket here, but no thread, and is one of a router's."""
KEPT_AT_ONCE = 16
"""Looks over kept sessions under way at once at most, a thread each: they are a few answers long."""
_OTHER_FILES = 64
"""Files that the process may have open beside its sessions."""
_NOT_SHOWN = "try 'show license all' at its CLI as this user; leave the router out by --limit where it has no licensing"
PASSING_FOR = 900.0
"""Seconds for which it may be that nothing shows a router's licensing and that this passes: a reload takes less."""
_LOOK = 0.5
"""Seconds between two looks at the cancellation while nothing else happens."""


class Stopped(AgentError):
    """The watch ended by itself: what one look after the other runs into, the next one would as well."""

    kind = "stopped"


@dataclass(frozen=True, slots=True)
class Look:
    """One look at one router; one that ran into a bug has the error of that, of kind ``bug``.

    Attributes:
        seconds: how long it took, by the policy's clock.
        anchor_present: as of :meth:`agent.remedy.observe.Glance.shows`; None also where the look failed.
        deadlines: as of :func:`agent.remedy.assess.deadlines_of`.
        last: no further look follows: what was waited for is reached, or there is nothing to poll.
        legacy_ssh: whether the router was reached with legacy SSH algorithms.
        cause: the error that waiting does not cure, such as a refused login; a further look follows all the same, for
            it may be cured at the router.
        unseen: why nothing shows its licensing, and never did: no model does to this user, and neither does the CLI.
            Said where the reason was one that does not pass at two looks in turn, or nothing has shown it for
            :data:`PASSING_FOR` seconds; never where the router limits new sessions; at once where no model shows it and
            the CLI is ruled out. Else such a router is looked at on, but is not waited for.
    """

    target: Target
    sample: Sample
    seconds: float = 0.0
    anchor_present: bool | None = None
    deadlines: tuple[tuple[str, datetime], ...] = ()
    last: bool = False
    legacy_ssh: bool = False
    cause: AgentError | None = None
    unseen: CapabilityMissing | None = None


def watch(
    targets: Sequence[Target],
    job: Job,
    *,
    interval: float = 300.0,
    until: Until = Until.FOREVER,
    workers: int = 100,
    keep_sessions: bool = False,
    timeout: float | None = None,
    hooks: Hooks | None = None,
    executor: Executor | None = None,
) -> Generator[Look, None, None]:
    """Looks as they come, until each router reached *until*, *timeout* seconds passed, or the caller stops.

    Each router has its beat within *interval*, one look each, at most *workers* of them at once, over kept sessions
    :data:`KEPT_AT_ONCE`. One that is away is
    looked at again after 5 s, doubling to 300 s, never sooner than *interval*; one whose models show no licensing is
    left alone after its first look where the CLI is ruled out, which says so. With an end to wait for, the looks end
    where :attr:`Look.unseen` is said of all that are left. With *keep_sessions* each keeps its NETCONF session open,
    else one is opened for every look. However this ends, looks under way are finished first, and no session stays open.
    *executor* makes the looks in place of as many threads; it is not shut down.

    Raises:
        InputError: more sessions to keep than may be; at once, before anything is looked at.
        Interrupted: it was cancelled; by the generator.
        Stopped: several looks in turn ran into a bug; by the generator, behind the last of them.
    """
    hooks = hooks or Hooks(logins=Logins(rest=Rest()))
    if keep_sessions:
        _refuse_too_many(len(targets), workers)
        workers = min(workers, KEPT_AT_ONCE)
    routers = [_Watched(target, job, hooks, until, interval=interval, keep=keep_sessions) for target in targets]
    ends = until is not Until.FOREVER
    return _Schedule(routers, interval, workers, hooks.policy, ends=ends).looks(timeout, executor)


def _refuse_too_many(sessions: int, workers: int) -> None:
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST_KEPT if files == resource.RLIM_INFINITY else min(MOST_KEPT, files - workers - _OTHER_FILES)
    if sessions > most:
        raise InputError(
            f"{sessions} sessions to keep open are too many: at most {most} with {workers} workers here",
            hint="let them be opened for each look" if most == MOST_KEPT else f"ulimit -n {2 * MOST_KEPT}",
        )


@dataclass(frozen=True, slots=True)
class _Unshown:
    """Since when nothing shows a router's licensing, by the policy's clock; at how many looks in turn up to the last it
    was for a reason that does not pass."""

    since: float
    lasting: int = 0

    def again(self, why: Disposition) -> _Unshown:
        """The same after a further such look."""
        return replace(self, lasting=self.lasting + 1 if why is Disposition.PERMANENT else 0)

    def sure(self, now: float) -> bool:
        """Whether that will be so at the next look as well."""
        return self.lasting > 1 or now - self.since >= PASSING_FOR


class _Watched:
    """One router under watch; looked at by one thread at a time. There may be 10,000, so little is kept of each."""

    __slots__ = ("_glance", "_hooks", "_job", "_keep", "_legacy", "_unshown", "target", "watch")

    def __init__(self, target: Target, job: Job, hooks: Hooks, until: Until, *, interval: float, keep: bool) -> None:
        self.target, self._job, self._hooks, self._keep = target, job, hooks, keep
        self._glance: Glance | None = None
        self._legacy = False
        self._unshown: _Unshown | None = None
        self.watch = Watch(
            self._connect,
            self._read,
            until,
            interval=interval,
            policy=hooks.policy,
            now=hooks.now,
            device=target.name,
        )

    def look(self) -> Look:
        """One look, whatever comes of it.

        Raises:
            Interrupted: it was cancelled.
        """
        began = self._hooks.policy.clock()
        with bound(device=self.target.name):
            try:
                look = self._look()
            except Interrupted:
                raise
            except Exception as error:  # noqa: BLE001 - it is told, and the other routers go on
                look = self._after_bug(error)
        return replace(look, seconds=self._hooks.policy.clock() - began)

    def _look(self) -> Look:
        cause = None
        try:
            sample = completed(self.watch.sample(), self._hooks.policy)
        except Interrupted:
            raise
        except AgentError as error:
            sample, cause = self.watch.failed(error), error
        lack = cause if isinstance(cause, CapabilityMissing) else None
        last = lack is not None or sample.reached
        if last or not self._keep:
            self.watch.close()
        seen, self._glance = self._glance, None
        unseen = None if self.watch.seen else lack or self._unseen(sample, seen)
        present = seen.shows(self._job.intent.anchor) if seen is not None else None
        deadlines = deadlines_of(sample.licensing)
        return Look(self.target, sample, 0.0, present, deadlines, last, self._legacy, cause, unseen)

    def _unseen(self, sample: Sample, seen: Glance | None) -> CapabilityMissing | None:
        """Why nothing shows the licensing, where that is sure; *seen* is None where it failed ahead of the models."""
        why = None if seen is None else _why(seen.licensing, self.watch.error)
        if why is None or why is Disposition.SLOW:
            self._unshown = None
            return None
        now, error = self._hooks.policy.clock(), self.watch.error
        self._unshown = (self._unshown or _Unshown(now)).again(why)
        if not self._unshown.sure(now):
            return None
        hint = _NOT_SHOWN if error is None else error.hint
        return CapabilityMissing(sample.error or "", device=self.target.name, hint=hint)

    def _after_bug(self, error: Exception) -> Look:
        """The look by a bug, its session given up; the next one is as usual."""
        failure = bug(self.target.name, error)
        self._glance = self._unshown = None
        try:
            self.watch.close()
        except Exception as further:  # what the bug left need not close either, and it is the bug that is told
            log.error("%s: its session was given up, not closed", self.target.name, exc_info=textless(further))
        return Look(self.target, Sample(self._hooks.now(), self.target.name, error=failure.message, kind=failure.kind))

    def _router(self) -> Router:
        """The router, its secrets read anew: they may be other ones by now."""
        return Router(self.target, self._job.reach, self._hooks, waits=False)

    def _connect(self) -> Waits[Session]:
        session = yield from self._router().opening()
        self._legacy = session.legacy_ssh
        return session

    def _read(self, session: Session) -> Waits[Reading[Licensing]]:
        policy, trustpoint = self._hooks.policy, self.target.trustpoint or self._job.intent.trustpoint
        seen = self._glance = yield from glance(session, trustpoint, policy)
        if _shown(seen.licensing) or not self._job.reach.ssh:
            return seen.licensing
        with self._router().shell() as ssh:
            if ssh is None:
                return seen.licensing
            reading = yield from self._read_by_cli(ssh, seen.licensing)
        self._glance = replace(seen, licensing=reading)
        return reading

    def _read_by_cli(self, ssh: Ssh, shown: Reading[Licensing]) -> Waits[Reading[Licensing]]:
        """The state as the CLI shows it, where models do not, as *shown* says.

        Raises:
            AgentError: the CLI cannot be opened; but an empty answer of a model is one without it.
        """
        yield from ssh.opening()
        try:
            ssh.console()
        except Interrupted:
            raise
        except AgentError as error:
            if shown.empty:
                return shown
            missing = shown.absent("no licensing model")
            error.message = f"{missing}; the CLI over SSH cannot be used: {error.message}"
            raise
        return licensing_by_cli(ssh, shown)


def _shown(licensing: Reading[Licensing]) -> bool:
    """Whether the CLI need not be asked: a model shows it, or refused it in passing."""
    return licensing.value is not None or (licensing.source is not None and licensing.passing)


def _why(licensing: Reading[Licensing], error: AgentError | None) -> Disposition | None:
    """What it asks for that a look read *licensing* and failed by *error*; None where it is shown.

    An empty answer passes where its provider is not up yet.
    """
    if licensing.value is not None:
        return None
    if error is not None:
        return classify(error)
    return Disposition.TRANSIENT if licensing.passing or licensing.answered else Disposition.PERMANENT


class _Schedule:
    """When each router is looked at; the looks under way, with the time at which each was due.

    *ends*: something is waited for, so that the looks end where nothing shows it of any router that is left.
    """

    def __init__(
        self, routers: Sequence[_Watched], interval: float, workers: int, policy: Policy, *, ends: bool
    ) -> None:
        self._ends = ends
        self._unseen: set[str] = set()
        self._routers, self._interval, self._workers, self._policy = routers, interval, workers, policy
        self._order = itertools.count()
        self._due: list[tuple[float, int, _Watched]] = []
        self._behind = 0.0
        self._bugs = 0
        self._flying: dict[Future[Look], tuple[float, _Watched]] = {}

    def looks(self, timeout: float | None, executor: Executor | None) -> Generator[Look, None, None]:
        """Every look as it ends; those under way when the time is over as well."""
        with ExitStack() as own:
            pool = executor or own.enter_context(ThreadPoolExecutor(self._workers, "poll"))
            try:
                yield from self._looks(timeout, pool)
            finally:
                wait(self._flying)
                for one in self._routers:
                    own.callback(one.watch.close)

    def _looks(self, timeout: float | None, pool: Executor) -> Generator[Look, None, None]:
        start, apart = self._policy.clock(), self._interval / max(1, len(self._routers))
        self._due = [(start + number * apart, next(self._order), one) for number, one in enumerate(self._routers)]
        self._behind = start
        end = math.inf if timeout is None else start + timeout
        while self._due or self._flying:
            now = self._policy.clock()
            if now >= end or (self._ends and not self._flying and len(self._unseen) == len(self._due)):
                self._due.clear()
            self._begin(now, pool)
            if self._flying:
                self._policy.wait(0)
                yield from self._ended()
            elif self._due:
                self._policy.wait(min(self._due[0][0], end) - now)

    def _begin(self, now: float, pool: Executor) -> None:
        while self._due and self._due[0][0] <= now and len(self._flying) < self._workers:
            due, _, router = heapq.heappop(self._due)
            self._flying[pool.submit(router.look)] = due, router
            if now - due > self._interval and now > self._behind:
                self._behind = now + self._interval
                log.warning("looks come %.0f s late: more workers or a longer interval are needed", now - due)

    def _ended(self) -> Iterator[Look]:
        """What ended before the next look is due, or within a moment."""
        free = self._due and len(self._flying) < self._workers
        pause = min(_LOOK, max(0.0, self._due[0][0] - self._policy.clock())) if free else _LOOK
        done, _ = wait(self._flying, timeout=pause, return_when=FIRST_COMPLETED)
        for future in done:
            due, router = self._flying.pop(future)
            look = future.result()
            (self._unseen.discard if look.last or look.unseen is None else self._unseen.add)(look.target.name)
            if not look.last:
                self._again(due, router)
            yield look
            self._bugs = self._bugs + 1 if look.sample.kind == BUG else 0
            if self._bugs >= BUGS_IN_TURN:
                raise Stopped(
                    f"{BUGS_IN_TURN} looks in turn ran into a bug in xr-agent",
                    hint="report it with the traceback logged",
                )

    def _again(self, due: float, router: _Watched) -> None:
        """The next look: on the router's own beat, which a late one does not shift; a longer wait counts from now."""
        now = self._policy.clock()
        missed = max(0, math.ceil((now - due) / self._interval) - 1)
        following = (
            now + router.watch.wait if router.watch.wait > self._interval else due + (1 + missed) * self._interval
        )
        heapq.heappush(self._due, (following, next(self._order), router))
