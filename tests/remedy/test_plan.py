"""The plan: what will be done, or why not; never something that is done already."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.model.certificate import Evidence
from agent.model.errors import InputError
from agent.model.method import Method
from agent.model.plan import Authenticate, ConfigureTrustpoint, Intent, Note, Plan, RenewAuthorization, Skip
from agent.model.state import (
    ConfigModel,
    Enrollment,
    EnrollmentKind,
    Licensing,
    Reading,
    RegistrationState,
    State,
    TransportType,
)
from agent.remedy.plan import plan
from tests.remedy.states import ACCESS, ANCHOR, CERTIFICATE, LICENSING, OLD_ROOT, TERMINAL, state

INTENT = Intent()


def steps(made: Plan | Skip) -> list[type]:
    assert isinstance(made, Plan), made
    return [type(step) for step in made.steps]


def refusal(made: Plan | Skip) -> str:
    assert isinstance(made, Skip)
    assert not made
    return f"{made.reason} | {made.hint}"


def test_an_affected_router_is_configured_authenticated_and_renewed() -> None:
    made = plan(INTENT, state())
    assert steps(made) == [ConfigureTrustpoint, Authenticate, RenewAuthorization]
    assert made
    assert made.diff() == [
        "+ crypto ca trustpoint Trustpool",
        "+  enrollment terminal",
        "> rpc ca-authenticate server-name=Trustpool",
        f"+ CA certificate IdenTrust Commercial Root CA 1 sha1 {ANCHOR.sha1}",
        "> rpc renew-auth, then up to 60 s for a newer contact",
    ]


def test_a_configured_trustpoint_without_certificate_is_only_authenticated() -> None:
    assert steps(plan(INTENT, state(enrollment=TERMINAL))) == [Authenticate, RenewAuthorization]


def test_where_the_root_is_there_and_contact_works_nothing_is_planned() -> None:
    licence = replace(LICENSING, last_comm_success=True)
    made = plan(INTENT, state(certificate=CERTIFICATE, enrollment=TERMINAL, licence=licence))
    assert isinstance(made, Plan)
    assert not made
    assert made.present is Evidence.FINGERPRINT
    assert made.diff() == ["# nothing to do"]


def test_where_the_root_is_there_and_contact_fails_only_the_licence_is_renewed() -> None:
    assert steps(plan(INTENT, state(certificate=CERTIFICATE, enrollment=TERMINAL))) == [RenewAuthorization]


def test_what_is_missing_on_the_device_does_not_matter_once_the_root_is_there() -> None:
    nothing = replace(ACCESS, config_model=ConfigModel.NONE, authenticate=False, candidate=False)
    assert isinstance(plan(INTENT, state(certificate=CERTIFICATE, licence=None, access=nothing)), Plan)


@pytest.mark.parametrize(
    "licence, said",
    [
        (None, "no licensing model"),
        (Licensing(registration=RegistrationState.NOT_SUPPORTED, policy_based=True), "policy-based"),
        (replace(LICENSING, transport=TransportType.CSLU, policy_based=True), "policy-based"),
        (replace(LICENSING, registration=RegistrationState.NOT_REGISTERED), "needs a token"),
    ],
)
def test_where_renewal_makes_no_sense_the_plan_says_why(licence: Licensing | None, said: str) -> None:
    made = plan(INTENT, state(licence=licence))
    assert steps(made) == [ConfigureTrustpoint, Authenticate, Note]
    assert said in made.diff()[-1]


def test_an_enrollment_of_another_kind_is_replaced_only_when_asked() -> None:
    other = Enrollment(EnrollmentKind.URL, "http://ca.example/pkiclient.exe")
    assert "--replace" in refusal(plan(INTENT, state(enrollment=other)))
    made = plan(Intent(replace=True), state(enrollment=other))
    assert made.diff()[:3] == [
        "  crypto ca trustpoint Trustpool",
        "-  enrollment url http://ca.example/pkiclient.exe",
        "+  enrollment terminal",
    ]


def test_an_enrollment_url_of_the_users_own_is_configured() -> None:
    made = plan(Intent(enrollment_url="http://ca.example/root.pem"), state())
    assert made.diff()[1] == "+  enrollment url http://ca.example/root.pem"


def test_another_certificate_under_the_trustpoint_is_never_overwritten() -> None:
    assert "QuoVadis Root CA 2" in refusal(plan(INTENT, state(certificate=OLD_ROOT, enrollment=TERMINAL)))


@pytest.mark.parametrize(
    "made, said",
    [
        (
            state(
                access=replace(
                    ACCESS, config_model=ConfigModel.NONE, reasons=("no model carries trustpoint configuration",)
                )
            ),
            "no model",
        ),
        (state(access=replace(ACCESS, authenticate=False, reasons=("rpc ca-authenticate is missing",))), "is missing"),
        (state(access=replace(ACCESS, candidate=False, reasons=("no :candidate capability",))), ":candidate"),
        (state(access=replace(ACCESS, enrollments=frozenset())), "cannot set 'enrollment terminal'"),
        (state(config=Reading(missing="access-denied")), "could not be read"),
        (
            replace(state(), certificate=Reading(source="crypto-cepki-oper", missing="access-denied")),
            "certificates could not be read",
        ),
    ],
)
def test_a_device_that_cannot_be_helped_is_skipped_with_its_reason(made: State, said: str) -> None:
    assert said in refusal(plan(INTENT, made))


def test_methods_of_later_releases_are_refused_by_name() -> None:
    assert "dialog" in refusal(plan(Intent(method=Method.DIALOG), state()))


@pytest.mark.parametrize("name", ["", "a b", "a<b", "é", "a\n", "x" * 129, "a&b", "a/b"])
def test_a_trustpoint_name_that_xml_or_the_cli_cannot_carry_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="trustpoint name"):
        Intent(trustpoint=name)


@pytest.mark.parametrize("url", ["", "no-scheme", "http://a b", "http://é"])
def test_an_enrollment_url_that_the_router_cannot_take_is_refused(url: str) -> None:
    with pytest.raises(InputError, match="enrollment URL"):
        Intent(enrollment_url=url)
