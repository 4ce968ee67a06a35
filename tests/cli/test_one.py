"""HOST is an inventory of one: its run is kept, reported, resumed and ended like any other."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from agent.cli.main import program
from agent.fleet.journal.store import Journal
from agent.fleet.results import objects
from agent.fleet.results.record import DeviceRecord, RunRecord, RunState
from agent.model.method import Method
from agent.model.pki.anchor import TrustAnchor
from agent.remedy.lease import lease
from agent.remedy.lease.lease import Lease
from agent.simulator import Device, Fault, FaultKind
from tests.cli.lab import PEM, VARIABLE, Lab, journal_full, one_error, started
from tests.cli.processes import asked_to_apply, metrics, said, until
from tests.cli.schemas import check

READS = [("check",), ("assess",), ("plan",), ("push", "--dry-run"), ("poll", "--until", "contacted")]


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A state folder of this test's own, for the processes that it starts as well."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    lease.prepare.cache_clear()
    yield tmp_path / "state" / "xr-agent"
    lease.prepare.cache_clear()


def kept() -> tuple[RunRecord, DeviceRecord]:
    """The newest run and its router."""
    with Journal.open(create=False) as journal:
        run = journal.run("last")
        (device,) = journal.devices(run.run)
    return run, device


def resumed(lab: Lab, *words: str) -> Any:
    given = ["push", "--resume", "last", "--yes", *words]
    return CliRunner().invoke(program, given, env={VARIABLE: lab.simulator.password}, catch_exceptions=False)


@pytest.mark.parametrize(
    "words, kind, word",
    [
        (("assess",), "assess", "remedied"),
        (("plan",), "plan", "nothing-to-do"),
        (("push", "--dry-run"), "plan", "nothing-to-do"),
        (("push", "--yes"), "push", "unchanged"),
        (("poll", "--until", "contacted"), "poll", "contacted"),
    ],
)
def test_the_journal_and_the_report_have_it(
    lab: Lab, tmp_path: Path, words: tuple[str, ...], kind: str, word: str
) -> None:
    device, path = lab.add(certificate=PEM, enrollment="terminal"), tmp_path / "report.json"
    done = lab.run(words[0], device, *words[1:], "--change-ref", "CHG1", "--report", str(path), "--format", "json")
    assert done.exit_code == 0, done.stderr
    run, record = kept()
    assert (run.kind.value, run.state, run.change_ref) == (kind, RunState.DONE, "CHG1")
    assert run.settings["host"] == "127.0.0.1"
    assert (record.device, record.word, record.well) == ("127.0.0.1", word, True)
    made = json.loads(done.stdout)
    seen = made[-1] if isinstance(made, list) else made
    assert objects.plain(record.plain).items() <= seen.items()
    assert json.loads(path.read_text())["run"]["change_ref"] == "CHG1"


def test_what_is_kept_of_a_push_are_its_steps_and_the_state_before_and_after(lab: Lab) -> None:
    assert lab.run("push", lab.add(), "--yes").exit_code == 0
    with Journal.open(create=False) as journal:
        record, trail = journal.trail("last", "127.0.0.1")
    assert (record.word, record.method) == ("remedied", Method.RPC)
    assert {"lock", "commit", "confirm", "ca-authenticate"} <= {one.step for one in trail.moments}
    assert trail.before is not None
    assert trail.after is not None
    assert (trail.before["certificate"], trail.after["certificate"]) == (None, TrustAnchor.bundled().name)


def test_a_push_that_failed_is_resumed_without_naming_the_host_again(lab: Lab) -> None:
    device = lab.add(ssh=False)
    device.faults.append(Fault("ca-authenticate", FaultKind.ERROR, times=100))
    assert lab.run("push", device, "--yes", "--method", "rpc").exit_code == 1
    device.faults.clear()
    done = resumed(lab, "--format", "json")
    made = json.loads(done.stdout)
    check("push", made)
    assert (done.exit_code, made["outcome"]) == (0, "remedied")
    assert kept()[1].word == "remedied"
    again = resumed(lab)
    assert again.exit_code == 2
    assert "ended well" in one_error(again.stderr)


def test_a_push_that_was_killed_is_in_doubt_and_resumed(lab: Lab) -> None:
    device = lab.add()
    device.faults.append(Fault("ca-authenticate", FaultKind.SILENT))
    with started(lab, "push", *lab.words(device), "--yes") as process:
        until(lambda: device.counters["ca-authenticate"] > 0)
        process.kill()
        process.communicate(timeout=600)
    until(lambda: not device.sessions)
    run, record = kept()
    assert (run.state, record.word) == (RunState.LOST, "doubtful")
    assert resumed(lab).exit_code == 0
    assert kept()[1].word == "remedied"


def test_a_resumed_run_of_one_host_is_not_for_another(lab: Lab) -> None:
    device = lab.add(ssh=False)
    device.faults.append(Fault("ca-authenticate", FaultKind.ERROR, times=100))
    assert lab.run("push", device, "--yes", "--method", "rpc").exit_code == 1
    done = resumed(lab, "r2.example")
    assert done.exit_code == 2
    assert "none of the routers chosen is left" in one_error(done.stderr)


# --- a state folder that cannot be used -------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [("show",), *READS], ids=" ".join)
@pytest.mark.parametrize("broken", ["folder", "journal"])
@pytest.mark.parametrize("named", [False, True])
def test_what_only_reads_goes_on_where_the_run_cannot_be_kept(
    lab: Lab, state: Path, words: tuple[str, ...], broken: str, named: bool
) -> None:
    given = ("--journal", str(state / "journal.db")) if named and words != ("show",) else ()
    if broken == "folder":
        state.parent.write_text("")
    else:
        state.mkdir(parents=True)
        (state / "journal.db").write_text("no database" * 100)
    device = lab.add(certificate=PEM)
    done = lab.run(words[0], device, *words[1:], *given, "--format", "jsonl")
    made = json.loads(done.stdout)
    check("plan" if "--dry-run" in words else words[0], made)
    assert done.exit_code == 0
    said = [line for line in done.stderr.splitlines() if line.startswith("warning: ")]
    assert len(said) == (words != ("show",))
    assert all("this run is not kept: the journal" in line for line in said)
    if broken == "journal":
        assert (state / "journal.db").read_text() == "no database" * 100


def test_a_report_is_written_all_the_same(lab: Lab, state: Path, tmp_path: Path) -> None:
    state.parent.write_text("")
    path = tmp_path / "report.csv"
    assert lab.run("plan", lab.add(), "--report", str(path)).exit_code == 0
    assert path.read_text().count("\n") == 2


@pytest.mark.parametrize("words", [("push", "--yes"), ("push", "--yes", "--resume", "last")], ids=" ".join)
def test_a_push_is_kept_or_not_begun(lab: Lab, tmp_path: Path, words: tuple[str, ...]) -> None:
    device, path = lab.add(), tmp_path / "journal.db"
    path.write_text("no database" * 100)
    done = lab.run(words[0], device, *words[1:], "--journal", str(path))
    assert done.exit_code == 2
    assert str(path) in one_error(done.stderr)
    assert device.last_session == 0


@pytest.mark.parametrize("method, number, outcome", [("unfinished", 2, "unknown"), ("ended", 1, "remedied")])
def test_where_the_journal_is_full_what_was_done_is_shown_and_reported(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str, number: int, outcome: str
) -> None:
    path = tmp_path / "report.json"
    journal_full(monkeypatch, method, number)
    done = lab.run("push", lab.add(), "--yes", "--no-renew", "--report", str(path), "--format", "json")
    assert done.exit_code == 1
    said = one_error(done.stderr)
    assert said.startswith("error: the journal cannot be written: database or disk is full")
    assert "next: see to its disk; then xr-agent push --resume " in said
    made = json.loads(done.stdout)
    check("push", made)
    assert made["outcome"] == outcome
    assert {"lock", "edit-config"} <= {one["step"] for one in made["steps"] if one["status"] == "done"}
    (reported,) = json.loads(path.read_text())["devices"]
    assert reported["word"] == outcome


def errors(stderr: str) -> tuple[str, list[str]]:
    """The error lines with their hints, those of the journal apart from all others."""
    first, *rest = stderr[stderr.index("error: ") :].split("error: the journal cannot be written")
    return first, rest


@pytest.mark.parametrize("form", ["table", "json"])
def test_where_the_journal_is_full_a_push_that_was_refused_says_what_it_says_else(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    said = []
    for full in (False, True):
        device = lab.add(ssh=False)
        device.faults.append(Fault("ca-authenticate", FaultKind.ERROR, times=100))
        with monkeypatch.context() as disk:
            if full:
                journal_full(disk, "ended", 1)
            done = lab.run("push", device, "--yes", "--method", "rpc", "--format", form)
        assert done.exit_code == 1
        own, journal = errors(done.stderr)
        said.append(own.replace(device.name, "NAME").replace(str(device.port), "PORT"))
        assert "  next: " in own
        assert len(journal) == full
        if form == "table":
            assert "undone" in done.stdout + own
    assert said[0] == said[1]


@pytest.mark.parametrize("words", READS[1:4], ids=" ".join)
def test_where_the_journal_is_full_why_a_router_could_not_be_read_is_said(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    device = lab.add(reachable=False)
    journal_full(monkeypatch, "ended", 1)
    done = lab.run(words[0], device, *words[1:])
    own, journal = errors(done.stderr)
    assert "Connection refused" in own
    assert len(journal) == 1
    assert (done.exit_code, done.stdout) == (1, "")


def test_where_the_journal_is_full_a_plan_that_is_not_possible_says_why(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = lab.add()
    device.configure("Trustpool", "http://ca.example/")
    journal_full(monkeypatch, "ended", 1)
    own, journal = errors(lab.run("plan", device).stderr)
    assert "skipped: " in own
    assert len(journal) == 1


# --- signals and questions --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [*READS[:3], ("push", "--yes")], ids=" ".join)
def test_an_interrupt_breaks_reading_off_at_once(lab: Lab, words: tuple[str, ...]) -> None:
    device = lab.add()
    device.faults.append(Fault("get", FaultKind.SILENT, times=100))
    given = [words[0], *lab.words(device), *words[1:], "--format", "json", "--timeout", "600"]
    with started(lab, *given) as process:
        until(lambda: device.counters["get"] > 0)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=600)
    assert process.returncode == 130
    check(words[0], json.loads(stdout))
    until(lambda: not device.sessions)
    run, record = kept()
    again = f"; next: xr-agent push --resume {run.run}, which reads the router first" if words[0] == "push" else ""
    assert stderr.splitlines()[-1] == f"interrupted; nothing was changed, nothing is locked{again}"
    word = "unknown" if words[0] in ("check", "assess") else "failed"
    assert (run.state, record.word) == (RunState.INTERRUPTED, word)
    assert record.error is not None
    assert record.error.kind == "interrupted"


UNDONE = "undone: the configuration of trustpoint Trustpool was read back and is as before"


def interrupted(lab: Lab, device: Device, operation: str) -> str:
    """The last line of a push that is interrupted while *operation* is under way, which then comes to its end."""
    device.faults.append(Fault(operation, FaultKind.HELD))
    with started(lab, "push", *lab.words(device), "--yes") as process:
        until(lambda: device.counters[operation] > 0)
        process.send_signal(signal.SIGINT)
        said(process, "once more ends at once")
        device.release()
        _, stderr = process.communicate(timeout=600)
    assert process.returncode == 130
    return str(stderr.splitlines()[-1])


@pytest.mark.parametrize(
    "operation, how",
    [
        ("lock", "interrupted; nothing was committed"),
        ("commit", f"interrupted; {UNDONE}"),
        ("ca-authenticate", "interrupted: remedied, licence is not renewed"),
    ],
)
def test_a_push_that_is_interrupted_says_how_it_left_the_router_and_how_to_go_on(
    lab: Lab, operation: str, how: str
) -> None:
    device = lab.add()
    line = interrupted(lab, device, operation)
    run, record = kept()
    assert line == f"{how}; next: xr-agent push --resume {run.run}, which reads the router first"
    assert record.error is None or record.error.message == how
    assert (device.enrollment() is None) == (not record.well)
    assert resumed(lab).exit_code == 0
    assert kept()[0].state is RunState.DONE
    assert (device.state.authenticates, device.state.renewals) == (1, 1)


def test_a_push_that_is_interrupted_behind_the_renewal_says_when_to_look_for_the_contact(lab: Lab) -> None:
    device = lab.add()
    device.state.answers = ["success"]  # and no contact
    assert interrupted(lab, device, "renew-auth") == (
        "interrupted: remedied, licence is renewed, contact not seen yet; "
        "next: look again in a minute: xr-agent poll 127.0.0.1 --until contacted, reached as in this push"
    )
    assert resumed(lab).exit_code == 2, "nothing is left to do by a push"
    assert device.counters["renew-auth"] == 1


def test_a_second_interrupt_of_a_push_says_how_to_go_on(lab: Lab) -> None:
    device = lab.add()
    device.faults.append(Fault("ca-authenticate", FaultKind.SILENT))
    with started(lab, "push", *lab.words(device), "--yes") as process:
        until(lambda: device.counters["ca-authenticate"] > 0)
        process.send_signal(signal.SIGINT)
        said(process, "once more ends at once")
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=600)
    assert process.returncode == 130
    run, _ = kept()
    assert stderr.splitlines()[-1].endswith(f"; next: xr-agent push --resume {run.run}, which reads the router first")
    until(lambda: not device.sessions)
    assert resumed(lab).exit_code == 0


def test_an_interrupt_at_the_question_ends_it_with_nothing_changed(lab: Lab) -> None:
    device = lab.add()
    code, stdout, seen = asked_to_apply(lab, device, None)
    assert code == 130
    assert json.loads(stdout)["error"]["kind"] == "interrupted"
    assert "nothing was changed" in seen
    assert kept()[0].state is RunState.INTERRUPTED
    assert device.counters["lock"] == 0


def test_whoever_is_asked_keeps_no_other_push_waiting_and_does_not_wait_to_be_asked_to_apply(lab: Lab) -> None:
    device = lab.add()
    with Lease.take((f"127.0.0.1:{device.port}",)):
        code, stdout, seen = asked_to_apply(lab, device, "n\n")
    assert (code, json.loads(stdout)["error"]["kind"]) == (1, "declined")
    assert "waiting for the push of" not in seen
    assert kept()[1].word == "skipped"


# --- the rest ---------------------------------------------------------------------------------------------------------


def test_a_login_that_is_refused_ends_a_watch(lab: Lab) -> None:
    device = lab.add()
    done = lab.run("poll", device, "--format", "json", password="wrong")
    assert done.exit_code == 1
    (look,) = json.loads(done.stdout)
    check("poll", look)
    assert "refused the login" in look["error"]
    assert "refused the login" in one_error(done.stderr)
    assert kept()[0].state is RunState.STOPPED


def test_prometheus_can_read_what_one_router_said(lab: Lab) -> None:
    device = lab.add()
    with started(lab, "poll", *lab.words(device), "--interval", "0.2", "--metrics", "127.0.0.1:0") as process:
        port = int(re.findall(r"metrics on port (\d+)", process.stderr.readline() if process.stderr else "")[0])
        until(lambda: 'xr_agent_up{device="127.0.0.1"} 1.0' in metrics(port))
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=600)
    assert process.returncode == 130


def test_debug_shows_the_traceback_of_what_one_router_ended_by(lab: Lab) -> None:
    done = lab.run("assess", lab.add(), "--debug", password="wrong")
    assert "Traceback" in done.stderr
    assert "SSHAuthenticationError" in done.stderr
    assert done.stderr.splitlines()[-2].startswith("error: 127.0.0.1: ")
