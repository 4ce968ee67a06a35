"""Framing: whatever the network does to the bytes, whole messages come out, and nothing grows without bound."""

from __future__ import annotations

import itertools
import tracemalloc

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from agent.model.errors import ProtocolError
from agent.netconf.framing import FrameReader, frame

MESSAGES = st.lists(st.binary(min_size=1, max_size=200).filter(lambda m: b"]]>" not in m), min_size=1, max_size=5)


def read_all(reader: FrameReader, wire: bytes, cuts: list[int]) -> list[bytes]:
    found = []
    edges = [0, *sorted(cut % (len(wire) + 1) for cut in cuts), len(wire)]
    for start, end in itertools.pairwise(edges):
        reader.feed(wire[start:end])
        while (message := reader.next()) is not None:
            found.append(message)
    return found


@given(MESSAGES, st.booleans(), st.lists(st.integers(0, 10_000), max_size=8))
def test_messages_survive_any_cut_of_the_stream(messages: list[bytes], chunked: bool, cuts: list[int]) -> None:
    reader = FrameReader()
    reader.chunked = chunked
    wire = b"".join(frame(message, chunked=chunked) for message in messages)
    assert read_all(reader, wire, cuts) == messages
    assert reader.pending == 0


@given(
    MESSAGES,
    st.booleans(),
    st.lists(st.integers(0, 10_000), max_size=8),
    st.text(" \t\r\n", max_size=30).map(str.encode),
)
def test_blanks_between_messages_are_passed_over(
    messages: list[bytes], chunked: bool, cuts: list[int], blanks: bytes
) -> None:
    reader = FrameReader()
    reader.chunked = chunked
    wire = b"".join(blanks + frame(message, chunked=chunked) for message in messages) + blanks
    expected = messages if chunked else [blanks + message for message in messages]  # whose reader strips them
    assert read_all(reader, wire, cuts) == expected
    assert reader.pending == 0


def test_several_chunks_make_one_message() -> None:
    reader = FrameReader()
    reader.chunked = True
    reader.feed(b"\n#4\n<rpc\n#2\n/>\n##\n")
    assert reader.next() == b"<rpc/>"


@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_end_in_messages_or_a_protocol_error(data: bytes, chunked: bool) -> None:
    reader = FrameReader(limit=100)
    reader.chunked = chunked
    reader.feed(data)
    try:
        while (message := reader.next()) is not None:
            assert len(message) <= 300
    except ProtocolError:
        event("refused")


@pytest.mark.parametrize(
    "lie", [b"\n#0\n", b"\n#01\n", b"\n#x\n", b"\n#-1\n", b"\n##\n", b"abc", b"\n#99999999999\n", b"\n#4294967296\n"]
)
def test_chunk_sizes_that_lie_are_refused(lie: bytes) -> None:
    reader = FrameReader()
    reader.chunked = True
    reader.feed(lie)
    with pytest.raises(ProtocolError):
        reader.next()


@pytest.mark.parametrize(
    "chunked, wire", [(False, b"x" * 101), (True, b"\n#101\n"), (True, b"\n#60\n" + b"x" * 60 + b"\n#60\n")]
)
def test_a_message_over_the_bound_is_refused_before_it_is_stored(chunked: bool, wire: bytes) -> None:
    reader = FrameReader(limit=100)
    reader.chunked = chunked
    reader.feed(wire)
    with pytest.raises(ProtocolError, match="100 bytes"):
        reader.next()


@pytest.mark.parametrize(
    "chunked, piece", [(False, b"x" * 1000), (True, b"\n#994\n" + b"x" * 994), (True, b"\n#1\nx" * 200)]
)
def test_a_message_without_end_is_given_up_at_the_bound(chunked: bool, piece: bytes) -> None:
    reader = FrameReader(limit=100_000)
    reader.chunked = chunked
    fed = 0

    def feed() -> bytes | None:
        nonlocal fed
        fed += len(piece)
        reader.feed(piece)
        return reader.next()

    with pytest.raises(ProtocolError, match="100000 bytes"):
        any(feed() for _ in range(10_000))
    assert fed <= 600_000


def test_chunks_of_a_byte_or_two_take_no_more_memory_than_their_bytes() -> None:
    reader = FrameReader()
    reader.chunked = True
    tracemalloc.start()
    try:
        for _ in range(1000):
            reader.feed(b"\n#2\nab" * 100)
            assert reader.next() is None
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert reader.pending == 200_000
    assert held < 500_000
