"""OpenSSH's sshd in front of netconfd once more, restricted as a test wants it; with PAM rules of its own for root."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from agent.model.device import Device, HostKeys
from tests.interop.netconfd import SSHD, Netconfd, PortTaken, Process, keygen

_STARTS = 5
_PAM = Path("/etc/pam.d")
_HOST_KEYS = {
    "ed25519": (),
    "ecdsa-256": ("-b", "256"),
    "ecdsa-384": ("-b", "384"),
    "ecdsa-521": ("-b", "521"),
    "rsa": (),
}


@dataclass(frozen=True)
class Keys:
    """Key pairs of a session's servers and of their user; the public half of each stands in *file*.pub."""

    folder: Path

    @property
    def hosts(self) -> list[Path]:
        """One of each kind that OpenSSH makes."""
        return [self.folder / f"host.{kind}" for kind in _HOST_KEYS]

    def user(self, kind: str = "ed25519") -> Path:
        """The user's key: ``ed25519``, ``rsa``, or ``second``, another one that the servers know."""
        return self.folder / f"user.{kind}"

    @property
    def authorized(self) -> Path:
        """What the servers take."""
        return self.folder / "authorized_keys"

    def known_hosts(self, port: int) -> str:
        """Every host key as that of a port on loopback."""
        public = (Path(f"{key}.pub").read_text().split()[:2] for key in self.hosts)
        return "".join(f"[127.0.0.1]:{port} {kind} {blob}\n" for kind, blob in public)

    @classmethod
    def made(cls, folder: Path) -> Keys:
        """New ones."""
        keys = cls(folder)
        for file, (kind, bits) in zip(keys.hosts, _HOST_KEYS.items(), strict=True):
            keygen(file, kind.partition("-")[0], *bits)
        users = {"ed25519": "ed25519", "rsa": "rsa", "second": "ed25519"}
        for name, kind in users.items():
            keygen(keys.user(name), kind)
        keys.authorized.write_text("".join(Path(f"{keys.user(name)}.pub").read_text() for name in users))
        return keys


@contextmanager
def sshd(netconfd: Netconfd, keys: Keys, folder: Path, *options: str, program: Path = Path(SSHD)) -> Iterator[Device]:
    """One more sshd before *netconfd*; gives how the agent reaches it.

    Arguments:
        options: lines of sshd_config, which count more than those of netconfd's own sshd.
        program: another name of sshd's, which makes PAM take the rules of that name.
    """
    for attempt in range(_STARTS):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        here = folder / f"sshd.{attempt}"
        here.mkdir()
        log = here / "log"
        (here / "sshd_config").write_text("\n".join((*_settings(netconfd, keys, port, options), "")))
        process = Process(
            [str(program), "-D", "-e", "-f", str(here / "sshd_config")],
            log,
            partial(_listens, port),
        )
        try:
            process.start()
        except PortTaken:
            continue
        (here / "known_hosts").write_text(keys.known_hosts(port))
        try:
            yield target(netconfd, keys, port, here / "known_hosts")
        finally:
            process.end()
        return
    raise RuntimeError(f"{_STARTS} free ports were each taken before sshd had them")


def target(netconfd: Netconfd, keys: Keys, port: int, known_hosts: Path) -> Device:
    """How the agent reaches a server on *port*: by the user's key, by nothing of whoever runs the tests."""
    return Device(
        "127.0.0.1",
        port,
        username=netconfd.username,
        key_file=keys.user(),
        use_agent=False,
        host_keys=HostKeys(known_hosts),
        ssh_config=Path(os.devnull),
        timeout=60,
        open_timeout=60,
        login_timeout=60,
        label="netconfd",
    )


def _listens(port: int, said: str) -> bool:
    return f"listening on 127.0.0.1 port {port}" in said


def _settings(netconfd: Netconfd, keys: Keys, port: int, options: Sequence[str]) -> Iterator[str]:
    """Of most keywords the first line counts; of these every one does."""
    yield from (f"Port {port}", *(f"HostKey {key}" for key in keys.hosts), *options)
    yield from (f"AuthorizedKeysFile {keys.authorized}", f"Subsystem netconf {netconfd.subsystem}")
    yield from (
        line
        for line in (netconfd.folder / "sshd_config").read_text().splitlines()
        if line.split()[0] not in ("Port", "HostKey", "AuthorizedKeysFile", "Subsystem")
    )


# --- PAM -------------------------------------------------------------------------------------------------------------

_CHECK = """#!/bin/sh
given=$(tr -d '\\0')
printf '%s\\n' "$given" >>{folder}/given
[ "$given" = {password} ]
"""


@dataclass(frozen=True)
class Pam:
    """Rules under a name of their own, by which a login goes that is no account's: none is changed.

    Attributes:
        program: sshd by the name whose rules count.
        password: the one that they take.
    """

    program: Path
    password: str
    folder: Path

    @property
    def given(self) -> list[str]:
        """Every password that was tried."""
        file = self.folder / "given"
        return file.read_text().splitlines() if file.exists() else []


@contextmanager
def pam(*account: str) -> Iterator[Pam]:
    """PAM rules that take one password, and then go by the lines *account*; skipped where these cannot be written."""
    if os.geteuid():
        pytest.skip("PAM's rules can be written by root alone: run the tests as root")
    with ExitStack() as undo:
        folder = Path(undo.enter_context(TemporaryDirectory(prefix="xr-agent-pam-")))
        found = Pam(folder / f"sshd-{folder.name}", "Right-Zq8", folder)
        found.program.symlink_to(shutil.which(SSHD) or SSHD)
        check = folder / "check"
        check.write_text(_CHECK.format(folder=folder, password=found.password))
        check.chmod(0o700)
        rules = _PAM / found.program.name
        undo.callback(rules.unlink, missing_ok=True)
        rules.write_text(
            "\n".join(
                (
                    f"auth requisite pam_exec.so expose_authtok quiet {check}",
                    "auth required pam_permit.so",  # pam_exec has no credentials to establish
                    *(f"account {line}" for line in account or ("required pam_permit.so",)),
                    "password required pam_unix.so",
                    "session required pam_permit.so",
                    "",
                )
            )
        )
        yield found


@cache
def names_its_rules() -> bool:
    """Whether sshd has to be told of PAM's rules: since 9.8 its own name does not count any more."""
    words = [SSHD, "-t", "-f", os.devnull, "-o", "PAMServiceName=sshd"]
    asked = subprocess.run(words, check=False, capture_output=True, text=True)
    return "Bad configuration option" not in asked.stderr


def by_pam(rules: Pam) -> tuple[str, ...]:
    """The options of an sshd that goes by them."""
    named = (f"PAMServiceName {rules.program.name}",) if names_its_rules() else ()
    return (
        *named,
        "UsePAM yes",
        "PasswordAuthentication yes",
        "KbdInteractiveAuthentication yes",
        "PermitRootLogin yes",
    )
