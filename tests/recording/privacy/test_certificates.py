"""Certificates of somebody give way to imitations with the same fields; those of public roots stay."""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import re
import textwrap
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

from agent.model.pki.anchor import TrustAnchor
from agent.model.pki.imitation import certificates_in
from agent.recording.privacy.standins import StandIns
from agent.xr.cli import show

KEY = b"a key of the tests, of 32 bytes.."
SERIAL = 0x7A01_4280_9F23_C844_B5A2
KINDS = ["rsa", "p256", "p384", "ed25519"]
Private = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


@cache
def key_of(kind: str) -> Private:
    match kind:
        case "rsa":
            return rsa.generate_private_key(65537, 2048)
        case "ed25519":
            return ed25519.Ed25519PrivateKey.generate()
    return ec.generate_private_key(ec.SECP256R1() if kind == "p256" else ec.SECP384R1())


@cache
def certificate(kind: str) -> x509.Certificate:
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "DE"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Initech Netze"),
            x509.NameAttribute(NameOID.COMMON_NAME, "Initech Root X7"),
        ]
    )
    key = key_of(kind)
    names: list[x509.GeneralName] = [
        x509.DNSName("ca.initech.de"),
        x509.RFC822Name("pki@initech.de"),
        x509.IPAddress(ipaddress.ip_address("10.7.8.9")),
        x509.UniformResourceIdentifier("http://ca.initech.de/crl"),
    ]
    return (
        x509.CertificateBuilder(name, name)
        .public_key(key.public_key())
        .serial_number(SERIAL)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2040, 1, 1, tzinfo=UTC))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, None if kind == "ed25519" else hashes.SHA256())
    )


def der_of(kind: str) -> bytes:
    return certificate(kind).public_bytes(serialization.Encoding.DER)


def pem_of(kind: str) -> str:
    return certificate(kind).public_bytes(serialization.Encoding.PEM).decode()


@pytest.mark.parametrize("kind", KINDS)
def test_an_imitation_has_the_same_fields_and_says_nothing_of_whose_it_is(kind: str) -> None:
    pem, standins = pem_of(kind), StandIns(KEY)
    standins.learn(pem)
    result = standins.replaced(pem)
    made, was = x509.load_pem_x509_certificate(result.encode()), certificate(kind)
    assert len(result) == len(pem)
    assert [attribute.oid for attribute in made.subject] == [attribute.oid for attribute in was.subject]
    assert made.subject == made.issuer
    assert made.subject.get_attributes_for_oid(NameOID.COUNTRY_NAME)[0].value == "DE"
    assert (made.not_valid_before_utc, made.not_valid_after_utc) == (was.not_valid_before_utc, was.not_valid_after_utc)
    assert made.signature_algorithm_oid == was.signature_algorithm_oid
    assert type(made.public_key()) is type(was.public_key())
    assert getattr(made.public_key(), "key_size", 0) == getattr(was.public_key(), "key_size", 0)
    assert made.public_key() != was.public_key()
    assert len(f"{made.serial_number:x}") == len(f"{was.serial_number:x}")
    assert made.serial_number != was.serial_number
    assert [one.oid for one in made.extensions] == [one.oid for one in was.extensions]
    subject = made.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    assert made.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier == subject
    data = made.public_bytes(serialization.Encoding.DER)
    assert TrustAnchor.from_pem(result).not_after == was.not_valid_after_utc
    for private in (b"nitech", b"pki@", ipaddress.ip_address("10.7.8.9").packed):
        assert private.lower() not in data.lower()
    assert standins.replaced(result) == result


@pytest.mark.parametrize("first", ["printed", "pem"])
def test_what_is_printed_of_a_certificate_follows_its_imitation(first: str) -> None:
    der = der_of("rsa")
    sha1 = hashlib.sha1(der, usedforsecurity=False).hexdigest().upper()
    printed = (
        "Trustpoint       : Trustpool\nCA certificate\n"
        f"  Serial Number  : {SERIAL.to_bytes(10, 'big').hex(':').upper()}\n"
        "  Subject:\n    CN=Initech Root X7,O=Initech Netze,C=DE\n  Issued By      :\n"
        "    CN=Initech Root X7,O=Initech Netze,C=DE\n  Validity Start : 00:00:00 UTC Wed Jan 01 2020\n"
        f"  SHA1 Fingerprint:\n    {sha1}\n"
    )
    standins, texts = StandIns(KEY), [printed, f"<certificate-data>{pem_of('rsa')}</certificate-data>"]
    passed = []
    for text in texts if first == "printed" else reversed(texts):
        standins.learn(text)
        passed.append(standins.replaced(text))
    whole = "".join(standins.replaced(text) for text in passed)  # the second pass, over what was written
    found = re.search(r"-----BEGIN.*-----END CERTIFICATE-----", whole, re.DOTALL)
    assert found is not None
    made = TrustAnchor.from_pem(found.group())
    shown = show.certificates(whole, "Trustpool")
    assert shown is not None
    assert (shown.sha1, shown.serial) == (made.sha1, made.serial)
    assert shown.subject is not None
    assert shown.subject.same(made.subject)
    # In other spellings as well.
    assert standins.replaced(f"serial {SERIAL} of it") == f"serial {int(made.serial, 16)} of it"
    assert standins.replaced(sha1.lower()) == made.sha1.lower()


