"""push within windows: what is said before and meanwhile, what is left, and how the run goes on."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.cli.view.one import One
from agent.fleet.inventory.target import Target
from agent.fleet.journal.store import Journal
from agent.fleet.results.record import Kind, RunState
from agent.fleet.run.executors import Inline
from agent.fleet.run.job import Job, perform
from agent.fleet.run.rollout import Rollout
from agent.fleet.run.runner import Backend, Run
from tests.cli.lab import Fleet
from tests.fleet.journals import begin

NO_CONTACT = ("--contact-wait", "0")


def window(begins: float, ends: float) -> str:
    """The window from *begins* to *ends* hours from now, by the clock of UTC."""
    opens, closes = (datetime.now(UTC) + timedelta(hours=hours) for hours in (begins, ends))
    return f"{opens:%H:%M}-{closes:%H:%M}"


OPEN, LATER = (-2, 4), (2, 4)


def with_windows(fleet: Fleet, *hours: tuple[float, float]) -> None:
    """Write the inventory anew, a window for each router."""
    rows = [
        f"{one.name},127.0.0.1,{one.port},{one.ssh_port or 22},{window(*each)},UTC"
        for one, each in zip(fleet.devices, hours, strict=True)
    ]
    fleet.inventory.write_text("\n".join(["name,host,port,ssh_port,window,tz", *rows, ""]))


def said(process: subprocess.Popen[str], pattern: str) -> Iterator[str]:
    """The lines of its stderr up to one that matches."""
    assert process.stderr is not None
    for line in process.stderr:
        yield line
        if re.search(pattern, line):
            return
    raise AssertionError(f"{pattern} was not said")


def test_a_push_waits_for_its_window_until_it_is_interrupted_and_a_resumed_one_does_again(fleet: Fleet) -> None:
    fleet.add(2)
    words = ("--yes", "--window", window(*LATER), "--tz", "UTC")
    for more in (words, ("--yes", "--resume", "last")):
        with fleet.started("push", *more) as process:
            lines = list(said(process, "^next: window"))
            assert re.search(
                r"^window \d\d:\d\d-\d\d:\d\d \(UTC\): opens 20\S+ \d\d:\d\d UTC, in .* for 2 routers$", lines[0]
            )
            assert "5 min" in "".join(lines)
            process.send_signal(signal.SIGINT)
            _, rest = process.communicate(timeout=600)
        assert process.returncode == 130
        assert "2 routers not begun" in rest
        assert fleet.records() == dict.fromkeys((device.name for device in fleet.devices), "waiting")
    done = fleet.run("push", "--yes", "--resume", "last", "--no-window", *NO_CONTACT)
    assert done.exit_code == 0, done.stderr
    assert set(fleet.records().values()) == {"remedied"}
    with Journal.open(fleet.journal) as journal:
        (run,) = journal.runs()
        assert (run.state, run.settings["tz"]) == (RunState.DONE, "UTC")
        assert run.settings["windows"] == [words[2]]


@pytest.mark.parametrize("backend", [[], ["--processes", "1"]])
def test_a_push_in_an_open_window_is_one_as_ever(fleet: Fleet, backend: list[str]) -> None:
    fleet.add(2)
    done = fleet.run("push", "--yes", "--window", window(*OPEN), "--tz", "UTC", *NO_CONTACT, *backend)
    assert done.exit_code == 0, done.stderr
    assert re.search(r"^window .* \(UTC\): open until .* UTC, for 2 routers$", done.stderr, re.MULTILINE)


def test_a_router_whose_window_opens_behind_the_end_is_not_begun_and_said(fleet: Fleet) -> None:
    first, second = fleet.add(2)
    with_windows(fleet, LATER, OPEN)
    end = f"{datetime.now(UTC) + timedelta(hours=1):%Y-%m-%dT%H:%M}Z"
    done = fleet.run("push", "--yes", "--stop-at", end, *NO_CONTACT)
    assert done.exit_code == 1
    assert "is not before --stop-at: not begun" in done.stderr
    assert fleet.records() == {first.name: "waiting", second.name: "remedied"}
    assert "stopped: no further window opens before" in done.stderr
    assert "1 router not begun" in done.stderr
    assert "push --resume" in done.stderr
    assert first.log == []


def test_a_window_that_does_not_open_before_the_end_is_refused_before_any_router(fleet: Fleet) -> None:
    (device,) = fleet.add(1)
    end = f"{datetime.now(UTC) + timedelta(hours=1):%Y-%m-%dT%H:%M}Z"
    done = fleet.run("push", "--yes", "--window", window(*LATER), "--tz", "UTC", "--stop-at", end)
    assert done.exit_code == 2
    assert done.stderr.startswith("error: no window opens before --stop-at; window ")
    assert device.log == []
    assert not fleet.journal.exists()


def test_windows_of_the_inventory_are_left_out_of_account_only_by_name_and_by_what_changes_nothing(
    fleet: Fleet,
) -> None:
    fleet.add(1)
    with_windows(fleet, LATER)
    assert fleet.run("plan").exit_code == 0
    look = fleet.run("push", "--dry-run")
    assert look.exit_code == 0
    assert "opens 20" in look.stderr
    done = fleet.run("push", "--yes", "--no-window", *NO_CONTACT)
    assert done.exit_code == 0, done.stderr


def test_a_canary_that_keeps_others_waiting_until_their_windows_closed_is_said_before(fleet: Fleet) -> None:
    fleet.add(10)
    fleet.add(1, release="7.3.2")
    with_windows(fleet, *[(-2, 1)] * 10, LATER)
    end = f"{datetime.now(UTC) + timedelta(minutes=30):%Y-%m-%dT%H:%M}Z"
    done = fleet.run("push", "--yes", "--stop-at", end, *NO_CONTACT)
    assert done.exit_code == 1
    assert "the canary is not done before 20" in done.stderr
    assert "by then the windows of 9 routers have closed, and they are not begun" in done.stderr
    assert "the canary was not begun as a whole: no further window opens before" in done.stderr
    assert sorted(fleet.records().values()) == ["remedied", *["waiting"] * 10]


def test_what_a_run_was_to_end_by_is_kept_with_its_day_and_is_not_taken_for_another(fleet: Fleet) -> None:
    fleet.add(1, reachable=False, ssh=False)
    words = ("--stop-at", "tomorrow 23:58", "--tz", "UTC", "--connect-wait", "0")
    assert fleet.run("push", "--yes", *words).exit_code == 1
    day = datetime.now(UTC).date() + timedelta(days=1)
    with Journal.open(fleet.journal) as journal:
        (run,) = journal.runs()
        assert run.settings["stop_at"] in (f"{day}T23:58:00+00:00", f"{day - timedelta(days=1)}T23:58:00+00:00")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("agent.cli.request.datetime", Later)
        late = fleet.run("push", "--yes", "--resume", "last")
    assert late.exit_code == 2
    assert re.search(r"error: the run was to begin no router after \S+T23:58:00\+00:00", late.stderr)
    assert "give --stop-at anew" in late.stderr


class Later(datetime):
    """The clock three days on."""

    @classmethod
    def now(cls, tz: object = None) -> Later:
        shown = datetime.now(UTC) + timedelta(days=3)
        return cls.fromisoformat(shown.isoformat())


def test_one_host_that_may_not_be_begun_any_more_was_not_interrupted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    host, job = Target("r1", "r1"), Job(Kind.PUSH)
    over = Rollout(stop_at=datetime.now(UTC))
    with Journal.open(tmp_path / "journal.db") as journal, begin(journal, ["r1"]) as log:
        view = One(job, "table", log, bundled=True)
        run = Run([host], job, Backend(1, lambda _: Inline(), perform), over, view)
        assert list(run.results()) == []
        assert view.finish(journal, run) == 1
        said = capsys.readouterr().err
        assert said.startswith("error: not begun: no router is begun after ")
        assert f"  next: xr-agent push --resume {log.run} goes on with it\n" in said
        log.close(run.state)
