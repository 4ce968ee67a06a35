"""What bounds a push to many where nobody says otherwise: a canary of each kind of plan, and a share of failures."""

from __future__ import annotations

import signal
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from agent.cli.confirmation.bounds import Bounds, Seen
from agent.cli.main import program
from agent.fleet.inventory.target import Target
from agent.fleet.journal.store import Journal
from agent.fleet.journal.tables import connect
from agent.fleet.run.rollout import Batch, Rollout, Share
from agent.simulator import Device, Fault, FaultKind
from tests.cli.lab import PEM, VARIABLE, Fleet
from tests.cli.processes import answered, until
from tests.fleet.clusters import machines

NOTHING_SAID = {"canary": None, "no_canary": False, "max_failures": None}


def kinds(*numbers: int) -> dict[str, str]:
    """Routers by name with their kinds of plan: so many of the first kind, then of the next."""
    each = [f"{number} rpc" for number, count in enumerate(numbers) for _ in range(count)]
    return {f"r{place}": kind for place, kind in enumerate(each)}


def bounds(
    *numbers: int, away: int = 0, total: int = 0, before: int = 0, rollout: Rollout | None = None, **said: Any
) -> Bounds:
    found = kinds(*numbers)
    seen = Seen(found, unread=frozenset(f"away{number}" for number in range(away)))
    return Bounds.of({**NOTHING_SAID, **said}, rollout or Rollout(), total or len(found) + away, seen, before=before)


def text(made: Bounds) -> str:
    return "\n".join(made.lines)


def test_above_ten_to_be_changed_one_of_each_kind_is_the_canary_and_none_of_them_may_fail() -> None:
    made = bounds(7, 3, 1)
    assert made.canaries == {"r0": "0 rpc", "r7": "1 rpc", "r10": "2 rpc"}
    assert [(one.name, one.size) for one in made.rollout.batches(11)] == [("canary", 3), ("batch 1", 8)]
    canary, rest = made.rollout.batches(11)
    assert made.rollout.too_many(1, 11, canary)
    assert [failed for failed in range(6) if made.rollout.too_many(failed, 11, rest)] == [3, 4, 5]
    assert "canary r0 (0 rpc), r7 (1 rpc), r10 (2 rpc): one of each kind of plan" in text(made)
    assert "stops at 3 failures (5 % of 11, at least 3), and at one in the canary" in text(made)
    assert "without: --no-canary, --max-failures none" in text(made)


@pytest.mark.parametrize("changing, failures", [(11, 3), (60, 3), (61, 4), (100, 5), (1000, 50)])
def test_a_push_stops_at_five_percent_of_those_to_be_changed_and_no_fewer_than_three(
    changing: int, failures: int
) -> None:
    rollout = bounds(changing, total=10_000).rollout
    batch = Batch("batch 1", 1, 10_000)
    assert not rollout.too_many(failures - 1, 10_000, batch)
    assert rollout.too_many(failures, 10_000, batch)


def test_up_to_ten_to_be_changed_nothing_bounds_it_however_many_routers_there_are() -> None:
    made = bounds(10, total=500)
    assert (made.rollout, made.canaries) == (Rollout(), {})
    assert text(made) == "bounds: none, up to 10 routers to be changed; --canary and --max-failures set some"


def test_those_that_could_not_be_read_count_and_come_last() -> None:
    made = bounds(5, away=6)
    assert list(made.canaries) == ["r0"]
    names = ["away0", "r1", "r0", "nothing to do"]
    assert [one.name for one in made.ordered([Target(name, "h") for name in names])] == [
        *("r0", "r1", "nothing to do", "away0")
    ]


def test_a_run_that_goes_on_keeps_what_bounded_it_when_less_is_left() -> None:
    made = bounds(2, 2, before=3)
    assert list(made.canaries) == ["r0", "r2"]
    assert "stops at 3 failures (5 % of 4, at least 3), and at one in the canary" in text(made)
    assert "stops at 3 failures (fewer routers are left), and at one" in text(bounds(1, before=3))


