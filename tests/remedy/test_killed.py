"""A push that is killed and repeated with what it kept: it tells its leavings from others', and its success lasts."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

import agent
from agent.model.outcome import Outcome, Status
from agent.model.unfinished import Memory
from agent.netconf.retry import Policy
from agent.netconf.session import Session
from agent.simulator import CLIXON, NETOPEER2, Behaviour, Device, Fault, FaultKind
from tests.support import Clock, Lab, eventually, left_clean

STEPS = ["lock", "edit-config", "commit", "confirm", "ca-authenticate"]
BEHAVIOURS = pytest.mark.parametrize(
    "behaviour", [Behaviour(), NETOPEER2, replace(CLIXON, library=None)], ids=["ios-xr", "netopeer2", "clixon"]
)
INTENT = agent.Intent(renew=False, caution=agent.Caution(confirm_timeout=30, lock_wait=20))


def killed(lab: Lab, policy: Policy, device: Device, step: str, status: Status) -> Memory:
    """What a push keeps that is killed at an event: its sessions end, and nothing is cleaned up by it."""
    log, kept, dead = Memory(), Memory(), False

    def connect() -> Session:
        if dead:
            raise agent.HostKeyError("the process is dead", device=device.name)
        return lab.connect(device)

    with lab.connect(device) as session:
        events = agent.apply(session, agent.plan(INTENT, agent.observe(session)), policy, connect=connect, log=log)
        next(event for event in events if (event.step, event.status) == (step, status))
        if (left := log.unfinished()) is not None:
            kept.begin(left)
        dead = True
        device.post(device.drop_all)
        assert eventually(lambda: not session.connected)
        events.close()
    assert eventually(lambda: not device.sessions)
    return kept


def push(lab: Lab, policy: Policy, device: Device, log: Memory) -> Outcome:
    """A push with *log*, which nothing disturbs."""
    with lab.connect(device) as session:
        return agent.remediate(session, INTENT, policy=policy, connect=partial(lab.connect, device), log=log)


@BEHAVIOURS
@pytest.mark.parametrize("status", [Status.STARTED, Status.DONE], ids=lambda status: status.value)
@pytest.mark.parametrize("step", STEPS)
def test_a_killed_push_is_followed_by_one_whose_success_lasts(
    lab: Lab, clock: Clock, step: str, status: Status, behaviour: Behaviour
) -> None:
    device = lab.add(terminal_rpc="installs", behaviour=behaviour)
    device.config.clock = lambda: clock.now
    log = killed(lab, clock.policy(), device, step, status)
    outcome = push(lab, clock.policy(), device, log)
    assert outcome.evidence is not agent.Evidence.NONE, outcome
    assert outcome.well, outcome
    clock.now += 1000
    assert device.trustpoints() == ["Trustpool"]
    assert device.config.trial is None
    assert log.unfinished() is None
    assert left_clean(device)


@BEHAVIOURS
def test_an_edit_of_ours_among_those_of_a_neighbour_is_left_with_them_and_said(
    lab: Lab, clock: Clock, behaviour: Behaviour
) -> None:
    device = lab.add(terminal_rpc="installs", behaviour=behaviour)
    device.config.clock = lambda: clock.now
    neighbour, log, outcome = device.other_session("neighbour"), Memory(), None
    with lab.connect(device) as session:
        plan = agent.plan(INTENT, agent.observe(session))
        for event in agent.apply(session, plan, clock.policy(), connect=partial(lab.connect, device), log=log):
            outcome = event.outcome or outcome
            if (event.step, event.status) == ("commit", Status.DONE) and session.connected:
                neighbour.kill(str(session.session_id))
                neighbour.edit("THEIRS", "terminal")
                assert eventually(lambda: not session.connected)
    assert outcome is not None
    assert outcome.error is not None
    assert outcome.result is agent.Result.FAILED, outcome
    assert "somebody else" in outcome.error.message
    assert "trustpoint Trustpool may be in it as a push left it" in outcome.error.message
    assert device.config.trial is None
    assert device.trustpoints() == []
    neighbour.commit()
    assert sorted(device.trustpoints()) == ["THEIRS", "Trustpool"]
    assert log.unfinished() is not None


def test_whoever_stops_listening_to_an_unanswered_commit_keeps_what_may_be_on_trial(lab: Lab, clock: Clock) -> None:
    device = lab.add(terminal_rpc="installs")
    device.config.clock = lambda: clock.now
    device.faults.append(Fault("commit", FaultKind.HELD))
    log = Memory()
    with lab.connect(device, timeout=0.2) as session:
        plan = agent.plan(INTENT, agent.observe(session))
        events = agent.apply(session, plan, clock.policy(), connect=partial(lab.connect, device), log=log)
        next(event for event in events if (event.step, event.status) == ("commit", Status.RETRY))
        device.release()
        assert eventually(lambda: device.config.trial is not None)
        events.close()
    left = log.unfinished()
    assert left is not None
    assert left.persist is not None
    assert push(lab, clock.policy(), device, log).result is agent.Result.REMEDIED
    clock.now += 1000
    assert device.trustpoints() == ["Trustpool"]
