"""A push to a thousand routers: by xr-agent, and the same rpcs by nornir with nornir_netconf, in turn.

``python -m bench.fleet [--devices N] [--workers W] [--latency MS] [--against REV] [--turns N] [--full] [--json]``
prints what each took, what bounded it, and these ratios:

- ``devices_per_s_vs_peer``: ours divided by theirs;
- ``cpu_per_device_vs_peer``: CPU seconds of the client's process for a router, theirs divided by ours;
- ``memory_growth_100_to_1000``: our peak memory with all routers divided by that with 100, as many at a time; with
  ``--full`` also ``memory_growth_100_to_10000``, and a push to 10,000 routers with 200 workers;
- with ``--against REV`` the same push by xr-agent as of that git revision: ``devices_per_s_vs_REV``, ours divided by
  its, ``cpu_per_device_vs_REV`` and ``peak_memory_vs_REV``, its divided by ours.

Contestants and routers are processes of their own, and each run has fresh routers that need the root. With ``--turns``
each contestant runs so often, in turn with the others, and its run of the median CPU time is told. The routers are
one simulator, as far away as ``--latency`` says: what a client sends is taken that much later, as over a distance (no
packet is lost, and TCP's own handshake is not delayed). Both contestants work on as many routers at a time, send the
rpcs of ``python -m bench.rpcs`` and close each session; ours checks host keys, payloads and certificates besides.
Afterwards the routers say what was written to them: a run in which one was not written to once is no run.

The peer's environment is made in ``.venvs/fleet-peer``, a revision's in ``.venvs/revision-COMMIT``, with its own
dependencies; its part of this bench is its own as well, and the routers are those of this code.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.contestant import Told
from bench.environment import Place, ours, peer, revision
from bench.rpcs import RPCS
from bench.servers import RELEASE, fleet

_PEER = ("nornir>=3.4,<3.6", "nornir-netconf>=2.1", "ncclient<0.7")
# nornir_netconf 2.1 imports names that nornir has no more from 3.6 on.
_BUSY = 0.85
_MANY, _MANY_WORKERS = 10_000, 200


@dataclass(frozen=True)
class Run:
    """One contestant on one fleet; ``others``: how many cores processes that are no part of it kept busy."""

    told: Told
    server_cpu: float
    others: float

    @property
    def rate(self) -> float:
        """Routers per second."""
        return self.told.devices / self.told.seconds

    @property
    def cpu(self) -> float:
        """CPU seconds of the client for one router."""
        return self.told.cpu / self.told.devices

    @property
    def bound(self) -> str:
        """What kept it from being faster."""
        client, server = self.told.cpu / self.told.seconds, self.server_cpu / self.told.seconds
        cores = os.cpu_count() or 1
        used = f"client {client:.2f}, routers {server:.2f}, others {self.others:.2f} of {cores} cores"
        if client >= _BUSY:
            return f"the client's CPU ({used})"
        if server >= _BUSY:
            return f"the routers' CPU ({used})"
        if client + server + self.others >= _BUSY * cores:
            return f"the machine ({used})"
        return f"waiting for answers ({used})"


def main() -> None:
    """Run the bench."""
    chosen = _parser().parse_args()
    push = _pushes(chosen)
    contestants = {"xr-agent": push(ours(), "bench.fleet_ours", chosen.devices)}
    if chosen.against:
        contestants[chosen.against] = push(revision(chosen.against), "bench.fleet_ours", chosen.devices)
    contestants["nornir_netconf"] = push(peer("fleet-peer", _PEER), "bench.fleet_peer", chosen.devices)
    contestants["xr-agent, 100 routers"] = push(ours(), "bench.fleet_ours", 100)
    if chosen.full:
        contestants[f"xr-agent, {_MANY} routers"] = push(ours(), "bench.fleet_ours", _MANY)
        many = f"xr-agent, {_MANY} routers, {_MANY_WORKERS} at a time"
        contestants[many] = push(ours(), "bench.fleet_ours", _MANY, _MANY_WORKERS)
    turns = [{name: run() for name, run in contestants.items()} for _ in range(chosen.turns)]
    runs = {name: _median([turn[name] for turn in turns]) for name in contestants}
    _report(chosen, runs, _ratios(chosen, runs))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--devices", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=50)
    parser.add_argument("--latency", type=float, default=50.0, metavar="MS")
    parser.add_argument("--against", metavar="REV")
    parser.add_argument("--turns", type=int, default=1)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--json", action="store_true")
    return parser


def _pushes(chosen: argparse.Namespace) -> Callable[..., Callable[[], Run]]:
    """What makes a contestant: its code, its part of the bench, how many routers, and how many at a time."""

    def push(place: Place, module: str, devices: int, workers: int = chosen.workers) -> Callable[[], Run]:
        command = place.module(module)
        return lambda: _run(command, place.folder, devices, workers, chosen.latency / 1000)

    return push


def _median(runs: Sequence[Run]) -> Run:
    """The run with the median CPU time, the lower of two in the middle."""
    return sorted(runs, key=lambda run: run.cpu)[(len(runs) - 1) // 2]


def _ratios(chosen: argparse.Namespace, runs: dict[str, Run]) -> dict[str, float]:
    own, theirs, few = runs["xr-agent"], runs["nornir_netconf"], runs["xr-agent, 100 routers"]
    ratios = {
        "devices_per_s_vs_peer": own.rate / theirs.rate,
        "cpu_per_device_vs_peer": theirs.cpu / own.cpu,
        f"memory_growth_100_to_{chosen.devices}": own.told.peak_mb / few.told.peak_mb,
    }
    if chosen.full:
        many = runs[f"xr-agent, {_MANY} routers"]
        ratios[f"memory_growth_100_to_{_MANY}"] = many.told.peak_mb / few.told.peak_mb
    if chosen.against:
        before = runs[chosen.against]
        ratios[f"devices_per_s_vs_{chosen.against}"] = own.rate / before.rate
        ratios[f"cpu_per_device_vs_{chosen.against}"] = before.cpu / own.cpu
        ratios[f"peak_memory_vs_{chosen.against}"] = before.told.peak_mb / own.told.peak_mb
    return ratios


def _report(chosen: argparse.Namespace, runs: dict[str, Run], ratios: dict[str, float]) -> None:
    if chosen.json:
        rounded = {name: round(value, 2) for name, value in ratios.items()}
        print(json.dumps({**rounded, "bounded_by": {name: run.bound for name, run in runs.items()}}))
        return
    what = f"{chosen.devices} simulated IOS XR {RELEASE}, {chosen.latency:g} ms away, {chosen.workers} at a time"
    print(f"A push to each of {what}: {len(RPCS) + 1} rpcs")
    width = max(map(len, (*runs, *ratios)))
    print(f"  {'':{width}}  {'routers/s':>10}  {'wall':>8}  {'cpu/router':>11}  {'peak':>8}  {'server cpu/router':>17}")
    for name, run in runs.items():
        print(
            f"  {name:{width}}  {run.rate:10.1f}  {run.told.seconds:6.1f} s  {run.cpu * 1000:8.1f} ms  "
            f"{run.told.peak_mb:5.0f} MB  {run.server_cpu / run.told.devices * 1000:14.1f} ms"
        )
    for name, run in runs.items():
        print(f"  {name} was bounded by {run.bound}")
    for name, value in ratios.items():
        print(f"  {name:{width}}  {value:10.2f}")


def _run(command: list[str], folder: Path, devices: int, workers: int, round_trip: float) -> Run:
    with fleet(devices, round_trip) as served, TemporaryDirectory() as temporary:
        known_hosts = Path(temporary, "known_hosts")
        known_hosts.write_text("".join(f"{line}\n" for line in served.at.host_keys))
        asked = {
            "ports": served.at.ports,
            "username": served.at.username,
            "password": served.at.password,
            "known_hosts": str(known_hosts),
            "workers": workers,
            "rpcs": RPCS,
        }
        before, idle = served.account(), _idle()
        done = subprocess.run(
            command, input=json.dumps(asked), stdout=subprocess.PIPE, text=True, check=True, cwd=folder
        )
        told, after, idled = Told(**json.loads(done.stdout)), served.account(), _idle() - idle
        _once(told, after.written)
    cpu = after.cpu - before.cpu
    others = (os.cpu_count() or 1) - (told.cpu + cpu + idled) / told.seconds
    return Run(told, cpu, max(0.0, others))


def _once(told: Told, written: dict[str, dict[str, int]]) -> None:
    """Refuse a run in which not every router was written to exactly once."""
    if told.errors:
        raise SystemExit(f"{len(told.errors)} routers failed, the first: {told.errors[0]}")
    for name, one in written.items():
        if (one["commits"], one["authenticates"], one["renewals"]) != (1, 1, 1) or one["locked"] or one["dirty"]:
            raise SystemExit(f"{name} was not pushed to exactly once: {one}")


def _idle() -> float:
    """Seconds for which the machine's cores were idle since it began; 0 where the system does not tell."""
    stat = Path("/proc/stat")
    if not stat.exists():
        return 0.0
    fields = stat.read_text(encoding="ascii").split("\n", 1)[0].split()
    return (int(fields[4]) + int(fields[5])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
