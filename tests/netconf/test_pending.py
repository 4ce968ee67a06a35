"""Replies as they are judged: an ok is parsed once for all sessions, and nothing else is taken for one."""

from __future__ import annotations

import pytest

from agent.model.errors import ProtocolError
from agent.model.local.clock import Clock
from agent.netconf import operations, pending
from agent.netconf.payload import NETCONF_NS, qname
from agent.netconf.pending import InFlight, Pending, Reply
from tests.support import Lab, eventually
from tests.threads import at_once

ATTRIBUTES = f'xmlns="{NETCONF_NS}" message-id="{{}}"'


def answered(raw: str, message_id: str = "7") -> Reply:
    """What comes of the text *raw* as an answer."""
    asked = Pending(
        InFlight("r1", Clock()),
        "validate",
        (None, message_id),
        writes=False,
        again=None,
        timeout=0,
        then=lambda: None,
    )
    asked.deliver_reply(raw)
    return asked.result()


@pytest.fixture(autouse=True)
def _nothing_parsed() -> None:
    pending._parsed_once.cache_clear()


@pytest.mark.parametrize(
    "text",
    [
        f"<rpc-reply {ATTRIBUTES}><ok/></rpc-reply>",
        f'<?xml version="1.0"?>\n<rpc-reply {ATTRIBUTES}>\n <ok />\n</rpc-reply >\n',
        f'<nc:rpc-reply xmlns:nc="{NETCONF_NS}" message-id="{{}}"><nc:ok/></nc:rpc-reply>',
    ],
)
def test_an_ok_is_parsed_once_whatever_its_message_id(text: str) -> None:
    assert all(answered(text.format(number), str(number)).ok for number in range(50))
    assert pending._parsed_once.cache_info().misses == 1
    assert answered(text.format(3), "3").root.tag == qname(NETCONF_NS, "rpc-reply")


@pytest.mark.parametrize(
    "content, ok",
    [
        ("<ok/><!-- soon -->", True),
        ("<ok></ok>", True),
        ("<ok/><ok/>", True),
        ("<!-- <ok/> -->", False),
        ("<data><ok/></data>", False),
        ("&lt;ok/&gt;", False),
        ("<ok/> message-id=", True),
        ("", False),
    ],
)
def test_what_is_more_than_that_is_parsed_for_itself(content: str, ok: bool) -> None:
    raw = f"<rpc-reply {ATTRIBUTES.format(7)}>{content}</rpc-reply>"
    first, second = answered(raw), answered(raw)
    assert (first.ok, second.ok) == (ok, ok)
    assert first.root is not second.root
    assert pending._parsed_once.cache_info().misses == 0


@pytest.mark.parametrize(
    "raw, said",
    [
        ('<rpc-reply xmlns="urn:other" message-id="7"><ok/></rpc-reply>', "not by an rpc-reply"),
        (f"<rpc-reply {ATTRIBUTES.format(7)} a=b><ok/></rpc-reply>", "broken XML"),
        (f'<rpc-reply {ATTRIBUTES.format(7)} message-id="7"><ok/></rpc-reply>', "broken XML"),
        (f'<rpc-reply {ATTRIBUTES.format(7)} xmlns="urn:x"><ok/></rpc-reply>', "broken XML"),
        (f'<?xml version="1.0" message-id="7"?><rpc-reply xmlns="{NETCONF_NS}"><ok/></rpc-reply>', "broken XML"),
        (
            """<rpc-reply xmlns='urn:ietf:params:xml message-id="7":ns:netconf:base:1.0'><ok/></rpc-reply>""",
            "broken XML",
        ),
        ("<nc:rpc-reply><nc:ok/></nc:rpc-reply>", "broken XML|not by an rpc-reply"),
    ],
)
def test_an_ok_of_somebody_else_or_a_broken_one_names_the_device(raw: str, said: str) -> None:
    for _ in range(2):
        with pytest.raises(ProtocolError, match=said) as raised:
            answered(raw)
        assert raised.value.device == "r1"


def test_what_one_makes_of_its_reply_is_its_own_however_many_threads_have_one() -> None:
    text = f"<rpc-reply {ATTRIBUTES}><ok/></rpc-reply>"
    assert answered(text.format(0), "0").ok

    def spoilt(first: int) -> bool:
        for number in range(first, 200):
            reply = answered(text.format(number), str(number))
            if not reply.ok:
                return False
            reply.root.clear()
        return True

    assert all(at_once(spoilt, 16))
    assert pending._parsed_once.cache_info().misses == 1


def test_what_is_asked_of_many_sessions_and_answered_by_ok_is_one_text(lab: Lab) -> None:
    device = lab.add()
    for _ in range(3):
        with lab.connect(device) as session:
            for _ in range(3):
                assert operations.send_lock(session, "running").result().ok
                assert operations.send_unlock(session, "running").result().ok
        assert eventually(lambda: not device.sessions)
    assert pending._parsed_once.cache_info().misses == 1
