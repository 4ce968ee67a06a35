"""Connections: what a router shows and asks is checked, and every refusal has its name."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncssh
import pytest

import agent
from agent.model.device import Device as Target
from agent.simulator import Device, Fault, FaultKind, Simulator
from agent.simulator.servers import simulator as servers
from tests.support import Clock, Lab, all_of, eventually, read


@contextmanager
def speaking(words: bytes) -> Iterator[int]:
    """A TCP port that speaks another protocol: says *words* and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            peer, _ = listener.accept()
            with peer:
                peer.sendall(words)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


def test_a_cipher_that_authenticates_by_itself_is_preferred(lab: Lab) -> None:
    with lab.below(lab.add()) as (_, transport):
        assert transport.connection.ssh.get_extra_info("send_cipher") == "aes128-gcm@openssh.com"


def test_a_script_without_logging_gets_an_error_by_its_name_and_nothing_else_on_stderr() -> None:
    script = """
import sys, agent
try:
    agent.connect(agent.Device("127.0.0.1", port=int(sys.argv[1])))
except agent.ConnectError as error:
    print(error.message)
"""
    with speaking(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        done = subprocess.run([sys.executable, "-c", script, str(port)], capture_output=True, text=True, check=True)
    assert "sent no SSH banner" in done.stdout
    assert done.stderr == ""


def test_an_unknown_host_key_is_refused_before_the_password_is_sent(lab: Lab) -> None:
    device = lab.add()
    lab.known_hosts.write_text("")
    with pytest.raises(agent.HostKeyError, match="is not in"):
        lab.connect(device)
    assert device.log == []


def test_a_changed_host_key_is_refused_even_where_new_ones_are_accepted(lab: Lab, tmp_path: Path) -> None:
    device = lab.add()
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key")], check=True)
    other = (tmp_path / "key.pub").read_text()
    lab.known_hosts.write_text(f"[127.0.0.1]:{device.port} {other}")
    with pytest.raises(agent.HostKeyError, match="changed"):
        lab.connect(device, host_keys=agent.HostKeys(lab.known_hosts, accept_new=True))


def test_a_new_host_key_is_stored_on_request(lab: Lab, tmp_path: Path) -> None:
    device, store = lab.add(), tmp_path / "new" / "known_hosts"
    for accept in (True, False):
        with lab.connect(device, host_keys=agent.HostKeys(store, accept_new=accept)) as session:
            assert session.connected


def test_a_wrong_password_is_refused_by_name(lab: Lab) -> None:
    with pytest.raises(agent.SSHAuthenticationError, match="refused the login"):
        lab.connect(lab.add(), password=agent.Secret("wrong"))


def test_a_refused_password_is_not_in_the_frames_that_the_error_came_through(lab: Lab) -> None:
    with pytest.raises(agent.SSHAuthenticationError) as raised:
        lab.connect(lab.add(), password=agent.Secret("hunter2-Zq7"))
    assert "Zq7" not in all_of(raised.value)


def test_a_wrong_passphrase_is_not_in_the_frames_that_the_error_came_through(lab: Lab, tmp_path: Path) -> None:
    key = tmp_path / "id"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "right-Zq8", "-f", str(key)], check=True)
    with pytest.raises(agent.InputError, match="cannot be used") as raised:
        lab.connect(lab.add(), password=None, key_file=key, key_passphrase=agent.Secret("wrong-Zq7"))
    said = all_of(raised.value)
    assert "Zq7" not in said
    assert not [line for line in key.read_text().splitlines()[1:-1] if line in said]


def test_no_key_and_no_password_is_said(lab: Lab) -> None:
    with pytest.raises(agent.SSHAuthenticationError, match="no key and no password"):
        lab.connect(lab.add(), password=None, use_agent=False)


def test_a_key_file_logs_in_and_one_that_cannot_be_used_is_named(lab: Lab, tmp_path: Path) -> None:
    device, key = lab.add(), tmp_path / "id"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    lab.simulator.authorize((tmp_path / "id.pub").read_text())
    with lab.connect(device, password=None, key_file=key) as session:
        assert session.connected
    key.write_text("not a key")
    with pytest.raises(agent.InputError, match="the key cannot be used"):
        lab.connect(device, password=None, key_file=key)


def test_a_key_with_a_passphrase_logs_in(lab: Lab, tmp_path: Path) -> None:
    key = tmp_path / "id"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret words", "-f", str(key)], check=True)
    lab.simulator.authorize((tmp_path / "id.pub").read_text())
    with lab.connect(lab.add(), password=None, key_file=key, key_passphrase=agent.Secret("secret words")) as session:
        assert session.connected


def test_an_unreachable_port_says_what_to_check(lab: Lab) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(agent.ConnectError, match=r"refused.*ssh server netconf"):
        agent.connect(Target("127.0.0.1", port, username="x", open_timeout=60))


def test_a_name_that_does_not_resolve_is_said() -> None:
    with pytest.raises(agent.ConnectError, match="cannot be resolved"):
        agent.connect(Target("no-such-router.invalid", username="x", open_timeout=60))


@pytest.mark.parametrize(
    "words, limited",
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", False),
        (b"220 ftp ready\r\n", False),
        (b"\x15\x03\xff\xfe\r\n", False),
        (b"", True),
        (b"Exceeded MaxStartups\r\n", True),
    ],
)
def test_a_port_that_speaks_another_protocol_is_told_from_a_limit_of_new_sessions(words: bytes, limited: bool) -> None:
    with speaking(words) as port, pytest.raises(agent.ConnectError) as raised:
        agent.connect(Target("127.0.0.1", port, username="x", open_timeout=60))
    assert "\n" not in str(raised.value)
    assert raised.value.rate_limited is limited
    assert ("60 new SSH sessions" in str(raised.value)) is limited
    assert ("another protocol" in str(raised.value)) is not limited


