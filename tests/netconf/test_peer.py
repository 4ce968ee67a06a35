"""What a failed connection advises: by what it was for, and by whose failure it was."""

from __future__ import annotations

import os
import pwd
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import agent
from agent.model.device import Device as Target
from agent.model.local import user
from agent.simulator import Device, Fault, FaultKind
from agent.ssh.peer import negotiation
from agent.ssh.peer.service import Service, not_forwarded
from agent.ssh.proxy import ProxyCommand
from agent.ssh.settings.config import jump_host as parsed
from tests.netconf.test_connect import speaking
from tests.support import Lab, eventually, read
from tests.threads import at_once


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def through(lab: Lab, port: int, tmp_path: Path, **changes: Any) -> agent.TransportError:
    """The error of a session through a jump host on *port*."""
    words: dict[str, Any] = {"username": "jump", "password": agent.Secret("jump"), **changes}
    keys = agent.HostKeys(tmp_path / "jump_hosts", accept_new=words.pop("accept_new", True))
    jump = Target("127.0.0.1", port, host_keys=keys, label="bastion", open_timeout=60, **words)
    with pytest.raises(agent.TransportError) as raised:
        lab.connect(lab.add(name="r1"), jump=jump)
    return raised.value


def test_a_closed_port_of_the_cli_is_not_blamed_on_netconf(lab: Lab) -> None:
    device = lab.add()
    with lab.ssh(device, ssh_port=closed_port()) as ssh, pytest.raises(agent.ConnectError) as raised:
        ssh.console()
    hint = raised.value.hint or ""
    assert "ssh server v2" in hint
    assert "--ssh-port" in hint
    assert "netconf" not in hint


def test_a_closed_port_of_netconf_is_named_as_it_was_given() -> None:
    port = closed_port()
    with pytest.raises(agent.ConnectError) as raised:
        agent.connect(Target("127.0.0.1", port, username="x", open_timeout=60))
    assert f"ssh server netconf port {port}'" in (raised.value.hint or "")


def test_a_jump_host_that_cannot_be_reached_is_the_one_to_check(lab: Lab, tmp_path: Path) -> None:
    error = through(lab, closed_port(), tmp_path)
    assert error.device == "r1"
    assert error.message.startswith("the jump host bastion: ")
    assert "jump host's address and port" in (error.hint or "")
    assert "netconf" not in (error.hint or "")


@pytest.mark.parametrize(
    "changes, kind, said",
    [
        ({"password": agent.Secret("wrong")}, "authentication", "it refused the login"),
        ({"password": None, "use_agent": False}, "authentication", "no key and no password"),
        ({"accept_new": False}, "host-key", "its host key"),
    ],
)
def test_a_jump_host_that_does_not_let_us_in_is_told_from_the_router(
    lab: Lab,
    tmp_path: Path,
    jump_host: Callable[[Device], int],
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, Any],
    kind: str,
    said: str,
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    error = through(lab, jump_host(lab.add()), tmp_path, **changes)
    assert (error.kind, error.device) == (kind, "r1")
    assert error.message.startswith("the jump host bastion: ")
    assert said in error.message
    assert "--password-env" not in (error.hint or "")
    assert "the device" not in error.message
    if kind == "authentication":
        assert "IdentityFile" in (error.hint or "")


def test_a_jump_host_that_limits_sessions_is_no_ios_xr(lab: Lab, tmp_path: Path) -> None:
    with speaking(b"Exceeded MaxStartups\r\n") as port:
        error = through(lab, port, tmp_path)
    assert isinstance(error, agent.ConnectError)
    assert error.rate_limited
    assert "MaxStartups" in (error.hint or "")
    assert "IOS XR" not in (error.hint or "")


def test_what_a_jump_host_does_not_reach_is_said(lab: Lab, tmp_path: Path, jump_host: Callable[[Device], int]) -> None:
    device = lab.add(name="r1")
    keys = agent.HostKeys(tmp_path / "jump_hosts", accept_new=True)
    jump = Target("127.0.0.1", jump_host(device), username="jump", password=agent.Secret("jump"), host_keys=keys)
    with pytest.raises(agent.ConnectError) as raised:
        lab.connect(device, jump=jump, port=1)
    assert "through the jump host 127.0.0.1" in raised.value.message
    assert "the jump host cannot reach it" in (raised.value.hint or "")
    assert "ssh server netconf port 1'" in (raised.value.hint or "")


def test_a_jump_host_that_may_not_forward_is_told_from_one_that_cannot() -> None:
    hints = {code: not_forwarded(code, Service.CLI, Target("r1", 22)) for code in (1, 2, 3, 4)}
    assert "AllowTcpForwarding" in hints[1]
    assert "ssh server v2" in hints[2]
    assert hints[3] == hints[4] == "the jump host refused it: look at its log"


