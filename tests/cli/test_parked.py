"""Routers of a run that wait: they hold no worker, are said to wait, and no end of the command loses one of them."""

from __future__ import annotations

import io
import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

import agent
from agent.cli.view import many
from agent.cli.view.many import Many, states
from agent.fleet.inventory.target import Target
from agent.fleet.journal.store import Journal
from agent.fleet.results.record import Kind
from agent.fleet.run.job import Job
from agent.fleet.run.rollout import Batch
from agent.fleet.window.calendar import Calendar
from agent.fleet.window.timing import Timing
from agent.fleet.window.windows import windows
from agent.fleet.window.zone import Zone
from agent.model.outcome import Event, Status, Wait, Waiting
from tests.cli.lab import Fleet
from tests.cli.processes import resumed, until

WAITING = ["push", "--yes", "--contact-wait", "600", "--commit", "plain"]
BACKENDS = [["--workers", "2"], ["--processes", "1", "--workers", "2"]]


def unheard(fleet: Fleet, number: int) -> None:
    """Routers whose licence is renewed, and that do not reach the licensing server."""
    for device in fleet.add(number):
        device.state.answers = ["success"] * 100


def renewed(fleet: Fleet) -> Callable[[], bool]:
    """Whether the licence of every router was renewed, after which it waits for contact."""
    return lambda: all(device.counters["renew-auth"] for device in fleet.devices)


def cured(fleet: Fleet) -> None:
    """From now on every router reaches the licensing server."""
    for device in fleet.devices:
        device.state.answers.clear()
        device.state.contact()


def left_clean(fleet: Fleet) -> None:
    until(lambda: not any(device.sessions for device in fleet.devices))
    assert not any(device.config.locks or device.config.dirty for device in fleet.devices)


@pytest.mark.parametrize("backend", BACKENDS, ids=" ".join)
def test_ctrl_c_ends_all_that_wait_and_says_what_is_left_to_watch(fleet: Fleet, backend: list[str]) -> None:
    unheard(fleet, 8)
    with fleet.started(*WAITING, *backend) as process:
        until(renewed(fleet))  # by two workers: those that wait hold none
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=300)
    assert process.returncode == 130
    assert set(fleet.records().values()) == {"remedied"}
    said = " ".join(stdout.split())
    look = "look again in a minute: xr-agent poll --until contacted, reached as in this push"
    assert f"8 routers: no contact with the licensing server seen yet: {look}" in said
    assert "Traceback" not in stderr
    assert (
        stderr.splitlines()[-1]
        == f"interrupted; 8 routers whose licence is renewed, contact not seen yet; next: {look}"
    )
    left_clean(fleet)
    with Journal.open(fleet.journal) as journal:
        steps = [one.steps[-1] for one in journal.devices(journal.run("last").run)]
        assert {(step.step, step.status) for step in steps} == {("contact", Status.SKIPPED)}
        assert {step.detail for step in steps} == {"interrupted before a newer contact was seen: watch it with poll"}
        with pytest.raises(agent.InputError, match="ended well"):  # what was accepted is not asked for again
            journal.resume("last")


@pytest.mark.parametrize("backend", BACKENDS, ids=" ".join)
def test_no_more_are_begun_than_may_be_in_flight_and_a_batch_waits_for_each_of_its_own(
    fleet: Fleet, backend: list[str]
) -> None:
    unheard(fleet, 6)
    first, *others = fleet.devices
    with fleet.started(*WAITING, *backend, "--in-flight", "3", "--canary", "1", "--max-failures", "5") as process:
        until(lambda: first.counters["renew-auth"] > 0)
        assert not any(device.log for device in others), "the canary waits, and with it the run"
        first.state.contact()
        until(lambda: sum(device.counters["renew-auth"] for device in others) == 3)
        assert sum(bool(device.log) for device in others) == 3
        cured(fleet)
        process.communicate(timeout=300)
    assert process.returncode == 0
    assert set(fleet.records().values()) == {"remedied"}
    left_clean(fleet)


