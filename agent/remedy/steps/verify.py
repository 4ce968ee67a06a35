"""Read a certificate back and judge it: by the model where one shows it, else over the CLI."""

from __future__ import annotations

import logging
from collections.abc import Callable
from itertools import repeat
from typing import TypeVar

from agent.model.errors import (
    UNANSWERED,
    AgentError,
    AnchorMismatch,
    CertificateMissing,
    OutcomeUnknown,
    RPCError,
    TransportError,
)
from agent.model.outcome import Event, Status, Wait, Waiting
from agent.model.pki.anchor import TrustAnchor
from agent.model.pki.certificate import Certificate, Evidence
from agent.model.state import Reading
from agent.netconf.query import EMPTY_WAITS, Behind, Query, ask_one, ask_until_there
from agent.netconf.retry import Policy, Waits
from agent.netconf.session import Session
from agent.remedy import read
from agent.remedy.run import Run, Steps
from agent.xr import trustpoint

log = logging.getLogger(__name__)

FETCH_WAIT = 10.0
"""Seconds after an ``<ok/>`` within which the certificate must show where the device fetches it from a url."""
_INTERVAL = 1.0
_CAME = "remove that certificate on the router, which no undo does, and find out where the router got it from"
READ = "on the router: show crypto ca certificates {}"
T = TypeVar("T")
_Ask = Callable[[Session, Query[T], Policy], Waits[Reading[T]]]


def prove(run: Run, *, after: str, hint: str, fetches: bool) -> Steps[None]:
    """Find the anchor under the trustpoint, *after* an action and how it ended; the run's evidence says by what.

    Raises:
        CertificateMissing: no certificate showed; *hint* says what to do then.
        AnchorMismatch: it holds another certificate.
        OutcomeUnknown: nothing could be read that tells.
    """
    name, anchor = run.plan.intent.trustpoint, run.plan.intent.anchor
    yield run.started_event("read back", "certificate")
    try:
        reading = yield from _certificate(run, fetches=fetches)
        found = judge(run, reading)
        if found is None and reading.value is None:
            found = yield from _in_pool(run, anchor)
    except (TransportError, RPCError, *UNANSWERED) as error:
        said = f"{after}, and the certificate could not be read back: {error.message}"
        raise OutcomeUnknown(said, hint=f"read trustpoint {name}, or push again: it reads first") from error
    if found:
        run.proven(found)
        yield run.ended("read back", Status.DONE, f"{anchor.name} is there, by {found.value}")
        return
    if (why := untold(reading)) is not None:
        said = f"{after}; whether the certificate is there cannot be told: {why}"
        raise OutcomeUnknown(said, hint=READ.format(name))
    raise CertificateMissing(f"{after}, but trustpoint {name} shows no CA certificate", hint=hint)


def untold(reading: Reading[Certificate]) -> str | None:
    """Why a reading without proof does not tell that the certificate is missing either; None where it tells."""
    if reading.value is not None:
        return "the device shows too little of the certificate to tell which it is"
    if reading.empty:
        return "the device answers with nothing at all, which also means 'not allowed' and 'not ready'"
    return reading.missing


def still_there(run: Run) -> Steps[AgentError | None]:
    """What became of a proven certificate, where the session was lost since: a reload forgets what is not persistent.

    None where it is still there, or nothing was lost.
    """
    if run.evidence is Evidence.NONE or not run.acted or run.persistent or not run.lost_since_proof:
        return None
    proven, run.evidence = run.evidence, Evidence.NONE
    said = f"the certificate was proven by {proven.value}, then the session was lost"
    try:
        reading = yield from _certificate(run)
        found = judge(run, reading)
    except AnchorMismatch as error:
        return error
    except AgentError as error:
        reading, found = Reading(missing=error.message), None
    if found:
        run.proven(found)
        return None
    if (why := untold(reading)) is not None:
        hint = READ.format(run.plan.intent.trustpoint)
        return OutcomeUnknown(f"{said}; whether it is still there cannot be told: {why}", hint=hint)
    return CertificateMissing(f"{said}, and the certificate is gone", hint="did the router reload? push again")


