"""A thousand kept sessions: what ``xr-agent poll --keep-sessions`` takes in threads, memory and CPU.

``python -m bench.poll [--sessions N] [--interval S] [--against REV] [--json]`` prints for the command, as a process of
its own, the most threads and open files that it had at any time, its peak memory, and its CPU seconds for a router over
the whole run: one session opened, two looks or three, one session closed. With ``--against REV`` the same by xr-agent
as of that git revision, in turn, and ``threads_vs_REV``, ``peak_memory_vs_REV`` and ``cpu_per_router_vs_REV``, its
divided by ours. A run in which not every session was kept at one time is no run.

The figures are from ``/proc``, so it runs on Linux alone. A revision's environment is made as ``bench.fleet`` does.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.environment import Place, ours, revision
from bench.servers import RELEASE, Servers, servers

_VARIABLE = "XR_BENCH_PASSWORD"
_BETWEEN = 0.1


@dataclass(frozen=True)
class Run:
    """What one process took: the most threads and files at any time, peak memory in MB, CPU seconds in all."""

    threads: int
    files: int
    peak_mb: float
    cpu: float


def main() -> None:
    """Run the bench."""
    chosen = _parser().parse_args()
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
    _report(chosen, runs, ratios)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=1000)
    parser.add_argument("--interval", type=float, default=60.0, metavar="S")
    parser.add_argument("--against", metavar="REV")
    parser.add_argument("--json", action="store_true")
    return parser


def _report(chosen: argparse.Namespace, runs: dict[str, Run], ratios: dict[str, float]) -> None:
    if chosen.json:
        threads = {name: run.threads for name, run in runs.items()}
        print(json.dumps({"threads": threads, **{name: round(value, 2) for name, value in ratios.items()}}))
        return
    print(f"{chosen.sessions} kept sessions to simulated IOS XR {RELEASE}, a look at each every {chosen.interval:g} s")
    width = max(map(len, (*runs, *ratios)))
    print(f"  {'':{width}}  {'threads':>8}  {'files':>6}  {'peak':>8}  {'cpu/router':>11}")
    for name, run in runs.items():
        cpu = run.cpu / chosen.sessions * 1000
        print(f"  {name:{width}}  {run.threads:8}  {run.files:6}  {run.peak_mb:5.0f} MB  {cpu:8.1f} ms")
    for name, value in ratios.items():
        print(f"  {name:{width}}  {value:8.2f}")


def _run(place: Place, sessions: int, interval: float) -> Run:
    with servers(sessions) as at, TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with Path(folder, "looks").open("w+", encoding="utf-8") as looks:
            run = _watched(_command(place, at, folder, interval), place, at, folder, looks.fileno())
            looks.seek(0)
            seen = {json.loads(line)["device"] for line in looks}
    if len(seen) < sessions or run.files < sessions:
        raise SystemExit(f"{len(seen)} of {sessions} routers looked at, and {run.files} files open: not all were kept")
    return run


def _command(place: Place, at: Servers, folder: Path, interval: float) -> list[str]:
    routers = folder / "routers.csv"
    rows = [f"r{port},127.0.0.1,{port}" for port in at.ports]
    routers.write_text("\n".join(["name,host,port", *rows, ""]), encoding="utf-8")
    known_hosts = folder / "known_hosts"
    known_hosts.write_text("".join(f"{line}\n" for line in at.host_keys), encoding="utf-8")
    # Half an interval more than two looks need, should the machine be busy.
    options = {
        "--inventory": routers,
        "--username": at.username,
        "--password-env": _VARIABLE,
        "--known-hosts": known_hosts,
        "--ssh-config": os.devnull,
        "--interval": interval,
        "--timeout": 2.5 * interval,
        "--format": "jsonl",
    }
    words = [str(word) for option in options.items() for word in option]
    return [*place.module("agent.cli.main"), "poll", "--keep-sessions", "--no-ssh", *words]


def _watched(command: list[str], place: Place, at: Servers, folder: Path, stdout: int) -> Run:
    environment = {**os.environ, _VARIABLE: at.password, "XDG_STATE_HOME": str(folder / "state")}
    child = subprocess.Popen(command, stdout=stdout, stderr=subprocess.DEVNULL, env=environment, cwd=place.folder)
    process = Path("/proc", str(child.pid))
    threads = files = 0
    peak = 0.0
    while True:
        ended, _, used = os.wait4(child.pid, os.WNOHANG)
        if ended:
            return Run(threads, files, peak, used.ru_utime + used.ru_stime)
        status = dict(line.split(":", 1) for line in (process / "status").read_text(encoding="ascii").splitlines())
        if "VmHWM" in status:  # no more where it is ending
            threads = max(threads, int(status["Threads"]))
            files = max(files, len(list((process / "fd").iterdir())))
            peak = max(peak, int(status["VmHWM"].split()[0]) / 1024)
        time.sleep(_BETWEEN)


if __name__ == "__main__":
    main()
