"""Debian's netconfd behind OpenSSH's sshd, on loopback, with the project's YANG modules loaded."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from agent.model.device import Device, HostKeys
from agent.model.resources import directory

NETCONFD, SSHD, SUBSYSTEM = "/usr/sbin/netconfd", "/usr/sbin/sshd", "/usr/sbin/netconf-subsystem"
FILES = (
    "Cisco-IOS-XR-um-crypto-cfg@2022-05-30.yang",
    "Cisco-IOS-XR-crypto-act@2016-04-17.yang",
    "Cisco-IOS-XR-crypto-cepki-oper@2022-04-06.yang",
    "Cisco-IOS-XR-infra-smartlicense-oper@2019-04-05.yang",
    "Cisco-IOS-XR-smart-license-act@2020-07-09.yang",
    "Cisco-IOS-XR-install-oper@2020-07-23.yang",
)


def missing() -> list[str]:
    """The programs that are not installed."""
    return [path for path in (NETCONFD, SSHD, SUBSYSTEM) if not Path(path).exists()]


@dataclass(frozen=True)
class Netconfd:
    """A running server."""

    port: int
    folder: Path

    @property
    def key(self) -> Path:
        """The user's private key."""
        return self.folder / "user"

    @property
    def known_hosts(self) -> Path:
        """A file with the server's host key."""
        return self.folder / "known_hosts"

    def target(self) -> Device:
        """How the agent reaches it."""
        return Device(
            "127.0.0.1",
            self.port,
            username=getpass.getuser(),
            key_file=self.key,
            host_keys=HostKeys(self.known_hosts),
            timeout=20,
            open_timeout=20,
            label="netconfd",
        )


@contextmanager
def running(folder: Path) -> Iterator[Netconfd]:
    """netconfd and sshd, ended with the context; their logs are in *folder*."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with ExitStack() as end:
        # AF_UNIX paths are short; pytest's folders are long.
        sock = Path(f"/tmp/netconfd-{port}.sock")
        end.callback(sock.unlink, missing_ok=True)
        _prepare(folder, port, sock)
        modules = [f"--module={name.partition('@')[0]}" for name in FILES]
        _start(
            end,
            folder / "netconfd.log",
            [
                NETCONFD,
                f"--yuma-home={folder}/yuma",
                f"--modpath={folder}/modules:/usr/share/yuma/modules",
                f"--ncxserver-sockname={sock}",
                f"--port={port}",
                f"--superuser={getpass.getuser()}",
                "--target=candidate",
                "--access-control=off",
                "--no-startup",
                *modules,
            ],
        )
        _until(sock.exists, folder / "netconfd.log")
        _start(end, folder / "sshd.log", [SSHD, "-D", "-e", "-f", str(folder / "sshd_config")])
        _until(lambda: _listens(port), folder / "sshd.log")
        yield Netconfd(port, folder)


def _prepare(folder: Path, port: int, sock: Path) -> None:
    (folder / "yuma" / "data").mkdir(parents=True)
    (folder / "modules").mkdir()
    for name in FILES:
        shutil.copy(directory("yang") / name, folder / "modules" / name)
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    shutil.copy(folder / "user.pub", folder / "authorized_keys")
    public = (folder / "host.pub").read_text().split()
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {public[0]} {public[1]}\n")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    (folder / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/authorized_keys\n"
        "StrictModes no\nUsePAM no\nPermitRootLogin yes\nPidFile none\nMaxStartups 200\nMaxSessions 200\n"
        f'Subsystem netconf "{SUBSYSTEM} --ncxserver-sockname={port}@{sock}"\n'
    )


def _start(end: ExitStack, log: Path, words: list[str]) -> None:
    with log.open("wb") as output:
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)

    def stop() -> None:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)

    end.callback(stop)


def _until(ready: object, log: Path) -> None:
    assert callable(ready)
    for _ in range(300):
        if ready():
            return
        time.sleep(0.05)
    raise AssertionError(f"the server did not come up:\n{log.read_text(errors='replace')}")


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
