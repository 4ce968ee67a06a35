"""Locks whose answers say otherwise than what is: what is held is given back, and nobody waits for himself."""

from __future__ import annotations

from functools import partial

import pytest

import agent
from agent.netconf import operations
from agent.simulator import Fault, FaultKind, rpc_error
from tests.support import Clock, Lab, left_clean


@pytest.mark.parametrize("skip", [0, 1], ids=["running", "candidate"])
@pytest.mark.parametrize("tag", ["in-use", "operation-failed"])
def test_a_lock_that_was_refused_in_passing_and_yet_granted_is_not_waited_for(
    lab: Lab, clock: Clock, tag: str, skip: int
) -> None:
    device = lab.add(terminal_rpc="installs")
    device.faults.append(Fault("lock", FaultKind.ERROR_AFTER, rpc_error(tag), skip=skip))
    with lab.connect(device) as session:
        outcome = agent.remediate(session, policy=clock.policy(), connect=partial(lab.connect, device))
    assert outcome.result is agent.Result.REMEDIED, outcome
    assert clock.now < 2.0
    assert left_clean(device)


@pytest.mark.parametrize("skip", [0, 1], ids=["running", "candidate"])
@pytest.mark.parametrize("tag", ["access-denied", "invalid-value"])
def test_a_lock_that_was_refused_for_good_and_yet_granted_is_given_back(
    lab: Lab, clock: Clock, tag: str, skip: int
) -> None:
    device = lab.add(terminal_rpc="installs")
    device.faults.append(Fault("lock", FaultKind.ERROR_AFTER, rpc_error(tag), skip=skip))
    with lab.connect(device) as session:
        outcome = agent.remediate(session, policy=clock.policy())
        assert outcome.result is agent.Result.FAILED
        assert left_clean(device)  # also where the session is an orchestrator's and goes on
        assert session.connected


def test_a_lock_that_this_very_session_holds_already_counts_as_granted(lab: Lab, clock: Clock) -> None:
    device = lab.add(terminal_rpc="installs")
    with lab.connect(device) as session:
        operations.send_lock(session, "running").result()
        outcome = agent.remediate(session, policy=clock.policy(), connect=partial(lab.connect, device))
    assert outcome.result is agent.Result.REMEDIED, outcome
    assert clock.now < 2.0
    assert left_clean(device)
