"""What the SSH server of a replay offers: what the recorded one did, as far as asyncssh can."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import asyncssh

from agent.recording.events import Opened, Way

PASSWORD, KEYBOARD = "password", "keyboard-interactive"
_WHAT = {"kex_algs": "key exchange", "encryption_algs": "encryption", "mac_algs": "MAC"}
_PREFIX = "SSH-2.0-"
_DEFAULT_KEY = "ssh-ed25519"
_RSA = ("rsa-sha2-256", "rsa-sha2-512", "ssh-rsa")


class Offer:
    """One port's.

    Attributes:
        version: behind ``SSH-2.0-``.
        keys: one host key of each kind that was offered, that which was shown first.
        names: the algorithms by asyncssh's arguments, in the order of the recording; empty for asyncssh's own.
        methods: the login methods; none where anybody is let in.
        notes: what the recorded server offered and this one cannot, in words.
    """

    def __init__(self, opened: Opened | None) -> None:
        self.notes: list[str] = []
        opened = opened or Opened(at=0.0, session=1, way=Way.PROBE)
        said = opened.server or _PREFIX
        self.version = said.removeprefix(_PREFIX) if said.startswith(_PREFIX) else said.rpartition("-")[2]
        if opened.server and not opened.server.startswith(_PREFIX):
            self.notes.append(f"identification {opened.server}")
        lists = {"kex_algs": opened.kex, "encryption_algs": opened.ciphers, "mac_algs": opened.macs}
        self.names = {argument: self._known(argument, names) for argument, names in lists.items()}
        self.names["server_host_key_algs"] = self._with_key(opened.host_algorithms)
        shown = _kind(opened.host_key or "") if opened.host_key else None
        kinds = dict.fromkeys(filter(None, (shown, *(_kind(name) for name in self.names["server_host_key_algs"]))))
        self.keys = [key(kind) for kind in kinds if _makes(kind)] or [key(_DEFAULT_KEY)]
        self.methods = tuple(name for name in opened.methods if name in (PASSWORD, KEYBOARD, "publickey"))
        self.banner = "\n".join(opened.banner)

    @property
    def public_key(self) -> str:
        """The first host key as an OpenSSH line without comment."""
        return " ".join(self.keys[0].export_public_key().decode().split()[:2])

    def options(self) -> dict[str, Any]:
        """Of asyncssh's server."""
        own = {name: names for name, names in self.names.items() if names and name in _WHAT}
        return {"server_host_keys": self.keys, "server_version": self.version or "Cisco-2.0", **own}

    def _known(self, argument: str, names: Sequence[str]) -> list[str]:
        good = [name for name in names if _works(argument, name)]
        self._without(_WHAT[argument], [name for name in names if name not in good])
        return good

    def _with_key(self, names: Sequence[str]) -> list[str]:
        good = [name for name in names if _makes(_kind(name))]
        self._without("host key", [name for name in names if name not in good])
        return good

    def _without(self, what: str, names: Sequence[str]) -> None:
        names = [name for name in names if not name.startswith(("kex-strict-", "ext-info-"))]
        if names:
            self.notes.append(f"{what} {', '.join(names)}")


def _kind(algorithm: str) -> str:
    """The kind of key by which a host algorithm signs."""
    return "ssh-rsa" if algorithm in _RSA else algorithm


@cache
def key(kind: str) -> asyncssh.SSHKey:
    """A host key, made once in a process."""
    return asyncssh.generate_private_key(kind)


@cache
def _makes(kind: str) -> bool:
    return kind == "ssh-rsa" or kind == _DEFAULT_KEY or kind.startswith("ecdsa-sha2-nistp")


@cache
def _works(argument: str, name: str) -> bool:
    made: Callable[..., Any] = asyncssh.SSHServerConnectionOptions
    try:
        made(server_host_keys=[key(_DEFAULT_KEY)], **{argument: [name]})
    except ValueError:
        return False
    return True
