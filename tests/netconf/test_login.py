"""What a device still wants of a user whom it has accepted in part."""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import asyncssh
import paramiko
import pytest
from paramiko.common import AUTH_FAILED, AUTH_PARTIALLY_SUCCESSFUL, AUTH_SUCCESSFUL

import agent
from agent.model.device import Device, HostKeys
from agent.netconf import operations
from agent.netconf.payload import template
from agent.ssh import login
from tests.support import Lab

HOST = paramiko.RSAKey.generate(2048)
USER = paramiko.RSAKey.generate(2048)
OTHER = paramiko.RSAKey.generate(2048)


class Steps(paramiko.ServerInterface):
    """A server that wants several methods, one after the other."""

    def __init__(self, *steps: str) -> None:
        self.left = list(steps)
        self.asked: set[bytes] = set()

    def get_allowed_auths(self, username: str) -> str:
        return self.left[0]

    def _step(self, method: str) -> int:
        if method not in self.left[0].split(","):
            return AUTH_FAILED
        self.left.pop(0)
        return AUTH_PARTIALLY_SUCCESSFUL if self.left else AUTH_SUCCESSFUL

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        if key not in (USER, OTHER) or "publickey" not in self.left[0]:
            return AUTH_FAILED
        if key.asbytes() not in self.asked:  # first it is asked whether the key would do
            self.asked.add(key.asbytes())
            return AUTH_SUCCESSFUL
        self.asked.clear()
        return self._step("publickey")

    def check_auth_password(self, username: str, password: str) -> int:
        return self._step("password") if password == "right" else AUTH_FAILED


@contextmanager
def server(*steps: str) -> Iterator[int]:
    """Its port; it takes one connection."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            transport = paramiko.Transport(connection)
            transport.add_server_key(HOST)
            transport.start_server(event=threading.Event(), server=Steps(*steps))
            ended.wait(600)
            transport.close()

        ended = threading.Event()
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            ended.set()
            thread.join()


def refusal(
    tmp_path: Path, port: int, password: str | None = None, *, key: bool = True
) -> agent.SSHAuthenticationError:
    USER.write_private_key_file(str(tmp_path / "id"))
    (tmp_path / "known_hosts").write_text(f"[127.0.0.1]:{port} ssh-rsa {HOST.get_base64()}\n")
    device = Device(
        "127.0.0.1",
        port,
        username="ops",
        password=agent.Secret(password) if password else None,
        key_file=tmp_path / "id" if key else None,
        use_agent=False,
        host_keys=HostKeys(tmp_path / "known_hosts"),
        ssh_config=Path(os.devnull),
    )
    with pytest.raises(agent.SSHAuthenticationError) as raised:
        agent.connect(device)
    return raised.value


@pytest.mark.parametrize("wanted", ["password", "keyboard-interactive", "password,keyboard-interactive"])
def test_a_key_that_is_accepted_in_part_says_what_is_wanted_besides(tmp_path: Path, wanted: str) -> None:
    with server("publickey", wanted) as port:
        error = refusal(tmp_path, port)
    assert error.message == f"the device accepted a key of ops, and wants {wanted.replace(',', ', ')} as well"
    assert error.hint is not None
    assert "--ask-password" in error.hint


def test_a_second_key_is_wanted(tmp_path: Path) -> None:
    with server("publickey", "publickey") as port:
        error = refusal(tmp_path, port)
    assert error.message == "the device accepted a key of ops, and wants publickey as well"
    assert "the other key" in (error.hint or "")


def test_a_third_factor_that_cannot_be_given_is_named(tmp_path: Path) -> None:
    with server("publickey", "password", "hostbased") as port:
        error = refusal(tmp_path, port, "right")
    assert error.message == (
        "the device refused the login: the password of ops was not accepted, or not enough: it wants what cannot be "
        "given here"
    )


def test_a_password_that_is_accepted_in_part_asks_for_a_key(tmp_path: Path) -> None:
    with server("password", "publickey") as port:
        error = refusal(tmp_path, port, "right", key=False)
    assert error.message == "the device accepted the password of ops, and wants publickey as well"
    assert "--key" in (error.hint or "")


def test_a_wrong_password_behind_an_accepted_key_is_a_refused_login(tmp_path: Path) -> None:
    with server("publickey", "password") as port:
        assert refusal(tmp_path, port, "wrong").message.startswith("the device refused the login")


def test_nothing_to_be_ignored_is_sent_but_with_cbc(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    """A method of asyncssh's own is stood in for: this holds for each version of it that is allowed."""
    asyncssh.set_debug_level(3)  # packets
    try:
        with caplog.at_level(logging.DEBUG, "asyncssh"), lab.connect(lab.add()) as session:
            # What is answered was sent, and logged; of a hello nobody knows that yet.
            operations.send_get(session, template("filter-licensing"), what="licensing").result()
    finally:
        asyncssh.set_debug_level(1)
    said = " ".join(caplog.messages)
    assert "Sent MSG_CHANNEL_DATA" in said
    assert "Sent MSG_IGNORE" not in said
    sent: list[tuple[str, int]] = []
    for cipher in ("aes128-gcm@openssh.com", "aes128-ctr", "aes128-cbc"):
        connection = SimpleNamespace(
            send_packet=lambda kind, *_, cipher=cipher, **__: sent.append((cipher, kind)),
            get_extra_info=lambda _, cipher=cipher: cipher,
        )
        login._send_less(connection)
        connection.send_packet(2, b"")
    assert sent == [("aes128-cbc", 2)]
