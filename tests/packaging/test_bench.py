"""The benches that need an environment of their own still run, and measure what they say."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType

import pytest

from bench import environment, fleet, flights, poll
from bench.contestant import Told
from bench.servers import Pace
from tests.packaging.project import ROOT, run


def test_the_fleet_bench_pushes_with_its_peer_and_tells_its_ratios_and_what_bounded_it() -> None:
    words = ("--devices", "5", "--workers", "2,5", "--latency", "1", "--commit", "0.1", "--contact", "1", "--json")

    output = run(sys.executable, "-m", "bench.fleet", *words, cwd=ROOT, timeout=600)

    ratios = json.loads(output)
    bounds = ratios.pop("bounded_by")
    assert set(bounds) == {"xr-agent", "nornir_netconf, 2 workers", "nornir_netconf, 5 workers"}
    assert all(" of " in bound and " sessions open)" in bound for bound in bounds.values())
    assert set(ratios) == {"devices_per_s_vs_peer", "cpu_per_device_vs_peer"}
    assert all(value > 0 for value in ratios.values())


def test_the_poll_bench_tells_what_kept_sessions_and_many_routers_take(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whether a beat was kept depends on the machine: what is made of it has tests of its own."""
    beats: list[dict[str, int]] = []

    def latest(looks: Mapping[str, Sequence[float]], routers: Sequence[str], interval: float) -> float:
        beats.append({router: len(looks[router]) for router in routers})
        return 0.5

    words = ("--sessions", "3", "--interval", "2", "--full", "--routers", "20", "--speed", "100", "--json")
    monkeypatch.setattr(sys, "argv", ["poll", *words])
    monkeypatch.setattr(poll, "latest", latest)
    monkeypatch.setattr(resource, "setrlimit", lambda *_: None)

    poll.main()

    told = json.loads(capsys.readouterr().out)
    assert told.keys() == {"threads", "looks", "latest_by_s", "cpu_ms_per_look", "cores", "peak_mb", "most_threads"}
    assert told["threads"]["xr-agent"] > 1
    (seen,) = beats
    assert len(seen) == 20
    assert min(seen.values()) >= 3
    assert told["looks"] == sum(seen.values())


def test_the_flights_bench_tells_the_round_trips_of_each_step() -> None:
    words = ("--rounds", "1", "--near", "0", "--far", "20", "--json")

    output = run(sys.executable, "-m", "bench.flights", *words, cwd=ROOT, timeout=600)

    told = json.loads(output)
    steps = ["connect", "observe", "lock", "edit-config", "commit", "ca-authenticate", "renew-auth", "contact", "close"]
    assert [step for step in told["plain"] if step in steps] == steps
    assert {"confirm", "a push"} <= told["confirmed"].keys() > {*steps} - {"read back"}


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


BEATS = {f"r{number}": [beat * 300.0 + number * 100.0 + 5.0 for beat in range(3)] for number in range(3)}


def test_a_look_is_as_late_as_it_comes_behind_its_own_beat() -> None:
    routers = sorted(BEATS)
    assert poll.latest(BEATS, routers, 300.0) == pytest.approx(0)
    assert poll.latest({**BEATS, "r1": [105.0, 412.0, 705.0]}, routers, 300.0) == pytest.approx(7)
    assert poll.latest({**BEATS, "r0": [905.0, 605.0, 305.0, 5.0]}, routers, 300.0) == pytest.approx(0)


@pytest.mark.parametrize(
    "seen, said",
    [
        ([105.0, 405.0], "r1 was looked at 2 times in 3 intervals"),
        ([], "r1 was looked at 0 times"),
        ([105.0, 705.0, 1005.0], "the latest look came 300 s late"),
    ],
)
def test_a_poll_that_misses_a_beat_is_no_run(seen: list[float], said: str) -> None:
    with pytest.raises(SystemExit, match=said):
        poll.latest({**BEATS, "r1": seen}, sorted(BEATS), 300.0)


def ran(cpu: float, seconds: float, peak: float, workers: int | None = None) -> fleet.Run:
    return fleet.Run(Told(100, seconds, cpu, peak, []), server_cpu=1.0, others=0.0, sessions=40.0, workers=workers)


Ran = tuple[str, int, int | None]


@pytest.fixture
def contestants(monkeypatch: pytest.MonkeyPatch) -> list[Ran]:
    """Who ran: the code's folder and module, how many routers, how many at a time. A revision is the slower, the best
    at 200 at a time, and ours needs 20 MB more for ten thousand."""
    said: list[Ran] = []

    def runs(command: Sequence[str], folder: Path, devices: int, workers: int | None, *_: object) -> fleet.Run:
        said.append((f"{folder.name} {command[-1]}", devices, workers))
        turn = said.count(said[-1])
        if folder.name == ROOT.name:
            return ran(2.0 + turn, 10.0, 120.0 if devices > 1000 else 100.0)
        return ran(8.0, 15.0 if workers == 200 else 20.0, 300.0 if workers == 200 else 150.0, workers)

    before = environment.Place(Path("python"), Path("before"))
    monkeypatch.setattr(environment.Place, "module", lambda _, name: ["python", "-m", name])
    monkeypatch.setattr(fleet, "revision", lambda _: before)
    monkeypatch.setattr(fleet, "peer", lambda *_: environment.Place(Path("python"), Path("peer")))
    monkeypatch.setattr(fleet, "_run", runs)
    return said


