"""A router whose window ends while it waits is left as it is, whatever it waits for, and others with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

import agent
from agent.fleet.inventory.target import Reach
from agent.fleet.results.record import Kind, Result
from agent.fleet.run.job import Job, perform
from agent.fleet.run.router import Hooks
from agent.model.caution import Caution
from agent.simulator import Behaviour, Device, Fault, FaultKind
from tests.fleet.routers import target
from tests.support import Clock, Lab, left_clean

BEGIN = datetime(2026, 11, 28, 3, 59, tzinfo=UTC)
INSTALLS: dict[str, Any] = {"terminal_rpc": "installs"}


@dataclass
class Later(Clock):
    """Time in which something happens, once so many seconds have passed."""

    at: float = 40.0
    happens: Callable[[], object] = lambda: None

    def sleep(self, seconds: float) -> None:
        before = self.now
        super().sleep(seconds)
        if before < self.at <= self.now:
            self.happens()


def pushed(
    device: Device, reach: Reach, waits: Clock, *, window: float = 30, lock_wait: float = 60, **intent: object
) -> Result:
    """A push to *device*, whose window ends in *window* seconds."""
    hooks = Hooks(policy=waits.policy(), now=lambda: BEGIN + timedelta(seconds=waits.now))
    caution = Caution(lock_wait=lock_wait, kill_lock_holder=bool(intent.pop("kill", False)))
    job = Job(Kind.PUSH, reach, replace(agent.Intent(renew=False, caution=caution), **intent))  # type: ignore[arg-type]
    device.config.clock = lambda: waits.now
    return perform(job, replace(target(device), until=BEGIN + timedelta(seconds=window)), hooks)


def left_alone(result: Result, device: Device) -> None:
    assert (result.word, result.failure and result.failure.kind) == ("skipped", "window")
    assert result.outcome is not None
    assert not result.outcome.changed
    assert device.counters["edit-config"] == device.counters["kill-session"] == device.counters["discard-changes"] == 0
    assert not device.config.commits
    assert device.counters["ca-authenticate"] == 0


@pytest.mark.parametrize("kill", [False, True])
def test_a_lock_is_waited_for_no_longer_than_the_window_is_open_and_its_holder_is_not_killed_then(
    lab: Lab, reach: Reach, kill: bool
) -> None:
    device, waits = lab.add(**INSTALLS), Later(at=50)
    somebody = device.other_session()
    somebody.lock("running")
    waits.happens = partial(somebody.unlock, "running")
    left_alone(pushed(device, reach, waits, kill=kill), device)
    assert 30 <= waits.now < 40
    somebody.unlock("running")
    assert left_clean(device)
    assert pushed(device, reach, Later(), window=3600).word == "remedied"


def test_nothing_of_somebody_else_is_discarded_behind_the_window(lab: Lab, reach: Reach) -> None:
    device, waits = lab.add(**INSTALLS, behaviour=Behaviour(unlock_discards=False)), Later(at=25)
    somebody = device.other_session()
    somebody.lock("running")
    somebody.edit("THEIRS", "terminal")

    def late() -> None:
        somebody.unlock("running")
        waits.now = 31  # between the grant of the locks and what follows, as far as one can tell

    waits.happens = late
    left_alone(pushed(device, reach, waits, discard_foreign=True), device)
    assert device.config.dirty
    assert pushed(device, reach, Later(), window=3600, discard_foreign=True).word == "remedied"


def ends_in_the_lock(device: Device, waits: Clock) -> None:
    """Let the window end while the router is at the first lock: behind the look at the clock ahead of it."""
    device.faults.append(Fault("lock", FaultKind.MEANWHILE, act=lambda: setattr(waits, "now", 31.0)))


def test_a_window_that_ends_in_the_very_lock_saves_its_holder(lab: Lab, reach: Reach) -> None:
    device, waits = lab.add(**INSTALLS), Later()
    device.hold_lock("running", "77")
    ends_in_the_lock(device, waits)
    left_alone(pushed(device, reach, waits, lock_wait=0, kill=True), device)


def test_a_window_that_ends_in_the_very_lock_saves_the_candidate_of_somebody_else(lab: Lab, reach: Reach) -> None:
    device, waits = lab.add(**INSTALLS, behaviour=Behaviour(unlock_discards=False)), Later()
    device.other_session().edit("THEIRS", "terminal")
    ends_in_the_lock(device, waits)
    left_alone(pushed(device, reach, waits, discard_foreign=True), device)
    assert device.config.dirty


def test_a_window_that_ends_in_the_very_lock_is_seen_ahead_of_the_edit(lab: Lab, reach: Reach) -> None:
    device, waits = lab.add(**INSTALLS), Later()
    ends_in_the_lock(device, waits)
    left_alone(pushed(device, reach, waits), device)
    assert left_clean(device)


def test_somebody_elses_trial_is_waited_out_no_longer_than_the_window_is_open(lab: Lab, reach: Reach) -> None:
    device, waits = lab.add(**INSTALLS), Later()
    device.config.clock = lambda: waits.now
    device.config.edit([device.trustpoint_element("THEIRS", "terminal")], "merge", "5")
    device.config.commit_confirmed("5", timeout=300, persist="theirs")
    commits = device.config.commits
    result = pushed(device, reach, waits)
    assert (result.word, result.failure and result.failure.kind) == ("skipped", "window")
    assert waits.now < 60
    assert (device.config.commits, device.config.trial is not None) == (commits, True)


def test_lines_are_not_typed_again_behind_the_window(lab: Lab, reach: Reach) -> None:
    device, waits = lab.add(release="6.1.3"), Later(at=1)
    device.hold_lock("running", "77")
    waits.happens = lambda: setattr(waits, "now", 31.0)
    result = pushed(device, replace(reach, ssh=True), waits)
    assert (result.word, result.failure and result.failure.kind) == ("skipped", "window"), result.failure
    assert device.config.commits == 0


def test_where_nothing_is_left_to_do_no_window_is_missed(lab: Lab, reach: Reach) -> None:
    device, waits = lab.add(**INSTALLS), Later()
    somebody = device.other_session()

    def meanwhile() -> None:
        waits.now = 31.0
        device.configure("Trustpool", "terminal")
        somebody.authenticate("Trustpool", agent.TrustAnchor.bundled().pem)

    device.faults.append(Fault("lock", FaultKind.MEANWHILE, act=meanwhile))
    result = pushed(device, reach, waits)
    assert result.word == "unchanged", result.failure
