"""What is done with one router, whatever happens there."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import agent
from agent.fleet.inventory.reference import Reference
from agent.fleet.inventory.target import Reach, Target
from agent.fleet.results.record import Kind
from agent.fleet.run.job import Job, perform
from agent.fleet.run.rate import Limiter, Rate
from agent.fleet.run.router import ClientLost, Hooks
from agent.model.caution import Caution, CommitMode
from agent.model.errors import JournalError
from agent.model.outcome import Event, Status
from agent.model.steps import Register
from agent.model.unfinished import Unfinished
from agent.simulator import Device, Fault, FaultKind
from tests.fleet.routers import target
from tests.support import Clock, Lab, eventually, left_clean, logged

TARGET = Target("r1", "r1.example")


class Failing(Limiter):
    def __init__(self, error: Exception) -> None:
        super().__init__(Rate())
        self.error = error

    def turn(self, *of: object) -> float:
        raise self.error


@pytest.mark.parametrize("kind, word", [(Kind.PUSH, "unknown"), (Kind.ASSESS, "unknown"), (Kind.PLAN, "failed")])
def test_a_bug_is_told_with_its_place_and_its_traceback_and_ends_no_run(kind: Kind, word: str) -> None:
    with logged() as records:
        result = perform(Job(kind), TARGET, Hooks(limiter=Failing(ZeroDivisionError("token=s3cr3t"))))
    assert result.word == word
    assert not result.well
    assert result.failure is not None
    assert result.failure.kind == "bug"
    assert result.failure.message.startswith("a bug in xr-agent: ZeroDivisionError at test_job.py:")
    (record,) = [record for record in records if record.levelno >= logging.CRITICAL]
    said = logging.Formatter().format(record)
    assert 'File "' in said
    assert "in _performed" in said
    assert "s3cr3t" not in said
    assert (result.began is None, result.ended is None) == (False, False)


class Counting(Limiter):
    """Remembers when a turn was taken."""

    def __init__(self) -> None:
        super().__init__(Rate())
        self.taken: list[float] = []

    def turn(self, jump: str | None, clock: Callable[[], float]) -> float:
        self.taken.append(clock())
        return super().turn(jump, clock)


def test_a_router_that_limits_new_sessions_takes_a_turn_each_time_that_it_is_asked(
    lab: Lab, reach: Reach, clock: Clock
) -> None:
    device, limiter = lab.add(), Counting()
    device.config.clock = lambda: clock.now
    device.refuse_until = 50.0
    hooks = Hooks(policy=clock.policy(), limiter=limiter)
    assert perform(Job(Kind.PLAN, replace(reach, ssh=False)), target(device), hooks).well
    assert limiter.taken == [0.0, 60.0]


def test_a_router_that_is_in_need_is_kept_with_its_licensing_deadlines(lab: Lab, reach: Reach) -> None:
    device = lab.add()
    for kind in (Kind.PLAN, Kind.PUSH):
        if kind is Kind.PUSH:
            device.faults.append(Fault("edit-config", FaultKind.ERROR, times=100))
        record = perform(Job(kind, replace(reach, ssh=False)), target(device)).record(agent.TrustAnchor.bundled())
        assert record.deadlines.keys() == {"comm_failed", "authorization_expired", "unregistered"}


def test_nothing_is_changed_behind_the_end_of_its_window(lab: Lab, reach: Reach, clock: Clock) -> None:
    device, now = lab.add(), datetime(2026, 11, 28, 3, 0, tzinfo=UTC)
    hooks = Hooks(policy=clock.policy(), now=lambda: now)
    late = perform(Job(Kind.PUSH, reach), replace(target(device), until=now), hooks)
    assert (late.word, late.well) == ("skipped", False)
    assert late.failure is not None
    assert late.failure.message == "its window closed before anything was changed"
    assert device.counters["lock"] == device.counters["edit-config"] == 0
    assert left_clean(device)
    within = replace(target(device), until=now + timedelta(seconds=1))
    assert perform(Job(Kind.PUSH, reach, replace(agent.Intent(), contact_wait=0)), within, hooks).word == "remedied"
    # It has what it needs by now, so nothing is to be changed and no window is missed.
    assert perform(Job(Kind.PUSH, reach), replace(target(device), until=now), hooks).word == "unchanged"


@dataclass
class Kept:
    """A journal in memory."""

    events: list[Event] = field(default_factory=list)
    states: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def event(self, event: Event) -> None:
        self.events.append(event)

    def state(self, device: str, which: str, seen: Mapping[str, Any]) -> None:
        self.states[which] = seen

    def unfinished(self, device: str, change: Unfinished | None) -> None:
        """Nobody asks for it here."""


@pytest.mark.parametrize("status", [Status.STARTED, Status.DONE])
def test_after_a_bug_the_outcome_has_the_steps_that_were_taken(
    lab: Lab, reach: Reach, clock: Clock, status: Status
) -> None:
    device, kept = lab.add(), Kept()

    def buggy(event: Event) -> None:
        if (event.step, event.status) == ("ca-authenticate", status):
            raise ZeroDivisionError

    hooks = Hooks(log=kept, policy=clock.policy(), on_event=buggy)
    result = perform(Job(Kind.PUSH, reach), target(device), hooks)
    assert (result.word, result.release) == ("unknown", device.persona.release)
    assert result.outcome is not None
    assert result.outcome.changed
    steps = [(one.step, one.status) for one in result.outcome.steps]
    ended = [(one.step, one.status) for one in kept.events if one.status not in (Status.STARTED, Status.RETRY)]
    under_way = [("ca-authenticate", Status.UNKNOWN)] if status is Status.STARTED else []
    assert steps == ended + under_way
    assert {"lock", "commit", "confirm"} <= {step for step, _ in steps}
    assert left_clean(device)


def push(device: Device, reach: Reach, clock: Clock, at_end: Callable[[], None] = lambda: None) -> Kept:
    """What is kept of a push; *at_end* happens as soon as its last step ended."""
    kept = Kept()

    def told(event: Event) -> None:
        if (event.step, event.status) == ("contact", Status.DONE):
            at_end()

    result = perform(Job(Kind.PUSH, reach), target(device), Hooks(log=kept, policy=clock.policy(), on_event=told))
    assert result.well
    return kept


def test_the_state_after_a_push_is_read_behind_it(lab: Lab, reach: Reach, clock: Clock) -> None:
    kept = push(lab.add(), reach, clock)
    before, after = kept.states["before"], kept.states["after"]
    assert (before["enrollment"], before["sha1"]) == (None, None)
    assert (after["enrollment"], after["sha1"]) == ("enrollment terminal", agent.TrustAnchor.bundled().sha1)
    assert before.keys() == after.keys()


def test_the_state_after_a_push_is_not_what_the_push_believes(lab: Lab, reach: Reach, clock: Clock) -> None:
    device = lab.add()
    kept = push(device, reach, clock, device.state.certificates.clear)
    assert kept.states["after"]["enrollment"] == "enrollment terminal"
    assert kept.states["after"]["sha1"] is None


def test_a_state_that_cannot_be_read_any_more_is_kept_as_none(lab: Lab, reach: Reach, clock: Clock) -> None:
    device = lab.add()
    lost = Fault("get-config", FaultKind.DROP_BEFORE, times=1000)
    kept = push(device, reach, clock, lambda: device.faults.append(lost))
    assert list(kept.states) == ["before"]


def test_where_nothing_was_done_there_is_no_state_after_it(lab: Lab, reach: Reach, clock: Clock) -> None:
    device = lab.add()
    push(device, reach, clock)
    device.state.contact()
    again = push(device, reach, clock)
    assert [event.step for event in again.events if event.status is Status.STARTED] == []
    assert list(again.states) == ["before"]


def test_a_run_that_cannot_be_kept_does_not_go_on() -> None:
    with pytest.raises(JournalError):
        perform(Job(Kind.PUSH), TARGET, Hooks(limiter=Failing(JournalError("the disk is full"))))


class Gone(Kept):
    """The journal of a client that is lost when a router comes to a step, and at each later word."""

    def __init__(self, device: Device, step: str, status: Status) -> None:
        super().__init__()
        self._device, self._at = device, (step, status)
        self.counted: Counter[str] | None = None

    def event(self, event: Event) -> None:
        super().event(event)
        self._lost((event.step, event.status) == self._at)

    def unfinished(self, device: str, change: Unfinished | None) -> None:
        self._lost(change is not None and self._at == ("unfinished", Status.STARTED))

    def _lost(self, now: bool) -> None:
        if now and self.counted is None:
            self.counted = Counter(self._device.counters)
        if self.counted is not None:
            raise ClientLost("the client is gone")


READ_BACK = (
    ("commit", Status.DONE),
    ("ca-authenticate", Status.STARTED),  # the certificate's, behind the commit or its confirmation
    ("ca-authenticate", Status.DONE),
)


@pytest.mark.parametrize("commit", CommitMode)
@pytest.mark.parametrize(
    "step, status",
    [
        ("lock", Status.STARTED),
        ("lock", Status.DONE),
        ("unfinished", Status.STARTED),
        ("edit-config", Status.STARTED),
        ("edit-config", Status.DONE),
        ("commit", Status.STARTED),
        ("commit", Status.DONE),
        ("confirm", Status.STARTED),
        ("ca-authenticate", Status.STARTED),
        ("ca-authenticate", Status.DONE),
    ],
)
def test_where_the_client_is_lost_nothing_more_is_sent_and_the_sessions_end(
    lab: Lab, reach: Reach, clock: Clock, step: str, status: Status, commit: CommitMode
) -> None:
    device = lab.add(terminal_rpc="installs")
    log = Gone(device, step, status)
    job = Job(Kind.PUSH, reach, agent.Intent(caution=Caution(commit=commit)))
    if commit is CommitMode.PLAIN and step == "confirm":
        return
    with pytest.raises(ClientLost):
        perform(job, target(device), Hooks(log=log, policy=clock.policy()))
    assert log.counted is not None
    more = Counter(device.counters) - log.counted
    # What is read back was sent right behind the write, whose answer alone had come by then.
    behind = {"get", "get-config"} if (step, status) in READ_BACK else set()
    assert set(more) - behind <= {"close-session"}, more
    assert eventually(lambda: not device.sessions)
    assert left_clean(device)


@pytest.mark.parametrize("step, sent", [("edit-config", 0), ("commit", 0), ("confirm", 1), ("ca-authenticate", 2)])
def test_a_write_that_was_kept_is_not_sent_where_the_client_is_lost_by_then(
    lab: Lab, reach: Reach, clock: Clock, step: str, sent: int
) -> None:
    device, lost = lab.add(terminal_rpc="installs"), threading.Event()

    def gone() -> None:
        if lost.is_set():
            raise ClientLost("the client is gone")

    class Log(Kept):
        def event(self, event: Event) -> None:
            gone()
            if (event.step, event.status) == (step, Status.STARTED):
                lost.set()

    with pytest.raises(ClientLost):
        perform(Job(Kind.PUSH, reach), target(device), Hooks(log=Log(), policy=clock.policy(), before_write=gone))
    assert device.counters["commit"] + device.counters["confirm"] == sent
    assert not device.counters["cancel-commit"]
    assert not device.counters["ca-authenticate"]
    assert device.counters["edit-config"] == min(sent + (step == "commit"), 1)
    assert eventually(lambda: not device.sessions)
    assert left_clean(device)


def test_a_plan_travels_without_its_token_and_without_the_state_it_is_made_from(
    lab: Lab, reach: Reach, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN_OF_A_TEST", "s3cr3t")
    token = Reference.parse("env:TOKEN_OF_A_TEST")
    result = perform(Job(Kind.PLAN, reach, token=token), target(lab.add(registration="not-registered")))
    assert isinstance(result.plan, agent.Plan), result
    assert (result.plan.state, result.plan.intent.token) == (None, None)
    assert [step.token for step in result.plan.steps if isinstance(step, Register)] == [None]
