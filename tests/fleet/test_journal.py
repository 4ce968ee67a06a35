"""The journal: what it was told before a write is on disk before the write, and is read back as it was told."""

from __future__ import annotations

import secrets
import sqlite3
import threading
import tracemalloc
from contextlib import closing, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import agent
from agent.fleet.journal import store as journalstore
from agent.fleet.journal import tables as journalschema
from agent.fleet.journal.runlog import RunLog
from agent.fleet.journal.store import Journal
from agent.fleet.results import objects
from agent.fleet.results.record import Kind, Result, RunState
from agent.model.errors import InputError, JournalError
from agent.model.outcome import Failure, Status, StepRecord
from agent.model.plan import Skip, Verdict, VerdictKind
from agent.remedy.apply import apply
from agent.remedy.observe import observe
from agent.remedy.plan import plan
from agent.remedy.poll import Sample
from tests.fleet.journals import ANCHOR, BEGIN, Ticks, away, begin, done, on_disk, process, remedied, started
from tests.support import Lab, eventually

STEPS = "SELECT step || ' ' || status FROM step ORDER BY seq"
WORDS = "SELECT name || ' ' || word FROM device ORDER BY place"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def test_a_run_is_read_back_as_it_was_told(path: Path) -> None:
    settings = {"inventory": "hosts.yaml", "canary": 1, "password": "env:XR_PASSWORD"}
    with Journal.open(path, now=Ticks()) as journal:
        with begin(journal, settings=settings, change_ref="CHG0001", version="9.9") as log:
            log.begun("r1", "canary")
            log.state("r1", "before", {"enrollment": None})
            log.event(started("r1"))
            log.event(done("r1", detail="committed"))
            log.state("r1", "after", {"enrollment": "enrollment terminal"})
            log.ended(remedied("r1"), ANCHOR)
            log.begun("r2", "1")
            log.ended(away("r2"), ANCHOR)
            log.close(RunState.DONE)
        (run,) = journal.runs()
        assert (run.run, run.kind, run.state, run.version) == (log.run, Kind.PUSH, RunState.DONE, "9.9")
        assert (run.settings, run.change_ref) == (settings, "CHG0001")
        assert run.counts == {"remedied": 1, "failed": 1, "waiting": 1}
        assert run.run.startswith("20261125-193013-")
        assert run.ended is not None
        assert BEGIN < run.began < run.ended
        first, second, third = journal.devices(run.run)
        assert first == remedied("r1").record(ANCHOR).evolve(batch="canary")
        assert (second.word, second.error, second.batch) == ("failed", away("r2").record(ANCHOR).error, "1")
        assert second.began is not None
        assert second.ended is not None
        assert (third.word, third.began, third.plain) == ("waiting", None, None)
        assert [one.device for one in journal.devices(run.run, words=["failed", "waiting"])] == ["r2", "r3"]
        _, trail = journal.trail(run.run, "r1")
        assert [(one.step, one.status, one.detail) for one in trail.moments] == [
            ("commit", Status.STARTED, ""),
            ("commit", Status.DONE, "committed"),
        ]
        assert (trail.before, trail.after) == ({"enrollment": None}, {"enrollment": "enrollment terminal"})


def test_a_verdict_is_read_back_with_its_deadlines(path: Path) -> None:
    due = (("unregistered", datetime(2027, 2, 1, tzinfo=UTC)),)
    verdict = Verdict("r1", VerdictKind.AFFECTED, ("its root is the old one",), due, ("its clock is off",))
    result = Result("r1", Kind.ASSESS, verdict=verdict, began=BEGIN, ended=BEGIN)
    with Journal.open(path) as journal, begin(journal, ["r1"], kind=Kind.ASSESS) as log:
        log.ended(result, ANCHOR)
        assert list(journal.devices(log.run)) == [result.record(ANCHOR)]


def test_before_each_write_its_start_is_on_disk_and_the_router_untouched(path: Path, lab: Lab) -> None:
    device = lab.add(release="7.4.1", terminal_rpc="installs")
    seen = []
    with Journal.open(path) as journal, begin(journal, [device.name]) as log, lab.connect(device) as session:
        log.begun(device.name)
        made = plan(agent.Intent(), observe(session, "Trustpool"))
        for event in apply(session, made, connect=lambda: lab.connect(device)):
            log.event(event)
            if event.status is Status.STARTED and event.step not in ("read back", "contact"):
                assert on_disk(path, STEPS)[-1] == f"{event.step} started"
                assert device.counters[event.step] == 0
                seen.append(event.step)
        log.close(RunState.DONE)
    assert seen == ["lock", "edit-config", "commit", "confirm", "ca-authenticate", "renew-auth"]
    assert all(device.counters[step] for step in seen)


