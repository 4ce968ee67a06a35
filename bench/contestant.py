"""What a contestant of the fleet bench is asked and what it tells; imported by each in its own virtual environment.

Nothing but the standard library is imported here, since the peer's environment has none of the agent's.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Asked:
    """The routers on 127.0.0.1, how to log in, how many at a time (None: by default), and what one push sends."""

    ports: list[int]
    username: str
    password: str
    known_hosts: str
    workers: int | None
    rpcs: list[str]


@dataclass(frozen=True)
class Told:
    """Wall and CPU seconds of this process from the first connect to the last close, peak memory in MB, failures."""

    devices: int
    seconds: float
    cpu: float
    peak_mb: float
    errors: list[str]


def contend(push_all: Callable[[Asked], list[str]]) -> None:
    """Read what is asked from stdin, let *push_all* do it and give its failures, and print what to tell of it."""
    asked = Asked(**json.load(sys.stdin))
    wall, cpu = time.perf_counter(), time.process_time()
    errors = push_all(asked)
    told = Told(
        devices=len(asked.ports),
        seconds=time.perf_counter() - wall,
        cpu=time.process_time() - cpu,
        peak_mb=_peak_mb(),
        errors=errors,
    )
    print(json.dumps(asdict(told)))


def _peak_mb() -> float:
    """The largest resident set of this process.

    Linux hands a parent's ru_maxrss on to what it executes, so there the kernel is asked for this program's own.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    unit = 1024 * 1024 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
