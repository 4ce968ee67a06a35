"""Debian's netconfd behind OpenSSH's sshd, on loopback, with the project's YANG modules loaded."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from agent.model.device import Device, HostKeys
from agent.model.local.resources import directory

NETCONFD, SSHD, SUBSYSTEM = "/usr/sbin/netconfd", "/usr/sbin/sshd", "/usr/sbin/netconf-subsystem"
OWN_MODULES = "/usr/share/yuma/modules"
FILES = (
    "Cisco-IOS-XR-um-crypto-cfg@2022-05-30.yang",
    "Cisco-IOS-XR-crypto-act@2016-04-17.yang",
    "Cisco-IOS-XR-crypto-cepki-oper@2022-04-06.yang",
    "Cisco-IOS-XR-infra-smartlicense-oper@2019-04-05.yang",
    "Cisco-IOS-XR-smart-license-act@2020-07-09.yang",
    "Cisco-IOS-XR-install-oper@2020-07-23.yang",
)
HOST_KEYS = ("ed25519", "rsa")

_STARTS = 5
_DEADLINE = 600.0
_LAST_OF_LOG = 4000


class PortTaken(Exception):
    """Somebody bound the port between its choice and sshd's start."""


def missing() -> list[str]:
    """What is not installed."""
    paths = (NETCONFD, SSHD, SUBSYSTEM, OWN_MODULES)
    absent = [path for path in paths if not Path(path).exists()]
    return absent if shutil.which("ssh-keygen") else [*absent, "ssh-keygen"]


class Process:
    """A server that can be started again."""

    def __init__(self, words: list[str], log: Path, ready: Callable[[str], bool]) -> None:
        self._words, self._log, self._ready = words, log, ready
        self._running: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process that runs, or ran last."""
        assert self._running is not None
        return self._running.pid

    def start(self) -> None:
        """Run it, and wait until it is ready."""
        with self._log.open("wb") as output:
            process = subprocess.Popen(self._words, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        self._running = process
        deadline = time.monotonic() + _DEADLINE
        while True:
            # Before the log is read, so that the last words of a process that ended are in it.
            ended = process.poll() is not None
            said = self._log.read_text(errors="replace")
            if not ended and self._ready(said):
                return
            if ended and "Address already in use" in said:
                raise PortTaken
            if ended or time.monotonic() > deadline:
                how = f"ended with {process.returncode}" if ended else f"is not ready after {_DEADLINE:g} s"
                raise RuntimeError(f"{self._words[0]} {how}; it said:\n{said[-_LAST_OF_LOG:]}")
            time.sleep(0.02)

    def end(self) -> None:
        """Ask it to end; kill it where it does not."""
        if self._running is None:
            return
        self._running.terminate()
        try:
            self._running.wait(60)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """kill -9."""
        assert self._running is not None
        self._running.kill()
        self._running.wait(600)


@dataclass(frozen=True)
class Netconfd:
    """A running server.

    Attributes:
        stop: ends sshd and netconfd, and with them every session; may be called again.
    """

    port: int
    folder: Path
    stop: Callable[[], None]
    netconfd: Process
    sshd: Process
    socket: Path

    def crash(self) -> None:
        """kill -9 netconfd: every session ends, and with them locks, candidate and the running configuration."""
        self.netconfd.kill()
        # It would be taken for the sign that the next one is ready.
        self.socket.unlink(missing_ok=True)

    def boot(self) -> None:
        """Start netconfd again after a crash; it runs with --no-startup, so its configuration is empty."""
        self.netconfd.start()

    def connections(self) -> set[int]:
        """The processes in which sshd serves a connection each."""
        return {pid for pid, parent in _parents() if parent == self.sshd.pid}

    @property
    def username(self) -> str:
        """The one user who can log in: whoever runs the tests, since sshd without root can become nobody else."""
        return _user().pw_name

    @property
    def key(self) -> Path:
        """The user's private key."""
        return self.folder / "user"

    def known_hosts(self, kind: str = "ed25519") -> Path:
        """A file with the server's host key of one kind of :data:`HOST_KEYS`; the server has them all."""
        return self.folder / f"known_hosts.{kind}"

    @property
    def subsystem(self) -> Path:
        """What brings a session to netconfd from a server on whatever port; netconfd takes none but its sshd's own."""
        script = self.folder / "subsystem"
        connection = f"SSH_CONNECTION='127.0.0.1 1 127.0.0.1 {self.port}'"
        script.write_text(
            f"#!/bin/sh\n{connection} USER={self.username} "
            f"exec {SUBSYSTEM} --ncxserver-sockname={self.port}@{self.socket}\n"
        )
        script.chmod(0o755)
        return script

    def target(self, *, key: Path | None = None, known_hosts: Path | None = None) -> Device:
        """How the agent reaches it; neither the user's SSH configuration nor ssh-agent has a say."""
        return Device(
            "127.0.0.1",
            self.port,
            username=self.username,
            key_file=key or self.key,
            use_agent=False,
            host_keys=HostKeys(known_hosts or self.known_hosts()),
            ssh_config=Path(os.devnull),
            timeout=60,
            open_timeout=60,
            label="netconfd",
        )

    def logs(self) -> str:
        """The end of what both servers wrote."""
        return "\n".join(
            f"--- {name}\n{(self.folder / name).read_text(errors='replace')[-_LAST_OF_LOG:]}"
            for name in ("netconfd.log", "sshd.log")
        )


