"""``show license`` in the forms there are. All text is SYNTHETIC, in the shape of public output."""

from __future__ import annotations

import pytest

from agent.model.state import AuthorizationState, Entitlement, Licensing, RegistrationState, TransportType
from agent.xr.cli import show

HEAD = "Smart Licensing Status\n======================\n\nSmart Licensing is ENABLED\n\n"
BEHIND = "\nTransport:\n  Type: cslu\n  Cslu address: <empty>\n  Proxy:\n    Not Configured\n"


def read(text: str) -> Licensing:
    found = show.licensing(text)
    assert found is not None
    return found


@pytest.mark.parametrize(
    "said, policy",
    [
        ("Smart Licensing Using Policy:\n  Status: ENABLED\n", True),
        ("Smart Licensing Using Policy:\n\n    Status : Enabled\n", True),
        ("Smart Licensing Using Policy:\ndrbg_instantiate failed\n  Status: ENABLED\n", True),
        ("SMART LICENSING USING POLICY\n  Status: ENABLED\n", True),
        ("Smart Licensing Using Policy: ENABLED\n", True),
        ("License Using Policy: ENABLED\n", True),
        ("Smart Licensing using Policy is ENABLED\n", True),
        ("Smart Licensing Using Policy:\n  Status: DISABLED\n", False),
        ("Smart Licensing Using Policy: DISABLED\n", False),
        ("Utility:\n  Status: ENABLED\n", False),
        ("Data Privacy:\n  Status: ENABLED\n", False),
        ("", False),
    ],
)
@pytest.mark.parametrize("before", [HEAD, "", f"{HEAD}Utility:\n  Status: DISABLED\n\n"])
def test_a_licence_by_policy_is_known(before: str, said: str, policy: bool) -> None:
    found = read(before + said + BEHIND)
    assert found.policy_based is policy
    assert found.transport is TransportType.CSLU
    assert found.registration is None


def test_the_accounts_of_a_licence_by_policy_are_read() -> None:
    account = "Account Information:\n  Smart Account: ACME As of Feb 07 2022\n  Virtual Account: <none>\n"
    found = read(f"Smart Licensing Using Policy:\n  Status: ENABLED\n\n{account}{BEHIND}")
    assert found.smart_account == "ACME As of Feb 07 2022"
    assert found.virtual_account is None


@pytest.mark.parametrize(
    "status, state",
    [
        ("REGISTERED", RegistrationState.COMPLETE),
        ("REGISTERED - SPECIFIC LICENSE RESERVATION", RegistrationState.COMPLETE),
        ("REGISTERED - UNIVERSAL LICENSE RESERVATION", RegistrationState.COMPLETE),
        ("Registered - Permanent License Reservation", RegistrationState.COMPLETE),
        ("REGISTERED - SPECIFIC LICENSE RESERVATION on Jul 24 2019 09:52:18 UTC", RegistrationState.COMPLETE),
        ("UNREGISTERED", RegistrationState.NOT_REGISTERED),
        ("UNREGISTERED - REGISTRATION FAILED", RegistrationState.FAILED),
        ("UNREGISTERED - REGISTRATION EXPIRED", RegistrationState.NOT_REGISTERED),
        ("UNREGISTERED - REGISTRATION PENDING", RegistrationState.IN_PROGRESS),
        ("REGISTRATION EXPIRED", RegistrationState.NOT_REGISTERED),
        ("REGISTRATION PENDING", RegistrationState.IN_PROGRESS),
        ("REGISTRATION FAILED", RegistrationState.FAILED),
        ("REGISTERING - REGISTRATION IN PROGRESS", RegistrationState.IN_PROGRESS),
        ("REGISTERING - RETRYING", RegistrationState.RETRY),
        ("NOT APPLICABLE", RegistrationState.NOT_SUPPORTED),
        ("UNREGISTERED - REGISTRATION RETRY", RegistrationState.RETRY),
        ("UNREGISTERED - ID CERTIFICATE EXPIRED", RegistrationState.NOT_REGISTERED),
        ("UNREGISTERED - SOMETHING NEW", RegistrationState.NOT_REGISTERED),
        ("REGISTERED - SOMETHING NEW", RegistrationState.COMPLETE),
        ("SOMETHING NEW - REGISTRATION FAILED", RegistrationState.FAILED),
        ("SOMETHING NEW", None),
    ],
)
def test_each_word_of_registration(status: str, state: RegistrationState | None) -> None:
    assert read(f"{HEAD}Registration:\n  Status: {status}\n").registration is state


