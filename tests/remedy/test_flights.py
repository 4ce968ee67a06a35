"""What depends on a write by order alone is on its way before that is answered; and what if it fails."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

import agent
from agent.model.outcome import Outcome
from agent.simulator import Device, Fault, FaultKind
from agent.simulator.netconf.subsystem import Channel
from tests.support import Clock, DeviceClock, Lab, eventually, left_clean

PLAIN = agent.Caution(commit=agent.CommitMode.PLAIN)
WRITES = ("edit-config", "commit", "confirm", "ca-authenticate", "renew-auth")
NOTHING_BEHIND = (("commit", False), ("confirm", True))
ROOT = agent.TrustAnchor.bundled().pem


@pytest.fixture
def device(lab: Lab) -> Device:
    return lab.add(terminal_rpc="installs")


def push(lab: Lab, device: Device, *, plain: bool = False, **wish: Any) -> Outcome:
    again = partial(lab.connect, device)
    with again() as session:
        intent = agent.Intent(caution=PLAIN if plain else agent.Caution(), **wish)
        return agent.remediate(session, intent, connect=again)


def behind(device: Device, write: str) -> int:
    """How many rpcs have come that are to be done behind *write*, which is held up."""
    (busy,) = [session for session in device.sessions.values() if isinstance(session, Channel) and session.busy]
    return len(busy._waiting)


@pytest.mark.parametrize(
    "write, plain, reads",
    [("commit", True, 2), ("confirm", False, 1), ("ca-authenticate", False, 1), ("renew-auth", True, 1)],
)
def test_what_is_read_behind_a_write_is_there_before_the_write_is_done(
    lab: Lab, device: Device, write: str, plain: bool, reads: int
) -> None:
    device.faults.append(Fault(write, FaultKind.HELD))
    with ThreadPoolExecutor(1) as pool:
        pushed = pool.submit(push, lab, device, plain=plain)
        assert eventually(lambda: bool(device.held))
        assert eventually(lambda: behind(device, write) == reads)
        device.release()
        assert pushed.result().result is agent.Result.REMEDIED


@pytest.mark.parametrize("plain", [True, False])
def test_no_write_is_sent_ahead_of_an_answer_that_it_depends_on(
    lab: Lab, device: Device, monkeypatch: pytest.MonkeyPatch, plain: bool
) -> None:
    beside: dict[str, list[str]] = {}
    send = agent.Session.send

    def noted(session: agent.Session, body: Any, *, operation: str, writes: bool = False, **more: Any) -> Any:
        if writes:
            beside[operation] = [one.operation for one in session._flying.pending]
        return send(session, body, operation=operation, writes=writes, **more)

    monkeypatch.setattr(agent.Session, "send", noted)
    assert push(lab, device, plain=plain).result is agent.Result.REMEDIED
    assert set(beside) == set(WRITES) - ({"confirm"} if plain else set())
    unlocks = {"unlock candidate", "unlock running"}  # which may be answered by then
    assert set(beside.pop("renew-auth")) <= unlocks
    assert not any(beside.values())


@pytest.mark.parametrize(
    "write, plain",
    [(write, plain) for write in WRITES for plain in (True, False) if (write, plain) not in NOTHING_BEHIND],
)
def test_a_router_that_answers_out_of_order_is_pushed_to_once_and_one_rpc_at_a_time(
    lab: Lab, device: Device, write: str, plain: bool
) -> None:
    device.faults.append(Fault(write, FaultKind.OVERTAKEN))
    outcome = push(lab, device, plain=plain)
    assert outcome.result is agent.Result.REMEDIED, outcome
    counts = {one: device.counters[one] for one in WRITES}
    assert counts == {"edit-config": 1, "commit": 1, "confirm": int(not plain), "ca-authenticate": 1, "renew-auth": 1}
    assert left_clean(device)


def test_a_router_that_drops_what_it_is_asked_behind_a_commit_costs_no_wait(lab: Lab, device: Device) -> None:
    device.faults.append(Fault("get-config", FaultKind.SILENT, skip=3))
    outcome = push(lab, device, plain=True)
    assert outcome.result is agent.Result.REMEDIED, outcome
    assert device.counters["get-config"] == 5


@pytest.mark.parametrize(
    "read, skip", [("get-config", 3), ("get:crypto-certificate-authority", 3), ("get:smart-agent", 1)]
)
def test_what_is_dropped_behind_a_write_is_read_on_the_session_that_is_there(
    lab: Lab, device: Device, clock: Clock, read: str, skip: int
) -> None:
    """No further session could be opened, and none is needed."""
    device.faults.append(Fault(read, FaultKind.SILENT, skip=skip))
    with lab.connect(device, clock=DeviceClock.of(device, clock)) as session:
        outcome = agent.remediate(session, agent.Intent(caution=PLAIN), policy=clock.policy())
        assert outcome.result is agent.Result.REMEDIED, outcome
        assert not session.in_order
    assert device.last_session == 1
    assert {one: device.counters[one] for one in WRITES} == {**dict.fromkeys(WRITES, 1), "confirm": 0}


def test_a_further_session_goes_by_what_was_found_out_on_the_first(lab: Lab, device: Device) -> None:
    opened: list[agent.Session] = []

    def again() -> agent.Session:
        opened.append(lab.connect(device))
        return opened[-1]

    device.faults.append(Fault("edit-config", FaultKind.OVERTAKEN))
    with lab.connect(device) as session:
        assert agent.remediate(session, connect=again).result is agent.Result.REMEDIED
        assert not session.in_order
    assert [one.in_order for one in opened] == [False]


def test_a_certificate_that_came_with_the_commit_is_seen_behind_it(lab: Lab, device: Device) -> None:
    """Somebody brings it while the commit is on its way: nothing is installed a second time."""
    device.faults.append(
        Fault("commit", FaultKind.MEANWHILE, act=lambda: device.state.install("Trustpool", ROOT, "terminal"))
    )
    outcome = push(lab, device, plain=True)
    assert outcome.well, outcome
    assert device.counters["ca-authenticate"] == 0
