"""The client's side of a Dask cluster, its own on this machine or one that is there already."""

from __future__ import annotations

import logging
import pickle
import signal
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Executor, Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing import resource_tracker
from typing import Any

import dask
import distributed
from distributed.comm import addressing
from distributed.comm.core import CommClosedError
from distributed.scheduler import KilledWorker, NoWorkerError

from agent.fleet.parking import Parked, most_in_flight
from agent.fleet.run import worker
from agent.fleet.run.credential import Credential
from agent.fleet.run.job import Job, performed
from agent.fleet.run.logins import Attempt, Judged
from agent.fleet.run.parcel import Parcel
from agent.fleet.run.rate import Rate
from agent.fleet.run.router import Hooks, told_by
from agent.fleet.run.runner import Backend
from agent.model.errors import AgentError, InputError
from agent.model.masking.logged import textless

log = logging.getLogger(__name__)
if not dask.config.get("logging", None):
    logging.getLogger("distributed").setLevel(logging.NOTSET)  # Dask's own default tells each worker that comes

_dask: Any = distributed  # has no types for what is called here
_REACHED_WITHIN = 10.0
_KEEPERS = 16
"""Threads that keep what workers tell: what they bring to the journal at the same time is synced at once."""
_OWN = {
    "distributed.scheduler.allowed-failures": 0,  # a router whose worker died is the runner's to do again
    "distributed.scheduler.no-workers-timeout": "60s",
}


class Cluster:
    """A scheduler with its workers, until it is closed; ``workers`` processes with ``threads`` in all."""

    def __init__(self, client: Any, ending: ExitStack, *, own: bool) -> None:
        self.client, self.own = client, own
        self._ending = ending
        threads = client.nthreads()
        self.workers, self.threads = max(1, len(threads)), sum(threads.values())

    @classmethod
    def reached(cls, scheduler: str) -> Cluster:
        """The one of that address; TLS as Dask's own configuration says (``distributed.comm.tls``).

        Raises:
            InputError: it cannot be reached.
        """
        with ExitStack() as ending:
            try:
                # A client for what is no address ends badly.
                addressing.parse_host_port(addressing.parse_address(scheduler)[1])
                client = _dask.Client(scheduler, timeout=_REACHED_WITHIN, set_as_default=False)
                ending.callback(client.close)
                return cls(client, ending.pop_all(), own=False)
            except (OSError, TimeoutError, ValueError) as error:
                raise InputError(
                    f"the Dask scheduler {scheduler} cannot be reached: {error}",
                    hint="e.g. tcp://scheduler.example:8786; TLS settings come from Dask's configuration",
                ) from error

    @classmethod
    def started(cls, processes: int, threads: int) -> Cluster:
        """*processes* of this machine with *threads* each, which end with this one, however it does.

        They are reached over loopback, by TLS with a key of this run alone: else whoever has an account on this machine
        could have them do anything.

        Raises:
            InputError: they cannot be started.
        """
        with ExitStack() as ending:
            try:
                with dask.config.set(_OWN), _signals_held():
                    cluster = _dask.LocalCluster(
                        n_workers=processes,
                        threads_per_worker=threads,
                        processes=True,
                        host="127.0.0.1",
                        security=_dask.Security.temporary(),
                        scheduler_kwargs={"dashboard": False, "dashboard_address": "127.0.0.1:0"},
                        memory_limit=0,
                        silence_logs=logging.CRITICAL,
                    )
                    ending.callback(cluster.close)
                    cluster.scheduler.http_server.stop()
                    client = _dask.Client(cluster, set_as_default=False)
                    ending.callback(client.close)
            except (OSError, RuntimeError, TimeoutError) as error:
                raise InputError(
                    f"{processes} processes cannot be started: {error}", hint="fewer --processes"
                ) from error
            return cls(client, ending.pop_all(), own=True)

    def close(self) -> None:
        """Leave it; the processes of one's own end. Closing again does nothing."""
        self._ending.close()