def test_a_run_that_goes_on_stops_at_no_more_failures_than_before() -> None:
    made = bounds(20, away=480, before=4)
    assert "stops at 4 failures (as it did before), and at one in the canary" in text(made)
    assert made.rollout.max_failures == Share(3)
    assert "stops at 3 failures (5 % of 20, at least 3)" in text(bounds(20, before=4))


@pytest.mark.parametrize(
    "said, rollout, canary, failures",
    [
        ({"canary": "20%"}, Rollout(canary=Share(20, percent=True)), "canary 20%", "stops at 3 failures"),
        ({"no_canary": True}, Rollout(), "", "stops at 3 failures"),
        ({"max_failures": "none"}, Rollout(), "canary r0", "stops at one failure in the canary"),
        ({"max_failures": "7"}, Rollout(max_failures=Share(7)), "canary r0", "stops at more than 7 failures"),
        ({"no_canary": True, "max_failures": "none"}, Rollout(), "", "none, as --no-canary and --max-failures none"),
    ],
)
def test_what_is_said_counts_and_what_is_not_is_as_usual(
    said: dict[str, Any], rollout: Rollout, canary: str, failures: str
) -> None:
    made = bounds(20, rollout=rollout, **said)
    assert failures in text(made)
    assert canary in text(made)
    assert bool(canary) == ("canary" in text(made).partition("\n")[0].replace("--no-canary", ""))
    rest = Batch("batch 1", 1, 20)
    bound = {"7": 8, "none": None}.get(str(said.get("max_failures")), 3)
    assert next((failed for failed in range(20) if made.rollout.too_many(failed, 20, rest)), None) == bound


def batches(fleet: Fleet) -> dict[str, str | None]:
    with Journal.open(fleet.journal) as journal:
        return {one.device: one.batch for one in journal.devices("last")}


def resumed(fleet: Fleet, *words: str, run: str = "last") -> Result:
    given = ["push", "--resume", run, "--yes", *words, "--journal", str(fleet.journal)]
    return CliRunner().invoke(program, given, env=fleet.environment, catch_exceptions=False)


def newest(fleet: Fleet) -> str:
    with Journal.open(fleet.journal) as journal:
        return journal.run("last").run


def forgotten(fleet: Fleet) -> None:
    """Have the journal's runs as one of an earlier xr-agent has them, which kept nothing of their bounds."""
    with closing(connect(fleet.journal)) as db:
        db.execute("UPDATE attempt SET bound = NULL")


def two_kinds(fleet: Fleet, **settings: Any) -> tuple[list[Device], list[Device]]:
    return fleet.add(6, **settings), fleet.add(6, release="7.5.2", **settings)


def test_one_of_each_kind_goes_first_and_what_bounds_the_push_is_said(fleet: Fleet) -> None:
    one, other = two_kinds(fleet)
    done = fleet.run("push", "--yes", "--contact-wait", "0", "--no-renew")
    assert done.exit_code == 0, done.stderr
    firsts = (one[0].name, other[0].name)
    assert {name for name, batch in batches(fleet).items() if batch == "canary"} == set(firsts)
    assert set(fleet.records().values()) == {"remedied"}
    assert "12 of 12 routers are to be changed\n" in done.stderr
    said = f"bounds: canary {firsts[0]} (7.4 rpc), {firsts[1]} (7.5 rpc): one of each kind of plan"
    assert said in done.stderr
    assert done.stderr.index(said) < done.stderr.index("canary: 2 of 12 routers")
    assert "crypto ca trustpoint" not in done.stderr, "with --yes no plan is shown"


def test_quiet_says_nothing_of_the_look_and_the_bounds_where_nobody_is_asked(fleet: Fleet) -> None:
    fleet.add(11, enrollment="terminal", certificate=PEM)
    done = fleet.run("push", "--yes", "-q")
    assert (done.exit_code, done.stderr) == (0, "")


