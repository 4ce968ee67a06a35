"""Sessions: everything that can go wrong has its name, and nothing is left behind."""

from __future__ import annotations

import gc
import logging
import threading
import weakref
from collections.abc import Callable

import pytest
from lxml import etree
from ncclient import manager
from ncclient.operations import RaiseMode

import agent
from agent.model.local.clock import Clock as RouterClock
from agent.netconf import operations
from agent.netconf.payload import parse, payload_of, serialize, template
from agent.netconf.session import Session
from agent.netconf.transport import DirectSession
from agent.simulator import Fault, FaultKind, rpc_error
from agent.ssh.loop import event_loop
from tests.support import Clock, DeviceClock, Lab, eventually, logged, read


def answering(raw: bytes, times: int = 1) -> Fault:
    return Fault("get", FaultKind.RAW, raw, times=times)


def reply(content: str) -> bytes:
    return (f'<rpc-reply xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="1">{content}</rpc-reply>').encode()


def test_a_session_reads_and_closes_without_leaving_a_thread(lab: Lab) -> None:
    device = lab.add()
    event_loop()  # of all sessions, which stays
    before = set(threading.enumerate())
    with lab.connect(device) as session:
        assert read(session) == "smart-agent"
        assert session.session_id == "1"
        assert session.capabilities.candidate
    with pytest.raises(agent.SessionLost):
        read(session)
    session.close()
    # The simulator's own event loop may have started a worker thread by now.
    ours = {thread for thread in threading.enumerate() if not thread.name.startswith("asyncio_")}
    assert ours <= before


@pytest.mark.parametrize("kind", [None, FaultKind.SILENT, FaultKind.DROP_BEFORE, FaultKind.GARBAGE])
def test_a_session_ends_politely_and_nobody_waits_for_that(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, kind: FaultKind | None
) -> None:
    monkeypatch.setattr("agent.netconf.session._CLOSE_TIMEOUT", 0.1)
    device = lab.add()
    device.faults += [Fault("close-session", kind)] if kind else []
    session = lab.connect(device, clock=Untimed())
    session.close()
    session.close()
    assert eventually(lambda: not device.sessions)
    assert device.counters["close-session"] == 1


class Untimed(RouterClock):
    """A clock for a session that waits for nothing once it is open."""

    def wait(
        self, answered: threading.Event, seconds: float, session: str | None = None, message: str = "hello"
    ) -> bool:
        assert session is None
        return super().wait(answered, seconds, session, message)


def test_what_a_router_did_not_answer_keeps_no_session_open(lab: Lab) -> None:
    device = lab.add()
    device.faults.append(Fault("get", FaultKind.SILENT))
    session = lab.connect(device, clock=DeviceClock.of(device))
    with pytest.raises(agent.ReplyTimeout):
        read(session)
    session.close()
    assert eventually(lambda: not device.sessions)
    assert device.counters["close-session"] == 0  # it is at something else


def test_an_operation_may_be_an_element_which_stays_as_it_is(lab: Lab) -> None:
    body = template("get")
    body[-1].append(template("filter-licensing"))
    around = etree.Element("around")
    around.append(body)
    before = serialize(around)
    with lab.connect(lab.add()) as session:
        asked = [session.call(sent, operation="get").data for sent in (body, payload_of(body), body)]
    assert len({serialize(data) for data in asked if data is not None and len(data)}) == 1
    assert None not in asked
    assert serialize(around) == before


def test_who_waits_for_an_answer_is_told_when_this_side_ends_the_session(lab: Lab) -> None:
    device = lab.add()
    device.faults.append(Fault("get", FaultKind.SILENT))
    with lab.below(device) as (session, transport):
        pending = operations.send_get(session, template("filter-licensing"), what="licensing")
        transport.close()
        assert pending.answered()
        with pytest.raises(agent.SessionLost):
            pending.result()


def test_a_closed_session_leaves_nothing_to_the_garbage_collector(lab: Lab) -> None:
    device = lab.add(terminal_rpc="installs")
    gc.collect()
    gc.disable()
    try:
        transport = DirectSession(lab.target(device))
        transport.open()
        session = Session(transport, device="r1")
        assert transport.connection is not None
        parts = (session, transport, transport.connection, transport.connection.login, transport.connection.ssh)
        held = [weakref.ref(part) for part in parts]
        del parts
        assert agent.remediate(session).result is agent.Result.REMEDIED
        session.close()
        del session, transport
        assert eventually(lambda: not any(part() for part in held))
    finally:
        gc.enable()


