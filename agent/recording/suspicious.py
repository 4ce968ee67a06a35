"""What in a recording still looks like a secret or like somebody's, before it is given away.

Own code and no library: those detectors know the tokens of cloud services; none knows IOS XR's passwords, host names,
accounts and the other spellings of an address, which :mod:`agent.recording.privacy` has to know in any case.
"""

from __future__ import annotations

import base64
import hashlib
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network

from agent.model.masking.redact import MASK, Redactor
from agent.model.pki.anchor import TrustAnchor
from agent.recording.events import Files, Message, Opened, Passed, Terminal
from agent.recording.privacy import spellings
from agent.recording.privacy.places import Kind
from agent.recording.privacy.standins import StandIns
from agent.recording.privacy.vocabulary import PUBLIC_NUMBERS, common, folded, words
from agent.recording.reading import Recording

_DOCUMENTATION = tuple(
    map(ip_network, ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20"))
)
_EXAMPLE = re.compile(r"(?i)(?:.*[.@])?(?:example(?:\.(?:com|net|org))?|test|invalid|localhost)\Z")
_SECRETS = {
    "private key": re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----"),
    "password": re.compile(
        r"(?i)(?:\b(?:password|secret|key|key-string|pre-shared-key)[ \t]+(?:encrypted[ \t]+)?(?:[05789]|10)[ \t]+"
        r"|(?<![\w$])(?=\$(?:1|5|6|8|9|14)\$[\w./$]{12}))(?!\*\*\*)[^\s<>\"']{4,200}"
    ),
    "community": re.compile(
        r"(?i)\bsnmp-server[ \t]+(?:community|host[ \t]+\S+[^\r\n]{0,80}?version[ \t]+(?:1|2c))[ \t]+(?!\*)[^\s<>]+"
    ),
    "token": re.compile(
        r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}"
        r"|(?i:\b(?:id-?token|bearer|authorization:|api-?key)[ \t:=\"']{1,4}(?:basic |bearer )?)(?!\*)[\w.~+/%=-]{12,}"
    ),
}
_LEAST = 24
_CHANCE = re.compile(rf"[A-Za-z0-9+/_-]{{{_LEAST},}}={{0,2}}")
_HEX = re.compile(r"[0-9A-Fa-f]+")
_OWN = re.compile(r"xr-agent-(?:[0-9a-f]{32}|[0-9a-f]{12})(?![0-9a-f])(?:-\d+)?")
"""Names of files, commits and messages that xr-agent makes up, each for one push."""
_ENOUGH, _ENOUGH_HEX = 4.5, 3.0
"""Bits a character, of base64 and of hex, as detect-secrets has them."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found.

    Attributes:
        what: ``password``, ``address``, …
        event: the number of the event, which is that of its line in the file; 0 where a text alone was looked at.
        line: within the text, from 1.
        text: what it is; not in a repr.
    """

    what: str
    line: int
    text: str = field(repr=False)
    event: int = 0


def found_in(recording: Recording, *, public: Iterable[TrustAnchor] = ()) -> Iterator[Finding]:
    """What is found in *recording*; its own stand-ins and *public* certificates are none of it."""
    standins = recording.end.standins.values() if recording.end is not None else ()
    detector = Detector((standin for kind in standins for standin in kind), public=public)
    for number, event in enumerate(recording.events, start=2):
        for text in _texts(event):
            for one in detector(text):
                yield Finding(one.what, one.line, one.text, number)


def suspicious(text: str, standins: Iterable[str] = (), *, public: Iterable[TrustAnchor] = ()) -> tuple[Finding, ...]:
    """What is found in *text*."""
    return tuple(Detector(standins, public=public)(text))


