"""An asyncssh server in front of netconfd, for algorithms that OpenSSH has no more."""

from __future__ import annotations

import asyncio
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import asyncssh

from agent.model.device import Device
from tests.interop.netconfd import Netconfd
from tests.interop.sshd import Keys, target
from tests.ssh.server import served


async def _pumped(source: Any, sink: Any) -> None:
    try:
        with suppress(asyncssh.Error, OSError):
            while data := await source.read(65536):
                sink.write(data)
    finally:
        sink.close()


@contextmanager
def _subsystem(netconfd: Netconfd) -> Iterator[socket.socket]:
    ours, theirs = socket.socketpair()
    with theirs, subprocess.Popen([netconfd.subsystem], stdin=theirs.fileno(), stdout=theirs.fileno()) as process:
        try:
            yield ours
        finally:
            process.kill()


@contextmanager
def by_asyncssh(netconfd: Netconfd, keys: Keys, folder: Path, host_key: str) -> Iterator[Device]:
    """As :func:`tests.interop.sshd.sshd`, with one host key of the algorithm *host_key*."""
    key = asyncssh.generate_private_key(host_key)

    async def process(channel: asyncssh.SSHServerProcess[bytes]) -> None:
        with _subsystem(netconfd) as below:
            reader, writer = await asyncio.open_connection(sock=below)
            await asyncio.gather(_pumped(channel.stdin, writer), _pumped(reader, channel.stdout))
        channel.exit(0)

    options: dict[str, Any] = {
        "process_factory": process,
        "encoding": None,
        "server_host_keys": [key],
        "signature_algs": [host_key, "ssh-ed25519"],
        "authorized_client_keys": str(keys.authorized),
    }
    with served(**options) as port:
        public = " ".join(key.export_public_key().decode().split()[:2])
        (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {public}\n")
        yield target(netconfd, keys, port, folder / "known_hosts")
