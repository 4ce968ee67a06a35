"""The SSH configuration means here what it means to ``ssh``: each one is asked of both."""

from __future__ import annotations

import os
import pwd
import subprocess
from pathlib import Path

import pytest

from agent.model.device import Device
from agent.model.errors import InputError
from agent.ssh.settings.config import settings
from agent.ssh.settings.lookup import Options

# Each with the host that is asked for; {dir} is the folder of the files.
CORPUS = {
    "nothing": "",
    "only a comment": "# nothing\n\n   # to see\n",
    "host": "Host r1.example\n  HostName 192.0.2.1\n  User netops\n  Port 2222\n",
    "another host": "Host r2.example\n  HostName 192.0.2.2\n",
    "the first value counts": "Host r1*\n User first\nHost *\n User second\n Port 22\n",
    "host with equals sign": "Host=r1.example\nUser=netops\nPort = 99\nHostName =192.0.2.1\n",
    "a port by the name of its service": "Port ssh\nHost r1.example\n User hit\n",
    "patterns": "Host r?.exam*\n User hit\nHost r??.example\n User miss\n",
    "several patterns": "Host r0.example r1.example\n User hit\n",
    "a comma is no separator of Host": "Host r0.example,r1.example\n User miss\n",
    "negation": "Host * !r1.example\n User miss\n",
    "negation in front": "Host !r1.example *\n User miss\nHost !r2.example *\n User hit\n",
    "negation alone": "Host !r2.example\n User miss\n",
    "Host does not ignore case": "Host R1.example\n User miss\n",
    "brackets are no class": "Host r[1].example\n User miss\n",
    "tabs and case": "HOST\tr1.example\n\tHOSTNAME\t192.0.2.1\n\tuser\tnetops\n",
    "comments at line end": "Host r1.example # the first\n User netops # not root\n HostName 192.0.2.1 #x\n",
    "a hash inside of a word": "User a#b\n",
    "CRLF": "Host r1.example\r\n User netops\r\n HostName 192.0.2.1\r\n",
    "form feed at line end": "Host r1.example\n User netops\f\n",
    "quotes": 'Host "r1.example"\n User "net ops"\n IdentityFile "/keys/my key"\n',
    "single quotes": "User 'net ops'\nIdentityFile '/keys/a \"b\" c'\n",
    "escapes": 'User net\\ ops\nIdentityFile /a\\\\b\nUserKnownHostsFile "/a\\"b" /c\\d\n',
    "quotes inside of a word": 'IdentityFile /keys/"my key"/one\n',
    "equals and quotes": 'Host=*\nIdentityFile="/keys/one"\n',
    "no newline at the end": "User netops",
    "latin-1": b"# r\xe9seau\nHost *\n User netops\n IdentityFile /cl\xe9s/one\n",
    "HostName with a token": "HostName %h.net\n",
    "HostName with two percent signs": "HostName r%%1\n",
    "HostName in capitals": "HostName R1.Example.NET\n",
    "IPv6": "HostName 2001:db8::1\n",
    "several identities": "IdentityFile /a\nHost *\n IdentityFile /b\n IdentityFile /a\n",
    "no identity": "IdentityFile none\n",
    "identities only": "IdentitiesOnly yes\nIdentityFile ~/.ssh/one\n",
    "certificate": "CertificateFile /a-cert.pub\nCertificateFile /b-cert.pub\n",
    "agent": "IdentityAgent /run/agent.sock\n",
    "no agent": "IdentityAgent none\n",
    "agent by its variable": "IdentityAgent SSH_AUTH_SOCK\n",
    "no keys": "PubkeyAuthentication no\n",
    "host key alias": "HostKeyAlias R1-Alias\n",
    "known hosts": "UserKnownHostsFile /a /b\nGlobalKnownHostsFile /c\n",
    "known hosts quoted": 'UserKnownHostsFile "/a b" ~/c\n',
    "known hosts with tokens": "HostName 192.0.2.1\nUserKnownHostsFile %d/%n/%h %i-%u-%r-%p-%l-%L-%%\n",
    "known hosts with a variable": "UserKnownHostsFile ${XR_TEST_FOLDER}/kh\n",
    "known hosts: none": "UserKnownHostsFile none\nGlobalKnownHostsFile none\n",
    "global known hosts as they are": "GlobalKnownHostsFile ~/a %d/b\n",
    "the first line of known hosts counts": "UserKnownHostsFile /a\nUserKnownHostsFile /b\n",
    "jump host": "Host r1.example\n ProxyJump ops@bastion.example:2222\n",
    "jump hosts": "ProxyJump one,ops@two:22,three\n",
    "jump host as URL": "ProxyJump ssh://ops@bastion.example:2222\n",
    "jump host with comment": "ProxyJump bastion.example # the only one\n",
    "jump host with equals sign": "ProxyJump=bastion.example\n",
    "no jump host": "Host r1.example\n ProxyJump none\nHost *\n ProxyJump bastion.example\n",
    "no jump host, but a command": "ProxyJump none\nProxyCommand nc %h %p\n",
    "jump host before command": "ProxyJump bastion.example\nProxyCommand nc %h %p\n",
    "command before jump host": "ProxyCommand nc %h %p\nProxyJump bastion.example\n",
    "no command, then a jump host": "ProxyCommand none\nProxyJump bastion.example\n",
    "command": "ProxyCommand nc -x 'a b' %h %p 2>/dev/null # quiet\n",
    "command with equals sign": "ProxyCommand = nc -o a=b %h\n",
    "Match all": "Match all\n User netops\n",
    "not Match all": "Match !all\n User netops\n",
    "Match host": "Match host r1.example\n User netops\n",
    "Match another host": "Match host other.example\n User someone\n",
    "Match host ignores case": "Match host R1.EXAMPLE\n User netops\n",
    "Match host by HostName": "HostName 192.0.2.1\nMatch host 192.0.2.*\n User hit\nMatch host r1*\n User miss\n",
    "Match host before HostName": "Match host r1.example\n User hit\nHost *\n HostName 192.0.2.1\n",
    "Match host list": "Match host r0.example,r1.example\n User hit\n",
    "Match host list with negation": "Match host *.example,!r1.example\n User miss\n",
    "Match host with equals sign": "Match host=r1.example\n User hit\n",
    "Match another host with equals sign": "Match host=other.example\n User someone\n",
    "Match not host": "Match !host other.example\n User hit\n",
    "Match originalhost": "HostName 192.0.2.1\nMatch originalhost r1.*\n User hit\n",
    "Match user": "Match user admin\n IdentityFile /keys/admin\nMatch user root\n IdentityFile /keys/root\n",
    "Match user of the configuration": "User netops\nMatch user netops\n IdentityFile /keys/netops\n",
    "Match localuser": f"Match localuser {pwd.getpwuid(os.getuid()).pw_name}\n User hit\n",
    "Match several": "Match host r1* user admin\n IdentityFile /hit\nMatch host r1* user x\n IdentityFile /miss\n",
    "Match exec": 'Match exec "true"\n User hit\n',
    "Match not exec": 'Match !exec "false"\n User hit\n',
    "Match exec that fails": 'Match exec "false"\n User miss\n',
    "Match exec with tokens": 'HostName 192.0.2.1\nMatch exec "test %h/%n/%p = 192.0.2.1/r1.example/830"\n User hit\n',
    "Match exec behind what does not hold": 'Match host other exec "touch {dir}/touched"\n User miss\n',
    "Match with comment": "Match host r1.example # this one\n User hit\n",
    "Match final": "Match final\n User hit\n",
    "Match final all": "Host r1.example\n HostName 192.0.2.1\nMatch final all\n ServerAliveInterval 30\n",
    "Match final after the first value": "User first\nMatch final\n User second\n IdentityFile /second\n",
    "Match final host": "Host r1.example\n HostName r1.example.net\nMatch final host *.net\n User hit\n",
    "Match not final": "Match !final\n User first\nMatch final\n User second\n",
    "Match final not originalhost": 'Match final !originalhost b.example !exec "test -S /nowhere"\n User hit\n',
    "Match canonical": "Match canonical\n User miss\n",
    "Match host in the final pass": "HostName r1.net\nMatch host r1.net\n User hit\nMatch final\n Port 1\n",
    "an ignored keyword": "IgnoreUnknown UseNothing*\nUseNothingAtAll yes\nUser hit\n",
    "keywords of ssh alone": "ServerAliveInterval 30\nSendEnv LANG LC_*\nHashKnownHosts yes\nUser hit\n",
    "Include": "Include {dir}/more.cfg\nUser second\n",
    "Include with a pattern": "Include {dir}/*.cfg {dir}/nowhere/*\nUser last\n",
    "Include in a Host that matches": "Host r1*\n Include {dir}/more.cfg\n User second\n",
    "Include in a Host that does not": "Host r2*\n Include {dir}/more.cfg\nHost *\n User second\n",
    "Include in Match": "Match host r1*\n Include {dir}/more.cfg\n",
    "a Host in an Include ends with it": "Include {dir}/other.cfg\nUser after\nPort 7\n",
    "a Host goes on behind an Include": "Host r2.example\n Include {dir}/more.cfg\n User miss\n",
    "Match final in an Include": "Include {dir}/final.cfg\n",
    "a folder where files are included": "Include {dir}/su*\nUser last\n",
}
INCLUDED = {
    "more.cfg": "Host r1.example\n User included\n IdentityFile /included\nHost nobody\n Port 5\n",
    "other.cfg": "Host r2.example\n User miss\n",
    "final.cfg": "Match final\n User hit\n",
    "sub/deep.cfg": "User deep\n",
}
WRONG = {
    "no value": "Host *\n User\n",
    "an empty value": 'HostName ""\n',
    "only a comment as value": "User # nobody\n",
    "two values": "User net ops\n",
    "an open quote": 'Host *\n IdentityFile "/keys/one\n',
    "an open quote in a command": "ProxyCommand nc 'x\n",
    "an open quote where it does not apply": "Host other\n User 'x\n",
    "an unknown keyword": "Host *\n HostNmae 192.0.2.1\n",
    "an unknown keyword where it does not apply": "Host other\n HostNmae 192.0.2.1\n",
    "Port 0": "Port 0\n",
    "Port of words": "Host other\n Port many\n",
    "Port too large": "Port 65536\n",
    "a flag that is none": "IdentitiesOnly perhaps\n",
    "none beside others": "UserKnownHostsFile /a none\n",
    "a jump host that is none": "ProxyJump ops@\n",
    "an unknown criterion": "Match neighbour x\n User y\n",
    "an unknown criterion behind what does not hold": "Match host other neighbour x\n User y\n",
    "no criterion": "Match\n User y\n",
    "a criterion without a value": "Match host\n User y\n",
    "a criterion with two values": "Match host r1.example r2.example\n User y\n",
    "Match all with others": "Match all host r1.example\n User y\n",
    "Match all behind others": "Match final host x all\n User y\n",
    "an unknown token": "UserKnownHostsFile %z\n",
    "an unset variable": "UserKnownHostsFile ${XR_TEST_UNSET}\n",
    "a token of HostName": "HostName %p\n",
    "a wrong line in an Include": "Include {dir}/wrong.cfg\n",
    "an Include of itself": "Include {dir}/config\n",
}


