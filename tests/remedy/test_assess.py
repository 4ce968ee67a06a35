"""The verdict: affected, not affected, remedied or unknown, always with its reasons."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from agent.model.plan import VerdictKind
from agent.model.state import AuthorizationState, Licensing, Reading, State, TransportType
from agent.remedy.assess import assess
from agent.remedy.notice import bundled_notice
from tests.remedy.states import ANCHOR, CERTIFICATE, LAST, LICENSING, NOW, OLD_ROOT, state


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
