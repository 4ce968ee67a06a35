"""By what two logins are the same to an AAA server that counts refusals: user name, password, keys and ssh-agent."""

from __future__ import annotations

import getpass
import hashlib
import os
import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from agent.model.device import Device, Secret
from agent.ssh.connection import destination

Digest = Callable[[Secret], bytes]
KeyFile = tuple[str, int | None, int | None]

_LONGEST_CHAIN = 8


@dataclass(frozen=True, slots=True)
class Credential:
    """What is presented at a login; a jump host's is its own, whatever it has in common with a router's.

    Attributes:
        username: None for the one that the SSH configuration has, else the user's own.
        password: its keyed digest, good for comparing within one run; neither kept nor shown.
        keys: the key files: path, when it was changed last (ns) and size, both None where it cannot be read.
        agent: the socket of the ssh-agent that is asked.
    """

    username: str | None
    password: bytes | None = field(default=None, repr=False)
    keys: tuple[KeyFile, ...] = ()
    agent: str | None = None
    jump: bool = False

    @property
    def name(self) -> str:
        """How messages call it; never with a secret."""
        whose = self.username or getpass.getuser()
        return f"{whose} at the jump host" if self.jump else whose


def keyed() -> Digest:
    """A digest of secrets that nobody can compare with another's: its key is made here, and stays in this process."""
    key = secrets.token_bytes(32)
    return lambda secret: hashlib.blake2b(secret.reveal().encode(), key=key, digest_size=16).digest()


def shared(key: bytes) -> Digest:
    """A digest that the processes of one run compare, which share its *key*; what hears of both is to find it slow.

    It is made once for each secret, with 16 MiB of memory.
    """
    quick, known, making = keyed(), dict[bytes, bytes](), threading.Lock()

    def digest(secret: Secret) -> bytes:
        one = quick(secret)
        with making:
            if one not in known:
                known[one] = hashlib.scrypt(secret.reveal().encode(), salt=key, n=1 << 14, r=8, p=1, dklen=16)
            return known[one]

    return digest


def presented(device: Device, digest: Digest) -> tuple[Credential, ...]:
    """What a connection to *device* presents: to itself, then to its jump hosts, the nearest first; each once."""
    found = [_credential(device, digest, jump=False)]
    outer = destination(device).jump
    while outer is not None and len(found) <= _LONGEST_CHAIN:
        found.append(_credential(outer, digest, jump=True))
        outer = destination(outer).jump
    return tuple(dict.fromkeys(found))


def _credential(device: Device, digest: Digest, *, jump: bool) -> Credential:
    alone = device.key_file is None and device.password is None
    return Credential(
        device.username,
        None if device.password is None else digest(device.password),
        _keys([device.key_file] if device.key_file is not None else []),
        os.environ.get("SSH_AUTH_SOCK") if device.use_agent and alone else None,
        jump,
    )


def _keys(paths: Sequence[Path]) -> tuple[KeyFile, ...]:
    found: list[KeyFile] = []
    for path in paths:
        try:
            seen = path.expanduser().stat()
        except (OSError, RuntimeError):  # connecting says why
            found.append((str(path), None, None))
        else:
            found.append((str(path), seen.st_mtime_ns, seen.st_size))
    return tuple(found)
