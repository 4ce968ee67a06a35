"""What carries jobs out: this thread, threads, processes of this machine, and a Dask cluster elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from typing import TYPE_CHECKING, Any

from agent.fleet.parking import Parked, Parking, most_in_flight, most_open
from agent.fleet.run.job import Job, performed
from agent.fleet.run.rate import Rate
from agent.fleet.run.router import Hooks, told_by
from agent.fleet.run.runner import Backend
from agent.model.errors import InputError

if TYPE_CHECKING:
    from types import ModuleType

    from agent.fleet.run.cluster import Cluster


class Inline(Executor):
    """For one router, whose calls a signal of the terminal can then break off: Python gives it to the main thread."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Make the call; what it raises is in the future, an interrupt as well."""
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is asked for
            future.set_exception(error)
        return future


def threads(workers: int, hooks: Hooks | None = None, *, in_flight: int | None = None) -> Backend:
    """Threads in this process, which share *hooks*; by default as many routers are in flight as may be."""
    hooks, most, parked, opened = hooks or Hooks(), in_flight or most_in_flight(workers), Parked(), list[Parking]()

    def open_them(_: Job) -> Executor:
        opened.append(Parking(workers, hooks.policy, most_open=most_open(workers, most)))
        return opened[-1]

    def interrupt() -> None:
        for parking in opened:
            parking.interrupt()

    return Backend(
        workers,
        open_them,
        partial(performed, hooks=told_by(hooks, parked)),
        in_flight=most,
        parked=parked,
        behind=lambda: opened[-1].behind,
        interrupt=interrupt,
    )


def processes(
    count: int, workers: int, hooks: Hooks | None = None, *, rate: Rate | None = None, in_flight: int | None = None
) -> Backend:
    """*workers* threads in all, in *count* processes of a local Dask cluster, which is there while the run lasts.

    Raises:
        InputError: the extra ``dask`` is not installed.
    """
    dask = require_dask()
    each = -(-workers // count)
    opened = partial(dask.Cluster.started, count, each)
    made: Backend = dask.backend(opened, workers, hooks or Hooks(), rate or Rate(), in_flight)
    return made


def reach(scheduler: str) -> Cluster:
    """A Dask cluster, which has the agent installed, for :func:`cluster`; to be closed.

    Raises:
        InputError: the extra ``dask`` is not installed, or the scheduler cannot be reached.
    """
    made: Cluster = require_dask().Cluster.reached(scheduler)
    return made


def cluster(
    reached: Cluster,
    workers: int,
    hooks: Hooks | None = None,
    *,
    rate: Rate | None = None,
    in_flight: int | None = None,
) -> Backend:
    """The workers of a Dask cluster; secrets are resolved there. No more routers than it has threads are at work."""
    most = min(workers, reached.threads) or workers
    made: Backend = require_dask().backend(lambda: reached, most, hooks or Hooks(), rate or Rate(), in_flight)
    return made


def require_dask() -> ModuleType:
    """What needs Dask.

    Raises:
        InputError: the extra ``dask`` is not installed.
    """
    try:
        from agent.fleet.run import cluster as module
    except ImportError as error:
        said = "more than one process needs the extra dask"
        raise InputError(
            said, hint="pip install 'xr-trust-agent[dask]', or leave --processes and --scheduler out"
        ) from error
    return module
