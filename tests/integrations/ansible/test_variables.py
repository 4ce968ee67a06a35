"""What an inventory's variables mean for a router, read before anything is reached."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agent.integrations.ansible.variables import router
from agent.model.device import Device
from agent.model.errors import InputError
from agent.ssh.settings.config import settings

USER = {"ansible_user": "ops", "ansible_password": "s3cr3t"}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user without keys, agent and configuration."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return tmp_path


def device(said: dict[str, Any], folder: Path, name: str = "r1", **options: Any) -> Device:
    target, reach = router(name, USER | said, options, folder)
    return target.device(reach)


def refusal(said: dict[str, Any], folder: Path, **options: Any) -> str:
    with pytest.raises(InputError) as raised:
        device(said, folder, **options)
    assert raised.value.device == "r1"
    assert "s3cr3t" not in str(raised.value)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_the_usual_variables_say_how_a_router_is_reached(home: Path) -> None:
    (home / "id").touch()
    said = {
        "ansible_host": "192.0.2.1",
        "ansible_ssh_private_key_file": "~/id",
        "ansible_private_key_passphrase": "opens",
        "ansible_network_os": "cisco.iosxr.iosxr",
    }
    found = device(said, home, login_timeout=45.0, legacy_ssh=True, timeout=7.0, known_hosts=str(home / "hosts"))
    assert (found.host, found.port, found.ssh_port, found.username, found.label) == ("192.0.2.1", 830, 22, "ops", "r1")
    assert found.password is not None
    assert found.key_passphrase is not None
    assert (found.password.reveal(), found.key_passphrase.reveal()) == ("s3cr3t", "opens")
    assert (found.key_file, found.login_timeout, found.legacy_ssh, found.timeout) == (home / "id", 45.0, True, 7.0)
    assert found.host_keys.known_hosts == home / "hosts"


def test_without_ansible_host_the_name_is_the_host(home: Path) -> None:
    assert device({}, home, name="r7.example").host == "r7.example"


@pytest.mark.parametrize(
    "first, then",
    [
        ({"ansible_ssh_pass": "a"}, {"ansible_netconf_password": "b"}),
        ({"ansible_password": "a"}, {"ansible_netconf_password": "b"}),
        ({"ansible_netconf_password": "a"}, {"conn_pass": "b"}),
        ({"ansible_ssh_password": "a"}, {"conn_pass": "b"}),
        ({"ansible_ssh_pass": "a"}, {"ansible_password": "b"}),
        ({"ansible_password": "a"}, {"conn_pass": "b"}),
    ],
)
def test_the_nearer_variable_counts(home: Path, first: dict[str, str], then: dict[str, str]) -> None:
    target, reach = router("r1", {"ansible_user": "ops"} | then | first, {}, home)
    password = target.device(reach).password
    assert password is not None
    assert password.reveal() == "a"


def test_a_password_may_be_a_number(home: Path) -> None:
    password = device({"ansible_password": 12345}, home).password
    assert password is not None
    assert password.reveal() == "12345"


def test_user_and_key_may_come_from_keywords(home: Path) -> None:
    (home / "id").touch()
    target, reach = router("r1", {"remote_user": "noc", "private_key_file": str(home / "id")}, {}, home)
    found = target.device(reach)
    assert (found.username, found.key_file, found.password) == ("noc", home / "id", None)


@pytest.mark.parametrize(
    "said, options, ports",
    [
        ({}, {}, (830, 22)),
        ({"ansible_port": 22}, {}, (830, 22)),
        ({"ansible_port": "830"}, {}, (830, 22)),
        ({"ansible_port": 8830, "ansible_connection": "ansible.netcommon.netconf"}, {}, (8830, 22)),
        ({"ansible_port": 22, "ansible_connection": "netconf"}, {}, (22, 22)),
        ({"ansible_port": 2222, "ansible_connection": "ansible.netcommon.network_cli"}, {}, (830, 2222)),
        ({"ansible_port": 2222, "connection": "network_cli"}, {"port": 8830}, (8830, 2222)),
        ({"ansible_port": 2222, "connection": "local"}, {"port": 8830}, (8830, 2222)),
        ({"ansible_port": 8830, "connection": "ssh"}, {"ssh_port": 2222}, (8830, 2222)),
        ({"ansible_port": 1, "connection": "netconf"}, {"port": 8830, "ssh_port": 2222}, (8830, 2222)),
    ],
)
def test_whose_port_it_is_goes_by_the_connection_and_the_options(
    home: Path, said: dict[str, Any], options: dict[str, Any], ports: tuple[int, int]
) -> None:
    found = device(said, home, **options)
    assert (found.port, found.ssh_port) == ports


def test_a_port_that_may_be_either_is_refused(home: Path) -> None:
    assert "may be the port of NETCONF or that of the CLI" in refusal({"ansible_port": 2222, "connection": "ssh"}, home)


@pytest.mark.parametrize(
    "variable, arguments",
    [
        ("ansible_ssh_common_args", "-C -o StrictHostKeyChecking=no -o ProxyJump=ops@bastion.example:2222"),
        ("ansible_ssh_extra_args", "-J ops@bastion.example:2222"),
        ("ssh_common_args", "-oProxyJump=ops@bastion.example:2222 -o ConnectTimeout=5"),
        ("ansible_ssh_args", '-o "ProxyJump ops@bastion.example:2222"'),
    ],
)
def test_a_jump_host_is_taken_from_the_ssh_arguments(home: Path, variable: str, arguments: str) -> None:
    jump = settings(device({variable: arguments}, home)).device.jump
    assert jump is not None
    assert (jump.host, jump.port, jump.username, jump.password) == ("bastion.example", 2222, "ops", None)


@pytest.mark.parametrize(
    "said",
    [
        {"ansible_ssh_common_args": '-o ProxyCommand="ssh -W %h:%p -q ops@bastion"'},
        {"ansible_netconf_proxy_command": "ssh -W %h:%p -q ops@bastion"},
        {"ansible_libssh_proxy_command": "ssh -W %h:%p -q ops@bastion"},
        {"ansible_paramiko_proxy_command": "ssh -W %h:%p -q ops@bastion"},
    ],
)
def test_so_is_a_proxy_command(home: Path, said: dict[str, str]) -> None:
    found = settings(device({"ansible_host": "192.0.2.1"} | said, home))
    assert found.proxy_command == "ssh -W 192.0.2.1:830 -q ops@bastion"


def test_the_users_configuration_counts_behind_the_arguments_and_an_option_before_them(home: Path) -> None:
    (home / ".ssh").mkdir()
    (home / ".ssh" / "config").write_text("Host r1\n  HostName 192.0.2.9\n  ProxyJump other\n")
    found = settings(device({"ansible_ssh_common_args": "-o ProxyJump=bastion"}, home))
    assert found.host == "192.0.2.9"
    assert found.device.jump is not None
    assert found.device.jump.host == "bastion"
    (home / "mine").write_text("Host *\n  HostName 192.0.2.8\n")
    said = {"ansible_ssh_common_args": "-o ProxyJump=bastion"}
    found = settings(device(said, home, jump="third", ssh_config=str(home / "mine")))
    assert found.host == "192.0.2.8"
    assert found.device.jump is not None
    assert found.device.jump.host == "third"


def test_a_user_of_the_ssh_configuration_is_one(home: Path) -> None:
    (home / ".ssh").mkdir()
    (home / ".ssh" / "config").write_text("User noc\n")
    target, reach = router("r1", {"ansible_password": "s3cr3t"}, {}, home)
    assert settings(target.device(reach)).username == "noc"


@pytest.mark.parametrize(
    "said, options, message",
    [
        ({"ansible_user": None}, {}, "no user is given"),
        ({"ansible_user": ""}, {}, "the variable ansible_user is empty"),
        ({"ansible_user": "ops s3cr3t\n"}, {}, "the variable ansible_user: "),
        ({"ansible_password": ""}, {}, "the variable ansible_password is empty"),
        ({"ansible_password": None}, {}, "there is nothing to log in with"),
        ({"ansible_password": ["s3cr3t"]}, {}, "the variable ansible_password is no text"),
        ({"ansible_password": True}, {}, "the variable ansible_password is no text"),
        ({"ansible_private_key_file": "/no/such/key"}, {}, "/no/such/key: there is no such key file"),
        ({"ansible_ssh_private_key": "s3cr3t", "ansible_password": None}, {}, "ansible_ssh_private_key"),
        ({"ansible_port": "s3cr3t"}, {"port": 830}, "the variable ansible_port: this is no port"),
        ({"ansible_port": 70000, "connection": "netconf"}, {}, "the variable ansible_port: 70000 is no port"),
        ({"ansible_host": "192.0.2.0/24"}, {}, "the variable ansible_host: "),
        ({"ansible_network_os": "cisco.ios.ios"}, {}, "no IOS XR router by ansible_network_os"),
        ({"ansible_ssh_common_args": '-o "s3cr3t'}, {}, "ansible_ssh_common_args has a quote that is not closed"),
        ({"ansible_ssh_common_args": "-o"}, {}, "ansible_ssh_common_args ends with -o"),
        ({"ansible_ssh_common_args": "s3cr3t"}, {}, "is not only options of ssh"),
        ({"ansible_ssh_common_args": "-F other"}, {}, "ssh_config"),
        ({"ansible_libssh_proxy_command": "a\nb"}, {}, "ansible_libssh_proxy_command has a line break"),
        ({}, {"jump": "a b"}, "the option jump: "),
        ({}, {"port": 0}, "the option port: "),
        ({}, {"host_key": "SHA256:x", "accept_new_host_keys": True}, "exclude each other"),
    ],
)
def test_what_is_missing_or_cannot_be_used_is_said_by_its_name(
    home: Path, said: dict[str, Any], options: dict[str, Any], message: str
) -> None:
    assert message in refusal(said, home, **options)


def test_with_an_agent_or_a_default_key_nothing_is_missing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"ansible_password": None}
    monkeypatch.setenv("SSH_AUTH_SOCK", str(home / "agent"))
    assert device(said, home).password is None
    monkeypatch.delenv("SSH_AUTH_SOCK")
    (home / ".ssh").mkdir()
    (home / ".ssh" / "id_ed25519").touch()
    assert device(said, home).password is None
