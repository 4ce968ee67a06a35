"""A certificate as a device shows it, and how well it proves to be the anchor."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum

from agent.model.errors import InputError
from agent.model.pki.anchor import TrustAnchor, whole_bytes
from agent.model.pki.names import DistinguishedName


class Evidence(Enum):
    """By what a certificate on a device is known to be the anchor, best first."""

    PEM = "pem"
    FINGERPRINT = "fingerprint"
    SUBJECT_VALIDITY = "subject+validity"
    CONSOLE = "console"
    NONE = "none"


CONSOLE = "console"
"""The source of what was read at the CLI."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A trustpoint's CA certificate as read from a device; what the release does not show is None.

    Attributes:
        serial: as :attr:`agent.model.pki.anchor.TrustAnchor.serial`.
        sha1: upper-case hex without separators.
        not_before, not_after: aware datetimes in UTC.
        source: the YANG module that it was read from, or ``console``.
    """

    subject: DistinguishedName | None = None
    issuer: DistinguishedName | None = None
    not_before: datetime | None = None
    not_after: datetime | None = None
    serial: str | None = None
    sha1: str | None = None
    pem: str | None = None
    source: str = ""

    def proves(self, anchor: TrustAnchor) -> Evidence | None:
        """The best evidence that this is *anchor*; ``Evidence.NONE`` if too little is shown, None if it is another.

        What was read from the console is evidence of that kind, whatever it shows.

        The best means that the device offers decides alone: a PEM that differs is not outweighed by a subject that
        agrees. A fingerprint counts together with the serial where both are shown.
        """
        found = self._compared(anchor)
        return Evidence.CONSOLE if found not in (None, Evidence.NONE) and self.source == CONSOLE else found

    def proven(self, anchor: TrustAnchor) -> bool:
        """Whether this is known to be *anchor*, by whatever evidence."""
        return self.proves(anchor) not in (None, Evidence.NONE)

    def _compared(self, anchor: TrustAnchor) -> Evidence | None:
        if self.pem:
            return Evidence.PEM if _sha256(self.pem) == anchor.sha256 else None
        if self.sha1:
            agrees = self.sha1 == anchor.sha1 and self.serial in (None, anchor.serial)
            return Evidence.FINGERPRINT if agrees else None
        shown = (self.subject, self.issuer, self.not_before, self.not_after)
        wanted = (anchor.subject, anchor.issuer, anchor.not_before, anchor.not_after)
        if any(not _agree(mine, theirs) for mine, theirs in zip(shown, wanted, strict=True) if mine is not None):
            return None
        return Evidence.NONE if None in shown else Evidence.SUBJECT_VALIDITY

    @property
    def name(self) -> str:
        """A short name for messages."""
        if self.subject is None:
            return self.sha1 or "a certificate without a subject"
        return self.subject.common_name or str(self.subject)

    @property
    def described(self) -> str:
        """Its name, and what is shown that tells it from others of that name."""
        told = [f"sha1 {self.sha1}"] if self.sha1 else [f"serial {self.serial}"] if self.serial else []
        told += [f"until {self.not_after:%Y-%m-%d}"] if self.not_after else []
        return f"{self.name} ({', '.join(told)})" if told else self.name

    def same(self, other: Certificate | None) -> bool:
        """Whether *other* shows just what this one does, wherever either was read."""
        return other is not None and replace(other, source=self.source) == self


def _agree(mine: object, theirs: object) -> bool:
    if isinstance(mine, DistinguishedName) and isinstance(theirs, DistinguishedName):
        return mine.same(theirs)
    return mine == theirs


def _sha256(pem: str) -> str | None:
    try:
        return TrustAnchor.from_pem(pem, source="certificate-data").sha256
    except InputError:
        return None  # not a CA certificate, or none at all: certainly not the anchor


def normal_hex(text: str) -> str | None:
    """Hex digits of *text* in upper case, whatever separates them; None if other characters are among them.

    Between separators every byte has two digits, also where it is printed as one: ``A:1:42`` is ``0A0142``.
    """
    parts = [part for part in re.split(r"[: .-]", text.strip().upper().removeprefix("0X")) if part]
    bytewise = len(parts) > 1 and all(len(part) <= 2 for part in parts)
    digits = "".join(part.zfill(2) if bytewise else part for part in parts)
    return digits if digits and all(digit in "0123456789ABCDEF" for digit in digits) else None


def normal_serial(text: str) -> str | None:
    """A serial number as :class:`Certificate` has it, whichever zeros *text* has; None where it is none, or 0."""
    digits = normal_hex(text)
    return whole_bytes(digits) if digits and digits.strip("0") else None
