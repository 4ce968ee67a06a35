"""The watch over licensing: how it goes on where the router is away or refuses it."""

from __future__ import annotations

from functools import partial

import pytest

import agent
from agent.simulator import Fault, FaultKind
from tests.support import Clock, Lab


def watch(lab: Lab, clock: Clock, faults: list[Fault], seconds: float) -> list[agent.remedy.poll.Sample]:
    """The samples of so many seconds, taken every five, of a router with faults."""
    device = lab.add()
    device.faults += faults
    policy = clock.policy(attempts=1, random=lambda: 0.2)
    return list(agent.poll(partial(lab.connect, device), interval=5.0, timeout=seconds, policy=policy))


@pytest.mark.parametrize("operation", ["connect", "hello"])
def test_a_limit_of_sessions_is_waited_out_for_a_minute_and_the_watch_goes_on(
    lab: Lab, clock: Clock, operation: str
) -> None:
    first, second, _ = watch(lab, clock, [Fault(operation, FaultKind.RESET)], 70.0)
    assert "rate limit: trying again in 63 s" in (first.error or "")
    assert second.error is None
    assert clock.slept == [63.0, 5.0]


def test_a_lost_session_is_opened_again_after_growing_waits(lab: Lab, clock: Clock) -> None:
    samples = watch(lab, clock, [Fault("get", FaultKind.DROP_BEFORE, times=2)], 20.0)
    assert [sample.error is None for sample in samples] == [False, False, True, True]
    assert not any("rate limit" in (sample.error or "") for sample in samples)
    assert clock.slept == [5.0, 10.0, 5.0]


def test_a_licence_by_policy_is_not_waited_for_as_it_knows_no_contact(lab: Lab, clock: Clock) -> None:
    device = lab.add(release="24.4.1", policy=True)
    samples = agent.poll(partial(lab.connect, device), until=agent.Until.CONTACTED, timeout=60.0, policy=clock.policy())
    (sample,) = samples
    assert sample.licensing is not None
    assert (sample.licensing.policy_based, sample.licensing.last_comm_success) == (True, None)
    assert sample.reached
