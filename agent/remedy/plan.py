"""Decide what to do: pure, from the wish and the state; a refusal is a value with its reason."""

from __future__ import annotations

from agent.model.certificate import Evidence
from agent.model.method import Method
from agent.model.plan import (
    Authenticate,
    ConfigureTrustpoint,
    Intent,
    Note,
    Plan,
    RenewAuthorization,
    Skip,
    Step,
)
from agent.model.state import ConfigModel, EnrollmentKind, Licensing, RegistrationState, State

_OTHER_METHODS = "the console dialog or a trustpool import would do; this release of xr-agent has method rpc only"


def plan(intent: Intent, state: State) -> Plan | Skip:
    """The steps that bring *state* to *intent*, or why there are none to offer.

    A plan without steps that change anything is falsy: the device is as it should be.
    """
    refused = _refusal(intent, state)
    if refused is not None:
        return refused
    proof = _proof(intent, state)
    if proof is None:
        return _skip(
            state,
            f"trustpoint {intent.trustpoint} holds another certificate: {_shown(state)}",
            hint="use another --trustpoint, or remove that certificate first",
        )
    there = proof is not Evidence.NONE
    steps: list[Step] = []
    if not there:
        change = _configure(intent, state)
        if isinstance(change, Skip):
            return change
        steps += [change] if change else []
        steps.append(Authenticate(intent.trustpoint, intent.anchor, fetches=intent.enrollment_url is not None))
    steps += _renewal(intent, state, installed=not there)
    return Plan(
        device=state.device,
        intent=intent,
        method=Method.RPC,
        config_model=state.access.config_model,
        steps=tuple(steps),
        release=state.release,
        present=proof,
    )


def _refusal(intent: Intent, state: State) -> Skip | None:
    ways = state.access
    if intent.method not in (Method.AUTO, Method.RPC):
        return _skip(state, f"method {intent.method.value} is not available in this release", hint="use --method rpc")
    proof = _proof(intent, state)
    if proof is not None and proof is not Evidence.NONE:
        return None  # it is there: nothing that is missing on the device matters
    if ways.config_model in (ConfigModel.NONE, ConfigModel.CLI) or not ways.authenticate or not ways.candidate:
        return _skip(state, "; ".join(ways.reasons) or "the models do not carry the cure", hint=_OTHER_METHODS)
    if intent.enrollment.kind not in ways.enrollments:
        return _skip(state, f"{ways.config_model.value} cannot set '{intent.enrollment.cli}' here")
    if state.config.missing is not None:
        return _skip(
            state,
            f"the trustpoint configuration could not be read: {state.config.missing}",
            hint="without it nobody can say what a change would replace",
        )
    if not state.certificate.answered and state.certificate.source:
        return _skip(
            state,
            f"the certificates could not be read: {state.certificate.missing}",
            hint="without them a push cannot tell whether it is needed, nor prove its success",
        )
    return None


def _configure(intent: Intent, state: State) -> ConfigureTrustpoint | Skip | None:
    wanted, present = intent.enrollment, state.config.value
    replaces = None
    if present is not None:
        if present.enrollment == wanted:
            return None
        if present.enrollment.kind is not EnrollmentKind.NONE:
            if not intent.replace:
                return _skip(
                    state,
                    f"trustpoint {intent.trustpoint} has '{present.enrollment.cli}'",
                    hint=f"--replace changes it to '{wanted.cli}', or name another --trustpoint",
                )
            replaces = present.enrollment
    return ConfigureTrustpoint(
        state.access.config_model, intent.trustpoint, wanted, replaces=replaces, creates=present is None
    )


def _renewal(intent: Intent, state: State, *, installed: bool) -> list[Step]:
    """Renew after an installation, or where the root is there and the contact still fails."""
    licence = state.licensing.value
    reason = _no_renewal(intent, state, licence)
    if reason is not None:
        return [Note(reason)] if installed else []
    if installed or (licence is not None and licence.last_comm_success is False):
        return [RenewAuthorization(intent.contact_wait, licence.last_comm_time if licence else None)]
    return []


def _no_renewal(intent: Intent, state: State, licence: Licensing | None) -> str | None:
    if not intent.renew:
        return "the licence is not renewed: --no-renew"
    if licence is None:
        return f"the licence is not renewed: {state.licensing.missing or 'the device shows no licensing state'}"
    if licence.policy_based:
        return "the licence is not renewed: licensing is policy-based and judged by its reports"
    if licence.registration is not RegistrationState.COMPLETE:
        word = licence.registration.value if licence.registration else "unknown"
        return f"the licence is not renewed: registration is {word}; the device needs a token (register-id-token)"
    if not state.access.renew_auth:
        return "the licence is not renewed: rpc renew-auth is missing (smart-license-act)"
    return None


def _proof(intent: Intent, state: State) -> Evidence | None:
    """By what the anchor is there already; NONE: not there or not shown, None: another certificate is."""
    shown = state.certificate.value
    return Evidence.NONE if shown is None else shown.proves(intent.anchor)


def _shown(state: State) -> str:
    return state.certificate.value.name if state.certificate.value else "none"


def _skip(state: State, reason: str, *, hint: str | None = None) -> Skip:
    return Skip(
        device=state.device, reason=reason, hint=hint, release=state.release, config_model=state.access.config_model
    )