def test_a_session_that_is_lost_while_its_router_waits_is_opened_again(fleet: Fleet) -> None:
    unheard(fleet, 4)
    with fleet.started(*WAITING, "--workers", "1") as process:
        until(renewed(fleet))
        for device in fleet.devices:
            device.drop_all()
        cured(fleet)
        process.communicate(timeout=300)
    assert process.returncode == 0
    assert set(fleet.records().values()) == {"remedied"}
    assert {device.state.authenticates for device in fleet.devices} == {1}
    left_clean(fleet)


@pytest.mark.parametrize("wait, backend", [("contact", BACKENDS[0]), ("lock", BACKENDS[0]), ("contact", BACKENDS[1])])
def test_after_kill_9_while_they_wait_each_is_in_doubt_and_a_resumed_push_writes_nothing_twice(
    fleet: Fleet, wait: str, backend: list[str]
) -> None:
    unheard(fleet, 8)
    for device in fleet.devices if wait == "lock" else ():
        device.hold_lock()
    operation = "lock" if wait == "lock" else "renew-auth"
    with fleet.started(*WAITING, *backend, "--lock-wait", "600") as process:
        until(lambda: all(device.counters[operation] for device in fleet.devices))
        process.kill()
        process.communicate(timeout=300)
    until(lambda: not any(device.sessions for device in fleet.devices))
    assert set(fleet.records().values()) == {"doubtful"}
    for device in fleet.devices:
        device.config.leave("77")
    cured(fleet)
    resumed(fleet)
    left_clean(fleet)
    assert {device.state.authenticates for device in fleet.devices} == {1}
    assert {device.config.commits for device in fleet.devices} == {1}


def test_what_routers_wait_for_is_counted() -> None:
    assert states(7, [Waiting.CONTACT, Waiting.LOCK, Waiting.CONTACT]) == (
        "4 at work · 2 waiting for contact with the licensing server · 1 waiting for a lock"
    )
    assert states(3, []) == "3 at work"


def test_the_live_view_has_those_at_work_first_and_says_for_what_the_others_wait(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = Console(file=io.StringIO(), force_terminal=True, width=100)
    monkeypatch.setattr(many, "progress_console", lambda: screen)
    names = [f"r{number}" for number in range(20)]
    with (
        Journal.open(fleet.journal) as journal,
        journal.begin(Kind.PUSH, names, settings={}, change_ref=None, version="1") as log,
    ):
        view = Many(Job(Kind.PUSH), "table", log, 20, bundled=True)
        for name in names:
            view.begun(Target(name, name), Batch("batch 1", 0, 20))
            view.event(Event(name, "contact", Status.STARTED, "up to 60 s"))
            view.waits(name, Wait(5, Waiting.CONTACT))
        view.waits("r19", None)
        screen.print(view._view())
    assert isinstance(screen.file, io.StringIO)
    lines = screen.file.getvalue().splitlines()
    assert "1 at work · 19 waiting for contact with the licensing server" in "".join(lines)
    rows = [line for line in lines if "contact up to" in line]
    assert "r19" in rows[0]
    assert len(rows) == many._SHOWN


def test_the_live_view_says_which_windows_are_next(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Console(file=io.StringIO(), force_terminal=True, width=100)
    monkeypatch.setattr(many, "progress_console", lambda: screen)
    timing, now = Timing(windows(("22:00-04:00",)), Zone("UTC")), datetime.now(UTC)
    routers = [Target(f"r{number}", "r", window=windows((f"{number:02}:00-{number:02}:30",))) for number in range(20)]
    coming = Calendar(timing).queue([Target("night", "n"), *routers]).coming(now, timedelta(minutes=5))
    with (
        Journal.open(fleet.journal) as journal,
        journal.begin(Kind.PUSH, ["night"], settings={}, change_ref=None, version="1") as log,
    ):
        view = Many(Job(Kind.PUSH), "table", log, 21, bundled=True)
        view.coming(coming, now)
        screen.print(view._view())
        view.coming((), now)
        screen.print(view._view())
    assert isinstance(screen.file, io.StringIO)
    lines = [line for line in screen.file.getvalue().splitlines() if "window " in line]
    assert len(lines) == many._WINDOWS
    assert all(f"window {one.windows}" in line for one, line in zip(coming, lines, strict=False))
