"""What a neighbour does in the middle of a push stays as the neighbour left it, and the outcome says what is true."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

import agent
from agent.model.outcome import Outcome, Status
from agent.model.unfinished import Memory, Unfinished
from agent.netconf.retry import Policy
from agent.simulator import QUOVADIS, Behaviour, Device, Fault, FaultKind, rpc_error
from tests.support import Clock, Lab, eventually, left_clean

PEM = agent.TrustAnchor.bundled().pem
THEIRS = "http://theirs.example/"


def push(
    lab: Lab,
    device: Device,
    policy: Policy,
    at: dict[tuple[str, Status], Callable[[agent.Session], object]] | None = None,
    *,
    log: Memory | None = None,
    ssh: agent.Ssh | None = None,
    **intent: Any,
) -> Outcome:
    """A push without renewal, in which something happens once behind each of the events that *at* names."""
    todo, outcome = dict(at or {}), None
    device.config.clock = policy.clock
    again = partial(lab.connect, device)
    with lab.connect(device) as session:
        plan = agent.plan(agent.Intent(**{"renew": False, **intent}), agent.observe(session, ssh=ssh))
        for event in agent.apply(session, plan, policy, connect=again, log=log, ssh=ssh):
            outcome = event.outcome or outcome
            if (act := todo.pop((event.step, event.status), None)) is not None:
                act(session)
    assert not todo
    assert outcome is not None
    return outcome


def drop(device: Device, session: agent.Session) -> None:
    """End the push's session as the router would."""
    device.post(device.sessions[str(session.session_id)].drop)
    assert eventually(lambda: not session.connected)


def told(outcome: Outcome) -> str:
    return outcome.error.message if outcome.error else ""


def set_by_somebody(device: Device, enrollment: str) -> None:
    other = device.other_session()
    other.edit("Trustpool", enrollment)
    other.commit()
    other.end()


def test_an_enrollment_that_came_before_the_push_was_begun_anew_is_what_the_rollback_restores(
    lab: Lab, clock: Clock
) -> None:
    device = lab.add(terminal_rpc="ok-without-certificate", ssh=False)

    def lost(session: agent.Session) -> None:
        drop(device, session)
        set_by_somebody(device, THEIRS)

    outcome = push(lab, device, clock.policy(), {("edit-config", Status.STARTED): lost}, replace=True)
    assert outcome.result is agent.Result.FAILED, outcome
    assert device.enrollment() == THEIRS
    assert left_clean(device)


def test_an_enrollment_that_somebody_set_over_ours_is_not_replaced_unasked(lab: Lab, clock: Clock) -> None:
    device = lab.add(terminal_rpc="installs")

    def lost(session: agent.Session) -> None:
        drop(device, session)
        set_by_somebody(device, THEIRS)

    outcome = push(lab, device, clock.policy(), {("confirm", Status.DONE): lost})
    assert outcome.result is not agent.Result.REMEDIED, outcome
    assert device.enrollment() == THEIRS
    assert left_clean(device)


def test_a_push_that_changed_something_is_not_skipped(lab: Lab, clock: Clock) -> None:
    device = lab.add(terminal_rpc="installs")

    def lost(session: agent.Session) -> None:
        drop(device, session)
        device.other_session().authenticate("Trustpool", QUOVADIS)

    outcome = push(lab, device, clock.policy(), {("confirm", Status.DONE): lost})
    assert outcome.changed
    assert outcome.result is agent.Result.UNKNOWN, outcome
    assert "holds another certificate" in told(outcome)
    assert device.enrollment() == "terminal"


def test_a_root_that_came_late_is_proven_before_the_licence_is_renewed(lab: Lab, clock: Clock) -> None:
    device = lab.add(terminal_rpc="ok-without-certificate", enrollment=None, registration="not-registered")

    def theirs(_: agent.Session) -> None:
        device.other_session().authenticate("Trustpool", PEM)

    with lab.ssh(device) as ssh:
        outcome = push(
            lab,
            device,
            clock.policy(),
            {("read back", Status.FAILED): theirs},
            ssh=ssh,
            token=agent.Secret("t"),
        )
    assert (outcome.result, outcome.evidence) == (agent.Result.REMEDIED, agent.Evidence.FINGERPRINT), outcome


@pytest.mark.parametrize("dirty", ["granted", "lock-denied"])
def test_what_a_push_left_at_another_trustpoint_is_not_committed_with_this_one(
    lab: Lab, clock: Clock, dirty: Any
) -> None:
    device, log = (
        lab.add(terminal_rpc="installs", behaviour=Behaviour(dirty_lock=dirty, unlock_discards=False)),
        Memory(),
    )
    device.dirty("Other", "terminal")
    log.begin(Unfinished("Other", None, "enrollment terminal"))
    outcome = push(lab, device, clock.policy(), log=log)
    assert outcome.result is agent.Result.REMEDIED, outcome
    assert device.trustpoints() == ["Trustpool"]
    assert log.unfinished() is None
    assert left_clean(device)


