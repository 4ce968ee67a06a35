"""known_hosts files as sshd(8) describes them: what they say of a host, and a new key at their end."""

from __future__ import annotations

import base64
import binascii
import hashlib
import logging
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from agent.model.errors import InputError
from agent.model.local.files import read_start
from agent.ssh.settings.filecache import FileCache, mark
from agent.ssh.settings.syntax import matches

log = logging.getLogger(__name__)

_HINT = "check --known-hosts, and UserKnownHostsFile and GlobalKnownHostsFile of the SSH configuration"
_LARGEST_FILE = 64 * 2**20
_REVOKED, _AUTHORITY = "@revoked", "@cert-authority"
_SALT = 20
_KRL = b"SSHKRL\n\0"


class Place(NamedTuple):
    """A line of a file."""

    path: Path
    line: int

    def __str__(self) -> str:
        return f"{self.path}, line {self.line}"


@dataclass(slots=True)
class Recorded:
    """What is recorded of one host name: its keys and its authorities by type and key blob, with their places.

    Attributes:
        broken: lines that name the host and whose key cannot be read.
    """

    keys: dict[tuple[str, bytes], Place] = field(default_factory=dict)
    authorities: dict[tuple[str, bytes], Place] = field(default_factory=dict)
    revoked: dict[bytes, Place] = field(default_factory=dict)
    broken: list[Place] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Entry:
    """One line; it has no *blob* where it cannot be read."""

    line: int
    marker: str
    patterns: str
    kind: str
    blob: bytes | None