def written(folder: Path, text: str | bytes) -> Path:
    """A configuration, with the files that it may include."""
    for name, content in INCLUDED.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content)
        (folder / name).chmod(0o644)
    path = folder / "config"
    path.write_bytes(text if isinstance(text, bytes) else text.replace("{dir}", str(folder)).encode())
    path.chmod(0o644)
    return path


def by_ssh(path: Path, host: str, *options: str) -> dict[str, list[str]] | None:
    """What ``ssh -G`` says, every line of a keyword; None where it refuses the configuration."""
    command = ["ssh", "-G", "-F", str(path), *options, host]
    ssh = subprocess.run(command, check=False, capture_output=True, stdin=subprocess.DEVNULL)
    if ssh.returncode:
        return None
    found: dict[str, list[str]] = {}
    for line in os.fsdecode(ssh.stdout).splitlines():
        keyword, _, value = line.partition(" ")
        found.setdefault(keyword, []).append(value)
    return found


def compared(path: Path, options: Options, username: str, ssh: dict[str, list[str]]) -> tuple[object, object]:
    """Ours and that of ssh, as far as anything here depends on it."""
    ours: dict[str, object] = {"hostname": [options.host], "user": [username], "port": [options.one("port")]}
    theirs: dict[str, object] = {name: ssh[name] for name in ours}
    for keyword in ("hostkeyalias", "identityagent", "certificatefile"):
        ours[keyword], theirs[keyword] = options.words(keyword) or [], ssh.get(keyword, [])
    if (alias := options.one("hostkeyalias")) is not None:
        ours["hostkeyalias"] = [alias.lower()]
    if (identities := options.words("identityfile")) is not None:
        ours["identityfile"], theirs["identityfile"] = identities, ssh["identityfile"]
    for keyword, default in (("identitiesonly", False), ("pubkeyauthentication", True)):
        ours[keyword], theirs[keyword] = (
            options.flag(keyword, default),
            ssh[keyword] != ["no"] and ssh[keyword] != ["false"],
        )
    if (words := options.words("globalknownhostsfile")) is not None:
        ours["global"], theirs["global"] = " ".join(words), " ".join(ssh["globalknownhostsfile"])
    if (files := options.paths("userknownhostsfile", lambda: options.tokens(username))) is not None:
        ours["known"], theirs["known"] = " ".join(map(str, files)) or "none", " ".join(ssh["userknownhostsfile"])
    for keyword in ("proxyjump", "proxycommand"):
        said = options.one(keyword)
        ours[keyword] = [] if said in (None, "none") else [said.removeprefix("ssh://")]
        theirs[keyword] = ssh.get(keyword, [])
    return ours, theirs