@pytest.mark.parametrize("operation", ["unlock", "discard-changes"])
def test_what_could_not_be_given_back_stands_in_the_outcome(lab: Lab, clock: Clock, operation: str) -> None:
    device = lab.add(terminal_rpc="installs")
    device.faults.append(Fault(operation, FaultKind.ERROR, rpc_error("operation-failed", "no"), times=1000))
    if operation == "discard-changes":
        device.faults.append(Fault("commit", FaultKind.ERROR, rpc_error("access-denied")))
    outcome = push(lab, device, clock.policy())
    assert [step.status for step in outcome.steps if step.step.startswith(operation)], outcome


def interrupting(clock: Clock, device: Device, operation: str) -> Policy:
    """A policy whose cancellation comes in the first wait behind the device's first *operation*."""
    cancelled = threading.Event()

    def stop(seconds: float) -> bool:
        if seconds and device.counters[operation]:
            cancelled.set()
        return cancelled.is_set()

    return clock.policy(stop=stop)


@pytest.mark.parametrize("trial", [True, False])
def test_a_cancellation_between_two_tries_of_a_commit_leaves_nothing_and_says_so(
    lab: Lab, clock: Clock, trial: bool
) -> None:
    device, log = lab.add(terminal_rpc="installs", confirmed_commit=trial), Memory()
    device.faults.append(Fault("commit", FaultKind.ERROR, rpc_error("in-use", "busy"), times=1000))
    outcome = push(lab, device, interrupting(clock, device, "commit"), log=log)
    assert (outcome.result, outcome.changed) == (agent.Result.FAILED, False), outcome
    assert log.unfinished() is None
    assert device.config.trial is None
    assert left_clean(device)


@pytest.mark.parametrize("trial", [True, False])
def test_a_cancellation_behind_a_refused_commit_that_took_undoes_it(lab: Lab, clock: Clock, trial: bool) -> None:
    device, log = lab.add(terminal_rpc="installs", confirmed_commit=trial), Memory()
    device.faults.append(Fault("commit", FaultKind.ERROR_AFTER, rpc_error("in-use", "busy")))
    outcome = push(lab, device, interrupting(clock, device, "commit"), log=log)
    assert outcome.result is agent.Result.FAILED, outcome
    clock.now += 1000
    assert device.trustpoints() == []
    assert log.unfinished() is None
    assert device.config.trial is None
    assert left_clean(device)


class Full(Memory):
    """A log whose disk is full once the edit is kept."""

    def begin(self, change: Unfinished) -> None:
        if change.persist is not None:
            raise agent.JournalError("no space left")
        super().begin(change)


def test_a_trial_that_cannot_be_kept_is_not_begun_and_changed_nothing(lab: Lab, clock: Clock) -> None:
    device = lab.add(terminal_rpc="installs")
    outcome = push(lab, device, clock.policy(), log=Full())
    assert (outcome.result, outcome.changed) == (agent.Result.FAILED, False), outcome
    assert device.counters["commit"] == 0
    assert left_clean(device)


@pytest.mark.parametrize("kind", [FaultKind.DROP_BEFORE, FaultKind.DROP_AFTER])
def test_a_session_lost_while_a_refused_confirmation_is_cancelled_is_followed_by_another(
    lab: Lab, clock: Clock, kind: FaultKind
) -> None:
    device = lab.add(terminal_rpc="installs")
    device.faults.append(Fault("confirm", FaultKind.ERROR, rpc_error("operation-failed", "no")))
    device.faults.append(Fault("cancel-commit", kind))
    outcome = push(lab, device, clock.policy())
    assert outcome.result is agent.Result.REMEDIED, outcome
    clock.now += 1000
    assert device.enrollment() == "terminal"
    assert left_clean(device)


def test_a_candidate_that_cannot_be_emptied_behind_a_cancelled_trial_is_said_and_changes_no_outcome(
    lab: Lab, clock: Clock
) -> None:
    device = lab.add(terminal_rpc="installs")
    device.faults.append(Fault("confirm", FaultKind.ERROR, rpc_error("operation-failed", "no")))
    device.faults.append(Fault("discard-changes", FaultKind.ERROR, rpc_error("operation-failed", "no")))
    outcome = push(lab, device, clock.policy())
    assert (outcome.result, outcome.changed) == (agent.Result.FAILED, False), outcome
    assert "confirm was refused" in told(outcome)
    assert [step for step in outcome.steps if step.step == "discard-changes"]


