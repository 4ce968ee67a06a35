"""Evidence: by what a certificate that a device shows is known to be the anchor."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.model.pki.anchor import TrustAnchor
from agent.model.pki.certificate import Certificate, Evidence, normal_hex, normal_serial
from agent.model.pki.names import DistinguishedName
from tests.model.test_anchor import make_pem

ANCHOR = TrustAnchor.bundled()
SHOWN = Certificate(ANCHOR.subject, ANCHOR.issuer, ANCHOR.not_before, ANCHOR.not_after)
FULL = replace(SHOWN, serial=ANCHOR.serial, sha1=ANCHOR.sha1, pem=ANCHOR.pem)


@pytest.mark.parametrize(
    "certificate, evidence",
    [
        (FULL, Evidence.PEM),
        (replace(FULL, pem=None), Evidence.FINGERPRINT),
        (replace(FULL, pem=None, serial=None), Evidence.FINGERPRINT),
        (SHOWN, Evidence.SUBJECT_VALIDITY),
        (replace(SHOWN, not_after=None), Evidence.NONE),
        (Certificate(), Evidence.NONE),
    ],
)
def test_the_best_means_the_device_offers_is_the_evidence(certificate: Certificate, evidence: Evidence) -> None:
    assert certificate.proves(ANCHOR) is evidence


@pytest.mark.parametrize(
    "certificate",
    [
        replace(FULL, pem=make_pem(ANCHOR.name)),
        replace(FULL, pem="not a certificate"),
        replace(FULL, pem=None, sha1="00" * 20),
        replace(FULL, pem=None, serial="1234"),
        replace(SHOWN, subject=DistinguishedName.parse("CN=QuoVadis Root CA 2,O=QuoVadis Limited,C=BM")),
        replace(SHOWN, not_after=ANCHOR.not_before),
    ],
)
def test_another_certificate_is_no_evidence_even_where_the_rest_agrees(certificate: Certificate) -> None:
    assert certificate.proves(ANCHOR) is None


@pytest.mark.parametrize(
    "spelling",
    [
        "CN=IdenTrust Commercial Root CA 1,O=IdenTrust,C=US",
        "C=US, O=IdenTrust, CN=IdenTrust Commercial Root CA 1",
        "cn=IdenTrust Commercial Root CA 1,o=IdenTrust,c=US",
        "/C=US/O=IdenTrust/CN=IdenTrust  Commercial Root CA 1",
    ],
)
def test_names_are_compared_by_attributes_not_by_spelling(spelling: str) -> None:
    name = DistinguishedName.parse(spelling)
    assert name.same(ANCHOR.subject)
    assert name.common_name is not None
    assert not name.same(DistinguishedName.parse(spelling.replace("CA 1", "CA 2")))


def test_names_without_attributes_equal_nothing() -> None:
    assert not DistinguishedName.parse("").same(DistinguishedName.parse(""))


def test_hex_is_read_with_any_separator() -> None:
    assert normal_hex("df:71 7e-AA") == "DF717EAA"
    assert normal_hex("0xdf717eaa") == normal_hex("DF71 7EAA") == "DF717EAA"
    assert normal_hex("A:1:42:0") == "0A014200"
    assert normal_hex("A01428000") == "A01428000"
    assert normal_hex("not hex") is None
    assert normal_hex("") is None


@pytest.mark.parametrize(
    "text, serial",
    [
        ("0A:01:42", "0A0142"),
        ("A0142", "0A0142"),
        ("000a0142", "0A0142"),
        ("0x0509", "0509"),
        ("A:1:42", "0A0142"),
        ("FF", "FF"),
        ("00FF", "FF"),
        ("00", None),
        ("no serial", None),
    ],
)
def test_a_serial_number_has_whole_bytes_whichever_zeros_are_printed(text: str, serial: str | None) -> None:
    assert normal_serial(text) == serial
