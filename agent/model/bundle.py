"""A bundle of CA certificates, as routers import it into their trustpool."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

from agent.model.anchor import TrustAnchor, damaged
from agent.model.errors import InputError
from agent.model.files import read_start

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

_LARGEST = 16 * 1024 * 1024
_MOST = 5000
_PEM_HEAD = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,40})-----")


@dataclass(frozen=True, slots=True)
class Bundle:
    """Certificates in one file: PKCS#7 in DER or PEM (``.p7b``), or plain PEM.

    Attributes:
        data: the file as it is; this is what the router gets.
        sha256: fingerprints of the certificates in it, upper-case hex.
        suffix: how a file with it should be called on the router, ``.p7b`` or ``.pem``.
    """

    data: bytes = field(repr=False)
    sha256: frozenset[str] = field(repr=False)
    suffix: str

    @classmethod
    def from_file(cls, path: str | Path) -> Self:
        """Read and open a bundle file.

        Raises:
            InputError: it cannot be read, is larger than 16 MiB, or holds no certificates.
        """
        data = read_start(path, _LARGEST + 1, hint="name a readable bundle file")
        return cls.from_bytes(data, source=str(path))

    @classmethod
    def from_bytes(cls, data: bytes, *, source: str = "bundle") -> Self:
        """Open a bundle.

        Raises:
            InputError: it is larger than 16 MiB, in no known form, damaged, or holds no certificates.
        """
        if len(data) > _LARGEST:
            raise InputError(f"{source}: larger than 16 MiB", hint="a trustpool bundle has some hundred KB")
        kinds = {kind.decode() for kind in _PEM_HEAD.findall(data)}
        if "PKCS7" in kinds or not kinds:
            return cls(data, _fingerprints(_pkcs7(data, source, pem=bool(kinds)), source), ".p7b")
        if kinds != {"CERTIFICATE"}:
            raise InputError(
                f"{source}: besides certificates there is {', '.join(sorted(kinds - {'CERTIFICATE'}))}",
                hint="a bundle holds CA certificates only; never give a private key to a router this way",
            )
        return cls(data, _fingerprints(_plain(data, source), source), ".pem")

    def holds(self, anchor: TrustAnchor) -> bool:
        """Whether *anchor* is in it, by its SHA-256 fingerprint."""
        return anchor.sha256 in self.sha256


def _pkcs7(data: bytes, source: str, *, pem: bool) -> list[Certificate]:
    from cryptography.hazmat.primitives.serialization import pkcs7

    try:
        return pkcs7.load_pem_pkcs7_certificates(data) if pem else pkcs7.load_der_pkcs7_certificates(data)
    except damaged() as error:
        raise InputError(
            f"{source}: neither PKCS#7 with certificates nor PEM: {error}",
            hint="look with: openssl pkcs7 -inform der -print_certs -in FILE; its output is a bundle, too",
        ) from error


def _plain(data: bytes, source: str) -> list[Certificate]:
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificates(data)
    except damaged() as error:
        raise InputError(f"{source}: a certificate in it is damaged: {error}", hint="fetch the bundle again") from error


def _fingerprints(certificates: list[Certificate], source: str) -> frozenset[str]:
    from cryptography.hazmat.primitives import hashes

    if not certificates:
        raise InputError(f"{source}: there is no certificate in it", hint="fetch the bundle again")
    if len(certificates) > _MOST:
        raise InputError(f"{source}: {len(certificates)} certificates, more than {_MOST}")
    return frozenset(one.fingerprint(hashes.SHA256()).hex().upper() for one in certificates)
