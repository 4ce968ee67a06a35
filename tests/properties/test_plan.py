"""The plan is pure and idempotent: where everything it wants has come true, nothing is left to do."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from hypothesis import assume, event, given
from hypothesis import strategies as st

from agent.model.device import Secret
from agent.model.errors import InputError
from agent.model.method import Method, Storage
from agent.model.pki.anchor import TrustAnchor
from agent.model.pki.bundle import Bundle
from agent.model.pki.certificate import CONSOLE, Certificate, Evidence
from agent.model.plan import Intent, Plan, Skip
from agent.model.state import (
    Access,
    AuthorizationState,
    DeviceTime,
    Enrollment,
    EnrollmentKind,
    Licensing,
    PoolEntry,
    Reading,
    RegistrationState,
    Software,
    State,
    TrustpointConfig,
)
from agent.model.steps import (
    Authenticate,
    ConfigureTrustpoint,
    Dialog,
    ImportBundle,
    Register,
    RenewAuthorization,
    Step,
)
from agent.remedy.assess import assess
from agent.remedy.plan import plan
from agent.remedy.support import kinds
from tests.properties.conftest import steady

ANCHOR = TrustAnchor.bundled()
NAME = "Trustpool"
TOKEN = "a-token-nobody-sees"
NOW = datetime(2026, 11, 1, tzinfo=UTC)
BUNDLE = Bundle(b"a bundle", frozenset({ANCHOR.sha256}), ".p7b")


@cache
def accesses() -> tuple[Access, ...]:
    """What each kind of captured device allows, the same from two kinds once."""
    return tuple({repr(kind.access): kind.access for kind in kinds()}.values())


def shown(evidence: Evidence) -> Certificate:
    """The anchor as a device shows it whose best means is *evidence*."""
    whole = Certificate(ANCHOR.subject, ANCHOR.issuer, ANCHOR.not_before, ANCHOR.not_after, source="crypto-cepki-oper")
    return {
        Evidence.PEM: replace(whole, serial=ANCHOR.serial, sha1=ANCHOR.sha1, pem=ANCHOR.pem),
        Evidence.FINGERPRINT: replace(whole, serial=ANCHOR.serial, sha1=ANCHOR.sha1),
        Evidence.SUBJECT_VALIDITY: whole,
    }.get(evidence, replace(whole, sha1=ANCHOR.sha1, source=CONSOLE))


OTHER = replace(shown(Evidence.FINGERPRINT), sha1="00" * 20)
MISSING: Reading[Any] = Reading(missing="no model shows it")
URL = "http://ca.example/root.pem"
ENROLLMENTS = st.sampled_from(
    [
        *(Enrollment(kind) for kind in (EnrollmentKind.TERMINAL, EnrollmentKind.LOCAL, EnrollmentKind.NONE)),
        *(Enrollment(EnrollmentKind.URL, url) for url in (URL, "http://other.example/")),
    ]
)
TIMES = st.none() | st.integers(0, 300).map(lambda days: DeviceTime("shown", NOW - timedelta(days=days)))
LICENSING = st.builds(
    Licensing,
    registration=st.none() | st.sampled_from(RegistrationState),
    authorization=st.none() | st.sampled_from(AuthorizationState),
    last_comm_success=st.sampled_from([None, True, False]),
    last_comm_time=TIMES,
    policy_based=st.booleans(),
)
CERTIFICATES = st.none() | st.sampled_from([*(shown(evidence) for evidence in Evidence), OTHER, Certificate()])
POOLS = st.lists(st.sampled_from([PoolEntry(shown(Evidence.CONSOLE), "Downloaded"), PoolEntry(OTHER)]), max_size=3).map(
    tuple
)


def readings(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Reading[Any]]:
    return values.map(lambda value: Reading(value, "a model")) | st.just(MISSING)


STATES = st.builds(
    State,
    device=st.just("r1"),
    trustpoint=st.just(NAME),
    access=st.deferred(lambda: st.sampled_from(accesses())),
    config=readings(st.none() | ENROLLMENTS.map(lambda one: TrustpointConfig(NAME, one))),
    certificate=readings(CERTIFICATES),
    licensing=readings(st.none() | LICENSING),
    software=readings(st.builds(Software, st.sampled_from([None, "6.6.3", "7.4.1", "25.2.1"]))),
    trustpool=readings(POOLS),
    cli=st.sampled_from([None, "there is no SSH access to the CLI"]),
)


@st.composite
def intents(draw: st.DrawFn) -> Intent:
    bundle, url = draw(st.sampled_from([(None, None), (BUNDLE, None), (None, "http://ca.example/ios.p7b")]))
    try:
        return Intent(
            method=draw(st.sampled_from(Method)),
            enrollment_url=draw(st.sampled_from([None, URL])),
            replace=draw(st.booleans()),
            renew=draw(st.booleans()),
            bundle=bundle,
            bundle_url=url,
            clean=draw(st.booleans()),
            then_trustpool=draw(st.booleans()),
            storage=draw(st.sampled_from(Storage)),
            token=draw(st.sampled_from([None, Secret(TOKEN)])),
        )
    except InputError:
        assume(False)
        raise


def licensed(state: State, **changes: Any) -> State:
    """*state* with other licensing, where the device shows any."""
    seen = state.licensing.value
    return state if seen is None else replace(state, licensing=replace(state.licensing, value=replace(seen, **changes)))


def after(step: Step, state: State) -> State:
    """*state* when *step* has done what it says, and the device shows it."""
    match step:
        case ConfigureTrustpoint():
            return replace(state, config=Reading(TrustpointConfig(NAME, step.enrollment), "a model"))
        case Authenticate() | Dialog():
            return replace(state, certificate=Reading(shown(state.access.evidence), "a model"))
        case ImportBundle():
            listed = () if step.clean else state.trustpool.value or ()
            return replace(state, trustpool=Reading((*listed, PoolEntry(shown(Evidence.CONSOLE))), CONSOLE))
        case RenewAuthorization():
            return licensed(state, last_comm_success=True)
        case Register():
            return licensed(state, registration=RegistrationState.COMPLETE, last_comm_success=True)
    return state


def done(made: Plan, state: State) -> State:
    for step in made.steps:
        state = after(step, state)
    return state


@steady
@given(intents(), STATES)
def test_after_success_there_is_nothing_left_to_do(intent: Intent, state: State) -> None:
    made = plan(intent, state)
    event("a plan" if made else type(made).__name__)
    if not isinstance(made, Plan) or not made:
        return
    again = plan(intent, done(made, state))
    assert isinstance(again, Plan), again.diff()
    assert not again, (made.diff(), again.diff())


@steady
@given(intents(), STATES)
def test_the_same_state_has_the_same_plan_and_no_plan_shows_a_secret(intent: Intent, state: State) -> None:
    made = plan(intent, state)
    assert plan(intent, state) == made
    assert TOKEN not in "\n".join(made.diff()) + repr(made)
    if isinstance(made, Skip):
        assert made.reason


@steady
@given(intents(), STATES, st.booleans(), CERTIFICATES | st.just(OTHER))
def test_a_certificate_goes_only_where_that_is_asked_for_and_it_is_another_one(
    intent: Intent, state: State, able: bool, held: Certificate | None
) -> None:
    access = replace(state.access, clear_certificates=able)
    state = replace(state, access=access, certificate=Reading(held, "a model"))
    made = plan(intent, state)
    if not isinstance(made, Plan) or made.clears is None:
        return
    event("a certificate goes")
    assert intent.replace
    assert state.access.clear_certificates
    assert made.clears.held is state.certificate.value
    assert made.clears.held.proves(ANCHOR) is None


@steady
@given(intents(), STATES)
def test_a_fallback_is_a_method_that_would_be_planned(intent: Intent, state: State) -> None:
    made = plan(intent, state)
    for method in made.fallbacks if isinstance(made, Plan) else ():
        assert plan(replace(intent, method=method), state)


@steady
@given(STATES)
def test_every_state_has_a_verdict_with_a_reason(state: State) -> None:
    verdict = assess(state, ANCHOR, NOW)
    assert verdict.reasons
    assert set(verdict.warnings) <= set(verdict.reasons)