def test_routers_that_are_planned_anew_are_looked_at_so_that_they_count(fleet: Fleet) -> None:
    fleet.add(11)
    plan, words = str(fleet.folder / "plan.json"), fleet.words("plan", "--no-renew", "--out")
    unread = CliRunner().invoke(program, [*words, plan], env={VARIABLE: "wrong"}, catch_exceptions=False)
    assert "plan file" in unread.stdout, "none of them could be read"
    done = fleet.run("push", "--yes", "--plan", plan, "--replan")
    assert "11 of 11 routers are to be changed\n" in done.stderr
    assert "stops at 3 failures" in done.stderr
    assert Counter(batches(fleet).values()) == {"canary": 1, "batch 1": 10}
    assert set(fleet.records().values()) == {"remedied"}


def test_where_the_canary_is_skipped_the_next_of_its_kind_goes_first(fleet: Fleet) -> None:
    fleet.add(12)
    plan = str(fleet.folder / "plan.json")
    assert fleet.run("plan", "--no-renew", "--out", plan).exit_code == 0
    for drifted in fleet.devices[:2]:
        drifted.configure("Trustpool", "http://ca.example/")
    done = fleet.run("push", "--yes", "--plan", plan)
    assert done.exit_code == 1
    first = [name for name, batch in batches(fleet).items() if batch == "canary"]
    assert first == [one.name for one in fleet.devices[:3]]
    assert Counter(fleet.records().values()) == {"skipped": 2, "remedied": 10}
    assert done.stderr.index("canary: 1 of 12") < done.stderr.index("batch 1: 9 of 12")


def test_a_scheduler_is_reached_for_the_look_and_for_the_push(fleet: Fleet, tmp_path: Path) -> None:
    fleet.add(11)
    with machines(tmp_path, 1, fleet.environment) as made:
        done = fleet.run("push", "--yes", "--contact-wait", "0", "--no-renew", "--scheduler", made.address)
    assert done.exit_code == 0, done.stderr
    assert Counter(batches(fleet).values()) == {"canary": 1, "batch 1": 10}
    assert set(fleet.records().values()) == {"remedied"}


def test_a_canary_that_fails_stops_the_push_before_anything_else_is_changed(fleet: Fleet) -> None:
    one, other = two_kinds(fleet, ssh=False)
    other[0].faults.append(Fault("ca-authenticate", FaultKind.ERROR, times=100))
    done = fleet.run("push", "--yes", "--no-renew")
    assert done.exit_code == 1
    assert "stopped: 1 of 12 routers failed, in the canary; 10 routers not begun" in done.stderr
    assert not any(device.config.commits for device in (*one[1:], *other[1:]))
    assert fleet.records()[one[0].name] == "remedied"
    other[0].faults.clear()
    words = ["push", "--resume", "last", "--yes", "--journal", str(fleet.journal)]
    resumed = CliRunner().invoke(program, words, env=fleet.environment, catch_exceptions=False)
    assert resumed.exit_code == 0, resumed.stderr
    assert "bounds: canary" in resumed.stderr
    assert set(fleet.records().values()) == {"remedied"}


def test_a_run_that_its_look_left_without_bounds_has_none_when_it_goes_on(fleet: Fleet) -> None:
    fleet.add(10, enrollment="terminal", certificate=PEM)
    bad, *_ = fleet.add(3, ssh=False)
    bad.faults.append(Fault("ca-authenticate", FaultKind.ERROR, times=100))
    first = fleet.run("push", "--yes", "--no-renew")
    again = resumed(fleet)
    for made in (first, again):
        assert "bounds: none, up to 10 routers to be changed" in made.stderr
    assert batches(fleet)[bad.name] == "batch 1"