def test_a_log_record_of_ncclient_can_be_written_after_the_session_is_gone(lab: Lab) -> None:
    with logged("ncclient.transport.ssh") as records:
        with lab.below(lab.add()) as (session, transport):
            transport.logger.info("of a session")
        del session, transport
    (record,) = [record for record in records if "of a session" in record.getMessage()]
    assert "127.0.0.1" in logging.Formatter("%(session)s %(message)s").format(record)


def test_both_framings_are_spoken(lab: Lab) -> None:
    for base_11 in (True, False):
        with lab.connect(lab.add(base_11=base_11)) as session:
            assert ("urn:ietf:params:netconf:base:1.1" in session.capabilities.uris) is base_11
            assert [read(session) for _ in range(3)] == ["smart-agent"] * 3


def test_a_hello_of_real_size_is_read(lab: Lab) -> None:
    device = lab.add(hello_size=150_000)
    assert len(device.hello) > 150_000
    with lab.connect(device) as session:
        assert len(session.capabilities.uris) == device.hello.count(b"<capability>") > 1000
        assert session.capabilities.module("Cisco-IOS-XR-crypto-act") is not None


def test_independent_rpcs_are_in_flight_together_and_each_gets_its_own_answer(lab: Lab) -> None:
    with lab.connect(lab.add()) as session:
        names = ("filter-licensing", "filter-install-version", "filter-install-fixes")
        flying = [(name, operations.send_get(session, template(name))) for name in names * 5]
        for name, pending in reversed(flying):
            data = pending.result().data
            assert data is not None
            shown = [str(child.tag).rpartition("}")[2] for child in data]
            assert shown == ({"filter-licensing": ["smart-agent"], "filter-install-version": ["install"]}).get(name, [])


def test_one_write_at_a_time(lab: Lab) -> None:
    device = lab.add()
    device.faults.append(Fault("commit", FaultKind.DELAY, seconds=0.2))
    with lab.connect(device) as session:
        first = session.send(template("commit"), operation="commit", writes=True)
        with pytest.raises(RuntimeError, match="one write at a time"):
            session.send(template("commit"), operation="commit", writes=True)
        with pytest.raises(agent.RPCError):
            first.result()
    assert device.counters["commit"] == 1


@pytest.mark.parametrize(
    "errors, kind, said",
    [
        (rpc_error("in-use", severity="warning") + rpc_error("operation-failed", "No room"), agent.RPCError, "No room"),
        (rpc_error("lock-denied", info="<session-id>7</session-id>"), agent.LockDenied, "session 7"),
        (rpc_error("access-denied"), agent.AccessDenied, "task group"),
        (rpc_error("operation-failed", "This command is not authorized"), agent.AccessDenied, "task group"),
    ],
)
def test_all_errors_of_a_reply_are_judged(lab: Lab, errors: bytes, kind: type[agent.RPCError], said: str) -> None:
    device = lab.add()
    device.faults.append(Fault("get", FaultKind.ERROR, errors))
    with lab.connect(device) as session, pytest.raises(kind, match=said) as raised:
        read(session)
    assert len(raised.value.errors) == errors.count(b"<rpc-error>")
    assert str(raised.value).startswith(device.name)


def test_a_warning_alone_is_no_error(lab: Lab) -> None:
    device = lab.add()
    device.faults.append(Fault("get", FaultKind.ERROR, rpc_error("in-use", "just so you know", severity="warning")))
    with lab.connect(device) as session:
        warned = operations.send_get(session, template("filter-licensing")).result()
    assert [warning.message for warning in warned.warnings] == ["just so you know"]


