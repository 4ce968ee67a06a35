"""What is done with one router, whatever happens there."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

import agent
from agent.fleet.inventory.reference import Reference
from agent.fleet.inventory.target import Reach, Target
from agent.fleet.results.record import Kind
from agent.fleet.run.job import Hooks, Job, perform
from agent.fleet.run.rate import Limiter, Rate
from agent.model.errors import JournalError
from agent.model.outcome import Event, Status
from agent.model.plan import Register
from agent.model.unfinished import Unfinished
from agent.simulator import Device, Fault, FaultKind
from tests.fleet.routers import target
from tests.support import Clock, Lab, left_clean, logged

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
    said = record.getMessage()
    assert 'File "' in said
    assert "in perform" in said
    assert "s3cr3t" not in said + logging.Formatter().format(record)
    assert (result.began is None, result.ended is None) == (False, False)


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


def test_a_plan_travels_without_its_token_and_without_the_state_it_is_made_from(
    lab: Lab, reach: Reach, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN_OF_A_TEST", "s3cr3t")
    token = Reference.parse("env:TOKEN_OF_A_TEST")
    result = perform(Job(Kind.PLAN, reach, token=token), target(lab.add(registration="not-registered")))
    assert isinstance(result.plan, agent.Plan), result
    assert (result.plan.state, result.plan.intent.token) == (None, None)
    assert [step.token for step in result.plan.steps if isinstance(step, Register)] == [None]
