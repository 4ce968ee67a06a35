"""A trust anchor is exactly one CA certificate, whoever wrote the file."""

from __future__ import annotations

import contextlib
import ssl
import warnings
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from agent.model.errors import InputError
from agent.model.pki.anchor import TrustAnchor
from agent.model.pki.bundle import Bundle

START = datetime(2020, 1, 1, tzinfo=UTC)


def make_pem(name: str = "Test Root", *, ca: bool | None = True, serial: int = 0x0A01) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(START)
        .not_valid_after(START + timedelta(days=3650))
    )
    if ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def test_the_bundled_root_is_the_one_of_the_notice() -> None:
    anchor = TrustAnchor.bundled()
    assert anchor.name == "IdenTrust Commercial Root CA 1"
    assert anchor.sha1 == "DF717EAA4AD94EC9558499602D48DE5FBCF03A25"
    assert anchor.sha256 == "5D56499BE4D2E08BCFCAD08A3E38723D50503BDE706948E42F55603019E528AE"
    assert anchor.serial == "0A0142800000014523C844B500000002"  # as its publisher prints it
    assert anchor.not_before == datetime(2014, 1, 16, 18, 12, 23, tzinfo=UTC)
    assert anchor.not_after == datetime(2034, 1, 16, 18, 12, 23, tzinfo=UTC)


def test_any_root_is_read_and_comments_before_it_are_allowed() -> None:
    pem = make_pem("Our Root")
    assert TrustAnchor.from_pem(f"# fetched today\nsubject: CN=Our Root\n{pem}\n").pem == pem


def test_blanks_between_the_lines_are_nobodys_fault() -> None:
    pem = make_pem()
    assert TrustAnchor.from_pem(pem.replace("\n", "\n \n")).pem == pem


def test_a_root_whose_serial_number_is_none_is_read_without_a_warning() -> None:
    pem = make_pem(serial=1)
    der = bytearray(ssl.PEM_cert_to_DER_cert(pem))
    der[der.index(b"\x02\x01\x01") + 2] = 0
    with warnings.catch_warnings(record=True) as seen:
        assert TrustAnchor.from_pem(ssl.DER_cert_to_PEM_cert(bytes(der))).serial == "00"
    assert not seen


@pytest.mark.parametrize(
    "spoil, said",
    [
        (lambda pem: "", "no PEM certificate"),
        (lambda pem: pem.replace("BEGIN CERT", "BEGIN PKCS7 CERT"), "no PEM certificate"),
        (lambda pem: pem + pem, "2 certificates"),
        (lambda pem: pem + "trailing junk", "other text"),
        (lambda pem: "-----BEGIN PRIVATE KEY-----\n" + pem, "other text"),
        (lambda pem: pem.replace(pem.splitlines()[2], "QUJD"), "damaged"),
        (lambda pem: make_pem(ca=False), "not a CA certificate"),
        (lambda pem: make_pem(ca=None), "not a CA certificate"),
    ],
)
def test_what_is_not_one_ca_certificate_is_refused_in_one_line(spoil: Callable[[str], str], said: str) -> None:
    with pytest.raises(InputError, match=said) as refused:
        TrustAnchor.from_pem(spoil(make_pem()), source="root.pem")
    assert str(refused.value).startswith("root.pem:")
    assert "\n" not in str(refused.value)


def twisted(old: bytes, new: bytes) -> str:
    """A root with *new* in place of *old*, which its signature does not matter to."""
    der = x509.load_pem_x509_certificate(make_pem("Twisted").encode()).public_bytes(serialization.Encoding.DER)
    assert old in der
    return ssl.DER_cert_to_PEM_cert(der.replace(old, new))


@pytest.mark.parametrize(
    "old, new",
    [
        (b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x05"),  # a version that is none
        (b"\x0c\x07Twisted", b"\x03\x07Twisted"),  # a name that is a bit string
        (b"\x0c\x07Twisted", b"\x0c\x07\xff\xff\xff\xff\xff\xff\xff"),
        (b"200101000000Z", b"209901000000Z"),  # month 99
        (b"\x06\x03\x55\x1d\x13", b"\x06\x03\x55\x1d\x11"),  # basic constraints under another name
    ],
)
def test_a_certificate_that_is_twisted_is_refused_as_anchor_and_in_a_bundle(old: bytes, new: bytes) -> None:
    pem = twisted(old, new)
    with pytest.raises(InputError, match=r"damaged|not a CA"):
        TrustAnchor.from_pem(pem)
    with contextlib.suppress(InputError):
        assert Bundle.from_bytes(pem.encode()).sha256


def test_a_der_file_and_an_oversized_file_and_no_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "der").write_bytes(b"\x30\x82\xff\x00")
    (tmp_path / "big").write_bytes(b"x" * 70_000)
    for name, said in (("der", "not PEM text"), ("big", "larger than 64 KiB"), ("none", "No such file")):
        with pytest.raises(InputError, match=said):
            TrustAnchor.from_file(tmp_path / name)


def test_expiry_is_judged_at_a_given_time() -> None:
    anchor = TrustAnchor.from_pem(make_pem())
    assert not anchor.expired(START + timedelta(days=1))
    assert anchor.expired(START + timedelta(days=4000))
    assert anchor.expired(START - timedelta(days=1))