def test_of_a_chain_the_host_that_failed_is_named(lab: Lab, tmp_path: Path) -> None:
    jump = parsed(f"first@127.0.0.1:{closed_port()},second@127.0.0.2:22", agent.HostKeys(tmp_path / "hosts"))
    with pytest.raises(agent.ConnectError) as raised:
        lab.connect(lab.add(name="r1"), jump=jump)
    assert raised.value.device == "r1"
    assert raised.value.message.count("the jump host") == 1
    assert "127.0.0.1" in raised.value.message
    assert "127.0.0.2" not in raised.value.message


def test_a_proxy_command_that_cannot_be_run_is_an_error_by_its_name(lab: Lab, tmp_path: Path) -> None:
    config = tmp_path / "ssh_config"
    config.write_text("Host *\n  ProxyCommand /no/such/command %h %p\n")
    with pytest.raises(agent.ConnectError, match="ProxyCommand"):
        lab.connect(lab.add(), ssh_config=config)


RELAY = """
import os, socket, sys, threading
os.closerange(3, 256)  # as ssh(1) does
peer = socket.create_connection((sys.argv[1], int(sys.argv[2])))
def up():
    while data := os.read(0, 65536):
        peer.sendall(data)
    peer.shutdown(socket.SHUT_WR)
threading.Thread(target=up, daemon=True).start()
print("relay of", sys.argv[3], file=sys.stderr, flush=True)
while data := peer.recv(65536):
    os.write(1, data)
"""


@pytest.mark.parametrize("form", ["{relay}", "exec {relay}", "{relay} 2>/dev/null # quiet", "{relay} && true"])
def test_a_proxy_command_is_run_by_a_shell_with_what_it_is_for(lab: Lab, tmp_path: Path, form: str) -> None:
    (tmp_path / "relay").write_text(RELAY)
    device = lab.add()
    config = tmp_path / "ssh_config"
    relay = f"{sys.executable} {tmp_path}/relay %h %p %r"
    config.write_text(f"Host *\n  Port 1\n  ProxyCommand {form.format(relay=relay)}\n")
    with lab.connect(device, ssh_config=config) as session:
        assert read(session)
    with lab.ssh(device, ssh_config=config) as ssh:
        assert ssh.console().show("show version")


@pytest.mark.parametrize(
    "command, said",
    [
        ("echo cannot >&2; exit 3", "the ProxyCommand ended with status 3, it says: cannot"),
        ("no-such-command %h", "the ProxyCommand ended with status 127, it says: "),
        ("kill -9 $$", "the ProxyCommand was ended by signal 9, it says: nothing"),
    ],
)
def test_a_proxy_command_that_fails_is_said_at_once_by_its_status(
    lab: Lab, tmp_path: Path, command: str, said: str
) -> None:
    config = tmp_path / "ssh_config"
    config.write_text(f"Host *\n  ProxyCommand {command}\n")
    with pytest.raises(agent.ConnectError) as raised:
        lab.connect(lab.add(), ssh_config=config)
    assert said in raised.value.message
    assert not raised.value.rate_limited
    assert "IOS XR takes" not in (raised.value.hint or "")


@pytest.mark.parametrize(
    "command",
    [
        "true",
        "echo 'kex_exchange_identification: Connection closed by remote host' >&2; exit 255",
        "echo 'ssh_exchange_identification: read: Connection reset by peer' >&2; exit 255",
    ],
)
def test_a_proxy_command_whose_other_end_was_closed_may_be_a_limit(lab: Lab, tmp_path: Path, command: str) -> None:
    config = tmp_path / "ssh_config"
    config.write_text(f"Host *\n  ProxyCommand {command}\n")
    with pytest.raises(agent.ConnectError) as raised:
        lab.connect(lab.add(), ssh_config=config)
    assert raised.value.rate_limited


def test_a_proxy_command_is_not_run_as_a_login_by_rsh(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "relay").write_text(RELAY)
    (tmp_path / ".bashrc").write_text("echo welcome\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SHELL", "/bin/bash")
    monkeypatch.delenv("SHLVL", raising=False)
    config = tmp_path / "ssh_config"
    config.write_text(f"Host *\n  ProxyCommand {sys.executable} {tmp_path}/relay %h %p %r\n")
    with lab.connect(lab.add(), ssh_config=config) as session:
        assert read(session)