def test_a_router_that_limits_new_sessions_is_waited_for(lab: Lab, clock: Clock) -> None:
    device = lab.add()
    device.config.clock = lambda: clock.now
    device.refuse_until = 50.0
    with pytest.raises(agent.ConnectError) as raised:
        lab.connect(device)
    assert raised.value.rate_limited
    with agent.connect(lab.target(device), policy=clock.policy()) as session:
        assert read(session) == "smart-agent"
    assert clock.slept == [60.0]


def test_a_router_that_keeps_refusing_is_given_up_at_the_deadline(lab: Lab, clock: Clock) -> None:
    device = lab.add()
    device.config.clock = lambda: clock.now
    device.refuse_until = 1e9
    with pytest.raises(agent.ConnectError, match="60 new SSH sessions"):
        agent.connect(lab.target(device), policy=clock.policy(random=lambda: 0.2))
    assert clock.slept == [63.0]


def test_the_limit_of_netconf_sessions_is_waited_for(lab: Lab, clock: Clock) -> None:
    device = lab.add(max_sessions=1)
    first = lab.connect(device)
    with pytest.raises(agent.ConnectError, match="session limit") as raised:
        lab.connect(device)
    assert raised.value.rate_limited

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        first.close()
        assert eventually(lambda: not device.sessions)

    with agent.connect(lab.target(device), policy=clock.policy(sleep=sleep)) as second:
        assert read(second) == "smart-agent"
    assert clock.slept == [60.0]


@pytest.mark.parametrize("kind", [FaultKind.DROP_BEFORE, FaultKind.RESET])
def test_a_session_ended_before_its_hello_counts_as_the_limit_however_it_ends(lab: Lab, kind: FaultKind) -> None:
    device = lab.add()
    device.faults.append(Fault("hello", kind))
    with pytest.raises(agent.ConnectError, match="before its hello") as raised:
        lab.connect(device)
    assert raised.value.rate_limited


@pytest.mark.parametrize(
    "changes, error",
    [
        ({"password": agent.Secret("wrong")}, agent.SSHAuthenticationError),
        ({"host_keys": agent.HostKeys(pinned="SHA256:" + "A" * 43)}, agent.HostKeyError),
        ({"host": "no-such-router.invalid"}, agent.ConnectError),
        ({"port": 1}, agent.ConnectError),
    ],
    ids=["password", "host key", "name", "port"],
)
def test_what_waiting_does_not_cure_fails_at_once(
    lab: Lab, clock: Clock, changes: dict[str, Any], error: type[agent.AgentError]
) -> None:
    device = lab.add()
    with pytest.raises(error):
        agent.connect(lab.target(device, **changes), policy=clock.policy())
    assert clock.slept == []


def test_a_login_that_is_answered_by_a_reset_is_not_sent_again(
    lab: Lab, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    logins: list[str] = []

    def hang_up(self: Any, username: str, password: str) -> bool:
        logins.append(username)
        self._connection.reset()
        return False

    monkeypatch.setattr(servers.Server, "validate_password", hang_up)
    with pytest.raises((agent.ConnectError, agent.SSHAuthenticationError)) as raised:
        agent.connect(lab.target(lab.add()), policy=clock.policy())
    assert not getattr(raised.value, "rate_limited", False)
    assert (logins, clock.slept) == (["admin"], [])


def test_a_jump_host_is_gone_through(lab: Lab, tmp_path: Path, jump_host: Callable[[Device], int]) -> None:
    device = lab.add()
    port = jump_host(device)
    jump = Target(
        "127.0.0.1",
        port,
        username="jump",
        password=agent.Secret("jump"),
        host_keys=agent.HostKeys(tmp_path / "jump_hosts", accept_new=True),
    )
    with lab.connect(device, jump=jump) as session:
        assert read(session) == "smart-agent"


def test_an_ssh_rsa_entry_is_good_for_rsa_sha2(tmp_path: Path) -> None:
    with Simulator(host_key=asyncssh.generate_private_key("ssh-rsa")) as simulator:
        lab = Lab(simulator, tmp_path)
        device = lab.add()
        assert " ssh-rsa " in device.host_key
        with lab.connect(device) as session:
            assert read(session) == "smart-agent"


def test_the_ssh_configuration_gives_host_user_and_key(lab: Lab, tmp_path: Path) -> None:
    device, key = lab.add(), tmp_path / "id"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    lab.simulator.authorize((tmp_path / "id.pub").read_text())
    config = tmp_path / "config"
    config.write_text(
        f"Host core-1\n  HostName 127.0.0.1\n  User {lab.simulator.username}\n  IdentityFile {key}\n"
        f"  UserKnownHostsFile {lab.known_hosts}\n"
    )
    with agent.connect(Target("core-1", device.port, ssh_config=config, open_timeout=10)) as session:
        assert read(session) == "smart-agent"


def test_a_key_in_ssh_agent_logs_in(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    device, key = lab.add(), tmp_path / "id"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    lab.simulator.authorize((tmp_path / "id.pub").read_text())
    started = subprocess.run(["ssh-agent", "-s"], capture_output=True, text=True, check=True).stdout
    found = dict(re.findall(r"(SSH_\w+)=([^;]+);", started))
    for name, value in found.items():
        monkeypatch.setenv(name, value)
    try:
        subprocess.run(["ssh-add", "-q", str(key)], check=True)
        with lab.connect(device, password=None) as session:
            assert read(session) == "smart-agent"
    finally:
        subprocess.run(["ssh-agent", "-k"], capture_output=True, check=True)
