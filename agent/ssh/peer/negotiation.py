"""Which SSH algorithms are offered, and what to do where a server has none of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from typing import TYPE_CHECKING, Any

from agent.model.device import Device
from agent.model.errors import InputError, SSHNegotiationError
from agent.ssh.peer.service import Service
from agent.ssh.settings.localuser import STAND_IN

if TYPE_CHECKING:
    from agent.ssh.settings.config import Settings


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """One of the lists that two sides agree by (RFC 4253 section 7.1).

    Attributes:
        name: as messages call it.
        option: of ssh_config; argument: of asyncssh.
        modern, legacy: offered by default, and behind those with ``legacy_ssh``; in the order of preference.
        router: the words of IOS XR's ``ssh server algorithms`` for it.
    """

    name: str
    option: str
    argument: str
    modern: tuple[str, ...]
    legacy: tuple[str, ...]
    router: str


# As OpenSSH offers them since 10.0, hmac-sha1 at the end included; AES-GCM comes first, since it costs least here.
KEX = Kind(
    "key exchange",
    "KexAlgorithms",
    "kex_algs",
    (
        *("mlkem768x25519-sha256", "curve25519-sha256", "curve25519-sha256@libssh.org"),
        *("ecdh-sha2-nistp256", "ecdh-sha2-nistp384", "ecdh-sha2-nistp521", "diffie-hellman-group-exchange-sha256"),
        *("diffie-hellman-group16-sha512", "diffie-hellman-group18-sha512", "diffie-hellman-group14-sha256"),
    ),
    ("diffie-hellman-group14-sha1", "diffie-hellman-group-exchange-sha1", "diffie-hellman-group1-sha1"),
    "key-exchange ecdh-sha2-nistp256",
)
HOST_KEY = Kind(
    "host key",
    "HostKeyAlgorithms",
    "server_host_key_algs",
    (
        *("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"),
        *("rsa-sha2-512", "rsa-sha2-256"),
    ),
    ("ssh-rsa", "ssh-dss"),
    "host-key ecdsa-nistp256",
)
CIPHER = Kind(
    "encryption",
    "Ciphers",
    "encryption_algs",
    (
        *("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com"),
        *("aes128-ctr", "aes192-ctr", "aes256-ctr"),
    ),
    ("aes128-cbc", "aes192-cbc", "aes256-cbc", "3des-cbc"),
    "cipher aes128-gcm aes256-ctr",
)
MAC = Kind(
    "MAC",
    "MACs",
    "mac_algs",
    (
        *("hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha1-etm@openssh.com"),
        *("hmac-sha2-256", "hmac-sha2-512", "hmac-sha1"),
    ),
    ("hmac-sha1-96", "hmac-md5"),
    "mac hmac-sha2-256",
)
KINDS = (KEX, HOST_KEY, CIPHER, MAC)
_CERTIFIED = "-cert-v01@openssh.com"
_SIGNATURE = Kind(
    "signature",
    "PubkeyAcceptedAlgorithms",
    "signature_algs",
    (*HOST_KEY.modern, "sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"),
    HOST_KEY.legacy,
    "",
)


def offered(settings: Settings) -> dict[str, tuple[str, ...]]:
    """What is offered of each kind, by asyncssh's names of the arguments; of host keys first those that are on record.

    Raises:
        InputError: the SSH configuration leaves nothing of a kind.
    """
    written = (settings.kex, settings.host_keys, settings.ciphers, settings.macs)
    found = {kind.argument: _chosen(kind, text, settings.device) for kind, text in zip(KINDS, written, strict=True)}
    keys = settings.check.algorithms(found[HOST_KEY.argument])
    if settings.check.authorities:
        keys = (*(f"{name}{_CERTIFIED}" for name in keys if _known(HOST_KEY, f"{name}{_CERTIFIED}")), *keys)
    found[HOST_KEY.argument] = keys
    return found


def signatures(settings: Settings) -> tuple[str, ...]:
    """By what algorithms a user's key may sign; errors as of :func:`offered`."""
    return _chosen(_SIGNATURE, settings.signatures, settings.device)


