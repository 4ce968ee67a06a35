"""A plan file: written by plan --out, carried out by push --plan as it was approved, refused in a line else."""

from __future__ import annotations

import hashlib
import json
import signal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import agent
from agent.cli.main import program
from agent.fleet.journal.store import Journal
from agent.simulator import Device, Fault, FaultKind
from tests.cli.lab import PEM, VARIABLE, Fleet, Lab, journal_full, one_error
from tests.cli.processes import answered, until
from tests.cli.schemas import check

NOWHERE = ["--contact-wait", "0"]


class Board(Fleet):
    """A fleet whose pushes are approved by a file."""

    @property
    def path(self) -> Path:
        return self.folder / "change.json"

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.path.read_bytes()).hexdigest()

    def planned(self, *words: str, code: int = 0) -> Any:
        done = self.run("plan", "--out", str(self.path), *words)
        assert done.exit_code == code, done.stderr
        return done

    def push(self, *words: str) -> Any:
        return self.run("push", "--plan", str(self.path), "--yes", *words)

    def resume(self, *words: str) -> Any:
        given = ["push", "--resume", "last", "--yes", "--journal", str(self.journal), *words]
        return CliRunner().invoke(program, given, env=self.environment, catch_exceptions=False)

    def writes(self) -> int:
        return sum(device.counters["edit-config"] for device in self.devices)


@pytest.fixture
def board(lab: Lab, tmp_path: Path) -> Board:
    return Board(lab, tmp_path)


def outcomes(done: Any) -> dict[str, tuple[str, str | None]]:
    """By router its outcome and the kind of its error."""
    made = json.loads(done.stdout)
    return {one["device"]: (one["outcome"], one["error"] and one["error"]["kind"]) for one in made}


def test_a_plan_is_written_with_its_sha256_and_the_same_plan_is_the_same_file(board: Board) -> None:
    board.add(2)
    board.add(enrollment="terminal", certificate=PEM)
    done = board.planned()
    assert f"plan file {board.path}: SHA-256 {board.sha256}" in done.stdout
    made = json.loads(board.path.read_text())
    check("planfile", made)
    assert [one["result"] for one in made["routers"]] == ["planned", "planned", "nothing-to-do"]
    assert made["root"]["sha256"] == agent.TrustAnchor.bundled().sha256
    assert len(made["states"]) == 2, "equal routers share what they were planned from"
    assert board.lab.simulator.password not in board.path.read_text().replace("xr-admin", "")
    assert board.writes() == 0
    before = board.sha256
    assert json.loads(board.planned("--format", "json", "--workers", "1").stdout)
    assert board.sha256 == before


def test_a_plan_is_written_though_nobody_reads_stdout(board: Board) -> None:
    board.add()
    with board.started("plan", "--out", str(board.path)) as process:
        assert process.stdout is not None
        process.stdout.close()
        process.stdout = None
        process.communicate(timeout=600)
    check("planfile", json.loads(board.path.read_text()))


def test_with_json_the_sha256_is_on_stderr(board: Board) -> None:
    board.add()
    done = board.planned("--format", "jsonl")
    assert board.sha256 in done.stderr
    check("plan", json.loads(done.stdout))


@pytest.mark.parametrize("backend", [[], ["--processes", "2"]], ids=["threads", "processes"])
def test_a_push_by_it_does_that_and_its_hash_is_kept_and_reported(board: Board, backend: list[str]) -> None:
    board.add(2)
    board.add(enrollment="terminal", certificate=PEM)
    board.planned(*NOWHERE)
    reports = [board.folder / name for name in ("report.json", "report.html", "report.xml")]
    done = board.push("--sha256", board.sha256, "--format", "json", "--report", str(reports[0]), *backend)
    assert (done.exit_code, list(outcomes(done).values())) == (
        0,
        [("remedied", None), ("remedied", None), ("unchanged", None)],
    ), done.stderr
    assert f"plan {board.path}: SHA-256 {board.sha256}, 3 routers" in done.stderr
    with Journal.open(board.journal) as journal:
        run = journal.run("last")
    assert (run.plan, run.settings["plan"]) == (board.sha256, str(board.path))
    told = json.loads(reports[0].read_text())
    check("report", told)
    assert told["run"]["plan"] == board.sha256
    history = ["history", "last", "--journal", str(board.journal)]
    shown = CliRunner().invoke(program, history, catch_exceptions=False).stdout
    assert board.sha256 in "".join(shown.split())


