"""Whatever a device sends over NETCONF ends in a value or a typed error, soon, within a bound, on one line.

The bytes come over real SSH from the simulator; all that is odd in them is SYNTHETIC.
"""

from __future__ import annotations

from functools import partial

import pytest

import agent
from agent.model.errors import RpcErrorInfo
from agent.netconf import operations, payload, transport
from agent.netconf.framing import FrameReader, frame
from agent.netconf.payload import template
from agent.netconf.pending import Pending
from agent.netconf.session import Session
from agent.simulator import Device, Fault, FaultKind
from tests.support import DeviceClock, Lab

NS = "urn:ietf:params:xml:ns:netconf:base:1.0"
FILTER = "filter-install-version"


def reply(content: str, message_id: str | None = "1", tag: str = "rpc-reply") -> bytes:
    """An rpc-reply, by default to the first rpc of a session."""
    given = "" if message_id is None else f' message-id="{message_id}"'
    return f'<{tag} xmlns="{NS}"{given}>{content}</{tag}>'.encode()


def hello(*capabilities: str, session: str = "<session-id>1</session-id>") -> bytes:
    listed = "".join(f"<capability>{uri}</capability>" for uri in (f"{NS[:-19]}netconf:base:1.0", *capabilities))
    return f'<hello xmlns="{NS}"><capabilities>{listed}</capabilities>{session}</hello>'.encode()


def sends(device: Device, *messages: bytes, operation: str = "get") -> None:
    """Let the device answer the next *operation* by these messages, in the framing of base:1.1."""
    wire = b"".join(frame(message, chunked=True) for message in messages)
    device.faults.append(Fault(operation, FaultKind.GARBAGE, wire))


def says(device: Device, wire: bytes, operation: str = "get") -> None:
    """Let the device answer the next *operation* by bytes that it did not frame."""
    device.faults.append(Fault(operation, FaultKind.GARBAGE, wire))


def ask(session: Session) -> Pending:
    return operations.send_get(session, template(FILTER))


def one_line(error: agent.AgentError) -> bool:
    return str(error).isprintable() and len(str(error)) < 5000


# --- hello -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "session",
    [
        "",
        "<session-id/>",
        "<session-id> </session-id>",
        "<session-id>one</session-id>",
        "<session-id>-1</session-id>",
        "<session-id>0</session-id>",
        "<session-id>4294967296</session-id>",
        "<session-id>\u0663</session-id>",
        "<session-id><b/></session-id>",
        f"<session-id>{'9' * 100_000}</session-id>",
    ],
)
def test_a_hello_without_a_session_id_that_is_one_is_refused(lab: Lab, session: str) -> None:
    device = lab.add()
    device.faults.append(Fault("hello", FaultKind.RAW, hello(session=session)))
    with pytest.raises(agent.ProtocolError, match="session-id") as raised:
        lab.connect(device)
    assert one_line(raised.value)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x00",
        b"<hello/>",
        b"<hello",
        hello().replace(b"hello", b"bonjour"),
        hello().replace(b"session-id", b"session\xff-id"),
        b'<!DOCTYPE hello [<!ENTITY a "aaaa">]>' + hello(),
        b"<hello>" * 300 + b"</hello>" * 300,
    ],
)
def test_what_is_no_hello_is_refused(lab: Lab, raw: bytes) -> None:
    device = lab.add()
    device.faults.append(Fault("hello", FaultKind.RAW, raw))
    with pytest.raises(agent.ProtocolError) as raised:
        lab.connect(device)
    assert one_line(raised.value)


def test_a_hundred_thousand_capabilities_are_read(lab: Lab) -> None:
    device = lab.add()
    many = (f"urn:m{number}?module=m{number}&amp;revision=2020-01-01" for number in range(100_000))
    device.faults.append(Fault("hello", FaultKind.RAW, hello(*many)))
    with lab.connect(device) as session:
        assert len(session.capabilities.modules) == 100_000


@pytest.mark.parametrize(
    "query", ["module=m" + "&amp;x=1" * 100, "module=" + "m" * 100_000, "module=%ff%00", "module", "=", "&amp;" * 50]
)
def test_a_capability_that_cannot_be_read_hides_no_other(lab: Lab, query: str) -> None:
    device = lab.add()
    good = "urn:g?module=good&amp;revision=2020-01-01"
    device.faults.append(Fault("hello", FaultKind.RAW, hello(f"urn:m?{query}", good)))
    with lab.connect(device) as session:
        assert session.capabilities.module("good") is not None


@pytest.mark.parametrize("wire", [hello()[:-5], b"<", b" " * 1000, b""])
def test_a_hello_that_never_ends_is_given_up(lab: Lab, wire: bytes) -> None:
    device = lab.add()
    device.faults.append(Fault("hello", FaultKind.GARBAGE, wire) if wire else Fault("hello", FaultKind.SILENT))
    with pytest.raises(agent.ConnectError, match="no NETCONF hello within"):
        lab.connect(device, clock=DeviceClock.of(device))