def backend(
    open_cluster: Callable[[], Cluster], workers: int, hooks: Hooks, rate: Rate, in_flight: int | None = None
) -> Backend:
    """*workers* routers at once in the processes of a cluster, which is opened when a run begins and closed with it;
    the journal and whoever is shown the events are *hooks*', here."""
    parked, most = Parked(), in_flight or most_in_flight(workers)
    made = _Run(open_cluster, told_by(hooks, parked), rate, workers, most)
    return Backend(
        workers,
        made.open,
        performed,
        in_flight=most,
        parked=parked,
        died=(KilledWorker,),
        lost=(CancelledError, CommClosedError, NoWorkerError),
        interrupt=made.interrupt,
        hold=made.hold,
        close=made.close,
    )


class _Run:
    """One run over a cluster: keeps what calls tell, says whether they may log in, and answers when that is done."""

    def __init__(
        self, open_cluster: Callable[[], Cluster], hooks: Hooks, rate: Rate, workers: int, in_flight: int
    ) -> None:
        self._open, self._hooks, self._rate = open_cluster, hooks, rate
        self._workers, self._in_flight = workers, in_flight
        self._stopped = self._held = False
        self._answers: defaultdict[str, list[worker.Answer]] = defaultdict(list)
        self._attempts: dict[str, Attempt] = {}
        self._sending = threading.Lock()
        self._ending = ExitStack()

    def open(self, job: Job) -> Executor:
        """Bring *job* to the workers.

        Raises:
            InputError: they cannot be started, or reached any more.
        """
        with ExitStack() as ending:
            cluster = self._open()
            ending.callback(cluster.close)
            client = self._client = cluster.client
            topic = client.id  # the scheduler forgets what was said under it when the client has left
            self._keepers = ending.enter_context(ThreadPoolExecutor(_KEEPERS, thread_name_prefix="keeper"))
            client.subscribe_topic(topic, self._hear)
            ending.callback(client.unsubscribe_topic, topic)
            brought = Parcel(job)
            plugin = worker.Bring(brought, own=cluster.own)
            try:
                client.register_plugin(plugin)
            except (OSError, TimeoutError) as error:
                raise InputError(
                    f"the Dask scheduler cannot be reached any more: {error}", hint="see to it, then resume the run"
                ) from error
            ending.callback(_unregister, client, plugin.name)
            rate, key = self._rate.part(cluster.workers), self._hooks.logins.key
            each, begun = (-(-number // cluster.workers) for number in (self._workers, self._in_flight))
            shared = not cluster.own
            link = worker.Link(topic, brought.key, rate, shared=shared, key=key, workers=each, in_flight=begun)
            executor = _Calls(client.get_executor(pure=False), brought, link, self._over)
            self._ending = ending.pop_all()
        return executor

    def interrupt(self) -> None:
        """All calls shall end, those that begin from now on as well."""
        self._stopped = True
        self._keepers.submit(self._send, worker.stop, self._client.id)

    def hold(self) -> None:
        """What waits at the scheduler does not begin."""
        self._held = True

    def close(self) -> None:
        """The run is over."""
        self._ending.close()

    def _hear(self, event: tuple[object, dict[str, Any]]) -> None:
        """In the event loop, which shall not wait for a disk; the scheduler itself says there when a client comes."""
        if "said" in event[1]:
            self._keepers.submit(self._answer, event[1])
        elif "waits" in event[1]:
            self._hooks.on_wait(*pickle.loads(event[1]["waits"]))  # noqa: S301 - as below

    def _answer(self, told: dict[str, Any]) -> None:
        made: object = None
        cancelled = self._hooks.policy.stop
        stopped = self._stopped or (cancelled is not None and cancelled(0))
        try:
            what, given = pickle.loads(told["said"])  # noqa: S301 - of our own workers, as their pickled results are
            stopped = stopped or (self._held and what == worker.BEGIN)
            if what == "event":
                self._hooks.event(*given)
            elif what == worker.LOGIN:
                made = self._may_log_in(*given)
            elif what == worker.LOGGED_IN:
                self._logged_in(*given)
            elif what != worker.BEGIN and self._hooks.log is not None:
                getattr(self._hooks.log, what)(*given)
        except AgentError as raised:
            made = raised
        except Exception as bug:  # the worker waits for an answer, and ends its router by this one
            log.error("%s: what a worker told could not be taken", told["call"], exc_info=textless(bug))
            made = RuntimeError(f"{type(bug).__name__} where the client takes what it is told")  # it may not travel
        self._answered(told["from"], (told["call"], made, stopped))

    def _may_log_in(self, device: str, credentials: Sequence[Credential], router: str, accepted: bool) -> bool:
        attempt = self._hooks.logins.begin(credentials, router, accepted=accepted)
        if attempt is not None:
            self._attempts[device] = attempt
        return attempt is not None

    def _logged_in(self, device: str, judged: Judged) -> None:
        attempt = self._attempts.pop(device, None)
        if attempt is not None:
            attempt.end(judged)

    def _over(self, device: str) -> None:
        """The call for *device* ended; the login of a worker that died in it told nothing."""
        self._logged_in(device, Judged())

    def _answered(self, address: str, made: worker.Answer) -> None:
        """Send the answer; those that come while another is on its way to that worker go together behind it."""
        with self._sending:
            self._answers[address].append(made)
            if len(self._answers[address]) > 1:
                return
            together = 1
        while together:
            self._send(worker.answer, self._answers[address][:together], workers=[address])
            with self._sending:
                del self._answers[address][:together]
                together = len(self._answers[address])

    def _send(self, *of: Any, **named: Any) -> None:
        try:
            self._client.run(*of, on_error="ignore", **named)
        except Exception as error:  # noqa: BLE001 - a call that gets no answer sends nothing
            log.warning("a worker does not hear: %s", type(error).__name__)


def _unregister(client: Any, plugin: str) -> None:
    # A scheduler that went away has no plugins any more.
    with suppress(OSError, TimeoutError, ValueError, CommClosedError):
        client.unregister_worker_plugin(plugin)


class _Calls(Executor):
    """Dask's *executor*, to whose workers the job was brought."""

    def __init__(self, executor: Any, brought: Parcel, link: worker.Link, ended: Callable[[str], None]) -> None:
        self._executor, self._parcel, self._link, self._ended = executor, brought, link, ended

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Make the call ``fn(job, target, hooks)`` with the job that is there already, and the hooks of its worker.

        Raises:
            ValueError: it is another job; or as of Dask's.
        """
        job, target = args
        if job is not self._parcel.job or kwargs:
            raise ValueError("another job than the one that was brought to the workers")
        made: Future[Any] = Future()
        made.set_running_or_notify_cancel()
        call = self._executor.submit(worker.carry_out, fn, self._link, target)
        call.add_done_callback(lambda ended: self._hand_on(ended, made, target.name))
        return made

    def _hand_on(self, call: Future[bytes], made: Future[Any], device: str) -> None:
        self._ended(device)
        try:
            value = self._parcel.unpack(call.result())
        except BaseException as error:  # noqa: BLE001 - it is raised where the answer is waited for
            made.set_exception(error)
        else:
            made.set_result(value)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002 - the interface's
        """What is under way is waited for, not cancelled."""
        self._executor.shutdown(wait=wait)


@contextmanager
def _signals_held() -> Iterator[None]:
    """Block the terminal's signals in this thread: the threads and processes that are started inherit that."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, worker.TERMINAL)
    # It tidies up behind a process that was killed, which is nobody's concern.
    sys.warnoptions.append("ignore:resource_tracker:UserWarning")
    try:
        resource_tracker.ensure_running()  # unblocks two of them if it has to be started
        signal.pthread_sigmask(signal.SIG_BLOCK, worker.TERMINAL)
        yield
    finally:
        sys.warnoptions.pop()
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
