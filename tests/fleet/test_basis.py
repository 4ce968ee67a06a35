"""What a plan was made from: what changes by itself is no part of it, what a plan depends on is."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from agent.fleet.planfile.drift import differences
from agent.fleet.results import objects
from agent.fleet.results.basis import basis, digest
from agent.model.method import Method
from agent.model.pki.certificate import CONSOLE
from agent.model.state import (
    DeviceTime,
    Enrollment,
    EnrollmentKind,
    PoolEntry,
    Reading,
    RegistrationState,
    Signature,
    Software,
    State,
    TrustpointConfig,
)
from tests.remedy.states import ACCESS, ANCHOR, CERTIFICATE, LICENSING, LISTED, OLD_ROOT, TERMINAL, state


def configured(**settings: object) -> Reading[TrustpointConfig]:
    return Reading(TrustpointConfig("Trustpool", TERMINAL, settings), "um-crypto-cfg")


SEEN = state(certificate=CERTIFICATE, config=configured(vrf="mgmt"), trustpool=Reading((LISTED,), CONSOLE))
OTHER = PoolEntry(replace(OLD_ROOT, source=CONSOLE), "Built-In")
BY_ITSELF: dict[str, dict[str, Any]] = {
    "clock": {"clock_offset": Reading(timedelta(seconds=3), CONSOLE)},
    "space": {"space": "harddisk: is full"},
    "log": {"syslog": Reading((Signature("SMART_LIC-3-COMM_FAILED", 2),), "infra-syslog-oper")},
    "contact": {
        "licensing": Reading(replace(LICENSING, last_comm_success=True, last_comm_time=DeviceTime("now")), "m")
    },
    "module": {"certificate": Reading(replace(CERTIFICATE, source="crypto-cepki-oper@2021"), "another")},
    "fixes": {"software": Reading(Software("7.4.1", frozenset({"CSCvx00476"})), "install-oper")},
    "notes": {"access": replace(ACCESS, reasons=("a module is read by the nearest older one",))},
}


@pytest.mark.parametrize("changes", BY_ITSELF.values(), ids=BY_ITSELF)
def test_what_changes_by_itself_is_no_part_of_it(changes: dict[str, Any]) -> None:
    assert basis(replace(SEEN, **changes)) == basis(SEEN)
    assert digest(basis(replace(SEEN, **changes))) == digest(basis(SEEN))


URL = Enrollment(EnrollmentKind.URL, "http://ca.example/")
CHANGES: list[tuple[str, dict[str, Any]]] = [
    ("release: 7.4.2, it was 7.4.1", {"software": Reading(Software("7.4.2"), "install-oper")}),
    (
        "trustpoint Trustpool: 'enrollment url http://ca.example/', it was 'enrollment terminal'",
        {"config": Reading(TrustpointConfig("Trustpool", URL), "um-crypto-cfg")},
    ),
    ("trustpoint Trustpool: not there, it was 'enrollment terminal'", {"config": Reading(None, "um-crypto-cfg")}),
    ("trustpoint Trustpool: its configuration can no longer be read", {"config": Reading(missing="refused")}),
    ("trustpoint Trustpool has other settings: crl, vrf", {"config": configured(crl="optional")}),
    ("its CA certificate: none, it was", {"certificate": Reading(None, "crypto-cepki-oper")}),
    ("its CA certificate: CN=QuoVadis Root CA 2, it was", {"certificate": Reading(OLD_ROOT, "crypto-cepki-oper")}),
    (f"(sha1 {ANCHOR.sha1}), with other details", {"certificate": Reading(replace(CERTIFICATE, serial="01"), "m")}),
    ("its CA certificate can no longer be read", {"certificate": Reading(missing="refused")}),
    ("the trustpool lists as well: CN=QuoVadis Root CA 2", {"trustpool": Reading((LISTED, OTHER), CONSOLE)}),
    ("the trustpool no longer lists: ", {"trustpool": Reading((), CONSOLE)}),
    ("the trustpool can no longer be read", {"trustpool": Reading(missing="not read")}),
    (
        "the trustpool lists its certificates otherwise",
        {"trustpool": Reading((replace(LISTED, trustpoint="Trustpool"),), CONSOLE)},
    ),
    (
        "licensing registered: no, it was yes",
        {"licensing": Reading(replace(LICENSING, registration=RegistrationState.NOT_REGISTERED), "m")},
    ),
    ("licensing registered: not known, it was yes", {"licensing": Reading(missing="no licensing model")}),
    ("CLI over SSH at hand: no, it was yes", {"cli": "the CLI over SSH cannot be used: Connection refused"}),
    ("its models, authenticate: no, it was yes", {"access": replace(ACCESS, authenticate=False)}),
    ("its models, methods: dialog, it was trustpool, rpc", {"access": replace(ACCESS, methods=(Method.DIALOG,))}),
]


@pytest.mark.parametrize("said, changes", CHANGES, ids=[said for said, _ in CHANGES])
def test_what_a_plan_depends_on_is_and_the_difference_is_said(said: str, changes: dict[str, Any]) -> None:
    before, now = basis(SEEN), basis(replace(SEEN, **changes))
    assert digest(before) != digest(now)
    assert said in "; ".join(differences(before, now))
    assert list(differences(now, before))


def test_in_which_order_a_router_lists_things_does_not_matter() -> None:
    pool = (LISTED, OTHER)
    one = replace(SEEN, trustpool=Reading(pool, CONSOLE), config=configured(crl="optional", vrf="mgmt"))
    other = replace(SEEN, trustpool=Reading(pool[::-1], CONSOLE), config=configured(vrf="mgmt", crl="optional"))
    assert objects.dump(basis(one), "json") == objects.dump(basis(other), "json")


def with_secrets() -> State:
    url = Enrollment(EnrollmentKind.URL, "http://ops:hunter2@ca.example/")
    settings = {"password": "hunter2", "lines": ("challenge password 7 hunter2", f"enrollment url {url.url}")}
    return replace(SEEN, config=Reading(TrustpointConfig("Trustpool", url, settings), "cli-cfg"))


def test_no_secret_of_a_router_is_in_it() -> None:
    text = objects.dump(basis(with_secrets()), "json")
    assert "hunter2" not in text
    assert "***" in text


def test_it_names_the_root_that_is_there() -> None:
    shown = basis(SEEN).certificate
    assert shown is not None
    assert shown.sha1 == ANCHOR.sha1
