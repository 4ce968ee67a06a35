"""What carries jobs out: this thread, threads, processes of this machine, and a Dask cluster elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

from agent.fleet.run.job import perform
from agent.fleet.run.rate import Rate
from agent.fleet.run.router import Hooks
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


def threads(workers: int, hooks: Hooks | None = None) -> Backend:
    """Threads in this process, which share *hooks*."""
    return Backend(
        workers,
        lambda _job: ThreadPoolExecutor(workers, thread_name_prefix="router"),
        partial(perform, hooks=hooks or Hooks()),
    )


def processes(count: int, workers: int, hooks: Hooks | None = None, *, rate: Rate | None = None) -> Backend:
    """*workers* threads in all, in *count* processes of a local Dask cluster, which is there while the run lasts.

    Raises:
        InputError: the extra ``dask`` is not installed.
    """
    dask = require_dask()
    each = -(-workers // count)
    made: Backend = dask.backend(partial(dask.Cluster.started, count, each), workers, hooks or Hooks(), rate or Rate())
    return made


def reach(scheduler: str) -> Cluster:
    """A Dask cluster, which has the agent installed, for :func:`cluster`; to be closed.

    Raises:
        InputError: the extra ``dask`` is not installed, or the scheduler cannot be reached.
    """
    made: Cluster = require_dask().Cluster.reached(scheduler)
    return made


def cluster(reached: Cluster, workers: int, hooks: Hooks | None = None, *, rate: Rate | None = None) -> Backend:
    """The workers of a Dask cluster; secrets are resolved there. No more routers than they have threads are begun."""
    most = min(workers, reached.threads) or workers
    made: Backend = require_dask().backend(lambda: reached, most, hooks or Hooks(), rate or Rate())
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
