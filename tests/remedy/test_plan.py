"""The plan: what will be done, or why not; never something that is done already."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from agent.model.device import Secret
from agent.model.errors import InputError
from agent.model.method import Method, Storage
from agent.model.pki.bundle import Bundle
from agent.model.pki.certificate import CONSOLE, Evidence
from agent.model.plan import RELOAD, Intent, Plan, Skip
from agent.model.state import (
    ConfigModel,
    Enrollment,
    EnrollmentKind,
    Licensing,
    PoolEntry,
    Reading,
    RegistrationState,
    State,
    TransportType,
)
from agent.model.steps import Authenticate, ConfigureTrustpoint, ImportBundle, Note, Register, RenewAuthorization
from agent.remedy.plan import plan
from tests.remedy.states import ACCESS, ANCHOR, BUNDLE, CERTIFICATE, LICENSING, LISTED, OLD_ROOT, TERMINAL, state

INTENT = Intent()


def steps(made: Plan | Skip) -> list[type]:
    assert isinstance(made, Plan), made
    return [type(step) for step in made.steps]


def refusal(made: Plan | Skip) -> str:
    assert isinstance(made, Skip)
    assert not made
    return f"{made.reason} | {made.hint}"


def test_a_refusal_keeps_the_advice_that_helps_whatever_the_last_method_lacks() -> None:
    other = Enrollment(EnrollmentKind.URL, "http://ca.example")
    said = plan(INTENT, state(enrollment=other, cli="the CLI over SSH cannot be used: Connection refused"))
    assert isinstance(said, Skip)
    assert said.hint is not None
    assert said.hint.startswith("--replace changes it to 'enrollment terminal'")
    assert "--ssh-port" in said.hint
    same = plan(INTENT, state(access=FILE_ACCESS, enrollment=other))  # two methods, one reason
    assert isinstance(same, Skip)
    assert (same.hint or "").count("--replace") == 1


def test_where_nothing_at_all_is_shown_the_plan_says_so() -> None:
    nothing: Reading[Any] = Reading(source="a model", empty=True)
    hidden = replace(state(release=None, licence=None), config=nothing, certificate=nothing)
    assert "may not be allowed to read" in "\n".join(plan(INTENT, hidden).diff())
    assert "allowed" not in "\n".join(plan(INTENT, replace(state(), config=nothing, certificate=nothing)).diff())


def test_an_affected_router_is_configured_authenticated_and_renewed() -> None:
    made = plan(INTENT, state())
    assert steps(made) == [ConfigureTrustpoint, Authenticate, Note, RenewAuthorization]
    assert made
    assert made.diff() == [
        "+ crypto ca trustpoint Trustpool",
        "+  enrollment terminal",
        "> rpc ca-authenticate server-name=Trustpool",
        f"+ CA certificate IdenTrust Commercial Root CA 1 sha1 {ANCHOR.sha1}",
        (
            "# a reload forgets what this enrollment brings: a trustpool import is the permanent way (--bundle FILE "
            "--then trustpool)"
        ),
        "> rpc renew-auth, then up to 60 s for a newer contact",
        "# if that is refused or brings no certificate: dialog",
    ]


def test_a_configured_trustpoint_without_certificate_is_only_authenticated() -> None:
    assert steps(plan(INTENT, state(enrollment=TERMINAL))) == [Authenticate, Note, RenewAuthorization]


def test_where_the_root_is_there_and_contact_works_nothing_is_planned() -> None:
    licence = replace(LICENSING, last_comm_success=True)
    made = plan(INTENT, state(certificate=CERTIFICATE, enrollment=TERMINAL, licence=licence))
    assert isinstance(made, Plan)
    assert not made
    assert made.present is Evidence.FINGERPRINT
    assert made.diff() == ["# nothing to do", f"# {RELOAD}"]


@pytest.mark.parametrize(
    "enrollment, pool, lasting",
    [
        (TERMINAL, (), False),
        (Enrollment(EnrollmentKind.URL, "http://ca.example"), (), False),
        (Enrollment(EnrollmentKind.LOCAL), (), None),
        (TERMINAL, (LISTED,), True),
    ],
)
def test_what_is_there_is_not_called_done_where_a_reload_forgets_it(
    enrollment: Enrollment, pool: tuple[PoolEntry, ...], lasting: bool | None
) -> None:
    made = plan(INTENT, state(certificate=CERTIFICATE, enrollment=enrollment, trustpool=Reading(pool, CONSOLE)))
    assert isinstance(made, Plan)
    assert made.persistent is lasting
    assert (Note(RELOAD, about="reload") in made.steps) is (lasting is False)


def test_where_the_root_is_there_and_contact_fails_only_the_licence_is_renewed() -> None:
    assert steps(plan(INTENT, state(certificate=CERTIFICATE, enrollment=TERMINAL))) == [Note, RenewAuthorization]


def test_what_an_earlier_try_brought_is_renewed_though_the_last_contact_did_not_fail() -> None:
    there = state(certificate=CERTIFICATE, enrollment=TERMINAL, licence=replace(LICENSING, last_comm_success=True))
    assert not plan(INTENT, there)
    assert steps(plan(replace(INTENT, renew_anyway=True), there)) == [Note, RenewAuthorization]
    assert not plan(replace(INTENT, renew_anyway=True, renew=False), there)


def test_what_is_missing_on_the_device_does_not_matter_once_the_root_is_there() -> None:
    nothing = replace(ACCESS, config_model=ConfigModel.NONE, authenticate=False, candidate=False, methods=())
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
    assert steps(made) == [ConfigureTrustpoint, Authenticate, Note, Note]
    assert said in made.diff()[-2]


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
        (state(access=replace(ACCESS, methods=(), reasons=("the hello announces nothing",))), "announces nothing"),
        (
            state(access=replace(ACCESS, methods=(), refusals=((Method.RPC, "no :candidate capability"),))),
            ":candidate",
        ),
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


def test_a_method_that_the_device_does_not_have_is_refused_with_the_reason() -> None:
    assert "no file-path" in refusal(plan(Intent(method=Method.FILE), state()))


FILE_ACCESS = replace(
    ACCESS,
    file_path=True,
    enrollments=ACCESS.enrollments | {EnrollmentKind.LOCAL},
    methods=(Method.TRUSTPOOL, Method.FILE, Method.RPC, Method.DIALOG),
    refusals=(),
)


def test_auto_takes_the_file_where_the_schema_has_it_and_then_the_others() -> None:
    made = plan(INTENT, state(access=FILE_ACCESS))
    assert isinstance(made, Plan)
    assert (made.method, made.fallbacks) == (Method.FILE, (Method.RPC, Method.DIALOG))
    assert made.diff()[:5] == [
        "+ crypto ca trustpoint Trustpool",
        "+  enrollment local",
        "> sftp /misc/disk1/xr-agent-….pem, removed afterwards",
        "> rpc ca-authenticate server-name=Trustpool file-path=/misc/disk1/xr-agent-….pem",
        f"+ CA certificate IdenTrust Commercial Root CA 1 sha1 {ANCHOR.sha1}",
    ]


def test_the_file_goes_to_the_storage_that_the_user_names() -> None:
    made = plan(Intent(storage=Storage.DISK0), state(access=FILE_ACCESS))
    assert "> sftp /misc/scratch/xr-agent-….pem, removed afterwards" in made.diff()


def test_auto_passes_over_the_file_where_terminal_enrollment_is_configured_and_says_what_it_would_replace() -> None:
    made = plan(INTENT, state(access=FILE_ACCESS, enrollment=TERMINAL))
    assert isinstance(made, Plan)
    assert made.method is Method.RPC
    assert made.steps[0] == Note("trustpoint Trustpool has 'enrollment terminal'", about="method file")
    assert "--replace changes it to 'enrollment local'" in refusal(
        plan(Intent(method=Method.FILE), state(access=FILE_ACCESS, enrollment=TERMINAL))
    )


def test_the_file_and_the_dialog_are_not_offered_without_ssh() -> None:
    closed = "the CLI over SSH cannot be used: connection refused"
    for method in (Method.FILE, Method.DIALOG):
        assert closed in refusal(plan(Intent(method=method), state(access=FILE_ACCESS, cli=closed)))
    made = plan(INTENT, state(access=FILE_ACCESS, cli=closed))
    assert isinstance(made, Plan)
    assert (made.method, made.fallbacks) == (Method.RPC, ())


def test_where_no_model_carries_the_trustpoint_the_dialog_types_its_two_lines_and_shows_them() -> None:
    typed = replace(
        ACCESS, config_model=ConfigModel.NONE, enrollments=frozenset(), methods=(Method.TRUSTPOOL, Method.DIALOG)
    )
    assert plan(INTENT, state(access=typed, licence=None)).diff()[:5] == [
        "# no model carries it: these lines are typed at the CLI over SSH",
        "+ crypto ca trustpoint Trustpool",
        "+  enrollment terminal",
        "> ssh: crypto ca authenticate Trustpool",
        f"+ CA certificate IdenTrust Commercial Root CA 1 sha1 {ANCHOR.sha1}",
    ]


def test_a_trustpoint_name_that_means_something_to_the_cli_is_not_typed_there() -> None:
    assert "cannot be typed" in refusal(plan(Intent(trustpoint="a|b", method=Method.DIALOG), state()))


def test_a_bundle_makes_the_trustpool_the_first_method() -> None:
    made = plan(Intent(bundle=BUNDLE), state())
    assert steps(made) == [ImportBundle, RenewAuthorization]
    assert made.diff()[:3] == [
        "> sftp /misc/disk1/xr-agent-….p7b, copied to /tmp/xr-agent-….p7b, both removed",
        "> rpc ca-trustpool-import-url url=/tmp/xr-agent-….p7b",
        f"+ trustpool certificate IdenTrust Commercial Root CA 1 sha1 {ANCHOR.sha1}",
    ]


def test_without_the_import_rpc_the_cli_imports() -> None:
    made = plan(Intent(bundle_url="http://ca.example/ios.p7b"), state(access=replace(ACCESS, import_url=False)))
    assert made.diff()[0] == "> ssh: crypto ca trustpool import url http://ca.example/ios.p7b"


@pytest.mark.parametrize("method", [Method.AUTO, Method.TRUSTPOOL])
def test_what_the_trustpool_lists_is_never_imported_again(method: Method) -> None:
    made = plan(Intent(bundle=BUNDLE, method=method), state(trustpool=Reading((LISTED,), "console"), licence=None))
    assert isinstance(made, Plan)
    assert not made
    assert made.present is Evidence.CONSOLE


def test_where_the_trustpool_is_unread_and_the_trustpoint_has_the_root_nothing_is_imported() -> None:
    made = plan(
        Intent(bundle=BUNDLE),
        state(certificate=CERTIFICATE, licence=None, trustpool=Reading(missing="not authorized")),
    )
    assert isinstance(made, Plan)
    assert not made


def test_an_import_that_could_not_be_proven_is_not_begun() -> None:
    unread = state(trustpool=Reading(missing="show crypto ca trustpool: not authorized"))
    assert "could not be read" in refusal(plan(Intent(bundle=BUNDLE, method=Method.TRUSTPOOL), unread))
    assert "needs SSH" in refusal(plan(Intent(bundle=BUNDLE, method=Method.TRUSTPOOL), state(cli="no SSH")))


@pytest.mark.parametrize("release", ["24.3.1", "25.1.1"])
def test_on_releases_that_start_late_where_imports_pile_up_the_plan_says_so(release: str) -> None:
    assert "piled up" in plan(Intent(bundle=BUNDLE), state(release=release)).diff()[0]


def test_a_clean_import_says_what_it_drops() -> None:
    lines = plan(Intent(bundle=BUNDLE, clean=True), state()).diff()
    assert lines[0].startswith("# the clean import drops everything")
    assert any("ca-trustpool-import-url-clean" in line for line in lines)


def test_where_the_import_is_refused_and_the_trustpoint_has_the_root_nothing_is_done_again() -> None:
    intent = Intent(bundle=BUNDLE, clean=True)
    without = replace(ACCESS, import_clean=False)
    assert Authenticate in steps(plan(intent, state(access=without)))
    there = state(access=without, certificate=CERTIFICATE, licence=replace(LICENSING, last_comm_success=True))
    assert not plan(intent, there)


def test_then_trustpool_does_both_and_only_what_is_missing_of_them() -> None:
    both = Intent(bundle=BUNDLE, then_trustpool=True, renew=False)
    assert steps(plan(both, state())) == [ConfigureTrustpoint, Authenticate, ImportBundle, Note]
    kept = state(certificate=CERTIFICATE, enrollment=TERMINAL)
    left = plan(both, kept)
    assert steps(left) == [ImportBundle, Note]
    assert isinstance(left, Plan)
    assert (left.method, left.fallbacks) == (Method.TRUSTPOOL, ())
    assert not plan(both, replace(kept, trustpool=Reading((LISTED,), "console")))


def test_a_token_is_used_only_for_a_device_that_is_not_registered_and_after_the_root() -> None:
    intent = Intent(token=Secret("s3cret-token"))
    unregistered = replace(LICENSING, registration=RegistrationState.NOT_REGISTERED)
    made = plan(intent, state(licence=unregistered))
    assert steps(made) == [ConfigureTrustpoint, Authenticate, Note, Register]
    assert steps(plan(intent, state(certificate=CERTIFICATE, licence=unregistered))) == [Register]
    assert Register not in steps(plan(intent, state()))
    assert "s3cret-token" not in repr(made) + str(made.diff())


@pytest.mark.parametrize("licence", [None, replace(LICENSING, registration=None)])
def test_a_token_is_not_used_where_nothing_tells_that_it_is_needed(licence: Licensing | None) -> None:
    made = plan(Intent(token=Secret("t")), state(licence=licence))
    assert Register not in steps(made)
    assert "no model shows whether the device is registered" in " ".join(made.diff())


def test_a_token_without_its_rpc_is_said_and_not_used() -> None:
    made = plan(Intent(token=Secret("t")), state(access=replace(ACCESS, register_token=False)))
    assert "register-id-token is missing" in " ".join(made.diff())


@pytest.mark.parametrize(
    "given, said",
    [
        ({"method": Method.TRUSTPOOL}, "needs a bundle"),
        ({"then_trustpool": True}, "needs a bundle"),
        ({"clean": True}, "needs a bundle"),
        ({"bundle": Bundle(b"", frozenset(), ".pem")}, "does not hold IdenTrust"),
        ({"bundle_url": "no scheme"}, "bundle URL"),
        ({"bundle_url": "http:///no-host"}, "bundle URL"),
        ({"pem_url": "http://ca.example/ro ot.pem"}, "certificate URL"),
        ({"pem_url": "http://ca.example/r", "enrollment_url": "http://ca.example/"}, "enroll by a URL"),
        ({"pem_url": "http://ca.example/r", "fetch_vrf": "two words"}, "VRF 'two words'"),
        ({"pem_url": "http://ca.example/r", "fetch_vrf": ""}, "VRF ''"),
        ({"fetch_vrf": "MGMT"}, "nothing to copy in it"),
    ],
)
def test_a_bundle_or_url_that_cannot_be_used_is_refused_at_once(given: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        Intent(**given)


@pytest.mark.parametrize("name", ["", "a b", "a<b", "é", "a\n", "x" * 129, "a&b", "a/b"])
def test_a_trustpoint_name_that_xml_or_the_cli_cannot_carry_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="trustpoint name"):
        Intent(trustpoint=name)


@pytest.mark.parametrize("url", ["", "no-scheme", "http://a b", "http://é"])
def test_an_enrollment_url_that_the_router_cannot_take_is_refused(url: str) -> None:
    with pytest.raises(InputError, match="enrollment URL"):
        Intent(enrollment_url=url)
