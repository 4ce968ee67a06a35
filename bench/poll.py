"""A thousand kept sessions: what ``xr-agent poll --keep-sessions`` takes in threads, memory and CPU.

``python -m bench.poll [--sessions N] [--interval S] [--against REV] [--json]`` prints for the command, as a process of
its own, the most threads and open files that it had at any time, its peak memory, and its CPU seconds for a router over
the whole run, which ends when each router was looked at twice: one session opened, two looks or three, one session
closed. With ``--against REV`` the same by xr-agent as of that git revision, in turn, and ``threads_vs_REV``,
``peak_memory_vs_REV`` and ``cpu_per_router_vs_REV``, its divided by ours. A run in which not every session was kept at
one time is no run.

With ``--full`` 10,000 routers besides, 50 ms away, with hellos of 120 KB, of which each is looked at every 300 s for
15 minutes, each time by a session of its own (``--routers N``, ``--speed K``): the looks, by how many seconds the
latest was late, CPU for a look, and how many cores that is. These minutes pass K times as fast, twice by default:
intervals and distances are that much shorter, and the work for them is not, so that what keeps every beat there keeps
it in real minutes as well. Looks tell their time in whole seconds, so the latest may seem K seconds later than it
was. A run in which a router had no good look at each of its beats, before the next one, is no run.

The figures are from ``/proc``, so it runs on Linux alone. A revision's environment is made as ``bench.fleet`` does.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import subprocess
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

from bench.environment import Place, ours, revision
from bench.servers import RELEASE, Pace, Servers, servers

_VARIABLE = "XR_BENCH_PASSWORD"
_BETWEEN = 0.1
_INTERVAL, _BEATS = 300.0, 3
"""Seconds between two looks at one of many routers, and how many there are."""
_ROUND_TRIP, _HELLO = 0.05, 120_000


@dataclass(frozen=True)
class Run:
    """What one process took: the most threads and files at any time, peak memory in MB, CPU seconds in all."""

    threads: int
    files: int
    peak_mb: float
    cpu: float


@dataclass(frozen=True)
class Many:
    """What became of the looks at many routers: their number, and by how many seconds the latest was late."""

    run: Run
    looks: int
    latest: float


def main() -> None:
    """Run the bench."""
    chosen = _parser().parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # behind nohup it is ignored, and would be by the command
    places = {"xr-agent": ours()}
    if chosen.against:
        places[chosen.against] = revision(chosen.against)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 2 * chosen.sessions + 1000)), hard))
    runs = {name: _run(place, chosen.sessions, chosen.interval) for name, place in places.items()}
    own = runs["xr-agent"]
    ratios = {}
    if chosen.against:
        before = runs[chosen.against]
        ratios[f"threads_vs_{chosen.against}"] = before.threads / own.threads
        ratios[f"peak_memory_vs_{chosen.against}"] = before.peak_mb / own.peak_mb
        ratios[f"cpu_per_router_vs_{chosen.against}"] = before.cpu / own.cpu
    try:
        many = _watch_many(chosen.routers, chosen.speed) if chosen.full else None
    except SystemExit as missed:
        raise SystemExit(f"{missed}; where the machine is not idle, --speed 1 asks less of it") from missed
    _report(chosen, runs, ratios, many)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=1000)
    parser.add_argument("--interval", type=float, default=60.0, metavar="S")
    parser.add_argument("--against", metavar="REV")
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--routers", type=int, default=10_000)
    parser.add_argument("--speed", type=float, default=2.0, metavar="K")
    parser.add_argument("--json", action="store_true")
    return parser


def _report(chosen: argparse.Namespace, runs: dict[str, Run], ratios: dict[str, float], many: Many | None) -> None:
    if chosen.json:
        threads = {name: run.threads for name, run in runs.items()}
        told = {"threads": threads, **{name: round(value, 2) for name, value in ratios.items()}}
        print(json.dumps({**told, **({} if many is None else _figures(many))}))
        return
    print(f"{chosen.sessions} kept sessions to simulated IOS XR {RELEASE}, a look at each every {chosen.interval:g} s")
    width = max(map(len, (*runs, *ratios)))
    print(f"  {'':{width}}  {'threads':>8}  {'files':>6}  {'peak':>8}  {'cpu/router':>11}")
    for name, run in runs.items():
        cpu = run.cpu / chosen.sessions * 1000
        print(f"  {name:{width}}  {run.threads:8}  {run.files:6}  {run.peak_mb:5.0f} MB  {cpu:8.1f} ms")
    for name, value in ratios.items():
        print(f"  {name:{width}}  {value:8.2f}")
    if many is not None:
        print(f"{chosen.routers} routers, a look at each every {_INTERVAL:g} s for {_INTERVAL * _BEATS / 60:g} minutes")
        for name, value in _figures(many).items():
            print(f"  {name.replace('_', ' '):{width}}  {value:8g}")


def _figures(many: Many) -> dict[str, float]:
    return {
        "looks": many.looks,
        "latest_by_s": round(many.latest, 1),
        "cpu_ms_per_look": round(many.run.cpu / many.looks * 1000, 1),
        "cores": round(many.run.cpu / (_INTERVAL * _BEATS), 2),
        "peak_mb": round(many.run.peak_mb),
        "most_threads": many.run.threads,
    }


def _watch_many(routers: int, speed: float) -> Many:
    interval = _INTERVAL / speed
    pace = Pace(round_trip=_ROUND_TRIP / speed, hello_size=_HELLO)
    with servers(routers, pace) as at, TemporaryDirectory() as temporary:
        folder, place = Path(temporary), ours()
        with Path(folder, "looks").open("w+", encoding="utf-8") as stdout:
            run = _watched(_command(place, at, folder, interval), place, at, stdout, looks=_BEATS)
            stdout.seek(0)
            looks = [json.loads(line) for line in stdout]
    when = defaultdict(list)
    for look in looks:
        if look["error"]:
            raise SystemExit(f"a look at {look['device']} failed: {look['error']}")
        when[look["device"]].append(datetime.fromisoformat(look["time"]).timestamp())
    return Many(run, len(looks), speed * latest(when, [f"r{port}" for port in at.ports], interval))


def latest(looks: Mapping[str, Sequence[float]], routers: Sequence[str], interval: float) -> float:
    """By how many seconds the latest look came behind its beat, given when each router was looked at.

    The beats of *routers* are spread over *interval*, in their order; when they began the earliest look shows.

    Raises:
        SystemExit: one of the first beats of a router was missed.
    """
    late = []
    for number, router in enumerate(routers):
        seen = sorted(looks.get(router, ()))
        if len(seen) < _BEATS:
            raise SystemExit(f"{router} was looked at {len(seen)} times in {_BEATS} intervals")
        late += [when - interval * (beat + number / len(routers)) for beat, when in enumerate(seen[:_BEATS])]
    worst = max(late) - min(late)
    if worst >= interval:
        raise SystemExit(f"the latest look came {worst:.0f} s late, of an interval of {interval:.0f} s")
    return worst


def _run(place: Place, sessions: int, interval: float) -> Run:
    with servers(sessions) as at, TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with Path(folder, "looks").open("w+", encoding="utf-8") as looks:
            run = _watched([*_command(place, at, folder, interval), "--keep-sessions"], place, at, looks, looks=2)
    if run.files < sessions:
        raise SystemExit(f"{run.files} files open for {sessions} routers: not all sessions were kept")
    return run


def _command(place: Place, at: Servers, folder: Path, interval: float) -> list[str]:
    routers = folder / "routers.csv"
    rows = [f"r{port},127.0.0.1,{port}" for port in at.ports]
    routers.write_text("\n".join(["name,host,port", *rows, ""]), encoding="utf-8")
    known_hosts = folder / "known_hosts"
    known_hosts.write_text("".join(f"{line}\n" for line in at.host_keys), encoding="utf-8")
    options = {
        "--inventory": routers,
        "--username": at.username,
        "--password-env": _VARIABLE,
        "--known-hosts": known_hosts,
        "--ssh-config": os.devnull,
        "--interval": interval,
        "--format": "jsonl",
    }
    words = [str(word) for option in options.items() for word in option]
    return [*place.module("agent.cli.main"), "poll", "--no-ssh", *words]


def _watched(command: list[str], place: Place, at: Servers, stdout: IO[str], *, looks: int) -> Run:
    """Run *command* until its output has so many looks at each router, and interrupt it then."""
    folder = Path(stdout.name).parent
    environment = {**os.environ, _VARIABLE: at.password, "XDG_STATE_HOME": str(folder / "state")}
    child = subprocess.Popen(command, stdout=stdout, stderr=subprocess.DEVNULL, env=environment, cwd=place.folder)
    process = Path("/proc", str(child.pid))
    threads = files = 0
    peak = 0.0
    seen: Counter[str] = Counter()
    interrupted = False
    with Path(stdout.name).open(encoding="utf-8") as written:
        while True:
            ended, status, used = os.wait4(child.pid, os.WNOHANG)
            if ended:
                child.returncode = os.waitstatus_to_exitcode(status)
                break
            said = dict(line.split(":", 1) for line in (process / "status").read_text(encoding="ascii").splitlines())
            if "VmHWM" in said:  # no more where it is ending
                threads = max(threads, int(said["Threads"]))
                files = max(files, len(list((process / "fd").iterdir())))
                peak = max(peak, int(said["VmHWM"].split()[0]) / 1024)
            seen.update(_devices(written))
            if not interrupted and sum(number >= looks for number in seen.values()) == len(at.ports):
                child.send_signal(signal.SIGINT)
                interrupted = True
            time.sleep(_BETWEEN)
    if not interrupted:
        raise SystemExit(f"it ended by itself, with {seen.total()} looks at {len(seen)} of {len(at.ports)} routers")
    return Run(threads, files, peak, used.ru_utime + used.ru_stime)


def _devices(written: IO[str]) -> Iterator[str]:
    """The routers of the lines that came meanwhile; one that is not whole is left for the next time."""
    while True:
        begin = written.tell()
        line = written.readline()
        if not line.endswith("\n"):
            written.seek(begin)
            return
        yield json.loads(line)["device"]


if __name__ == "__main__":
    main()