def test_a_revision_is_pushed_by_in_turn_with_ours_at_its_default_and_at_each_number(
    contestants: list[Ran], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--devices", "7", "--against", "v1", "--turns", "3", "--workers", "500,200", "--full", "--json")
    monkeypatch.setattr(sys, "argv", ["fleet", *words])

    fleet.main()

    ours, theirs, peers = f"{ROOT.name} bench.fleet_ours", "before bench.fleet_ours", "peer bench.fleet_peer"
    before = [(theirs, 7, workers) for workers in (50, 200, 500)]
    turn = [(ours, 7, None), *before, (peers, 7, 200), (peers, 7, 500), (ours, 10_000, None)]
    assert contestants == turn * 3
    told = json.loads(capsys.readouterr().out)
    # Of ours the median run counts, which took 4 s.
    assert (told["devices_per_s_vs_v1"], told["cpu_per_device_vs_v1"], told["peak_memory_vs_v1"]) == (2.0, 2.0, 1.5)
    assert (told["devices_per_s_vs_v1_at_best"], told["peak_memory_vs_v1_at_best"]) == (1.5, 3.0)
    assert (told["devices_per_s_vs_peer"], told["memory_growth_7_to_10000"]) == (1.5, 1.2)
    assert told["bounded_by"]["v1, 50 workers"].startswith("waiting for routers (client 0.40, ")


@pytest.mark.parametrize(
    "words, workers, pace",
    [
        ((), [200, 500, 1000], Pace(0.05, "1", "20", 120_000)),
        (("--instant",), [50], Pace(0.05)),
        (("--instant", "--latency", "0", "--workers", "7,5"), [5, 7], Pace()),
        (("--contact", "lognormal:15-40", "--hello", "0"), [200, 500, 1000], Pace(0.05, "1", "lognormal:15-40", 0)),
    ],
)
def test_the_fleet_is_a_realistic_one_unless_it_is_to_be_instant(
    monkeypatch: pytest.MonkeyPatch, words: Sequence[str], workers: list[int], pace: Pace
) -> None:
    seen: list[tuple[int | None, Pace]] = []

    def runs(_: object, __: object, ___: int, workers: int | None, pace: Pace) -> fleet.Run:
        seen.append((workers, pace))
        return ran(1.0, 10.0, 100.0, workers)

    monkeypatch.setattr(fleet, "peer", lambda *_: environment.ours())
    monkeypatch.setattr(fleet, "_run", runs)
    monkeypatch.setattr(sys, "argv", ["fleet", "--json", *words])

    fleet.main()

    assert seen == [(None, pace), *((number, pace) for number in workers)]


@pytest.mark.parametrize(
    "run, bound",
    [
        (ran(9.0, 10.0, 1), "the client's CPU"),
        (ran(1.0, 1.0, 1), "the client's CPU"),
        (ran(0.1, 1.1, 1), "the routers' CPU"),
        (ran(1.0, 100.0, 1, workers=45), "its workers, each waiting for a router"),
        (ran(1.0, 100.0, 1, workers=50), "waiting for routers"),
        (ran(1.0, 100.0, 1), "waiting for routers"),
    ],
)
def test_what_bounded_a_run_is_said_with_what_it_used(run: fleet.Run, bound: str) -> None:
    assert run.bound.startswith(f"{bound} (client ")
    assert run.bound.endswith("; 40 sessions open)")


def written(**differs: int | bool) -> dict[str, dict[str, int]]:
    like = {"commits": 1, "authenticates": 1, "renewals": 1, "contacts": 1, "locked": False, "dirty": False}
    return {"r1": {**like, **differs}}


@pytest.mark.parametrize("what", ["commits", "authenticates", "renewals", "contacts"])
def test_a_run_in_which_a_router_was_not_pushed_to_once_is_none(what: str) -> None:
    told = Told(1, 1.0, 1.0, 1.0, [])
    fleet._once(told, written())
    for number in (0, 2):
        with pytest.raises(fleet.NoRun, match="r1 was not pushed to exactly once"):
            fleet._once(told, written(**{what: number}))


def test_others_that_fail_with_a_number_of_workers_are_left_out_and_ours_ends_the_bench(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def runs(_: object, __: object, ___: int, workers: int | None, ____: object) -> fleet.Run:
        if workers in failing:
            raise fleet.NoRun("12 routers failed")
        return ran(1.0, 10.0, 100.0, workers)

    failing: list[int | None] = [500]
    monkeypatch.setattr(fleet, "peer", lambda *_: environment.ours())
    monkeypatch.setattr(fleet, "_run", runs)
    monkeypatch.setattr(sys, "argv", ["fleet", "--json"])

    fleet.main()

    said = capsys.readouterr()
    assert list(json.loads(said.out)["bounded_by"]) == [
        "xr-agent",
        *(f"nornir_netconf, {n} workers" for n in (200, 1000)),
    ]
    assert "no run: 12 routers failed" in said.err
    failing += [200, 1000]
    with pytest.raises(SystemExit, match="nornir_netconf pushed to all routers with no number of workers"):
        fleet.main()
    failing += [None]
    with pytest.raises(SystemExit, match="xr-agent: 12 routers failed"):
        fleet.main()


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
