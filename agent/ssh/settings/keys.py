"""A user's private keys, and those of ssh-agent, in the order in which they are offered."""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator
from pathlib import Path

import asyncssh

from agent.model.device import Secret
from agent.model.errors import InputError
from agent.ssh.settings.config import Settings

log = logging.getLogger(__name__)

_DEFAULT_KEYS = ("id_ed25519", "id_ecdsa", "id_rsa")


async def key_pairs(settings: Settings) -> AsyncIterator[asyncssh.SSHKeyPair]:
    """The keys to offer."""
    device = settings.device
    for path in settings.key_files:
        explicit = device.key_file is not None
        if explicit or path.exists():
            for pair in _load(path, device.key_passphrase, required=explicit):
                yield pair
    if device.key_file is not None or not device.use_agent or device.password is not None:
        return
    if settings.agent_path:
        async with asyncssh.SSHAgentClient(settings.agent_path) as agent:
            for pair in await agent.get_keys():
                yield pair
    for name in _DEFAULT_KEYS:
        path = Path("~/.ssh", name).expanduser()
        if path.exists():
            for pair in _load(path, device.key_passphrase, required=False):
                yield pair


def accepted(pair: asyncssh.SSHKeyPair) -> None:
    """It logged in."""


def _load(path: Path, passphrase: Secret | None, *, required: bool) -> list[asyncssh.SSHKeyPair]:
    try:
        return list(asyncssh.load_keypairs([os.fspath(path)], passphrase.reveal() if passphrase else None))
    except (OSError, ValueError, asyncssh.Error) as error:
        if required:
            raise InputError(f"{path}: the key cannot be used: {error}", hint="check file and passphrase") from None
        log.info("%s: passed over, the key cannot be used: %s", path, type(error).__name__)
        return []
