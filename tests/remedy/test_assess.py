"""The verdict: affected, not affected, remedied or unknown, always with its reasons."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agent.model.pki.certificate import CONSOLE, Certificate
from agent.model.plan import Verdict, VerdictKind
from agent.model.state import (
    AuthorizationState,
    DeviceTime,
    Licensing,
    LicensingTransport,
    PoolEntry,
    Reading,
    RegistrationState,
    Reporting,
    Signature,
    State,
    TransportType,
)
from agent.remedy.assess import assess
from agent.remedy.notices.folder import bundled
from tests.remedy.states import ANCHOR, CERTIFICATE, LAST, LICENSING, LISTED, NOW, OLD_ROOT, TERMINAL, state

UNREAD: Reading[tuple[PoolEntry, ...]] = Reading(missing="no CLI")
WITHOUT_ROOT = Reading((PoolEntry(OLD_ROOT, "Built-In"),), "console")
VERIFY_FAILED = Reading((Signature("XR_SSL-3-CERT_VERIFY_ERR_2_PARAM", 3, None, LAST),), "infra-syslog-oper")
ON = Reading(True, "um-http-client-cfg")
NOT_KNOWN: Reading[bool] = Reading(missing="no model of it")
SUCCEEDED = replace(LICENSING, last_comm_success=True, last_comm_time=LAST)


def unread(**changes: Any) -> State:
    """As of :func:`state`, but nobody could read the trustpool."""
    return state(**{"trustpool": UNREAD, **changes})


def test_an_affected_release_is_affected_and_its_deadlines_count_from_the_last_success() -> None:
    verdict = assess(state(), ANCHOR, NOW)
    assert verdict.kind is VerdictKind.AFFECTED
    # comm-deadline-time, 2026-12-21, stands 90 days after the last success
    assert dict(verdict.deadlines) == {
        "comm_failed": datetime(2026, 10, 22, 10, tzinfo=UTC),
        "authorization_expired": datetime(2026, 12, 21, 10, tzinfo=UTC),
        "unregistered": datetime(2027, 9, 22, 10, tzinfo=UTC),
    }
    assert "release 7.4.1 is on the list of FN72290" in verdict.reasons
    assert "comm failed since 10 days" in verdict.reasons
    assert "authorization expired in 50 days" in verdict.reasons
    assert any("Fail to send out" in reason for reason in verdict.reasons)


def test_after_a_successful_contact_the_deadlines_count_from_it() -> None:
    licence = replace(LICENSING, last_comm_success=True, last_comm_time=LAST)
    assert dict(assess(state(licence=licence), ANCHOR, NOW).deadlines)["authorization_expired"] == datetime(
        2027, 1, 20, 10, tzinfo=UTC
    )


def test_a_deadline_that_a_remedied_router_passed_is_past() -> None:
    late = DeviceTime("then", NOW + timedelta(days=30))  # 90 days after the last success, so the first is passed
    licence = replace(LICENSING, deadline=late)
    hit = assess(state(licence=licence), ANCHOR, NOW)
    assert [name for name, when in hit.deadlines if when < NOW] == ["comm_failed"]
    cured = assess(state(certificate=CERTIFICATE, enrollment=TERMINAL, licence=licence), ANCHOR, NOW)
    assert [name for name, _ in cured.deadlines] == ["authorization_expired", "unregistered"]
    assert not any("since" in reason and "days" in reason for reason in cured.reasons)
    assert "push renews its licence" in " ".join(cured.reasons)


@pytest.mark.parametrize(
    "pool, lasting", [((), False), ((LISTED,), True), ((replace(LISTED, trustpoint="Trustpool"),), False)]
)
def test_a_remedied_router_that_loses_the_root_at_a_reload_is_warned_of(
    pool: tuple[PoolEntry, ...], lasting: bool
) -> None:
    seen = state(certificate=CERTIFICATE, enrollment=TERMINAL, trustpool=Reading(pool, CONSOLE))
    verdict = assess(seen, ANCHOR, NOW)
    assert (verdict.kind, verdict.persistent) == (VerdictKind.REMEDIED, lasting)
    assert any("a reload forgets" in warning for warning in verdict.warnings) is not lasting


def test_without_a_readable_time_there_are_no_deadlines() -> None:
    licence = replace(LICENSING, last_comm_time=None, deadline=None)
    assert assess(state(licence=licence), ANCHOR, NOW).deadlines == ()


def test_the_root_outweighs_the_release() -> None:
    verdict = assess(state(certificate=CERTIFICATE), ANCHOR, NOW)
    assert verdict.kind is VerdictKind.REMEDIED
    assert "by fingerprint" in verdict.reasons[0]


def test_another_certificate_is_no_remedy() -> None:
    verdict = assess(state(certificate=OLD_ROOT), ANCHOR, NOW)
    assert verdict.kind is VerdictKind.AFFECTED
    assert "QuoVadis Root CA 2" in verdict.reasons[0]


@pytest.mark.parametrize(
    "licence, said",
    [
        (replace(LICENSING, url="https://ssm.example/Transportgateway"), "ssm.example"),
        (replace(LICENSING, transport=TransportType.CSLU, url="http://72.163.4.38:8182/cslu/v1/pi"), "72.163.4.38"),
        (replace(LICENSING, url="https://10.1.1.1/Transportgateway"), "10.1.1.1"),
        (replace(LICENSING, url="https://[fd00::1]:8443/Transportgateway"), "fd00::1"),
        (replace(LICENSING, url="https://tools.cisco.com.example/x"), "tools.cisco.com.example"),
        (replace(LICENSING, url="https://notcisco.com/x"), "notcisco.com"),
        (replace(LICENSING, transport=TransportType.OFF), "off"),
        (replace(LICENSING, authorization=AuthorizationState.AUTHORIZED_RESERVATION), "reserved"),
    ],
)
def test_licensing_that_goes_elsewhere_is_not_affected(licence: Licensing, said: str) -> None:
    verdict = assess(state(licence=licence), ANCHOR, NOW)
    assert verdict.kind is VerdictKind.NOT_AFFECTED
    assert any(said in reason for reason in verdict.reasons)


@pytest.mark.parametrize(
    "url",
    ["https://72.163.4.38/its", "https://[2001:420::1]/its", "https://tools2.cisco.com/its", "https://cisco.com/x"],
)
def test_a_server_that_may_be_one_of_those_concerned_is_not_elsewhere(url: str) -> None:
    licence = replace(LICENSING, url=url)
    assert assess(state(licence=licence), ANCHOR, NOW).kind is VerdictKind.AFFECTED
    verdict = assess(state(licence=licence, release="7.3.15"), ANCHOR, NOW)
    assert verdict.kind is VerdictKind.UNKNOWN
    assert f"licensing goes to {url}, which may be one of the servers concerned" in verdict.reasons


@pytest.mark.parametrize(
    "made, kind, said",
    [
        (unread(fixes=frozenset({"CSCvx00476"})), VerdictKind.NOT_AFFECTED, "has the fix CSCvx00476"),
        (unread(release="7.5.2"), VerdictKind.NOT_AFFECTED, "not on the list of FN72290 and not before 7.5.2"),
        (state(release="5.3.4"), VerdictKind.UNKNOWN, "older than"),
        (state(release="weird"), VerdictKind.UNKNOWN, "is no number"),
        (state(release=None), VerdictKind.UNKNOWN, "no release"),
        (state(certificate=None, release="6.6.3"), VerdictKind.AFFECTED, "shows no CA certificate"),
        (replace(state(release="6.6.3"), certificate=Reading(missing="no model")), VerdictKind.AFFECTED, "no model"),
    ],
)
def test_the_release_and_its_fixes_decide_where_nothing_else_does(made: State, kind: VerdictKind, said: str) -> None:
    verdict = assess(made, ANCHOR, NOW)
    assert verdict.kind is kind
    assert any(said in reason for reason in verdict.reasons)


@pytest.mark.parametrize(
    "licence, logged, warned",
    [
        (LICENSING, (), True),
        (None, (Signature("SMART_LIC-3-COMM_FAILED", 2),), True),
        (None, (), False),
        (replace(LICENSING, last_comm_success=True), (Signature("SMART_LIC-3-COMM_FAILED", 2),), False),
    ],
)
def test_a_server_that_is_not_reached_is_warned_of_where_nobody_looked_for_the_root(
    licence: Licensing | None, logged: tuple[Signature, ...], warned: bool
) -> None:
    made = unread(release="26.1.2", licence=licence, syslog=Reading(logged, "infra-syslog-oper"))
    verdict = assess(made, ANCHOR, NOW)
    assert verdict.kind is VerdictKind.NOT_AFFECTED
    assert any("is not reached, and the trustpool was not read" in text for text in verdict.warnings) is warned
    made = replace(made, trustpool=Reading((LISTED,), "CLI"))
    assert not any("is not reached" in text for text in assess(made, ANCHOR, NOW).warnings)


def test_the_notice_lists_exactly_the_releases_of_fn72290() -> None:
    notice = bundled()
    assert len(notice.affected or ()) == 44
    for listed in ("6.0.0", "6.5.3", "6.8.1", "7.0.2", "7.3.3", "7.4.1", "7.5.1"):
        assert notice.lists(listed)
    for unlisted in ("6.8.2", "6.9.1", "7.3.4", "7.4.2", "7.5.2", "5.3.4", "24.1.1"):
        assert not notice.lists(unlisted)


def reasons(verdict: Verdict) -> str:
    return " | ".join(verdict.reasons)


def test_the_root_in_the_trustpool_is_a_remedy() -> None:
    verdict = assess(state(trustpool=Reading((LISTED,), "console")), ANCHOR, NOW)
    assert verdict.kind is VerdictKind.REMEDIED
    assert verdict.reasons[0].startswith("the trustpool lists")  # what decided comes first


def test_where_state_does_not_tell_the_configuration_tells_where_licensing_goes() -> None:
    def configured(**settings: Any) -> State:
        return state(licence=None, transport=Reading(LicensingTransport(**settings), "call-home-cfg"))

    assert assess(configured(urls=("https://ssm.example/x",)), ANCHOR, NOW).kind is VerdictKind.NOT_AFFECTED
    both = ("https://ssm.example/x", "https://tools.cisco.com/its/x")
    assert assess(configured(urls=both), ANCHOR, NOW).kind is VerdictKind.AFFECTED
    assert assess(configured(kind=TransportType.OFF), ANCHOR, NOW).kind is VerdictKind.NOT_AFFECTED
    assert assess(configured(reservation=True), ANCHOR, NOW).kind is VerdictKind.NOT_AFFECTED


@pytest.mark.parametrize(
    "day, verified, kind",
    [
        (datetime(2026, 10, 22, tzinfo=UTC), ON, VerdictKind.NOT_AFFECTED),
        (datetime(2022, 2, 6, tzinfo=UTC), ON, VerdictKind.NOT_AFFECTED),
        (datetime(2022, 2, 5, 23, 59, tzinfo=UTC), ON, VerdictKind.AFFECTED),
        (datetime(2022, 2, 1, tzinfo=UTC), ON, VerdictKind.AFFECTED),
        (datetime(2031, 1, 1, tzinfo=UTC), ON, VerdictKind.AFFECTED),
        (datetime(2022, 2, 1, tzinfo=UTC), NOT_KNOWN, VerdictKind.AFFECTED),
        (datetime(2026, 10, 22, tzinfo=UTC), NOT_KNOWN, VerdictKind.UNKNOWN),
        (datetime(2026, 10, 22, tzinfo=UTC), Reading(None, "um-http-client-cfg"), VerdictKind.UNKNOWN),
        (datetime(2026, 10, 22, tzinfo=UTC), Reading(True, "um-http-client-cfg", empty=True), VerdictKind.UNKNOWN),
        (datetime(2026, 10, 22, tzinfo=UTC), Reading(False, "um-http-client-cfg"), VerdictKind.AFFECTED),
    ],
    ids=[
        "after the change",
        "on the next day",
        "on the day itself",
        "before the change",
        "to come",
        "before, not known",
        "not known",
        "not told",
        "answered with nothing",
        "nothing verified",
    ],
)
def test_a_contact_counts_only_after_the_server_changed_and_where_verification_is_known_to_be_on(
    day: datetime, verified: Reading[bool], kind: VerdictKind
) -> None:
    licence = replace(LICENSING, last_comm_success=True, last_comm_time=DeviceTime("then", day))
    assert assess(state(licence=licence, peer_verification=verified), ANCHOR, NOW).kind is kind


def test_a_contact_is_dated_by_our_clock_where_the_devices_is_known_to_be_off() -> None:
    ahead = Reading(timedelta(days=5 * 365), "console")  # in truth the contact was in October 2021
    verdict = assess(state(licence=SUCCEEDED, peer_verification=ON, clock_offset=ahead), ANCHOR, NOW)
    assert verdict.kind is VerdictKind.AFFECTED


def test_a_contact_that_nothing_is_known_to_have_verified_leaves_it_open_and_says_why() -> None:
    verdict = assess(state(licence=SUCCEEDED, peer_verification=NOT_KNOWN, trustpool=WITHOUT_ROOT), ANCHOR, NOW)
    assert verdict.kind is VerdictKind.UNKNOWN
    assert "proves nothing unless the peer was verified" in verdict.reasons[0]
    assert "no model of it" in verdict.reasons[0]
    fixed = unread(licence=SUCCEEDED, peer_verification=NOT_KNOWN, release="7.4.2")
    assert assess(fixed, ANCHOR, NOW).kind is VerdictKind.NOT_AFFECTED


def test_a_contact_with_a_server_of_the_own_proves_nothing_of_ciscos() -> None:
    both = LicensingTransport(call_home=("https://tools.cisco.com/its/x", "https://ssm.example/x"))
    licence = replace(SUCCEEDED, url=None)
    made = state(licence=licence, peer_verification=ON, transport=Reading(both, "call-home-cfg"))
    assert assess(made, ANCHOR, NOW).kind is VerdictKind.AFFECTED


@pytest.mark.parametrize(
    "reading, said",
    [("host_verification", "http client secure-verify-host disable"), ("name_validation", "tls peer name-validation")],
)
def test_names_that_are_not_compared_are_warned_of(reading: str, said: str) -> None:
    def judged(on: bool) -> Verdict:
        changes: dict[str, Any] = {reading: Reading(on, "x")}
        return assess(state(certificate=CERTIFICATE, **changes), ANCHOR, NOW)

    assert not judged(True).warnings
    verdict = judged(False)
    assert [said in warning for warning in verdict.warnings] == [True]
    assert verdict.warnings[0] in verdict.reasons


def test_switched_off_verification_is_a_warning_and_never_not_affected() -> None:
    verdict = assess(state(peer_verification=Reading(False, "um-http-client-cfg")), ANCHOR, NOW)
    assert verdict.kind is VerdictKind.AFFECTED
    assert "anybody's certificate" in verdict.warnings[0]
    assert verdict.warnings[0] in verdict.reasons


def test_a_clock_outside_the_validity_of_the_root_is_no_remedy() -> None:
    early = Reading(datetime(2010, 1, 1, tzinfo=UTC) - NOW, "console")
    verdict = assess(state(certificate=CERTIFICATE, clock_offset=early), ANCHOR, NOW)
    assert verdict.kind is VerdictKind.UNKNOWN
    assert "TLS fails with the root present" in reasons(verdict)


@pytest.mark.parametrize("minutes, said", [(6, "6 minutes ahead"), (-90, "90 minutes behind"), (4, None), (-5, None)])
def test_a_clock_more_than_five_minutes_off_is_said(minutes: int, said: str | None) -> None:
    offset = Reading(timedelta(minutes=minutes), "console")
    verdict = assess(state(certificate=CERTIFICATE, clock_offset=offset), ANCHOR, NOW)
    assert verdict.kind is VerdictKind.REMEDIED
    assert [said in warning for warning in verdict.warnings if said] == ([True] if said else [])
    assert bool(verdict.warnings) is bool(said)


def test_a_logged_verification_failure_decides_where_the_release_is_not_known() -> None:
    verdict = assess(state(release=None, syslog=VERIFY_FAILED), ANCHOR, NOW)
    assert verdict.kind is VerdictKind.AFFECTED
    assert f"3 times, last at {LAST.text}" in reasons(verdict)


def test_the_fix_of_the_message_prefix_is_said_and_cures_nothing() -> None:
    verdict = assess(state(fixes=frozenset({"CSCvx87275"})), ANCHOR, NOW)
    assert verdict.kind is VerdictKind.AFFECTED
    assert "it is no cure" in reasons(verdict)


def test_policy_based_licensing_is_judged_by_its_reports() -> None:
    licence = Licensing(registration=RegistrationState.NOT_SUPPORTED, policy_based=True)
    report = Reading(Reporting(LAST, None), "smart-license-platform-oper")
    verdict = assess(unread(release="24.2.1", licence=licence, reporting=report), ANCHOR, NOW)
    assert verdict.kind is VerdictKind.NOT_AFFECTED
    assert f"last reported {LAST.text}" in reasons(verdict)


LISTED_RELEASES = sorted(bundled().affected or ())
FIXED = [
    *("6.8.2", "6.9.1", "6.9.2", "7.3.4", "7.3.5", "7.3.6", "7.4.2", "7.5.2", "7.5.3", "7.5.51", "7.6.1", "7.7.21"),
    *("7.11.2", "24.1.1", "24.2.21", "24.3.30", "25.2.15", "26.3.1"),
]
NOT_JUDGED = [
    *("7.0.12", "7.0.14", "7.3.15", "7.3.16", "6.1.31", "6.3.15", "5.3.4", "5.3.0", "7.1.15", "7.2.12", "7.4.15"),
    *(
        "7.5.12",
        "6.7.9",
        "6.10.1",
        "7.0.3",
        "7.2.3",
        "6.8.0",
        "7.4.0",
        "7.5.2.10I",
        "7.5",
        "07.5.2",
        "7.5.2 ",
        "v7.5.2",
    ),
    *("", "7.5.x", "latest", "7,5,2", "-7.5.2", "7.5.\u0662", "7.5.2\n", "7.5.2.1.1", "99999.1.1"),
]


@pytest.mark.parametrize(
    "releases, kind",
    [
        (LISTED_RELEASES, VerdictKind.AFFECTED),
        (FIXED, VerdictKind.NOT_AFFECTED),
        (NOT_JUDGED, VerdictKind.UNKNOWN),
    ],
    ids=["listed", "fixed", "not judged"],
)
def test_only_a_release_from_the_first_fixed_one_of_its_line_on_is_not_affected(
    releases: list[str], kind: VerdictKind
) -> None:
    found = {release: assess(unread(release=release), ANCHOR, NOW).kind for release in releases}
    assert found == dict.fromkeys(releases, kind)


@pytest.mark.parametrize("release", ["7.0.12", "7.3.15", "6.1.31", "7.5.2", "24.2.1"])
def test_what_the_device_shows_against_the_root_outweighs_its_release(release: str) -> None:
    for seen in ({"trustpool": WITHOUT_ROOT}, {"syslog": VERIFY_FAILED}, {"syslog": VERIFY_FAILED, "fixes": FIXES}):
        assert assess(unread(**{"release": release, **seen}), ANCHOR, NOW).kind is VerdictKind.AFFECTED, seen


FIXES = frozenset({"CSCvx00476"})
UNTOLD = Certificate()


@pytest.mark.parametrize(
    "changes",
    [
        {"trustpool": Reading((), "console")},
        {"trustpool": Reading((PoolEntry(OLD_ROOT), PoolEntry(UNTOLD)), "console")},
        {"trustpool": WITHOUT_ROOT, "certificate": UNTOLD},
    ],
    ids=["nothing in it", "one that cannot be told", "trustpoint that cannot be told"],
)
def test_a_root_that_was_looked_for_and_not_seen_is_unknown_whatever_the_release(changes: dict[str, Any]) -> None:
    for fixed in ({"release": "7.5.2"}, {"fixes": FIXES}):
        verdict = assess(state(**changes, **fixed), ANCHOR, NOW)
        assert verdict.kind is VerdictKind.UNKNOWN
        assert "outweighs the release" in verdict.reasons[0]


def test_a_trustpoint_that_answers_with_nothing_though_it_is_configured_is_no_proof() -> None:
    made = state(release="7.5.2", enrollment=TERMINAL, trustpool=WITHOUT_ROOT)
    assert assess(made, ANCHOR, NOW).kind is VerdictKind.AFFECTED
    empty = replace(made, certificate=Reading(None, "crypto-cepki-oper", empty=True))
    assert assess(empty, ANCHOR, NOW).kind is VerdictKind.UNKNOWN


CISCO, OWN = "https://tools.cisco.com/its/x", "https://ssm.example/x"


@pytest.mark.parametrize(
    "running, configured, kind",
    [
        (None, LicensingTransport(call_home=(OWN,)), VerdictKind.NOT_AFFECTED),
        (None, LicensingTransport(call_home=(CISCO,)), VerdictKind.AFFECTED),
        (None, LicensingTransport(call_home=()), VerdictKind.AFFECTED),
        (None, LicensingTransport(call_home=(CISCO,), urls=(OWN,)), VerdictKind.AFFECTED),
        (TransportType.CALLHOME, LicensingTransport(call_home=(), urls=(OWN,)), VerdictKind.AFFECTED),
        (TransportType.CALLHOME, LicensingTransport(call_home=(OWN,), urls=(CISCO,)), VerdictKind.NOT_AFFECTED),
        (TransportType.SMART, LicensingTransport(call_home=(CISCO,), urls=(OWN,)), VerdictKind.NOT_AFFECTED),
        (TransportType.SMART, LicensingTransport(call_home=(OWN,)), VerdictKind.AFFECTED),
        (None, LicensingTransport(TransportType.SMART, call_home=(CISCO,), urls=(OWN,)), VerdictKind.NOT_AFFECTED),
        (None, LicensingTransport(TransportType.CALLHOME, call_home=(CISCO,), urls=(OWN,)), VerdictKind.AFFECTED),
        (TransportType.CSLU, LicensingTransport(call_home=(CISCO,)), VerdictKind.NOT_AFFECTED),
        (TransportType.CSLU, LicensingTransport(urls=(CISCO,)), VerdictKind.AFFECTED),
        (None, LicensingTransport(urls=("https://TOOLS.cisco.com.:443/its",)), VerdictKind.AFFECTED),
        (None, LicensingTransport(urls=("tools.cisco.com",)), VerdictKind.AFFECTED),
    ],
)
def test_only_the_destinations_of_the_transport_in_use_count(
    running: TransportType | None, configured: LicensingTransport, kind: VerdictKind
) -> None:
    made = state(licence=Licensing(transport=running), transport=Reading(configured, "models"))
    assert assess(made, ANCHOR, NOW).kind is kind
