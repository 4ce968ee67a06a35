"""kill -9 in the middle of a push: of the sshd process that serves its session, and of netconfd itself.

netconfd runs without a startup configuration, so one that was killed and started again is a device that rebooted
without saving: nothing is configured, and no commit is on trial.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator

import pytest

import agent
from agent.model.outcome import Outcome, Status
from agent.netconf import operations
from agent.netconf.payload import template
from agent.netconf.session import Connector, Session
from tests.interop.conftest import netconfd_session
from tests.interop.netconfd import Netconfd
from tests.interop.test_faults import cleaned
from tests.interop.test_scenarios import TERMINAL, edit, enrollment
from tests.support import Clock, eventually

INTENT = agent.Intent(renew=False, caution=agent.Caution(rollback=False, lock_wait=20))
EVENTS = [("commit", Status.STARTED), ("commit", Status.DONE), ("confirm", Status.STARTED)]
TARGETS: tuple[operations.Datastore, ...] = ("running", "candidate")
BOOTS = pytest.mark.parametrize("boots", [False, True], ids=["sshd", "netconfd"])


class Patient(Clock):
    """Time for the agent, with a moment in it for real processes to get on."""

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        time.sleep(0.02)


@pytest.fixture
def connect(netconfd: Netconfd) -> Iterator[Connector]:
    """Opens sessions, and cleans up behind them."""
    with cleaned(lambda: netconfd_session(netconfd)) as opened:
        yield opened


def push(netconfd: Netconfd, connect: Connector, at: tuple[str, Status], breaks: Callable[[set[int]], None]) -> Outcome:
    """A push that may open further sessions; at an event *breaks* gets the sshd process that serves its first one."""
    others, outcome = netconfd.connections(), None
    with connect() as session:
        serving = netconfd.connections() - others
        assert len(serving) == 1
        plan = agent.plan(INTENT, agent.observe(session))
        for event in agent.apply(session, plan, Patient().policy(), connect=connect):
            outcome = event.outcome or outcome
            if (event.step, event.status) == at and serving:
                breaks(serving)
                serving = set()
                assert eventually(lambda: not session.connected)
    assert outcome is not None
    return outcome


def kill(processes: set[int]) -> None:
    for process in processes:
        os.kill(process, signal.SIGKILL)


def breaking(netconfd: Netconfd, boots: bool, then: Callable[[], None] = lambda: None) -> Callable[[set[int]], None]:
    """Kills either the one or the other, which then is started again."""

    def breaks(serving: set[int]) -> None:
        if boots:
            netconfd.crash()
            netconfd.boot()
        else:
            kill(serving)
        then()

    return breaks


def configured(session: Session, datastore: operations.Datastore = "running") -> list[str | None]:
    """The names of all trustpoints."""
    subtree = template("filter-trustpoint.um-crypto-cfg", name="Trustpool")
    for entry in subtree.iter("{*}trustpoint-name"):
        entry.text = None
    data = operations.send_get_config(session, subtree, source=datastore).result().data
    return [] if data is None else [entry.text for entry in data.iter("{*}trustpoint-name")]


def got_through(outcome: Outcome) -> bool:
    """Whether it came to the end; netconfd answers the action with ok and shows no certificate."""
    return outcome.error is not None and "ca-authenticate was answered with ok" in outcome.error.message


def as_said(connect: Connector, outcome: Outcome) -> None:
    """What is configured is what the outcome says, and nothing is held back."""
    assert outcome.error is not None
    assert outcome.evidence is agent.Evidence.NONE
    with connect() as after:
        for target in TARGETS:
            assert operations.send_lock(after, target).result().ok
        now = configured(after)
        assert configured(after, "candidate") == now
        assert enrollment(after) == (TERMINAL if now else None)
    if got_through(outcome):
        assert now == ["Trustpool"], outcome
    elif outcome.result is agent.Result.FAILED:
        assert now == [], outcome


def converges(connect: Connector) -> None:
    """A further push, which nothing disturbs, does what can be done here: the trustpoint, once."""
    with connect() as session:
        outcome = agent.remediate(session, INTENT, policy=Patient().policy(), connect=connect)
    assert got_through(outcome), outcome
    with connect() as after:
        assert configured(after) == ["Trustpool"]


@pytest.mark.parametrize("at", EVENTS, ids=str)
def test_a_push_whose_sshd_process_is_killed_goes_on_over_another_session(
    netconfd: Netconfd, connect: Connector, at: tuple[str, Status]
) -> None:
    outcome = push(netconfd, connect, at, breaking(netconfd, boots=False))
    assert got_through(outcome), outcome
    as_said(connect, outcome)
    converges(connect)


@pytest.mark.parametrize("at", EVENTS, ids=str)
def test_a_device_that_reboots_during_a_push_is_configured_anew(
    netconfd: Netconfd, connect: Connector, at: tuple[str, Status]
) -> None:
    outcome = push(netconfd, connect, at, breaking(netconfd, boots=True))
    assert got_through(outcome), outcome
    as_said(connect, outcome)
    converges(connect)


@pytest.mark.parametrize("at", EVENTS, ids=str)
def test_a_device_that_does_not_come_back_is_unknown_once_something_was_committed(
    netconfd: Netconfd, connect: Connector, at: tuple[str, Status]
) -> None:
    try:
        outcome = push(netconfd, connect, at, lambda _: netconfd.crash())
    finally:
        netconfd.boot()
    assert outcome.result is (agent.Result.FAILED if at == EVENTS[0] else agent.Result.UNKNOWN), outcome
    as_said(connect, outcome)
    converges(connect)


@BOOTS
def test_a_lock_that_another_session_takes_meanwhile_is_respected_and_its_holder_named(
    netconfd: Netconfd, connect: Connector, boots: bool
) -> None:
    others: list[Session] = []

    def take() -> None:
        other = connect()
        others.append(other)
        assert eventually(lambda: locked(other, "running"))
        assert eventually(lambda: locked(other, "candidate"))

    outcome = push(netconfd, connect, EVENTS[0], breaking(netconfd, boots, take))
    with others[0] as other:
        assert outcome.error is not None
        assert (outcome.result, outcome.error.kind) == (agent.Result.FAILED, "lock-denied")
        assert f"session {other.session_id} of " in (outcome.error.hint or "")
        assert configured(other) == []
        for target in TARGETS:
            assert operations.send_unlock(other, target).result().ok
    as_said(connect, outcome)
    converges(connect)


def locked(session: Session, target: operations.Datastore) -> bool:
    """Whether it got the lock; the session that had it may have ended a moment ago."""
    try:
        return operations.send_lock(session, target).result().ok
    except agent.RPCError:
        return False


@BOOTS
def test_a_candidate_that_another_session_changes_meanwhile_is_not_committed(
    netconfd: Netconfd, connect: Connector, boots: bool
) -> None:
    others: list[Session] = []

    def change() -> None:
        other = connect()
        others.append(other)
        assert eventually(lambda: edited(other))

    outcome = push(netconfd, connect, EVENTS[0], breaking(netconfd, boots, change))
    with others[0] as other:
        assert outcome.error is not None
        assert (outcome.result, outcome.error.kind) == (agent.Result.FAILED, "refused")
        assert configured(other) == []
        assert configured(other, "candidate") == ["OTHER"]
        operations.discard_changes(other)
    as_said(connect, outcome)
    converges(connect)


def edited(session: Session) -> bool:
    """Whether the candidate could be changed; the session that had its lock may have ended a moment ago."""
    try:
        return edit(session, name="OTHER").ok
    except agent.RPCError:
        return False
