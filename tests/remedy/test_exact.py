"""A plan that was approved as it is: carried out so, or nothing is done, however late the router changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

import agent
from agent.model.outcome import Outcome, Status
from agent.simulator import Device
from tests.support import Clock, Lab, left_clean

THEIRS = "http://ca.example/"


def push(
    lab: Lab,
    device: Device,
    clock: Clock,
    meanwhile: Callable[[Device], object] = lambda device: None,
    *,
    ssh: agent.Ssh | None = None,
    exact: bool = True,
    **intent: Any,
) -> Outcome:
    """Plan, let something happen, and carry just that out."""
    with lab.connect(device) as session:
        made = agent.plan(agent.Intent(renew=False, **intent), agent.observe(session, ssh=ssh))
        assert isinstance(made, agent.Plan)
        meanwhile(device)
        made = replace(made, exact=exact)
        *_, last = agent.apply(session, made, clock.policy(), connect=lambda: lab.connect(device), ssh=ssh)
    assert last.outcome is not None
    return last.outcome


def set_by_somebody(device: Device) -> None:
    other = device.other_session()
    other.edit("Trustpool", THEIRS)
    other.commit()
    other.end()


def root_of_somebody(device: Device) -> None:
    device.configure("Trustpool", "terminal")
    device.other_session().authenticate("Trustpool", agent.TrustAnchor.bundled().pem)


def test_it_is_carried_out_where_the_router_is_as_it_was(lab: Lab, clock: Clock) -> None:
    device = lab.add(terminal_rpc="installs")
    assert push(lab, device, clock).result is agent.Result.REMEDIED
    assert left_clean(device)


@pytest.mark.parametrize("meanwhile", [set_by_somebody, root_of_somebody])
def test_under_the_lock_it_is_not_planned_anew(lab: Lab, clock: Clock, meanwhile: Callable[[Device], object]) -> None:
    device = lab.add(terminal_rpc="installs")
    outcome = push(lab, device, clock, meanwhile, replace=True)
    assert outcome.result is agent.Result.SKIPPED
    assert outcome.error is not None
    assert outcome.error.kind == "drifted"
    assert outcome.error.message.startswith("drifted: somebody changed it meanwhile (trustpoint Trustpool: ")
    assert device.counters["edit-config"] == device.counters["ca-authenticate"] == 0
    assert left_clean(device)


def test_one_that_was_not_approved_is(lab: Lab, clock: Clock) -> None:
    device = lab.add(terminal_rpc="installs")
    assert push(lab, device, clock, set_by_somebody, exact=False, replace=True).result is agent.Result.REMEDIED


def test_a_way_that_is_closed_by_now_ends_it(lab: Lab, clock: Clock) -> None:
    device = lab.add(terminal_rpc="installs", ssh=False)
    with lab.ssh(device, ssh_port=device.port + 1 if device.port < 65535 else 1) as ssh:
        outcome = push(lab, device, clock, ssh=ssh, method=agent.Method.DIALOG)
    assert outcome.result is agent.Result.SKIPPED
    assert outcome.error is not None
    assert outcome.error.kind == "drifted"
    assert outcome.error.message.startswith("drifted: what was planned is no longer possible: CLI: ")
    assert ("preflight", Status.FAILED) in [(step.step, step.status) for step in outcome.steps]
    assert device.counters["lock"] == 0


def test_a_method_that_follows_by_the_plan_is_part_of_it(lab: Lab, clock: Clock) -> None:
    device = lab.add(terminal_rpc="refused")
    with lab.ssh(device) as ssh:
        outcome = push(lab, device, clock, ssh=ssh)
    assert (outcome.result, outcome.method) == (agent.Result.REMEDIED, agent.Method.DIALOG)
