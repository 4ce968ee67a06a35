"""The user's own keys, in the order in which to offer them: files, and what ssh-agent holds."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import re
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncssh

from agent.model.device import Secret
from agent.model.errors import InputError
from agent.model.local.files import read_start
from agent.ssh.settings.config import Settings
from agent.ssh.settings.filecache import FileCache

log = logging.getLogger(__name__)

_LARGEST_FILE = 1 << 20
_LOCKED = "Passphrase"  # how asyncssh's KeyImportError begins where there is none
_MALFORMED = (ValueError, TypeError, OverflowError, re.error)  # what asyncssh raises over bytes that are no key
_PUTTY = b"PuTTY-User-Key-File-"
_TO_AGENT = "load it into ssh-agent"

_good: set[bytes] = set()


class _Unusable(Exception):
    """Why a key file cannot be used, and what to do."""

    def __init__(self, what: str, hint: str) -> None:
        super().__init__(what)
        self.hint = hint


_Key = asyncssh.SSHKey | _Unusable
_keys: FileCache[_Key] = FileCache()
_public: FileCache[asyncssh.SSHKey | None] = FileCache()
_certificates: FileCache[asyncssh.SSHCertificate | None] = FileCache()


async def key_pairs(settings: Settings) -> AsyncGenerator[asyncssh.SSHKeyPair, None]:
    """Keys to log in with, each once: those that logged in before in this process, files that are named, those files'
    keys in the agent, its others, default files.

    The agent is asked for signatures until the iterator is closed.

    Raises:
        InputError: the file of ``--key`` cannot be used.
    """
    named = await _of_files(settings, settings.key_files)
    default = await _of_files(settings, settings.default_key_files)
    agent = await _connected(settings.agent_path)
    try:
        held = await _held(agent)
        wanted = _wanted(settings)
        first = [pair for pair in held if pair.key_public_data in wanted]
        others = [] if settings.identities_only else [pair for pair in held if pair not in first]
        pairs: dict[bytes, asyncssh.SSHKeyPair] = {}
        for pair in (*named, *first, *others, *default):
            pairs.setdefault(pair.public_data, pair)
        for pair in sorted(pairs.values(), key=lambda pair: pair.public_data not in _good):
            yield pair
    finally:
        if agent is not None:
            agent.close()
            await agent.wait_closed()


def accepted(pair: asyncssh.SSHKeyPair) -> None:
    """Remember that *pair* logged in: it is offered first from now on, before a server has counted too many others."""
    _good.add(pair.public_data)


async def _of_files(settings: Settings, paths: Sequence[Path]) -> list[asyncssh.SSHKeyPair]:
    required = settings.device.key_file is not None
    found: list[asyncssh.SSHKeyPair] = []
    for path in paths:
        if not (required or _present(path)):
            continue
        key = await _loaded(path, settings.device.key_passphrase)
        if isinstance(key, asyncssh.SSHKey):
            # A pair keeps what one connection negotiated, so each gets its own.
            found += asyncssh.load_keypairs([key], certlist=list(_certificates_of(settings, path)))
        elif required:
            raise InputError(f"{path}: the key cannot be used: {key}", hint=key.hint)
        else:
            log.info("%s: passed over, the key cannot be used: %s", path, key)
    return found


def _present(path: Path) -> bool:
    return os.path.lexists(path)


async def _loaded(path: Path, passphrase: Secret | None) -> _Key:
    """The key in the file; away from the event loop, since a passphrase takes a second by design."""
    variant = hashlib.sha256(passphrase.reveal().encode()).digest() if passphrase else None
    try:
        held = _keys.held(path, variant)
        if held is not None:
            return held
        return await _beside(lambda: _keys.get(path, lambda path: _read(path, passphrase), variant))
    except InputError as error:
        return _Unusable(error.message.removeprefix(f"{path}: "), error.hint or "")
    except (OSError, ValueError) as error:
        return _Unusable(str(getattr(error, "strerror", None) or error), "name a readable file")


async def _beside(make: Callable[[], _Key]) -> _Key:
    """What *make* gives, in a thread of its own: the loop's executor makes at once what it is given."""
    executor = ThreadPoolExecutor(1, thread_name_prefix="xr-agent-key")
    try:
        return await asyncio.get_running_loop().run_in_executor(executor, make)
    finally:
        executor.shutdown(wait=False)