def test_nothing_of_a_proxy_command_is_left_behind(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "relay").write_text(RELAY)
    os.mkfifo(tmp_path / "held")
    config = tmp_path / "ssh_config"
    relay = f"{sys.executable} {tmp_path}/relay %h %p %r"
    config.write_text(f"Host *\n  ProxyCommand ({relay}; sleep 1000) 2>{tmp_path}/held\n")
    held = os.open(tmp_path / "held", os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(held, True)
    with os.fdopen(held, "rb") as file:
        with lab.connect(lab.add(), ssh_config=config) as session:
            assert read(session)
        assert file.read() == b"relay of admin\n"


def test_a_session_through_a_proxy_command_is_closed_beside_the_loop_that_all_others_need(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device, closed = lab.add(), list[str]()
    end = ProxyCommand.close

    def noted(proxy: ProxyCommand) -> None:
        closed.append(threading.current_thread().name)
        end(proxy)

    monkeypatch.setattr(ProxyCommand, "close", noted)
    config = tmp_path / "config"
    (tmp_path / "relay").write_text(RELAY)
    config.write_text(f"Host *\n  ProxyCommand {sys.executable} {tmp_path}/relay %h %p %r\n")
    lab.connect(device, ssh_config=config).close()
    assert eventually(lambda: bool(closed))
    assert "xr-agent-ssh" not in closed
    assert eventually(lambda: not device.sessions)


def test_a_proxy_command_of_another_user_ends_with_the_connection(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def not_allowed(*_: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "killpg", not_allowed)
    (tmp_path / "relay").write_text(RELAY)
    config = tmp_path / "ssh_config"
    config.write_text(f"Host *\n  ProxyCommand {sys.executable} {tmp_path}/relay %h %p %r\n")
    with lab.connect(lab.add(), ssh_config=config) as session:
        assert read(session)


def test_a_shell_that_is_not_there_is_an_error_by_its_name(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHELL", "/no/such/shell")
    config = tmp_path / "ssh_config"
    config.write_text("Host *\n  ProxyCommand nc %h %p\n")
    with pytest.raises(agent.ConnectError, match="ProxyCommand cannot be run by /no/such/shell"):
        lab.connect(lab.add(), ssh_config=config)


@pytest.mark.usefixtures("nameless", "no_user_variables")
def test_a_process_without_a_name_and_a_home_connects_where_the_user_is_given(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HOME", raising=False)
    for made in (negotiation._known, negotiation._available):
        made.cache_clear()  # asked of asyncssh again, as in a new process
    device = lab.add()
    before = dict(os.environ)

    def connected(_: int) -> str:
        with lab.connect(device) as session:
            return read(session)

    assert len(set(at_once(connected, 8))) == 1
    assert dict(os.environ) == {**before, "LNAME": str(os.getuid())}
    with pytest.raises(agent.InputError, match="no user name"):
        lab.connect(device, username=None)


@pytest.mark.usefixtures("no_user_variables")
def test_the_system_is_asked_once_who_works_here(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may look in a directory far away, and a fleet has ten thousand connections."""
    asked: list[int] = []

    def name(number: int) -> pwd.struct_passwd:
        asked.append(number)
        if len(asked) == 1:
            raise KeyError(number)
        return pwd.struct_passwd(("alice", "x", number, number, "", "/", "/bin/sh"))

    monkeypatch.setattr(pwd, "getpwuid", name)
    monkeypatch.setattr(user, "_names", {})
    device, before = lab.add(), dict(os.environ)
    assert user.user_name() == str(os.getuid())  # which is asked again
    for _ in range(3):
        with lab.connect(device) as session:
            assert read(session)
    assert user.user_name() == "alice"
    assert asked == [os.getuid()] * 2
    assert dict(os.environ) == {**before, "LNAME": "alice"}


def test_what_a_program_is_given_of_the_variables_is_whole_while_others_come_and_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XR_STAYS", "here")
    monkeypatch.setenv("XR_GOES", "now and then")
    over = threading.Event()

    def come_and_go() -> None:
        while not over.is_set():
            os.environ.pop("XR_GOES", None)
            os.environ["XR_GOES"] = "now and then"

    def read(_: int) -> bool:
        return all(user.variables()["XR_STAYS"] == "here" for _ in range(2000))

    other = threading.Thread(target=come_and_go)
    other.start()
    try:
        assert all(at_once(read, 8))
    finally:
        over.set()
        other.join()


def test_a_router_whose_cli_limits_sessions_keeps_its_own_advice(lab: Lab) -> None:
    device = lab.add()
    device.faults.append(Fault("connect-ssh", FaultKind.RESET))
    with lab.ssh(device) as ssh, pytest.raises(agent.ConnectError, match="60 new SSH sessions"):
        ssh.console()