@dataclass(frozen=True, slots=True)
class Offer:
    """What a server says before anything is negotiated.

    Attributes:
        version: its identification string (RFC 4253 section 4.2), such as ``SSH-2.0-Cisco-2.0``.
        algorithms: by :class:`Kind`'s ``name``, as named on the wire, in its order; empty until its KEXINIT came.
    """

    version: str = ""
    algorithms: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def nothing_in_common(
    theirs: Offer, ours: Mapping[str, Sequence[str]], device: Device, service: Service
) -> SSHNegotiationError | None:
    """The error where a server's offer and *ours* (by asyncssh's arguments) have nothing of one kind in common."""
    for kind in KINDS:
        named, own = theirs.algorithms.get(kind.name, ()), ours[kind.argument]
        if not named or set(named) & set(own) or (kind is MAC and _needs_no_mac(theirs, ours)):
            continue
        return SSHNegotiationError(
            f"no {kind.name} algorithm in common: {service.who} offers {', '.join(named)}; here {', '.join(own)}",
            device=device.name,
            hint=_advice(kind, named, device, service),
            what=kind.name,
            ours=own,
            theirs=named,
        )
    return None


def taken(theirs: Offer, ours: Mapping[str, Sequence[str]]) -> dict[Kind, str]:
    """What two offers come to (RFC 4253 section 7.1): of each kind the first of *ours* that the server has."""
    found = {}
    for kind in KINDS:
        name = next((name for name in ours[kind.argument] if name in theirs.algorithms.get(kind.name, ())), None)
        if name is not None and not (kind is MAC and _needs_no_mac(theirs, ours)):
            found[kind] = name
    return found


def _needs_no_mac(theirs: Offer, ours: Mapping[str, Sequence[str]]) -> bool:
    """Whether the cipher that is taken brings its own."""
    taken = next((name for name in ours[CIPHER.argument] if name in theirs.algorithms[CIPHER.name]), "")
    return "-gcm@" in taken or "-poly1305@" in taken


def _advice(kind: Kind, theirs: Sequence[str], device: Device, service: Service) -> str:
    usable = [name for name in theirs if _known(kind, name)]
    if service is not Service.JUMP and not device.legacy_ssh and set(usable) & set(kind.legacy):
        here = "here, for a server that cannot: --legacy-ssh"
    elif usable:
        here = f"here: '{kind.option} +{','.join(usable)}' in the SSH configuration"
    else:
        here = "here nothing helps: none of them is known"
    if service is Service.JUMP:
        return f"on the jump host: enable another {kind.name} algorithm; {here}"
    command = f"'ssh server algorithms {kind.router}'"
    if kind is HOST_KEY:
        command = f"'crypto key generate ecdsa nistp256' in exec mode, and {command}"
    return f"on the router: {command}; {here}"


def _chosen(kind: Kind, written: str | None, device: Device) -> tuple[str, ...]:
    """The names for *kind*, by ssh_config(5): a list, or one that is added (+), put in front (^) or taken away (-)."""
    default = _available(kind, legacy=device.legacy_ssh)
    if not written:
        return default
    sign, text = (written[0], written[1:]) if written[0] in "+-^" else ("", written)
    patterns = text.split(",")
    if sign == "-":
        chosen = tuple(name for name in default if not any(fnmatchcase(name, pattern) for pattern in patterns))
    else:
        named = tuple(name for pattern in patterns for name in _matching(kind, pattern))
        chosen = tuple(dict.fromkeys({"": named, "+": (*default, *named), "^": (*named, *default)}[sign]))
    if not chosen:
        raise InputError(
            f"{kind.option} {written}: none of these is known here",
            device=device.name,
            hint=f"known are {', '.join(_available(kind, legacy=True))}",
        )
    return chosen


def _matching(kind: Kind, pattern: str) -> tuple[str, ...]:
    if not any(sign in pattern for sign in "*?"):
        return (pattern,) if _known(kind, pattern) else ()
    return tuple(name for name in _available(kind, legacy=True) if fnmatchcase(name, pattern))


@cache
def _available(kind: Kind, *, legacy: bool) -> tuple[str, ...]:
    return tuple(name for name in (*kind.modern, *(kind.legacy if legacy else ())) if _known(kind, name))


@cache
def _known(kind: Kind, name: str) -> bool:
    """Whether asyncssh and the cryptography below it have the algorithm here."""
    import asyncssh

    make: Callable[..., Any] = asyncssh.SSHClientConnectionOptions
    try:
        with STAND_IN.here():
            make(config=None, client_keys=None, username="-", **{kind.argument: [name]})
    except ValueError:
        return False
    return True
