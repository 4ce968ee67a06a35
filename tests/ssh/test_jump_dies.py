"""A jump host that dies on the way: named as the one that did, whatever stood behind it."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import asyncssh
import pytest

import agent
from agent.ssh.connect import open_ssh
from agent.ssh.connection import Deadline
from agent.ssh.peer.service import Service
from tests.ssh.server import PASSWORD, device, served
from tests.ssh.test_prompts import Asks
from tests.support import Lab, eventually, read


class Jump(asyncssh.SSHServer):
    """Forwards, until it is told to die; or dies when it is asked to."""

    def __init__(self, *, dies: bool = False) -> None:
        self._dies = dies

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self.connection, self.loop = conn, asyncio.get_running_loop()

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return password == PASSWORD

    def connection_requested(self, dest_host: str, dest_port: int, orig_host: str, orig_port: int) -> Any:
        if not self._dies:
            return True
        self.loop.call_soon(self.connection.abort)
        return asyncssh.SSHTCPSession()

    def die(self) -> None:
        """End the connection, from another thread."""
        self.loop.call_soon_threadsafe(self.connection.abort)


@contextmanager
def listening(jump: Jump, words: bytes) -> Iterator[int]:
    """A router that says *words*; when it is spoken to, the jump host dies."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            peer, _ = listener.accept()
            with peer, suppress(ConnectionError):
                peer.sendall(words)
                peer.recv(4096)
                jump.die()
                while peer.recv(4096):
                    pass

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


def through(jump: int, port: int, **changes: Any) -> agent.Device:
    return device(port, jump=device(jump, label="bastion"), **changes)


def died(target: agent.Device) -> None:
    with pytest.raises(agent.ConnectError) as raised:
        open_ssh(target, Deadline(60), Service.NETCONF)
    assert raised.value.message == "the jump host bastion ended the connection"
    assert raised.value.device == "r1"
    assert raised.value.hint == "see to the jump host, then try again"
    assert not raised.value.rate_limited


def test_one_that_dies_when_it_is_asked_to_forward_is_named() -> None:
    with served(lambda: Jump(dies=True)) as port:
        died(through(port, 830))


@pytest.mark.parametrize("words", [b"", b"SSH-2.0-Cisco-2.0\r\n"], ids=["before the banner", "behind the banner"])
def test_one_that_dies_in_the_routers_handshake_is_named_and_the_router_is_not_blamed(words: bytes) -> None:
    jump = Jump()
    with served(lambda: jump) as port, listening(jump, words) as router:
        died(through(port, router))


def test_one_that_dies_in_the_routers_login_is_named_and_no_credential_blamed() -> None:
    jump = Jump()

    class Router(Asks):
        def validate_kbdint_response(self, username: str, responses: Any) -> Any:
            jump.die()
            return super().validate_kbdint_response(username, responses)

    asks = Router([("Password: ", False)], [("Password: ", False)])
    with served(lambda: jump) as port, served(lambda: asks) as router:
        died(through(port, router))


def test_one_that_dies_under_an_open_session_loses_it(lab: Lab) -> None:
    jump, router = Jump(), lab.add()
    with served(lambda: jump) as port:
        session = lab.connect(router, jump=device(port, label="bastion"))
        assert read(session) == "smart-agent"
        jump.die()
        assert eventually(lambda: not session.connected)
        with pytest.raises(agent.SessionLost):
            read(session)
        session.close()


def test_one_that_asks_for_more_than_a_key_is_named_with_its_question() -> None:
    asks = Asks([("OTP: ", False)])
    with served(lambda: asks) as port, pytest.raises(agent.SSHAuthenticationError) as raised:
        open_ssh(through(port, 830), Deadline(60), Service.NETCONF)
    assert raised.value.message == "the jump host bastion: it asks at the login: OTP:"
    assert raised.value.at_jump
