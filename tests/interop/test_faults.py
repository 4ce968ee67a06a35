"""What goes wrong with real parts: a session killed before and after the commit, locks and candidates of others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

import agent
from agent.model.outcome import Event, Outcome, Status
from agent.netconf import operations
from agent.netconf.session import Connector, Session
from tests.interop.conftest import Server
from tests.interop.test_scenarios import NO_PROOF, TERMINAL, edit, enrollment, without_validate
from tests.support import Clock, eventually

KEEP = agent.Intent(renew=False, caution=agent.Caution(rollback=False, lock_wait=1))


@pytest.fixture
def connect(server: Server) -> Iterator[Connector]:
    """Opens sessions, and cleans up behind them."""
    with cleaned(server.connect) as opened:
        yield opened


@contextmanager
def cleaned(connect: Connector) -> Iterator[Connector]:
    """Opens sessions that do not validate, since netconfd 2.13 then commits nothing; cleans up behind them."""

    def opened() -> Session:
        session = connect()
        without_validate(session)
        return session

    yield opened
    with opened() as cleaner:
        operations.discard_changes(cleaner)
        if enrollment(cleaner) is not None:
            edit(cleaner, "delete")
            operations.send_commit(cleaner).result()


def kill(connect: Connector, session: Session) -> None:
    with connect() as other:
        operations.kill_session(other, str(session.session_id))
    assert eventually(lambda: not session.connected)


def push_killed_at(connect: Connector, step: str, status: Status) -> tuple[Outcome, list[Event]]:
    """A push whose session is killed at an event, and that may open others."""
    seen: list[Event] = []
    with connect() as session:
        plan = agent.plan(KEEP, agent.observe(session))
        for event in agent.apply(session, plan, Clock().policy(), connect=connect):
            seen.append(event)
            if (event.step, event.status) == (step, status) and session.connected:
                kill(connect, session)
    outcome = seen[-1].outcome
    assert outcome is not None
    return outcome, seen


@pytest.mark.parametrize("step", ["lock", "edit-config", "commit"])
@pytest.mark.parametrize("status", [Status.STARTED, Status.DONE])
def test_a_session_killed_at_any_step_leaves_what_was_planned_and_no_lock(
    server: Server, connect: Connector, step: str, status: Status
) -> None:
    outcome, _ = push_killed_at(connect, step, status)
    assert outcome.error is not None
    with connect() as after:
        now = enrollment(after)
        # These servers show no certificates, so the push never ends with proof; the configuration tells.
        assert (now, outcome.error.kind) in ((TERMINAL, NO_PROOF[server.name]), (None, "transport"))
        for target in ("running", "candidate"):
            assert operations.send_lock(after, "running" if target == "running" else "candidate").result().ok


def test_a_commit_on_trial_is_confirmed_by_a_second_session(connect: Connector) -> None:
    with connect() as session:
        assert session.capabilities.confirmed_commit
        outcome = agent.remediate(session, KEEP, policy=Clock().policy(), connect=connect)
    assert ("confirm", Status.DONE) in [(record.step, record.status) for record in outcome.steps]
    with connect() as after:
        assert enrollment(after) == TERMINAL


def test_a_commit_on_trial_that_no_second_session_sees_is_taken_back_and_that_is_true(connect: Connector) -> None:
    def refused() -> Session:
        raise agent.SSHAuthenticationError("no further session")

    with connect() as session:
        outcome = agent.remediate(session, KEEP, policy=Clock().policy(), connect=refused)
    assert outcome.result is agent.Result.FAILED
    assert "is as before" in (outcome.error.message if outcome.error else "")
    with connect() as after:
        assert enrollment(after) is None
        assert operations.send_lock(after, "running").result().ok


def test_a_commit_on_trial_that_is_cancelled_is_gone(connect: Connector) -> None:
    with connect() as session:
        edit(session)
        operations.send_commit_confirmed(session, persist="ours", timeout=60).result()
        assert enrollment(session) == TERMINAL
        operations.cancel_commit(session, persist="ours")
        assert enrollment(session) is None


def test_a_lock_of_another_session_is_waited_for_and_its_holder_named(
    connect: Connector,
) -> None:
    with connect() as other, connect() as session:
        operations.send_lock(other, "running").result()
        outcome = agent.remediate(session, KEEP, policy=Clock().policy())
        assert outcome.error is not None
        assert outcome.error.kind == "lock-denied"
        assert f"session {other.session_id} of " in (outcome.error.hint or "")


def test_a_candidate_that_another_session_left_changed_is_left_alone(
    connect: Connector,
) -> None:
    with connect() as other, connect() as session:
        edit(other)
        outcome = agent.remediate(session, KEEP, policy=Clock().policy())
        assert outcome.error is not None
        assert outcome.error.kind == "refused"
        assert enrollment(other, "candidate") == TERMINAL
        operations.discard_changes(other)
