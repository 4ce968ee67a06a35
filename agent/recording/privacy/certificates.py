"""Certificates: those of public roots stay, others give way to imitations, and what is printed of them follows."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator

from agent.model.pki.anchor import TrustAnchor
from agent.model.pki.imitation import certificates_in, imitated
from agent.recording.privacy import spellings
from agent.recording.privacy.names import Names
from agent.recording.privacy.places import Kind
from agent.recording.privacy.shapes import hex_spelled, make_number
from agent.recording.privacy.vocabulary import AUTHORITIES, PUBLIC_NUMBERS, folded

_PEM_LINE = re.compile(r"(?<![A-Za-z0-9+/=])[A-Za-z0-9+/]{16,76}={0,2}(?![A-Za-z0-9+/=])")
_PEM_WIDTHS = (64, 76)
_LINE = 16
"""Bytes: after so many a fingerprint is continued in the next line, where it is."""


class Certificates:
    """The certificates of one recording, and their numbers: serials and fingerprints."""

    def __init__(self, names: Names, public: Iterable[TrustAnchor]) -> None:
        self._names = names
        anchors = tuple(public)
        numbers = {number for anchor in anchors for number in (anchor.sha1, anchor.sha256, anchor.serial)}
        self._numbers = {bytes.fromhex(number) for number in (*numbers, *PUBLIC_NUMBERS)}
        names_of = (anchor.subject.attributes | anchor.issuer.attributes for anchor in anchors)
        self._public = AUTHORITIES | {value for attributes in names_of for _, value in attributes}
        self._made: dict[bytes, bytes] = {}
        self._lines: dict[str, str] = {}

    def public(self, shown: str) -> bool:
        """Whether the attribute *shown* of a distinguished name is that of a public authority."""
        return folded(" ".join(shown.replace("\\", "").split())) in self._public

    def stay(self, blob: str) -> bool:
        """Whether *blob*, base64 in which nothing was replaced, has certificates."""
        found: list[bool] = []
        spellings.base64_changed(blob, lambda data: found.append(any(certificates_in(data))))
        return any(found)

    def number(self, shown: str, *, fresh: bool) -> str:
        """The stand-in of a serial number or fingerprint, hex in any spelling."""
        if shown.isdigit() and (known := self._names.number(int(shown))) is not None:
            return str(known)
        digits = "".join(char for char in shown if char in "0123456789abcdefABCDEF")
        value = bytes.fromhex(digits.zfill(len(digits) + len(digits) % 2))
        return shown if len(value) < 2 else hex_spelled(shown, self._number(value, fresh=fresh))

    def _number(self, value: bytes, *, fresh: bool = False) -> bytes:
        if value in self._numbers or value.lstrip(b"\0") in self._numbers:
            return value
        if len(value) >= _LINE and any(number.startswith(value) for number in self._numbers):
            return value
        standin = self._names.table.of(value, make_number, fresh=fresh)
        self._names.note(value, Kind.CERTIFICATE)
        return standin

    def lines(self, text: str) -> Iterator[tuple[int, int, str]]:
        """Where *text* has single lines of the PEM of an imitated certificate, as it is typed at the CLI."""
        for found in _PEM_LINE.finditer(text) if self._lines else ():
            if (new := self._lines.get(found.group())) is not None:
                yield *found.span(), new

    def replaced(self, data: bytes, within: Callable[[str], str]) -> bytes | None:
        """*data* with each certificate in it imitated, the attributes of names by *within*; None where it has none."""
        made, found = bytearray(data), False
        for start, end in certificates_in(data):
            found = True
            made[start:end] = self._imitated(data[start:end], within)
        return bytes(made) if found else None

    def _imitated(self, der: bytes, within: Callable[[str], str]) -> bytes:
        sha256 = hashlib.sha256(der).digest()
        if sha256 in self._numbers or self._names.table.given(sha256):
            return der
        if sha256 not in self._made:
            drawn = self._names.table.drawn
            try:
                made = imitated(der, text=within, number=self._number, drawn=drawn)
            except (ValueError, IndexError):  # something within is no DER: nobody reads it, and nothing of it is kept
                made = drawn(b"der", der)(len(der))
            self._made[sha256] = made
            for width in _PEM_WIDTHS:
                self._lines.update(zip(_wrapped(der, width), _wrapped(made, width), strict=True))
            self._made[hashlib.sha256(made).digest()] = made
            for kind in ("sha1", "sha256", "md5"):
                before, after = (hashlib.new(kind, one, usedforsecurity=False).digest() for one in (der, made))
                self._names.table.settle(before, after)
                self._names.note(before, Kind.CERTIFICATE)
        return self._made[sha256]


def _wrapped(der: bytes, width: int) -> list[str]:
    """The lines of PEM that tell something by themselves."""
    coded = base64.b64encode(der).decode()
    return [line for at in range(0, len(coded), width) if len(line := coded[at : at + width]) >= _LINE]
