"""A session lost between two requests: what it held is gone, and nothing is sent on another as if it were not."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

import agent
from agent.model.outcome import Outcome, Status
from agent.simulator import Device, Fault, FaultKind, rpc_error
from tests.support import Clock, Lab, eventually, left_clean

THEIRS = "http://somebody.example/"


class Neighbour(Fault):
    """Somebody who changes the candidate as soon as no session is there, before a further one comes."""

    def __init__(self, device: Device) -> None:
        super().__init__("connect", FaultKind.DELAY)
        self._device = device

    def strikes(self, operation: str) -> bool:
        if operation == "connect" and not self._device.sessions and not self._device.config.dirty:
            self._device.dirty("OTHER", THEIRS)
        return False


def push_lost_at(
    lab: Lab, clock: Clock, device: Device, step: str, *, then: Callable[[], None] = lambda: None, lock_wait: float = 20
) -> Outcome:
    """A push whose session ends right when *step* begins; it may open others."""
    device.config.clock = lambda: clock.now
    intent = agent.Intent(caution=agent.Caution(lock_wait=lock_wait))
    outcome = None
    with lab.connect(device) as session:
        plan = agent.plan(intent, agent.observe(session))
        for event in agent.apply(session, plan, clock.policy(), connect=partial(lab.connect, device)):
            outcome = event.outcome or outcome
            if (event.step, event.status) == (step, Status.STARTED) and session.connected:
                then()
                device.post(device.sessions[str(session.session_id)].drop)
                assert eventually(lambda: not session.connected)
    assert outcome is not None
    return outcome


@pytest.mark.parametrize("confirmed", [True, False])
def test_a_session_lost_before_the_commit_never_has_somebody_elses_candidate_committed(
    lab: Lab, clock: Clock, confirmed: bool
) -> None:
    device = lab.add(terminal_rpc="installs", confirmed_commit=confirmed)
    outcome = push_lost_at(lab, clock, device, "commit", then=lambda: device.faults.append(Neighbour(device)))
    assert outcome.error is not None
    assert (outcome.result, outcome.error.kind) == (agent.Result.FAILED, "refused")
    assert device.config.commits == device.config.rollbacks == 0
    assert device.trustpoints() == []
    assert device.config.dirty
    assert not device.config.locks


@pytest.mark.parametrize("confirmed", [True, False])
def test_a_session_lost_while_a_commit_waits_for_its_next_try_is_begun_anew_with_both_locks(
    lab: Lab, clock: Clock, confirmed: bool
) -> None:
    device = lab.add(terminal_rpc="installs", confirmed_commit=confirmed)
    device.faults.append(Fault("commit", FaultKind.ERROR, rpc_error("in-use", "A trial commit is underway")))

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        if (device.last_session, device.counters["commit"]) == (1, 1) and device.sessions:
            device.post(device.drop_all)
            assert eventually(lambda: not device.sessions)

    with lab.connect(device) as session:
        again = partial(lab.connect, device)
        outcome = agent.remediate(session, policy=clock.policy(sleep=sleep), connect=again)
    assert outcome.result is agent.Result.REMEDIED, outcome
    for session_id in {number for number, operation in device.log if operation == "commit"}:
        assert device.log.count((session_id, "lock")) == 2
    assert device.config.commits == device.state.authenticates == 1
    assert left_clean(device)


@pytest.mark.parametrize("step", ["lock", "edit-config", "commit"])
def test_a_lost_session_is_not_asked_again_and_again(lab: Lab, clock: Clock, step: str) -> None:
    device = lab.add(terminal_rpc="installs")
    outcome = push_lost_at(lab, clock, device, step)
    assert outcome.result is agent.Result.REMEDIED
    assert device.config.commits == device.state.authenticates == 1
    assert clock.now < 2.0
    assert left_clean(device)


def test_a_session_lost_before_the_confirming_commit_is_followed_by_another(lab: Lab, clock: Clock) -> None:
    device = lab.add(terminal_rpc="installs")
    device.faults.append(Fault("get-config", FaultKind.DROP_ANSWERED, skip=3))
    device.config.clock = lambda: clock.now
    with lab.connect(device) as session:
        outcome = agent.remediate(session, policy=clock.policy(), connect=partial(lab.connect, device))
    assert device.log.count(("2", "get-config")) == 1
    assert device.counters["confirm"] == 1
    assert outcome.result is agent.Result.REMEDIED, outcome
    assert device.config.commits == device.state.authenticates == 1
    assert left_clean(device)


def test_a_server_that_ended_while_its_commit_was_on_trial_is_configured_anew(lab: Lab, clock: Clock) -> None:
    device = lab.add(terminal_rpc="installs")
    device.config.clock = lambda: clock.now
    device.faults.append(Fault("connect", FaultKind.MEANWHILE, skip=1, act=device.crash))
    with lab.connect(device) as session:
        outcome = agent.remediate(session, policy=clock.policy(), connect=partial(lab.connect, device))
    assert outcome.result is agent.Result.REMEDIED, outcome
    assert device.config.rollbacks == 1
    clock.now += 1000
    assert device.trustpoints() == ["Trustpool"]
    assert device.config.trial is None
    assert left_clean(device)
