"""Host keys: known_hosts, a pinned key, or new keys stored on request; anything else is refused."""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import os
import sys
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

from agent.model.device import HostKeys
from agent.model.errors import HostKeyError, InputError
from agent.model.local.files import read_start

log = logging.getLogger(__name__)

_RSA = ("rsa-sha2-512", "rsa-sha2-256", "ssh-rsa")
_LARGEST_FILE = 64 * 2**20


class HostKeyCheck:
    """The judgement over one host's key: what to prefer in the key exchange, and whether the key shown is right."""

    def __init__(self, policy: HostKeys, host: str, port: int, *, device: str, file: Path | None = None) -> None:
        self._policy = policy
        self._device = device
        self._file = policy.known_hosts or file or Path("~/.ssh/known_hosts").expanduser()
        self._name = host if port == 22 else f"[{host}]:{port}"
        recorded = _recorded(self._file)
        self._known, self._revoked = recorded.of(self._name)
        # As OpenSSH does: an entry without the port vouches for a key, but does not make another one a changed key.
        self._portless, revoked = recorded.of(host)
        self._revoked |= revoked

    def algorithms(self, offered: Sequence[str]) -> tuple[str, ...]:
        """*offered* host key algorithms, those that fit the keys on record first; an RSA key fits RSA-SHA2 as well."""
        kinds = [kind for kind, _ in (*self._known, *self._portless)]
        if self._policy.pinned:
            kinds = [kind] if (kind := _pinned_kind(self._policy.pinned)) else []
        wanted = [name for kind in kinds for name in (_RSA if kind == "ssh-rsa" else (kind,))]
        first = [name for name in dict.fromkeys(wanted) if name in offered]
        return (*first, *(name for name in offered if name not in first))

    def verify(self, kind: str, blob: bytes) -> None:
        """Accept the key shown, of algorithm *kind* and wire form *blob*, or refuse it.

        Raises:
            HostKeyError: the key is not the pinned one, is revoked, differs from the recorded one, or is unknown and
                new keys are not accepted.
        """
        shown = fingerprint(blob)
        if blob in self._revoked:
            raise HostKeyError(f"its host key {shown} is revoked in {self._file}", device=self._device)
        if self._policy.pinned is not None:
            if not _is_pinned(self._policy.pinned, blob):
                raise HostKeyError(
                    f"its host key {shown} is not the pinned one",
                    device=self._device,
                    hint="check the device; if its key was changed on purpose, pin the new one",
                )
            return
        if (kind, blob) in self._known or (not self._known and (kind, blob) in self._portless):
            return
        if self._known:
            raise self._changed(kind, shown)
        if not self._policy.accept_new:
            raise HostKeyError(
                f"its host key {kind} {shown} is not in {self._file}",
                device=self._device,
                hint="compare it with the host's own, then add it with ssh-keyscan or --accept-new-host-keys",
            )
        self._store(kind, blob)

    @property
    def authorities(self) -> bool:
        """Whether a certificate authority is on record for the host."""
        return False

    def verify_authority(self, kind: str, blob: bytes) -> None:
        """Accept the authority of a host certificate, or refuse it."""
        raise HostKeyError(f"its certificate's authority {kind} {fingerprint(blob)} is not known", device=self._device)

    def _changed(self, kind: str, shown: str) -> HostKeyError:
        return HostKeyError(
            f"its host key changed: {kind} {shown} is not the key in {self._file}",
            device=self._device,
            hint=f"somebody may be in between; if the change was on purpose: ssh-keygen -R '{self._name}' "
            f"-f {self._file}",
        )

    def _store(self, kind: str, blob: bytes) -> None:
        try:
            if not _append(self._file, self._name, kind, blob):
                return
        except _Taken:
            raise self._changed(kind, fingerprint(blob)) from None
        except OSError as error:
            raise HostKeyError(
                f"its new host key could not be stored in {self._file}: {error.strerror}",
                device=self._device,
                hint="name a writable file with --known-hosts",
            ) from error
        log.warning("%s: stored new host key %s %s in %s", self._device, kind, fingerprint(blob), self._file)


