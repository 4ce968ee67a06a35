"""A bundle is opened before a router gets it, and it must hold the anchor."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from agent.model.anchor import TrustAnchor
from agent.model.bundle import Bundle
from agent.model.errors import InputError
from tests.model.test_anchor import make_pem

ANCHOR = TrustAnchor.bundled()
OTHER = make_pem("Somebody Else")


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
        (b"x" * (16 * 1024 * 1024 + 1), "larger than 16 MiB"),
    ],
    ids=["empty", "junk", "key", "damaged", "broken pkcs7", "huge"],
)
def test_what_is_no_bundle_is_refused_by_name(data: bytes, said: str) -> None:
    with pytest.raises(InputError, match=said):
        Bundle.from_bytes(data)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        Bundle.from_file(tmp_path / "none")
    with pytest.raises(InputError, match="directory"):
        Bundle.from_file(tmp_path)
