"""Certificates in a bundle, as the router reads it: PKCS#7 in DER or PEM, or plain PEM."""

from __future__ import annotations

import re
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

_PEM = re.compile(rb"-----BEGIN (CERTIFICATE|PKCS7)-----.+?-----END \1-----", re.DOTALL)


def certificates(data: bytes) -> tuple[str, ...]:
    """The certificates in *data* as PEM.

    Raises:
        ValueError: there is none, or one is damaged.
    """
    blocks = [found.group(0) for found in _PEM.finditer(data)]
    if not blocks:
        found = pkcs7.load_der_pkcs7_certificates(data)
    elif blocks[0].startswith(b"-----BEGIN PKCS7"):
        found = pkcs7.load_pem_pkcs7_certificates(blocks[0])
    else:
        found = [x509.load_pem_x509_certificate(block) for block in blocks]
    if not found:
        raise ValueError("no certificate")
    return tuple(one.public_bytes(Encoding.PEM).decode() for one in found)


@lru_cache(maxsize=256)
def digest(pem: str) -> bytes:
    """The SHA-256 fingerprint of a certificate."""
    return x509.load_pem_x509_certificate(pem.encode()).fingerprint(SHA256())
