"""What is tried against real SSH servers, and what is to come of it; docs/ssh.md has it as a table.

``python -m tests.interop.rows`` prints that table.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

from agent.ssh.peer.negotiation import CIPHER, KEX, KINDS, MAC, Kind

_NO_AEAD = "Ciphers aes128-ctr"  # which needs a MAC


@dataclass(frozen=True)
class Row:
    """A server, by that in which it is restricted.

    Attributes:
        options: as of sshd.
        missing: the first kind of which nothing is in common by default; None where it is reached.
        legacy: whether ``--legacy-ssh`` reaches it.
        key: the user's key that is given.
        server: ``OpenSSH``, or ``asyncssh`` for what newer OpenSSH has no more.
    """

    name: str
    options: tuple[str, ...]
    missing: Kind | None = None
    legacy: bool = True
    key: str = "ed25519"
    server: str = "OpenSSH"

    @property
    def refused(self) -> bool:
        """Whether the login is refused by default: that of an RSA key, which may sign with SHA-1 alone."""
        return "PubkeyAcceptedAlgorithms ssh-rsa" in self.options

    @property
    def ssh_config(self) -> tuple[str, ...]:
        """What lets it be reached without ``--legacy-ssh``."""
        if self.refused:
            return ("PubkeyAcceptedAlgorithms +ssh-rsa",)
        needed = [(kind, names) for kind, names in self.offers.items() if not set(names) & set(kind.modern)]
        return tuple(f"{kind.option} +{','.join(names)}" for kind, names in needed) if self.legacy else ()

    @property
    def offers(self) -> dict[Kind, tuple[str, ...]]:
        """The kinds in which the server is restricted, with all that it has of each."""
        said = dict(option.split() for option in self.options)
        return {kind: tuple(said[kind.option].split(",")) for kind in KINDS if kind.option in said}


def _only(kind: Kind, *names: str, legacy: bool = True) -> Row:
    options = (f"{kind.option} {','.join(names)}", *((_NO_AEAD,) if kind is MAC else ()))
    name = f"{kind.name} {', '.join(f'`{one}`' for one in names)}"
    missing = None if set(names) & set(kind.modern) else kind
    return Row(name, options, missing, legacy, server="asyncssh" if "ssh-dss" in names else "OpenSSH")


_SHA1 = ("KexAlgorithms diffie-hellman-group14-sha1", "HostKeyAlgorithms ssh-rsa", "MACs hmac-sha1", _NO_AEAD)
_OLD = (
    "KexAlgorithms diffie-hellman-group14-sha1,diffie-hellman-group1-sha1",
    "HostKeyAlgorithms ssh-rsa",
    "Ciphers aes128-cbc,aes192-cbc,aes256-cbc,3des-cbc",
    "MACs hmac-sha1-96,hmac-md5",
)
_SIGNATURES = ("rsa-sha2-512", "rsa-sha2-256", "ssh-rsa")

ROWS = (
    Row("what OpenSSH has by default", ()),
    *(_only(kind, name) for kind in KINDS for name in kind.modern if not name.startswith("mlkem")),
    *(_only(kind, name) for kind in KINDS for name in kind.legacy),
    _only(CIPHER, *CIPHER.legacy),
    _only(KEX, "sntrup761x25519-sha512@openssh.com", legacy=False),
    Row("SHA-1 in key exchange, host key and MAC", _SHA1, KEX),
    Row("SHA-1, CBC and MD5 in all of them", _OLD, KEX),
    *(
        Row(f"RSA user keys that sign by `{name}`", (f"PubkeyAcceptedAlgorithms {name}",), key="rsa")
        for name in _SIGNATURES
    ),
)


def table() -> str:
    """The rows as Markdown."""
    lines = [
        "| the server takes only | by default | with `--legacy-ssh` | or, in ssh_config |",
        "| --- | --- | --- | --- |",
    ]
    return "\n".join((*lines, *map(_line, ROWS))) + "\n"


def _line(row: Row) -> str:
    by_default = "reached"
    if row.missing is not None:
        by_default = f"no {row.missing.name} algorithm in common"
    elif row.refused:
        by_default = "login refused"
    legacy = "reached" if row.legacy else f"no {row.missing.name if row.missing else ''} algorithm in common"
    server = "" if row.server == "OpenSSH" else f" ({row.server})"
    return f"| {row.name}{server} | {by_default} | {legacy} | {', '.join(f'`{line}`' for line in row.ssh_config)} |"


if __name__ == "__main__":
    sys.stdout.write(table())
