"""The verdict: affected, not affected, remedied or unknown, always with its reasons."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.model.errors import InputError
from agent.model.plan import Verdict, VerdictKind
from agent.model.state import (
    AuthorizationState,
    DeviceTime,
    Licensing,
    LicensingTransport,
    Reading,
    RegistrationState,
    Reporting,
    Signature,
    State,
    TransportType,
)
from agent.remedy.assess import assess
from agent.remedy.notice import Notice, bundled_notice
from tests.remedy.states import ANCHOR, CERTIFICATE, LAST, LICENSING, LISTED, NOW, OLD_ROOT, state


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
        (replace(LICENSING, transport=TransportType.OFF), "off"),
        (replace(LICENSING, authorization=AuthorizationState.AUTHORIZED_RESERVATION), "reserved"),
    ],
)
def test_licensing_that_goes_elsewhere_is_not_affected(licence: Licensing, said: str) -> None:
    verdict = assess(state(licence=licence), ANCHOR, NOW)
    assert verdict.kind is VerdictKind.NOT_AFFECTED
    assert any(said in reason for reason in verdict.reasons)


@pytest.mark.parametrize(
    "made, kind, said",
    [
        (state(fixes=frozenset({"CSCvx00476"})), VerdictKind.NOT_AFFECTED, "has the fix CSCvx00476"),
        (state(release="7.5.2"), VerdictKind.NOT_AFFECTED, "is not on the list"),
        (state(release="5.3.4"), VerdictKind.UNKNOWN, "older than"),
        (state(release="weird"), VerdictKind.UNKNOWN, "older than"),
        (state(release=None), VerdictKind.UNKNOWN, "no release"),
        (state(certificate=None, release="6.6.3"), VerdictKind.AFFECTED, "shows no CA certificate"),
        (replace(state(release="6.6.3"), certificate=Reading(missing="no model")), VerdictKind.AFFECTED, "no model"),
    ],
)
def test_the_release_and_its_fixes_decide_where_nothing_else_does(made: State, kind: VerdictKind, said: str) -> None:
    verdict = assess(made, ANCHOR, NOW)
    assert verdict.kind is kind
    assert any(said in reason for reason in verdict.reasons)


def test_the_notice_lists_exactly_the_releases_of_fn72290() -> None:
    notice = bundled_notice()
    assert len(notice.affected) == 44
    for listed in ("6.0.0", "6.5.3", "6.8.1", "7.0.2", "7.3.3", "7.4.1", "7.5.1"):
        assert listed in notice.affected
    for unlisted in ("6.8.2", "6.9.1", "7.3.4", "7.4.2", "7.5.2", "5.3.4", "24.1.1"):
        assert unlisted not in notice.affected


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
        (datetime(2026, 10, 22, tzinfo=UTC), None, VerdictKind.NOT_AFFECTED),
        (datetime(2022, 2, 1, tzinfo=UTC), None, VerdictKind.AFFECTED),
        (datetime(2026, 10, 22, tzinfo=UTC), False, VerdictKind.AFFECTED),
    ],
    ids=["after the change", "before the change", "nothing verified"],
)
def test_a_contact_counts_only_after_the_server_changed_and_with_verification(
    day: datetime, verified: bool | None, kind: VerdictKind
) -> None:
    licence = replace(LICENSING, last_comm_success=True, last_comm_time=DeviceTime("then", day))
    checked: Reading[bool] = Reading(verified, "um-http-client-cfg") if verified is False else Reading(missing="none")
    assert assess(state(licence=licence, peer_verification=checked), ANCHOR, NOW).kind is kind


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
    logged = Reading((Signature("XR_SSL-3-CERT_VERIFY_ERR_2_PARAM", 3, None, LAST),), "infra-syslog-oper")
    verdict = assess(state(release=None, syslog=logged), ANCHOR, NOW)
    assert verdict.kind is VerdictKind.AFFECTED
    assert f"3 times, last at {LAST.text}" in reasons(verdict)


def test_the_fix_of_the_message_prefix_is_said_and_cures_nothing() -> None:
    verdict = assess(state(fixes=frozenset({"CSCvx87275"})), ANCHOR, NOW)
    assert verdict.kind is VerdictKind.AFFECTED
    assert "it is no cure" in reasons(verdict)


def test_policy_based_licensing_is_judged_by_its_reports() -> None:
    licence = Licensing(registration=RegistrationState.NOT_SUPPORTED, policy_based=True)
    report = Reading(Reporting(LAST, None), "smart-license-platform-oper")
    verdict = assess(state(release="24.2.1", licence=licence, reporting=report), ANCHOR, NOW)
    assert verdict.kind is VerdictKind.NOT_AFFECTED
    assert f"last reported {LAST.text}" in reasons(verdict)


def test_another_notice_is_a_file(tmp_path: Path) -> None:
    file = tmp_path / "notice.json"
    file.write_text(
        '{"name": "FN1", "affected": ["9.9.9"], "fixes": ["CSCaa00001"], "servers": {"ca.example": "2026-01-01"},'
        ' "oldest": [1, 0]}'
    )
    notice = Notice.from_file(file)
    licence = replace(LICENSING, url="https://ca.example/x")
    assert assess(state(release="9.9.9", licence=licence), ANCHOR, NOW, notice=notice).kind is VerdictKind.AFFECTED
    assert assess(state(release="9.9.9"), ANCHOR, NOW, notice=notice).kind is VerdictKind.NOT_AFFECTED


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"name": "x"}', '{"oldest": "ab"}'])
def test_a_file_that_is_no_notice_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "n.json").write_text(text)
    with pytest.raises(InputError, match="no notice"):
        Notice.from_file(tmp_path / "n.json")
