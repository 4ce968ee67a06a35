"""Dask clusters for tests: of this process, and of processes that know nothing of it, each a machine by itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support import eventually

THREADS = 2


@contextmanager
def local_cluster(**more: Any) -> Iterator[str]:
    """A scheduler and two worker processes; gives the scheduler's address."""
    import distributed

    with distributed.LocalCluster(  # type: ignore[no-untyped-call]
        **{"n_workers": 2, "threads_per_worker": THREADS, "host": "127.0.0.1", **more},
        scheduler_kwargs={"dashboard": False, "dashboard_address": "127.0.0.1:0"},
    ) as made:
        yield made.scheduler_address


@dataclass
class Machines:
    """The scheduler's address, its process and those of its workers."""

    address: str
    scheduler: subprocess.Popen[bytes]
    workers: list[subprocess.Popen[bytes]]


@contextmanager
def machines(folder: Path, number: int, environment: Mapping[str, str]) -> Iterator[Machines]:
    """A scheduler and *number* workers, started by hand; each worker has a state folder of its own, as on a machine of
    its own."""
    file, shared = folder / "scheduler.json", {**os.environ, **environment}
    common = ["--scheduler-file", str(file), "--host", "127.0.0.1"]
    with ExitStack() as stack:

        def start(*words: str, **more: str) -> subprocess.Popen[bytes]:
            process = subprocess.Popen(
                [sys.executable, "-m", "dask", *words, *common, "--no-dashboard"],
                env={**shared, **more},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            stack.callback(process.wait)
            stack.callback(process.kill)
            return process

        scheduler, workers = start("scheduler", "--port", "0", "--dashboard-address", "127.0.0.1:0"), []
        assert any(eventually(lambda: file.exists() and bool(file.read_text())) for _ in range(15))
        for name in range(number):
            state = folder / f"machine {name}"
            place = ["--local-directory", str(state), "--memory-limit", "0", "--dashboard-address", "127.0.0.1:0"]
            own = ["worker", "--no-nanny", "--nthreads", str(THREADS), *place]
            workers.append(start(*own, XDG_STATE_HOME=str(state)))
        address = str(json.loads(file.read_text())["address"])
        _wait_for(address, number)
        yield Machines(address, scheduler, workers)


def _wait_for(address: str, workers: int) -> None:
    import distributed

    with distributed.Client(address, set_as_default=False) as client:  # type: ignore[no-untyped-call]
        client.wait_for_workers(workers, timeout=60)
