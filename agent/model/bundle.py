"""A bundle of CA certificates, as routers import it into their trustpool."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from agent.model.anchor import TrustAnchor


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
    def from_file(cls, path: str | Path) -> Bundle:
        """Read and open a bundle file.

        Raises:
            InputError: it cannot be read, is larger than 16 MiB, or holds no certificates.
        """
        raise NotImplementedError

    def holds(self, anchor: TrustAnchor) -> bool:
        """Whether *anchor* is in it, by its SHA-256 fingerprint."""
        return anchor.sha256 in self.sha256
