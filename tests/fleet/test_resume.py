"""A run is carried out by one process at a time, and taken up again where it was left."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import agent
from agent.fleet.journal.store import Journal
from agent.fleet.results.record import Kind, Result, RunState
from agent.fleet.results.structs import Step
from agent.model.errors import InputError
from agent.model.outcome import Result as PushResult
from agent.model.outcome import Status, StepRecord
from tests.fleet.journals import ANCHOR, away, begin, process, remedied, started


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    with Journal.open(path) as opened:
        yield opened


def test_a_killed_process_leaves_a_lost_run_that_says_what_is_in_doubt(path: Path) -> None:
    code = """
        import os
        journal = Journal.open(path)
        log = begin(journal)
        log.begun("r1")
        log.ended(remedied("r1"), ANCHOR)
        log.begun("r2")
        log.event(started("r2", "commit"))
        print(log.run, os.getpid(), flush=True)
        sys.stdin.read()
    """
    with process(code, path) as killed, Journal.open(path) as journal:
        assert killed.stdout is not None
        run, pid = killed.stdout.readline().split()
        assert journal.run(run).state is RunState.RUNNING
        with pytest.raises(InputError, match=f"in use by process {pid} on "):
            journal.resume(run)
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        assert journal.run(run).state is RunState.LOST
        (waits,) = journal.devices(run, words=["doubtful"])
        assert waits.steps == (Step("commit", Status.STARTED),)
        with journal.resume(run) as log:
            assert (log.doubtful(), log.proven(), log.left()) == (["r2"], ["r1"], ["r3"])
            assert journal.run(run).state is RunState.RUNNING
            assert [(one.number, one.state) for one in journal.attempts(run)] == [
                (1, RunState.LOST),
                (2, RunState.RUNNING),
            ]


def test_a_run_left_by_an_error_is_lost_and_can_be_resumed(path: Path) -> None:
    with Journal.open(path) as journal:
        with pytest.raises(ValueError, match="no router"), begin(journal) as log:
            log.begun("a router of another run")
        assert journal.run(log.run).state is RunState.LOST
        journal.resume(log.run).close(RunState.STOPPED)
        assert journal.run(log.run).state is RunState.STOPPED
    assert not list(path.parent.glob("*.lock"))


def test_a_resumed_run_goes_on_with_what_it_knew(path: Path) -> None:
    with Journal.open(path) as journal:
        with begin(journal) as log:
            for name in ("r1", "r2"):
                log.begun(name)
                log.state(name, "before", {"enrollment": None})
            log.event(started("r2", "lock"))
            log.ended(away("r1"), ANCHOR)
            log.close(RunState.INTERRUPTED)
        with journal.resume("last", version="9.9") as again:
            assert again.run == log.run
            assert (again.doubtful(), again.proven(), again.left()) == (["r2"], [], ["r3", "r1"])
            again.begun("r1")
            assert again.doubtful() == ["r1", "r2"]
            record = next(journal.devices(log.run))
            assert (record.word, record.error, record.plain, record.ended) == ("doubtful", None, None, None)
            again.state("r1", "before", {"enrollment": "enrollment terminal"})
            again.event(started("r2", "commit"))
            again.ended(remedied("r1"), ANCHOR)
            again.close(RunState.STOPPED)
        record, trail = journal.trail(log.run, "r1")
        assert (record.word, record.error, trail.before) == ("remedied", None, {"enrollment": None})
        assert [(one.attempt, one.step) for one in journal.trail(log.run, "r2")[1].moments] == [
            (1, "lock"),
            (2, "commit"),
        ]
        assert [(one.version, one.state) for one in journal.attempts(log.run)] == [
            (agent.__version__, RunState.INTERRUPTED),
            ("9.9", RunState.STOPPED),
        ]


@pytest.mark.parametrize(
    "bounds, least", [((None, None), None), ((0, 0), 0), ((None, 3), 3), ((0, 5, 4, 5), 4), ((4, 0), 4)]
)
def test_what_bounded_a_run_is_the_least_that_any_of_its_attempts_had(
    path: Path, bounds: tuple[int | None, ...], least: int | None
) -> None:
    with Journal.open(path) as journal:
        begin(journal, bound=bounds[0]).close(RunState.STOPPED)
        for bound in bounds[1:]:
            journal.resume("last", bound=bound).close(RunState.STOPPED)
        assert journal.bound("last") == least


def test_what_cannot_be_resumed_is_said(journal: Journal) -> None:
    with pytest.raises(InputError, match="no run yet"):
        journal.resume("last")
    with begin(journal, kind=Kind.POLL) as poll:
        poll.close(RunState.INTERRUPTED)
    with begin(journal, ("r1",)) as finished:
        finished.ended(remedied("r1"), ANCHOR)
        finished.close(RunState.DONE)
    for run, why in (
        ("19700101", "no run 19700101"),
        ("", "no run "),
        ("%", "no run %"),
        (poll.run, "a poll, which is not resumed"),
        (finished.run, "every router of run .* ended well"),
        ("last", "every router of run .* ended well"),
        ("2", f"2 begins {finished.run}, {poll.run}"),
    ):
        with pytest.raises(InputError, match=why):
            journal.resume(run)
    with pytest.raises(InputError, match="of the command push, not assess"):
        journal.resume(finished.run, kind=Kind.ASSESS)
    with pytest.raises(InputError, match="no assess yet"):
        journal.resume("last", kind=Kind.ASSESS)


def test_a_run_that_was_done_is_resumed_for_the_routers_that_failed(journal: Journal) -> None:
    with begin(journal, ("r1", "r2")) as log:
        log.ended(remedied("r1"), ANCHOR)
        log.ended(away("r2"), ANCHOR)
        log.close(RunState.DONE)
    with journal.resume(log.run) as again:
        assert (again.proven(), again.doubtful(), again.left()) == (["r1"], [], ["r2"])


def ended(device: str, *steps: StepRecord) -> Result:
    """A router that ended well with these steps behind the proof."""
    good = remedied(device)
    assert good.outcome is not None
    return replace(good, outcome=replace(good.outcome, steps=(*good.outcome.steps, *steps)))


OWED = {
    "broken off": [StepRecord("read back", Status.SKIPPED, "interrupted after the certificate was proven")],
    "not yet": [StepRecord("renew-auth", Status.SKIPPED, "interrupted after the certificate was proven")],
    "lost": [StepRecord("renew-auth", Status.FAILED, "the session was lost")],
    "unanswered": [StepRecord("renew-auth", Status.UNKNOWN), StepRecord("contact", Status.UNKNOWN)],
}
RENEWED = {
    "contacted": [StepRecord("renew-auth", Status.DONE), StepRecord("contact", Status.DONE)],
    "late": [StepRecord("renew-auth", Status.DONE), StepRecord("contact", Status.UNKNOWN)],
    "waiting": [
        StepRecord("renew-auth", Status.DONE, "success"),
        StepRecord("contact", Status.SKIPPED, "interrupted before a newer contact was seen: watch it with poll"),
    ],
    "answered late": [StepRecord("renew-auth", Status.UNKNOWN), StepRecord("contact", Status.DONE)],
    "not here": [StepRecord("renew-auth", Status.SKIPPED, "the licensing agent does not do that here")],
    "unwanted": [],
}


def test_what_was_proven_and_not_renewed_is_left_to_a_resumed_push(journal: Journal) -> None:
    with begin(journal, [*OWED, *RENEWED]) as log:
        for name, steps in {**OWED, **RENEWED}.items():
            log.ended(ended(name, *steps), ANCHOR)
        log.close(RunState.DONE)
    with journal.resume(log.run) as again:
        assert again.left() == list(OWED)
        assert again.unrenewed() == set(OWED)
        assert again.proven() == list(RENEWED)
        for name in OWED:
            again.begun(name)
            again.ended(ended(name, *RENEWED["contacted"]), ANCHOR)
        again.close(RunState.DONE)
    with pytest.raises(InputError, match="ended well"):
        journal.resume(log.run)


def test_whatever_may_have_brought_the_root_and_did_not_end_well_is_to_be_renewed(journal: Journal) -> None:
    with begin(journal, ("killed", "unknown", "before", "new")) as log:
        log.begun("killed")
        log.event(started("killed", "ca-authenticate"))
        unknown = remedied("unknown")
        assert unknown.outcome is not None  # as of a worker that has no journal: its steps are in its result alone
        log.ended(replace(unknown, outcome=replace(unknown.outcome, result=PushResult.UNKNOWN)), ANCHOR)
        log.begun("before")
        log.event(started("before", "commit"))
        log.close(RunState.INTERRUPTED)
    with journal.resume(log.run) as again:
        assert again.unrenewed() == {"killed", "unknown"}
        assert (again.doubtful(), again.left()) == (["killed", "before"], ["new", "unknown"])


def test_last_is_the_newest_run_of_the_kind_that_is_asked_for(journal: Journal) -> None:
    with begin(journal) as push, begin(journal, kind=Kind.ASSESS) as look:
        push.close(RunState.STOPPED)
        look.close(RunState.STOPPED)
    with journal.resume("last", kind=Kind.PUSH) as log:
        assert log.run == push.run
    with journal.resume("last") as log:
        assert log.run == look.run


def test_a_beginning_is_enough_where_no_other_run_begins_so(journal: Journal) -> None:
    with begin(journal) as log:
        log.close(RunState.STOPPED)
    assert journal.run(log.run[:8]).run == log.run
    with journal.resume(log.run[:-2]) as again:
        assert again.run == log.run


def test_a_run_in_use_is_not_resumed_by_the_same_process_either(journal: Journal) -> None:
    with begin(journal) as log, pytest.raises(InputError, match="in use by process"):
        journal.resume(log.run)


def test_a_refused_resumption_leaves_the_run_as_it_was(journal: Journal, path: Path) -> None:
    with begin(journal, ("r1",)) as log:
        log.ended(remedied("r1"), ANCHOR)
        log.close(RunState.DONE)
    with pytest.raises(InputError, match="ended well"):
        journal.resume(log.run)
    assert journal.run(log.run).state is RunState.DONE
    assert len(journal.attempts(log.run)) == 1
    assert not list(path.parent.glob("*.lock"))


def test_processes_with_runs_of_their_own_share_one_journal(path: Path) -> None:
    code = """
        sys.stdin.readline()
        with Journal.open(path) as journal, begin(journal) as log:
            for number in range(30):
                log.event(started("r1", str(number)))
            log.close(RunState.DONE)
    """
    processes = [process(code, path) for _ in range(6)]
    for one in processes:
        assert one.stdin is not None
        one.stdin.write("all at once\n")
        one.stdin.flush()
    for one in processes:
        assert one.communicate() == ("", "")
    with Journal.open(path) as journal:
        runs = list(journal.runs())
        assert [run.state for run in runs] == [RunState.DONE] * 6
        for run in runs:
            record, _ = journal.trail(run.run, "r1")
            assert [one.step for one in record.steps] == [str(number) for number in range(30)]
