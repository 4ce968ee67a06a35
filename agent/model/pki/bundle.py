"""A bundle of CA certificates, as routers import it into their trustpool."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from agent.model.errors import InputError
from agent.model.local.files import read_start

if TYPE_CHECKING:
    from agent.model.pki.anchor import TrustAnchor

_LARGEST = 16 * 1024 * 1024
_MOST = 5000
_DEEPEST = 4
_OID, _INTEGER, _SEQUENCE = 0x06, 0x02, 0x30
_UTF8_MARK, _UTF16_MARKS = b"\xef\xbb\xbf", (b"\xff\xfe", b"\xfe\xff")
_HEAD = re.compile(rb"-----BEGIN ([A-Z0-9# ]{1,40})-----")
# RFC 7468 sections 5, 8 and 9, and the older labels of OpenSSL.
_CERTIFICATES = {b"CERTIFICATE", b"X509 CERTIFICATE", b"TRUSTED CERTIFICATE"}
_PKCS7 = {b"PKCS7", b"PKCS #7 SIGNED DATA", b"CMS"}
_AGAIN = "fetch the bundle again"
_LOOK = "look with: openssl pkcs7 -inform der -print_certs -in FILE; its output is a bundle, too"
_DAMAGED = (ValueError, TypeError, KeyError)  # what asn1crypto raises for what it cannot read


@dataclass(frozen=True, slots=True)
class Bundle:
    """Certificates in one file: PKCS#7 in DER, base64 or PEM (``.p7b``), or plain PEM.

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
        found = certificates(data, source=source)
        kinds = set() if _binary(data) else set(_HEAD.findall(data))
        suffix = ".pem" if kinds and not kinds & _PKCS7 else ".p7b"
        return cls(data, frozenset(hashlib.sha256(der).hexdigest().upper() for der in found), suffix)

    def holds(self, anchor: TrustAnchor) -> bool:
        """Whether *anchor* is in it, by its SHA-256 fingerprint."""
        return anchor.sha256 in self.sha256


def certificates(data: bytes, *, source: str = "bundle") -> tuple[bytes, ...]:
    """The DER of every certificate in a bundle, in the order of the file.

    What stands in a certificate's fields is not judged, since roots that are in use have odd ones: Cisco's bundles
    carry one with fractions of a second in ``notAfter``. Of a signed bundle these are the certificates of its content;
    the signature is not checked, and the signer's certificate is no part of the bundle.

    Raises:
        InputError: in no known form, damaged, more than 5000, or none at all.
    """
    if data.startswith(_UTF16_MARKS):
        raise InputError(f"{source}: it is text in UTF-16", hint="save it as ASCII or UTF-8")
    try:
        found = tuple(_opened(data, source, _DEEPEST))
    except _DAMAGED as error:
        raise InputError(f"{source}: neither PKCS#7 with certificates nor PEM: {error}", hint=_LOOK) from error
    if not found:
        raise InputError(f"{source}: there is no certificate in it", hint=_AGAIN)
    if len(found) > _MOST:
        raise InputError(f"{source}: {len(found)} certificates, more than {_MOST}")
    return found


def _opened(data: bytes, source: str, depth: int) -> Iterator[bytes]:
    if _binary(data):
        yield from _signed_data(data, source, depth)
    elif _HEAD.search(data):
        yield from _armoured(data, source, depth)
    else:
        yield from _signed_data(_unarmoured(data), source, depth)


def _binary(data: bytes) -> bool:
    """Whether it begins as a long sequence in DER or BER does: text that begins with "0" has no such second byte."""
    return data[:1] == bytes([_SEQUENCE]) and data[1:2] >= b"\x80"


def _unarmoured(data: bytes) -> bytes:
    der = base64.b64decode(b"".join(data.removeprefix(_UTF8_MARK).split()), validate=True)
    if der[:1] != bytes([_SEQUENCE]):
        raise ValueError("it is no ASN.1 sequence, neither as it is nor decoded from base64")
    return der


