"""Decide what to do: pure, from the intent and the state; a refusal is a value with its reason."""

from __future__ import annotations

from dataclasses import dataclass, replace

from agent.model.method import Method
from agent.model.pki.certificate import Evidence
from agent.model.plan import RELOAD, Intent, Plan, Skip
from agent.model.state import Licensing, RegistrationState, State, lists
from agent.model.steps import Note, Register, RenewAuthorization, Step
from agent.remedy.methods.base import Refused
from agent.remedy.methods.registry import METHODS, impossible, offered

_SEE_SUPPORT = "see xr-agent support for what each release allows"


def plan(intent: Intent, state: State) -> Plan | Skip:
    """The steps that bring *state* to *intent*, or why there are none to offer.

    A plan without steps that change anything is falsy: the device is as it should be.
    """
    there = _There.of(intent, state)
    wanted = _wanted(intent, state)
    if there.satisfies(intent, wanted):
        passing: list[Step] = [Note(RELOAD, about="reload")] if state.keeps(intent.anchor) is False else []
        method = wanted[0] if wanted else Method.RPC
        return _plan(intent, state, there, method, [*passing, *_afterwards(intent, state)])
    if not wanted:
        return _skip(state, _impossible(intent, state), hint=_SEE_SUPPORT)
    notes: list[Step] = [Note(state.hidden)] if state.hidden else []
    if intent.pem_url is not None and Method.FILE not in wanted:
        notes.append(Note(impossible(Method.FILE, state.access), about="method file"))
    refusals: list[Refused] = []
    for place, method in enumerate(wanted):
        steps = _steps(method, intent, state, there)
        if isinstance(steps, Refused):
            refusals.append(steps)
            notes.append(Note(steps.reason, about=f"method {method.value}"))
            continue
        installs = any(not isinstance(step, Note) for step in steps)
        done = [*notes, *steps, *_afterwards(intent, state, installed=installs)]
        if there.proven:  # nothing is left but the import, where --then asks for it and it is possible
            return _plan(intent, state, there, Method.TRUSTPOOL, done)
        following = {one: _steps(one, intent, state, there) for one in wanted[place + 1 :]}
        possible = tuple(one for one, taken in following.items() if not isinstance(taken, Refused))
        return replace(_plan(intent, state, there, method, done), fallbacks=possible)
    return _refused(state, refusals)


def _refused(state: State, refusals: list[Refused]) -> Skip:
    """No method is offered: each reason once, and what would help against any of them.

    Of one reason the first method's advice counts, which is the preferred one.
    """
    advice: dict[str, str | None] = {}
    for one in refusals:
        advice.setdefault(one.reason, one.hint)
    hints = dict.fromkeys(hint for hint in advice.values() if hint)
    return _skip(state, "; ".join(advice), hint="; or ".join(hints) or _SEE_SUPPORT)


@dataclass(frozen=True, slots=True)
class _There:
    """What the device has already.

    ``point``: the evidence by which the trustpoint holds the anchor, NONE for no or an unread certificate, None where
    it holds another one. ``pool``: whether the trustpool lists it; None where the trustpool was not read. ``own``: the
    same, not counting what it lists as a trustpoint's, which is no import.
    """

    point: Evidence | None
    pool: bool | None
    own: bool | None

    @classmethod
    def of(cls, intent: Intent, state: State) -> _There:
        shown, anchor = state.certificate.value, intent.anchor
        point = Evidence.NONE if shown is None else shown.proves(anchor)
        listed = state.trustpool.part(lambda pool: lists(pool, anchor)).value
        return cls(point, listed, state.trustpool.part(lambda pool: lists(pool, anchor, own=True)).value)

    @property
    def proven(self) -> bool:
        """Whether the trustpoint holds the anchor."""
        return self.point not in (None, Evidence.NONE)

    @property
    def evidence(self) -> Evidence:
        """The best evidence that the device trusts the anchor."""
        if self.point is not None and self.proven:
            return self.point
        return Evidence.CONSOLE if self.pool else Evidence.NONE

    def imported(self) -> bool:
        """Whether an import is needless: the trustpool has the anchor, or is unread and the trustpoint has it."""
        return self.own if self.own is not None else self.proven

    def satisfies(self, intent: Intent, wanted: tuple[Method, ...]) -> bool:
        """Whether nothing has to be installed."""
        if intent.then_trustpool:
            return self.imported() and (self.proven or bool(self.pool))
        if wanted and not METHODS[wanted[0]].at_trustpoint:
            return self.imported()
        return self.proven or (bool(self.pool) and self.point is not None)


