"""What runs in a worker of a Dask cluster: one router's job, whose journal is kept by the client.

A call asks the client before it begins and before each write; where nobody answers it sends nothing more.
"""

from __future__ import annotations

import pickle
import queue
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

from distributed import Semaphore, WorkerPlugin, get_worker, secede

from agent.fleet.inventory.command import commands
from agent.fleet.inventory.target import Target
from agent.fleet.parking import Parking, most_open
from agent.fleet.results.record import Result
from agent.fleet.run.credential import Credential, shared
from agent.fleet.run.job import Job
from agent.fleet.run.logins import Attempt
from agent.fleet.run.parcel import Parcel, parcel
from agent.fleet.run.rate import Limiter, Rate
from agent.fleet.run.router import ClientLost, Held, Hooks, Which, unshared
from agent.model.outcome import Event, Wait, Waiting
from agent.model.telemetry.spans import flush
from agent.model.unfinished import Unfinished
from agent.netconf.retry import Policy, Waits

Perform = Callable[[Job, Target, Hooks], Waits[Result]]
Answer = tuple[str, object, bool]
"""The key of a call, what it is answered, an exception to be raised, and whether it shall end."""

TERMINAL = frozenset((signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
BEGIN, LOGIN, LOGGED_IN = "begin", "login", "logged in"

_ANSWERED_WITHIN = 60.0
"""Seconds in which the client keeps what it is told; one that is gone is noticed earlier, by the scheduler."""
_RESUME = "see to the scheduler and the network; xr-agent push --resume reads what is there first"
_TURN = 1.0
"""Seconds between two tries to have a router's lease of the scheduler, and at most between two to log in."""

_calls: dict[str, _Call] = {}
"""The calls under way in this process, by their keys."""
_limiters: dict[Rate, Limiter] = {}
_parkings: dict[tuple[Link, str], Parking] = {}
"""The threads of this process for a run, by its link and the worker's address."""
_making = threading.Lock()


@dataclass(frozen=True, slots=True)
class Link:
    """What a call has of its run besides the job.

    Attributes:
        topic: where the client listens, its id: a resumed run has the same job and another client.
        parcel: the key of the job that was brought here.
        rate: this process's part of it.
        shared: whether other clients' pushes come through the same scheduler, or did before they died.
        key: what passwords are compared by within the run.
        workers, in_flight: how many routers are worked on in this process at a time, and how many may be begun.
    """

    topic: str
    parcel: str
    rate: Rate
    shared: bool
    key: bytes = field(repr=False)
    workers: int = 1
    in_flight: int = 1


class Bring(WorkerPlugin):
    """Registered once for a run: the scheduler hands it to each worker before the worker takes a call, to those as well
    that come or are restarted later."""

    idempotent = True

    def __init__(self, brought: Parcel, *, own: bool) -> None:
        self.name = f"xr-agent-{brought.key}"
        self._parcel, self._own = brought, own

    def setup(self, worker: Any) -> None:
        """A worker begins; one of the client's *own* cluster leaves signals to the client, and serves no pages."""
        self._parcel.bring()
        commands.forget()  # what they said in an earlier run may have changed
        if self._own:
            worker.http_server.stop()
            for number in TERMINAL:
                # No SIG_IGN, which an ssh of a ProxyCommand would inherit.
                signal.signal(number, lambda _number, _frame: None)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, TERMINAL)

    def transition(self, key: Any, start: str, finish: str, **_: object) -> None:  # noqa: ARG002 - distributed's
        """The scheduler lets go of a call under way as soon as nobody waits for it: its client is gone."""
        if finish == "released" and (call := _calls.get(key)) is not None:
            call.lose()

    def teardown(self, worker: Any) -> None:
        """The run is over, or the worker ends, as it does without its scheduler."""
        for call in list(_calls.values()):
            if call.link.parcel == self._parcel.key:
                call.lose()
        for number, parking in _parkings_of(self._parcel.key, worker.address):
            parking.shutdown(wait=False)
            del _parkings[number]
        self._parcel.take_away()
        flush()  # nobody may tell this process of its end


def carry_out(perform: Perform, link: Link, target: Target) -> bytes:
    """*perform* with the job that was brought here; its result packed.

    The threads of its process that work are the run's own. That of the call, which only waits for its end, gives its
    place to the next call.

    Raises:
        ClientLost: whoever began the run is gone.
    """
    worker = get_worker()
    with _making:  # one for all calls of this process, however many begin at once
        limiter = _limiters.setdefault(link.rate, Limiter(link.rate))
        if (link, worker.address) not in _parkings:
            most = most_open(link.workers, link.in_flight)
            _parkings[link, worker.address] = Parking(link.workers, most_open=most)
        parking = _parkings[link, worker.address]
    call, brought = _Call(link, target.name, worker, parking), parcel(link.parcel)
    hooks = Hooks(
        log=call,
        policy=Policy(stop=call.stop.wait),
        limiter=limiter,
        logins=call,
        alone=alone if link.shared else unshared,
        on_wait=call.waits,
        before_write=call.has_client,
    )

    def steps() -> Waits[bytes]:
        with call.under_way():
            return brought.pack((yield from perform(brought.job, target, hooks)))

    taken = parking.take(steps, hooks.policy)
    secede()  # type: ignore[no-untyped-call]
    return taken.result()


def _parkings_of(parcel: str, address: str) -> list[tuple[tuple[Link, str], Parking]]:
    return [(key, parking) for key, parking in _parkings.items() if key[0].parcel == parcel and key[1] == address]


def answer(answers: Iterable[Answer]) -> None:
    """The client's answers to what calls told it."""
    for key, made, stopped in answers:
        if (call := _calls.get(key)) is not None:
            call.answered(made, stopped=stopped)


def stop(topic: str) -> None:
    """Those of that client's calls that are under way here shall end: their steps are finished or undone."""
    stopped = [call for call in list(_calls.values()) if call.link.topic == topic]
    for call in stopped:
        call.stop.set()
    for parking in {call.parking for call in stopped}:
        parking.look()


class _Call:
    """A call under way, what keeps its router's journal and whom it asks for a login: the client, over the scheduler;
    from one thread at a time."""

    def __init__(self, link: Link, device: str, worker: Any, parking: Parking) -> None:
        self.link, self._device, self.parking = link, device, parking
        self.stop = threading.Event()
        self._worker = worker
        self._key = str(worker.get_current_task())
        self._lost = False
        self._answers: queue.SimpleQueue[object] = queue.SimpleQueue()
        self.digest, self.key, self.longest_wait = shared(link.key), link.key, _TURN

    @contextmanager
    def under_way(self) -> Iterator[None]:
        """It begins where the client says so."""
        _calls[self._key] = self
        try:
            self._tell(BEGIN)
            yield
        finally:
            del _calls[self._key]

    def event(self, event: Event) -> None:
        self._tell("event", replace(event, outcome=None))

    def state(self, device: str, which: Which, seen: Mapping[str, Any]) -> None:
        self._tell("state", device, which, seen)

    def unfinished(self, device: str, change: Unfinished | None) -> None:
        self._tell("unfinished", device, change)

    def begin(self, credentials: Sequence[Credential], router: str, *, accepted: bool = False) -> Attempt | None:
        """As of :meth:`agent.fleet.run.logins.Guard.begin`: the client's guard is that of all workers."""
        if not self._tell(LOGIN, self._device, tuple(credentials), router, accepted):
            return None

        def ended(*judged: object) -> None:
            with suppress(ClientLost):  # what is told next says so
                self._tell(LOGGED_IN, self._device, *judged)

        return Attempt(ended)

    def waits(self, device: str, wait: Wait | None) -> None:
        """Say so, without waiting for an answer."""
        said = pickle.dumps((device, None if wait is None else replace(wait, release=None, until=None)))
        self._worker.log_event(self.link.topic, {"waits": said})

    def answered(self, made: object, *, stopped: bool) -> None:
        """What was told is kept, or could not be."""
        if stopped:
            self.stop.set()  # it waits for nothing else meanwhile
        self._answers.put(made)

    def lose(self) -> None:
        """The client is gone."""
        self._lost = True
        self.stop.set()
        self._answers.put(None)
        self.parking.look()

    def has_client(self) -> None:
        """See that somebody waits for the call.

        Raises:
            ClientLost: nobody does.
        """
        if self._lost:
            said = "whoever began this run is gone, or cannot be reached; nothing more is sent to the router"
            raise ClientLost(said, hint=_RESUME)

    def _tell(self, what: str, *given: object) -> object:
        """What the client answers, once it has kept it.

        Raises:
            ClientLost: it is gone, or does not answer.
            JournalError: it could not be kept.
            LoginWithheld: as of :meth:`begin`.
        """
        made: object = None
        if not self._lost:
            said = pickle.dumps((what, given))
            self._worker.log_event(self.link.topic, {"from": self._worker.address, "call": self._key, "said": said})
            try:
                made = self._answers.get(timeout=_ANSWERED_WITHIN)
            except queue.Empty:
                self.lose()
            if isinstance(made, Exception):
                raise made
        self.has_client()
        return made


def alone(addresses: Iterable[str], policy: Policy, told: Callable[[str], None]) -> Waits[Held]:
    """Hold the router among all that comes through this scheduler.

    The scheduler takes a lease back from a worker that it has not heard of for a while (Dask's
    ``distributed.scheduler.locks.lease-timeout``); such a worker's writes find no client by then.

    Raises:
        Interrupted: the policy's stop came while it waited.
        ClientLost: the scheduler is gone, and with it the client.
    """
    waited = False
    with ExitStack() as undo:
        for address in sorted(set(addresses)):
            lease: Any = Semaphore(name=f"xr-agent lease {address}")  # type: ignore[no-untyped-call]
            undo.callback(_forget, lease)
            while not _acquired(lease):
                if not waited:
                    told("waiting for another push over this scheduler, or for its lease to end")
                    waited = True
                yield from policy.pause(_TURN, Waiting.PUSH)
            undo.callback(lease.release)
        held = undo.pop_all()
    return held, waited


def _acquired(lease: Any) -> bool:
    try:
        return bool(lease.acquire(timeout=0))
    except OSError as error:
        said = f"the scheduler cannot be reached: {error}; nothing is sent to the router"
        raise ClientLost(said, hint=_RESUME) from error


def _forget(lease: Any) -> None:
    """End the refreshing, which would go on for ever."""
    if (refreshing := getattr(lease, "refresh_callback", None)) is not None:
        lease.loop.add_callback(refreshing.stop)
