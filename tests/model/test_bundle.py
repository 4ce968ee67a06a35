"""A bundle is opened before a router gets it, and it must hold the anchor."""

from __future__ import annotations

import base64
import warnings
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from agent.model.errors import InputError
from agent.model.pki.anchor import TrustAnchor
from agent.model.pki.bundle import Bundle
from tests.model.test_anchor import make_pem

ANCHOR = TrustAnchor.bundled()
OTHER = make_pem("Somebody Else")


OTHER_DER = x509.load_pem_x509_certificate(OTHER.encode()).public_bytes(Encoding.DER)
ROOT_DER = x509.load_pem_x509_certificate(ANCHOR.pem.encode()).public_bytes(Encoding.DER)
SINCE, UNTIL = datetime(2024, 1, 1, tzinfo=UTC), datetime(2053, 1, 1, tzinfo=UTC)
SIGNED_DATA, DATA = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02", b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01"


def certificates() -> list[x509.Certificate]:
    return [x509.load_pem_x509_certificate(pem.encode()) for pem in (OTHER, ANCHOR.pem)]


FORMS = {
    "pem": (f"# comment\n{OTHER}\n{ANCHOR.pem}".encode(), ".pem"),
    "p7b der": (pkcs7.serialize_certificates(certificates(), Encoding.DER), ".p7b"),
    "p7b pem": (pkcs7.serialize_certificates(certificates(), Encoding.PEM), ".p7b"),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_opened_and_kept_as_it_is(tmp_path: Path, form: str) -> None:
    data, suffix = FORMS[form]
    file = tmp_path / "bundle"
    file.write_bytes(data)
    bundle = Bundle.from_file(file)
    assert bundle.holds(ANCHOR)
    assert (bundle.data, bundle.suffix, len(bundle.sha256)) == (data, suffix, 2)


def node(tag: int, *parts: bytes, endless: bool = False) -> bytes:
    """An ASN.1 node in DER, or in BER with a length that its end tells (X.690 section 8.1.3.6)."""
    body = b"".join(parts)
    if endless:
        return bytes([tag, 0x80]) + body + b"\0\0"
    size = len(body).to_bytes(4)
    return bytes([tag, 0x84]) + size + body


def signed_data(*ders: bytes, content: bytes = b"", kind: bytes = DATA, endless: bool = False) -> bytes:
    """A SignedData (RFC 5652 section 5.1) with these certificates, and *content* as it is behind its explicit tag."""
    wrapped = [node(0xA0, content, endless=endless)] if content else []
    inner = node(0x30, kind, *wrapped, endless=endless)
    listed = [node(0xA0, *ders, endless=endless)] if ders else []
    return node(0x30, b"\x02\x01\x01", b"\x31\x00", inner, *listed, b"\x31\x00", endless=endless)


def content_info(signed: bytes, *, endless: bool = False) -> bytes:
    return node(0x30, SIGNED_DATA, node(0xA0, signed, endless=endless), endless=endless)


def in_pieces(data: bytes) -> bytes:
    """An octet string in pieces, as whoever streams a signature writes it."""
    return node(0x24, *(node(0x04, data[start : start + 700]) for start in range(0, len(data), 700)), endless=True)


def signed_by_cryptography(content: bytes, encoding: Encoding) -> bytes:
    """As Cisco publishes its bundles: the roots are what is signed, the signer's certificate stands beside."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Bundle signing")])
    signer = (x509.CertificateBuilder(name, name, key.public_key(), 1, SINCE, UNTIL)).sign(key, hashes.SHA256())
    builder = pkcs7.PKCS7SignatureBuilder().set_data(content).add_signer(signer, key, hashes.SHA256())
    return builder.sign(encoding, [pkcs7.PKCS7Options.Binary])


BARE = signed_data(OTHER_DER, ROOT_DER)
INNER = content_info(BARE)
SIGNED = {
    "signed der": lambda: signed_by_cryptography(INNER, Encoding.DER),
    "signed pem": lambda: signed_by_cryptography(INNER, Encoding.PEM),
    "signed twice": lambda: signed_by_cryptography(signed_by_cryptography(INNER, Encoding.DER), Encoding.DER),
    "pem in the content": lambda: signed_by_cryptography(f"{OTHER}{ANCHOR.pem}".encode(), Encoding.DER),
    "content of type signed data": lambda: content_info(signed_data(content=node(4, INNER), kind=SIGNED_DATA)),
    "its SignedData alone": lambda: content_info(signed_data(content=node(4, BARE), kind=SIGNED_DATA)),
    "as PKCS#7 wraps it": lambda: content_info(signed_data(content=BARE, kind=SIGNED_DATA)),
    "streamed, lengths unknown": lambda: content_info(
        signed_data(OTHER_DER[:0], content=in_pieces(INNER), endless=True), endless=True
    ),
    "degenerate, lengths unknown": lambda: content_info(signed_data(OTHER_DER, ROOT_DER, endless=True), endless=True),
    "empty content": lambda: content_info(signed_data(OTHER_DER, ROOT_DER, content=node(4))),
    "an attribute certificate beside": lambda: content_info(signed_data(node(0xA2, b"\x05\x00"), OTHER_DER, ROOT_DER)),
}


@pytest.mark.parametrize("form", SIGNED)
def test_of_a_signed_bundle_the_content_counts(form: str) -> None:
    data = SIGNED[form]()
    bundle = Bundle.from_bytes(data)
    assert bundle.holds(ANCHOR)
    assert (bundle.data, bundle.suffix, len(bundle.sha256)) == (data, ".p7b", 2)


def test_the_certificate_of_the_signer_is_no_part_of_the_bundle() -> None:
    data = content_info(signed_data(ROOT_DER, content=node(4, content_info(signed_data(OTHER_DER)))))
    assert not Bundle.from_bytes(data).holds(ANCHOR)


def armoured(der: bytes, label: str) -> str:
    return f"-----BEGIN {label}-----\n{base64.encodebytes(der).decode()}-----END {label}-----\n"


ROOT_P7, OTHER_P7 = content_info(signed_data(ROOT_DER)), content_info(signed_data(OTHER_DER))
ARMOUR = {
    "two blocks": armoured(OTHER_P7, "PKCS7") + armoured(ROOT_P7, "PKCS7"),
    "block, then certificate": armoured(OTHER_P7, "PKCS7") + ANCHOR.pem,
    "certificate, then block": OTHER + armoured(ROOT_P7, "PKCS7"),
    "labelled CMS": armoured(INNER, "CMS"),
    "labelled by section": armoured(INNER, "PKCS #7 SIGNED DATA"),
    "base64 alone": base64.encodebytes(INNER).decode(),
    "base64 in one line": base64.b64encode(INNER).decode(),
    "base64 of a signed one": base64.b64encode(content_info(signed_data(content=node(4, INNER)))).decode(),
    "a byte-order mark": "\ufeff" + base64.encodebytes(INNER).decode(),
    "carriage returns, blank lines": armoured(INNER, "PKCS7").replace("\n", "\r\n\r\n"),
    "text that begins as DER does": "0: Certificate\n" + OTHER + "1: Certificate\n" + ANCHOR.pem,
    "older label": OTHER + armoured(ROOT_DER, "X509 CERTIFICATE"),
    "with openssl's trust settings": OTHER + armoured(ROOT_DER + node(0x30), "TRUSTED CERTIFICATE"),
}


@pytest.mark.parametrize("form", ARMOUR)
def test_every_certificate_of_a_text_counts(form: str) -> None:
    bundle = Bundle.from_bytes(ARMOUR[form].encode())
    assert bundle.holds(ANCHOR)
    assert len(bundle.sha256) == 2
    assert bundle.data == ARMOUR[form].encode()


def odd(changed: str) -> bytes:
    """A certificate that strict parsers refuse or warn of; SYNTHETIC, after one in Cisco's bundles."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Odd Root")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 0x51, SINCE, UNTIL)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    der = builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)
    before, after = {
        "fraction": (b"20530101000000Z", b"205301010000.5Z"),
        "serial": (b"\x02\x01\x51", b"\x02\x01\x00"),
        "negative": (b"\x02\x01\x51", b"\x02\x01\x81"),
        "version": (b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x09"),
        "zone": (b"240101000000Z", b"2401010100+01"),
    }[changed]
    assert before in der
    return der.replace(before, after, 1)


@pytest.mark.parametrize("field", ["fraction", "serial", "negative", "version", "zone"])
def test_a_certificate_with_an_odd_field_counts_and_is_taken_quietly(field: str) -> None:
    der = odd(field)
    forms = (
        content_info(signed_data(der, ROOT_DER)),
        (armoured(der, "CERTIFICATE") + ANCHOR.pem).encode(),
        armoured(content_info(signed_data(ROOT_DER, der)), "PKCS7").encode(),
    )
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        bundles = [Bundle.from_bytes(form) for form in forms]
    assert not warned
    assert all(bundle.holds(ANCHOR) and len(bundle.sha256) == 2 for bundle in bundles)


def test_in_the_order_of_the_file_no_less_than_in_that_of_der() -> None:
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        for ders in ((ROOT_DER, OTHER_DER), (OTHER_DER, ROOT_DER)):
            assert len(Bundle.from_bytes(content_info(signed_data(*ders))).sha256) == 2
    assert not warned


def test_a_bundle_without_the_anchor_does_not_hold_it() -> None:
    assert not Bundle.from_bytes(OTHER.encode()).holds(ANCHOR)


@pytest.mark.parametrize(
    "data, said",
    [
        (b"", "neither"),
        (b"junk" * 100, "neither"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "PRIVATE KEY"),
        (ANCHOR.pem.replace("MIIF", "AAAA").encode(), "damaged"),
        (b"-----BEGIN PKCS7-----\n" + base64.b64encode(b"nonsense") + b"\n-----END PKCS7-----\n", "neither"),
        (b"-----BEGIN PKCS7-----\n" + base64.b64encode(INNER), "no end"),
        (armoured(OTHER_DER[:-40], "CERTIFICATE").encode(), "damaged"),
        (armoured(OTHER_DER + b"more", "CERTIFICATE").encode(), "damaged"),
        (content_info(signed_data(OTHER_DER, b"\x30\x00")), "damaged"),
        (INNER[:-300], "neither"),
        (INNER + ROOT_P7, "further bytes follow"),
        (OTHER_DER, "one certificate in DER"),
        (content_info(signed_data()), "no certificate in it"),
        (node(0x30, DATA, node(0xA0, node(4, b"x" * 200))), "its content is data"),
        (content_info(signed_data(OTHER_DER, content=node(4, b"something else"))), "neither"),
        (armoured(INNER, "PKCS7").encode() + b"-----BEGIN EC PRIVATE KEY-----\nAA", "EC PRIVATE KEY"),
        (armoured(INNER, "PKCS7").encode("utf-16"), "UTF-16"),
        (b"\x30\x80" * 100_000, "neither"),
        (b"x" * (16 * 1024 * 1024 + 1), "larger than 16 MiB"),
    ],
    ids=[
        "empty",
        "junk",
        "key",
        "damaged",
        "broken pkcs7",
        "no end",
        "cut",
        "longer",
        "empty",
        "cut der",
        "two",
        "bare",
        "none",
        "data",
        "other content",
        "key beside",
        "utf-16",
        "deep",
        "huge",
    ],
)
def test_what_is_no_bundle_is_refused_by_name(data: bytes, said: str) -> None:
    with pytest.raises(InputError, match=said):
        Bundle.from_bytes(data)


def test_signed_data_within_signed_data_has_an_end() -> None:
    data = INNER
    for _ in range(4):
        data = content_info(signed_data(content=node(4, data)))
    assert Bundle.from_bytes(data).holds(ANCHOR)
    with pytest.raises(InputError, match="deeper than 4"):
        Bundle.from_bytes(content_info(signed_data(content=node(4, data))))


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        Bundle.from_file(tmp_path / "none")
    with pytest.raises(InputError, match="directory"):
        Bundle.from_file(tmp_path)