def test_a_hello_over_the_bound_is_refused(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "FrameReader", partial(FrameReader, limit=100_000))
    device = lab.add()
    device.faults.append(Fault("hello", FaultKind.GARBAGE, b"<hello>" + b"x" * 1_000_000))
    with pytest.raises(agent.ProtocolError, match="more than 100000 bytes"):
        lab.connect(device)


# --- framing ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wire",
    [
        b"\n#-1\n",
        b"\n#0\n",
        b"\n#007\n" + b"x" * 7,
        b"\n#4294967296\n",
        b"\n#99999999999999999999\n",
        b"\n#+5\n<a/>\n",
        b"\n#\xd9\xa3\n<a>",
        b"\n##\n",
        b"\n#5\n<a/>\n#",
        b"#5\n<a/>",
        reply("<data/>") + b"]]>]]>",
        b"\x00" * 100,
    ],
)
def test_framing_that_lies_ends_the_session_at_once(lab: Lab, wire: bytes) -> None:
    device = lab.add()
    says(device, wire + b"\n" * 20)
    with lab.connect(device) as session:
        with pytest.raises(agent.ProtocolError, match="chunk") as raised:
            ask(session).result()
        assert one_line(raised.value)
        assert not session.connected


def test_a_chunk_that_is_longer_than_it_says_is_no_answer(lab: Lab) -> None:
    device, message = lab.add(), reply("<data/>")
    says(device, b"\n#%d\n%b\n##\n" % (len(message) - 3, message))
    with lab.connect(device) as session, pytest.raises(agent.ProtocolError):
        ask(session).result()


def test_a_chunk_that_is_shorter_than_it_says_is_waited_for_and_given_up(lab: Lab) -> None:
    device, message = lab.add(), reply("<data/>")
    says(device, b"\n#%d\n%b\n##\n" % (len(message) + 100, message))
    with lab.connect(device, clock=DeviceClock.of(device)) as session, pytest.raises(agent.ReplyTimeout):
        ask(session).result()


def test_chunks_on_a_session_of_base_10_are_no_message(lab: Lab) -> None:
    device = lab.add(base_11=False)
    sends(device, reply("<data/>"))
    with lab.connect(device, clock=DeviceClock.of(device)) as session, pytest.raises(agent.ReplyTimeout):
        ask(session).result()


@pytest.mark.parametrize("wire", [b"\n#100001\n", b"\n#60000\n" + b"x" * 60_000 + b"\n#60000\n"])
def test_a_reply_over_the_bound_ends_the_session(lab: Lab, monkeypatch: pytest.MonkeyPatch, wire: bytes) -> None:
    monkeypatch.setattr(transport, "FrameReader", partial(FrameReader, limit=100_000))
    device = lab.add()
    says(device, wire)
    with lab.connect(device) as session, pytest.raises(agent.ProtocolError, match="more than 100000 bytes"):
        ask(session).result()


# --- XML -------------------------------------------------------------------------------------------------------------

LAUGHS = (
    '<!DOCTYPE r [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9))
    + "]>"
)


@pytest.mark.parametrize(
    "message",
    [
        LAUGHS.encode() + reply("<data>&j;</data>"),
        LAUGHS.encode() + reply("<data/>", message_id="&j;"),
        b'<!DOCTYPE r [<!ENTITY one "1">]>' + reply("<data/>", message_id="&one;"),
        b'<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + reply("<data>&x;</data>"),
        b'<!DOCTYPE r [<!ENTITY % x SYSTEM "file:///etc/passwd"> %x;]>' + reply("<data/>"),
        b'<!DOCTYPE r SYSTEM "http://192.0.2.1/x.dtd">' + reply("<data/>"),
        b"<!-- a comment -->\n<!DOCTYPE r>" + reply("<data/>"),
    ],
)
def test_a_dtd_is_refused_and_nothing_of_it_expanded_or_read(lab: Lab, message: bytes) -> None:
    device = lab.add()
    sends(device, message)
    with lab.connect(device) as session:
        with pytest.raises(agent.ProtocolError, match="DOCTYPE") as raised:
            ask(session).result()
        assert one_line(raised.value)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\x00",
        reply("<data>\x00</data>"),
        reply("<data>\x08\x1b[2J</data>"),
        reply("<data/>").replace(b"data", b"d\xff"),
        reply("<data/>").decode().encode("utf-16"),
        reply("<data/>", message_id="1&#0;"),
        reply("<a>" * 250 + "</a>" * 250),
        b"<a " + b" ".join(b'a%x=""' % number for number in range(10_000)) + b"/>",
        b'<?xml version="1.0" encoding="UTF-16"?>' + reply("<data>").replace(b"</data>", b""),
        reply("<data/>")[:-1],
        reply("<data/>") + b"<more/>",
        b"\xef\xbb\xbf" * 3,
    ],
)
def test_what_is_no_xml_is_a_typed_error(lab: Lab, message: bytes) -> None:
    device = lab.add()
    sends(device, message)
    with lab.connect(device) as session:
        with pytest.raises(agent.ProtocolError) as raised:
            ask(session).result()
        assert one_line(raised.value)


