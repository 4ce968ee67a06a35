"""What a device says of its own silence."""

from __future__ import annotations

import pytest

import agent
from agent.simulator import Fault, FaultKind
from agent.simulator.cli.tty import Terminal
from agent.simulator.device.silence import Silence
from agent.simulator.netconf.framing import unfinished
from tests.support import Clock, DeviceClock, Lab, eventually, read


def test_an_rpc_that_was_swallowed_is_silent_and_no_other() -> None:
    silence = Silence()
    silence.swallow("5", "2")
    assert silence.of("5", "2", now=0)
    others: list[tuple[str | None, str]] = [("5", "1"), ("5", "3"), ("6", "2"), (None, "2")]
    assert not any(silence.of(session, message, now=0) for session, message in others)


@pytest.mark.parametrize("message, silent", [("6", False), ("7", True), ("8", True), ("xr-agent-ab-12", True)])
def test_behind_a_late_answer_all_is_silent_until_it_comes(message: str, silent: bool) -> None:
    silence = Silence()
    silence.postpone("5", "7", until=30)
    assert silence.of("5", message, now=29.9) is silent
    assert not silence.of("5", message, now=30)
    assert not silence.of("6", message, now=0)


def test_each_hello_that_was_swallowed_is_told_once() -> None:
    silence = Silence()
    silence.swallow_hello()
    assert [silence.hello(), silence.hello()] == [True, False]


@pytest.mark.parametrize(
    "data, chunked, waits",
    [
        (b"<hello/>", False, True),
        (b"<hello/>]]>]]>", False, False),
        (b"\n#5\n<a/>", True, True),
        (b"\n#4\n<a/>\n##\n", True, False),
        (b"no chunk at all", True, False),
        (b"\n#", True, True),
    ],
)
def test_what_its_reader_has_to_wait_for_the_end_of(data: bytes, chunked: bool, waits: bool) -> None:
    assert unfinished(data, chunked=chunked) is waits


def test_a_terminal_is_at_rest_once_all_is_read_and_printed_and_it_waits() -> None:
    terminal = Terminal(None, None)
    terminal._sent, terminal._received = 30, 7
    assert not terminal.at_rest(typed=7, read=30, now=0)  # a command is under way
    terminal._waiting = True
    assert terminal.at_rest(typed=7, read=30, now=0)
    assert not terminal.at_rest(typed=8, read=30, now=0)
    assert not terminal.at_rest(typed=7, read=29, now=0)
    terminal._waiting, terminal.rests_until = False, 5.0
    assert terminal.at_rest(typed=8, read=30, now=4.9)
    assert not terminal.at_rest(typed=8, read=30, now=5)


@pytest.mark.parametrize("kind", [FaultKind.SILENT, FaultKind.GARBAGE])
def test_a_session_whose_hello_is_swallowed_takes_the_time_that_it_is_given(
    lab: Lab, clock: Clock, kind: FaultKind
) -> None:
    device = lab.add()
    device.faults.append(Fault("hello", kind))
    with pytest.raises(agent.ConnectError, match="no NETCONF hello within 40 s"):
        lab.connect(device, open_timeout=40.0, clock=DeviceClock.of(device, clock))
    assert clock.now == 40
    with lab.connect(device, clock=DeviceClock.of(device, clock)) as session:
        assert read(session) == "smart-agent"
    assert clock.now == 40


def test_a_command_that_answers_late_does_so_by_the_clock_of_its_device(lab: Lab, clock: Clock) -> None:
    device = lab.add()
    device.faults.append(Fault("cli:show version", FaultKind.DELAY, seconds=50.0))
    with lab.ssh(device, timeout=20.0, clock=DeviceClock.of(device, clock)) as ssh:
        with pytest.raises(agent.ReplyTimeout):
            ssh.console().show("show version")
        assert clock.now >= 20
        assert eventually(lambda: "show version" in device.typed)