@pytest.mark.parametrize("status", ["AUTHORIZED - RESERVED", "Authorized-Reserved on Apr 07 2022 18:13:17 UTC"])
def test_a_reservation_is_authorized_by_itself(status: str) -> None:
    found = read(f"{HEAD}License Authorization:\n  Status: {status}\n")
    assert found.authorization is AuthorizationState.AUTHORIZED_RESERVATION


REASON = "Fail to send out Call Home HTTP message"


@pytest.mark.parametrize(
    "reason",
    [
        f"    Failure reason: {REASON}\n",
        f"    Failure Reason: \n      {REASON}\n",
        "    Failure reason: Fail to send out\n      Call Home HTTP message\n",
        f"    Failure reason:\ndrbg_instantiate failed\n\n      {REASON}\n",
    ],
)
@pytest.mark.parametrize("section", ["License Authorization", "Registration"])
def test_the_reason_of_a_failure_stands_on_its_line_or_below_it(section: str, reason: str) -> None:
    text = (
        f"{section}:\n  Status: X\n  Last Communication Attempt: FAILED on Mar 02 2022 09:10:08 UTC\n{reason}"
        "  Next Communication Attempt: Mar 02 2022 21:10:08 UTC\n"
    )
    found = read(HEAD + text + BEHIND)
    assert found.fail_message == REASON
    assert found.transport is TransportType.CSLU
    if section == "License Authorization":
        assert found.next_comm_time is not None


def test_a_reason_with_a_colon_is_no_field() -> None:
    text = "Registration:\n  Status: REGISTERED\n    Failure reason:\n      HTTP error: 404\n  Smart Account: ACME\n"
    found = read(text)
    assert (found.fail_message, found.smart_account) == ("HTTP error: 404", "ACME")


def test_an_unknown_section_is_no_part_of_the_one_before() -> None:
    found = read("Transport:\n  Type: Smart\n\nMiscellaneous:\n  URL: https://else.example/x\n")
    assert (found.transport, found.url) == (TransportType.SMART, None)


@pytest.mark.parametrize(
    "usage",
    [
        (
            "License Usage\n=============\n\n8000 Base (XR-8000-BASE):\n  Description: x\n  Count: 2\n  Version: 1.0\n"
            "  Status: IN USE\n  Export status: NOT RESTRICTED\n"
        ),
        (
            "License Usage:\n  License                          Entitlement Tag     Count Status\n  -----------\n"
            "  8000 Base                        (XR-8000-BASE)               2     IN USE\n"
        ),
        "License Usage:\n  8000 Base        2     IN USE\n",
    ],
    ids=["sections", "table", "table without tags"],
)
def test_what_is_in_use_is_read_as_a_table_and_as_sections(usage: str) -> None:
    assert read(f"{HEAD}Registration:\n  Status: REGISTERED\n\n{usage}").entitlements == (
        Entitlement("8000 Base", 2, "IN USE"),
    )


def test_an_account_is_named_without_the_day_it_was_told_on() -> None:
    found = read(
        "Account Information:\n  Smart Account: ACME Corp  As of Feb 07 2024 10:32:11 UTC\n  Virtual Account: x\n"
    )
    assert (found.smart_account, found.virtual_account) == ("ACME Corp", "x")
