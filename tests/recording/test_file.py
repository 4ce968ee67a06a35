"""A recording's file: what is written is read again, also of one that was cut off; what is none is an error."""

from __future__ import annotations

import gzip
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs

from agent.model.errors import InputError
from agent.model.telemetry.direction import Direction
from agent.recording import reading, writing
from agent.recording.events import (
    Begin,
    Closed,
    End,
    Entry,
    Files,
    How,
    Message,
    Opened,
    Passed,
    Way,
    terminal,
)
from agent.recording.reading import Recording, read
from agent.recording.writing import Writer
from tests.threads import THREADS, at_once

BEGIN = Begin(version=1, made="2026-11-29T08:00:00Z", by="xr-agent 0", command="record", sanitised=False)
EVENTS: tuple[Passed, ...] = (
    Opened(at=0.0, session=1, way=Way.NETCONF, server="SSH-2.0-Cisco-2.0", kex=("ecdh-sha2-nistp256",)),
    Message(at=0.1, session=1, direction=Direction.RECEIVED, text="<hello/>"),
    Opened(at=0.2, session=2, way=Way.CLI),
    terminal(0.3, 2, Direction.SENT, b"show version\n"),
    terminal(0.4, 2, Direction.RECEIVED, b"\xff\r\n", ((0.35, 1), (0.4, 2))),
    Files(at=0.5, session=3, request="list", path="/misc", entries=(Entry("disk1", folder=True), Entry("a", size=1))),
    Closed(at=0.6, session=2, lost="it ended"),
)


def end(how: How = How.FINISHED) -> Callable[[], End]:
    return lambda: End(at=1.0, how=how, release="7.4.1", replaced={"host name": 1}, standins={"host name": ("abc",)})


def written(path: Path, events: tuple[Passed, ...] = EVENTS) -> Path:
    writer = Writer(path, BEGIN)
    for event in events:
        writer(event)
    return writer.end(end())


def plain(path: Path, *lines: object) -> Path:
    path.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines))
    return path


def tried(path: Path) -> Recording | None:
    """What can be read of *path*; None where that is an error, which says what to do."""
    found: Recording | None = None
    error: InputError | None = None
    try:
        found = read(path)
    except InputError as raised:
        error = raised
    assert error is None or error.hint
    return found


FIRST = {"event": "begin", "format": "xr-agent recording", "version": 1, "made": "", "by": "", "command": "record"}
FIRST |= {"sanitised": True}


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    path = written(tmp_path / "r.rec")
    assert read(path) == Recording(path, BEGIN, EVENTS, end()(), None)
    assert [one.name for one in tmp_path.iterdir()] == ["r.rec"]


def test_nobody_else_can_read_it_at_any_time(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        writer = Writer(tmp_path / "r.rec", BEGIN)
        writer(EVENTS[0])
        assert stat.S_IMODE(writer.part.stat().st_mode) == 0o600
        assert stat.S_IMODE(writer.end(end()).stat().st_mode) == 0o600
    finally:
        os.umask(before)


def test_each_event_is_on_disk_when_it_was_told(tmp_path: Path) -> None:
    """Whoever is killed leaves all that was recorded until then."""
    writer = Writer(tmp_path / "r.rec", BEGIN)
    for number, event in enumerate(EVENTS, start=1):
        writer(event)
        found = read(writer.part)
        assert found.events == EVENTS[:number]
        assert found.end is None
        assert found.cut_off == "it is cut off"
    writer.end(end())


def test_what_is_learned_late_is_replaced_in_what_came_early(tmp_path: Path) -> None:
    class Late:
        def __call__(self, event: Passed) -> Passed:
            return event

        def again(self, event: Passed) -> Passed:
            return (
                structs.replace(event, text=event.text.replace("edge1", "qwxy7"))
                if isinstance(event, Message)
                else event
            )

    writer = Writer(tmp_path / "r.rec", BEGIN, Late())
    writer(Message(at=0, session=1, direction=Direction.RECEIVED, text="edge1"))
    writer(terminal(1, 2, Direction.RECEIVED, b"RP/0/RP0/CPU0:edge1#"))
    first = read(writer.end(end())).events[0]
    assert isinstance(first, Message)
    assert first.text == "qwxy7"


def test_a_file_that_is_there_is_not_replaced(tmp_path: Path) -> None:
    path = written(tmp_path / "r.rec")
    with pytest.raises(InputError, match="is there already"):
        Writer(path, BEGIN)
    with Writer(tmp_path / "other.rec", BEGIN) as writer, pytest.raises(InputError, match="did not end or is going on"):
        Writer(tmp_path / "other.rec", BEGIN)
    writer = Writer(tmp_path / "third.rec", BEGIN)
    writer.path.write_text("somebody else's")
    with pytest.raises(InputError, match="what was recorded until then is in"):
        writer.end(end())
    assert writer.path.read_text() == "somebody else's"
    assert read(writer.part).begin == BEGIN


def test_a_full_disk_is_said_at_the_end_and_harms_nobody_before(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "r.rec", BEGIN)
    writer(EVENTS[0])
    file = writer._file
    assert file is not None
    real = os.dup(file.fileno())
    with Path("/dev/full").open("wb", buffering=0) as full:
        os.dup2(full.fileno(), file.fileno())
        writer(EVENTS[1])
        os.dup2(real, file.fileno())
    os.close(real)
    with pytest.raises(InputError, match="No space left on device; what was recorded until then"):
        writer.end(end())
    assert read(writer.part).events[:1] == EVENTS[:1]
    assert not writer.path.exists()


def test_nothing_is_written_that_would_not_be_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "MOST", writing._FOR_THE_END + 2000)
    with Writer(tmp_path / "r.rec", BEGIN) as writer:
        for at in range(50):
            writer(Message(at=at, session=1, direction=Direction.SENT, text="x" * 100))
        with pytest.raises(InputError, match="16 MiB, which nothing would read again; what was recorded until then"):
            writer.end(end())
        assert 5 < len(read(writer.part).events) < 20
    assert not writer.path.exists()