def _wanted(intent: Intent, state: State) -> tuple[Method, ...]:
    """The methods to consider, in order."""
    possible = state.access.methods
    if intent.method is not Method.AUTO:
        return (intent.method,) if intent.method in possible else ()
    return tuple(method for method in possible if METHODS[method].considered(intent))


def _impossible(intent: Intent, state: State) -> str:
    if intent.method is not Method.AUTO:
        return impossible(intent.method, state.access)
    reasons = state.access.reasons or tuple(dict(state.access.refusals).values())
    return "; ".join(reasons) or "no method is possible on this device"


def _steps(method: Method, intent: Intent, state: State, there: _There) -> list[Step] | Refused:
    """The steps by which *method* brings the certificate, and the trustpool import that may follow."""
    made, imports = METHODS[method], intent.then_trustpool and not there.imported()
    wanted: list[Method] = [Method.TRUSTPOOL] if imports else []
    if not (made.at_trustpoint and there.proven):
        wanted.insert(0, method)
    steps: list[Step] = []
    for one in wanted:
        found = offered(one, intent, state)
        if isinstance(found, Refused):
            return found
        steps += found
    return steps if imports or made.lasts is not False else [*steps, Note(RELOAD, about="reload")]


def _afterwards(intent: Intent, state: State, *, installed: bool = False) -> list[Step]:
    """Register or renew once the root is there; renew also where it was there and the contact still fails."""
    installed = installed or intent.renew_anyway
    licence = state.licensing.value
    registers = _registration(intent, state, licence)
    if registers is not None:
        return [registers]
    reason = _no_renewal(intent, state, licence)
    if reason is not None:
        return [Note(reason)] if installed else []
    if installed or (licence is not None and licence.last_comm_success is False):
        return [RenewAuthorization(intent.contact_wait, licence.last_comm_time if licence else None)]
    return []


def _registration(intent: Intent, state: State, licence: Licensing | None) -> Step | None:
    """Use the token where there is one; a device that is registered keeps its registration."""
    if intent.token is None:
        return None
    if not state.access.register_token:
        return Note("the token is not used: rpc register-id-token is missing (smart-license-act)", about="register")
    if licence is None or licence.registration is None:
        # Without that, the next push would use it again.
        return Note("the token is not used: no model shows whether the device is registered", about="register")
    if licence.registration is RegistrationState.COMPLETE:
        return None
    if licence.policy_based:
        return Note("the token is not used: licensing is policy-based and knows no registration", about="register")
    return Register(intent.token)


def _no_renewal(intent: Intent, state: State, licence: Licensing | None) -> str | None:
    if not intent.renew:
        return "the licence is not renewed: --no-renew"
    if licence is None:
        return f"the licence is not renewed: {state.licensing.missing or 'the device shows no licensing state'}"
    if licence.policy_based:
        return "the licence is not renewed: licensing is policy-based and judged by its reports"
    if licence.registration is not RegistrationState.COMPLETE:
        word = licence.registration.value if licence.registration else "unknown"
        return (
            f"the licence is not renewed: registration is {word}; the device needs a token "
            "(--register-token-file, rpc register-id-token)"
        )
    if not state.access.renew_auth:
        return "the licence is not renewed: rpc renew-auth is missing (smart-license-act)"
    return None


def _plan(intent: Intent, state: State, there: _There, method: Method, steps: list[Step]) -> Plan:
    return Plan(
        device=state.device,
        intent=intent,
        method=method,
        config_model=state.access.config_model,
        steps=tuple(steps),
        release=state.release,
        present=there.evidence,
        persistent=state.keeps(intent.anchor),
        state=state,
    )


def _skip(state: State, reason: str, *, hint: str | None = None) -> Skip:
    return Skip(
        device=state.device, reason=reason, hint=hint, release=state.release, config_model=state.access.config_model
    )
