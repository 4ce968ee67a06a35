"""A server that does not answer in the order of asking, or drops what was sent behind something else, is found out."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import agent
from agent.netconf import operations
from agent.netconf.payload import template
from agent.netconf.pending import Pending
from agent.netconf.query import Behind, Query
from agent.netconf.retry import Policy, completed
from agent.simulator import Device, Fault, FaultKind
from agent.xr import trustpoint
from tests.support import Clock, DeviceClock, Lab, eventually

ALONE = "from now on one rpc at a time"


@pytest.fixture
def device(lab: Lab) -> Device:
    return lab.add(enrollment="terminal", terminal_rpc="installs")


def licensing(session: agent.Session) -> Pending:
    return operations.send_get(session, template("filter-licensing"), what="licensing")


def shown(pending: Pending) -> list[str]:
    data = pending.result().data
    assert data is not None
    return [str(child.tag).rpartition("}")[2] for child in data]


def order(device: Device) -> list[str]:
    """What the device was asked, in order."""
    return [operation for _, operation in device.log]


def certificate(session: agent.Session) -> Query[agent.Certificate]:
    return trustpoint.certificate_query(session.schema, "Trustpool")


def test_a_server_that_answers_in_order_is_sent_one_rpc_behind_the_other(lab: Lab, device: Device) -> None:
    with lab.connect(device) as session:
        behind = Behind(certificate(session))
        trustpoint.authenticate(session, "Trustpool", behind=behind.send)
        reading = completed(behind.reading(session, Policy()), Policy())
        assert reading is not None
        assert reading.value is not None
        assert session.in_order
    assert order(device)[:2] == ["ca-authenticate", "get"]


def test_a_read_that_was_answered_ahead_of_the_write_before_it_is_made_again(
    lab: Lab, device: Device, caplog: pytest.LogCaptureFixture
) -> None:
    device.faults.append(Fault("ca-authenticate", FaultKind.OVERTAKEN))
    with lab.connect(device) as session:
        behind = Behind(certificate(session))
        trustpoint.authenticate(session, "Trustpool", behind=behind.send)
        reading = completed(behind.reading(session, Policy()), Policy())
        assert reading is not None
        assert reading.value is not None, "the answer was of before the write"
        assert not session.in_order
    assert order(device)[:3] == ["ca-authenticate", "get", "get"]
    assert ALONE in caplog.text


def test_a_read_that_was_dropped_is_made_again_alone_and_nothing_waits_for_it(
    lab: Lab, device: Device, clock: Clock
) -> None:
    device.faults.append(Fault("get", FaultKind.SILENT, skip=1))
    with lab.connect(device, clock=DeviceClock.of(device, clock)) as session:
        flying = [licensing(session) for _ in range(4)]
        assert [shown(pending) for pending in flying] == [["smart-agent"]] * 4
        assert not session.in_order
    assert device.counters["get"] == 5
    assert clock.now == 0


def test_a_read_that_only_came_late_counts_as_it_came(lab: Lab, device: Device) -> None:
    """Reads do not stand on each other: who was overtaken is made again, who overtook is not."""
    device.faults.append(Fault("get", FaultKind.OVERTAKEN))
    with lab.connect(device) as session:
        first, second = licensing(session), licensing(session)
        assert shown(second) == ["smart-agent"]
        assert shown(first) == ["smart-agent"]
        assert not session.in_order
    assert device.counters["get"] <= 3


def test_a_write_whose_answer_is_overtaken_is_waited_for_and_never_repeated(
    lab: Lab, device: Device, clock: Clock
) -> None:
    device.faults.append(Fault("ca-authenticate", FaultKind.SILENT))
    with lab.connect(device, clock=DeviceClock.of(device, clock), timeout=7.0) as session:
        body = trustpoint.authenticate_request(session.schema, "Trustpool")
        write, read = session.send(body, operation="ca-authenticate", writes=True), licensing(session)
        assert eventually(read.answered)  # else the write's time may be over before it is overtaken
        with pytest.raises(agent.OutcomeUnknown, match="no answer within 7 s"):
            write.result()
        assert clock.now == 7
        assert not session.in_order
    assert device.counters["ca-authenticate"] == 1


def test_what_is_found_out_is_remembered_and_each_rpc_waits_for_the_one_before(lab: Lab, device: Device) -> None:
    device.faults.append(Fault("get", FaultKind.OVERTAKEN))
    with lab.connect(device) as session:
        for pending in [licensing(session), licensing(session)]:
            pending.result()
        first = licensing(session)
        second = licensing(session)
        assert first.answered()
        assert shown(second) == ["smart-agent"]


def test_a_validate_that_was_answered_ahead_of_the_edit_is_made_again(lab: Lab, device: Device) -> None:
    device.faults.append(Fault("edit-config", FaultKind.OVERTAKEN))
    with lab.connect(device) as session:
        edit = operations.send_edit_config(session, device.trustpoint_element("OTHER", "terminal"))
        validate = operations.send_validate(session)
        edit.result()
        assert validate.result().ok
    assert order(device)[:3] == ["edit-config", "validate", "validate"]


def test_the_time_of_a_read_begins_when_the_write_ahead_of_it_was_answered(
    lab: Lab, device: Device, clock: Clock
) -> None:
    device.faults += [Fault("ca-authenticate", FaultKind.HELD), Fault("get", FaultKind.SILENT)]
    with lab.connect(device, clock=DeviceClock.of(device, clock), timeout=7.0) as session:
        body = trustpoint.authenticate_request(session.schema, "Trustpool")
        write, read = session.send(body, operation="ca-authenticate", writes=True), licensing(session)
        assert eventually(lambda: bool(device.held))
        clock.now += 6
        device.release()
        assert write.result().ok
        with pytest.raises(agent.ReplyTimeout):
            read.result()
        assert clock.now == 13


def test_a_read_that_nothing_follows_and_that_was_dropped_is_read_alone_on_the_same_session(
    lab: Lab, device: Device, clock: Clock
) -> None:
    device.faults.append(Fault("get", FaultKind.SILENT))
    with lab.connect(device, clock=DeviceClock.of(device, clock), timeout=7.0) as session:
        behind = Behind(certificate(session))
        trustpoint.authenticate(session, "Trustpool", behind=behind.send)
        assert completed(behind.reading(session, Policy()), Policy()) is None
        assert (clock.now, session.in_order) == (7, False)
        assert shown(licensing(session)) == ["smart-agent"]
    assert clock.now == 7


def test_nothing_is_read_behind_a_write_that_lost_the_session(lab: Lab, device: Device) -> None:
    device.faults.append(Fault("ca-authenticate", FaultKind.DROP_AFTER))
    with lab.connect(device) as session:
        behind = Behind(certificate(session))
        with pytest.raises(agent.OutcomeUnknown):
            trustpoint.authenticate(session, "Trustpool", behind=behind.send)
        with lab.connect(device) as other:
            assert completed(behind.reading(other, Policy()), Policy()) is None


def test_threads_that_send_together_and_alone_wait_for_neither_each_other_nor_the_order(
    lab: Lab, device: Device
) -> None:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with lab.connect(device) as session, ThreadPoolExecutor(4) as pool:

            def together() -> list[Pending]:
                with session.together():
                    return [licensing(session) for _ in range(3)]

            def alone() -> list[Pending]:
                return [licensing(session)]

            sent = [pool.submit(send) for _ in range(30) for send in (together, alone)]
            assert [shown(pending) for one in sent for pending in one.result()] == [["smart-agent"]] * 120
            assert session.in_order
    finally:
        sys.setswitchinterval(interval)
    assert device.counters["get"] == 120


def test_what_is_sent_together_is_not_waited_for_before_it_is_sent(lab: Lab, device: Device) -> None:
    """The server is found out by an answer that comes while the next rpcs are held back."""
    device.faults.append(Fault("get", FaultKind.OVERTAKEN))
    with lab.connect(device) as session:
        with session.together():
            first, second = licensing(session), licensing(session)
            session.in_order = False
            third = licensing(session)
        assert [shown(pending) for pending in (first, second, third)] == [["smart-agent"]] * 3


def test_who_waits_for_an_answer_without_a_thread_is_told_of_it_whenever_it_comes(lab: Lab, device: Device) -> None:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with lab.connect(device) as session:
            for _ in range(100):  # it comes before, while and after it is asked for
                told = threading.Event()
                pending = licensing(session)
                assert pending.until(told.set) > 0
                assert told.wait(60)
                assert shown(pending) == ["smart-agent"]
                again = threading.Event()
                pending.until(again.set)
                assert again.is_set()
    finally:
        sys.setswitchinterval(interval)


def test_who_waits_for_an_answer_without_a_thread_is_told_of_the_end_of_the_session(lab: Lab, device: Device) -> None:
    device.faults.append(Fault("get", FaultKind.DROP_BEFORE))
    told = threading.Event()
    with lab.connect(device) as session:
        pending = licensing(session)
        pending.until(told.set)
        assert told.wait(60)
        with pytest.raises(agent.SessionLost):
            pending.result()
