"""What a connection is made with: the caller's word first, then the SSH configuration's."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.model.device import Device, HostKeys, Secret
from agent.model.errors import HostKeyError, InputError
from agent.model.local.files import read_start
from agent.model.local.user import user_name
from agent.ssh.peer.negotiation import signatures
from agent.ssh.settings import lookup, syntax
from agent.ssh.settings.config import destination, jump_host, settings
from agent.ssh.settings.lookup import Options
from tests.threads import at_once


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder with nothing in it, on a machine without a configuration of its own."""
    path = tmp_path / "home"
    (path / ".ssh").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(path))
    monkeypatch.setenv("LOGNAME", "local")
    monkeypatch.setenv("SSH_AUTH_SOCK", "/run/agent")
    monkeypatch.setattr(lookup, "SYSTEM_FILE", tmp_path / "etc" / "ssh_config")
    return path


def configured(tmp_path: Path, text: str, **given: Any) -> Device:
    """r1.example under a configuration of its own."""
    path = tmp_path / "config"
    path.write_text(text)
    return Device(**{"host": "r1.example", "username": "admin", "ssh_config": path, **given})


def chain(device: Device) -> list[str]:
    """The jump hosts, the one next to the router first."""
    return [] if device.jump is None else [f"{device.jump.username}@{device.jump.address}", *chain(device.jump)]


def test_the_port_of_the_configuration_is_not_the_routers(tmp_path: Path) -> None:
    made = settings(configured(tmp_path, "HostName 192.0.2.1\nPort 2222\nUser other\n"))
    assert (made.host, made.port, made.username) == ("192.0.2.1", 830, "admin")


def test_the_user_is_the_callers_else_the_configurations_else_this_ones(tmp_path: Path) -> None:
    assert settings(configured(tmp_path, "User ops-%h-%u\n", username=None)).username == f"ops-r1.example-{user_name()}"
    assert settings(configured(tmp_path, "", username=None)).username == "local"
    with pytest.raises(InputError, match="%r is not known"):
        settings(configured(tmp_path, "User %r\n", username=None))


def test_names_and_addresses_are_in_one_spelling(tmp_path: Path) -> None:
    assert settings(configured(tmp_path, "HostName 2001:DB8::0:1\n")).host == "2001:db8::1"
    assert settings(configured(tmp_path, "HostName R1.Example.NET\n")).host == "r1.example.net"


def test_algorithms_are_as_they_are_written(tmp_path: Path) -> None:
    text = "KexAlgorithms +diffie-hellman-group14-sha1\nHostKeyAlgorithms ssh-rsa\nCiphers ^aes128-cbc\nMACs -umac*\n"
    made = settings(configured(tmp_path, text + "PubkeyAcceptedAlgorithms +ssh-rsa\n"))
    assert (made.kex, made.host_keys, made.ciphers, made.macs, made.signatures) == (
        *("+diffie-hellman-group14-sha1", "ssh-rsa", "^aes128-cbc", "-umac*"),
        "+ssh-rsa",
    )
    assert settings(configured(tmp_path, "")).kex is None
    assert signatures(made) == (*signatures(settings(configured(tmp_path, ""))), "ssh-rsa")


@pytest.mark.parametrize(
    "written, command",
    [
        ("nc %h %p", "nc 192.0.2.1 830"),
        ("relay %r@%n %k %%h $HOME # x", "relay admin@r1.example alias %h $HOME # x"),
        ("exec nc ${NC} %h", "exec nc ${NC} 192.0.2.1"),
        ("none", None),
    ],
)
def test_a_proxy_command_is_of_this_connection(tmp_path: Path, written: str, command: str | None) -> None:
    device = configured(tmp_path, f"HostName 192.0.2.1\nPort 22\nHostKeyAlias alias\nProxyCommand {written}\n")
    assert settings(device).proxy_command == command == destination(device).proxy_command
    assert settings(replace(device, jump=Device("bastion.example", port=22))).proxy_command is None


@pytest.mark.parametrize(
    "given", [{"username": "a;reboot"}, {"username": "$(reboot)"}, {"username": "-oX"}, {"host": "fe80::1%`reboot`"}]
)
@pytest.mark.parametrize("line", ["ProxyCommand nc %h %r", 'Match exec "test %h %r"\n'])
def test_a_name_that_a_shell_would_run_is_refused(tmp_path: Path, given: dict[str, str], line: str) -> None:
    with pytest.raises(InputError, match="config, line 1: a shell would act on"):
        settings(configured(tmp_path, line, **given))