@pytest.mark.parametrize("canary", [("--canary", "2"), ("--no-canary",)], ids=" ".join)
@pytest.mark.parametrize("older", [False, True])
def test_what_bounded_a_run_without_a_look_bounds_it_to_its_end(
    fleet: Fleet, canary: tuple[str, ...], *, older: bool
) -> None:
    fleet.add(2, enrollment="terminal", certificate=PEM)
    for bad in fleet.add(9, ssh=False):
        bad.faults.append(Fault("ca-authenticate", FaultKind.ERROR, times=100))
    first = fleet.run("push", "--yes", *canary, "--in-flight", "1", "--no-renew")
    if older:
        forgotten(fleet)
    again = resumed(fleet, "--in-flight", "1")
    for made in (first, again):
        assert "stops at 3 failures" in made.stderr
        assert "stopped: " in made.stderr


def test_what_bounded_a_run_by_its_look_bounds_it_though_somebody_else_brought_one(fleet: Fleet) -> None:
    bad, *_, other = fleet.add(11, ssh=False)
    bad.faults.append(Fault("ca-authenticate", FaultKind.ERROR, times=100))
    assert "stopped: 1 of 11 routers failed, in the canary" in fleet.run("push", "--yes", "--no-renew").stderr
    run = newest(fleet)
    assert fleet.run("push", "--yes", "--no-renew", "--limit", other.name).exit_code == 0
    again = resumed(fleet, run=run)
    assert "10 of 11 routers are to be changed\n" in again.stderr
    assert f"bounds: canary {bad.name} (7.4 rpc)" in again.stderr
    assert "stops at 3 failures (5 % of 10, at least 3), and at one in the canary" in again.stderr


def test_a_run_of_which_little_is_chosen_is_still_one_of_more_than_ten(fleet: Fleet) -> None:
    fleet.add(11, ssh=False)
    bad = fleet.devices[6]
    bad.faults.append(Fault("ca-authenticate", FaultKind.ERROR, times=100))
    first = fleet.run("push", "--yes", "--no-canary", "--max-failures", "0", "--in-flight", "1", "--no-renew")
    assert "4 routers not begun" in first.stderr
    bad.faults.clear()
    again = resumed(fleet, "--max-failures", "none", "--limit", bad.name)
    assert "bounds: none, as --no-canary and --max-failures none say\n" in again.stderr, "it is one of more than ten"


def test_what_was_said_of_bounds_holds_for_the_resumed_run_as_well(fleet: Fleet) -> None:
    fleet.add(11, ssh=False)
    fleet.devices[3].faults.append(Fault("ca-authenticate", FaultKind.ERROR, times=100))
    given = ("--no-canary", "--max-failures", "0", "--in-flight", "1", "--no-renew")
    first = fleet.run("push", "--yes", *given)
    assert "to be changed\n" not in first.stderr, "nobody is looked at where no canary is wanted"
    assert "bounds: stops at more than 0 failures\n" in first.stderr
    assert "7 routers not begun" in first.stderr
    fleet.devices[3].faults.clear()
    words = ["push", "--resume", "last", "--yes", "--journal", str(fleet.journal)]
    again = CliRunner().invoke(program, words, env=fleet.environment, catch_exceptions=False)
    assert again.exit_code == 0, again.stderr
    assert "bounds: stops at more than 0 failures\n" in again.stderr


def test_without_yes_all_plans_are_shown_with_the_bounds_and_then_it_asks(fleet: Fleet) -> None:
    fleet.add(11)
    fleet.add(release="6.6.3", ssh=False)
    code, seen, _ = answered(fleet.words("push"), fleet.environment, b"Push to 12 routers?", "n\n")
    assert code == 1
    plans, bound, question = (
        seen.index(part) for part in ("11 routers: um-crypto-cfg, rpc", "bounds: ", "Push to 12 routers?")
    )
    assert plans < seen.index("1 router: nothing possible because") < bound < question
    assert "+ crypto ca trustpoint Trustpool" in seen[:bound]
    assert "11 of 12 routers are to be changed" in seen
    assert "not confirmed; nothing was changed" in seen
    assert not any(device.config.commits for device in fleet.devices)
    with Journal.open(fleet.journal) as journal:
        assert list(journal.runs()) == []