def _armoured(data: bytes, source: str, depth: int) -> Iterator[bytes]:
    """The certificates of every PEM block; other text may stand between them."""
    at = 0
    while head := _HEAD.search(data, at):
        label = head.group(1)
        foot = b"-----END " + label + b"-----"
        end = data.find(foot, head.end())
        if label not in _CERTIFICATES | _PKCS7:
            raise InputError(
                f"{source}: besides certificates there is {label.decode()}",
                hint="a bundle holds CA certificates only; never give a private key to a router this way",
            )
        if end < 0:
            raise InputError(f"{source}: damaged: a {label.decode()} block has no end", hint=_AGAIN)
        der = base64.b64decode(b"".join(data[head.end() : end].split()), validate=True)
        if label in _PKCS7:
            yield from _signed_data(der, source, depth)
        else:
            yield _certificate(der, source, more=label.startswith(b"TRUSTED"))
        at = end + len(foot)


def _signed_data(data: bytes, source: str, depth: int) -> Iterator[bytes]:
    """The certificates of a ContentInfo (RFC 5652 section 3) or of the SignedData in it, in DER or BER."""
    from asn1crypto import cms, parser

    length = parser.peek(data)
    if data[length:].strip(b"\0\r\n\t "):
        raise ValueError(f"{len(data) - length} further bytes follow its end")
    first = parser.parse(data[:length])[4][:1]
    if first == bytes([_INTEGER]):
        yield from _listed(cms.SignedData.load(data[:length]), source, depth)
    elif first == bytes([_OID]):
        content = cms.ContentInfo.load(data[:length])
        if content["content_type"].native != "signed_data":
            raise ValueError(f"its content is {content['content_type'].native}, not signed data")
        yield from _listed(content["content"], source, depth)
    else:
        _certificate(data[:length], source)
        raise InputError(
            f"{source}: one certificate in DER, which is no bundle", hint="openssl x509 -inform der -in FILE makes one"
        )


def _listed(signed: Any, source: str, depth: int) -> Iterator[bytes]:
    """The certificates in the content of *signed*, a SignedData; in its own list where it has no content."""
    from asn1crypto import cms, core

    content = _content(signed)
    if content[:1] == bytes([_SEQUENCE]):  # PKCS#7 before CMS wraps signed data as it is, not in an octet string
        yield from _deeper(_listed, cms.SignedData.load(content), source, depth)
    elif inner := bytes(core.OctetString.load(content)) if content else b"":
        yield from _deeper(_opened, inner, source, depth)
    elif not isinstance(signed["certificates"], core.Void):
        for choice in signed["certificates"]:
            if choice.name == "certificate":  # the others are attribute certificates and the like
                yield _certificate(choice.dump(), source)


def _content(signed: Any) -> bytes:
    """What *signed* carries behind its explicit tag, as it is: its type does not tell for sure how it is wrapped."""
    from asn1crypto import parser

    parts: bytes = parser.parse(signed["encap_content_info"].dump())[4]
    tagged = parts[parser.peek(parts) :]
    return bytes(parser.parse(tagged)[4]) if tagged else b""


def _deeper(read: Callable[[Any, str, int], Iterator[bytes]], what: Any, source: str, depth: int) -> Iterator[bytes]:
    if depth == 0:
        raise ValueError(f"signed data within signed data, deeper than {_DEEPEST}")
    yield from read(what, source, depth - 1)


def _certificate(der: bytes, source: str, *, more: bool = False) -> bytes:
    """*der*, looked at as far as to know that it is a certificate and whole; with *more* other bytes may follow."""
    from asn1crypto import parser, x509

    try:
        whole = der[: parser.peek(der)] if more else der
        made = x509.Certificate.load(whole, strict=True)
        if not (made["tbs_certificate"].contents and made["signature_value"].contents):
            raise ValueError("it is empty")
    except _DAMAGED as error:
        raise InputError(f"{source}: a certificate in it is damaged: {error}", hint=_AGAIN) from error
    return whole