def test_a_part_that_was_damaged_meanwhile_does_not_become_a_recording(tmp_path: Path) -> None:
    with Writer(tmp_path / "r.rec", BEGIN) as writer:
        for event in EVENTS:
            writer(event)
        data = writer.part.read_bytes()
        with writer.part.open("r+b") as file:
            file.seek(len(data) // 2)
            file.write(bytes(20))
        with pytest.raises(InputError):
            writer.end(end())
    assert not writer.path.exists()
    assert writer.part.exists()


def test_many_threads_write_one_recording(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "r.rec", BEGIN)

    def tell(number: int) -> None:
        for at in range(20):
            writer(Message(at=at, session=number + 1, direction=Direction.SENT, text=f"{number} " * 50))

    at_once(tell)
    found = read(writer.end(end())).events
    for number in range(1, THREADS + 1):
        own = [one for one in found if isinstance(one, Message) and one.session == number]
        assert [one.at for one in own] == list(range(20))


def test_one_that_is_cut_off_anywhere_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    with Writer(tmp_path / "r.rec", BEGIN) as writer:
        for event in EVENTS:
            writer(event)
    whole = writer.part.read_bytes()
    cut = tmp_path / "cut.rec"
    lengths = set()
    for size in range(len(whole)):
        cut.write_bytes(whole[:size])
        found = tried(cut)
        if found is None:
            continue
        assert found.events == EVENTS[: len(found.events)]
        assert found.end is None
        assert found.cut_off is not None
        lengths.add(len(found.events))
    assert lengths == set(range(len(EVENTS) + 1))


def test_damage_in_the_middle_is_said(tmp_path: Path) -> None:
    path = tmp_path / "r.rec"
    with Writer(path, BEGIN) as writer:
        for event in EVENTS:
            writer(event)
    data = bytearray(writer.part.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    found = tried(path)
    assert found is None or found.cut_off is not None


def test_one_that_was_unpacked_or_packed_again_is_read(tmp_path: Path) -> None:
    data = gzip.decompress(written(tmp_path / "r.rec").read_bytes())
    (tmp_path / "plain").write_bytes(data)
    lines = data.splitlines(keepends=True)
    (tmp_path / "members").write_bytes(b"".join(gzip.compress(line) for line in lines))
    for name in ("plain", "members"):
        found = read(tmp_path / name)
        assert (found.events, found.end, found.cut_off) == (EVENTS, end()(), None)


def test_what_is_no_recording_is_an_error_of_one_line(tmp_path: Path) -> None:
    cases: dict[str, tuple[object, ...]] = {
        "no recording": ("hello",),
        "is empty": (),
        "version 2; this xr-agent reads up to 1": (FIRST | {"version": 2, "more": {}},),
        "line 2: a second beginning": (FIRST, FIRST),
        "line 2: JSON is malformed": (FIRST, "{not json"),
        "line 2: Invalid value 'new'": (FIRST, {"event": "new"}),
        "line 2: Object missing required field `session`": (FIRST, {"event": "closed", "at": 1}),
        "line 2: Expected `float` >= 0.0": (FIRST, {"event": "closed", "at": -1, "session": 1}),
        "line 3: something follows the end": (
            FIRST,
            {"event": "end", "at": 1, "how": "finished"},
            {"event": "closed", "at": 1, "session": 1},
        ),
    }
    for said, lines in cases.items():
        with pytest.raises(InputError) as caught:
            read(plain(tmp_path / "r.rec", *lines))
        assert said in caught.value.message
        assert "\n" not in caught.value.message
        assert caught.value.hint
    with pytest.raises(InputError, match="No such file"):
        read(tmp_path / "none.rec")
    with pytest.raises(InputError, match="directory"):
        read(tmp_path)


def test_a_file_that_unpacks_to_more_than_is_read_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "r.rec"
    path.write_bytes(gzip.compress((json.dumps(FIRST) + "\n").encode() + b" " * 2**20))
    monkeypatch.setattr(reading, "LONGEST_LINE", 2**18)
    with pytest.raises(InputError, match="a line of more than"):
        read(path)
    monkeypatch.setattr(reading, "MOST", 2**17)
    with pytest.raises(InputError, match="more than 0 MiB"):
        read(path)


@given(st.binary(max_size=200))
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_a_recording_or_an_error(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "r.rec"
    first = (json.dumps(FIRST) + "\n").encode()
    for content in (data, first + data, gzip.compress(first) + data, gzip.compress(first + data)):
        path.write_bytes(content)
        found = tried(path)
        assert found is None or found.end is None


@given(st.binary(max_size=200))
def test_any_bytes_of_a_terminal_are_kept(data: bytes) -> None:
    event = terminal(0.0, 1, Direction.RECEIVED, data)
    assert event.data == data
    assert (event.text is None) != (event.base64 is None)