@pytest.mark.parametrize("name", ["report.html", "report.xml"])
def test_each_report_that_tells_of_the_run_has_the_hash(board: Board, name: str) -> None:
    board.add(enrollment="terminal", certificate=PEM)
    board.planned()
    report = board.folder / name
    assert board.push("--report", str(report)).exit_code == 0
    assert board.sha256 in report.read_text()


def changed(board: Board) -> Device:
    """Two routers that were planned, one of which somebody then changed."""
    same, other = board.add(2)
    board.planned(*NOWHERE)
    other.configure("Trustpool", "http://ca.example/")
    assert same.enrollment() is None
    return other


def test_a_router_that_is_another_by_now_is_skipped_with_the_difference(board: Board) -> None:
    other = changed(board)
    done = board.push("--format", "json")
    assert done.exit_code == 1
    assert outcomes(done)[other.name] == ("skipped", "drifted")
    assert {end for name, (end, _) in outcomes(done).items() if name != other.name} == {"remedied"}
    (error,) = [one["error"] for one in json.loads(done.stdout) if one["error"]]
    assert error["message"].startswith(
        "drifted: trustpoint Trustpool: 'enrollment url http://ca.example/', it was not there"
    )
    assert other.counters["lock"] == other.counters["edit-config"] == 0


def test_by_replan_it_is_planned_anew_and_that_is_said(board: Board) -> None:
    (device,) = board.add()
    board.planned(*NOWHERE)
    device.configure("Trustpool", "terminal")
    again = board.push("--replan", "--format", "json")
    assert again.exit_code == 0, again.stderr
    assert outcomes(again) == {device.name: ("remedied", None)}
    steps = {one["step"]: one["detail"] for one in json.loads(again.stdout)[0]["steps"]}
    assert "'enrollment terminal', it was not there; planned anew, by --replan" in steps["plan"]
    assert "commit" not in steps, "what was there already is not configured again"


def test_a_dry_run_says_what_drifted_and_changes_nothing(board: Board) -> None:
    other = changed(board)
    done = board.run("push", "--plan", str(board.path), "--dry-run", "--format", "json")
    assert done.exit_code == 1
    plans = {one["device"]: one for one in json.loads(done.stdout)}
    assert plans[other.name]["skip"]["reason"].startswith("drifted: trustpoint Trustpool")
    assert sum(one["changes"] for one in plans.values()) == 1
    assert board.writes() == 0
    table = " ".join(board.run("push", "--plan", str(board.path), "--dry-run").stdout.split())
    assert "1 router: drifted: trustpoint Trustpool: 'enrollment url http://ca.example/', it was not" in table


def test_what_is_no_part_of_a_plan_is_no_drift(board: Board) -> None:
    (device,) = board.add()
    board.planned(*NOWHERE)
    device.post(lambda: device.disk.files.update({"/misc/disk1/notes": b"x" * 10_000}))
    assert board.run("poll", "--until", "contacted", "--timeout", "0.1", "--interval", "0.1").exit_code in (0, 1)
    assert board.push().exit_code == 0


def test_a_router_that_could_not_be_read_is_left_alone(board: Board) -> None:
    board.add()
    (away,) = board.add()
    away.faults.append(Fault("connect", FaultKind.RESET, times=1000))
    board.planned("--connect-wait", "0", *NOWHERE, code=1)
    away.faults.clear()
    before = away.last_session
    done = board.push("--format", "json")
    assert outcomes(done)[away.name] == ("skipped", "unplanned")
    assert away.last_session == before
    assert board.resume("--replan").exit_code == 0
    assert away.enrollment() == "terminal"


def test_a_plan_run_that_was_interrupted_writes_no_file(board: Board) -> None:
    (device,) = board.add()
    device.faults.append(Fault("get", FaultKind.SILENT))
    with board.started("plan", "--out", str(board.path)) as process:
        until(lambda: device.counters["get"] > 0)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=600)
    assert process.returncode == 130
    assert not board.path.exists()


