"""One call: of a device it is as careful as the command line; over a session it says what it goes without."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ncclient import manager

import agent
from agent.model.outcome import Status
from agent.model.unfinished import Memory, Unfinished
from agent.remedy.lease import lease
from agent.remedy.lease.lease import Lease
from agent.simulator import Device, Fault, FaultKind
from agent.ssh.settings.identity import addresses
from tests.support import Clock, Lab, eventually, left_clean

INSTALLS: dict[str, Any] = {"terminal_rpc": "installs"}
PLAIN = agent.Intent(renew=False)


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder of this test's own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    lease.prepare.cache_clear()
    return tmp_path / "state" / "xr-agent"


def owned(lab: Lab, device: Device) -> Any:
    """A session as an orchestrator opens it."""
    return manager.connect(
        host="127.0.0.1",
        port=device.port,
        username=lab.simulator.username,
        password=lab.simulator.password,
        hostkey_verify=False,
        allow_agent=False,
        look_for_keys=False,
    )


def missing(outcome: agent.Outcome) -> list[str]:
    """What the push went without: the word in brackets of each such step."""
    said = [record.detail for record in outcome.steps if record.step == "safeguards"]
    return [text.partition("(")[2].partition(")")[0] for text in said]


def test_a_device_is_pushed_with_a_second_session_and_left_with_none(lab: Lab, clock: Clock, state: Path) -> None:
    device = lab.add(**INSTALLS)
    outcome = agent.remediate(lab.target(device), PLAIN, policy=clock.policy())
    assert outcome.result is agent.Result.REMEDIED
    assert ("confirm", Status.DONE) in [(record.step, record.status) for record in outcome.steps]
    looked = [session for session, operation in device.log if operation == "get-config"]
    assert len(set(looked)) == 2
    assert missing(outcome) == []
    assert eventually(lambda: not device.sessions and not device.connections)
    assert left_clean(device)
    assert list((state / "leases").iterdir()) == []


def test_its_cli_is_opened_where_no_model_carries_trustpoints_and_closed_again(lab: Lab, clock: Clock) -> None:
    device = lab.add(release="6.6.3")
    outcome = agent.remediate(lab.target(device), PLAIN, policy=clock.policy())
    assert (outcome.result, outcome.method) == (agent.Result.REMEDIED, agent.Method.DIALOG)
    assert eventually(lambda: not device.connections)


def test_its_router_is_leased_so_another_push_is_waited_for_and_said(lab: Lab, clock: Clock) -> None:
    device = lab.add(**INSTALLS)
    other = Lease.take(addresses(lab.target(device)), run="the other")
    events: list[agent.Event] = []

    def sleep(seconds: float) -> None:
        assert not device.log  # nothing is read before it is this push's turn
        other.release()
        clock.sleep(seconds)

    outcome = agent.remediate(lab.target(device), PLAIN, policy=clock.policy(sleep=sleep), on_event=events.append)
    assert outcome.result is agent.Result.REMEDIED
    assert [(one.step, one.status) for one in events[:2]] == [("lease", Status.STARTED), ("lease", Status.DONE)]
    assert "run the other" in events[0].detail
    assert events[-1].outcome == outcome


def test_two_at_once_bring_it_once(lab: Lab) -> None:
    device = lab.add(**INSTALLS)
    target = lab.target(device)
    with ThreadPoolExecutor(2) as pool:
        ends = list(pool.map(lambda _: agent.remediate(target, PLAIN), range(2)))
    assert {one.result for one in ends} == {agent.Result.REMEDIED, agent.Result.UNCHANGED}
    assert device.counters["ca-authenticate"] == 1
    assert left_clean(device)


def test_what_a_killed_push_left_on_trial_is_taken_back_first(lab: Lab, clock: Clock) -> None:
    device = lab.add(**INSTALLS)
    with Lease.take(addresses(lab.target(device))) as dead:
        dead.begin(Unfinished("Trustpool", None, "enrollment terminal", "gone", datetime.now(UTC) + timedelta(days=1)))
    policy = clock.policy(now=lambda: datetime.now(UTC) + timedelta(days=2))
    outcome = agent.remediate(lab.target(device), PLAIN, policy=policy)
    assert outcome.steps[0].step == "recover"
    assert outcome.result is agent.Result.REMEDIED
    with Lease.take(addresses(lab.target(device))) as after:
        assert after.unfinished() is None


def test_a_push_that_dies_in_the_middle_leaves_word_for_the_next(lab: Lab, clock: Clock) -> None:
    device = lab.add(**INSTALLS)

    def die(event: agent.Event) -> None:
        if (event.step, event.status) == ("commit", Status.STARTED):
            device.faults.append(Fault("commit", FaultKind.DROP_AFTER))
            device.faults.append(Fault("connect", FaultKind.DROP_BEFORE, times=1000))

    outcome = agent.remediate(lab.target(device), PLAIN, policy=clock.policy(attempts=2), on_event=die)
    assert outcome.result is agent.Result.UNKNOWN
    with Lease.take(addresses(lab.target(device))) as after:
        left = after.unfinished()
    assert left is not None
    assert left.trustpoint == "Trustpool"


def test_a_device_that_cannot_be_reached_ends_in_an_outcome_too(lab: Lab, clock: Clock) -> None:
    device = lab.add(reachable=False, ssh=False)
    outcome = agent.remediate(lab.target(device), policy=clock.policy())
    assert (outcome.result, outcome.changed, outcome.address) == (
        agent.Result.FAILED,
        False,
        f"127.0.0.1:{device.port}",
    )
    assert outcome.error is not None
    assert outcome.error.kind == "connect"


def test_a_state_folder_without_use_ends_in_an_outcome_ahead_of_any_connection(
    lab: Lab, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = lab.add(**INSTALLS)
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    outcome = agent.remediate(lab.target(device), policy=clock.policy())
    assert (outcome.result, outcome.error and outcome.error.kind) == (agent.Result.FAILED, "input")
    assert device.log == []


def test_a_borrowed_session_is_used_and_left_open_and_what_it_lacks_is_opened_beside_it(lab: Lab, clock: Clock) -> None:
    device = lab.add(**INSTALLS)
    owner = owned(lab, device)
    with owner:
        session = agent.Session.over(owner, device="r1")
        outcome = agent.remediate(lab.target(device), PLAIN, session=session, policy=clock.policy())
        assert owner.connected
        assert (outcome.result, missing(outcome)) == (agent.Result.REMEDIED, [])
        assert ("confirm", Status.DONE) in [(record.step, record.status) for record in outcome.steps]
        assert {one for one, operation in device.log if operation == "lock"} == {owner.session_id}
        assert eventually(lambda: len(device.sessions) == 1)


def test_over_a_borrowed_session_alone_it_says_what_it_goes_without(lab: Lab, clock: Clock) -> None:
    device = lab.add(**INSTALLS)
    events: list[agent.Event] = []
    with owned(lab, device) as owner:
        session = agent.Session.over(owner, device="r1")
        outcome = agent.remediate(session, PLAIN, policy=clock.policy(), on_event=events.append)
    assert (outcome.result, missing(outcome)) == (agent.Result.REMEDIED, ["connect", "ssh", "log"])
    assert "the commit is a plain one" in outcome.steps[0].detail
    assert [event.detail for event in events[:3]] == [record.detail for record in outcome.steps[:3]]
    assert all(record.status is Status.SKIPPED for record in outcome.steps[:3])
    assert events[-1].outcome == outcome
    assert "confirm" not in [operation for _, operation in device.log]


def test_what_is_given_beside_a_session_is_not_said_to_be_missing(lab: Lab, clock: Clock) -> None:
    device = lab.add(**INSTALLS)
    with owned(lab, device) as owner, lab.ssh(device) as ssh:
        session = agent.Session.over(owner, device="r1")
        outcome = agent.remediate(
            session, PLAIN, policy=clock.policy(), connect=lambda: lab.connect(device), ssh=ssh, log=Memory()
        )
    assert (outcome.result, missing(outcome)) == (agent.Result.REMEDIED, [])


@pytest.mark.parametrize(
    "settings, caution",
    [({"confirmed_commit": False}, agent.Caution()), ({}, agent.Caution(commit=agent.CommitMode.PLAIN))],
)
def test_a_commit_that_could_not_have_been_on_trial_is_not_called_a_loss(
    lab: Lab, clock: Clock, settings: dict[str, Any], caution: agent.Caution
) -> None:
    device = lab.add(**settings, **INSTALLS)
    with lab.connect(device) as session:
        outcome = agent.remediate(session, agent.Intent(renew=False, caution=caution), policy=clock.policy())
    assert missing(outcome) == ["connect", "ssh", "log"]
    assert "plain" not in outcome.steps[0].detail


def test_of_a_push_that_does_nothing_nothing_is_missing(lab: Lab, clock: Clock) -> None:
    pem = agent.TrustAnchor.bundled().pem
    device = lab.add(enrollment="terminal", certificate=pem)
    with lab.connect(device) as session:
        outcome = agent.remediate(session, PLAIN, policy=clock.policy())
    assert (outcome.result, missing(outcome)) == (agent.Result.UNCHANGED, [])


def test_whatever_its_listener_raises_the_lease_and_the_sessions_end(lab: Lab, clock: Clock, state: Path) -> None:
    device = lab.add(**INSTALLS)

    def raises(event: agent.Event) -> None:
        if event.step == "edit-config":
            raise KeyError(event.step)

    with suppress(KeyError):
        agent.remediate(lab.target(device), PLAIN, policy=clock.policy(), on_event=raises)
    assert eventually(lambda: not device.sessions)
    assert left_clean(device)
    assert not list((state / "leases").glob("*.lock"))