def test_files_of_keys_have_their_tokens(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEYS", "/keys")
    text = (
        "HostName 192.0.2.1\nIdentityFile ~/.ssh/%n\nIdentityFile ${KEYS}/%r-%h\nIdentityFile none\nIdentityFile %d/x\n"
    )
    made = settings(configured(tmp_path, text + "CertificateFile ~/cert-%p.pub\nIdentitiesOnly yes\n"))
    assert made.key_files == (home / ".ssh/r1.example", Path("/keys/admin-192.0.2.1"), home / "x")
    assert made.certificate_files == (home / "cert-830.pub",)
    assert made.identities_only
    assert made.default_key_files == ()
    assert settings(configured(tmp_path, text, key_file=Path("/own"))).key_files == (Path("/own"),)


def test_default_keys_and_the_agent_are_for_who_names_neither_key_nor_password(tmp_path: Path, home: Path) -> None:
    made = settings(configured(tmp_path, ""))
    assert made.agent_path == "/run/agent"
    assert made.default_key_files == tuple(home / ".ssh" / name for name in ("id_ed25519", "id_ecdsa", "id_rsa"))
    given: list[dict[str, Any]] = [{"use_agent": False}, {"password": Secret("x")}, {"key_file": Path("/own")}]
    for named in given:
        made = settings(configured(tmp_path, "", **named))
        assert (made.agent_path, made.default_key_files) == (None, ())
    assert settings(configured(tmp_path, "IdentityFile none\n")).default_key_files == ()
    made = settings(configured(tmp_path, "PubkeyAuthentication no\nIdentityFile /a\n"))
    assert (made.agent_path, made.key_files, made.default_key_files) == (None, (), ())


@pytest.mark.parametrize(
    "written, path",
    [
        ("none", None),
        ("SSH_AUTH_SOCK", "/run/agent"),
        ("$OTHER", "/run/other"),
        ("${OTHER}.1", "/run/other.1"),
        ("$UNSET", None),
        ("%d/agent-%r", "{home}/agent-admin"),
        ("~/agent", "{home}/agent"),
    ],
)
def test_the_agent_is_the_configurations(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch, written: str, path: str | None
) -> None:
    monkeypatch.setenv("OTHER", "/run/other")
    monkeypatch.delenv("UNSET", raising=False)
    made = settings(configured(tmp_path, f"IdentityAgent {written}\n"))
    assert made.agent_path == (path and path.format(home=home))


def test_a_jump_host_has_the_port_and_the_user_of_its_own_block(tmp_path: Path) -> None:
    text = "Host b*\n HostName 192.0.2.9\n Port 2222\n User ops\nHost r1.example\n ProxyJump bastion\n"
    made = settings(configured(tmp_path, text))
    assert made.device.jump is not None
    assert (made.device.jump.port, settings(made.device.jump).host) == (2222, "192.0.2.9")
    assert settings(made.device.jump).username == "ops"
    assert jump_host("ops@bastion:22", HostKeys(), tmp_path / "config").port == 22
    assert jump_host("elsewhere", HostKeys(), tmp_path / "config").port == 22


def test_jump_hosts_are_a_chain_and_each_may_have_its_own(tmp_path: Path) -> None:
    text = "Host r1.example\n ProxyJump a@one,b@two:23\nHost one\n ProxyJump zero\nHost two\n ProxyJump never\n"
    device = configured(tmp_path, text)
    assert chain(settings(device).device) == ["b@two:23", "a@one:22", "None@zero:22"]
    assert chain(settings(replace(device, jump=Device("one", port=9, ssh_config=device.ssh_config))).device) == [
        *("None@one:9", "None@zero:22")
    ]
    assert chain(settings(configured(tmp_path, "Host r1.example\n ProxyJump gate-%n\n")).device) == [
        "None@gate-r1.example:22"
    ]


@pytest.mark.parametrize(
    "text",
    [
        "ProxyJump bastion\n",
        "Host *.example\n HostName 127.0.0.1\n ProxyJump bastion.example\n",
        "Host r1.example\n ProxyJump one\nHost one\n ProxyJump two\nHost two\n ProxyJump one\n",
        "Host r1.example\n ProxyJump a@one:22,a@one:22\n",
        "ProxyJump x%n\n",
    ],
)
def test_jump_hosts_in_a_circle_are_an_error_that_shows_it(tmp_path: Path, text: str) -> None:
    device = configured(tmp_path, text)
    for ask in (settings, destination):
        with pytest.raises(InputError, match=r"r1\.example:830 → .*:22 → .*:22") as refused:
            ask(device)
        assert "ProxyJump" in str(refused.value.hint)


def test_a_jump_host_does_not_go_through_itself_where_a_pattern_leaves_it_out(tmp_path: Path) -> None:
    device = configured(tmp_path, "Host *.example !bastion.example\n ProxyJump bastion.example\n")
    assert chain(settings(device).device) == ["None@bastion.example:22"]


def test_tags_are_as_newer_ssh_has_them(tmp_path: Path) -> None:
    text = "Host r1*\n Tag lab\nMatch tagged lab,field\n User hit\nMatch tagged other\n Port 1\n"
    options = Options("r1.example", configured(tmp_path, text).ssh_config)
    assert (options.one("user"), options.one("port")) == ("hit", None)
    assert Options("r2.example", configured(tmp_path, 'Match tagged ""\n User none\n').ssh_config).one("user") == "none"


def test_known_hosts_are_those_of_the_caller_else_of_the_configuration_and_those_for_all(
    tmp_path: Path, home: Path
) -> None:
    text = "UserKnownHostsFile /x/%n /y\nGlobalKnownHostsFile /z\nHostKeyAlias Alias\n"
    key = ("ssh-ed25519", b"\0\0\0\x0bssh-ed25519" + b"k" * 36)
    for given, said in (
        ({}, "/x/r1.example"),
        ({"host_keys": HostKeys(tmp_path / "own")}, "own"),
    ):
        with pytest.raises(HostKeyError, match=f"is not in .*{said}$|is not in .*{said} "):
            settings(configured(tmp_path, text, **given)).check.verify(*key)
    device = configured(tmp_path, "UserKnownHostsFile none\n", host_keys=HostKeys(accept_new=True))
    with pytest.raises(HostKeyError, match="no file to store"):
        settings(device).check.verify(*key)
    settings(configured(tmp_path, "", host_keys=HostKeys(accept_new=True))).check.verify(*key)
    assert (home / ".ssh/known_hosts").read_text().startswith("[r1.example]:830 ssh-ed25519 ")


def test_the_systems_configuration_comes_behind_the_users(tmp_path: Path, home: Path) -> None:
    system = tmp_path / "etc" / "ssh_config"
    (system.parent / "ssh_config.d").mkdir(parents=True)
    system.write_text("Include ssh_config.d/*.conf\nUser of-system\n")
    (system.parent / "ssh_config.d/50-any.conf").write_text("Match final all\n Ciphers aes256-ctr\n")
    (home / ".ssh/config").write_text("HostName 192.0.2.1\nInclude more/*\n")
    (home / ".ssh/more").mkdir()
    (home / ".ssh/more/one").write_text("Port 7\n")
    for path in (system.parent / "ssh_config.d/50-any.conf", home / ".ssh/config", home / ".ssh/more/one"):
        path.chmod(0o600)
    options = Options("r1.example")
    assert (options.host, options.one("port"), options.one("user")) == ("192.0.2.1", "7", "of-system")
    assert options.one("ciphers") == "aes256-ctr"
    assert Options("r1.example", Path(os.devnull)).one("user") is None


def test_a_configuration_that_others_can_write_is_refused(tmp_path: Path, home: Path) -> None:
    (home / ".ssh/config").write_text("User x\n")
    (home / ".ssh/config").chmod(0o666)
    with pytest.raises(InputError, match="others may write it"):
        Options("r1.example")
    (home / ".ssh/config").chmod(0o600)
    (tmp_path / "more").write_text("")
    (tmp_path / "more").chmod(0o620)
    with pytest.raises(InputError, match="others may write it"):
        settings(configured(tmp_path, f"Include {tmp_path}/more\n"))


@pytest.mark.parametrize("content", [b"Host *\n User \xff\n", b"User a\0b\n", b"User\x1b[31m x\n"])
def test_bytes_that_are_no_text_are_an_error_with_the_line(tmp_path: Path, content: bytes) -> None:
    device = configured(tmp_path, "", username=None)
    (tmp_path / "config").write_bytes(content)
    with pytest.raises(InputError, match="config, line"):
        settings(device)


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere: No such file"):
        settings(Device("r1.example", ssh_config=tmp_path / "nowhere"))
    with pytest.raises(InputError, match="Is a directory"):
        settings(Device("r1.example", ssh_config=tmp_path))


def test_includes_have_a_bottom(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nested deeper than 16"):
        settings(configured(tmp_path, f"Include {tmp_path}/config\n"))


@pytest.mark.parametrize("shell, said", [("/nowhere/sh", "cannot be run by /nowhere/sh"), ("/bin/sh", "did not end")])
def test_a_command_of_match_that_does_not_end_or_begin_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shell: str, said: str
) -> None:
    monkeypatch.setenv("SHELL", shell)
    monkeypatch.setattr(lookup, "_PATIENCE", 0.0)
    with pytest.raises(InputError, match=f"config, line 1: .*{said}"):
        settings(configured(tmp_path, 'Match exec "exec sleep 60"\n'))


@pytest.mark.usefixtures("nameless", "no_user_variables")
def test_a_user_without_name_and_home_connects_where_the_user_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HOME", raising=False)
    text = (
        "Match localuser x\n Port 1\nMatch user admin host 10.*\n Port 2\nHost *\n User y\n"
        "UserKnownHostsFile ~/kh %d/kh\nIdentityFile ~/.ssh/%u\nInclude ~/more\nInclude more\n"
    )
    pinned = HostKeys(pinned="SHA256:x")
    assert settings(Device("r1.example", username="admin", host_keys=pinned)).username == "admin"
    made = settings(configured(tmp_path, text, host_keys=pinned))
    assert (made.username, made.key_files) == ("admin", (Path(f"~/.ssh/{os.getuid()}"),))
    with pytest.raises(InputError, match=r"no user name.*--username"):
        settings(configured(tmp_path, "", username=None))


def test_canonical_names_are_looked_up_where_that_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def resolve(name: str, *_: object, **__: object) -> list[str]:
        asked.append(name)
        if not name.startswith("r1.two."):
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return ["found"]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    text = "CanonicalizeHostname {}\nCanonicalDomains one.example two.example\nMatch canonical\n Port 5\n"
    for mode, more, host in (
        ("no", "", "r1"),
        ("yes", "", "r1.two.example"),
        ("yes", "ProxyJump b\n", "r1"),
        ("always", "ProxyJump b\n", "r1.two.example"),
    ):
        options = Options("R1", configured(tmp_path, more + text.format(mode)).ssh_config)
        assert (options.host, options.one("port")) == (host, None if mode == "no" else "5")
    assert Options("a.b.c", tmp_path / "config").host == "a.b.c"
    assert Options("192.0.2.1", tmp_path / "config").host == "192.0.2.1"
    assert set(asked) == {"r1.one.example.", "r1.two.example."}
    fallback = configured(tmp_path, "CanonicalizeFallbackLocal no\n" + text.format("yes"))
    with pytest.raises(InputError, match="r2 is in none of CanonicalDomains"):
        Options("r2", Path(fallback.ssh_config or ""))


def test_many_threads_read_a_configuration_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []

    def reading(path: Path, most: int, *, hint: str) -> bytes:
        read.append(path)
        return read_start(path, most, hint=hint)

    monkeypatch.setattr(syntax, "read_start", reading)
    text = "".join(f"Host r{number}.example\n HostName 192.0.2.{number}\n" for number in range(64))
    path = tmp_path / "config"
    configured(tmp_path, f"{text}Host r*\n Include {tmp_path}/more\n")
    (tmp_path / "more").write_text("User included\n")
    (tmp_path / "more").chmod(0o600)

    def ask(number: int) -> tuple[str, str]:
        made = settings(Device(f"r{number}.example", ssh_config=path))
        return made.host, made.username

    assert at_once(ask) == [(f"192.0.2.{number}", "included") for number in range(64)]
    assert sorted(read) == sorted([path, tmp_path / "more"])
    (tmp_path / "more").write_text("User another\n")
    assert ask(1) == ("192.0.2.1", "another")


def test_of_thousands_of_blocks_only_those_for_the_host_are_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "".join(f"Host r{number} s{number}\n User u{number}\n Port 9\n" for number in range(3000))
    path = configured(tmp_path, f"User first\nHost x*\n{text}Host *\n Tag last\n").ssh_config
    asked: list[str] = []

    def asking(name: str, patterns: Iterable[str]) -> bool:
        asked.append(name)
        return syntax.matches(name, patterns)

    monkeypatch.setattr(lookup, "matches", asking)
    options = Options("s2999", path)
    assert (options.one("user"), options.one("port"), options.one("tag")) == ("first", "9", "last")
    assert len(asked) == 3
