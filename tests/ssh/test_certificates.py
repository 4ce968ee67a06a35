"""Host certificates over a real connection: whom a known authority vouches for, and when it does not count."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import asyncssh
import pytest

import agent
from agent.netconf.retry import Disposition, classify
from agent.ssh.connect import open_ssh
from agent.ssh.connection import Deadline
from agent.ssh.login import Login
from agent.ssh.peer.service import Service
from agent.ssh.settings.config import settings
from tests.ssh.server import PASSWORD, device, host_key, served

AUTHORITY = asyncssh.generate_private_key("ssh-ed25519")


class Logs(asyncssh.SSHServer):
    """Takes the password, and keeps what it was given."""

    def __init__(self) -> None:
        self.given: list[str] = []

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        self.given.append(password)
        return password == PASSWORD


def text(key: asyncssh.SSHKey) -> str:
    return key.export_public_key().decode().strip()


def certificate(**options: Any) -> asyncssh.SSHCertificate:
    said: dict[str, Any] = {"principals": ["127.0.0.1"]} | options
    return AUTHORITY.generate_host_certificate(host_key(), "r1", **said)


def reach(known_hosts: Path, config: Path, certified: asyncssh.SSHCertificate) -> list[str]:
    """The passwords that the server was given."""
    logs = Logs()
    with served(lambda: logs, server_host_keys=[(host_key(), certified)]) as port:
        target = device(port, host_keys=agent.HostKeys(known_hosts), ssh_config=config)
        try:
            open_ssh(target, Deadline(60), Service.NETCONF).close()
        except agent.AgentError as error:
            error.given = logs.given  # type: ignore[attr-defined]
            raise
    return logs.given


@pytest.fixture
def known_hosts(tmp_path: Path) -> Path:
    path = tmp_path / "known_hosts"
    path.write_text(f"@cert-authority * {text(AUTHORITY)}\n")
    return path


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config"
    path.write_text("")
    return path


def refused(known_hosts: Path, config: Path, certified: asyncssh.SSHCertificate) -> agent.HostKeyError:
    with pytest.raises(agent.HostKeyError) as raised:
        reach(known_hosts, config, certified)
    assert raised.value.given == []  # type: ignore[attr-defined]
    assert classify(raised.value) is Disposition.PERMANENT
    return raised.value


def test_an_authority_vouches_for_a_host(known_hosts: Path, config: Path) -> None:
    assert reach(known_hosts, config, certificate()) == [PASSWORD]


@pytest.mark.parametrize("where", ["known_hosts", "RevokedHostKeys"])
def test_a_certificate_of_a_revoked_key_is_refused(where: str, known_hosts: Path, config: Path, tmp_path: Path) -> None:
    if where == "known_hosts":
        known_hosts.write_text(f"{known_hosts.read_text()}@revoked * {text(host_key())}\n")
    else:
        revoked = tmp_path / "revoked"
        revoked.write_text(f"{text(host_key())}\n")
        config.write_text(f"RevokedHostKeys {revoked}\n")
    assert "is revoked in" in refused(known_hosts, config, certificate()).message


@pytest.mark.parametrize(
    "options, said",
    [
        ({"valid_before": "20200101"}, "expired"),
        ({"valid_after": "20990101", "valid_before": "20990102"}, "not yet valid"),
        ({"principals": ["r2.example"]}, "principal"),
    ],
)
def test_a_certificate_that_does_not_hold_is_no_trouble_of_the_network(
    options: dict[str, Any], said: str, known_hosts: Path, config: Path
) -> None:
    message = refused(known_hosts, config, certificate(**options)).message
    assert re.search(r"host certificate at port \d+ does not hold: ", message)
    assert said in message


def test_a_certificate_is_for_the_alias_where_there_is_one(known_hosts: Path, config: Path) -> None:
    config.write_text("HostKeyAlias core-1\n")
    assert reach(known_hosts, config, certificate(principals=["core-1"])) == [PASSWORD]
    refused(known_hosts, config, certificate())


def test_a_certificate_of_x509_is_refused_whatever_was_offered(known_hosts: Path) -> None:
    login = Login(settings(device(830, host_keys=agent.HostKeys(known_hosts))), Service.NETCONF)
    conn = Mock()
    conn.validate_server_host_key.return_value = host_key()
    login.connection_made(conn)
    with pytest.raises(asyncssh.HostKeyNotVerifiable):
        conn.validate_server_host_key(b"\0\0\0\x0ex509v3-ssh-rsa" + b"\0" * 8)
    assert isinstance(login.refused, agent.HostKeyError)