class Detector:
    """Looks for secrets, for values that would be replaced, and for what looks like chance, each of them once."""

    def __init__(self, standins: Iterable[str] = (), *, public: Iterable[TrustAnchor] = ()) -> None:
        self._known = frozenset(map(folded, standins))
        public = tuple(public)
        self._private = StandIns(public=public)
        self._public = _printed(public)
        self._private.give(self._known)
        self._seen: set[tuple[str, str]] = set()

    def __call__(self, text: str) -> Iterator[Finding]:
        """What is found in *text* and was not found before."""
        for start, end, what in sorted(self._spans(text)):
            shown = text[start:end]
            if (what, shown) not in self._seen:
                self._seen.add((what, shown))
                yield Finding(what, text.count("\n", 0, start) + 1, shown)

    def _spans(self, text: str) -> Iterator[tuple[int, int, str]]:
        taken = bytearray(len(text))
        for start, end, what in (*_secrets(text), *self._privates(text), *self._chance(text)):
            if taken.find(1, start, end) < 0:
                taken[start:end] = b"\1" * (end - start)
                yield start, end, what

    def _privates(self, text: str) -> Iterator[tuple[int, int, str]]:
        for start, end, kind in self._private.private(text):
            if kind is None or not _nobodys(kind, text[start:end]):
                yield start, end, "encoded value" if kind is None else kind.value

    def _chance(self, text: str) -> Iterator[tuple[int, int, str]]:
        blobs = [found.span() for found in spellings.BLOB.finditer(text) if self._private.certificate(found.group())]
        for found in _CHANCE.finditer(text):
            within = any(start <= found.start() < end for start, end in blobs)  # certificates, looked at as such
            parts = (part.strip("-/") for part in _OWN.split(found.group()))
            if not within and any(len(part) >= _LEAST and self._by_chance(part) for part in parts):
                yield *found.span(), "looks like chance"

    def _by_chance(self, shown: str) -> bool:
        digits = _HEX.fullmatch(shown) is not None
        if (shown.lower() if digits else shown) in self._public:
            return False
        parts = [part for part in re.split("[^a-z0-9]+", folded(shown)) if part]
        plain = all(part in words() or part.isdigit() for part in parts)
        enough = _ENOUGH_HEX if digits else _ENOUGH
        return not plain and _entropy(shown) > enough and folded(shown) not in self._known


def _printed(public: Iterable[TrustAnchor]) -> str:
    """What is printed of *public* certificates, in whole or by the line: themselves and their numbers."""
    shown = list(PUBLIC_NUMBERS)
    for anchor in public:
        body = "".join(anchor.pem.splitlines()[1:-1])
        der = base64.b64decode(body)
        md5 = hashlib.md5(der, usedforsecurity=False).hexdigest()
        shown += [body, der.hex(), md5, *map(str.lower, (anchor.sha1, anchor.sha256, anchor.serial))]
    return "\n".join(shown)


def _secrets(text: str) -> Iterator[tuple[int, int, str]]:
    for what, pattern in _SECRETS.items():
        for found in pattern.finditer(text):
            yield *found.span(), what
    redacted = Redactor().xml(text)
    if redacted == text:
        return
    at = 0
    pairs = zip(text.splitlines(keepends=True), redacted.splitlines(keepends=True), strict=False)
    for line, other in pairs:
        if line != other and line.replace(MASK, "").strip():
            yield at, at + len(line.rstrip()), "secret"
        at += len(line)


def _nobodys(kind: Kind, shown: str) -> bool:
    """Whether *shown* is of documentation, or a word that is said of anybody."""
    if kind is Kind.ADDRESS:
        try:
            address = ip_address(shown)
        except ValueError:
            return False
        return any(address in network for network in _DOCUMENTATION if network.version == address.version)
    return common(folded(shown)) or _EXAMPLE.match(shown) is not None


def _entropy(text: str) -> float:
    """Shannon's, in bits a character."""
    shares = (number / len(text) for number in Counter(text).values())
    return -sum(share * math.log2(share) for share in shares)


def _texts(event: Passed) -> Iterator[str]:
    match event:
        case Opened(banner=banner, server=server, failed=failed):
            yield from filter(None, (*banner, server, failed))
        case Message(text=text):
            yield text
        case Terminal():
            yield event.data.decode("utf-8", "surrogateescape")
        case Files(path=path, entries=entries, refused=refused):
            yield from filter(None, (path, *(entry.name for entry in entries), refused))
        case _ if event.lost:
            yield event.lost