@pytest.mark.parametrize("method, written", [("ended", False), ("close", True)])
def test_where_the_journal_is_full_a_plan_file_that_is_not_whole_is_said_not_to_be_written(
    board: Board, monkeypatch: pytest.MonkeyPatch, method: str, *, written: bool
) -> None:
    board.add(2)
    journal_full(monkeypatch, method, 1 if written else 2)
    done = board.run("plan", "--out", str(board.path), "--in-flight", "1")
    assert done.exit_code == 1
    assert "2 routers: um-crypto-cfg, rpc" in done.stdout
    assert "error: the journal cannot be written" in done.stderr
    said = f"error: the plan file {board.path} was not written: not every plan could be kept\n  next: plan again\n"
    assert (said in done.stderr, board.path.exists()) == (not written, written)
    assert (f"SHA-256 {board.sha256}" in done.stdout) if written else True


def test_a_bundle_travels_in_the_file(board: Board) -> None:
    (device,) = board.add()
    bundle = board.folder / "root.pem"
    bundle.write_text(PEM)
    board.planned("--bundle", str(bundle), *NOWHERE)
    bundle.unlink()
    done = board.push("--format", "json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)[0]["method"] == "trustpool"
    assert device.state.authenticates == 0


CONTRADICTIONS = [
    (["--method", "dialog"], "--method contradicts the plan, which was made with auto"),
    (["--trustpoint", "Other"], "--trustpoint contradicts the plan, which was made with Trustpool"),
    (["--replace"], "--replace contradicts the plan, which was made without it"),
    (["--no-renew"], "--no-renew contradicts the plan"),
    (["--contact-wait", "5"], "--contact-wait contradicts the plan, which was made with 0.0"),
    (["--no-ssh"], "--no-ssh contradicts the plan"),
    (["--strict-models"], "--strict-models contradicts the plan"),
    (["--enrollment-url", "http://ca.example/"], "--enrollment-url contradicts the plan"),
    (["--anchor", "other.pem"], "--anchor is another root than the plan's"),
    (["--bundle", "root.pem"], "--bundle is another file than the plan's"),
    (["--register-token-env", VARIABLE], "the plan registers no router, and a token is given"),
    (["--register-token-exec", "echo token"], "the plan registers no router, and a token is given"),
    (["--sha256", "0" * 64], f"not {'0' * 64}"),
    (["--sha256", "nonsense"], "is no SHA-256"),
    (["--plan", "missing.json"], "No such file or directory"),
    (["--plan", "routers.csv"], "no plan file, or not whole"),
    (["--limit", "no-such-router"], "--limit no-such-router matches none"),
]


@pytest.mark.parametrize("words, said", CONTRADICTIONS, ids=[" ".join(words)[:40] for words, _ in CONTRADICTIONS])
def test_what_contradicts_the_file_is_said_before_any_router(
    board: Board, words: list[str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (device,) = board.add()
    board.planned(*NOWHERE)
    seen = device.last_session
    monkeypatch.chdir(board.folder)
    (board.folder / "root.pem").write_text(PEM)
    (board.folder / "other.pem").write_text(QUOVADIS.read_text())
    done = board.push(*words)
    assert done.exit_code == 2, done.stderr
    assert said in one_error(done.stderr)
    assert device.last_session == seen
    with Journal.open(board.journal) as journal:
        assert [run.kind.value for run in journal.runs()] == ["plan"]


QUOVADIS = Path(agent.__file__).parent / "simulator" / "personas" / "quovadis.pem"


@pytest.mark.parametrize("words", [["--sha256", "0" * 64], ["--replan"]])
def test_what_goes_with_a_plan_file_is_not_ignored_without_one(board: Board, words: list[str]) -> None:
    (device,) = board.add()
    done = board.run("push", "--yes", *words)
    assert done.exit_code == 2
    assert f"{words[0]} is for a push by a plan file" in one_error(done.stderr)
    assert device.last_session == 0


@pytest.mark.parametrize("words", [["--method", "auto"], ["--no-renew"], ["--anchor", "root.pem"]])
def test_what_says_the_same_again_is_no_contradiction(
    board: Board, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    board.add(enrollment="terminal", certificate=PEM)
    monkeypatch.chdir(board.folder)
    (board.folder / "root.pem").write_text(PEM)
    board.planned(*words)
    assert board.push(*words).exit_code == 0


def test_routers_that_are_gone_from_the_inventory_are_an_error_and_further_ones_are_left_alone(board: Board) -> None:
    board.add(2)
    board.planned()
    (further,) = board.add()
    done = board.push("--dry-run")
    assert f"1 router of the inventory not in the plan, left alone: {further.name}" in done.stderr
    assert further.last_session == 0
    gone = board.devices.pop(0)
    board.add()
    wrong = board.push()
    assert wrong.exit_code == 2
    assert f"1 router of the plan not in the inventory: {gone.name}" in one_error(wrong.stderr)
    assert board.writes() == 0


def test_a_filter_pushes_to_a_part_of_the_plan_and_says_so(board: Board) -> None:
    one, other = board.add(2)
    board.planned(*NOWHERE)
    done = board.push("--limit", one.name)
    assert done.exit_code == 0, done.stderr
    assert f"1 router of the plan not chosen, left alone: {other.name}" in done.stderr
    assert (one.enrollment(), other.enrollment()) == ("terminal", None)


def test_a_router_that_is_somewhere_else_by_now_is_said(board: Board) -> None:
    (device,) = board.add()
    board.planned()
    board.inventory.write_text(f"name,host,port,ssh_port\n{device.name},localhost,{device.port},{device.ssh_port}\n")
    done = board.push("--dry-run")
    assert f"1 router reached at another address than when planned: {device.name}" in done.stderr


def test_an_entry_that_says_otherwise_by_now_what_is_wanted_is_an_error(board: Board) -> None:
    (device,) = board.add()
    board.planned()
    row = f"{device.name},127.0.0.1,{device.port},{device.ssh_port}"
    board.inventory.write_text(f"name,host,port,ssh_port,method\n{row},dialog\n")
    done = board.push()
    assert done.exit_code == 2
    assert f"{device.name}: its entry has method dialog, and it was planned with auto" in one_error(done.stderr)


def test_what_an_entry_wants_of_its_own_is_in_the_file(board: Board) -> None:
    (device,) = board.add()
    row = f"{device.name},127.0.0.1,{device.port},{device.ssh_port}"
    board.inventory.write_text(f"name,host,port,ssh_port,method,trustpoint\n{row},dialog,Own\n")
    board.planned(*NOWHERE)
    board.add(0)
    done = board.push("--format", "json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)[0]["method"] == "dialog"
    assert device.enrollment("Own") == "terminal"


def test_a_resumption_keeps_its_plan(board: Board) -> None:
    canary, *others = board.add(3, ssh=False)
    board.planned(*NOWHERE)
    canary.faults.append(Fault("ca-authenticate", FaultKind.ERROR, times=100))
    first = board.push("--canary", "1")
    assert first.exit_code == 1
    canary.faults.clear()
    drifted = others[1]
    drifted.configure("Trustpool", "http://ca.example/")
    approved, elsewhere = board.path.read_text(), board.folder / "elsewhere.json"
    board.path.unlink()
    assert "No such file" in one_error(board.resume().stderr)
    elsewhere.write_text(approved.replace("Trustpool", "Trustpoolx"))
    assert "its SHA-256 is" in one_error(board.resume("--plan", str(elsewhere)).stderr)
    assert "begun by the plan file with SHA-256" in one_error(board.resume("--sha256", "0" * 64).stderr)
    elsewhere.write_text(approved)
    done = board.resume("--plan", str(elsewhere), "--format", "json")
    ends = outcomes(done)
    assert ends == {
        canary.name: ("remedied", None),
        others[0].name: ("remedied", None),
        drifted.name: ("skipped", "drifted"),
    }
    with Journal.open(board.journal) as journal:
        assert journal.run("last").plan is not None


def test_a_run_without_a_plan_does_not_go_on_by_one(board: Board) -> None:
    (device,) = board.add(ssh=False)
    board.planned(*NOWHERE)
    device.faults.append(Fault("ca-authenticate", FaultKind.ERROR, times=100))
    assert board.run("push", "--yes", *NOWHERE).exit_code == 1
    wrong = board.resume("--plan", str(board.path))
    assert (wrong.exit_code, "begun without a plan file" in one_error(wrong.stderr)) == (2, True)


def test_what_the_run_itself_had_begun_at_a_router_is_no_drift(board: Board) -> None:
    (device,) = board.add(ssh=False)
    board.planned(*NOWHERE)
    device.faults.append(Fault("ca-authenticate", FaultKind.ERROR, times=100))
    assert board.push("--keep").exit_code == 1
    assert device.enrollment() == "terminal"
    device.faults.clear()
    fresh = board.push("--format", "json")
    assert outcomes(fresh) == {device.name: ("skipped", "drifted")}, "another run has not"
    with Journal.open(board.journal) as journal:
        (_, first, _) = [run.run for run in journal.runs()]
    done = board.resume("--resume", first, "--format", "json")
    assert outcomes(done) == {device.name: ("remedied", None)}, done.stderr
    steps = {one["step"]: one["detail"] for one in json.loads(done.stdout)[0]["steps"]}
    assert "planned anew, this run had begun there" in steps["plan"]


def test_a_run_asks_with_the_plan_and_its_hash(board: Board) -> None:
    board.add(2)
    board.planned()
    words = board.words("push", "--plan", str(board.path))
    question = f"Push to 2 routers by the plan with SHA-256 {board.sha256}?".encode()
    code, seen, _ = answered(words, {**board.environment, "COLUMNS": "200"}, board.sha256.encode(), "n\n")
    assert code == 1
    assert "2 routers: um-crypto-cfg, rpc" in seen
    assert question.decode() in " ".join(seen.split())
    assert board.writes() == 0


def test_one_host_is_planned_and_pushed_by_a_file_as_well(lab: Lab, tmp_path: Path) -> None:
    device, path = lab.add(), tmp_path / "plan.json"
    assert lab.run("plan", device, "--out", str(path), *NOWHERE).exit_code == 0
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    words = ["push", *lab.words(device), "--plan", str(path), "--sha256", sha256]
    code, seen, _ = answered(words, {VARIABLE: lab.simulator.password}, b"Apply ", "n\n")
    assert code == 1
    assert f"Apply the plan with SHA-256 {sha256}?" in " ".join(seen.split())
    done = lab.run("push", device, "--plan", str(path), "--yes", "--format", "json")
    assert (done.exit_code, json.loads(done.stdout)["outcome"]) == (0, "remedied"), done.stderr
    again = lab.run("push", device, "--plan", str(path), "--yes")
    assert again.exit_code == 1
    assert "error: 127.0.0.1: drifted: trustpoint Trustpool" in again.stderr
    assert "the root is there by now" in again.stderr


def test_one_host_is_not_the_inventory_of_many(board: Board) -> None:
    (device, _) = board.add(2)
    board.planned()
    done = board.lab.run("push", device, "--plan", str(board.path), "--yes")
    assert done.exit_code == 2
    assert "2 routers of the plan not in the inventory" in one_error(done.stderr)


@pytest.mark.parametrize("out", ["missing/plan.json", ".", "-"])
def test_where_no_plan_file_can_be_written_is_said_before_any_router(
    board: Board, out: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (device,) = board.add()
    monkeypatch.chdir(board.folder)
    done = board.run("plan", "--out", out)
    assert done.exit_code == 2
    assert "plan file" in one_error(done.stderr) or out == "-"
    assert device.last_session == 0


def test_a_plan_file_that_is_written_over_is_whole(board: Board) -> None:
    board.add()
    board.path.write_text("what was there")
    board.planned()
    check("planfile", json.loads(board.path.read_text()))
    assert {path.name for path in board.folder.iterdir()} == {
        *("routers.csv", "known_hosts", "change.json"),
        *(name for name in ("journal.db", "journal.db-wal", "journal.db-shm") if (board.folder / name).exists()),
    }
