"""The crews that come with the agent: threads, processes with threads, and a Dask cluster that is there already."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, CancelledError, Executor, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from functools import cache, partial
from typing import Any

from agent.fleet.inventory.target import Target
from agent.fleet.results.record import Result
from agent.fleet.run.job import Hooks, Job, Log, perform
from agent.fleet.run.parcel import Delivered, Parcel
from agent.fleet.run.processes import Herd, WorkerDied
from agent.fleet.run.rate import Limiter, Rate
from agent.fleet.run.runner import Crew
from agent.model.errors import InputError
from agent.netconf.retry import Policy

_REACHED_WITHIN = 10.0

Attach = Callable[[], AbstractContextManager[Log]]

_here: Hooks | None = None
"""What this process, a worker of a herd, was given when it began."""


def threads(workers: int, hooks: Hooks | None = None) -> Crew:
    """Threads in this process, which share *hooks*."""
    return Crew(
        workers,
        lambda _job: ThreadPoolExecutor(workers, thread_name_prefix="router"),
        partial(perform, hooks=hooks or Hooks()),
    )


def processes(count: int, workers: int, *, rate: Rate | None = None, attach: Attach | None = None) -> Crew:
    """*workers* threads in all, in *count* processes; *attach*, which must be picklable, opens the journal in each."""
    each = -(-workers // count)
    part = (rate or Rate()).part(count)
    herds = _Herds(lambda parcel: Herd(count, each, _prepare, (part, attach, parcel)))
    return Crew(workers, herds.open, perform_here, broken=(BrokenExecutor, WorkerDied), interrupt=herds.interrupt)


def cluster(scheduler: str, workers: int, *, rate: Rate | None = None) -> Crew:
    """The workers of a Dask cluster, which has the agent installed; secrets are resolved there.

    The job is brought to them when the crew is opened, and taken away when it is closed.

    TLS as Dask's own configuration says (``distributed.comm.tls``), with a scheduler ``tls://…``.

    Raises:
        InputError: the extra ``dask`` is not installed, or the scheduler cannot be reached.
    """
    try:
        from distributed import Client
        from distributed.comm import addressing
        from distributed.comm.core import CommClosedError
        from distributed.scheduler import KilledWorker

        from agent.fleet.run.daskplugin import Bring
    except ImportError as error:
        raise InputError("a Dask cluster needs the extra dask", hint="pip install xr-trust-agent[dask]") from error
    try:
        make: Any = Client  # distributed has no types
        parse: Any = addressing
        parse.parse_host_port(parse.parse_address(scheduler)[1])  # a client for what is no address ends by a traceback
        client = make(scheduler, timeout=_REACHED_WITHIN, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise _unreached(scheduler, error) from error
    count = max(1, len(client.scheduler_info(n_workers=-1)["workers"]))
    part = (rate or Rate()).part(count)
    ending = ExitStack()
    ending.callback(client.close)

    def open_with(job: Job) -> Executor:
        plugin = Bring(Parcel(job))
        try:
            client.register_plugin(plugin)
        except (OSError, TimeoutError) as error:
            raise _unreached(scheduler, error) from error
        ending.callback(_unregister, client, plugin.name)
        return Delivered(client.get_executor(pure=False), plugin.parcel)

    return Crew(
        workers,
        open_with,
        partial(_perform_there, part),
        broken=(BrokenExecutor, KilledWorker),
        lost=(CancelledError, CommClosedError),
        close=ending.close,
    )


def _unreached(scheduler: str, error: Exception) -> InputError:
    return InputError(
        f"the Dask scheduler {scheduler} cannot be reached: {error}",
        hint="e.g. tcp://scheduler.example:8786; TLS settings come from Dask's configuration",
    )


def _unregister(client: Any, plugin: str) -> None:
    # A scheduler that went away has no plugins any more.
    with suppress(OSError, TimeoutError, ValueError):
        client.unregister_worker_plugin(plugin)


def perform_here(job: Job, target: Target) -> Result:
    """:func:`perform` with what this process was given."""
    return perform(job, target, _here)


class _Herds:
    """Herds, one after the other where one broke; an interrupt reaches the present one and those to come."""

    def __init__(self, make: Callable[[Parcel], Herd]) -> None:
        self._make = make
        self._herd: Herd | None = None
        self._interrupted = False

    def open(self, job: Job) -> Executor:
        parcel = Parcel(job)
        self._herd = herd = self._make(parcel)
        if self._interrupted:
            herd.interrupt()
        return Delivered(herd, parcel)

    def interrupt(self) -> None:
        self._interrupted = True
        if self._herd is not None:
            self._herd.interrupt()


@contextmanager
def _prepare(stop: threading.Event, rate: Rate, attach: Attach | None, parcel: Parcel) -> Iterator[None]:
    global _here  # noqa: PLW0603 - a worker has one
    parcel.bring()
    with attach() if attach else nullcontext() as log:
        _here = Hooks(log=log, policy=Policy(stop=stop.wait), limiter=Limiter(rate))
        yield


def _perform_there(rate: Rate, job: Job, target: Target) -> Result:
    return perform(job, target, Hooks(limiter=_limiter(rate)))


@cache
def _limiter(rate: Rate) -> Limiter:
    """One for each process."""
    return Limiter(rate)
