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
CLOCK_TOLERANCE = timedelta(minutes=5)
"""How far a device's clock may be off before it is said."""
_TRUST_FAILED = "XR_SSL-3-CERT_VERIFY_ERR_2_PARAM"


def assess(state: State, anchor: TrustAnchor, now: datetime, *, notice: Notice | None = None) -> Verdict:
    """The verdict over one device at *now* (aware), with every reason that led to it.

    In this order: the anchor under the trustpoint or in the trustpool; licensing that does not go to the servers
    concerned; a contact that succeeded after they changed; the release and its fixes as the notice lists them. What
    cannot be told is ``unknown``, and so is a device whose clock is outside the anchor's validity: TLS fails then, root
    or not.
    """
    judge = _Judge(state, anchor, now, notice or bundled_notice())
    kind = judge.by_certificate() or judge.by_transport() or judge.by_contact() or judge.by_release()
    if kind in (VerdictKind.REMEDIED, VerdictKind.NOT_AFFECTED):
        judge.reasons.insert(0, judge.reasons.pop())  # the one that decided, where a table has room for one
    kind = judge.by_clock(judge.by_syslog(kind))
    deadlines = deadlines_of(judge.licence)
    judge.reasons += _contact(judge.licence, deadlines, now)
    judge.about_policy()
    judge.about_peer_verification()
    if state.licensing.missing:
        judge.reasons.append(state.licensing.missing)
    return Verdict(state.device, kind, tuple(judge.reasons), deadlines, tuple(judge.warnings))