def test_public_roots_stay_as_pem_and_as_printed() -> None:
    anchor = TrustAnchor.bundled()
    text = (
        f"{anchor.pem}\n  Subject: {anchor.subject}\n"
        f"  Serial Number: {anchor.serial}\n SHA1 Fingerprint: {anchor.sha1}\n"
        f"<serial-num>{anchor.serial}</serial-num><finger-print>{anchor.sha1}</finger-print>"
        f"{base64.b64encode(base64.b64decode(''.join(anchor.pem.splitlines()[1:-1]))).decode()}"
    )
    standins = StandIns(KEY, public=[anchor])
    standins.learn(text)
    assert standins.replaced(text) == text
    assert standins.counts == {}


def dumped(der: bytes) -> str:
    """As ``show`` commands dump bytes: groups of eight digits, eight a line."""
    groups = textwrap.wrap(der.hex().upper(), 8)
    return "\n".join("  " + " ".join(groups[at : at + 8]) for at in range(0, len(groups), 8))


@pytest.mark.parametrize("kind", ["rsa", "p256"])
def test_a_certificate_is_found_as_base64_and_as_hex(kind: str) -> None:
    der, standins = der_of(kind), StandIns(KEY)
    made = base64.b64decode("".join(standins.replaced(pem_of(kind)).splitlines()[1:-1]))
    assert standins.replaced(base64.b64encode(der).decode()) == base64.b64encode(made).decode()
    assert standins.replaced(der.hex()) == made.hex()
    assert standins.replaced(dumped(der)) == dumped(made)
    assert (
        standins.replaced(base64.b64encode(b"ahead" + der + der).decode())
        == base64.b64encode(b"ahead" + made + made).decode()
    )


@pytest.mark.parametrize(
    "text",
    ["A" * 64 + "\n" + "   \n" * 500 + "<end>", ("1000" + " " * 400) * 7 + "x"],
    ids=["blank lines", "columns"],
)
def test_what_could_be_a_certificate_for_a_while_is_looked_through_once(text: str) -> None:
    assert StandIns(KEY).replaced(text) == text


def test_of_a_damaged_certificate_nothing_is_left_and_the_recording_goes_on() -> None:
    der, length = der_of("rsa"), len(der_of("rsa"))
    broken = der.replace(bytes.fromhex("0603550403"), bytes.fromhex("0683550403"))  # the length of an identifier
    assert broken != der
    standins = StandIns(KEY)
    made = base64.b64decode(standins.replaced(base64.b64encode(broken).decode()))
    assert len(made) == length
    assert b"initech" not in made.lower()
    assert not any(made[at : at + 8] in broken for at in range(length - 8))
    again = base64.b64encode(made).decode()
    assert standins.replaced(again) == again


def test_what_is_no_certificate_is_none() -> None:
    der = der_of("rsa")
    assert list(certificates_in(der)) == [(0, len(der))]
    for cut in range(0, len(der), 7):
        assert list(certificates_in(der[:cut])) == []
    assert list(certificates_in(b"\x30\x82\x01\x00\x30\x82\x00\xff\x02" + bytes(300))) == []


def test_the_old_root_stays_as_well() -> None:
    pem = (Path(__file__).parents[3] / "agent/simulator/personas/quovadis.pem").read_text()
    text = f"{pem}\n Serial Number  : 05:09\n SHA1 Fingerprint:\n    {TrustAnchor.from_pem(pem).sha1}\n"
    assert StandIns(KEY).replaced(text) == text


def test_public_names_of_a_certificate_that_is_not_known_stay() -> None:
    text = "Subject: CN=Cisco Root CA 2048,O=Cisco Systems  Serial Number: 5FF87B282B54DC8D42A315B568C9ADFF"
    result = StandIns(KEY).replaced(text)
    assert result.startswith("Subject: CN=Cisco Root CA 2048,O=Cisco Systems  Serial Number: ")
    assert result != text


@pytest.mark.parametrize("line", [32, 40, 64])
def test_the_fingerprint_of_a_public_root_stays_also_where_it_is_wrapped(line: int) -> None:
    standins = StandIns(KEY, public=[TrustAnchor.bundled()])
    shown = "\n  ".join(textwrap.wrap(TrustAnchor.bundled().sha256, line))
    text = f"SHA256 Fingerprint:\n  {shown}\n"
    standins.learn(text)
    assert standins.replaced(text) == text
    other = text.replace("5D56", "5D57")
    assert standins.replaced(other) != other