def _read(path: Path, passphrase: Secret | None) -> _Key:
    data = read_start(path, _LARGEST_FILE + 1)
    if len(data) > _LARGEST_FILE:
        return _Unusable("larger than 1 MiB", "name a private key")
    return _imported(data, passphrase)


def _imported(data: bytes, passphrase: Secret | None) -> _Key:
    key = _attempted(data, passphrase)
    if isinstance(key, str):
        without = key if passphrase is None else _attempted(data, None)
        if isinstance(without, str) and without.startswith(_LOCKED):
            if passphrase is not None:
                return _Unusable(f"the passphrase does not open it: {key}", _TO_AGENT)
            return _Unusable("it has a passphrase", f"give it with --key-passphrase-env, or {_TO_AGENT}")
        return _what_else(data, key)
    if key.get_algorithm().startswith("sk-"):
        return _Unusable("it is in a security key, which has to be touched", _TO_AGENT)
    return key


def _attempted(data: bytes, passphrase: Secret | None) -> asyncssh.SSHKey | str:
    """The key, or what is wrong; no exception is passed on, since its frames hold the passphrase."""
    try:
        return asyncssh.import_private_key(data, passphrase.reveal() if passphrase else None)
    except _MALFORMED as error:
        return str(error) or type(error).__name__


def _what_else(data: bytes, said: str) -> _Unusable:
    if data.startswith(_PUTTY):
        return _Unusable("it is PuTTY's", "puttygen KEY -O private-openssh-new -o NEW")
    if _public_key(data) is not None:
        return _Unusable("it is a public key", "name the private key, which has no .pub at its end")
    return _Unusable(f"it is no private key of a kind that is known: {said}", "ssh-keygen -y -f KEY shows what it is")


def _public_key(data: bytes) -> asyncssh.SSHKey | None:
    try:
        return asyncssh.import_public_key(data)
    except _MALFORMED:
        return None


def _wanted(settings: Settings) -> set[bytes]:
    """The public keys of the named files: what stands in them, or beside them with ``.pub``."""
    found = set()
    for path in (*settings.key_files, *settings.default_key_files):
        for public in (path, path.with_name(f"{path.name}.pub")):
            try:
                key = _public.get(public, lambda path: _public_key(read_start(path, _LARGEST_FILE)))
            except (OSError, ValueError, InputError):
                continue
            if key is not None:
                found.add(key.public_data)
    return found


def _certificates_of(settings: Settings, path: Path) -> Iterator[asyncssh.SSHCertificate]:
    for file in (path.with_name(f"{path.name}-cert.pub"), *settings.certificate_files):
        try:
            certificate = _certificates.get(file, _certificate)
        except (OSError, ValueError, InputError):
            continue
        if certificate is not None:
            yield certificate


def _certificate(path: Path) -> asyncssh.SSHCertificate | None:
    try:
        return asyncssh.import_certificate(read_start(path, _LARGEST_FILE))
    except _MALFORMED as error:
        log.info("%s: passed over, it is no certificate: %s", path, error)
        return None


async def _connected(path: str | None) -> asyncssh.SSHAgentClient | None:
    if path is None:
        return None
    try:
        return await asyncssh.connect_agent(path)
    except OSError as error:
        log.info("ssh-agent at %s cannot be asked: %s", path, error.strerror or error)
        return None


async def _held(agent: asyncssh.SSHAgentClient | None) -> Sequence[asyncssh.SSHKeyPair]:
    if agent is None:
        return ()
    try:
        return await agent.get_keys()
    except ValueError as error:
        log.info("ssh-agent gives no keys: %s", error)
        return ()
