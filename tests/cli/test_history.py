"""xr-agent history: the journal as tables and as objects that the schema describes."""

from __future__ import annotations

import json
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from agent.cli.main import program
from agent.fleet.journal.store import Journal
from agent.fleet.results.record import Kind, RunState
from agent.fleet.results.record import Result as Planned
from agent.fleet.run.job import seen
from agent.model.outcome import Outcome
from agent.model.outcome import Result as PushResult
from agent.model.pki.certificate import Evidence
from agent.model.plan import Skip
from tests.cli.schemas import check
from tests.fleet.journals import ANCHOR, Ticks, away, begin, done, remedied, started
from tests.remedy.states import CERTIFICATE, state

EVIL = "\x1b]0;owned\x07[red]root[/red]\x1b[2J"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def runs(path: Path) -> Iterator[list[str]]:
    """A push that was resumed, with one router in each way to end, and a newer push under way."""
    with Journal.open(path, now=Ticks()) as journal:
        with begin(journal, ["r1", "r2", "r3", "r4"], change_ref="CHG1", settings={"canary": 1}) as log:
            log.begun("r1", "canary")
            log.state("r1", "before", seen(state()))
            log.event(started("r1", "commit", "on trial for 120 s"))
            log.event(done("r1", "commit", "committed"))
            log.state("r1", "after", seen(state(certificate=CERTIFICATE)))
            log.ended(remedied("r1"), ANCHOR)
            log.begun("r2")
            log.ended(away("r2"), ANCHOR)
            log.close(RunState.STOPPED)
        with journal.resume(log.run) as log:
            log.begun("r3")
            log.event(started("r3", "ca-authenticate"))
            log.close(RunState.INTERRUPTED)
        with begin(journal, ["r1", "r2"]) as other:
            other.begun("r1")
            yield [other.run, log.run]


def run(path: Path, *words: str) -> Any:
    return CliRunner().invoke(program, ["history", "--journal", str(path), *words], catch_exceptions=False)


def objects(path: Path, *words: str) -> list[Any]:
    """What is printed as jsonl, checked, and the same as the array of json."""
    lines = run(path, *words, "--format", "jsonl").stdout.splitlines()
    found = [json.loads(line) for line in lines]
    for one in found:
        check("history", one)
    text = run(path, *words, "--format", "json").stdout
    assert text == json.dumps(found, indent=2) + "\n"
    return found


def test_the_runs_newest_first(path: Path, runs: list[str]) -> None:
    found = objects(path)
    assert [(one["run"], one["state"]) for one in found] == [(runs[0], "running"), (runs[1], "interrupted")]
    assert found[1]["counts"] == {"remedied": 1, "failed": 1, "doubtful": 1, "waiting": 1}
    assert (found[1]["change_ref"], found[1]["settings"]) == ("CHG1", {"canary": 1})
    assert [(one["number"], one["state"]) for one in found[1]["attempts"]] == [(1, "stopped"), (2, "interrupted")]
    assert [one["run"] for one in objects(path, "--limit", "1")] == runs[:1]


def test_the_routers_of_a_run_and_those_that_need_a_look(path: Path, runs: list[str]) -> None:
    found = objects(path, runs[1])
    assert [(one["device"], one["result"], one["well"]) for one in found] == [
        ("r1", "remedied", True),
        ("r2", "failed", False),
        ("r3", "doubtful", False),
        ("r4", "waiting", False),
    ]
    check("push", found[0]["object"])
    assert found[1]["error"] == {"kind": "connect", "message": "no answer from r2", "hint": "check routes"}
    assert found[2]["steps"] == [{"step": "ca-authenticate", "status": "started", "detail": ""}]
    assert [one["device"] for one in objects(path, runs[1], "--failed")] == ["r2", "r3"]
    assert objects(path, "last", "--failed") == []  # r1 is being worked at


def test_the_steps_of_a_router_with_their_times(path: Path, runs: list[str]) -> None:
    (found,) = objects(path, runs[1], "--device", "r1")
    assert [(one["step"], one["status"], one["detail"]) for one in found["events"]] == [
        ("commit", "started", "on trial for 120 s"),
        ("commit", "done", "committed"),
    ]
    assert found["events"][0]["time"] < found["events"][1]["time"]
    assert found["before"]["certificate"] is None
    assert found["after"]["sha1"] == CERTIFICATE.sha1
    assert (found["batch"], found["object"]["outcome"]) == ("canary", "remedied")
    assert [one["run"] for one in objects(path, "--device", "r1")] == runs
    assert [one["run"] for one in objects(path, "--device", "r3")] == runs[1:]
    (resumed,) = objects(path, "--device", "r3")
    assert [one["attempt"] for one in resumed["events"]] == [2]


