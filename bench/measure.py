"""What the benches share: timing in turns, medians, and the printed table."""

from __future__ import annotations

import json
import resource
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass
class Series:
    """Wall and CPU seconds of one contestant, one pair a round."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """The median wall time in seconds."""
        return statistics.median(self.wall)

    @property
    def median_cpu(self) -> float:
        """The median CPU time, user and system, of the client in seconds."""
        return statistics.median(self.cpu)


def in_turns(contestants: Mapping[str, Callable[[], None]], rounds: int, *, warm_up: int = 1) -> dict[str, Series]:
    """Run each contestant once a round, in turn, so that a machine that slows down slows all of them."""
    series = {name: Series() for name in contestants}
    for number in range(warm_up + rounds):
        for name, run in contestants.items():
            wall, cpu = time.perf_counter(), _cpu()
            run()
            if number >= warm_up:
                series[name].wall.append(time.perf_counter() - wall)
                series[name].cpu.append(_cpu() - cpu)
    return series


def _cpu() -> float:
    """User and system time of this process and of children that have ended."""
    return sum(
        used.ru_utime + used.ru_stime
        for used in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def report(title: str, rows: Mapping[str, Series], ratios: Mapping[str, float], *, as_json: bool) -> None:
    """Print the medians and the ratios (theirs divided by ours), or the ratios alone as one JSON object."""
    if as_json:
        print(json.dumps({name: round(value, 2) for name, value in ratios.items()}))
        return
    out = sys.stdout
    print(title, file=out)
    width = max(len(name) for name in (*rows, *ratios))
    print(f"  {'':{width}}  {'median':>10}  {'min':>10}  {'max':>10}  {'cpu':>10}", file=out)
    for name, one in rows.items():
        times = (one.median, min(one.wall), max(one.wall), one.median_cpu)
        print(f"  {name:{width}}  " + "  ".join(f"{value * 1000:7.1f} ms" for value in times), file=out)
    for name, value in ratios.items():
        print(f"  {name:{width}}  {value:10.2f}", file=out)
