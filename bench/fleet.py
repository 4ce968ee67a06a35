"""A push to a thousand routers as slow as real ones: by xr-agent, and the same by nornir with nornir_netconf, in turn.

``python -m bench.fleet [--devices N] [--workers W,…] [--against REV] [--turns N] [--full] [--json]`` and, of the
routers, ``[--latency MS] [--commit S] [--contact S] [--hello KB] [--instant]`` prints what each took, what bounded
it, and these ratios:

- ``devices_per_s_vs_peer``: ours divided by theirs;
- ``cpu_per_device_vs_peer``: CPU seconds of the client's process for a router, theirs divided by ours;
- with ``--full`` ``memory_growth_N_to_10000``: our peak memory with 10,000 routers divided by that with N;
- with ``--against REV`` the same push by xr-agent as of that git revision: ``devices_per_s_vs_REV``, ours divided by
  its, ``cpu_per_device_vs_REV`` and ``peak_memory_vs_REV``, its divided by ours; the same three with ``_at_best``.

Ours is run as it is where nobody gives it a number. The others are run with each number of ``--workers``, and the one
with the most routers per second is what is compared, those aside that failed at a router; a revision also with what
was its default, which is compared for itself.

The routers are one simulator. A router is 50 ms away (what a client sends is taken that much later, as over a
distance; no packet is lost, and TCP's own handshake is not delayed), its hello has 120 KB, a commit takes it a
second, and 20 seconds after renew-auth it reaches the licensing server; both times may be distributions, as of
``xr-agent simulate``. ``--instant`` is without these two and with a short hello. Each contestant sends the rpcs of
``python -m bench.rpcs``, reads at equal intervals until the router has its contact, and closes each session; ours
checks host keys, payloads and certificates besides. Afterwards the routers say what was written to them: a run in
which one was not written to once, or whose contact nobody waited for, is no run.

Contestants and routers are processes of their own, and each run has fresh routers that need the root. With
``--turns`` each contestant runs so often, in turn with the others, and its run of the median CPU time is told. The
peer's environment is made in ``.venvs/fleet-peer``, a revision's in ``.venvs/revision-COMMIT``, with its own
dependencies; its part of this bench is its own as well, and the routers are those of this code.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.contestant import Told
from bench.environment import Place, ours, peer, revision
from bench.rpcs import RPCS
from bench.servers import RELEASE, Pace, fleet

_PEER = ("nornir>=3.4,<3.6", "nornir-netconf>=2.1", "ncclient<0.7")
# nornir_netconf 2.1 imports names that nornir has no more from 3.6 on.
_BUSY = 0.85
_MANY = 10_000
_BEFORE = 50
"""The default of ``push --workers`` in revisions that hold a worker for each router."""
_OURS, _THEIRS = "xr-agent", "nornir_netconf"
_REALISTIC = Pace(commit="1", contact="20", hello_size=120_000)


class NoRun(Exception):
    """Not every router was pushed to, or one more than once."""


@dataclass(frozen=True)
class Run:
    """One contestant on one fleet.

    Attributes:
        others: how many cores processes that are no part of it kept busy.
        sessions: how many it had open on average; workers: how many routers at a time it was told to do, if it was.
    """

    told: Told
    server_cpu: float
    others: float
    sessions: float = 0.0
    workers: int | None = None

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
        used += f"; {self.sessions:.0f} sessions open"
        if client >= _BUSY:
            return f"the client's CPU ({used})"
        if server >= _BUSY:
            return f"the routers' CPU ({used})"
        if client + server + self.others >= _BUSY * cores:
            return f"the machine ({used})"
        if self.workers is not None and self.sessions >= _BUSY * self.workers:
            return f"its workers, each waiting for a router ({used})"
        return f"waiting for routers ({used})"


def main() -> None:
    """Run the bench."""
    chosen = _parser().parse_args()
    chosen.workers = chosen.workers or ([50] if chosen.instant else [200, 500, 1000])
    contestants = _contestants(chosen)
    turns = [{name: _told(name, run) for name, run in contestants.items()} for _ in range(chosen.turns)]
    runs = {name: _median([turn[name] for turn in turns]) for name in contestants if all(turn[name] for turn in turns)}
    _report(chosen, runs, _ratios(chosen, runs))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--devices", type=int, default=1000)
    parser.add_argument("--workers", type=_numbers, metavar="W,…")
    parser.add_argument("--latency", type=float, default=50.0, metavar="MS")
    parser.add_argument("--commit", metavar="S")
    parser.add_argument("--contact", metavar="S")
    parser.add_argument("--hello", type=int, metavar="KB")
    parser.add_argument("--instant", action="store_true")
    parser.add_argument("--against", metavar="REV")
    parser.add_argument("--turns", type=int, default=1)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--json", action="store_true")
    return parser


def _numbers(text: str) -> list[int]:
    return sorted({int(word) for word in text.split(",")})


def _pace(chosen: argparse.Namespace) -> Pace:
    """How the routers are to be."""
    pace = replace(Pace() if chosen.instant else _REALISTIC, round_trip=chosen.latency / 1000)
    given = {"commit": chosen.commit, "contact": chosen.contact}
    given["hello_size"] = None if chosen.hello is None else chosen.hello * 1000
    return replace(pace, **{name: value for name, value in given.items() if value is not None})


def _contestants(chosen: argparse.Namespace) -> dict[str, Callable[[], Run]]:
    """What runs, by its name."""
    pace = _pace(chosen)

    def push(place: Place, module: str, devices: int, workers: int | None) -> Callable[[], Run]:
        command = place.module(module)
        return lambda: _run(command, place.folder, devices, workers, pace)

    contestants = {_OURS: push(ours(), "bench.fleet_ours", chosen.devices, None)}
    if chosen.against:
        before = revision(chosen.against)
        for workers in sorted({_BEFORE, *chosen.workers}):
            contestants[_with(chosen.against, workers)] = push(before, "bench.fleet_ours", chosen.devices, workers)
    theirs = peer("fleet-peer", _PEER)
    for workers in chosen.workers:
        contestants[_with(_THEIRS, workers)] = push(theirs, "bench.fleet_peer", chosen.devices, workers)
    if chosen.full:
        contestants[_many()] = push(ours(), "bench.fleet_ours", _MANY, None)
    return contestants


def _with(who: str, workers: int) -> str:
    return f"{who}, {workers} workers"


def _many() -> str:
    return f"{_OURS}, {_MANY} routers"


def _told(name: str, run: Callable[[], Run]) -> Run | None:
    """Its run; None where another than ours made none, which may be for the number of workers."""
    print(f"{name} …", file=sys.stderr)
    try:
        made = run()
    except NoRun as error:
        if name.startswith(_OURS):
            raise SystemExit(f"{name}: {error}") from error
        print(f"  no run: {error}", file=sys.stderr)
        return None
    print(f"  {made.rate:.1f} routers/s", file=sys.stderr)
    return made


def _median(runs: Sequence[Run | None]) -> Run:
    """The run with the median CPU time, the lower of two in the middle."""
    return sorted(filter(None, runs), key=lambda run: run.cpu)[(len(runs) - 1) // 2]


def _best(runs: dict[str, Run], who: str) -> Run:
    """The run with the most routers per second of those with a number of workers.

    Raises:
        SystemExit: there is none.
    """
    made = [run for name, run in runs.items() if name.startswith(f"{who}, ")]
    if not made:
        raise SystemExit(f"{who} pushed to all routers with no number of workers")
    return max(made, key=lambda run: run.rate)


def _ratios(chosen: argparse.Namespace, runs: dict[str, Run]) -> dict[str, float]:
    own, theirs = runs[_OURS], _best(runs, _THEIRS)
    ratios = {"devices_per_s_vs_peer": own.rate / theirs.rate, "cpu_per_device_vs_peer": theirs.cpu / own.cpu}
    if chosen.full:
        ratios[f"memory_growth_{chosen.devices}_to_{_MANY}"] = runs[_many()].told.peak_mb / own.told.peak_mb
    if chosen.against:
        before = {"": runs.get(_with(chosen.against, _BEFORE)), "_at_best": _best(runs, chosen.against)}
        for best, one in before.items():
            if one is None:
                continue
            ratios[f"devices_per_s_vs_{chosen.against}{best}"] = own.rate / one.rate
            ratios[f"cpu_per_device_vs_{chosen.against}{best}"] = one.cpu / own.cpu
            ratios[f"peak_memory_vs_{chosen.against}{best}"] = one.told.peak_mb / own.told.peak_mb
    return ratios


def _report(chosen: argparse.Namespace, runs: dict[str, Run], ratios: dict[str, float]) -> None:
    if chosen.json:
        rounded = {name: round(value, 2) for name, value in ratios.items()}
        print(json.dumps({**rounded, "bounded_by": {name: run.bound for name, run in runs.items()}}))
        return
    pace = _pace(chosen)
    afar, hello = f"{chosen.latency:g} ms away", f"{pace.hello_size // 1000} KB" if pace.hello_size else "no padding"
    print(f"A push to each of {chosen.devices} simulated IOS XR {RELEASE}, {afar}: {len(RPCS) + 1} rpcs; a hello")
    print(f"with {hello}, {pace.commit} s for a commit, {pace.contact} s until contact")
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


def _run(command: list[str], folder: Path, devices: int, workers: int | None, pace: Pace) -> Run:
    with fleet(devices, pace) as served, TemporaryDirectory() as temporary:
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
        with _files(workers):
            done = subprocess.run(
                command, input=json.dumps(asked), stdout=subprocess.PIPE, text=True, check=True, cwd=folder
            )
        told, after, idled = Told(**json.loads(done.stdout)), served.account(), _idle() - idle
        _once(told, after.written)
    cpu = after.cpu - before.cpu
    others = (os.cpu_count() or 1) - (told.cpu + cpu + idled) / told.seconds
    sessions = after.session_seconds / told.seconds
    return Run(told, cpu, max(0.0, others), sessions, workers)


@contextmanager
def _files(workers: int | None) -> Iterator[None]:
    """Open files for whoever has a number of workers, each with a session; ours gets along with what a user has."""
    soft, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft if workers is None else most, most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, most))


def _once(told: Told, written: dict[str, dict[str, int]]) -> None:
    """Refuse a run in which not every router was written to exactly once, and its contact seen.

    Raises:
        NoRun: it is none.
    """
    if told.errors:
        raise NoRun(f"{len(told.errors)} routers failed, the first: {told.errors[0]}")
    for name, one in written.items():
        done = {one[what] for what in ("commits", "authenticates", "renewals", "contacts")}
        if done != {1} or one["locked"] or one["dirty"]:
            raise NoRun(f"{name} was not pushed to exactly once: {one}")


def _idle() -> float:
    """Seconds for which the machine's cores were idle since it began; 0 where the system does not tell."""
    stat = Path("/proc/stat")
    if not stat.exists():
        return 0.0
    fields = stat.read_text(encoding="ascii").split("\n", 1)[0].split()
    return (int(fields[4]) + int(fields[5])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