@pytest.mark.parametrize(
    "operation, kind, skip",
    [
        ("lock", FaultKind.DROP_BEFORE, 0),
        ("get-config", FaultKind.DROP_BEFORE, 0),
        ("get-config", FaultKind.DROP_ANSWERED, 0),
        ("get", FaultKind.DROP_BEFORE, 4),
    ],
)
def test_a_session_lost_as_the_rollback_begins_is_followed_by_another_with_both_locks(
    lab: Lab, clock: Clock, operation: str, kind: FaultKind, skip: int
) -> None:
    device = lab.add(terminal_rpc="ok-without-certificate", ssh=False)

    def lost(session: agent.Session) -> None:
        device.faults.append(Fault(operation, kind, skip=skip))
        if operation == "lock":  # asked for anew, since the session that holds it is lost
            drop(device, session)

    outcome = push(lab, device, clock.policy(), {("ca-authenticate", Status.DONE): lost})
    assert outcome.result is agent.Result.FAILED, outcome
    assert device.trustpoints() == []
    assert all(not fault.times for fault in device.faults)
    for session in {number for number, operation in device.log if operation == "edit-config"}:
        assert device.log.count((session, "lock")) == 2
    assert left_clean(device)


@pytest.mark.parametrize("operation", ["get", "get-config"])
def test_a_session_lost_while_the_state_is_read_anew_is_followed_by_another(
    lab: Lab, clock: Clock, operation: str
) -> None:
    device, log = lab.add(terminal_rpc="installs"), Memory()
    log.begin(Unfinished("Other", None, "enrollment terminal"))

    def lost(_: agent.Session) -> None:
        device.faults.append(Fault(operation, FaultKind.DROP_BEFORE, skip=2))

    outcome = push(lab, device, clock.policy(), {("lock", Status.STARTED): lost}, log=log)
    assert outcome.result is agent.Result.REMEDIED, outcome
    assert left_clean(device)


def test_a_setting_that_came_between_two_commits_of_ours_is_not_taken_away(lab: Lab, clock: Clock) -> None:
    device = lab.add(release="25.2.1", file_faults=("quota",), dialog="unknown")

    def lost(session: agent.Session) -> None:
        drop(device, session)
        device.set_config(
            '<crypto xmlns="http://cisco.com/ns/yang/Cisco-IOS-XR-um-crypto-cfg"><ca><trustpoint><trustpoints><trustpoint>'
            "<trustpoint-name>Trustpool</trustpoint-name><description>theirs</description>"
            "</trustpoint></trustpoints></trustpoint></ca></crypto>"
        )

    with lab.ssh(device) as ssh:
        outcome = push(lab, device, clock.policy(), {("sftp", Status.FAILED): lost}, ssh=ssh)
    assert outcome.result is agent.Result.UNKNOWN, outcome
    assert "changed by somebody else" in told(outcome)
    assert device.enrollment() == "local"


def test_whoever_stops_listening_to_a_second_trial_has_both_commits_taken_back(lab: Lab, clock: Clock) -> None:
    device = lab.add(release="25.2.1", file_faults=("quota",))
    device.config.clock = lambda: clock.now
    with lab.connect(device) as session, lab.ssh(device) as ssh:
        plan = agent.plan(agent.Intent(renew=False), agent.observe(session, ssh=ssh))
        events = agent.apply(session, plan, clock.policy(), connect=partial(lab.connect, device), ssh=ssh)
        for _ in range(2):
            next(event for event in events if (event.step, event.status) == ("commit", Status.DONE))
        assert (device.enrollment(), device.config.trial is None) == ("terminal", False)
        events.close()
    assert device.trustpoints() == []
    assert device.config.trial is None
    assert left_clean(device)


def test_our_own_commit_is_not_called_somebody_elses(lab: Lab, clock: Clock) -> None:
    device = lab.add(terminal_rpc="installs")

    def lost(session: agent.Session) -> None:
        drop(device, session)
        device.faults.append(Fault("lock", FaultKind.DROP_BEFORE))

    outcome = push(lab, device, clock.policy(), {("confirm", Status.DONE): lost})
    assert outcome.result is agent.Result.REMEDIED, outcome
    assert "somebody changed it" not in " ".join(step.detail for step in outcome.steps)


@pytest.mark.parametrize("trial", [True, False])
def test_without_a_way_to_a_further_session_nobody_waits_for_one(lab: Lab, clock: Clock, trial: bool) -> None:
    device = lab.add(terminal_rpc="installs", confirmed_commit=trial)
    device.config.clock = lambda: clock.now
    device.faults.append(Fault("commit", FaultKind.DROP_BEFORE))
    with lab.connect(device) as session:
        outcome = agent.remediate(session, agent.Intent(renew=False), policy=clock.policy())
    assert outcome.result is agent.Result.UNKNOWN, outcome
    assert clock.now < 10
