"""The root certificate that a device is to trust."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from agent.model.errors import InputError
from agent.model.local.files import read_start
from agent.model.local.resources import directory
from agent.model.pki.names import DistinguishedName

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----\s+(?P<body>[A-Za-z0-9+/=\s]+?)-----END CERTIFICATE-----", re.ASCII)
_LARGEST_FILE = 64 * 1024


@dataclass(frozen=True, slots=True)
class TrustAnchor:
    """One CA certificate (RFC 5280), read from PEM and held with the values a device may show of it.

    Attributes:
        pem: the certificate as canonical PEM, 64 columns, ending in a newline.
        subject, issuer: distinguished names; compared by attributes, not by spelling.
        serial: the serial number as upper-case hex in whole bytes, ``0A01…``, as routers and OpenSSL print it.
        sha1, sha256: fingerprints of the DER form as upper-case hex without separators.
        not_before, not_after: validity, aware datetimes in UTC.
    """

    pem: str = field(repr=False)
    subject: DistinguishedName
    issuer: DistinguishedName
    serial: str
    sha1: str
    sha256: str
    not_before: datetime
    not_after: datetime

    @classmethod
    @cache
    def bundled(cls) -> TrustAnchor:
        """IdenTrust Commercial Root CA 1, the root that Cisco's licensing servers chain to."""
        return cls.from_file(directory("remedy") / "notices" / "fn72290" / "root.pem")

    @classmethod
    def from_file(cls, path: str | Path) -> TrustAnchor:
        """Read a PEM file with exactly one CA certificate.

        Raises:
            InputError: the file cannot be read, is larger than 64 KiB, or is not one CA certificate.
        """
        data = read_start(path, _LARGEST_FILE + 1, hint="name a readable PEM file")
        if len(data) > _LARGEST_FILE:
            raise InputError(f"{path}: larger than 64 KiB", hint="an anchor is one certificate; use a bundle option")
        return cls.from_pem(data, source=str(path))

    @classmethod
    def from_pem(cls, data: str | bytes, *, source: str = "anchor") -> TrustAnchor:
        """Parse one PEM certificate; comment lines before it are allowed, anything after it is not.

        Expiry is not judged here, since it needs a clock: see :meth:`expired`.

        Raises:
            InputError: not PEM, several certificates, trailing text, broken DER, or not a CA.
        """
        try:
            text = data.decode("ascii") if isinstance(data, bytes) else data
        except UnicodeDecodeError as error:
            raise InputError(f"{source}: not PEM text", hint="convert DER with: openssl x509 -inform der") from error
        found = list(_PEM.finditer(text))
        if not found:
            raise InputError(f"{source}: no PEM certificate in it", hint="expected -----BEGIN CERTIFICATE-----")
        if len(found) > 1:
            raise InputError(f"{source}: {len(found)} certificates", hint="an anchor is exactly one CA certificate")
        if text[found[0].end() :].strip() or "-----" in text[: found[0].start()]:
            raise InputError(f"{source}: other text around the certificate", hint="keep only the certificate")
        # Blanks between its lines are nobody's fault (RFC 7468 section 2); cryptography takes none.
        lines = filter(str.strip, found[0].group().splitlines())
        return _load("\n".join(lines).encode("ascii"), source)

    def expired(self, now: datetime) -> bool:
        """Whether *now* (aware) is outside the validity."""
        return not self.not_before <= now <= self.not_after

    @property
    def name(self) -> str:
        """The common name, else the whole subject."""
        return self.subject.common_name or str(self.subject)


def whole_bytes(digits: str) -> str:
    """Hex *digits* with two for each byte and no byte of zeros ahead of the others."""
    shortest = digits.lstrip("0")
    return f"0{shortest}" if len(shortest) % 2 else shortest or "00"


def _load(pem: bytes, source: str) -> TrustAnchor:
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm

    # cryptography's, on a root that is in use: nothing that whoever runs this could do anything about.
    warnings.filterwarnings("ignore", message="Parsed a serial number which wasn't positive", module=__name__)
    # Whatever cryptography raises for a certificate that it cannot read.
    of_extensions = (x509.DuplicateExtension, x509.UnsupportedGeneralNameType)
    damaged = (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion, *of_extensions)
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        made = _made(certificate)
    except damaged as error:
        raise InputError(f"{source}: the certificate is damaged: {error}", hint="fetch it again") from error
    try:
        is_ca = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, *damaged):  # another one may be damaged; then nothing tells that it is a CA
        is_ca = False
    if not is_ca:
        raise InputError(f"{source}: {made.subject} is not a CA certificate", hint="an anchor has CA:TRUE")
    return made


def _made(certificate: Certificate) -> TrustAnchor:
    from cryptography.hazmat.primitives import hashes, serialization

    return TrustAnchor(
        pem=certificate.public_bytes(serialization.Encoding.PEM).decode("ascii"),
        subject=DistinguishedName.parse(certificate.subject.rfc4514_string()),
        issuer=DistinguishedName.parse(certificate.issuer.rfc4514_string()),
        serial=whole_bytes(f"{certificate.serial_number:X}"),
        sha1=certificate.fingerprint(hashes.SHA1()).hex().upper(),  # noqa: S303 - what devices show, not security
        sha256=certificate.fingerprint(hashes.SHA256()).hex().upper(),
        not_before=certificate.not_valid_before_utc.astimezone(UTC),
        not_after=certificate.not_valid_after_utc.astimezone(UTC),
    )
