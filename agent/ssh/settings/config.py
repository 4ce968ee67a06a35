"""How a router or a jump host is connected to: what the caller gave, and what the SSH configuration adds to it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

from agent.model.address import Endpoint
from agent.model.device import Device, HostKeys
from agent.model.errors import InputError
from agent.model.local.user import user_name
from agent.ssh.settings.hostkeys import HostKeyCheck
from agent.ssh.settings.lookup import Options, Tokens, at_home, expanded

USER_KNOWN_HOSTS = ("~/.ssh/known_hosts", "~/.ssh/known_hosts2")
GLOBAL_KNOWN_HOSTS = (Path("/etc/ssh/ssh_known_hosts"), Path("/etc/ssh/ssh_known_hosts2"))

_DEFAULT_KEYS = ("id_ed25519", "id_ecdsa", "id_rsa")
_LONGEST_CHAIN = 8
_COMMAND_TOKENS = "%hknpr"
_VARIABLE = re.compile(r"\$[A-Za-z_]\w*")


@dataclass(frozen=True, slots=True)
class Settings:
    """A device after the SSH configuration was applied.

    Attributes:
        device: with its jump hosts, those of ``ProxyJump`` where it names none.
        host, port: what is connected to; the port is the caller's, since NETCONF's is not SSH's.
        proxy_command: ``ProxyCommand`` with its tokens, for a shell; None where there is none, or a jump host.
        judging: makes a judgement over the host key by the known-hosts files as they are then.
        checking: gives :attr:`check`, the same each time; no known-hosts file is read before.
        key_files: ``--key``, else each ``IdentityFile``; *default_key_files* are offered after the agent's keys.
        certificate_files: each ``CertificateFile``.
        agent_path: the socket of the ssh-agent to ask, or None.
        kex, host_keys, ciphers, macs, signatures: ``KexAlgorithms``, ``HostKeyAlgorithms``, ``Ciphers``, ``MACs`` and
            ``PubkeyAcceptedAlgorithms`` as they are written, with what begins them (``+``, ``-``, ``^``), else None.
    """

    device: Device
    host: str
    port: int
    username: str
    proxy_command: str | None
    judging: Callable[[], HostKeyCheck]
    checking: Callable[[], HostKeyCheck]
    key_files: tuple[Path, ...]
    default_key_files: tuple[Path, ...]
    certificate_files: tuple[Path, ...]
    identities_only: bool
    agent_path: str | None
    kex: str | None
    host_keys: str | None
    ciphers: str | None
    macs: str | None
    signatures: str | None

    @property
    def check(self) -> HostKeyCheck:
        """The judgement over the host key, by every known-hosts file.

        Raises:
            InputError: one of them cannot be read, with the line where it is one.
        """
        return self.checking()

    def anew(self) -> Settings:
        """The same for another connection: an earlier one may have added to the known hosts."""
        return replace(self, checking=cache(self.judging))

    @property
    def destination(self) -> Destination:
        """Where the connection goes, and through what."""
        return Destination(self.host, self.port, self.device.jump, self.proxy_command)


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a connection goes, and through what: a jump host, else a ProxyCommand, else directly."""

    host: str
    port: int
    jump: Device | None = None
    proxy_command: str | None = None

    @property
    def through(self) -> str | None:
        """In words what leads there, where that is no connection of our own."""
        if self.jump is not None:
            return f"the jump host {self.jump.name}"
        return None if self.proxy_command is None else "a ProxyCommand"


def settings(device: Device) -> Settings:
    """Everything that is known of the connection to *device* before there is one.

    Raises:
        InputError: an SSH configuration that cannot be read, with the line where it is one; jump hosts in a circle; no
            user name.
    """
    options, device = _routed(device)
    username = _username(device, options)
    tokens = cache(lambda: options.tokens(username))  # most configurations need none
    keys, defaults = _key_files(device, options, tokens)
    judging = _checking(device, options, tokens)
    return Settings(
        device=device,
        host=options.host,
        port=device.port,
        username=username,
        proxy_command=_proxy_command(device, options, tokens),
        judging=judging,
        checking=cache(judging),
        key_files=keys,
        default_key_files=defaults,
        certificate_files=tuple(options.paths("certificatefile", tokens) or ()),
        identities_only=options.flag("identitiesonly", False),
        agent_path=_agent_path(device, options, tokens),
        kex=options.one("kexalgorithms"),
        host_keys=options.one("hostkeyalgorithms"),
        ciphers=options.one("ciphers"),
        macs=options.one("macs"),
        signatures=options.one("pubkeyacceptedalgorithms"),
    )


def destination(device: Device) -> Destination:
    """What the SSH configuration makes of *device*'s address.

    Raises:
        InputError: an SSH configuration that cannot be read, or jump hosts in a circle.
    """
    options, device = _routed(device)
    command = None
    if device.jump is None and options.one("proxycommand") is not None:
        command = _proxy_command(device, options, lambda: options.tokens(_username(device, options)))
    return Destination(options.host, device.port, device.jump, command)


