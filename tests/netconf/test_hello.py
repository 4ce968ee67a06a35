"""A hello is read once for all that are alike but for the session-id; whatever else differs is another hello."""

from __future__ import annotations

import pytest

import agent
from agent.netconf import payload
from agent.netconf.yang import hello
from tests.threads import at_once

BASE = "urn:ietf:params:netconf:base:1.1"


def message(
    number: object = 7, *, uris: str = "", name: str = "session-id", before: str = "", within: str = ""
) -> bytes:
    """A hello that announces base:1.1 and, by one capability, *uris*."""
    listed = f"<capability>{BASE}</capability><capability>\n urn:x{uris}\n</capability>"
    tags = f"<{name}>{number}</{name}>"
    top = '<hello xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0"'
    return f"{before}{top} xmlns:o='urn:other'><capabilities>{listed}</capabilities>{within}{tags}</hello>".encode()


@pytest.fixture(autouse=True)
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What was parsed; nothing is known from before."""
    monkeypatch.setattr(hello, "_announced", {})
    seen: list[bytes] = []

    def counted(data: bytes, *, device: str | None) -> payload.Element:
        seen.append(data)
        return payload.parse(data, device=device)

    monkeypatch.setattr(hello, "parse", counted)
    return seen


def test_a_hello_tells_what_is_announced_in_its_order_and_the_session_id() -> None:
    assert hello.read(message(4294967295)) == ((BASE, "urn:x"), "4294967295")


@pytest.mark.parametrize("name", ["session-id", "nc:session-id"])
def test_hellos_alike_but_for_the_session_id_are_parsed_once(parsed: list[bytes], name: str) -> None:
    first, number = hello.read(message(1, name=name))
    for other in (2, 33, 1234567890, " 5 ", "\n6\n"):
        alike, told = hello.read(message(other, name=name))
        assert told == str(other).strip()
        assert (alike is first) == (str(other) == told)  # blanks are told apart like anything else
        assert alike == first
    assert number == "1"
    assert len(parsed) == 3


@pytest.mark.parametrize(
    "other",
    [
        message(uris="?module=m"),
        message(before=" "),
        message(before="<!-- -->"),
        message(name="nc:session-id"),
        message(within="<o:any/>"),
        message().replace(b"><capabilities", b" ><capabilities"),
        message() + b"\n",
    ],
)
def test_hellos_that_differ_anywhere_else_are_read_each(parsed: list[bytes], other: bytes) -> None:
    hello.read(message())
    assert hello.read(other)[1] == "7"
    assert parsed == [message(), other]


def test_what_moves_from_ahead_of_the_number_to_behind_it_is_another_hello(parsed: list[bytes]) -> None:
    ahead = message(7)
    start = ahead.index(b"7<")
    behind = ahead[:start] + b"70" + ahead[start + 1 :]  # other digits in the same place
    assert hello.read(ahead)[0] is hello.read(behind)[0]
    assert hello.read(behind)[1] == "70"
    assert parsed == [ahead]


HOSTILE = {
    "in a comment": message(0, within="<!-- <session-id>8</session-id> -->"),
    "in a comment alone": message(8, name="o:id", within="<!--<session-id>8</session-id>-->"),
    "in a CDATA section": message(8, name="o:id", within="<o:x><![CDATA[<session-id>8</session-id>]]></o:x>"),
    "in an instruction": message(8, name="o:id", within="<?o session-id>8</session-id?>"),
    "of another namespace": message(8, name="o:session-id"),
    "deeper": message(8, name="o:id", within="<o:x><session-id>8</session-id></o:x>"),
    "none": message(8, name="o:id"),
    "empty, and in a comment": message("", within="<!--session-id>8</session-id-->"),
    "zero": message(0),
    "with a zero ahead": message("08"),
    "eleven digits": message(12345678901),
    "beyond 32 bits": message(4294967296),
    "digits of another script": message("\u0668"),
    "a word": message("eight"),
}


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
def test_what_only_looks_like_a_session_id_is_none_and_nothing_is_kept_of_it(hostile: bytes) -> None:
    hello.read(message(8))  # its like is known
    for _ in range(2):
        with pytest.raises(agent.ProtocolError, match="no session-id from 1 to 4294967295"):
            hello.read(hostile, device="r1")
    assert len(hello._announced) == 1


@pytest.mark.parametrize(
    "twice",
    [
        message(5, within="<!-- <session-id>8</session-id> -->"),
        message(5, uris="?module=session-id"),
        message("&#53;"),
        message("5<!-- 6 -->"),
        message(5).replace(b"<session-id>", b"<session-id note='8'>"),
    ],
)
def test_a_hello_whose_number_cannot_be_told_without_parsing_is_parsed_each_time(
    parsed: list[bytes], twice: bytes
) -> None:
    assert hello.read(twice)[1] == hello.read(twice)[1] == "5"
    assert len(parsed) == 2


def test_a_number_out_of_range_is_refused_where_the_rest_is_known() -> None:
    hello.read(message(8))
    with pytest.raises(agent.ProtocolError, match="'4294967296'"):
        hello.read(message(4294967296))


def test_what_is_no_hello_is_refused_each_time_and_not_kept() -> None:
    for _ in range(2):
        with pytest.raises(agent.ProtocolError, match="not with a hello"):
            hello.read(message().replace(b"hello", b"goodbye"))
    assert not hello._announced


def test_few_announcements_are_kept_and_no_huge_one(parsed: list[bytes]) -> None:
    for number in range(200):
        hello.read(message(uris=f"?{number}"))
        assert len(hello._announced) <= 64
    parsed.clear()
    huge = message(uris="x" * 2**20)
    assert hello.read(huge) == hello.read(huge)
    assert parsed == [huge, huge]


def test_many_threads_read_hellos_of_many_kinds_at_once() -> None:
    def read(thread: int) -> None:
        for number in range(1, 300):
            kind = (thread * number) % 80  # more kinds than are kept
            assert hello.read(message(number, uris=f"?{kind}")) == ((BASE, f"urn:x?{kind}"), str(number))

    at_once(read, 16)
    assert len(hello._announced) <= 64
