"""Licensing: what the model shows becomes typed values; what it does not show stays None."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from agent.model.state import AuthorizationState, RegistrationState, TransportType
from agent.xr.licensing import Answer, classify, device_time, licensing

# SYNTHETIC, after the nodes of Cisco-IOS-XR-infra-smartlicense-oper /smart-agent/licensing/state/state-info
REGISTERED: dict[str, Any] = {
    "registration": {
        "registration-state": "complete",
        "registration-complete": {"smart-account": "Example", "virtual-account": "Core", "last-renew-success": "yes"},
    },
    "authorization": {
        "authorization-state": "authorized",
        "authorization-authorized": {
            "authorization-info": {
                "last-comm-status-success": "no",
                "fail-message": "Fail to send out Call Home HTTP message",
                "last-comm-time": "Feb 22 10:00:07 2022 UTC",
                "comm-deadline-time": "May 20 2022 10:00:07 UTC",
            }
        },
        "authorization-out-of-compliance": {"authorization-info": {"last-comm-status-success": "yes"}},
    },
    "transport": {
        "transport-type": "callhome",
        "url-settings": {"url-registration": "https://tools.cisco.com/x"},
        "proxy-info": {"address": "192.0.2.8"},
    },
    "evaluation": {"eval-in-use": "no", "eval-expired": "no", "eval-period-left": {"time-left": 7776000}},
    "usage": [{"license-name": "ESS-CA-100G-RTU-2", "count": 4, "enforce-mode": "in-compliance"}],
}


def test_the_state_of_a_registered_device_is_read_in_full() -> None:
    seen = licensing(REGISTERED)
    assert seen.registration is RegistrationState.COMPLETE
    assert seen.authorization is AuthorizationState.AUTHORIZED
    assert seen.last_comm_success is False
    assert seen.last_comm_time is not None
    assert seen.last_comm_time.moment == datetime(2022, 2, 22, 10, 0, 7, tzinfo=UTC)
    assert seen.deadline is not None
    assert seen.deadline.moment == datetime(2022, 5, 20, 10, 0, 7, tzinfo=UTC)
    assert seen.fail_message == "Fail to send out Call Home HTTP message"
    assert (seen.transport, seen.url, seen.proxy) == (TransportType.CALLHOME, "https://tools.cisco.com/x", "192.0.2.8")
    assert (seen.smart_account, seen.virtual_account) == ("Example", "Core")
    assert (seen.evaluation_in_use, seen.evaluation_expired, seen.evaluation_left) == (False, False, 7776000)
    assert [(one.name, one.count, one.status) for one in seen.entitlements] == [
        ("ESS-CA-100G-RTU-2", 4, "in-compliance")
    ]
    assert not seen.policy_based


def test_contact_is_read_from_the_authorization_in_force_only() -> None:
    tree = {**REGISTERED, "authorization": {**REGISTERED["authorization"], "authorization-state": "out-of-compliance"}}
    assert licensing(tree).last_comm_success is True
    none = {**REGISTERED, "authorization": {**REGISTERED["authorization"], "authorization-state": "eval"}}
    assert licensing(none).last_comm_success is None


@pytest.mark.parametrize(
    "registration, message",
    [
        ({"registration-state": "failed", "registration-failed": {"fail-message": "no trust"}}, "no trust"),
        (
            {"registration-state": "retry", "registration-retry": {"registration-info": {"fail-message": "later"}}},
            "later",
        ),
        ({"registration-state": "not-registered"}, None),
    ],
)
def test_a_failed_registration_says_why(registration: dict[str, Any], message: str | None) -> None:
    assert licensing({"registration": registration}).fail_message == message


def test_what_is_not_shown_is_none_and_unknown_words_are_not_guessed() -> None:
    seen = licensing({"registration": {"registration-state": "new-in-27.1"}})
    assert seen.registration is None
    assert seen.authorization is None
    assert seen.entitlements == ()


@pytest.mark.parametrize(
    "tree", [{"registration": {"registration-state": "not-supported"}}, {"transport": {"transport-type": "clsu"}}]
)
def test_licensing_using_policy_is_recognised(tree: dict[str, Any]) -> None:
    assert licensing(tree).policy_based


@pytest.mark.parametrize(
    "shown, moment",
    [
        ("Feb 22 10:00:07 2022 UTC", datetime(2022, 2, 22, 10, 0, 7, tzinfo=UTC)),
        ("Oct 12 2018 21:21:27 UTC", datetime(2018, 10, 12, 21, 21, 27, tzinfo=UTC)),
        ("Tue Feb  2 10:00:07 2022 UTC", datetime(2022, 2, 2, 10, 0, 7, tzinfo=UTC)),
        ("Feb 22 10:00:07 UTC 2022", datetime(2022, 2, 22, 10, 0, 7, tzinfo=UTC)),
        ("Feb 22 10:00:07 2022 CET", None),
        ("Feb 22 10:00:07 2022", None),
        ("Feb 31 10:00:07 2022 UTC", None),
        ("never", None),
    ],
)
def test_a_time_is_a_moment_only_where_date_and_zone_are_certain(shown: str, moment: datetime | None) -> None:
    seen = device_time(shown)
    assert seen is not None
    assert (seen.text, seen.moment) == (shown, moment)


def test_newer_is_never_said_of_times_that_cannot_be_read() -> None:
    old, new, odd = (
        device_time(text)
        for text in ("Feb 22 10:00:07 2022 UTC", "Feb 23 10:00:07 2022 UTC", "Feb 24 10:00:07 2022 CET")
    )
    assert old is not None
    assert new is not None
    assert odd is not None
    assert new.newer_than(old)
    assert not old.newer_than(new)
    assert not old.newer_than(old)
    assert not odd.newer_than(old)
    assert not new.newer_than(odd)
    assert new.newer_than(None)
    assert device_time(None) is None


RETRY = [
    "commsend",
    "registrationinprogress",
    "commretry",
    "authrenewinprogress",
    "idcertrenewinprogress",
    "cryptoinitnotcompleted",
    "ipctimeout",
    "OperationInProgress",
    "ErrorOkTryAgain",
]
TRUST = [
    "certinvalid",
    "certexpired",
    "signcertverificationfailed",
    "cryptorootcaimportfailed",
    "couldnotvalidatetrustchain",
    "certificatemismatch",
]
PERMANENT = ["notsupported", "notenabled", "commdisabled", "notregistered", "standby", "NoURL"]


@pytest.mark.parametrize(
    "status, code, answer",
    [
        ("success", "success", Answer.SUCCESS),
        ("success", None, Answer.SUCCESS),
        *[("failed", code, Answer.RETRY) for code in RETRY],
        *[("failed", code, Answer.TRUST) for code in TRUST],
        *[("failed", code, Answer.PERMANENT) for code in PERMANENT],
        ("failed", "malloc", Answer.OTHER),
        ("failed", "success", Answer.OTHER),
        (None, None, Answer.OTHER),
    ],
)
def test_each_return_code_asks_for_its_own_next_step(status: str | None, code: str | None, answer: Answer) -> None:
    assert classify(status, code) is answer