@pytest.fixture(autouse=True)
def _machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The home folder that ssh takes, which does not go by $HOME."""
    monkeypatch.setenv("HOME", pwd.getpwuid(os.getuid()).pw_dir)
    monkeypatch.setenv("XR_TEST_FOLDER", "/var/xr")
    monkeypatch.delenv("XR_TEST_UNSET", raising=False)


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in CORPUS.items()])
@pytest.mark.parametrize("username", [None, "admin"])
def test_a_configuration_says_what_it_says_to_ssh(tmp_path: Path, text: str | bytes, username: str | None) -> None:
    path = written(tmp_path, text)
    ssh = by_ssh(path, "r1.example", "-p", "830", *(["-l", username] if username else []))
    assert ssh is not None
    options = Options("r1.example", path, port=830, username=username)
    ours, theirs = compared(path, options, options.one("user") or pwd.getpwuid(os.getuid()).pw_name, ssh)
    assert ours == theirs
    assert not (tmp_path / "touched").exists()


def test_a_port_may_be_named(tmp_path: Path) -> None:
    path = written(tmp_path, "Host r1.example\n Port smtp\n")
    assert Options("r1.example", path).one("port") == "25"
    ssh = by_ssh(path, "r1.example")
    assert ssh is not None
    assert ssh["port"] == ["25"]


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in WRONG.items()])
def test_what_ssh_refuses_is_an_error_with_file_and_line(tmp_path: Path, text: str) -> None:
    path = written(tmp_path, text)
    (tmp_path / "wrong.cfg").write_text("User a b\n")
    assert by_ssh(path, "r1.example") is None
    with pytest.raises(InputError, match=r"(config|wrong\.cfg), line [12]: ") as refused:
        settings(Device("r1.example", username="admin", ssh_config=path))
    assert refused.value.hint
