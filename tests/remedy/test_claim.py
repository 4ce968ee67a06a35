"""A plan is a claim about a state: it is held against what others did since, and what an earlier push left."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

import agent
from agent.model.outcome import Outcome, Status
from agent.model.unfinished import Memory
from agent.simulator import CLIXON, NETOPEER2, Behaviour, Device, Fault, FaultKind, rpc_error
from agent.simulator.datastores import trustpoints
from tests.support import Clock, Lab, left_clean

INSTALLS: dict[str, Any] = {"terminal_rpc": "installs"}
PEM = agent.TrustAnchor.bundled().pem
BEHAVIOURS = pytest.mark.parametrize("behaviour", [Behaviour(), NETOPEER2, CLIXON], ids=["xr", "netopeer2", "clixon"])


def apply(
    lab: Lab,
    device: Device,
    clock: Clock,
    meanwhile: Callable[[Device], object] = lambda device: None,
    *,
    log: Memory | None = None,
    kill: tuple[str, Status] | None = None,
    **intent: Any,
) -> Outcome | None:
    """Plan, let something happen, apply; None where the push was killed, its sessions with it, behind an event."""
    device.config.clock = lambda: clock.now
    killed, outcome = False, None

    def connect() -> agent.Session:
        if killed:
            raise agent.HostKeyError("a process that was killed connects to nothing")
        return lab.connect(device)

    with connect() as session:
        plan = agent.plan(agent.Intent(renew=False, **intent), agent.observe(session))
        meanwhile(device)
        events = agent.apply(session, plan, clock.policy(), connect=connect, log=log)
        for event in events:
            if (event.step, event.status) == kill:
                killed = True
                device.post(device.drop_all)
                events.close()
                return None
            outcome = event.outcome
    assert outcome is not None
    return outcome


def done(lab: Lab, device: Device, clock: Clock, *words: Any, **more: Any) -> Outcome:
    """The outcome of a push that is not killed."""
    outcome = apply(lab, device, clock, *words, **more)
    assert outcome is not None
    return outcome


def colleague(lab: Lab) -> Callable[[Device], None]:
    """Another push on its own session, that ends before ours begins."""

    def push(device: Device) -> None:
        with lab.connect(device) as session:
            assert agent.remediate(session, agent.Intent(renew=False)).result is agent.Result.REMEDIED

    return push


def said(outcome: Outcome, step: str) -> str:
    return next((record.detail for record in outcome.steps if record.step == step), "")


def test_a_root_that_came_in_meanwhile_is_not_authenticated_again(lab: Lab, clock: Clock) -> None:
    device = lab.add(**INSTALLS)
    outcome = done(lab, device, clock, colleague(lab))
    assert (outcome.result, outcome.changed, outcome.evidence) == (
        agent.Result.UNCHANGED,
        False,
        agent.Evidence.FINGERPRINT,
    )
    assert "somebody changed it meanwhile" in said(outcome, "plan")
    assert device.state.authenticates == device.config.commits == 1
    assert left_clean(device)


def test_an_enrollment_that_somebody_set_meanwhile_is_not_rolled_back(lab: Lab, clock: Clock) -> None:
    device = lab.add(terminal_rpc="ok-without-certificate", ssh=False)
    theirs = partial(device.configure, "Trustpool", "terminal")
    outcome = done(lab, device, clock, lambda _: theirs(), method=agent.Method.RPC)
    assert (outcome.result, device.enrollment()) == (agent.Result.FAILED, "terminal")
    assert device.config.commits == 0


def test_another_enrollment_that_came_meanwhile_leaves_no_plan(lab: Lab, clock: Clock) -> None:
    device = lab.add(**INSTALLS)
    outcome = done(lab, device, clock, lambda device: device.configure("Trustpool", "http://theirs.example"))
    assert (outcome.result, outcome.changed) == (agent.Result.SKIPPED, False)
    assert "trustpoint Trustpool has 'enrollment url http://theirs.example'" in (
        outcome.error.message if outcome.error else ""
    )
    assert device.enrollment() == "http://theirs.example"
    assert left_clean(device)


def test_a_trustpoint_that_was_taken_away_meanwhile_is_configured_after_all(lab: Lab, clock: Clock) -> None:
    device = lab.add(enrollment="terminal", **INSTALLS)

    def taken_away(device: Device) -> None:
        other = device.other_session()
        other.remove("Trustpool")
        other.commit()
        other.end()

    outcome = done(lab, device, clock, taken_away)
    assert (outcome.result, device.enrollment()) == (agent.Result.REMEDIED, "terminal")


def test_a_plan_that_does_not_say_what_it_saw_is_made_anew(lab: Lab, clock: Clock) -> None:
    device = lab.add(**INSTALLS)
    with lab.connect(device) as session:
        plan = agent.plan(agent.Intent(renew=False), agent.observe(session))
        assert isinstance(plan, agent.Plan)
        colleague(lab)(device)
        outcome = [event.outcome for event in agent.apply(session, replace(plan, state=None), clock.policy())][-1]
    assert outcome is not None
    assert outcome.result is agent.Result.UNCHANGED


@BEHAVIOURS
def test_of_two_pushes_at_once_one_remedies_and_the_other_changes_nothing(lab: Lab, behaviour: Behaviour) -> None:
    device = lab.add(behaviour=behaviour, **INSTALLS)
    outcomes: list[Outcome] = []

    def push() -> None:
        with lab.connect(device) as session:
            outcomes.append(agent.remediate(session, agent.Intent(renew=False), connect=partial(lab.connect, device)))

    pushes = [threading.Thread(target=push) for _ in range(2)]
    for one in pushes:
        one.start()
    for one in pushes:
        one.join()
    assert sorted(one.result.value for one in outcomes) == ["remedied", "unchanged"]
    assert device.state.authenticates == device.config.commits == 1
    assert left_clean(device)


@BEHAVIOURS
def test_a_push_without_rollback_on_error_sends_none(lab: Lab, clock: Clock, behaviour: Behaviour) -> None:
    device = lab.add(behaviour=behaviour, **INSTALLS)
    assert done(lab, device, clock).result is agent.Result.REMEDIED


@BEHAVIOURS
@pytest.mark.parametrize("behind", [("commit", Status.DONE), ("confirm", Status.STARTED)])
def test_what_a_killed_push_left_on_trial_is_taken_back_before_anything_is_planned(
    lab: Lab, clock: Clock, behaviour: Behaviour, behind: tuple[str, Status]
) -> None:
    device, log = lab.add(behaviour=behaviour, **INSTALLS), Memory()
    assert apply(lab, device, clock, log=log, kill=behind) is None
    left = log.unfinished()
    assert left is not None
    assert left.persist is not None
    assert (left.before, left.wanted) == (None, "enrollment terminal")
    outcome = done(lab, device, clock, log=log)
    assert outcome.result is agent.Result.REMEDIED
    assert "taken back" in said(outcome, "recover")
    clock.now += 1000
    assert (device.enrollment(), device.config.trial) == ("terminal", None)
    assert log.unfinished() is None
    assert left_clean(device)


def test_a_trial_that_cannot_be_taken_back_is_waited_out(lab: Lab, clock: Clock) -> None:
    device, log = lab.add(**INSTALLS), Memory()
    assert apply(lab, device, clock, log=log, kill=("commit", Status.DONE)) is None
    device.faults.append(Fault("cancel-commit", FaultKind.ERROR, times=1000))
    outcome = done(lab, device, clock, log=log)
    assert outcome.result is agent.Result.REMEDIED
    assert clock.now > 100
    clock.now += 1000
    assert device.enrollment() == "terminal"


def test_a_trial_is_waited_for_no_longer_than_it_lasts_whatever_this_machines_clock_says(
    lab: Lab, clock: Clock
) -> None:
    device, log = lab.add(**INSTALLS), Memory()
    assert apply(lab, device, clock, log=log, kill=("commit", Status.DONE)) is None
    left = log.unfinished()
    assert left is not None
    assert left.until is not None
    for seconds in (left.seconds, None):  # an earlier version did not say how long it lasts
        log.begin(replace(left, until=left.until + timedelta(days=400), seconds=seconds))
        device.faults.append(Fault("cancel-commit", FaultKind.ERROR))
        began = clock.now
        done(lab, device, clock, log=log)
        assert 100 < clock.now - began < 200


@BEHAVIOURS
def test_an_edit_that_a_server_killed_in_our_commit_kept_is_known_as_ours(
    lab: Lab, clock: Clock, behaviour: Behaviour
) -> None:
    device, log = lab.add(behaviour=behaviour, **INSTALLS), Memory()
    device.faults.append(Fault("commit", FaultKind.CRASH))
    outcome = done(lab, device, clock, log=log)
    assert outcome.result is agent.Result.REMEDIED
    assert (device.enrollment(), device.config.commits, log.unfinished()) == ("terminal", 1, None)
    assert left_clean(device)


@BEHAVIOURS
def test_beside_an_edit_of_ours_nobodys_is_thrown_away(lab: Lab, clock: Clock, behaviour: Behaviour) -> None:
    device, log = lab.add(behaviour=behaviour, **INSTALLS), Memory()
    device.faults.append(Fault("commit", FaultKind.CRASH))
    device.faults.append(Fault("connect", FaultKind.RESET, skip=1, times=1000))
    assert done(lab, device, clock, log=log).result is agent.Result.UNKNOWN
    device.faults.clear()
    device.config.clock = lambda: clock.now
    device.dirty("THEIRS")
    outcome = done(lab, device, clock, log=log)
    assert outcome.result is agent.Result.FAILED
    assert "THEIRS" in trustpoints.read(device.config.candidate)
    assert device.enrollment() is None


@pytest.mark.parametrize("held", [("running",), ("candidate",), ("running", "candidate")])
@BEHAVIOURS
def test_the_lock_of_whoever_lent_the_session_stays_theirs(
    lab: Lab, clock: Clock, behaviour: Behaviour, held: tuple[str, ...]
) -> None:
    device = lab.add(behaviour=behaviour, **INSTALLS)
    with lab.connect(device) as owner:
        for target in held:
            device.config.locks[target] = str(owner.session_id)
        owner.owned = False
        outcome = agent.remediate(owner, agent.Intent(renew=False), policy=clock.policy())
        assert outcome.result is agent.Result.REMEDIED, outcome
        assert set(device.config.locks) == set(held)
        owner.owned = True


@pytest.mark.parametrize("trial", [True, False])
def test_a_commit_that_takes_longer_than_the_time_out_is_waited_for(lab: Lab, clock: Clock, trial: bool) -> None:
    device = lab.add(confirmed_commit=trial, **INSTALLS)
    device.faults.append(Fault("commit", FaultKind.HELD))
    connect = partial(lab.connect, device, timeout=1.0)
    device.config.clock = lambda: clock.now
    with connect() as session:
        plan = agent.plan(agent.Intent(renew=False), agent.observe(session))
        outcome = None
        for event in agent.apply(session, plan, clock.policy(), connect=connect):
            if event.step == "commit" and "it may come yet" in event.detail:
                device.release()
            outcome = event.outcome or outcome
    assert outcome is not None
    assert outcome.result is agent.Result.REMEDIED
    assert device.config.commits == 1


def test_an_action_that_is_refused_under_our_lock_is_repeated_without_it(lab: Lab, clock: Clock) -> None:
    device = lab.add(**INSTALLS)
    refused = Fault("ca-authenticate", FaultKind.ERROR, rpc_error("in-use", "Datastore locked"))
    device.faults.append(refused)
    assert done(lab, device, clock).result is agent.Result.REMEDIED
    rpcs = [operation for _, operation in device.log]
    first = rpcs.index("ca-authenticate")
    assert "unlock" in rpcs[first : rpcs.index("ca-authenticate", first + 1)]