class KnownHosts:
    """A known_hosts file, indexed, since a fleet's has a line for each of thousands of devices."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._plain: dict[str, list[_Entry]] = {}
        self._hashed: list[tuple[bytes, bytes, bytes, _Entry]] = []
        self._patterns: list[tuple[Sequence[str], _Entry]] = []
        self._lines = 0
        for line in lines:
            self.add(line)

    def add(self, line: str) -> None:
        """Take one more line of the file."""
        self._lines += 1
        entry = _entry(self._lines, line)
        if entry is None:
            return
        patterns = entry.patterns.lower().split(",")
        if entry.patterns.startswith("|1|"):
            try:
                salt, digest = (binascii.a2b_base64(part) for part in entry.patterns[3:].split("|"))
            except ValueError:
                return  # it names nobody
            if len(salt) != _SALT:
                return
            self._hashed.append((*_pads(salt), digest, entry))
        elif any(sign in entry.patterns for sign in "*?!"):
            self._patterns.append((patterns, entry))
        else:
            for name in patterns:
                self._plain.setdefault(name, []).append(entry)

    def of(self, name: str, path: Path, into: Recorded, *, marked: bool = False) -> None:
        """Add what is recorded for the host *name* to *into*, or of it what is *marked*; *path* is for the places."""
        name = name.lower()
        found = list(self._plain.get(name, ()))
        found += [entry for patterns, entry in self._patterns if matches(name, patterns)]
        if self._hashed:
            octets, sha1 = name.encode("utf-8", "surrogateescape"), hashlib.sha1
            found += [
                entry
                for inner, outer, digest, entry in self._hashed
                if (entry.marker or not marked) and sha1(outer + sha1(inner + octets).digest()).digest() == digest
            ]
        for entry in found:
            place = Place(path, entry.line)
            if entry.blob is None:
                if entry.marker != _AUTHORITY:  # an authority contradicts no key
                    into.broken.append(place)
            elif entry.marker == _REVOKED:
                into.revoked.setdefault(entry.blob, place)
            elif entry.marker or not marked:
                kind = into.authorities if entry.marker else into.keys
                kind.setdefault((entry.kind, entry.blob), place)


class Taken(Exception):
    """Another key of the host was stored in the meantime."""


_files: FileCache[KnownHosts] = FileCache()
_revoked: FileCache[frozenset[bytes]] = FileCache()


Files = Mapping[Path, KnownHosts]


def known_files(paths: Iterable[Path]) -> Files:
    """The files at *paths* that are there, in this order; each is read again only where somebody else changed it.

    Raises:
        InputError: one of them is there and cannot be read.
    """
    found = {}
    for path in paths:
        try:
            found[path] = _files.get(path, _read)
        except OSError as error:
            # A folder that may not be searched is somebody else's home: of it as little is known.
            if isinstance(error, FileNotFoundError) or (
                isinstance(error, PermissionError) and not os.path.lexists(path)
            ):
                log.debug("%s does not exist: it knows no host key", path)
                continue
            raise InputError(f"{path}: {error.strerror or error}", hint=_HINT) from error
        except ValueError as error:
            raise InputError(f"{str(path)!r} is no file name: {error}", hint=_HINT) from error
    return found


def recorded(name: str, known: Files, *, marked: bool = False) -> Recorded:
    """What the files say of the host *name*, or of it what is *marked* as revoked or as an authority."""
    found = Recorded()
    for path, hosts in known.items():
        hosts.of(name, path, found, marked=marked)
    return found


def revoked_keys(path: Path) -> frozenset[bytes]:
    """The keys that ``RevokedHostKeys`` lists, one a line.

    Raises:
        InputError: it cannot be read: ssh refuses every host key then; or it is a KRL, which only ssh reads.
    """
    try:
        return _revoked.get(path, _read_revoked)
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path}: {getattr(error, 'strerror', None) or error}", hint="check RevokedHostKeys"
        ) from error


def append(path: Path, name: str, kind: str, blob: bytes) -> bool:
    """Add the key to the file, and to what is held of it: a fleet's new keys would have it read again each time.

    False where it has been stored in the meantime: workers that reach the same jump host begin together.

    Raises:
        Taken: another one has.
        OSError: the file cannot be written.
    """
    line = f"{name} {kind} {base64.b64encode(blob).decode()}\n"
    with _files.lock:
        known = recorded(name, known_files([path])).keys
        if known and (kind, blob) not in known:
            raise Taken
        if known:
            return False
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK, 0o600)
        with os.fdopen(descriptor, "ab") as file:
            before = os.fstat(descriptor)
            data = line.encode() if not before.st_size or _ends_with_newline(path) else f"\n{line}".encode()
            held = _files.held(path)
            file.write(data)
            file.flush()
            after = os.fstat(descriptor)
        if held is not None and after.st_size == before.st_size + len(data):
            held.add(line)
            _files.keep(path, mark(after), held)
    return True


def _read(path: Path) -> KnownHosts:
    data = read_start(path, _LARGEST_FILE + 1, hint=_HINT)
    if len(data) > _LARGEST_FILE:
        raise InputError(f"{path}: larger than 64 MiB", hint="name another file with --known-hosts")
    return KnownHosts(_lines(data))


def _lines(data: bytes) -> list[str]:
    lines = data.decode("utf-8", "replace").split("\n")
    return lines if lines[-1] else lines[:-1]


def _read_revoked(path: Path) -> frozenset[bytes]:
    data = read_start(path, _LARGEST_FILE + 1, hint="check RevokedHostKeys")
    if len(data) > _LARGEST_FILE or data.startswith(_KRL):
        what = "a KRL, which is not read here" if data.startswith(_KRL) else "larger than 64 MiB"
        raise InputError(f"{path}: {what}", hint="list the revoked keys in RevokedHostKeys, one a line")
    entries = (_entry(number, f"* {line}") for number, line in enumerate(_lines(data), start=1) if line.strip())
    keys = [entry for entry in entries if entry is not None and not entry.kind.startswith("#")]
    for entry in keys:
        if entry.blob is None:
            raise InputError(f"{path}, line {entry.line}: this is no public key", hint="check RevokedHostKeys")
    return frozenset(entry.blob for entry in keys if entry.blob is not None)


def _ends_with_newline(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def _entry(number: int, line: str) -> _Entry | None:
    """One line (sshd(8)); None for a comment."""
    fields = line.split()
    marker = fields.pop(0) if fields and fields[0].startswith("@") else ""
    if not fields or fields[0].startswith("#"):
        return None
    kind = sys.intern(fields[1]) if len(fields) > 1 else ""
    blob: bytes | None = None
    if len(fields) > 2 and marker in ("", _REVOKED, _AUTHORITY):
        try:
            blob = binascii.a2b_base64(fields[2], strict_mode=True)
        except ValueError:
            blob = None
    # The key says its type itself (RFC 4253 section 6.6).
    if blob is not None and blob[:4] + blob[4 : 4 + len(kind)] != len(kind).to_bytes(4) + kind.encode():
        blob = None
    return _Entry(number, marker, fields[0], kind, blob)


def _pads(key: bytes) -> tuple[bytes, bytes]:
    """What HMAC-SHA1 (RFC 2104) puts before the text and the inner digest: each host meets thousands of salts."""
    block = key.ljust(64, b"\0")
    return bytes(octet ^ 0x36 for octet in block), bytes(octet ^ 0x5C for octet in block)
