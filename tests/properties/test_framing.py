"""Framing agrees with the simulator's, which was written apart from it, for any messages cut anywhere."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from agent.netconf.framing import FrameReader, frame
from agent.simulator.netconf.framing import Deframer, enframe
from tests.properties.conftest import steady

# Nothing in a message is mistaken for framing but the end-of-message mark, which base:1.0 cannot carry.
TEXTS = st.binary(min_size=1, max_size=60) | st.sampled_from(
    [b"\n##\n", b"\n#4\n", b"#", b"\n", b"]]>", b"x" * 70_000, b"\n#1\nx\n##\n" * 5000]
)
MESSAGES = st.lists(TEXTS.filter(lambda text: b"]]>" not in text), min_size=1, max_size=4)
CUTS = st.lists(st.integers(0, 1 << 20), max_size=6)


def pieces(wire: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(wire) + 1) for cut in cuts), len(wire)]
    return [wire[start:end] for start, end in itertools.pairwise(edges)]


@steady
@given(MESSAGES, st.booleans(), CUTS)
def test_what_a_device_frames_is_read_whole(messages: list[bytes], chunked: bool, cuts: list[int]) -> None:
    reader = FrameReader()
    reader.chunked = chunked
    found = []
    for piece in pieces(b"".join(enframe(message, chunked) for message in messages), cuts):
        reader.feed(piece)
        while (message := reader.next()) is not None:
            found.append(message)
    assert found == messages
    assert reader.pending == 0


@steady
@given(MESSAGES, st.booleans(), CUTS)
def test_what_is_sent_is_what_a_device_reads(messages: list[bytes], chunked: bool, cuts: list[int]) -> None:
    deframer = Deframer()
    deframer.chunked = chunked
    wire = b"".join(frame(message, chunked=chunked) for message in messages)
    assert [read for piece in pieces(wire, cuts) for read in deframer.messages(piece)] == messages