@pytest.mark.parametrize(
    "raw",
    [
        reply("<data>").replace(b"</data>", b""),
        reply("<data>\xff</data>").replace("ÿ".encode(), b"\xff"),
        b'<!DOCTYPE x [<!ENTITY a "aaaa">]>' + reply("<data>&a;</data>"),
        reply("<data>&undefined;</data>"),
        reply("<a>" * 300 + "</a>" * 300),
        b"garbage",
        reply("<data/>").replace(b"rpc-reply", b"something"),
        reply("<data/>").replace(b'message-id="1"', b'message-id="99"'),
        reply("<data/>").replace(b' message-id="1"', b""),
    ],
)
def test_what_is_no_netconf_ends_in_a_protocol_error_or_a_lost_session(lab: Lab, raw: bytes) -> None:
    device = lab.add()
    device.faults.append(answering(raw))
    with lab.connect(device) as session, pytest.raises((agent.ProtocolError, agent.SessionLost)) as raised:
        read(session, timeout=5)
    assert "\n" not in raised.value.message


DECLARATION = b'<?xml version="1.0" encoding="UTF-8"?>\n'


@pytest.mark.parametrize(
    "before", [b"", DECLARATION, b"\n" + DECLARATION, b"\r\n \t" + DECLARATION, b"\n", b"\xef\xbb\xbf" + DECLARATION]
)
def test_blanks_before_a_hello_are_passed_over(lab: Lab, before: bytes) -> None:
    device = lab.add()
    device.hello = before + device.hello
    with lab.connect(device) as session:
        assert session.capabilities.candidate
        assert read(session) == "smart-agent"


@pytest.mark.parametrize(
    "change, said",
    [
        (lambda hello: b"Authorized access only!\r\n" + hello, "begins with 'Authorized access only!"),
        (lambda hello: hello.replace(b' xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"', b""), "without NETCONF's"),
        (lambda hello: hello.replace(b"hello", b"goodbye"), "not with a hello"),
    ],
    ids=["banner", "namespace", "name"],
)
def test_what_is_no_hello_is_named(lab: Lab, change: Callable[[bytes], bytes], said: str) -> None:
    device = lab.add(release="7.3.2")
    device.hello = change(device.hello)
    with pytest.raises(agent.AgentError, match=said):
        lab.connect(device)


def test_no_answer_to_a_read_is_a_timeout_and_to_a_write_an_unknown_outcome(lab: Lab, clock: Clock) -> None:
    device = lab.add()
    device.faults += [Fault("get", FaultKind.SILENT), Fault("commit", FaultKind.SILENT)]
    with lab.connect(device, clock=DeviceClock.of(device, clock)) as session:
        with pytest.raises(agent.ReplyTimeout, match="get got no answer within 5 s"):
            read(session, timeout=5)
        assert clock.now == 5
        with pytest.raises(agent.OutcomeUnknown, match="commit was sent"):
            session.call(template("commit"), operation="commit", writes=True, timeout=7)
        assert clock.now == 12
        assert read(session) == "smart-agent"
    assert clock.now == 12


def test_an_answer_that_was_there_in_time_counts_however_late_it_is_asked_for(lab: Lab, clock: Clock) -> None:
    device = lab.add()
    device.faults.append(Fault("discard-changes", FaultKind.SILENT))
    with lab.connect(device, clock=DeviceClock.of(device, clock)) as session:
        first, second = (operations.send_discard_changes(session) for _ in range(2))
        with pytest.raises(agent.ReplyTimeout):
            first.result()
        assert second.result().ok


@pytest.mark.parametrize("timeout, tries", [(0.9, 3), (2.0, 1), (2.9, 1), (3.5, 0)])
def test_a_late_answer_holds_up_all_behind_it(lab: Lab, clock: Clock, timeout: float, tries: int) -> None:
    device = lab.add()
    device.faults.append(Fault("get", FaultKind.DELAY, seconds=3.0))
    with lab.connect(device, clock=DeviceClock.of(device, clock)) as session:
        for _ in range(tries):
            with pytest.raises(agent.ReplyTimeout):
                read(session, timeout=timeout)
        assert read(session, timeout=timeout) == "smart-agent"
    assert device.counters["get"] == tries + 1
    assert clock.now == 3


@pytest.mark.parametrize("seconds, in_time", [(0.0, True), (9.9, False)])
def test_the_machines_clock_waits_no_longer_than_it_is_told_to(seconds: float, in_time: bool) -> None:
    event = threading.Event()
    if in_time:
        event.set()
    assert RouterClock().wait(event, seconds if in_time else -seconds) is in_time