def test_the_kinds_of_a_plan_file_are_known_without_a_look(fleet: Fleet) -> None:
    one, other = two_kinds(fleet)
    fleet.add(release="6.6.3", ssh=False)
    file = fleet.folder / "change.json"
    assert fleet.run("plan", "--out", str(file), "--contact-wait", "0", "--no-renew").exit_code == 1
    done = fleet.run("push", "--plan", str(file), "--yes")
    assert f"bounds: canary {one[0].name} (7.4 rpc), {other[0].name} (7.5 rpc): one of each kind" in done.stderr
    assert "12 of 13 routers are to be changed\n" in done.stderr
    assert "for their plans" not in done.stderr
    assert Counter(batches(fleet).values()) == {"canary": 2, "batch 1": 11}
    assert Counter(fleet.records().values()) == {"remedied": 12, "skipped": 1}


def test_of_each_kind_the_one_whose_window_opens_first_is_the_canary(fleet: Fleet) -> None:
    fleet.add(11)
    now = datetime.now(UTC)
    hours = [(3, 5), *[(-1, 2)] * 10]
    windows = ["-".join(f"{now + timedelta(hours=hour):%H:%M}" for hour in pair) for pair in hours]
    rows = zip(fleet.devices, windows, strict=True)
    text = [f"{one.name},127.0.0.1,{one.port},{one.ssh_port},{window},UTC" for one, window in rows]
    fleet.inventory.write_text("\n".join(["name,host,port,ssh_port,window,tz", *text, ""]))
    code, seen, _ = answered(fleet.words("push"), fleet.environment, b"Push to 11 routers?", "n\n")
    assert code == 1
    assert f"bounds: canary {fleet.devices[1].name} (7.4 rpc): one of each kind of plan" in " ".join(seen.split())


def test_ctrl_c_ends_the_look_and_no_run_is_begun(fleet: Fleet) -> None:
    fleet.add(11)
    silent = fleet.devices[5]
    silent.faults.append(Fault("get", FaultKind.SILENT, times=100))
    with fleet.started("push", "--yes", "--timeout", "2") as process:
        until(lambda: silent.counters["get"] > 0)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=600)
    assert process.returncode == 130
    assert stderr.splitlines()[-1] == "interrupted; nothing was changed"
    until(lambda: not any(device.sessions for device in fleet.devices))
    assert not any(device.counters["lock"] for device in fleet.devices)
    with Journal.open(fleet.journal) as journal:
        assert list(journal.runs()) == []


@pytest.mark.parametrize("backend", [[], ["--processes", "2"]], ids=" ".join)
def test_what_was_refused_in_the_look_is_not_tried_again_by_the_push(fleet: Fleet, backend: list[str]) -> None:
    fleet.add(12)
    words = fleet.words("push", "--yes", "--no-ssh", *backend)
    done = CliRunner().invoke(program, words, env={VARIABLE: "wrong"}, catch_exceptions=False)
    assert done.exit_code == 1
    assert "0 of 12 routers are to be changed, 12 could not be read and come last\n" in done.stderr
    assert set(fleet.records().values()) == {"skipped"}, "three refusals were in the look, and none besides"


@pytest.mark.parametrize("words", [["--canary", "1", "--no-canary"], ["--max-failures", "some"]], ids=" ".join)
def test_bounds_that_make_no_sense_are_one_line_before_any_router(fleet: Fleet, words: list[str]) -> None:
    (device,) = fleet.add(1)
    done = fleet.run("push", "--yes", *words)
    assert done.exit_code == 2
    assert len(done.stderr.splitlines()) <= 2
    assert device.log == []


def test_a_journal_that_cannot_be_kept_is_said_before_a_router_is_looked_at(fleet: Fleet) -> None:
    fleet.add(11)
    done = fleet.run("push", "--yes", "--journal", "/dev/null")
    assert done.exit_code == 2
    assert "no regular file" in done.stderr
    assert not any(device.log for device in fleet.devices)
