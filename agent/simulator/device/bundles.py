"""Certificates in a bundle, as the router reads it: those of a signed one stand in its content."""

from __future__ import annotations

from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from agent.model.pki import bundle


def certificates(data: bytes) -> tuple[str, ...]:
    """The certificates in *data* as PEM, without those that the simulator could not print.

    Raises:
        InputError: there is none, or one is damaged.
    """
    return tuple(pem for der in bundle.certificates(data) if (pem := _pem(der)) is not None)


def _pem(der: bytes) -> str | None:
    try:
        return x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM).decode()
    except ValueError:
        return None


@lru_cache(maxsize=256)
def digest(pem: str) -> bytes:
    """The SHA-256 fingerprint of a certificate."""
    return x509.load_pem_x509_certificate(pem.encode()).fingerprint(SHA256())