def test_the_tables_say_who_what_and_when(path: Path, runs: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    listed = run(path).stdout
    for word in (*runs, "2026-11-25 19:30", "push", "running", "interrupted", "1 doubtful", "CHG1"):
        assert word in listed
    routers = run(path, runs[1]).stdout
    for word in (
        "r4",
        "remedied",
        "rpc, by fingerprint",
        "no answer from r2",
        "ca-authenticate started",
        "waiting",
        "canary=1",
    ):
        assert word in routers
    assert "r1 " not in run(path, runs[1], "--failed").stdout
    steps = run(path, runs[1], "--device", "r1").stdout
    for word in ("19:30:1", "commit", "on trial for 120 s", "started", "canary", "DF:71:7E:AA", "certificate none"):
        assert word in steps


def test_a_router_that_had_the_root_is_listed_with_its_evidence_and_what_a_reload_does(path: Path) -> None:
    had = Outcome("r1", PushResult.UNCHANGED, evidence=Evidence.SUBJECT_VALIDITY, persistent=False)
    with Journal.open(path) as journal, begin(journal, ["r1"]) as log:
        log.begun("r1")
        log.ended(Planned("r1", Kind.PUSH, outcome=had), ANCHOR)
    assert "by subject+validity, until a reload" in " ".join(run(path, "last").stdout.split())  # it may be wrapped


def test_a_planned_router_shows_why_nothing_is_possible_and_no_empty_table_of_steps(path: Path) -> None:
    with Journal.open(path) as journal, begin(journal, ["r1"], kind=Kind.PLAN) as log:
        log.begun("r1")
        log.ended(Planned("r1", Kind.PLAN, plan=Skip("r1", "no way leads to it")), ANCHOR)
        log.close(RunState.DONE)
    for words in ((log.run,), (log.run, "--device", "r1")):
        shown = run(path, *words)
        assert shown.exit_code == 0
        assert "no way leads to it" in shown.stdout
        assert "step" not in shown.stdout


def test_tables_of_many_routers_have_one_head_and_one_layout(path: Path) -> None:
    names = [f"r{number:04}" for number in range(1200)]
    with Journal.open(path) as journal, begin(journal, names) as log:
        log.ended(away("r0001"), ANCHOR)
        log.ended(remedied("r1100"), ANCHOR)
        log.close(RunState.DONE)
    lines = run(path, "last").stdout.splitlines()
    assert sum(line.startswith("device") for line in lines) == 1
    rows = [line for line in lines if line.startswith("r") and line[1:5].isdigit()]
    assert len(rows) == 1200
    assert rows[1].index("failed") == rows[1100].index("remedied") == rows[0].index("waiting")
    assert rows[1].index("no answer") == rows[1100].index("rpc, by")


def test_tables_hold_a_narrow_terminal(path: Path, runs: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    for words in ([], [runs[1]], [runs[1], "--device", "r1"]):
        assert max(map(len, run(path, *words).stdout.splitlines())) <= 60


def test_a_list_of_runs_can_be_read_at_80_columns(path: Path, runs: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = run(path).stdout.splitlines()
    assert max(map(len, lines)) <= 80
    (first,) = [number for number, line in enumerate(lines) if line.startswith(runs[1])]
    assert lines[first].split()[:3] == [runs[1], "push", "interrupted"]
    said = " ".join(" ".join(lines[first:]).split())
    for whole in ("1 doubtful", "1 failed", "1 remedied", "1 waiting", "CHG1", f"@{socket.gethostname()}"):
        assert whole in said
    monkeypatch.setenv("COLUMNS", "160")
    (line,) = [line for line in run(path).stdout.splitlines() if line.startswith(runs[1])]
    assert "1 doubtful, 1 failed, 1 remedied, 1 waiting" in line


def test_a_pipe_gets_each_router_in_one_line_with_its_whole_name(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    names = [f"{'very-' * 40}long-{number}" for number in range(3)]
    with Journal.open(path) as journal, begin(journal, [*names, "r"], change_ref="CHG " * 50) as log:
        log.ended(away(names[0]), ANCHOR)
        log.close(RunState.STOPPED)
    lines = run(path, "last").stdout.splitlines()
    found = [line for line in lines if line.startswith("very-")]
    assert [line.split()[0] for line in found] == names
    assert found[0].split()[1:2] == ["failed"]
    assert found[0].endswith(f"no answer from {names[0]}")
    (row,) = [line for line in run(path).stdout.splitlines() if line.startswith(log.run)]
    assert ("CHG " * 50).strip() in row


@pytest.mark.parametrize("ending", ["html", "json", "csv", "xml"])
def test_a_report_of_a_past_run_is_written(path: Path, runs: list[str], tmp_path: Path, ending: str) -> None:
    file = tmp_path / f"report.{ending}"
    ended = run(path, runs[1], "--report", str(file))
    assert (ended.exit_code, ended.stdout, ended.stderr) == (0, "", f"report {file}\n")
    text = file.read_text()
    assert "no answer from r2" in text
    if ending == "json":
        check("report", json.loads(text))
        assert json.loads(text)["run"]["run"] == runs[1]


def test_runs_go_to_another_journal_and_come_in_once(path: Path, runs: list[str], tmp_path: Path) -> None:
    file, other = tmp_path / "runs.jsonl.gz", tmp_path / "other.db"
    sent = run(path, "export", str(file))
    assert (sent.exit_code, sent.stdout) == (0, "")
    assert f"run {runs[0]} is under way, and left out" in sent.stderr
    assert f"1 run exported to {file}\n" in sent.stderr
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    for said in ("1 run imported", "0 runs imported from runs, 1 known already"):
        given = ["history", "import", str(file), "--journal", str(other)]
        brought = CliRunner().invoke(program, given, catch_exceptions=False)
        assert brought.exit_code == 0
        assert said.replace("from runs", f"from {file}") in brought.stderr
    assert [one["device"] for one in objects(other, runs[1])] == ["r1", "r2", "r3", "r4"]
    again = run(path, "export", str(file))
    assert (again.exit_code, "is there already" in again.stderr) == (2, True)


def test_runs_go_through_a_pipe_and_one_with_other_content_is_said(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    with Journal.open(path, now=Ticks()) as journal:
        with begin(journal, ["r1", "r2"]) as log:
            log.ended(remedied("r1"), ANCHOR)
            log.close(RunState.STOPPED)
        first = run(path, "export", "-").stdout_bytes
        with journal.resume(log.run) as resumed:
            resumed.ended(remedied("r2"), ANCHOR)
            resumed.close(RunState.DONE)
    given = ["history", "import", "-", "--journal", str(other)]
    brought = CliRunner().invoke(program, given, input=first, catch_exceptions=False)
    assert (brought.exit_code, brought.stderr) == (0, "1 run imported from stdin\n")
    again = CliRunner().invoke(program, given, input=run(path, "export", "-").stdout_bytes, catch_exceptions=False)
    assert again.exit_code == 1
    assert f"run {log.run} is here with other content, and stays as it is here" in again.stderr
    assert [one["result"] for one in objects(other, log.run)] == ["remedied", "waiting"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a system without it")
@pytest.mark.parametrize("more", [("export", "-"), (), ("--format", "jsonl")], ids=" ".join)
def test_a_full_disk_below_stdout_is_said_of_stdout(path: Path, runs: list[str], more: tuple[str, ...]) -> None:
    words = [sys.executable, "-m", "agent.cli.main", "history", "--journal", str(path), *more]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, check=False, text=True)
    first, *rest = done.stderr.splitlines()
    assert (done.returncode, first) == (1, "error: stdout cannot be written: No space left on device")
    assert rest == ["  next: see to where it goes; of a run the journal has all: xr-agent history"]
    assert runs


def test_a_file_that_is_no_export_is_one_line(path: Path, tmp_path: Path) -> None:
    for name in ("missing.jsonl", "."):
        ended = CliRunner().invoke(program, ["history", "import", str(tmp_path / name), "--journal", str(path)])
        assert (ended.exit_code, len(ended.stderr.splitlines())) == (2, 2)
    (tmp_path / "other").write_text('{"a": 1}\n')
    ended = run(path, "import", str(tmp_path / "other"))
    assert ended.exit_code == 2
    assert "is no journal's export" in ended.stderr


def test_with_no_word_at_all_it_lists_the_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    with Journal.open() as journal, begin(journal) as log:
        log.close(RunState.DONE)
    ended = CliRunner().invoke(program, ["history"], catch_exceptions=False)
    assert ended.exit_code == 0
    assert log.run in ended.stdout


def test_the_other_commands_are_listed_and_have_their_own_help() -> None:
    shown = CliRunner().invoke(program, ["history", "--help"], catch_exceptions=False)
    assert "export" in shown.stdout
    assert "import" in shown.stdout
    assert "--failed" in shown.stdout
    own = CliRunner().invoke(program, ["history", "export", "--help"], catch_exceptions=False)
    assert "history export [OPTIONS] FILE" in own.stdout.splitlines()[0]
    outer = click.Context(program, info_name="xr-agent")
    group = program.get_command(outer, "history")
    assert isinstance(group, click.Group)
    context = click.Context(group.commands["export"], info_name="export", parent=click.Context(group, outer, "history"))
    assert context.command_path == "xr-agent history export"
    wrong = CliRunner().invoke(program, ["history", "export"], catch_exceptions=False)
    assert (wrong.exit_code, "history export --help" in wrong.stderr) == (2, True)


def test_no_text_of_a_device_or_a_user_acts_on_a_terminal(path: Path) -> None:
    with Journal.open(path) as journal, begin(journal, [EVIL], change_ref=EVIL, settings={"x": EVIL}) as log:
        log.begun(EVIL, EVIL)
        log.state(EVIL, "before", {EVIL: EVIL})
        log.event(started(EVIL, EVIL, EVIL))
        log.ended(away(EVIL), ANCHOR)
        log.close(RunState.DONE)
    for words in ([], ["last"], ["last", "--device", EVIL]):
        text = run(path, *words).stdout
        assert "\x1b" not in text
        assert "\x07" not in text
        assert "\\x1b" in text
        assert "[red]" in text.replace("\n", "")
        assert run(path, *words, "--format", "jsonl").stdout.rstrip("\n").isprintable()


def test_without_a_journal_there_is_no_run_yet(tmp_path: Path) -> None:
    environment = {"XDG_STATE_HOME": str(tmp_path)}
    for form, printed in (("json", "[]\n"), ("jsonl", ""), ("table", "")):
        given = ["history", "--format", form]
        ended = CliRunner().invoke(program, given, env=environment, catch_exceptions=False)
        assert (ended.exit_code, ended.stdout) == (0, printed)
        assert "no run yet" in ended.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("form, printed", [("json", "[]\n"), ("jsonl", ""), ("table", "")])
def test_a_journal_without_a_run_is_said_in_place_of_an_empty_table(path: Path, form: str, printed: str) -> None:
    Journal.open(path).close()
    ended = run(path, "--format", form)
    assert (ended.exit_code, ended.stdout) == (0, printed)
    assert ended.stderr == f"no run yet: the journal {path} is empty\n"


@pytest.mark.parametrize(
    "words, said",
    [
        (["1970"], "the journal has no run 1970"),
        (["last", "--device", "r9"], "r9: it was not in run"),
        (["--device", "r9"], "r9: the journal has no run with it"),
        (["--failed"], "--failed goes with RUN alone"),
        (["last", "--failed", "--device", "r1"], "--failed goes with RUN alone"),
        (["--limit", "0"], "--limit"),
        (["--report", "r.html"], "--report goes with RUN alone"),
        (["last", "--failed", "--report", "r.html"], "--report goes with RUN alone"),
        (["last", "--report", "r.docx"], "says no form"),
        (["last", "--report", "missing/r.html"], "does not exist"),
        (["--journal", "/nonexistent/journal.db"], "No such file"),
        (["--journal", "/dev/null"], "no regular file"),
    ],
)
def test_what_is_not_there_is_one_clear_line(path: Path, runs: list[str], words: list[str], said: str) -> None:
    ended = run(path, *words)
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert said in ended.stderr
    assert len(ended.stderr.splitlines()) <= 2


def test_a_reader_that_goes_away_ends_it(path: Path, runs: list[str]) -> None:
    words = [sys.executable, "-m", "agent.cli.main", "history", "--journal", str(path), "--format", "jsonl"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as ended:
        assert ended.stdout is not None
        assert ended.stderr is not None
        ended.stdout.close()
        assert "Traceback" not in ended.stderr.read()


def test_it_starts_without_the_libraries_that_reach_routers(path: Path, runs: list[str]) -> None:
    code = (
        "import sys\n"
        "from agent.cli.main import main\n"
        "try:\n main()\n"
        "except SystemExit:\n"
        " names = {name.partition('.')[0] for name in sys.modules}\n"
        " print(sorted(names & {'paramiko', 'ncclient', 'lxml', 'cryptography', 'yangson', 'asyncssh', 'tenacity'}))\n"
    )
    words = [sys.executable, "-c", code, "history", "last", "--journal", str(path)]
    ended = subprocess.run(words, capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines()[-1] == "[]"
    assert runs[0] in ended.stdout
