"""An OpenSSH client configuration, applied to a device."""

from __future__ import annotations

import getpass
import io
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import paramiko

from agent.model.address import Endpoint
from agent.model.device import Device, HostKeys
from agent.model.errors import InputError
from agent.model.local.files import read_start
from agent.ssh.settings.hostkeys import HostKeyCheck

_LARGEST_CONFIG = 1 << 20


@dataclass(frozen=True, slots=True)
class Settings:
    """A device after the SSH configuration was applied."""

    device: Device
    host: str
    port: int
    username: str
    key_files: tuple[Path, ...]
    proxy_command: str | None
    check: HostKeyCheck
    identities_only: bool = False
    agent_path: str | None = None
    kex: str | None = None
    host_keys: str | None = None
    ciphers: str | None = None
    macs: str | None = None


def settings(device: Device) -> Settings:
    config = _ssh_config(device)
    host, port = config.get("hostname", device.host), device.port
    keys = [device.key_file] if device.key_file else [Path(name) for name in config.get("identityfile", [])]
    files = config.get("userknownhostsfile", "").split()
    jump = config.get("proxyjump")
    if device.jump is None and jump and jump.lower() != "none":
        device = replace(device, jump=jump_host(jump, device.host_keys, device.ssh_config))
    return Settings(
        device=device,
        host=host,
        port=port,
        username=device.username or config.get("user") or getpass.getuser(),
        key_files=tuple(key.expanduser() for key in keys),
        proxy_command=config.get("proxycommand") if device.jump is None else None,
        check=HostKeyCheck(
            device.host_keys, host, port, device=device.name, file=Path(files[0]).expanduser() if files else None
        ),
        agent_path=os.environ.get("SSH_AUTH_SOCK")
        if device.use_agent and device.key_file is None and device.password is None
        else None,
    )


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a connection goes, and through what: a jump host, else a ProxyCommand, else directly."""

    host: str
    port: int
    jump: Device | None = None
    proxy_command: str | None = None


def destination(device: Device) -> Destination:
    """What the SSH configuration makes of *device*'s address.

    Raises:
        InputError: an SSH configuration that cannot be read.
    """
    found = settings(device)
    return Destination(found.host, found.port, found.device.jump, found.proxy_command)


def jump_host(text: str, host_keys: HostKeys, ssh_config: Path | None = None) -> Device:
    """The jump host ``[user@]host[:port]`` as a device on port 22; a list is a chain, the last one nearest the target.

    Raises:
        InputError: a part of *text* is something else.
    """
    first, _, last = text.rpartition(",")
    try:
        hop = Endpoint.parse(last.strip())
    except InputError as error:
        raise InputError(f"the jump host: {error.message}", hint=error.hint) from error
    outer = jump_host(first, host_keys, ssh_config) if first else None
    return Device(
        host=hop.host,
        port=hop.port or 22,
        username=hop.user,
        host_keys=replace(host_keys, pinned=None),
        jump=outer,
        ssh_config=ssh_config,
    )


def _ssh_config(device: Device) -> dict[str, Any]:
    path = device.ssh_config or Path("~/.ssh/config").expanduser()
    if device.ssh_config is None and not os.path.lexists(path):
        return {}
    hint = "name an OpenSSH client configuration with --ssh-config"
    data = read_start(path, _LARGEST_CONFIG + 1, hint=hint)
    if len(data) > _LARGEST_CONFIG:
        raise InputError(f"{path}: larger than 1 MiB", hint=hint)
    try:
        config = paramiko.SSHConfig()
        config.parse(io.StringIO(data.decode("utf-8")))
        return dict(config.lookup(device.host))
    except (ValueError, paramiko.SSHException) as error:
        raise InputError(f"{path}: {error}", hint=hint) from error
