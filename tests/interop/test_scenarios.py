"""One NETCONF suite for a server that nobody here wrote and for the simulator: what holds there must hold here."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

import agent
from agent.model.outcome import Status
from agent.model.plan import Plan
from agent.model.state import ConfigModel, Enrollment, EnrollmentKind
from agent.netconf import operations
from agent.netconf.payload import parse, template
from agent.netconf.pending import Reply
from agent.netconf.query import ask_one
from agent.netconf.retry import completed
from agent.netconf.session import Session
from agent.netconf.yang.capability import Capabilities
from agent.xr import trustpoint
from tests.interop.conftest import Server, netconfd_session
from tests.interop.netconfd import Netconfd
from tests.support import Clock, eventually

MODEL = ConfigModel.UM_CRYPTO
# The simulator lists the trustpoint without a certificate; netconfd answers with empty data, which tells nothing.
NO_PROOF = {"netconfd": "outcome-unknown", "simulator": "certificate-missing"}
TERMINAL = Enrollment(EnrollmentKind.TERMINAL)


@pytest.fixture
def session(server: Server) -> Iterator[Session]:
    """A session; what it leaves in the configuration is removed again."""
    with server.connect() as opened:
        yield opened
    with server.connect() as cleaner:
        operations.discard_changes(cleaner)
        if enrollment(cleaner) is not None:
            edit(cleaner, "delete")
            operations.send_commit(cleaner).result()


def edit(session: Session, operation: str | None = None, name: str = "Trustpool") -> Reply:
    content = parse(trustpoint.config_edit(session.schema, MODEL, name, TERMINAL))
    if operation:
        content.set("{urn:ietf:params:xml:ns:netconf:base:1.0}operation", operation)
    return operations.send_edit_config(session, content).result()


def enrollment(session: Session, datastore: str = "running") -> Enrollment | None:
    query = trustpoint.config_query(session.schema, MODEL, "Trustpool", datastore=datastore)
    policy = Clock().policy()
    reading = completed(ask_one(session, query, policy), policy)
    assert reading.missing is None
    return reading.value.enrollment if reading.value else None


def without_validate(session: Session) -> None:
    """Let the agent take the server for one without :validate."""
    kept = [uri for uri in session.capabilities.uris if ":validate:" not in uri]
    session.capabilities = Capabilities.from_uris(kept)


def lock(session: Session, target: operations.Datastore) -> Reply:
    return operations.send_lock(session, target).result()


def test_the_hello_names_session_capabilities_and_modules(session: Session) -> None:
    assert session.session_id
    assert session.capabilities.candidate
    assert session.capabilities.validate
    module = session.capabilities.module("Cisco-IOS-XR-um-crypto-cfg")
    assert module is not None
    assert module.revision == "2022-05-30"


def test_get_schema_brings_the_text_of_a_module(session: Session) -> None:
    text = session.fetch_schema(
        "Cisco-IOS-XR-crypto-act", session.capabilities.modules["Cisco-IOS-XR-crypto-act"].revision or ""
    )
    assert "module Cisco-IOS-XR-crypto-act" in text
    assert "ca-authenticate" in text


def test_an_edit_is_seen_in_the_candidate_then_committed_then_in_running(session: Session) -> None:
    assert enrollment(session) is None
    assert edit(session).ok
    assert enrollment(session, "candidate") == TERMINAL
    assert enrollment(session) is None
    assert operations.send_commit(session).result().ok
    assert enrollment(session) == TERMINAL


def test_a_valid_candidate_is_found_valid(session: Session) -> None:
    edit(session)
    assert operations.send_validate(session).result().ok
    operations.discard_changes(session)


def test_a_validated_change_is_committed(session: Session) -> None:
    edit(session)
    assert operations.send_validate(session).result().ok
    # netconfd 2.13 commits nothing where validate came last (test_netconfd.py shows it), but both edits here.
    edit(session, name="SECOND")
    assert operations.send_commit(session).result().ok
    assert enrollment(session) == TERMINAL


def test_discarded_changes_are_gone(session: Session) -> None:
    edit(session)
    operations.discard_changes(session)
    assert enrollment(session, "candidate") is None


def test_a_lock_is_refused_to_a_second_session_and_its_holder_named(server: Server, session: Session) -> None:
    lock(session, "running")
    with server.connect() as second, pytest.raises(agent.LockDenied) as refused:
        lock(second, "running")
    assert refused.value.session_id == session.session_id
    assert operations.send_unlock(session, "running").result().ok


def test_a_lock_ends_with_its_session(server: Server) -> None:
    with server.connect() as first:
        lock(first, "candidate")
    with server.connect() as second:
        assert lock(second, "candidate").ok


def test_an_unknown_element_is_refused_and_nothing_changes(session: Session) -> None:
    content = parse(trustpoint.config_edit(session.schema, MODEL, "Trustpool", TERMINAL))
    content[0].tag = str(content[0].tag).replace("}ca", "}nonsense")
    with pytest.raises(agent.RPCError) as refused:
        operations.send_edit_config(session, content).result()
    assert refused.value.errors
    assert enrollment(session, "candidate") is None


def test_deleting_what_is_not_there_is_data_missing(session: Session) -> None:
    with pytest.raises(agent.RPCError) as refused:
        edit(session, "delete")
    assert [error.tag for error in refused.value.errors] == ["data-missing"]


def test_several_reads_in_flight_come_back_each_to_its_own(session: Session) -> None:
    for n in range(12):
        edit(session, name=f"T{n}")
    flying = [
        operations.send_get_config(
            session, template("filter-trustpoint.um-crypto-cfg", name=f"T{n}"), source="candidate"
        )
        for n in range(12)
    ]
    for n, pending in reversed(list(enumerate(flying))):
        data = pending.result().data
        assert data is not None
        assert [element.text for element in data.iter("{*}trustpoint-name")] == [f"T{n}"]
    operations.discard_changes(session)


def test_ok_proves_nothing(session: Session) -> None:
    edit(session)
    operations.send_commit(session).result()
    reply = operations.action(
        session, template("rpc-ca-authenticate", server_name="Trustpool", file_path=None), operation="ca-authenticate"
    )
    assert reply.ok
    query = trustpoint.certificate_query(session.schema, "Trustpool")
    policy = Clock().policy()
    assert completed(ask_one(session, query, policy), policy).value is None


def test_a_push_against_a_server_that_only_says_ok_is_never_called_done(server: Server, session: Session) -> None:
    clock = Clock()
    without_validate(session)
    intent = agent.Intent(renew=False, caution=agent.Caution(rollback=False))
    outcome = agent.remediate(session, intent, policy=clock.policy())
    assert outcome.error is not None
    assert (outcome.error.kind, outcome.evidence) == (NO_PROOF[server.name], agent.Evidence.NONE)
    assert "ca-authenticate was answered with ok" in outcome.error.message
    assert enrollment(session) == TERMINAL
    plan = agent.plan(agent.Intent(renew=False), agent.observe(session, policy=clock.policy()))
    assert isinstance(plan, Plan)
    assert [line for line in plan.diff() if line.startswith("+ crypto")] == []  # configured by now


def test_a_push_that_is_ended_after_its_commit_restores_what_was_there(session: Session) -> None:
    without_validate(session)
    wanted = False
    policy = Clock().policy(stop=lambda seconds: wanted)
    events = []
    plan = agent.plan(agent.Intent(renew=False), agent.observe(session))
    for event in agent.apply(session, plan, policy):
        events.append(event)
        wanted = wanted or (event.step, event.status) == ("read back", Status.DONE)
    assert ("undo", Status.DONE) in [(event.step, event.status) for event in events]
    assert enrollment(session) is None


def test_a_commit_that_is_answered_ok_and_does_nothing_is_not_called_done(netconfd: Netconfd) -> None:
    with netconfd_session(netconfd) as session:
        # netconfd 2.13 commits nothing where validate came last, and answers ok (test_netconfd.py shows it).
        outcome = agent.remediate(session, agent.Intent(renew=False, trustpoint="OTHER"), policy=Clock().policy())
    assert outcome.result is agent.Result.UNKNOWN
    assert outcome.error is not None
    assert "shows no such trustpoint" in outcome.error.message


def test_a_killed_session_is_lost(server: Server, session: Session) -> None:
    with server.connect() as second:
        second.call(template("kill-session", session_id=session.session_id), operation="kill-session")
    assert eventually(lambda: not session.connected)
    with pytest.raises(agent.SessionLost):
        enrollment(session)


def test_closing_leaves_no_thread(server: Server) -> None:
    server.connect().close()
    before = set(threading.enumerate())
    with server.connect():
        pass
    shared = ("xr-agent-ssh", "asyncio")  # one event loop for all sessions, and that of the simulator

    def left() -> set[threading.Thread]:
        return {thread for thread in threading.enumerate() if not thread.name.startswith(shared)}

    assert eventually(lambda: left() <= before)
