"""A run over an inventory that stops, is interrupted or killed, and what a resumed push does with the rest."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import replace

import pytest
from click.testing import CliRunner

import agent
from agent.cli.main import program
from agent.fleet.journal.store import Journal
from agent.simulator import Fault, FaultKind
from tests.cli.lab import VARIABLE, Fleet
from tests.cli.processes import answered, resumed, said, until
from tests.cli.schemas import check


def test_a_push_and_its_resumption_ask_on_a_terminal_of_how_many_routers(fleet: Fleet) -> None:
    fleet.add(2)
    first, question = fleet.words("push"), b"Push to 2 routers?"
    code, seen, _ = answered(first, fleet.environment, question, "n\n")
    assert (code, "not confirmed; nothing was changed" in seen) == (1, True)
    wrong = CliRunner().invoke(program, [*first, "--yes"], env={VARIABLE: "wrong"}, catch_exceptions=False)
    assert wrong.exit_code == 1
    again = fleet.words("push", "--resume", "last", inventory=False)
    code, seen, _ = answered(again, fleet.environment, question, "n\n")
    assert (code, "not confirmed; nothing was changed" in seen) == (1, True)
    assert "xr-agent history " in seen
    assert set(fleet.records().values()) == {"failed"}, "the run is as it was"
    assert not any(device.config.commits for device in fleet.devices)
    assert answered(again, fleet.environment, question, "y\n")[0] == 0
    assert set(fleet.records().values()) == {"remedied"}


def test_a_resumption_is_not_sent_to_options_that_it_has_not(fleet: Fleet) -> None:
    fleet.add()
    assert fleet.run("plan").exit_code == 0
    planned = fleet.run("push", "--resume", run_of(fleet), "--yes")
    assert (planned.exit_code, "resume it with" in planned.stderr) == (2, False)
    assert "next: xr-agent history lists the runs; a push is resumed\n" in planned.stderr
    assert fleet.run("push", "--yes").exit_code == 0
    nobody = fleet.run("push", "--resume", "last")
    assert (nobody.exit_code, "--dry-run" in nobody.stderr) == (2, False)
    assert "next: see what is left with xr-agent history RUN, then push with --yes\n" in nobody.stderr
    dry = fleet.run("push", "--resume", "last", "--dry-run")
    assert dry.exit_code == 2
    assert "error: --dry-run and --resume exclude each other\n" in dry.stderr


def run_of(fleet: Fleet) -> str:
    with Journal.open(fleet.journal) as journal:
        return journal.run("last").run


def test_what_a_resumed_run_is_given_anew_takes_the_place_of_what_it_excludes(fleet: Fleet) -> None:
    (device,) = fleet.add(1, ssh=False)
    device.faults.append(Fault("ca-authenticate", FaultKind.ERROR, times=100))
    assert fleet.run("push", "--yes", "--no-renew", "--processes", "1").exit_code == 1
    device.faults.clear()
    secret = fleet.folder / "password"
    secret.write_text(fleet.lab.simulator.password)
    given = ["push", "--resume", "last", "--yes", "--journal", str(fleet.journal), "--password-file", str(secret)]
    nowhere = CliRunner().invoke(program, [*given, "--scheduler", "tcp://127.0.0.1:1"], catch_exceptions=False)
    assert "exclude each other" not in nowhere.stderr
    done = CliRunner().invoke(program, given, catch_exceptions=False)
    assert done.exit_code == 0, done.stderr


def test_a_failed_canary_stops_the_run_and_the_rest_is_resumed(fleet: Fleet) -> None:
    canary, *others = fleet.add(4, ssh=False)
    canary.faults.append(Fault("ca-authenticate", FaultKind.ERROR, times=100))
    done = fleet.run("push", "--yes", "--canary", "1", "--format", "json")
    assert done.exit_code == 1
    (only,) = json.loads(done.stdout)
    check("push", only)
    assert "stopped: 1 of 4 routers failed, in the canary; 3 routers not begun, 1 router not ended well" in done.stderr
    assert "which goes to those not begun first; see why: xr-agent history" in " ".join(done.stderr.split())
    assert not any(device.log for device in others)
    canary.faults.clear()
    resumed = CliRunner().invoke(
        program, ["push", "--resume", "last", "--yes", "--journal", str(fleet.journal)], env=fleet.environment
    )
    assert resumed.exit_code == 0, resumed.stderr
    assert set(fleet.records().values()) == {"remedied"}


def test_a_run_whose_routers_all_had_their_turn_is_done_however_many_failed(fleet: Fleet) -> None:
    bad, *_ = fleet.add(3, ssh=False)
    bad.faults.append(Fault("ca-authenticate", FaultKind.ERROR, times=100))
    done = fleet.run("push", "--yes", "--max-failures", "10%", "--workers", "3")
    assert done.exit_code == 1
    assert "stopped" not in done.stderr
    assert "--resume" not in done.stderr
    assert sorted(fleet.records().values()) == ["failed", "remedied", "remedied"]


def test_a_router_that_fails_again_does_not_keep_the_others_from_their_turn(fleet: Fleet) -> None:
    bad, *_ = fleet.add(3, ssh=False)
    bad.faults.append(Fault("ca-authenticate", FaultKind.ERROR, times=100))
    first = fleet.run("push", "--yes", "--max-failures", "0", "--in-flight", "1")
    assert "2 routers not begun, 1 router not ended well" in first.stderr
    again = CliRunner().invoke(
        program, ["push", "--resume", "last", "--yes", "--journal", str(fleet.journal)], env=fleet.environment
    )
    assert again.exit_code == 1
    assert sorted(fleet.records().values()) == ["failed", "remedied", "remedied"]


@pytest.mark.parametrize(
    "number, backend",
    [(signal.SIGINT, ["--workers", "2"]), (signal.SIGHUP, ["--workers", "2"]), (signal.SIGHUP, ["--processes", "2"])],
)
def test_an_interrupt_finishes_those_in_flight_and_says_how_to_go_on(
    fleet: Fleet, number: int, backend: list[str]
) -> None:
    fleet.add(6)
    slow = fleet.devices[1]
    slow.faults.append(Fault("lock", FaultKind.DELAY, seconds=1.0))
    with fleet.started("push", "--yes", *backend, start_new_session=True) as process:
        until(lambda: slow.counters["lock"] > 0)
        os.killpg(process.pid, number)  # as a terminal does: its workers get it too
        _, stderr = process.communicate(timeout=600)
    assert process.returncode == 130
    assert "push --resume" in stderr.splitlines()[-1]
    assert "Traceback" not in stderr
    until(lambda: not any(device.sessions for device in fleet.devices))
    assert not any(device.config.locks or device.config.dirty for device in fleet.devices)
    assert "doubtful" not in fleet.records().values()
    with fleet.started("push", "--resume", "last", "--yes", inventory=False) as process:
        process.communicate(timeout=600)
    assert process.returncode == 0
    # One that was interrupted behind the proof has the root by the first try.
    assert set(fleet.records().values()) <= {"remedied", "unchanged"}


def test_the_table_says_of_a_router_that_was_undone_that_it_is_as_before(fleet: Fleet) -> None:
    (cut,) = fleet.add()
    cut.faults.append(Fault("commit", FaultKind.HELD))
    with fleet.started("push", "--yes") as process:
        until(lambda: cut.counters["commit"] > 0)
        process.send_signal(signal.SIGINT)
        said(process, "once more ends at once")
        cut.release()
        stdout, stderr = process.communicate(timeout=600)
    undone = "undone: the configuration of trustpoint Trustpool was read back and is as before"
    assert f"{cut.name} failed 7.4.1 rpc interrupted; {undone}" in " ".join(stdout.split())
    assert f"1/1 {cut.name} failed interrupted; {undone}" in stderr
    assert cut.enrollment() is None
    (failing,) = fleet.add(1, ssh=False, terminal_rpc="ok-without-certificate")
    stdout = fleet.run("push", "--yes", "--limit", failing.name).stdout
    assert f"shows no CA certificate; {undone}" in " ".join(stdout.split())
    assert failing.enrollment() is None


def test_a_second_interrupt_names_the_routers_in_doubt(fleet: Fleet) -> None:
    fleet.add(2)
    for device in fleet.devices:
        device.faults.append(Fault("ca-authenticate", FaultKind.SILENT))
    with fleet.started("push", "--yes") as process:
        until(lambda: all(device.counters["ca-authenticate"] for device in fleet.devices))
        assert process.stderr is not None
        process.send_signal(signal.SIGINT)
        while "once more ends at once" not in process.stderr.readline():
            pass
        process.send_signal(signal.SIGINT)
        stderr = process.stderr.read()
        assert process.wait(600) == 130
    assert all(device.name in stderr.splitlines()[-1] for device in fleet.devices)
    assert "in doubt" in stderr.splitlines()[-1]


def test_after_kill_9_in_the_middle_a_resumed_push_remedies_all_and_writes_nothing_twice(fleet: Fleet) -> None:
    fleet.add(200)
    given = ("--no-canary", "--workers", "20", "--commit", "plain", "--no-renew")
    with fleet.started("push", "--yes", *given) as process:
        until(lambda: sum(device.state.authenticates for device in fleet.devices) >= 60)
        process.kill()
        process.communicate(timeout=600)
    until(lambda: not any(device.sessions for device in fleet.devices))
    words = list(fleet.records().values())
    assert words.count("doubtful") >= 1
    assert words.count("waiting") >= 1
    with fleet.started("push", "--resume", "last", "--yes", inventory=False) as process:
        _, stderr = process.communicate(timeout=600)
    assert process.returncode == 0, stderr
    assert set(fleet.records().values()) <= {"remedied", "unchanged"}
    assert {device.state.authenticates for device in fleet.devices} == {1}
    assert {device.config.commits for device in fleet.devices} == {1}
    assert {device.trustpoints()[0] for device in fleet.devices} == {"Trustpool"}


@pytest.mark.parametrize("operation", ["renew-auth", "contact"])
@pytest.mark.parametrize("backend", [["--workers", "2"], ["--processes", "1"]])
def test_what_was_interrupted_behind_the_proof_is_renewed_by_a_resumed_push(
    fleet: Fleet, operation: str, backend: list[str]
) -> None:
    (other,) = fleet.add()
    (proven,) = fleet.add(contact=operation == "renew-auth")
    if operation == "renew-auth":
        proven.faults.append(Fault("renew-auth", FaultKind.SILENT))
    words = ["push", "--yes", "--timeout", "3", *backend]
    with fleet.started(*words) as process:
        until(lambda: proven.counters["renew-auth"] > 0 < other.counters["renew-auth"] and not other.sessions)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=600)
    assert process.returncode == 130
    assert fleet.records() == {proven.name: "remedied", other.name: "remedied"}
    how = "may not be" if operation == "renew-auth" else "is not"
    row = f"{proven.name} remedied 7.4.1 rpc by subject+validity, until a reload; licence {how} renewed"
    assert row in " ".join(stdout.split())
    assert f"interrupted; 1 router whose licence {how} renewed; next: xr-agent push --resume " in stderr
    history = CliRunner().invoke(program, ["history", "last", "--journal", str(fleet.journal)])
    assert f"until a reload; licence {how} renewed" in " ".join(history.stdout.split())
    before = proven.counters["renew-auth"]
    proven.state.persona = replace(proven.state.persona, contact=None)
    assert "1 to renew the licence if the root is there" in resumed(fleet)
    assert proven.counters["renew-auth"] == before + 1
    assert proven.state.authenticates == 1


def test_what_was_killed_behind_the_proof_is_renewed_by_a_resumed_push(fleet: Fleet) -> None:
    (device,) = fleet.add(contact=True)  # it is the journal that tells, not a contact that fails
    device.faults.append(Fault("renew-auth", FaultKind.SILENT))
    with fleet.started("push", "--yes") as process:
        until(lambda: device.counters["renew-auth"] > 0)
        process.kill()
        process.communicate(timeout=600)
    until(lambda: not device.sessions)
    assert fleet.records() == {device.name: "doubtful"}
    resumed(fleet)
    assert (device.counters["renew-auth"], device.state.authenticates) == (2, 1)
    with Journal.open(fleet.journal) as journal, pytest.raises(agent.InputError, match="ended well"):
        journal.resume("last")
