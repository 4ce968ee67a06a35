"""What a neighbour does in the middle of a push stays as the neighbour left it, and the outcome says what is true."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

import agent
from agent.model.outcome import Event, Outcome, Status
from agent.model.unfinished import Memory, Unfinished
from agent.netconf.retry import Policy
from agent.simulator import Device, Fault, FaultKind, Ways
from agent.simulator.errors import rpc_error
from agent.simulator.quovadis import QUOVADIS
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
    **wish: Any,
) -> Outcome:
    """A push without renewal, in which something happens once behind each of the events that *at* names."""
    todo, outcome = dict(at or {}), None
    device.config.clock = policy.clock
    again = partial(lab.connect, device)
    with lab.connect(device) as session:
        plan = agent.plan(agent.Intent(**{"renew": False, **wish}), agent.observe(session, ssh=ssh))
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
    other = device.stranger()
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
        device.stranger().authenticate("Trustpool", QUOVADIS)

    outcome = push(lab, device, clock.policy(), {("confirm", Status.DONE): lost})
    assert outcome.changed
    assert outcome.result is agent.Result.UNKNOWN, outcome
    assert "holds another certificate" in told(outcome)
    assert device.enrollment() == "terminal"


def test_a_root_that_came_late_is_proven_before_the_licence_is_renewed(lab: Lab, clock: Clock) -> None:
    device = lab.add(terminal_rpc="ok-without-certificate", enrollment=None, registration="not-registered")

    def theirs(_: agent.Session) -> None:
        device.stranger().authenticate("Trustpool", PEM)

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
    device, log = lab.add(terminal_rpc="installs", ways=Ways(dirty_lock=dirty, unlock_discards=False)), Memory()
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