class _Judge:
    """One device under judgement; each look adds its reasons, and a kind where it decides."""

    def __init__(self, state: State, anchor: TrustAnchor, now: datetime, notice: Notice) -> None:
        self._state, self._anchor, self._now, self._notice = state, anchor, now, notice
        self.licence = state.licensing.value
        self.reasons: list[str] = []
        self.warnings: list[str] = []

    def by_certificate(self) -> VerdictKind | None:
        """Whether the anchor is there: under the trustpoint, or in the trustpool."""
        point = self._under_trustpoint()
        listed = self._state.trustpool.value
        if listed is not None:
            if any(entry.certificate.proves(self._anchor) not in (None, Evidence.NONE) for entry in listed):
                self.reasons.append(f"the trustpool lists {self._anchor.name} ({self._state.trustpool.source})")
                return VerdictKind.REMEDIED
            if point is None:
                self.reasons.append(f"the trustpool does not list {self._anchor.name}")
        return point

    def _under_trustpoint(self) -> VerdictKind | None:
        reading, shown, name = self._state.certificate, self._state.certificate.value, self._state.trustpoint
        if shown is None:
            self.reasons.append(reading.missing or f"trustpoint {name} shows no CA certificate")
            return None
        evidence = shown.proves(self._anchor)
        if evidence is None:
            self.reasons.append(f"trustpoint {name} holds another certificate: {shown.name}")
            return None
        if evidence is Evidence.NONE:
            self.reasons.append(f"trustpoint {name} shows too little of its certificate to tell which it is")
            return None
        self.reasons.append(f"{self._anchor.name} is there, by {evidence.value} ({reading.source})")
        return VerdictKind.REMEDIED

    def by_transport(self) -> VerdictKind | None:
        """Licensing that does not go to the servers concerned, by state or by configuration."""
        configured = self._state.transport.value
        licence = self.licence or Licensing()
        reserved = licence.authorization is AuthorizationState.AUTHORIZED_RESERVATION
        if reserved or (configured is not None and configured.reservation):
            self.reasons.append("licences are reserved on the device: it does not contact the servers")
            return VerdictKind.NOT_AFFECTED
        kind = licence.transport or (configured.kind if configured else None)
        if kind is TransportType.OFF:
            self.reasons.append("the licensing transport is off: it does not contact the servers")
            return VerdictKind.NOT_AFFECTED
        urls = self._urls()
        if not urls:
            return None
        concerned = [url for url in urls if self._notice.concerns(url)]
        if not concerned:
            self.reasons.append(f"licensing goes to {', '.join(urls)}, not to the servers concerned")
            return VerdictKind.NOT_AFFECTED
        self.reasons.append(f"licensing goes to {', '.join(concerned)}")
        return None

    def _urls(self) -> tuple[str, ...]:
        """Where licensing goes: the state's word, else every address that is configured."""
        if self.licence is not None and self.licence.url:
            return (self.licence.url,)
        return self._state.transport.value.urls if self._state.transport.value else ()

    def by_contact(self) -> VerdictKind | None:
        """A contact that succeeded after the server had changed its root, with peer verification on, needs no cure."""
        licence, verified = self.licence, self._state.peer_verification.value
        last = licence.last_comm_time.moment if licence and licence.last_comm_time else None
        if licence is None or licence.last_comm_success is not True or last is None or verified is False:
            return None
        changes = [self._notice.changed(url) for url in self._urls()]
        if not changes or any(change is None or last <= change for change in changes):
            return None
        self.reasons.append(f"the last contact succeeded at {last:%Y-%m-%d}, after the server had changed its root")
        return VerdictKind.NOT_AFFECTED

    def by_release(self) -> VerdictKind:
        """The notice's list, and the fixes that cure."""
        software, notice = self._state.software.value, self._notice
        if software is None or software.release is None:
            self.reasons.append(self._state.software.missing or "the release is not known")
            return VerdictKind.UNKNOWN
        for defect in sorted(software.fixes & notice.related.keys()):
            self.reasons.append(f"release {software.release} has {defect}: {notice.related[defect]}")
        fixed = software.fixes & notice.fixes
        if fixed:
            self.reasons.append(f"release {software.release} has the fix {', '.join(sorted(fixed))}")
            return VerdictKind.NOT_AFFECTED
        if software.release in notice.affected:
            self.reasons.append(f"release {software.release} is on the list of {notice.name}")
            return VerdictKind.AFFECTED
        if notice.too_old(software.release):
            self.reasons.append(f"release {software.release} is older than {notice.name} judges")
            return VerdictKind.UNKNOWN
        self.reasons.append(f"release {software.release} is not on the list of {notice.name}")
        return VerdictKind.NOT_AFFECTED

    def by_syslog(self, kind: VerdictKind) -> VerdictKind:
        """Signatures in the device's buffer; a failed verification decides where nothing else could."""
        found = self._state.syslog.value or ()
        for one in found:
            since = f", last at {one.last.text}" if one.last else ""
            self.reasons.append(f"the device logged {one.mnemonic} {one.count} times{since}")
        failed = any(one.mnemonic == _TRUST_FAILED for one in found)
        return VerdictKind.AFFECTED if failed and kind is VerdictKind.UNKNOWN else kind

    def by_clock(self, kind: VerdictKind) -> VerdictKind:
        """The device's clock: outside the anchor's validity TLS fails whatever is installed."""
        offset = self._state.clock_offset.value
        if offset is None:
            return kind
        shown = self._now + offset
        if self._anchor.expired(shown):
            self._warn(
                f"the device's clock shows {shown:%Y-%m-%d}, outside the validity of {self._anchor.name}: "
                "TLS fails with the root present"
            )
            return VerdictKind.UNKNOWN if kind in (VerdictKind.REMEDIED, VerdictKind.NOT_AFFECTED) else kind
        if abs(offset) > CLOCK_TOLERANCE:
            word = "ahead" if offset > timedelta(0) else "behind"
            self._warn(f"the device's clock is {_span(abs(offset))} {word}: TLS may fail with the root present")
        return kind

    def about_policy(self) -> None:
        """Policy-based licensing knows no registration; its reports say how it stands."""
        if self.licence is None or not self.licence.policy_based:
            return
        report = self._state.reporting.value
        last = report.last.text if report and report.last else "never, as far as the device shows"
        following = f", next {report.next.text}" if report and report.next else ""
        self.reasons.append(f"licensing is policy-based: usage was last reported {last}{following}")

    def about_peer_verification(self) -> None:
        """Switched off it hides the missing root, and every other certificate too."""
        if self._state.peer_verification.value is False:
            self._warn(
                "peer verification is switched off (http client secure-verify-peer disable): licensing may work "
                "without the root, and would work with anybody's certificate"
            )

    def _warn(self, text: str) -> None:
        self.warnings.append(text)
        self.reasons.append(text)


def _span(offset: timedelta) -> str:
    minutes = int(offset.total_seconds() // 60)
    return f"{minutes} minutes" if minutes < 2 * 24 * 60 else f"{offset.days} days"


def deadlines_of(licence: Licensing | None) -> tuple[tuple[str, datetime], ...]:
    """The deadlines of 30, 90 and 365 days, counted from the last successful contact.

    After a failed one ``last-comm-time`` may be the attempt's; the device's own ``comm-deadline-time`` stands 90 days
    after the last success, so that is counted back from. Without either there are no deadlines.
    """
    last = last_contact(licence) if licence else None
    return tuple((name, last + timedelta(days=days)) for name, days in DEADLINES) if last else ()


def last_contact(licence: Licensing) -> datetime | None:
    """The last successful contact with the licensing server, where the device tells; as of :func:`deadlines_of`."""
    if licence.last_comm_success and licence.last_comm_time:
        return licence.last_comm_time.moment
    if licence.deadline and licence.deadline.moment:
        return licence.deadline.moment - timedelta(days=90)
    return None


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