def test_a_session_that_ends_is_lost_for_a_read_and_unknown_for_a_write(lab: Lab) -> None:
    for writes, kind in ((False, agent.SessionLost), (True, agent.OutcomeUnknown)):
        device = lab.add()
        device.faults.append(Fault("validate", FaultKind.DROP_BEFORE))
        with lab.connect(device) as session:
            with pytest.raises(kind):
                session.call(template("validate"), operation="validate", writes=writes)
            assert not session.connected
            with pytest.raises(agent.SessionLost):
                read(session)


class Ended:
    """A channel whose end nobody was told of yet."""

    def sendall(self, data: bytes) -> None:
        raise EOFError("the channel has ended")

    def close(self) -> None:
        pass


def test_a_connection_that_ends_under_a_message_being_written_loses_the_session(lab: Lab) -> None:
    with lab.below(lab.add()) as (session, transport):
        transport.use(Ended())
        with pytest.raises(agent.SessionLost):
            session.call(template("discard-changes"), operation="discard-changes")
    with lab.below(lab.add()) as (session, transport):
        transport.use(Ended())
        with pytest.raises(agent.OutcomeUnknown):
            session.call(template("commit"), operation="commit", writes=True)


def test_what_two_routers_announce_alike_is_kept_once(lab: Lab) -> None:
    with lab.below(lab.add(hello_size=50_000)) as (_, one), lab.below(lab.add(hello_size=50_000)) as (_, other):
        assert len(one.announced) > 100
        assert one.announced is other.announced


def test_a_session_that_could_not_be_written_to_counts_as_ended_from_then_on(lab: Lab) -> None:
    with lab.below(lab.add()) as (session, transport):
        transport.use(Ended())
        with pytest.raises(agent.SessionLost):
            read(session)
        assert not session.connected


def test_the_text_of_a_module_is_fetched_from_the_device(lab: Lab) -> None:
    with lab.connect(lab.add()) as session:
        text = session.fetch_schema("Cisco-IOS-XR-crypto-act", "2022-06-02")
    assert text.startswith("module Cisco-IOS-XR-crypto-act")


def test_the_manager_of_an_orchestrator_is_borrowed_and_left_as_it_was(lab: Lab) -> None:
    device = lab.add()
    with manager.connect(
        host="127.0.0.1",
        port=device.port,
        username=lab.simulator.username,
        hostkey_verify=False,
        password=lab.simulator.password,
        allow_agent=False,
        look_for_keys=False,
        timeout=17,
    ) as owner:
        owner.raise_mode = RaiseMode.ERRORS
        with Session.over(owner, device="r1") as session:
            assert not session.owned
            assert read(session) == "smart-agent"
            device.faults.append(Fault("get", FaultKind.ERROR, rpc_error("operation-failed")))
            with pytest.raises(agent.RPCError):
                read(session)
        assert (owner.connected, owner.timeout, owner.raise_mode) == (True, 17, RaiseMode.ERRORS)
        answer = owner.get(("subtree", '<install xmlns="http://cisco.com/ns/yang/Cisco-IOS-XR-install-oper"/>'))
        assert "7.8.1" in answer.xml


def test_a_push_runs_inside_a_session_that_somebody_else_owns(lab: Lab) -> None:
    device = lab.add(terminal_rpc="installs")
    with manager.connect(
        host="127.0.0.1",
        port=device.port,
        username=lab.simulator.username,
        hostkey_verify=False,
        password=lab.simulator.password,
        allow_agent=False,
        look_for_keys=False,
        timeout=17,
    ) as owner:
        outcome = agent.remediate(Session.over(owner, device="r1"))
        assert owner.connected
    assert outcome.result is agent.Result.REMEDIED
    assert outcome.evidence is agent.Evidence.FINGERPRINT


def test_an_ncclient_manager_works_over_our_session(lab: Lab) -> None:
    from ncclient.devices.default import DefaultDeviceHandler
    from ncclient.manager import Manager

    transport = DirectSession(lab.target(lab.add()))
    transport.open()
    with Manager(transport, DefaultDeviceHandler({"name": "default"}), timeout=10) as client:
        assert ":candidate" in client.server_capabilities
        assert (
            "7.8.1"
            in client.get(("subtree", '<install xmlns="http://cisco.com/ns/yang/Cisco-IOS-XR-install-oper"/>')).xml
        )
    transport.close()


def test_messages_are_parsed_with_nothing_expanded() -> None:
    with pytest.raises(agent.ProtocolError, match="DOCTYPE"):
        parse('<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>')
