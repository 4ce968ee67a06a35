"""The observer of what passes: sessions by number, events by time, secrets masked, and nobody kept waiting by it."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from agent.model.device import Device, Secret
from agent.model.telemetry.direction import Direction
from agent.recording.events import (
    Closed,
    Entry,
    Files,
    Message,
    Opened,
    Passed,
    Terminal,
    Way,
    terminal,
    with_data,
)
from agent.recording.privacy.standins import StandIns
from agent.recording.recorder import Recorded, Recorder
from agent.recording.sanitiser import Sanitiser
from tests.threads import at_once

DEVICE = Device("r1.example", password=Secret("s3cr&et-Zq7x"))
GREETING = Opened(at=0.0, session=1, way=Way.PROBE, server="SSH-2.0-Cisco-2.0", banner=("welcome",))
AT_ONCE = 0.0
MODULE = "module m { leaf password { type string; } leaf key-string { type string; } }"


class Time:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@contextmanager
def taken(**more: Any) -> Iterator[tuple[Recorder, list[Passed], Time]]:
    """A recorder, what it wrote by its end, and its time."""
    time = Time()
    events: list[Passed] = []
    recorder = Recorder(events.append, clock=time, **more)
    yield recorder, events, time
    recorder.end(AT_ONCE)


def session(recorder: Recorder, way: Way = Way.NETCONF) -> Recorded:
    return recorder.session(DEVICE, GREETING, way)


def test_events_have_the_time_since_the_beginning_and_the_number_of_their_session() -> None:
    with taken() as (recorder, events, time):
        one = session(recorder)
        other = session(recorder, Way.CLI)
        time.now += 1.5
        other.typed(b"show clock\n")
        time.now += 1
        one.sent("<hello/>")
        one.closed()
    assert events == [
        Opened(at=0.0, session=1, way=Way.CLI, server="SSH-2.0-Cisco-2.0", banner=("welcome",)),
        Terminal(at=1.5, session=1, direction=Direction.SENT, text="show clock\n"),
        Opened(at=0.0, session=2, way=Way.NETCONF, server="SSH-2.0-Cisco-2.0", banner=("welcome",)),
        Message(at=2.5, session=2, direction=Direction.SENT, text="<hello/>"),
        Closed(at=2.5, session=2),
        Closed(at=2.5, session=1),
    ]
    assert recorder.passed == {"sessions": 2, "messages": 1, "commands": 1, "files": 0, "bytes": 19}


def test_what_is_printed_is_one_event_up_to_what_is_typed_with_the_time_of_each_piece() -> None:
    with taken() as (recorder, events, time):
        cli = session(recorder, Way.CLI)
        for piece in (b"RP/0/", b"", b"RP0#"):
            time.now += 1
            cli.printed(piece)
        cli.typed(b"show ver\n")
        cli.printed(b"\xff\x00")
        cli.closed("it ended")
    first, _, last = (event for event in events if isinstance(event, Terminal))
    assert first == Terminal(at=3, session=1, direction=Direction.RECEIVED, text="RP/0/RP0#", pieces=((1, 5), (3, 4)))
    assert last.text is None
    assert last.data == b"\xff\x00"
    assert events[-1] == Closed(at=3, session=1, lost="it ended")


def test_a_session_that_never_was_is_one_event_with_the_reason() -> None:
    with taken() as (recorder, events, _):
        session(recorder).closed("refused")
        with_nothing = session(recorder)
        with_nothing.closed()
        with_nothing.sent("<too-late/>")
    assert [(event.session, type(event).__name__) for event in events] == [(1, "Opened"), (2, "Opened"), (2, "Closed")]
    assert isinstance(events[0], Opened)
    assert events[0].failed == "refused"


def test_requests_have_their_answers_and_how_long_they_took() -> None:
    with taken() as (recorder, events, time):
        sftp = session(recorder, Way.SFTP)
        begun = sftp.at()
        time.now += 0.25
        sftp.answered("stat", "/misc/disk1", begun, entries=(Entry("/misc/disk1", folder=True),))
    assert (
        Files(
            at=0, session=1, request="stat", path="/misc/disk1", took=0.25, entries=(Entry("/misc/disk1", folder=True),)
        )
        in events
    )


SECRET = "s3cr&et-Zq7x"


def test_passwords_are_masked_in_every_kind_of_event() -> None:
    with taken(secrets=(Secret("token-Zq9x"),)) as (recorder, events, _):
        one = recorder.session(DEVICE, Opened(at=0, session=1, way=Way.PROBE, banner=(f"hi {SECRET}",)), Way.NETCONF)
        one.sent("<id-token>whatever</id-token><a>s3cr&amp;et-Zq7x token-Zq9x</a>")
        one.closed(f"lost {SECRET}")
        cli = session(recorder, Way.CLI)
        cli.printed(f"username x\r\n password 7 0822455D0A16\r\n{SECRET} \xff".encode("latin-1"))
        cli.typed(f"copy ftp://u:{SECRET}@h/x\n".encode())
        sftp = session(recorder, Way.SFTP)
        sftp.answered("list", f"/{SECRET}", 0.0, entries=(Entry(SECRET),), refused=SECRET)
        session(recorder).closed(f"failed {SECRET}")
    assert len(events) == 11
    assert all("Zq7x" not in repr(event) and "Zq9x" not in repr(event) for event in events)
    said = [event for event in events if isinstance(event, Terminal)]
    assert all(b"Zq7x" not in event.data for event in said)
    assert b"0822455D0A16" not in said[0].data
    assert said[0].data.endswith(b"*** \xff")
    assert sum(size for _, size in said[0].pieces) == len(said[0].data)
    assert "<id-token>***</id-token>" in repr(events)


def test_a_password_that_routers_say_anyway_is_masked_where_passwords_stand_and_nowhere_else() -> None:
    """A gap in each namespace would say what it is, and nothing could be read."""
    with taken(secrets=(Secret("cisco"), Secret("lab"))) as (recorder, events, _):
        one = session(recorder)
        said = '<a xmlns="http://cisco.com/ns/yang/Cisco-IOS-XR-x"><label>1</label><password>cisco</password></a>'
        one.received(said)
        one.typed(b"username x secret lab\n")
        one.closed()
    message, terminal = events[1:3]
    assert isinstance(message, Message)
    assert message.text == said.replace(">cisco<", ">***<")
    assert isinstance(terminal, Terminal)
    assert terminal.text == "username x secret ***\n"
    sanitised = Sanitiser(StandIns(b"key"), [Secret("cisco")])(message)
    assert isinstance(sanitised, Message)
    assert sanitised.text == message.text


@pytest.mark.parametrize("prefix", ["", "nm:"])
def test_a_module_of_the_router_stays_as_it_is_but_for_known_secrets(prefix: str) -> None:
    xmlns = f"xmlns{':nm' if prefix else ''}='urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring'"
    text = f"<rpc-reply message-id='4'><{prefix}data {xmlns}>{MODULE}</{prefix}data></rpc-reply>"
    with taken() as (recorder, events, _):
        one = session(recorder)
        one.received(text)
        one.received(f"<rpc-reply><data><description>{MODULE}</description></data></rpc-reply>")
    module, other = (event for event in events if isinstance(event, Message))
    assert module.text == text
    assert MODULE not in other.text


MONITORING = "urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"


@pytest.mark.parametrize(
    "declared", [f'xmlns:ncm="{MONITORING}"', f'xmlns="urn:x" xmlns:data="{MONITORING}"', f'xmlns="{MONITORING}"']
)
def test_a_reply_that_only_declares_the_namespace_of_modules_is_masked(declared: str) -> None:
    text = f"<rpc-reply><data {declared}><user><password>hunter2-Zq</password></user></data></rpc-reply>"
    with taken() as (recorder, events, _):
        session(recorder).received(text)
    assert "hunter2-Zq" not in repr(events)


def test_what_fails_in_writing_ends_the_recording_and_nothing_else() -> None:
    written: list[Passed] = []

    def write(event: Passed) -> None:
        if len(written) == 1:
            raise ValueError("a bug")
        written.append(event)

    recorder = Recorder(write)
    one = session(recorder)
    one.sent("<a/>")
    one.received("<b/>")
    one.closed()
    recorder.end(AT_ONCE)
    assert isinstance(recorder.failure, ValueError)
    assert len(written) == 1
    one.sent("<c/>")  # nor does anything follow


def test_nobody_waits_for_what_writes() -> None:
    held, begun = threading.Event(), threading.Event()
    written: list[Passed] = []

    def write(event: Passed) -> None:
        begun.set()
        held.wait(600)
        written.append(event)

    recorder = Recorder(write)
    one = session(recorder)
    one.sent("<a/>")
    one.closed()
    assert begun.wait(600)
    assert not written
    held.set()
    recorder.end(AT_ONCE)
    assert len(written) == 3


def test_the_end_waits_for_sessions_that_are_about_to_end() -> None:
    with taken() as (recorder, events, _):
        one = session(recorder)
        one.sent("<close-session/>")

        def ends() -> None:
            one.received("<ok/>")
            one.closed()

        ending = threading.Timer(0.05, ends)
        ending.start()
        recorder.end(600)
        ending.join()
    assert [type(event).__name__ for event in events] == ["Opened", "Message", "Message", "Closed"]


def test_many_threads_are_recorded_whole() -> None:
    with taken() as (recorder, events, _):
        shared = session(recorder)

        def work(number: int) -> None:
            own = session(recorder, Way.CLI)
            for turn in range(50):
                shared.sent(f"<a n='{number}' t='{turn}'/>")
                own.typed(f"{number} {turn}\n".encode())
            own.closed()

        at_once(work, 8)
    opened = [event.session for event in events if isinstance(event, Opened)]
    assert opened == list(range(1, 10))
    assert len({event.text for event in events if isinstance(event, Message)}) == 400
    for number in opened:
        kinds = [type(event) for event in events if event.session == number]
        assert kinds[0] is Opened
        assert kinds[-1] is Closed
        assert kinds.count(Closed) == 1
    by_session = [
        [event.text for event in events if isinstance(event, Terminal) and event.session == n] for n in opened
    ]
    assert sorted(filter(None, by_session)) == sorted([f"{n} {t}\n" for t in range(50)] for n in range(8))


def test_a_recording_may_end_while_something_is_printed() -> None:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(50):
            events: list[Passed] = []
            recorder, ended = Recorder(events.append), threading.Event()
            cli = session(recorder, Way.CLI)
            cli.typed(b"show log\n")

            def print_on(cli: Recorded, ended: threading.Event) -> None:
                while not ended.is_set():
                    cli.printed(b"line\r\n")

            printing = threading.Thread(target=print_on, args=(cli, ended))
            printing.start()
            try:
                recorder.end(AT_ONCE)
            finally:
                ended.set()
                printing.join()
            printed = [event for event in events if isinstance(event, Terminal) and event.pieces]
            assert all(sum(size for _, size in event.pieces) == len(event.data) for event in printed)
            assert isinstance(events[-1], Closed)
    finally:
        sys.setswitchinterval(before)


@pytest.mark.parametrize("length", [1, 5, 9, 10, 30])
def test_pieces_of_a_text_that_was_changed_come_to_its_length(length: int) -> None:
    event = terminal(0.3, 1, Direction.RECEIVED, bytes(10), ((0.1, 2), (0.2, 3), (0.3, 5)))
    found = with_data(event, b"x" * length).pieces
    assert sum(size for _, size in found) == length
    assert all(size > 0 for _, size in found)
    assert [at for at, _ in found] == sorted(at for at, _ in found)
