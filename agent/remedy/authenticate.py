"""Have the device authenticate its CA, and prove by what it then shows that the anchor is there."""

from __future__ import annotations

from agent.model.anchor import TrustAnchor
from agent.model.certificate import Certificate, Evidence
from agent.model.errors import (
    AgentError,
    AnchorMismatch,
    CertificateMissing,
    OutcomeUnknown,
    ProtocolError,
    ReplyTimeout,
    RPCError,
    TransportError,
)
from agent.model.outcome import Event, Status
from agent.model.plan import Authenticate
from agent.model.state import Reading
from agent.remedy.run import Run, Steps
from agent.xr import certificate, trustpoint
from agent.xr.query import ask_one, ask_until_there

FETCH_WAIT = 10.0
"""Seconds after an ``<ok/>`` within which the certificate must show where the device fetches it from a url."""
_INTERVAL = 1.0
_NEXT = (
    "terminal enrollment may take the certificate from the console only: on the router run "
    "'crypto ca authenticate {name}' and paste it, or use --enrollment-url"
)


def authenticate(run: Run, step: Authenticate) -> Steps[None]:
    """Call rpc ca-authenticate and read the certificate back; repeated only where the state shows it is still needed.

    Raises:
        RPCError: the device refused the action for good.
        CertificateMissing: it answered ok, and no certificate showed.
        AnchorMismatch: it holds another certificate; never repeated.
        OutcomeUnknown: nothing could be read that tells.
    """

    def act() -> Evidence | None:
        certificate.authenticate(run.session, step.trustpoint)
        return None

    def there() -> Evidence | None:
        return _judge(run, step, _read(run, step))

    yield run.started_event("ca-authenticate", f"server-name {step.trustpoint}")
    run.changed = True
    try:
        yield from run.persist("ca-authenticate", act, before_repeat=there)
        said = Status.DONE, "answered ok, which proves nothing yet"
    except OutcomeUnknown as error:
        said = Status.UNKNOWN, f"{error.message}; reading the certificate back"
        _reopen(run, error)
    except RPCError as error:
        error.hint = error.hint or _NEXT.format(name=step.trustpoint)
        raise
    run.settle()
    yield run.ended("ca-authenticate", *said)
    yield run.started_event("read back", "certificate")
    try:
        run.evidence = yield from _prove(run, step)
    except (ReplyTimeout, TransportError, RPCError, ProtocolError) as error:
        raise OutcomeUnknown(
            f"ca-authenticate was sent, and the certificate could not be read back: {error.message}",
            device=run.plan.device,
            hint=f"read trustpoint {step.trustpoint}, or push again: it reads first",
        ) from error
    run.persistent = False  # what terminal and url enrollment bring is forgotten at a reload
    yield run.ended("read back", Status.DONE, f"{step.anchor.name} is there, by {run.evidence.value}")


def _prove(run: Run, step: Authenticate) -> Steps[Evidence]:
    query = trustpoint.certificate_query(run.session.schema, step.trustpoint)
    end = run.policy.clock() + (FETCH_WAIT if step.fetches else 0.0)
    reading = ask_until_there(run.alive(), query, run.policy)
    while reading.answered and reading.value is None and run.policy.clock() < end:
        run.policy.sleep(_INTERVAL)
        yield Event(run.plan.device, "read back", Status.RETRY, "no certificate yet")
        reading = ask_one(run.alive(), query, run.policy)
    found = _judge(run, step, reading)
    if found is not None:
        return found
    if not reading.answered or reading.value is not None:
        why = reading.missing or "the device shows too little of the certificate to tell which it is"
        raise OutcomeUnknown(
            f"whether the certificate is there cannot be told: {why}",
            device=run.plan.device,
            hint=f"on the router: show crypto ca certificates {step.trustpoint}",
        )
    raise CertificateMissing(
        f"ca-authenticate was answered with ok, but trustpoint {step.trustpoint} shows no CA certificate",
        device=run.plan.device,
        hint=_NEXT.format(name=step.trustpoint),
    )


def _read(run: Run, step: Authenticate) -> Reading[Certificate]:
    return ask_one(run.alive(), trustpoint.certificate_query(run.session.schema, step.trustpoint), run.policy)


def _judge(run: Run, step: Authenticate, reading: Reading[Certificate]) -> Evidence | None:
    """The evidence, or None where nothing or too little is shown."""
    shown = reading.value
    if shown is None:
        return None
    evidence = shown.proves(step.anchor)
    if evidence is None:
        raise _mismatch(run.plan.device, step.trustpoint, shown, step.anchor)
    return evidence if evidence is not Evidence.NONE else None


def _mismatch(device: str, name: str, shown: Certificate, anchor: TrustAnchor) -> AnchorMismatch:
    print_of = f" (sha1 {shown.sha1})" if shown.sha1 else ""
    return AnchorMismatch(
        f"trustpoint {name} holds {shown.name}{print_of}, not {anchor.name}",
        device=device,
        hint="find out who installed it; nothing was repeated",
    )


def _reopen(run: Run, error: OutcomeUnknown) -> None:
    try:
        run.alive()
    except AgentError as second:
        raise OutcomeUnknown(
            f"{error.message}; reading it back failed: {second.message}", device=run.plan.device, hint=error.hint
        ) from error