def certificate(run: Run, *, behind: bool = False) -> Waits[Reading[Certificate]]:
    """The trustpoint's CA certificate, by the model that shows it, else over the CLI where that is at hand.

    *behind*: as it was read behind the last write, where it was.
    """
    name = run.plan.intent.trustpoint
    query = trustpoint.certificate_query((yield from run.alive()).schema, name)
    reading = yield from asked(run, query, _sent_behind(run, ask_one, absent=True) if behind else ask_one)
    return (yield from read.certificate(run.ssh, name, reading, doubted=False))


def asked(run: Run, query: Query[T], ask: _Ask[T] = ask_one) -> Waits[Reading[T]]:
    """The reading by *ask*; once more on another session where the one of now is lost or silent."""
    try:
        return (yield from ask((yield from run.alive()), query, run.policy))
    except UNANSWERED as error:
        if run.connect is None:
            raise
        log.info("%s: %s; asking again on another session", run.plan.device, error.message)
    run.abandon()
    return (yield from ask((yield from run.alive()), query, run.policy))


def look_behind(run: Run, session: Session) -> None:
    """Ask for the certificate right behind a write that was just sent over *session*."""
    run.behind = Behind(trustpoint.certificate_query(session.schema, run.plan.intent.trustpoint))
    run.behind.send(session)


def _sent_behind(run: Run, otherwise: _Ask[Certificate], *, absent: bool = False) -> _Ask[Certificate]:
    """The reading that was sent behind the last write, where it shows a certificate, or with *absent* shows none."""

    def ask(session: Session, query: Query[Certificate], policy: Policy) -> Waits[Reading[Certificate]]:
        behind, run.behind = run.behind, None
        reading = None if behind is None else (yield from behind.reading(session, policy))
        if reading is not None and (reading.value is not None or (absent and reading.missing is None)):
            return reading
        return (yield from otherwise(session, query, policy))

    return ask


def judge(run: Run, reading: Reading[Certificate]) -> Evidence | None:
    """The evidence, or None where nothing or too little is shown.

    Raises:
        AnchorMismatch: another certificate is shown.
    """
    shown, anchor = reading.value, run.plan.intent.anchor
    if shown is None:
        return None
    evidence = shown.proves(anchor)
    if evidence is None:
        print_of = f" (sha1 {shown.sha1})" if shown.sha1 else ""
        came = "; it was not there before this push" if run.acted and not shown.same(run.removed) else ""
        raise AnchorMismatch(
            f"trustpoint {run.plan.intent.trustpoint} holds {shown.name}{print_of}, not {anchor.name}{came}",
            hint=_CAME if run.acted else "find out who installed it; nothing was repeated",
        )
    return evidence if evidence is not Evidence.NONE else None


def reopen(run: Run, error: OutcomeUnknown) -> Waits[None]:
    """Have a session to read with after a write whose answer was lost.

    Raises:
        OutcomeUnknown: there is none.
    """
    try:
        yield from run.alive()
    except AgentError as second:
        raise OutcomeUnknown(f"{error.message}; reading it back failed: {second.message}", hint=error.hint) from error


def _certificate(run: Run, *, fetches: bool = False) -> Steps[Reading[Certificate]]:
    """The certificate with all that can be done to see it: repeats, and the CLI where the model tells nothing."""
    name = run.plan.intent.trustpoint
    query = trustpoint.certificate_query((yield from run.alive()).schema, name)
    by_cli = query.missing is not None and run.ssh is not None
    end = run.policy.clock() + (FETCH_WAIT if fetches else 0.0)
    there = _sent_behind(run, ask_until_there)
    reading = yield from (certificate(run) if by_cli else asked(run, query, there))
    for wait in EMPTY_WAITS if by_cli else repeat(_INTERVAL):
        if reading.value is not None or not reading.answered or not (by_cli or run.policy.clock() < end):
            break
        yield Wait(wait, Waiting.CERTIFICATE, breakable=False)
        yield Event(run.plan.device, "read back", Status.RETRY, "no certificate yet")
        reading = yield from (certificate(run) if by_cli else asked(run, query))
    return reading if by_cli else (yield from read.certificate(run.ssh, name, reading, doubted=True))


def _in_pool(run: Run, anchor: TrustAnchor) -> Waits[Evidence | None]:
    """Where no model shows certificates, the trustpool's listing counts as well: some releases show it only there."""
    if run.ssh is None or trustpoint.certificate_query(run.session.schema, "").missing is None:
        return None
    return Evidence.CONSOLE if (yield from read.listed(run.ssh, anchor)).value else None