def jump_host(text: str, host_keys: HostKeys, ssh_config: Path | None = None) -> Device:
    """The jump host ``[user@]host[:port]`` as a device; a list is a chain, the last one nearest the target.

    Without a port it has the one that the SSH configuration says, else 22.

    Raises:
        InputError: a part of *text* is something else, or an SSH configuration that cannot be read.
    """
    first, _, last = text.rpartition(",")
    try:
        hop = Endpoint.parse(last.strip())
    except InputError as error:
        raise InputError(f"the jump host: {error.message}", hint=error.hint) from error
    port = hop.port or int(Options(hop.host, ssh_config, username=hop.user).one("port") or 22)
    return Device(
        host=hop.host,
        port=port,
        username=hop.user,
        host_keys=replace(host_keys, pinned=None),
        jump=jump_host(first, host_keys, ssh_config) if first else None,
        ssh_config=ssh_config,
    )


def _routed(device: Device, before: Sequence[tuple[str, int, str | None]] = ()) -> tuple[Options, Device]:
    """What the SSH configuration says of *device*, and *device* with all its jump hosts."""
    this = (device.host.lower(), device.port, device.username)
    if this in before or len(before) > _LONGEST_CHAIN:
        way = " → ".join(f"{host}:{port}" for host, port, _ in (*before, this))
        raise InputError(
            f"its jump hosts go in a circle: {way}"
            if this in before
            else f"more than {_LONGEST_CHAIN} jump hosts: {way}",
            hint="a Host pattern with ProxyJump is for the jump host as well: exclude it with !name",
        )
    options = Options(device.host, device.ssh_config, port=device.port, username=device.username)
    jump = device.jump
    text = options.one("proxyjump")
    if jump is None and text is not None and text.lower() != "none":
        known = partial(_of, lambda: options.tokens(_username(device, options)))
        text = expanded(text, known, options.where("proxyjump"))
        jump = jump_host(text, device.host_keys, device.ssh_config)
    if jump is not None:
        jump = _routed(jump, (*before, this))[1]
    return options, device if jump is device.jump else replace(device, jump=jump)


def _of(tokens: Tokens) -> dict[str, str | None]:
    """The tokens that ProxyCommand and ProxyJump know."""
    known = tokens()
    return {letter: known[letter] for letter in _COMMAND_TOKENS}


def _username(device: Device, options: Options) -> str:
    if device.username is not None:
        return device.username
    written = options.one("user")
    if written is None:
        return _own_name(device)
    where = options.where("user")
    # It is part of %r and %C itself.
    name = expanded(written, lambda: {**options.tokens(""), "r": None, "C": None}, where, environment=True)
    if not name.isprintable():  # as are bytes that are no UTF-8
        raise InputError(f"{where}: the user is no plain text", hint="give --username")
    return name


def _own_name(device: Device) -> str:
    """Who works here, as far as that is a name."""
    given = os.environ.get("LOGNAME") or os.environ.get("USER") or user_name()
    if given == str(os.getuid()):
        raise InputError("there is no user name", device=device.name, hint="give --username")
    return given


def _proxy_command(device: Device, options: Options, tokens: Tokens) -> str | None:
    text = options.one("proxycommand")
    if device.jump is not None or text is None or text.lower() == "none":
        return None
    return expanded(text, partial(_of, tokens), options.where("proxycommand"), run=True)


def _checking(device: Device, options: Options, tokens: Tokens) -> Callable[[], HostKeyCheck]:
    user = options.paths("userknownhostsfile", tokens)
    if device.host_keys.known_hosts is not None:
        user = [device.host_keys.known_hosts]
    elif user is None:
        user = [Path(at_home(name)) for name in USER_KNOWN_HOSTS]
    everybody = options.words("globalknownhostsfile")
    of_system = (
        GLOBAL_KNOWN_HOSTS if everybody is None else [Path(name) for name in everybody if name.lower() != "none"]
    )
    revoked = options.paths("revokedhostkeys", tokens)
    return partial(
        HostKeyCheck,
        device.host_keys,
        options.host,
        device.port,
        device=device.name,
        files=user,
        global_files=of_system,
        revoked=revoked[0] if revoked else None,
        alias=options.one("hostkeyalias"),
    )


def _key_files(device: Device, options: Options, tokens: Tokens) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """The key files that are named, and those that ssh offers where none is."""
    if device.key_file is not None:
        return (device.key_file,), ()
    if not options.flag("pubkeyauthentication", True):
        return (), ()
    named = options.paths("identityfile", tokens)
    if named is not None:
        return tuple(named), ()
    if not device.use_agent or device.password is not None:
        return (), ()
    return (), tuple(Path(at_home("~/.ssh"), name) for name in _DEFAULT_KEYS)


def _agent_path(device: Device, options: Options, tokens: Tokens) -> str | None:
    if not device.use_agent or device.key_file is not None or device.password is not None:
        return None
    if not options.flag("pubkeyauthentication", True):
        return None
    written = options.one("identityagent") or "SSH_AUTH_SOCK"
    if written.lower() == "none":
        return None
    if written == "SSH_AUTH_SOCK":
        return os.environ.get(written) or None
    if _VARIABLE.fullmatch(written):
        return os.environ.get(written[1:]) or None
    return expanded(at_home(written), tokens, options.where("identityagent"), environment=True)
