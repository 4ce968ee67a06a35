"""xr-agent's part of the fleet bench: the runner that ``push -i`` has; host keys, payloads and proof checked."""

from __future__ import annotations

import os
from pathlib import Path

import agent
from agent.fleet.inventory.reference import Reference
from agent.fleet.inventory.target import Reach, Target
from agent.fleet.parking import MOST, allow_files, rarely_collected
from agent.fleet.results.record import Kind
from agent.fleet.run.executors import threads
from agent.fleet.run.job import Job
from agent.fleet.run.runner import Run
from bench.contestant import Asked, contend

_WORKERS = 100
"""What ``push`` has by default."""
_VARIABLE = "XR_BENCH_PASSWORD"


def push_all(asked: Asked) -> list[str]:
    """Push to every router, and give the failures."""
    os.environ[_VARIABLE] = asked.password
    reach = Reach(
        username=asked.username,
        password=Reference.parse(f"env:{_VARIABLE}"),
        host_keys=agent.HostKeys(Path(asked.known_hosts)),
        timeout=120,
        open_timeout=120,
        ssh=False,
    )
    # The peer's list has a plain commit; a confirmed one takes a second session.
    intent = agent.Intent(caution=agent.Caution(commit=agent.CommitMode.PLAIN))
    targets = [Target(str(port), "127.0.0.1", port) for port in asked.ports]
    workers = asked.workers or _WORKERS
    allow_files(workers, MOST)  # as push does
    with rarely_collected():
        results = Run(targets, Job(Kind.PUSH, reach, intent), threads(workers)).results()
        return [f"{result.device}: {result.failure}" for result in results if result.word != "remedied"]


if __name__ == "__main__":
    contend(push_all)