def fingerprint(blob: bytes) -> str:
    """The SHA-256 fingerprint as OpenSSH prints it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def _ends_with_newline(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def _is_pinned(pinned: str, blob: bytes) -> bool:
    if pinned.startswith("SHA256:"):
        return hmac.compare_digest(pinned.rstrip("="), fingerprint(blob))
    return _pinned_blob(pinned) == blob


def _pinned_blob(pinned: str) -> bytes:
    try:
        return base64.b64decode(pinned.split()[1], validate=True)
    except (IndexError, ValueError) as error:
        raise InputError(
            "the pinned host key cannot be read", hint="SHA256:… as ssh-keygen -l prints it, or 'ssh-ed25519 AAAA…'"
        ) from error


def _pinned_kind(pinned: str) -> str | None:
    return None if pinned.startswith("SHA256:") else pinned.split()[0]


@dataclass(frozen=True, slots=True)
class _Entry:
    marker: str
    patterns: str
    kind: str
    blob: bytes


class KnownHosts:
    """A known_hosts file, indexed, since a fleet's has a line for each of thousands of devices."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._plain: dict[str, list[_Entry]] = {}
        self._others: list[_Entry] = []
        for line in lines:
            self.add(line)

    def add(self, line: str) -> None:
        """Take one line of the file."""
        entry = _entry(line)
        if entry is None:
            return
        if entry.patterns.startswith("|") or any(sign in entry.patterns for sign in "*?!"):
            self._others.append(entry)
            return
        for name in entry.patterns.lower().split(","):
            self._plain.setdefault(name, []).append(entry)

    def of(self, name: str) -> tuple[list[tuple[str, bytes]], set[bytes]]:
        """The (type, key blob) recorded for the host *name*, and every blob revoked for it."""
        found = [*self._plain.get(name.lower(), ()), *(one for one in self._others if _names_host(one.patterns, name))]
        known = [(entry.kind, entry.blob) for entry in found if not entry.marker]
        return known, {entry.blob for entry in found if entry.marker == "@revoked"}


@dataclass(frozen=True, slots=True)
class _Held:
    """A file as it was read, and how it looked then."""

    mtime_ns: int
    size: int
    known: KnownHosts


_held: dict[Path, _Held] = {}
_MOST_HELD = 8
_reading = threading.Lock()
"""Held while a file is read or written: each of a fleet's workers asks for the same one at the same moment."""


def _recorded(path: Path) -> KnownHosts:
    """What stands in the file at *path*, which is read again only where somebody else changed it."""
    try:
        with _reading:
            return _looked_up(path)
    except FileNotFoundError:
        log.debug("%s does not exist: every host key is new", path)
        return KnownHosts(())
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}", hint="check --known-hosts") from error
    except ValueError as error:
        raise InputError(f"{str(path)!r} is no file name: {error}", hint="check --known-hosts") from error


def _looked_up(path: Path) -> KnownHosts:
    about = path.stat()
    held = _held.get(path)
    if held is None or (held.mtime_ns, held.size) != (about.st_mtime_ns, about.st_size):
        data = read_start(path, _LARGEST_FILE + 1, hint="check --known-hosts")
        if len(data) > _LARGEST_FILE:
            raise InputError(f"{path}: larger than 64 MiB", hint="name another file with --known-hosts")
        if len(_held) >= _MOST_HELD:
            _held.clear()
        known = KnownHosts(data.decode("utf-8", "replace").splitlines())
        _held[path] = held = _Held(about.st_mtime_ns, about.st_size, known)
    return held.known


class _Taken(Exception):
    """Another key of the host was stored in the meantime."""


def _append(path: Path, name: str, kind: str, blob: bytes) -> bool:
    """Add the key to the file, and to what is held of it: a fleet's new keys would have it read again each time.

    False where it has been stored in the meantime: workers that reach the same jump host begin together.

    Raises:
        _Taken: another one has.
    """
    line = f"{name} {kind} {base64.b64encode(blob).decode()}\n"
    with _reading:
        known = _looked_up(path).of(name)[0] if path.exists() else []
        if known and (kind, blob) not in known:
            raise _Taken
        if known:
            return False
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK, 0o600)
        with os.fdopen(descriptor, "ab") as file:
            before = os.fstat(descriptor)
            data = line.encode() if not before.st_size or _ends_with_newline(path) else f"\n{line}".encode()
            file.write(data)
            file.flush()
            after = os.fstat(descriptor)
        held = _held.pop(path, None)
        unchanged = held is not None and (held.mtime_ns, held.size) == (before.st_mtime_ns, before.st_size)
        if held is not None and unchanged and after.st_size == before.st_size + len(data):
            held.known.add(line)
            _held[path] = replace(held, mtime_ns=after.st_mtime_ns, size=after.st_size)
    return True


def _entry(line: str) -> _Entry | None:
    """One known_hosts line (sshd(8)); None for a comment or what cannot be read."""
    fields = line.split()
    marker = fields.pop(0) if fields and fields[0].startswith("@") else ""
    if len(fields) < 3 or fields[0].startswith("#"):
        return None
    try:
        return _Entry(marker, fields[0], sys.intern(fields[1]), base64.b64decode(fields[2], validate=True))
    except ValueError:
        return None


def _names_host(patterns: str, name: str) -> bool:
    """Whether known_hosts *patterns* (plain, wildcard, negated or hashed) name the host."""
    if patterns.startswith("|1|"):
        return _hashed(patterns, name)
    found = False
    for pattern in patterns.lower().split(","):
        # Brackets are literal in known_hosts; fnmatch would read them as a character class.
        if fnmatchcase(name.lower(), pattern.lstrip("!").replace("[", "[[]")):
            if pattern.startswith("!"):
                return False
            found = True
    return found


def _hashed(pattern: str, name: str) -> bool:
    try:
        _, _, salt, digest = pattern.split("|")
        mac = hmac.new(base64.b64decode(salt), name.encode(), hashlib.sha1).digest()
        return hmac.compare_digest(mac, base64.b64decode(digest))
    except ValueError:
        return False
