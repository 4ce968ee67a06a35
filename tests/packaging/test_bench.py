"""The benches that need an environment of their own still run, and measure what they say."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

import pytest

from bench import environment, fleet, flights, poll
from bench.contestant import Told
from tests.packaging.project import ROOT, run


def test_the_fleet_bench_pushes_with_its_peer_and_tells_three_ratios_and_what_bounded_it() -> None:
    words = ("--devices", "5", "--workers", "5", "--latency", "1", "--json")

    output = run(sys.executable, "-m", "bench.fleet", *words, cwd=ROOT, timeout=600)

    ratios = json.loads(output)
    bounds = ratios.pop("bounded_by")
    assert set(bounds) == {"xr-agent", "nornir_netconf", "xr-agent, 100 routers"}
    assert all(" of " in bound and " cores)" in bound for bound in bounds.values())
    assert set(ratios) == {"devices_per_s_vs_peer", "cpu_per_device_vs_peer", "memory_growth_100_to_5"}
    assert all(value > 0 for value in ratios.values())


def test_the_poll_bench_tells_what_kept_sessions_take() -> None:
    words = ("--sessions", "3", "--interval", "2", "--json")

    output = run(sys.executable, "-m", "bench.poll", *words, cwd=ROOT, timeout=120)

    told = json.loads(output)
    assert told.keys() == {"threads"}
    assert told["threads"]["xr-agent"] > 1


def test_the_flights_bench_tells_the_round_trips_of_each_step() -> None:
    words = ("--rounds", "1", "--near", "0", "--far", "20", "--json")

    output = run(sys.executable, "-m", "bench.flights", *words, cwd=ROOT, timeout=120)

    told = json.loads(output)
    steps = ["connect", "observe", "lock", "edit-config", "commit", "ca-authenticate", "renew-auth", "contact", "close"]
    assert [step for step in told["plain"] if step in steps] == steps
    assert {"confirm", "a push"} <= told["confirmed"].keys() > {*steps} - {"read back"}
    assert all(told[commit]["a push"] > told[commit]["connect"] > 0 for commit in ("plain", "confirmed"))


def test_the_round_trips_are_what_a_longer_way_takes_longer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def seconds(place: environment.Place, commit: str, rounds: int, round_trip: float) -> dict[str, float]:
        trips = (12 if place.folder.name == "before" else 9) + (commit == "confirmed")
        return {"connect": 0.04 + 6 * round_trip, "a push": 0.3 + trips * round_trip}

    before = environment.Place(Path("python"), Path("before"))
    monkeypatch.setattr(flights, "revision", lambda _: before)
    monkeypatch.setattr(flights, "_seconds", seconds)
    monkeypatch.setattr(sys, "argv", ["flights", "--against", "v1", "--json"])

    flights.main()

    told = json.loads(capsys.readouterr().out)
    assert {column: trips["a push"] for column, trips in told.items()} == {
        "plain, xr-agent": 9.0,
        "plain, v1": 12.0,
        "confirmed, xr-agent": 10.0,
        "confirmed, v1": 13.0,
    }
    assert {trips["connect"] for trips in told.values()} == {6.0}


def ran(cpu: float, seconds: float, peak: float) -> fleet.Run:
    return fleet.Run(Told(100, seconds, cpu, peak, []), server_cpu=1.0, others=0.0)


@pytest.fixture
def contestants(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Who ran, by the code's folder and module, and for how many routers; the code of a revision is the slower."""
    said: list[tuple[str, int]] = []

    def runs(command: Sequence[str], folder: Path, devices: int, *_: object) -> fleet.Run:
        said.append((f"{folder.name} {command[-1]}", devices))
        turn = said.count(said[-1])
        return ran(8.0, 20.0, 150.0) if folder.name == "before" else ran(2.0 + turn, 10.0, 100.0)

    before = environment.Place(Path("python"), Path("before"))
    monkeypatch.setattr(environment.Place, "module", lambda _, name: ["python", "-m", name])
    monkeypatch.setattr(fleet, "revision", lambda _: before)
    monkeypatch.setattr(fleet, "peer", lambda *_: environment.Place(Path("python"), Path("peer")))
    monkeypatch.setattr(fleet, "_run", runs)
    return said


def test_a_revision_is_pushed_by_in_turn_with_ours(
    contestants: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["fleet", "--devices", "7", "--against", "v1", "--turns", "3", "--json"])

    fleet.main()

    turn = [(f"{ROOT.name} bench.fleet_ours", 7), ("before bench.fleet_ours", 7), ("peer bench.fleet_peer", 7)]
    assert contestants == [*turn, (f"{ROOT.name} bench.fleet_ours", 100)] * 3
    told = json.loads(capsys.readouterr().out)
    # Of ours the median run counts, which took 4 s.
    assert (told["devices_per_s_vs_v1"], told["cpu_per_device_vs_v1"], told["peak_memory_vs_v1"]) == (2.0, 2.0, 1.5)


@pytest.mark.parametrize("bench, runs", [(fleet, "_run"), (poll, "_run"), (flights, "_seconds")])
def test_a_revision_that_git_does_not_know_is_refused_before_anything_runs(
    bench: ModuleType, runs: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["bench", "--against", "no-such-revision"])
    monkeypatch.setattr(bench, runs, lambda *_: pytest.fail("it ran"))

    with pytest.raises(SystemExit, match="'no-such-revision' is no revision"):
        bench.main()


def test_the_code_of_a_revision_is_what_was_committed_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def git(*words: str) -> None:
        who = ("-c", "user.name=x", "-c", "user.email=x@example.net")
        subprocess.run(["git", *who, *words], cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)

    git("init", "--quiet")
    for text in ("before", "after"):
        (tmp_path / "bench.py").write_text(text)
        git("add", "bench.py")
        git("commit", "--quiet", "--message", text)

    def made(folder: Path, requirements: Sequence[str], prepare: Callable[[], None]) -> Path:
        assert requirements == ["--editable", str(folder.parent / "source")]
        prepare()
        return folder / "bin" / "python"

    monkeypatch.setattr(environment, "ROOT", tmp_path)
    monkeypatch.setattr(environment, "_environment", made)

    place = environment.revision("HEAD~1")

    assert (place.folder / "bench.py").read_text() == "before"
    assert place.folder.is_relative_to(tmp_path / ".venvs")
    assert place.module("bench") == [str(place.python), "-m", "bench"]
    with pytest.raises(SystemExit, match=r"has no bench\.poll"):
        place.module("bench.poll")
