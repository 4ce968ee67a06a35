"""Judge a state: is the device hit by a withdrawn root, and until when."""

from __future__ import annotations

from datetime import datetime, timedelta

from agent.model.anchor import TrustAnchor
from agent.model.certificate import Evidence
from agent.model.plan import Verdict, VerdictKind
from agent.model.state import AuthorizationState, Licensing, State, TransportType
from agent.remedy.notice import Notice, bundled_notice

DEADLINES = (("comm_failed", 30), ("authorization_expired", 90), ("unregistered", 365))
"""Days after the last successful contact at which a device degrades, and what it then reports."""


def assess(state: State, anchor: TrustAnchor, now: datetime, *, notice: Notice | None = None) -> Verdict:
    """The verdict over one device at *now* (aware), with every reason that led to it.

    The anchor's presence outweighs everything; then licensing that does not go to the servers concerned; then the
    release and its fixes as the notice lists them. What cannot be told is ``unknown``.
    """
    notice = notice or bundled_notice()
    reasons: list[str] = []
    licence = state.licensing.value
    deadlines = _deadlines(licence)
    kind = _by_certificate(state, anchor, reasons)
    if kind is None and licence is not None:
        kind = _by_licensing(licence, notice, reasons)
    if kind is None:
        kind = _by_release(state, notice, reasons)
    reasons += _contact(licence, deadlines, now)
    if state.licensing.missing:
        reasons.append(state.licensing.missing)
    return Verdict(state.device, kind, tuple(reasons), deadlines)


def _by_certificate(state: State, anchor: TrustAnchor, reasons: list[str]) -> VerdictKind | None:
    reading, shown = state.certificate, state.certificate.value
    if shown is None:
        reasons.append(reading.missing or f"trustpoint {state.trustpoint} shows no CA certificate")
        return None
    evidence = shown.proves(anchor)
    if evidence is None:
        reasons.append(f"trustpoint {state.trustpoint} holds another certificate: {shown.name}")
        return None
    if evidence is Evidence.NONE:
        reasons.append(f"trustpoint {state.trustpoint} shows too little of its certificate to tell which it is")
        return None
    reasons.append(f"{anchor.name} is there, by {evidence.value} ({reading.source})")
    return VerdictKind.REMEDIED


def _by_licensing(licence: Licensing, notice: Notice, reasons: list[str]) -> VerdictKind | None:
    if licence.authorization is AuthorizationState.AUTHORIZED_RESERVATION:
        reasons.append("licences are reserved on the device: it does not contact the servers")
        return VerdictKind.NOT_AFFECTED
    if licence.transport is TransportType.OFF:
        reasons.append("the licensing transport is off: it does not contact the servers")
        return VerdictKind.NOT_AFFECTED
    if licence.url and not notice.concerns(licence.url):
        reasons.append(f"licensing goes to {licence.url}, not to the servers concerned")
        return VerdictKind.NOT_AFFECTED
    if licence.url:
        reasons.append(f"licensing goes to {licence.url}")
    return None


def _by_release(state: State, notice: Notice, reasons: list[str]) -> VerdictKind:
    software = state.software.value
    if software is None or software.release is None:
        reasons.append(state.software.missing or "the release is not known")
        return VerdictKind.UNKNOWN
    fixed = software.fixes & notice.fixes
    if fixed:
        reasons.append(f"release {software.release} has the fix {', '.join(sorted(fixed))}")
        return VerdictKind.NOT_AFFECTED
    if software.release in notice.affected:
        reasons.append(f"release {software.release} is on the list of {notice.name}")
        return VerdictKind.AFFECTED
    if notice.too_old(software.release):
        reasons.append(f"release {software.release} is older than {notice.name} judges")
        return VerdictKind.UNKNOWN
    reasons.append(f"release {software.release} is not on the list of {notice.name}")
    return VerdictKind.NOT_AFFECTED


def _deadlines(licence: Licensing | None) -> tuple[tuple[str, datetime], ...]:
    """Counted from the last successful contact.

    After a failed one ``last-comm-time`` may be the attempt's; the device's own ``comm-deadline-time`` stands 90 days
    after the last success, so that is counted back from. Without either there are no deadlines.
    """
    if licence is None:
        return ()
    last = None
    if licence.last_comm_success and licence.last_comm_time:
        last = licence.last_comm_time.moment
    elif licence.deadline and licence.deadline.moment:
        last = licence.deadline.moment - timedelta(days=90)
    return tuple((name, last + timedelta(days=days)) for name, days in DEADLINES) if last else ()


def _contact(licence: Licensing | None, deadlines: tuple[tuple[str, datetime], ...], now: datetime) -> list[str]:
    if licence is None:
        return []
    reasons = []
    if licence.last_comm_success is False:
        reasons.append(f"the last contact failed: {licence.fail_message or 'no message'}")
    for name, moment in deadlines:
        if licence.last_comm_success is False:
            days = (moment - now).days
            word = name.replace("_", " ")
            reasons.append(f"{word} in {days} days" if days >= 0 else f"{word} since {-days} days")
    return reasons
