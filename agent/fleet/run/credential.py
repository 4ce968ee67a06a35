"""By what two logins are the same to an AAA server that counts refusals: user name, password, keys and ssh-agent."""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from agent.model.device import Device, Secret
from agent.ssh.settings.config import Settings, settings

Digest = Callable[[Secret], bytes]
KeyFile = tuple[str, int | None, int | None]

_LONGEST_CHAIN = 8


@dataclass(frozen=True, slots=True)
class Credential:
    """What is presented at a login; a jump host's is its own, whatever it has in common with a router's.

    Attributes:
        password: its keyed digest, good for comparing within one run; neither kept nor shown.
        keys: the key files: path, when it was changed last (ns) and size, both None where it cannot be read. Where a
            password is given, those that the SSH configuration has for each router do not tell credentials apart.
        agent: the socket of the ssh-agent that is asked.
    """

    username: str
    password: bytes | None = field(default=None, repr=False)
    keys: tuple[KeyFile, ...] = ()
    agent: str | None = None
    jump: bool = False

    @property
    def name(self) -> str:
        """How messages call it; never with a secret."""
        return f"{self.username} at the jump host" if self.jump else self.username


def keyed() -> Digest:
    """A digest of secrets that nobody can compare with another's: its key is made here, and stays in this process."""
    key = secrets.token_bytes(32)
    return lambda secret: hashlib.blake2b(secret.reveal().encode(), key=key, digest_size=16).digest()


@lru_cache(16)
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


def presented(device: Device, digest: Digest, known: Settings | None = None) -> tuple[Credential, ...]:
    """What a connection to *device* presents: to itself, then to its jump hosts, the nearest first; each once.

    *known*: its settings, where they are.

    Raises:
        InputError: an SSH configuration that cannot be read.
    """
    found: list[Credential] = []
    hop: Device | None = device
    while hop is not None and len(found) <= _LONGEST_CHAIN:
        said, password = known or settings(hop), hop.password
        secret = None if password is None else digest(password)
        files = (*said.key_files, *said.default_key_files)
        keys = _keys(files) if password is None or hop.key_file is not None else ()
        found.append(Credential(said.username, secret, keys, said.agent_path, jump=hop is not device))
        hop, known = said.device.jump, None
    return tuple(dict.fromkeys(found))


def _keys(paths: Sequence[Path]) -> tuple[KeyFile, ...]:
    found: list[KeyFile] = []
    for path in paths:
        try:
            seen = path.stat()
        except OSError:  # connecting says why
            found.append((str(path), None, None))
        else:
            found.append((str(path), seen.st_mtime_ns, seen.st_size))
    return tuple(found)
