"""Logging in to OpenSSH where it wants more than a key."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import agent
from agent.model.device import Device, HostKeys
from tests.interop.netconfd import SSHD, Netconfd
from tests.support import eventually


@pytest.fixture(params=["publickey,password", "publickey,keyboard-interactive"])
def strict(request: pytest.FixtureRequest, netconfd: Netconfd, tmp_path: Path) -> Iterator[tuple[Device, str]]:
    """The same sshd once more, which wants a second method; and what that is called."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = (netconfd.folder / "sshd_config").read_text().splitlines()
    named = ("Port", "PasswordAuthentication", "KbdInteractiveAuthentication", "PermitRootLogin")
    kept = [line for line in settings if line.split()[0] not in named]
    asked = ("PasswordAuthentication yes", "KbdInteractiveAuthentication yes", "PermitRootLogin yes")
    (tmp_path / "sshd_config").write_text(
        "\n".join([f"Port {port}", *asked, f"AuthenticationMethods {request.param}", *kept, ""])
    )
    known_hosts = netconfd.known_hosts().read_text()
    (tmp_path / "known_hosts").write_text(known_hosts.replace(f":{netconfd.port} ", f":{port} "))
    with (
        (tmp_path / "log").open("w") as log,
        subprocess.Popen([SSHD, "-D", "-e", "-f", str(tmp_path / "sshd_config")], stderr=log) as process,
    ):
        try:
            assert eventually(lambda: f"port {port}" in (tmp_path / "log").read_text()), (tmp_path / "log").read_text()
            target = replace(netconfd.target(), port=port, host_keys=HostKeys(tmp_path / "known_hosts"))
            yield target, request.param.partition(",")[2]
        finally:
            process.terminate()


def test_a_key_accepted_in_part_without_a_password_says_what_is_wanted(strict: tuple[Device, str]) -> None:
    target, wanted = strict
    with pytest.raises(agent.SSHAuthenticationError) as raised:
        agent.connect(target)
    assert raised.value.message == f"the device accepted a key of {target.username}, and wants {wanted} as well"
    assert "--ask-password" in (raised.value.hint or "")


def test_a_wrong_password_behind_the_key_is_refused(strict: tuple[Device, str]) -> None:
    target, _ = strict
    with pytest.raises(agent.SSHAuthenticationError, match="the device refused the login"):
        agent.connect(replace(target, password=agent.Secret("hunter2-Zq7")))
