"""A login that ends in the middle: nothing stays open, nobody waits on, nothing is given twice."""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncssh
import pytest

import agent
from agent.fleet.run.logins import Judged
from agent.model.local.clock import Clock
from agent.ssh import login as logins
from agent.ssh.connect import open_ssh
from agent.ssh.connection import Deadline
from agent.ssh.peer.service import Service
from tests.ssh.server import PASSWORD, device, served
from tests.support import eventually

SURE = 60.0
RELAY = """
import socket, sys, threading, os
router = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
def back():
    while data := router.recv(65536):
        os.write(1, data)
    os._exit(0)
threading.Thread(target=back, daemon=True).start()
while data := os.read(0, 65536):
    router.sendall(data)
"""


class Takes(asyncssh.SSHServer):
    """Takes keys and passwords as it is told, and keeps what it was given."""

    def __init__(self, *, keys: bool = True, partial: bool = False) -> None:
        self.given: list[str] = []
        self.lost = threading.Event()
        self._keys, self._partial = keys, partial

    def connection_made(self, conn: Any) -> None:
        self.connection = conn

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set()

    def public_key_auth_supported(self) -> bool:
        return self._keys

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def kbdint_auth_supported(self) -> bool:
        return False

    def validate_password(self, username: str, password: str) -> bool:
        self.given.append(password)
        if not self._partial:
            return password == PASSWORD
        if len(self.given) > 5:
            self.connection.abort()
        self.connection.send_userauth_failure(True)
        self.connection._auth = None
        return False


@contextmanager
def hanging_agent(path: Path) -> Iterator[threading.Event]:
    """An ssh-agent that takes a connection and a request, and answers nothing."""
    asked = threading.Event()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def serve() -> None:
            taken, _ = listener.accept()
            with taken:
                taken.recv(100)
                asked.set()
                while taken.recv(100):
                    pass

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield asked
        finally:
            thread.join(SURE)


def test_a_server_that_ends_it_while_ssh_agent_hangs_is_told_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = asyncssh.SSHAgentClient.wait_closed

    async def slowly(self: asyncssh.SSHAgentClient) -> None:
        for _ in range(20):
            await asyncio.sleep(0)
        await closed(self)

    monkeypatch.setattr(asyncssh.SSHAgentClient, "wait_closed", slowly)
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
    takes = Takes()
    with hanging_agent(tmp_path / "agent") as asked, served(lambda: takes) as port:

        def end() -> None:
            assert asked.wait(SURE)
            takes.connection._loop.call_soon_threadsafe(takes.connection.abort)

        ending = threading.Thread(target=end)
        ending.start()
        target = device(port, password=None, use_agent=True, login_timeout=600.0)
        with pytest.raises(agent.SSHAuthenticationError, match="ended the connection at the login"):
            open_ssh(target, Deadline(600), Service.NETCONF)
        ending.join()


def test_a_connection_that_stands_when_its_caller_is_interrupted_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    takes = Takes(keys=False)
    here, ended_asking = threading.get_ident(), logins.Login.ended_asking
    standing = threading.Event()

    async def slow(self: logins.Login) -> None:
        await ended_asking(self)
        standing.set()
        await asyncio.sleep(SURE)

    class Interrupts(Clock):
        def wait(self, answered: threading.Event, *_: object, **__: object) -> bool:
            assert threading.get_ident() == here
            assert standing.wait(SURE)
            raise KeyboardInterrupt

    monkeypatch.setattr(logins.Login, "ended_asking", slow)
    with served(lambda: takes) as port:
        with pytest.raises(KeyboardInterrupt):
            open_ssh(device(port, clock=Interrupts()), Deadline(60), Service.NETCONF)
        assert takes.lost.wait(5)


def test_a_socket_is_closed_where_asyncssh_does_not_come_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[socket.socket] = []
    connect = socket.create_connection

    def kept(*arguments: Any, **options: Any) -> socket.socket:
        made.append(connect(*arguments, **options))
        return made[-1]

    monkeypatch.setattr(socket, "create_connection", kept)
    with served() as port, pytest.raises(agent.AgentError):
        open_ssh(device(port, keepalive=-1), Deadline(60), Service.NETCONF)
    assert eventually(lambda: [one.fileno() for one in made] == [-1])


def test_no_password_is_sent_where_the_key_that_was_named_cannot_be_used(tmp_path: Path) -> None:
    """Else a refusal of the password is told as trouble with the file, and nobody counts it."""
    path = tmp_path / "id"
    path.write_text("no key\n")
    takes = Takes()
    with served(lambda: takes) as port, pytest.raises(agent.InputError, match="the key cannot be used"):
        open_ssh(device(port, key_file=path, password=agent.Secret("Wrong-1")), Deadline(60), Service.NETCONF)
    assert takes.given == []


def test_a_password_that_was_taken_in_part_is_not_given_to_the_same_method_again() -> None:
    takes = Takes(keys=False, partial=True)
    with served(lambda: takes) as port, pytest.raises(agent.SSHAuthenticationError) as raised:
        open_ssh(device(port), Deadline(60), Service.NETCONF)
    assert takes.given == [PASSWORD]
    assert not raised.value.refused
    assert "accepted the password of ops, and wants" in raised.value.message


def test_a_proxy_command_goes_as_it_is_to_a_shell_that_need_not_be_of_bournes_kind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell, relay, config = tmp_path / "my shell", tmp_path / "relay.py", tmp_path / "config"
    relay.write_text(RELAY)
    shell.write_text(f'#!/bin/sh\nprintf %s "$2" > "{tmp_path}/told"\nexec /bin/sh "$@"\n')
    shell.chmod(0o755)
    monkeypatch.setenv("SHELL", str(shell))
    with served(lambda: Takes(keys=False)) as port:
        command = f"echo 'it''s said' >&2; {sys.executable} {relay} {port}"
        config.write_text(f"ProxyCommand {command}\n")
        open_ssh(device(port, ssh_config=config), Deadline(60), Service.NETCONF).close()
    assert (tmp_path / "told").read_text() == command


def test_a_login_without_a_netconf_session_behind_it_is_a_success_to_who_counts_refusals() -> None:
    with served(lambda: Takes(keys=False)) as port, pytest.raises(agent.ConnectError) as raised:
        agent.connect(device(port))
    assert Judged.by(raised.value) == Judged(router=True, jump=True)