@contextmanager
def running(folder: Path) -> Iterator[Netconfd]:
    """netconfd and sshd, ended with the context; all but the socket lies in *folder*.

    Raises:
        RuntimeError: they did not come up, or cannot for this user; the text has the reason or the log.
    """
    _refuse_unusable_shell()
    for attempt in range(_STARTS):
        with ExitStack() as end:
            try:
                server = _started(end, folder / str(attempt))
            except PortTaken:
                continue
            yield server
            return
    raise RuntimeError(f"{_STARTS} free ports were each taken before sshd had them")


def keygen(file: Path, kind: str = "ed25519", *options: str) -> None:
    """A new key pair without passphrase in *file* and *file*.pub."""
    words = ["ssh-keygen", "-q", "-t", kind, *options, "-N", "", "-f", str(file)]
    subprocess.run(words, check=True, stdin=subprocess.DEVNULL)


def _user() -> pwd.struct_passwd:
    return pwd.getpwuid(os.getuid())


def _refuse_unusable_shell() -> None:
    """sshd starts the subsystem by the login shell; with nologin a client sees only a session without hello."""
    user = _user()
    shell = user.pw_shell or "/bin/sh"
    try:
        said = subprocess.run([shell, "-c", "echo ready"], capture_output=True, text=True, check=False).stdout
    except OSError as error:
        said = str(error)
    if said != "ready\n":
        raise RuntimeError(
            f"{user.pw_name}'s login shell {shell} does not just run commands (it said {said.strip()!r}), and sshd "
            "starts netconf-subsystem by it: run the tests as root, or as a user whose login shell is /bin/sh"
        )


def _started(end: ExitStack, folder: Path) -> Netconfd:
    # AF_UNIX paths are short and pytest's folders long; the folder is private, since netconfd lets anybody in.
    sock = Path(end.enter_context(tempfile.TemporaryDirectory(prefix="ncx-", dir="/tmp"))) / "sock"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    _prepare(folder, port, sock)
    netconfd = [
        NETCONFD,
        f"--yuma-home={folder}/yuma",
        f"--modpath={folder}/modules:{OWN_MODULES}",
        f"--ncxserver-sockname={sock}",
        f"--port={port}",
        f"--superuser={_user().pw_name}",
        "--target=candidate",
        "--access-control=off",
        "--no-startup",
        *(f"--module={name.partition('@')[0]}" for name in FILES),
    ]
    sshd = [SSHD, "-D", "-e", "-f", str(folder / "sshd_config")]
    servers = (
        Process(netconfd, folder / "netconfd.log", lambda log: sock.exists()),
        # The log, not a connection, tells: a stranger on the same port would answer as well.
        Process(sshd, folder / "sshd.log", lambda log: f"listening on 127.0.0.1 port {port}" in log),
    )
    for server in servers:
        end.callback(server.end)
        server.start()
    return Netconfd(port, folder, end.close, *servers, sock)


def _parents() -> Iterator[tuple[int, int]]:
    """Each process with its parent's number."""
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name in parentheses may hold anything; behind it come the state and the parent.
            fields = file.read_text(errors="replace").rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):  # it has ended
            continue
        yield int(file.parent.name), int(fields[1])


def _prepare(folder: Path, port: int, sock: Path) -> None:
    (folder / "yuma" / "data").mkdir(parents=True)
    (folder / "modules").mkdir()
    for name in FILES:
        shutil.copy(directory("yang") / name, folder / "modules" / name)
    keygen(folder / "user")
    shutil.copy(folder / "user.pub", folder / "authorized_keys")
    for kind in HOST_KEYS:
        keygen(folder / f"host.{kind}", kind)
        algorithm, blob = (folder / f"host.{kind}.pub").read_text().split()[:2]
        (folder / f"known_hosts.{kind}").write_text(f"[127.0.0.1]:{port} {algorithm} {blob}\n")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # sshd's privilege separation asks for it
    options = (
        f"Port {port}",
        "ListenAddress 127.0.0.1",
        *(f"HostKey {folder}/host.{kind}" for kind in HOST_KEYS),
        f"AuthorizedKeysFile {folder}/authorized_keys",
        "PasswordAuthentication no",
        "KbdInteractiveAuthentication no",
        "PermitRootLogin prohibit-password",
        "StrictModes no",  # the key file lies below /tmp
        "UsePAM no",
        "PidFile none",
        "PermitUserRC no",
        "MaxStartups 200",
        "MaxSessions 200",
        f'Subsystem netconf "{SUBSYSTEM} --ncxserver-sockname={port}@{sock}"',
    )
    (folder / "sshd_config").write_text("\n".join(options) + "\n")