@pytest.mark.parametrize("step", ["lock", "commit", "sftp", "trustpool import", "a step of tomorrow"])
def test_the_start_of_a_write_is_on_disk_when_the_call_returns(path: Path, step: str) -> None:
    with Journal.open(path) as journal, begin(journal) as log:
        log.event(started("r1", step))
        assert on_disk(path, STEPS) == [f"{step} started"]


def test_what_is_durable_takes_along_all_that_came_before_it(path: Path) -> None:
    with Journal.open(path) as journal, begin(journal) as log:
        log.event(done("r1", "lock"))
        log.event(started("r1", "read back"))
        log.begun("r2")
        assert on_disk(path, STEPS) == ["lock done", "read back started"]
        assert on_disk(path, WORDS) == ["r1 waiting", "r2 doubtful", "r3 waiting"]


def test_what_nobody_waits_for_is_on_disk_soon(path: Path) -> None:
    with Journal.open(path) as journal, begin(journal) as log:
        log.event(done("r1", "lock"))
        assert eventually(lambda: on_disk(path, STEPS) == ["lock done"])


def test_a_full_disk_is_told_to_everybody_who_waits_and_to_all_who_come(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told, opened = [], []

    def connect(path: Path, *, reading: bool = False) -> sqlite3.Connection:
        opened.append(journalschema.connect(path, reading=reading))
        return opened[-1]

    monkeypatch.setattr(journalstore, "connect", connect)
    with Journal.open(path) as journal, begin(journal, [f"r{number}" for number in range(20)]) as log:
        (db,) = opened
        full = db.execute("PRAGMA page_count").fetchone()[0]
        db.execute(f"PRAGMA max_page_count = {full}").fetchone()

        def work(name: str) -> None:
            try:
                while True:
                    log.event(started(name, "commit", "x" * 2000))
            except JournalError as error:
                told.append(str(error))

        threads = [threading.Thread(target=work, args=(f"r{number}",)) for number in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(told) == 20
        assert all("cannot be written: database or disk is full; nothing further is begun" in text for text in told)
        for call in (lambda: log.begun("r1"), lambda: log.ended(away("r1"), ANCHOR), log.doubtful):
            with pytest.raises(JournalError):
                call()
        with pytest.raises(JournalError):
            log.close(RunState.DONE)
    with Journal.open(path) as journal:
        assert journal.run("last").state is RunState.LOST


def test_an_error_of_the_disk_itself_is_a_journal_error(path: Path) -> None:
    code = """
        import resource
        with Journal.open(path) as journal, begin(journal) as log:
            log.begun("r1")
            size = path.with_name("journal.db-wal").stat().st_size
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
            try:
                log.event(started("r1"))
            except AgentError as error:
                print(error)
    """
    with process(code, path) as ended:
        said, trouble = ended.communicate()
    assert trouble == ""
    assert "the journal cannot be written: disk I/O error; nothing further is begun" in said
    with Journal.open(path) as journal, journal.resume("last") as log:
        assert log.doubtful() == ["r1"]


def test_a_journal_that_others_hold_for_long_is_a_journal_error(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journalschema, "BUSY", 0.05)
    with closing(sqlite3.connect(path)) as other, suppress(JournalError), Journal.open(path) as journal:
        log = begin(journal)
        other.execute("BEGIN IMMEDIATE")
        with log, pytest.raises(JournalError, match="database is locked"):
            log.begun("r1")


def refused(log: RunLog) -> bool:
    try:
        log.event(done("r1"))
    except JournalError:
        return True
    return False


def test_a_failure_that_nobody_waited_for_is_told_by_the_next_call_or_at_the_end(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journalschema, "BUSY", 0.05)
    with closing(sqlite3.connect(path)) as other:
        for wait in (True, False):
            journal = Journal.open(path)
            with begin(journal) as log:
                other.execute("BEGIN IMMEDIATE")
                log.event(done("r1"))
                assert not wait or eventually(partial(refused, log))
            if wait:
                journal.close()
            else:
                with pytest.raises(JournalError):
                    journal.close()
            other.rollback()


def test_order_is_by_number_and_not_by_a_clock_that_jumps_back(path: Path) -> None:
    times = Ticks(*(BEGIN - timedelta(days=day) for day in range(20)))
    with Journal.open(path, now=times) as journal:
        runs = []
        for _ in range(3):
            with begin(journal) as log:
                log.event(started("r1", "lock"))
                log.event(done("r1", "lock"))
                log.close(RunState.DONE)
            runs.append(log.run)
        assert runs == sorted(runs, reverse=True)
        assert [run.run for run in journal.runs()] == runs[::-1]
        assert [run.run for run in journal.runs(limit=2)] == runs[:0:-1]
        assert journal.run("last").run == runs[-1]
        assert [run.run for run in journal.runs(device="r1")] == runs[::-1]
        moments = journal.trail(runs[0], "r1")[1].moments
        assert [one.status for one in moments] == [Status.STARTED, Status.DONE]
        assert moments[0].time > moments[1].time


def test_runs_of_the_same_second_have_names_of_their_own(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = iter(["aaaa", "aaaa", "bbbb", "bbbb", "aaaa", "cccc"])
    monkeypatch.setattr(secrets, "token_hex", lambda _: next(tokens))
    with Journal.open(path, now=lambda: BEGIN) as journal:
        with begin(journal) as first, begin(journal) as second:  # the first is held while the second is named
            first.close(RunState.DONE)
            second.close(RunState.DONE)
        with begin(journal) as third:
            third.close(RunState.DONE)
    assert [log.run[-4:] for log in (first, second, third)] == ["aaaa", "bbbb", "cccc"]


def test_the_history_of_one_router_is_over_all_runs(path: Path) -> None:
    with Journal.open(path) as journal:
        for result in (away("r1"), remedied("r1")):
            with begin(journal, ["r1", "r2"]) as log:
                log.ended(result, ANCHOR)
                log.close(RunState.DONE)
        with begin(journal, ["r2"]) as log:
            log.close(RunState.DONE)
        trails = [journal.trail(run.run, "r1") for run in journal.runs(device="r1")]
        assert [record.word for record, _ in trails] == ["remedied", "failed"]
        assert list(journal.runs(device="r9")) == []
        with pytest.raises(InputError, match="r1: it was not in run"):
            journal.trail("last", "r1")


@pytest.mark.parametrize(
    "settings, said",
    [
        ({"password": agent.Secret("hunter2")}, "settings.password is a Secret"),
        ({"groups": {"core": [{"key": agent.Secret("hunter2")}]}}, "settings.groups.core.key is a Secret"),
        ({"reach": {"password": "hunter2"}}, "settings.reach.password is a text that is no reference"),
        ({"snmp_community": "hunter2"}, "settings.snmp_community is a text that is no reference"),
        ({"reach": {"key": "hunter2"}}, "settings.reach.key is a text that is no reference"),
        ({"register_token": ["hunter2"]}, "settings.register_token is a text that is no reference"),
        ({"anchor": Path("hunter2")}, "settings.anchor is a PosixPath"),
        ({"method": agent.Method.RPC}, "settings.method is a Method"),
        ({1: "x"}, "settings has a name that is no text"),
    ],
)
def test_no_secret_and_nothing_but_json_gets_into_the_settings(path: Path, settings: Any, said: str) -> None:
    with Journal.open(path) as journal:
        with pytest.raises(TypeError, match=said) as refused:
            begin(journal, settings=settings)
        assert "hunter2" not in str(refused.value)
        assert list(journal.runs()) == []


def test_references_to_secrets_are_kept(path: Path) -> None:
    settings = {
        "password": "env:XR",
        "key_passphrase": None,
        "reach": {"password": "keyring:a/b"},
        "ask_password": True,
        "password_env": "XR",
        "register_token_file": "/etc/xr/token",
        "key": "~/.ssh/id",
        "host_key": "ssh-ed25519 AAAA",
    }
    with Journal.open(path) as journal, begin(journal, settings=settings):
        assert journal.run("last").settings == settings


def test_a_password_in_a_url_is_nowhere_in_the_file(path: Path) -> None:
    url = "http://ops:hunter2@ca.example/"
    lost = Failure("connect", f"no answer by {url}", f"try {url}")
    with Journal.open(path) as journal, begin(journal, settings={"url": url}, change_ref=url) as log:
        log.begun("r1", url)
        log.event(started("r1", "commit", f"enrollment url {url}"))
        log.state("r1", "before", {"enrollment": [url]})
        log.ended(Result("r1", Kind.PUSH, error=lost), ANCHOR)
        log.close(RunState.DONE)
        assert "ops:***@ca.example" in str(next(journal.devices("last")))
    assert b"hunter2" not in b"".join(file.read_bytes() for file in path.parent.iterdir())


def test_a_state_with_a_secret_is_refused(path: Path) -> None:
    with Journal.open(path) as journal, begin(journal) as log, pytest.raises(TypeError, match=r"before\.x is a Secret"):
        log.state("r1", "before", {"x": agent.Secret("hunter2")})


def test_text_that_is_no_unicode_is_kept_spelled_out(path: Path) -> None:
    with Journal.open(path) as journal, begin(journal) as log:
        log.event(started("r1", "commit", "\udcff\x00\x1b[2J"))
        assert journal.trail(log.run, "r1")[1].moments[0].detail == "\\udcff\x00\x1b[2J"


def test_a_router_that_is_in_the_run_twice_is_named(path: Path) -> None:
    with Journal.open(path) as journal, pytest.raises(InputError, match="r1: it is in the run twice"):
        begin(journal, ["r1", "r2", "r1"])


def test_a_router_of_another_run_and_a_closed_run_are_mistakes(path: Path) -> None:
    with Journal.open(path) as journal, begin(journal) as log:
        with pytest.raises(ValueError, match="r9 is no router of run"):
            log.begun("r9")
        for state in (RunState.RUNNING, RunState.LOST):
            with pytest.raises(ValueError, match="does not end"):
                log.close(state)
        log.close(RunState.DONE)
        for call in (lambda: log.begun("r1"), lambda: log.event(done("r1")), log.left):
            with pytest.raises(ValueError, match="is closed"):
                call()


@pytest.mark.parametrize(
    "column, value",
    [
        ("plain", "{}"),
        ("plain", "[]"),
        ("plain", '{"device": "r1", "outcome": "remedied", "steps": [{"step": "commit", "status": "gone"}]}'),
        ("method", "telepathy"),
        ("evidence", "hearsay"),
        ("deadlines", '[["comm_failed", "soon"]]'),
        ("reasons", '{"why": 1}'),
        ("error", '{"kind": "connect"}'),
        ("ended", "yesterday"),
        ("began", "2026-11-25T19:30:12"),
    ],
)
def test_a_damaged_row_is_told_and_not_shown_as_something_else(path: Path, column: str, value: str) -> None:
    with Journal.open(path) as journal, begin(journal) as log:
        log.ended(remedied("r1"), ANCHOR)
        log._writer.do(lambda db: db.execute(f"UPDATE device SET {column} = ? WHERE name = 'r1'", (value,)))  # noqa: S608
        with pytest.raises(InputError, match="holds what no xr-agent wrote") as told:
            list(journal.devices(log.run))
    assert told.value.hint is not None
    assert "--journal FILE" in told.value.hint


@pytest.mark.parametrize(
    "result",
    [
        remedied("r1"),
        away("r1"),
        Result("r1", Kind.ASSESS, verdict=Verdict("r1", VerdictKind.AFFECTED, ("why",), (("comm_failed", BEGIN),))),
        Result("r1", Kind.PLAN, plan=Skip("r1", "no way")),
        Result("r1", Kind.PLAN, error=Failure("connect", "no answer")),
        Result("r1", Kind.POLL, sample=Sample(BEGIN.replace(microsecond=0), "r1", error="no answer", kind="connect")),
        Result("r1", Kind.POLL, error=Failure("connect", "no answer")),
    ],
)
def test_a_result_of_a_newer_version_is_read_by_what_is_known_here(path: Path, result: Result) -> None:
    result = replace(result, began=BEGIN, ended=BEGIN)
    with Journal.open(path) as journal, begin(journal, kind=result.kind) as log:
        log.ended(result, ANCHOR)
        log._writer.do(lambda db: db.execute("""UPDATE device SET plain = '{"colour": "red", ' || substr(plain, 2)"""))
        first = next(journal.devices(log.run))
    assert objects.plain(first) == objects.plain(result.record(ANCHOR))


def test_the_routers_of_a_run_are_never_in_memory_at_once(path: Path) -> None:
    names = [f"r{number}" for number in range(2000)]
    steps = tuple(StepRecord(f"step {number}", Status.DONE, "x" * 100) for number in range(20))
    result = remedied("r")
    assert result.outcome is not None
    large = replace(result, outcome=replace(result.outcome, steps=steps))
    with Journal.open(path) as journal, begin(journal, names) as log:
        log.ended(replace(large, device=names[0]), ANCHOR)
        with closing(journalschema.connect(path)) as db:
            db.execute(
                "UPDATE device SET (word, ended, plain) = (SELECT word, ended, plain FROM device WHERE place = 0)"
            )
        tracemalloc.start()
        try:
            counted = sum(len(record.steps) for record in journal.devices(log.run))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert counted == 40_000
    assert peak < 500_000  # one router has some three thousand bytes, so all of them have six million
