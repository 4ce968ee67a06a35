"""How often a push waits for a router that is far away: its round trips, step by step.

``python -m bench.flights [--json] [--rounds N] [--near MS] [--far MS] [--against REV]`` prints them for a plain commit
and for one on trial that a second session confirms.

A round trip is one wait for bytes that could only be sent once others had come: an SSH packet, a NETCONF message or
several that went out together. They are counted by the clock: each push is made through a relay that holds every byte
back for half of *near* each way, and through one that does so for half of *far*; by how much longer it then takes,
divided by far - near, is how many round trips it has. What the machine takes for it, CPU time and all, is the same in
both and falls out; where the machine is busy it takes longer, never less, so the fastest of the rounds counts. The TCP
handshake is with the relay, and so is none; a router's own time for what it is asked is none either, since the
simulated ones answer at once.

``--against REV`` measures the code of a git revision as well, on the same routers and by the same bench.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.environment import ROOT, Place, ours, revision
from bench.servers import RELEASE, relayed, servers

_OURS = ROOT / "bench" / "flights_ours.py"
_COMMITS = ("plain", "confirmed")
_WHOLE = "a push"

Trips = dict[str, float]


def main() -> None:
    """Run the bench."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--near", type=float, default=100.0, metavar="MS")
    parser.add_argument("--far", type=float, default=300.0, metavar="MS")
    parser.add_argument("--against", metavar="REV")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    if not 0 <= chosen.near < chosen.far or chosen.rounds < 1:
        parser.error("--far is more than --near, and a round is made at least")
    places = {"xr-agent": ours()}
    if chosen.against:
        places[chosen.against] = revision(chosen.against)
    near, far = chosen.near / 1000, chosen.far / 1000
    columns = {
        f"{commit}, {name}" if chosen.against else commit: _trips(place, commit, chosen.rounds, near, far)
        for commit in _COMMITS
        for name, place in places.items()
    }
    if chosen.json:
        rounded = {name: {row: round(trips, 2) for row, trips in column.items()} for name, column in columns.items()}
        print(json.dumps(rounded))
        return
    print(f"Round trips of a push, simulated IOS XR {RELEASE}, between {chosen.near:g} and {chosen.far:g} ms")
    _print(columns)


def _print(columns: dict[str, Trips]) -> None:
    rows = list(dict.fromkeys(row for column in columns.values() for row in column if row != _WHOLE))
    width = max(map(len, rows))
    print(f"  {'':{width}}" + "".join(f"  {name:>9}" for name in columns))
    for row in (*rows, _WHOLE):
        cells = (f"{column[row]:.1f}" if row in column else "" for column in columns.values())
        print(
            f"  {row:{width}}"
            + "".join(f"  {cell:>{max(9, len(name))}}" for name, cell in zip(columns, cells, strict=True))
        )


def _trips(place: Place, commit: str, rounds: int, near: float, far: float) -> Trips:
    """The round trips of each step, and of the whole."""
    less, more = (_seconds(place, commit, rounds, one) for one in (near, far))
    return {step: (more[step] - seconds) / (far - near) for step, seconds in less.items()}


def _seconds(place: Place, commit: str, rounds: int, round_trip: float) -> dict[str, float]:
    """The least seconds of each step at that distance, and of the whole; the first push, which imports, counts not."""
    with servers(rounds + 1) as at, TemporaryDirectory() as folder, relayed(at.ports, round_trip / 2) as ports:
        known_hosts = Path(folder, "known_hosts")
        keys = [line.split(" ", 1)[1] for line in at.host_keys]
        known_hosts.write_text("".join(f"[127.0.0.1]:{port} {key}\n" for port, key in zip(ports, keys, strict=True)))
        asked = {
            "ports": ports,
            "username": at.username,
            "password": at.password,
            "known_hosts": str(known_hosts),
            "commit": commit,
        }
        command = [str(place.python), str(_OURS)]
        done = subprocess.run(
            command, input=json.dumps(asked), stdout=subprocess.PIPE, text=True, check=True, cwd=place.folder
        )
    pushes: list[dict[str, float]] = json.loads(done.stdout)[1:]
    steps = {step: min(one.get(step, 0.0) for one in pushes) for step in pushes[0]}
    return {**steps, _WHOLE: min(sum(one.values()) for one in pushes)}


if __name__ == "__main__":
    main()