def test_more_elements_than_any_reply_needs_are_refused_before_they_are_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payload, "MOST_NODES", 100)
    assert len(payload.parse(b"<a>" + b"<b/>" * 98 + b"</a>")) == 98
    for document in (b"<a>" + b"<b/>" * 99 + b"</a>", b"<a" + b"".join(b" a%d=''" % n for n in range(100)) + b"/>"):
        with pytest.raises(agent.ProtocolError, match="more than 100"):
            payload.parse(document)


# --- whose answer it is ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("message_id", [None, "", "2", "01", "one", "1" * 70_000, " 1"])
def test_an_answer_to_nothing_that_was_asked_is_nobodys_and_ends_the_session(lab: Lab, message_id: str | None) -> None:
    device = lab.add()
    sends(device, reply("<data/>", message_id=message_id))
    with lab.connect(device) as session:
        with pytest.raises(agent.ProtocolError, match=r"message-id|not XML") as raised:
            ask(session).result()
        assert one_line(raised.value)
        assert not session.connected


def test_answers_in_another_order_go_to_the_rpcs_they_name(lab: Lab) -> None:
    device = lab.add()
    device.faults.append(Fault("get", FaultKind.SILENT))
    sends(device, reply("<data><two/></data>", "2"), reply("<data><one/></data>", "1"))
    with lab.connect(device) as session:
        for pending, name in zip((ask(session), ask(session)), ("one", "two"), strict=True):
            data = pending.result().data
            assert data is not None
            assert str(data[0].tag).endswith(name)


def test_a_second_answer_to_the_same_rpc_is_ignored(lab: Lab) -> None:
    device = lab.add()
    sends(device, reply("<data><first/></data>"), reply("<data><second/></data>"))
    with lab.connect(device) as session:
        data = ask(session).result().data
        assert data is not None
        assert str(data[0].tag).endswith("first")
        data = ask(session).result().data
        assert data is not None
        assert str(data[0].tag).endswith("install")


def test_an_answer_that_comes_too_late_is_ignored(lab: Lab) -> None:
    device = lab.add()
    device.faults.append(Fault("get", FaultKind.DELAY, seconds=0.3))
    with lab.connect(device, clock=DeviceClock.of(device)) as session:
        with pytest.raises(agent.ReplyTimeout):
            session.call(template("get"), operation="get", timeout=0.3)
        data = ask(session).result().data
        assert data is not None
        assert str(data[0].tag).endswith("install")


def test_notifications_in_between_are_passed_over(lab: Lab) -> None:
    device = lab.add()
    notice = b'<notification xmlns="urn:ietf:params:xml:ns:netconf:notification:1.0"><eventTime/></notification>'
    sends(device, *[notice] * 100, reply("<data><one/></data>"), notice)
    with lab.connect(device) as session:
        for name in ("one", "install"):
            data = ask(session).result().data
            assert data is not None
            assert str(data[0].tag).endswith(name)


@pytest.mark.parametrize("tag", ["rpc", "hello", "my-rpc-reply"])
def test_a_message_that_is_no_reply_ends_the_session(lab: Lab, tag: str) -> None:
    device = lab.add()
    sends(device, reply("<data/>", tag=tag))
    with lab.connect(device) as session, pytest.raises(agent.ProtocolError, match="not an rpc-reply"):
        ask(session).result()


# --- rpc-error -------------------------------------------------------------------------------------------------------


def failing(lab: Lab, content: str) -> agent.RPCError:
    device = lab.add()
    sends(device, reply(content))
    with lab.connect(device) as session, pytest.raises(agent.RPCError) as raised:
        ask(session).result()
    assert one_line(raised.value)
    return raised.value


def test_an_error_beside_ok_is_an_error(lab: Lab) -> None:
    for content in ("<ok/><rpc-error/>", "<rpc-error/><ok/>", "<data/><rpc-error/>"):
        assert failing(lab, content).message.endswith("rpc-error")


def test_an_error_without_anything_in_it_is_an_error(lab: Lab) -> None:
    error = failing(lab, "<rpc-error/>")
    assert error.errors == (RpcErrorInfo(),)
    assert error.tags == frozenset()


def test_an_enormous_error_is_shown_in_part(lab: Lab) -> None:
    for content in (
        f"<rpc-error><error-message>{'No. ' * 1_000_000}</error-message></rpc-error>",
        "<rpc-error><error-tag>in-use</error-tag></rpc-error>" * 20_000,
        f"<rpc-error><error-path>{'/a' * 100_000}</error-path></rpc-error>",
        f"<rpc-error><error-info>{'<a/>' * 100_000}</error-info></rpc-error>",
    ):
        error = failing(lab, content)
        assert len(error.message) < 2500


@pytest.mark.parametrize("holder", ["\x1b[2J".replace("\x1b", "&#x9b;"), "x" * 100_000, "-7", "7; reload", "<b/>"])
def test_a_holder_of_a_lock_that_is_no_session_is_not_named(lab: Lab, holder: str) -> None:
    error = failing(
        lab,
        "<rpc-error><error-tag>lock-denied</error-tag><error-info>"
        f"<session-id>{holder}</session-id></error-info></rpc-error>",
    )
    assert isinstance(error, agent.LockDenied)
    assert error.session_id is None
