"""A server that stops answering, at each message of the handshake and the login; a jump host that dies on the way.

No time-out passes by itself: the server says when it has gone silent, and only then is the time over.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from functools import partial
from typing import Any

import asyncssh
import pytest

import agent
from agent.model.local.clock import Clock
from agent.netconf.retry import Policy
from agent.ssh.connect import open_ssh
from agent.ssh.connection import Connection, Deadline
from agent.ssh.peer.service import Service
from tests.ssh.server import PASSWORD, device, served

LEAST = 0.001
"""Seconds that a deadline has left when it is over."""
GIVE_UP = 600.0
"""Seconds after which a test ends that waits for what is sure to come."""


class Told(Clock):
    """A clock for which the time of a wait is over once it is told that the peer is silent.

    Attributes:
        waited: each wait that came to nothing: for what, and for how long it was to be.
    """

    def __init__(self) -> None:
        self.silent = threading.Event()
        self.waited: list[tuple[str, float]] = []

    def now(self) -> float:
        return 0.0

    def wait(
        self, answered: threading.Event, seconds: float, session: str | None = None, message: str = "hello"
    ) -> bool:
        return self._over(answered, seconds, message)

    def heard(
        self, arrived: threading.Event, seconds: float, channel: tuple[int, int], *, typed: int = 0, read: int = 0
    ) -> bool:
        return self._over(arrived, seconds, "channel")

    def _over(self, event: threading.Event, seconds: float, what: str) -> bool:
        for _ in range(int(GIVE_UP / 0.01)):
            if event.wait(0.01):
                return True
            if self.silent.is_set():
                break
        self.waited.append((what, seconds))
        return event.is_set()


class Interrupted(Told):
    """One by which Ctrl-C is pressed where the time for something on a channel is over."""

    def heard(
        self, arrived: threading.Event, seconds: float, channel: tuple[int, int], *, typed: int = 0, read: int = 0
    ) -> bool:
        if not super().heard(arrived, seconds, channel):
            raise KeyboardInterrupt
        return True


class Mute(asyncssh.SSHServer):
    """Sends nothing any more from its *nth* message *last* on, by number (RFC 4250 section 4.1)."""

    def __init__(self, silent: threading.Event, last: int, nth: int = 1, *, keyboard: bool = False) -> None:
        self._silent, self._last, self._left, self._keyboard = silent, last, nth, keyboard

    def connection_made(self, conn: Any) -> None:
        send = conn.send_packet

        def sent(kind: int, *arguments: bytes, **options: Any) -> None:
            self._left -= kind == self._last
            if self._left <= 0:
                self._silent.set()
                return
            send(kind, *arguments, **options)

        conn.send_packet = sent
        self._connection = conn

    def begin_auth(self, username: str) -> bool:
        self._connection.send_auth_banner("Welcome\r\n")
        return True

    def password_auth_supported(self) -> bool:
        return not self._keyboard

    def validate_password(self, username: str, password: str) -> bool:
        return password == PASSWORD

    def kbdint_auth_supported(self) -> bool:
        return self._keyboard

    def get_kbdint_challenge(self, username: str, lang: str, submethods: str) -> Any:
        return "", "", "", [("Password: ", False)]

    def validate_kbdint_response(self, username: str, responses: Sequence[str]) -> bool:
        return responses == [PASSWORD]

    def session_requested(self) -> Any:
        return Says()


class Says(asyncssh.SSHServerSession[str]):
    """A subsystem that says something at once: that of SFTP the version, and nothing else."""

    def connection_made(self, chan: Any) -> None:
        self._channel = chan

    def subsystem_requested(self, subsystem: str) -> bool:
        self._first = {"netconf": "<", "sftp": "\0\0\0\5\2\0\0\0\3"}.get(subsystem, "")
        return bool(self._first)

    def session_started(self) -> None:
        self._channel.write(self._first)


HANDSHAKE = {"KEXINIT": 20, "KEX_ECDH_REPLY": 31, "NEWKEYS": 21, "SERVICE_ACCEPT": 6}
LOGIN = {
    "USERAUTH_BANNER": (53, 1, False),
    "USERAUTH_FAILURE": (51, 1, False),
    "USERAUTH_SUCCESS": (52, 1, False),
    "USERAUTH_INFO_REQUEST": (60, 1, True),
    "USERAUTH_SUCCESS behind a dialog": (52, 1, True),
}


def fails(port: int, clock: Clock, **changes: Any) -> agent.AgentError:
    """What comes of it; one that waits for new sessions to be allowed does not do so here."""
    made = device(port, clock=clock, open_timeout=17.0, login_timeout=40.0, timeout=23.0, **changes)
    with pytest.raises(agent.AgentError) as raised:
        agent.connect(made, policy=Policy(attempts=1))
    return raised.value


@contextmanager
def mute(clock: Told, *after: Any, **options: Any) -> Iterator[int]:
    with served(lambda: Mute(clock.silent, *after, **options)) as port:
        yield port


@pytest.mark.parametrize("message", HANDSHAKE)
def test_a_handshake_that_stops_is_given_up_at_the_open_timeout(message: str) -> None:
    clock = Told()
    with mute(clock, HANDSHAKE[message]) as port:
        error = fails(port, clock)
    assert isinstance(error, agent.ConnectError)
    assert error.message == f"127.0.0.1:{port}: the SSH handshake did not end within 17 s"
    assert error.hint == "it is busy or hangs; try again, or give a longer --open-timeout"
    assert not error.rate_limited
    assert clock.waited == [("handshake", 17.0)]


@pytest.mark.parametrize("words", [b"", b"SSH-2.0-Cisco-2.0\r\n", b"SSH-2.0", b"Welcome\r\n" * 50])
def test_a_server_that_stops_before_its_first_message_is_given_up_at_the_open_timeout(words: bytes) -> None:
    clock = Told()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            peer, _ = listener.accept()
            with peer:
                peer.sendall(words)
                peer.recv(4096)
                clock.silent.set()
                with suppress(ConnectionError):
                    while peer.recv(4096):
                        pass

        thread = threading.Thread(target=serve)
        thread.start()
        error = fails(listener.getsockname()[1], clock)
        thread.join()
    assert isinstance(error, agent.ConnectError)
    assert error.message.endswith("the SSH handshake did not end within 17 s")
    assert not error.rate_limited
    assert clock.waited == [("handshake", 17.0)]


@pytest.mark.parametrize("message", LOGIN)
def test_a_login_that_is_not_answered_has_a_time_and_words_of_its_own(message: str) -> None:
    clock = Told()
    last, nth, keyboard = LOGIN[message]
    with mute(clock, last, nth, keyboard=keyboard) as port:
        error = fails(port, clock)
    assert isinstance(error, agent.SSHAuthenticationError)
    assert error.message == "the device gave no answer to the login within 40 s"
    assert error.hint == "its AAA server is slow or down; give a longer --login-timeout"
    assert not error.refused
    assert clock.waited == [("login", 40.0)]


@pytest.mark.parametrize("message", ["CHANNEL_OPEN_CONFIRMATION", "CHANNEL_SUCCESS", "hello"])
def test_a_session_that_does_not_come_is_no_failed_login(message: str) -> None:
    clock = Told()
    with mute(clock, {"CHANNEL_OPEN_CONFIRMATION": 91, "CHANNEL_SUCCESS": 99, "hello": 94}[message]) as port:
        error = fails(port, clock)
    assert isinstance(error, agent.ConnectError)
    assert error.message == f"127.0.0.1:{port}: no NETCONF hello within 17 s"
    assert [seconds for _, seconds in clock.waited] == [17.0]


class Belated(Mute):
    """Keeps its first message *last* back until it is let go, or the channel is closed, of which *closed* tells."""

    def __init__(self, silent: threading.Event, last: int) -> None:
        super().__init__(silent, last)
        self.closed = threading.Event()
        self._kept: Callable[[], object] | None = None

    def connection_made(self, conn: Any) -> None:
        send = conn.send_packet

        def sent(kind: int, *arguments: bytes, **options: Any) -> None:
            if kind == self._last and self._kept is None:
                self._kept = partial(send, kind, *arguments, **options)
                self._silent.set()
                return
            if kind == CLOSE:
                self._let_go()
                self.closed.set()
            send(kind, *arguments, **options)

        conn.send_packet = sent
        self._connection, self._loop = conn, asyncio.get_running_loop()

    def let_go(self) -> None:
        self._loop.call_soon_threadsafe(self._let_go)

    def _let_go(self) -> None:
        kept, self._kept = self._kept, lambda: None
        assert kept is not None
        kept()


CLOSE = 97
CONFIRMATION, DATA, SUCCESS = 91, 94, 99


@pytest.mark.parametrize("clock_of, error", [(Told, agent.ReplyTimeout), (Interrupted, KeyboardInterrupt)])
@pytest.mark.parametrize(
    "what, last",
    [("netconf", CONFIRMATION), ("netconf", SUCCESS), ("sftp", CONFIRMATION), ("sftp", SUCCESS), ("sftp", DATA)],
)
def test_a_channel_that_was_given_up_is_closed_whatever_comes_of_it_and_the_connection_serves_on(
    what: str, last: int, clock_of: type[Told], error: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    clock = clock_of()
    server = Belated(clock.silent, last)

    def opened(connection: Connection) -> object:
        return connection.sftp(60.0) if what == "sftp" else connection.channel(subsystem=what, seconds=60, timeout=60)

    with (
        caplog.at_level(logging.DEBUG, "agent.ssh.loop"),
        served(lambda: server) as port,
        closing(open_ssh(device(port, clock=clock), Deadline(60, clock=clock.now), Service.CLI)) as connection,
    ):
        with pytest.raises(error):
            opened(connection)
        if last == CONFIRMATION:
            server.let_go()
        assert server.closed.wait(GIVE_UP)
        clock.silent.clear()
        opened(connection)
    gc.collect()
    assert caplog.messages == []


# --- a slow AAA server -----------------------------------------------------------------------------------------------


class Passing(Clock):
    """Time that only the server lets pass."""

    def __init__(self) -> None:
        self.time = 0.0
        self.at_login = threading.Event()

    def now(self) -> float:
        return self.time

    def wait(
        self, answered: threading.Event, seconds: float, session: str | None = None, message: str = "hello"
    ) -> bool:
        begun = self.time
        if message == "login":
            self.at_login.set()
        for _ in range(int(GIVE_UP / 0.01)):
            if answered.wait(0.01):
                return True
            if self.time - begun >= seconds or seconds <= LEAST:
                return False
        raise AssertionError(f"no end to the wait for {message}")


class Late(Mute):
    """Judges a password when 29 seconds have passed, or never when 31 have."""

    def __init__(self, clock: Passing, seconds: float) -> None:
        super().__init__(threading.Event(), 0)
        self._clock, self._seconds = clock, seconds

    async def validate_password(  # type: ignore[override] # asyncssh takes either
        self, username: str, password: str
    ) -> bool:
        await asyncio.to_thread(self._clock.at_login.wait, GIVE_UP)
        self._clock.time += self._seconds
        if self._seconds > 30:
            await asyncio.Event().wait()
        return password == PASSWORD


def test_a_slow_login_takes_nothing_of_the_time_for_the_handshake() -> None:
    clock = Passing()
    with served(lambda: Late(clock, 29)) as port:
        deadline = Deadline(5, clock=clock.now)
        open_ssh(device(port, clock=clock, login_timeout=30.0), deadline, Service.NETCONF).close()
    assert deadline.left() == 5


def test_a_login_that_takes_longer_than_its_own_time_is_given_up() -> None:
    clock = Passing()
    with (
        served(lambda: Late(clock, 31)) as port,
        pytest.raises(agent.SSHAuthenticationError, match="no answer to the login within 30 s"),
    ):
        open_ssh(device(port, clock=clock, login_timeout=30.0), Deadline(500, clock=clock.now), Service.NETCONF)
