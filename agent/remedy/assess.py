"""Judge a state: is the device hit by a withdrawn root, and until when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from agent.model.pki.anchor import TrustAnchor
from agent.model.pki.certificate import Evidence
from agent.model.plan import RELOAD, Verdict, VerdictKind
from agent.model.state import AuthorizationState, Licensing, LicensingTransport, Reporting, State, TransportType, lists
from agent.remedy.notices.folder import bundled
from agent.remedy.notices.notice import Notice, release_number

CLOCK_TOLERANCE = timedelta(minutes=5)
"""How far a device's clock may be off before it is said."""
_DAY = timedelta(days=1)
_SWITCHED_OFF = {
    "peer_verification": "peer verification is switched off (http client secure-verify-peer disable): licensing may "
    "work without the root, and would work with anybody's certificate",
    "host_verification": "host verification is switched off (http client secure-verify-host disable): licensing would "
    "work with another host's certificate",
    "name_validation": "name validation is switched off (crypto disable tls peer name-validation): TLS applications "
    "take a certificate of any name",
}
_NOT_SHOWN = "the device answers with nothing, as also to a user who may not read it"
_COMM_DEADLINE = timedelta(days=90)
"""How long after the last success the device's own ``comm-deadline-time`` stands."""


def assess(state: State, anchor: TrustAnchor, now: datetime, *, notice: Notice | None = None) -> Verdict:
    """The verdict over one device at *now* (aware), with every reason that led to it.

    In this order: the anchor under the trustpoint or in the trustpool; licensing that does not go to the servers
    concerned; a contact that succeeded after they changed, where peer verification is known to be on; then the release
    and its fixes as the notice has them, which what the device shows outweighs. What cannot be told is ``unknown``,
    and so is a device whose clock is outside the anchor's validity: TLS fails then, root or not.

    Of an *anchor* that is not the notice's root the notice's servers, dates and releases tell nothing.
    """
    notice = notice or bundled()
    judge = _Judge(state, anchor, now, notice)
    kind = judge.by_certificate() or judge.by_transport() or judge.by_contact()
    kind = kind or judge.by_device(judge.by_release())
    if kind is not VerdictKind.AFFECTED:
        judge.reasons.insert(0, judge.reasons.pop())  # the one that decided, where a table has room for one
    judge.about_syslog()
    kind = judge.by_clock(kind)
    deadlines = deadlines_of(judge.licence, notice)
    if kind in (VerdictKind.REMEDIED, VerdictKind.NOT_AFFECTED):
        deadlines = tuple((name, when) for name, when in deadlines if when >= now)
    judge.reasons += _contact(judge.licence, deadlines, now)
    judge.about_contact(kind)
    persistent = judge.by_reload(kind)
    judge.about_policy()
    judge.about_verification()
    if state.hidden is not None:
        judge.warn(state.hidden)
    if state.licensing.missing:
        judge.reasons.append(state.licensing.missing)
    return Verdict(state.device, kind, tuple(judge.reasons), deadlines, tuple(judge.warnings), persistent)


def assess_by(state: State, notices: Sequence[Notice], now: datetime, *, anchor: TrustAnchor | None = None) -> Verdict:
    """The verdict by several *notices*: the worst of theirs, each reason with the name of its notice.

    Each is judged by its own root, unless *anchor* takes its place. Without notices it is the bundled one.
    """
    found = [(one, assess(state, anchor or one.root, now, notice=one)) for one in notices or (bundled(),)]
    if len(found) == 1:
        return found[0][1]
    found.sort(key=lambda each: _WORST.index(each[1].kind))
    due: dict[str, datetime] = {}
    for name, moment in (each for _, verdict in found for each in verdict.deadlines):
        due[name] = min(moment, due.get(name, moment))
    lasting = {verdict.persistent for _, verdict in found if verdict.kind is VerdictKind.REMEDIED}
    return replace(
        found[0][1],
        reasons=tuple(f"{one.name}: {reason}" for one, verdict in found for reason in verdict.reasons),
        deadlines=tuple(due.items()),
        warnings=tuple(dict.fromkeys(text for _, verdict in found for text in verdict.warnings)),
        persistent=False if False in lasting else None if None in lasting else bool(lasting) or None,
    )


_WORST = (VerdictKind.AFFECTED, VerdictKind.UNKNOWN, VerdictKind.REMEDIED, VerdictKind.NOT_AFFECTED)


class _Judge:
    """One device under judgement; each look adds its reasons, and a kind where it decides."""

    def __init__(self, state: State, anchor: TrustAnchor, now: datetime, notice: Notice) -> None:
        self._state, self._anchor, self._now, self._notice = state, anchor, now, notice
        self.licence, self._configured = state.licensing.value, state.transport.value or LicensingTransport()
        self.reasons: list[str] = []
        self.warnings: list[str] = []
        self._unproven: str | None = None
        self._elsewhere = anchor.sha256 != notice.root.sha256

    def by_certificate(self) -> VerdictKind | None:
        """Whether the anchor is there: under the trustpoint, or in the trustpool."""
        point = self._under_trustpoint()
        listed = self._state.trustpool.value
        if listed is not None:
            if lists(listed, self._anchor):
                self.reasons.append(f"the trustpool lists {self._anchor.name} ({self._state.trustpool.source})")
                return VerdictKind.REMEDIED
            if point is None:
                seen = "does not list" if listed else "shows no certificate that can be read, so not"
                self.reasons.append(f"the trustpool {seen} {self._anchor.name}")
        return point

    def _under_trustpoint(self) -> VerdictKind | None:
        reading, shown, name = self._state.certificate, self._state.certificate.value, self._state.trustpoint
        if shown is None:
            self.reasons.append(reading.missing or f"trustpoint {name} shows no CA certificate")
            return None
        evidence = shown.proves(self._anchor)
        if evidence is None:
            way = "; push --replace changes it" if self._state.access.clear_certificates else ""
            self.reasons.append(f"trustpoint {name} holds another certificate: {shown.described}{way}")
            return None
        if evidence is Evidence.NONE:
            self.reasons.append(f"trustpoint {name} shows too little of its certificate to tell which it is")
            return None
        self.reasons.append(f"{self._anchor.name} is there, by {evidence.value} ({reading.source})")
        return VerdictKind.REMEDIED

    def by_transport(self) -> VerdictKind | None:
        """Licensing that does not go to the servers concerned, by state or by configuration."""
        licence = self.licence or Licensing()
        if licence.authorization is AuthorizationState.AUTHORIZED_RESERVATION or self._configured.reservation:
            self.reasons.append("licences are reserved on the device: it does not contact the servers")
            return VerdictKind.NOT_AFFECTED
        kind = licence.transport or self._configured.kind
        if kind is TransportType.OFF:
            self.reasons.append("the licensing transport is off: it does not contact the servers")
            return VerdictKind.NOT_AFFECTED
        if self._elsewhere:
            return None
        urls = self._urls()
        concerned = {url: told for url in urls if (told := self._notice.concerns(url)) is not False}
        if kind is TransportType.CSLU and not any(concerned.values()):
            concerned.clear()
        if concerned:
            shown = (
                url if told else f"{url}, which may be one of the servers concerned" for url, told in concerned.items()
            )
            self.reasons.append(f"licensing goes to {', '.join(shown)}")
            return None
        if not urls and kind is not TransportType.CSLU:
            return None
        self.reasons.append(f"licensing goes to {', '.join(urls) or 'a CSLU'}, not to the servers concerned")
        return VerdictKind.NOT_AFFECTED

    def _urls(self) -> tuple[str, ...]:
        """Where licensing goes: the state's word, else what is configured for the transport in use."""
        licence = self.licence or Licensing()
        return (licence.url,) if licence.url else self._configured.destinations(licence.transport)

    def by_contact(self) -> VerdictKind | None:
        """A contact that succeeded after the server had changed its root, with peer verification on, needs no cure."""
        last = None if self._elsewhere else self._succeeded_at()
        changes = [self._notice.changed(url) for url in self._urls()]
        # On the day itself the server may have changed after the contact.
        if last is None or not changes or any(change is None or last < change + _DAY for change in changes):
            return None
        contact = f"the last contact succeeded at {last:%Y-%m-%d}, after the server had changed its root"
        verified = self._state.peer_verification
        if verified.value is None or (verified.value and verified.empty):
            why = f": {verified.missing or _NOT_SHOWN}" if verified.missing or verified.empty else ""
            self._unproven = f"{contact}, which proves nothing unless the peer was verified, and that is not known{why}"
            return None
        if not verified.value:
            return None
        self.reasons.append(f"{contact}, with peer verification on ({verified.source})")
        return VerdictKind.NOT_AFFECTED

    def _succeeded_at(self) -> datetime | None:
        """When the last contact was, if it succeeded, by our clock as far as the device's is known to differ."""
        licence = self.licence
        if licence is None or licence.last_comm_success is not True or licence.last_comm_time is None:
            return None
        shown = licence.last_comm_time.moment
        last = shown and shown - (self._state.clock_offset.value or timedelta(0))
        return last if last is not None and last <= self._now + _DAY else None

    def by_release(self) -> VerdictKind:
        """The notice's list, the fixes that cure, and the releases that the list makes fixed."""
        software, notice = self._state.software.value, self._notice
        if software is None or software.release is None:
            self.reasons.append(self._state.software.missing or "the release is not known")
            return VerdictKind.UNKNOWN
        release = software.release
        if self._elsewhere:
            said = f"what it says of release {release} and of servers tells nothing of {self._anchor.name}"
            self.reasons.append(f"{notice.name} is about {notice.root.name}: {said}")
            return VerdictKind.UNKNOWN
        for defect in sorted(software.fixes & notice.related.keys()):
            self.reasons.append(f"release {release} has {defect}: {notice.related[defect]}")
        fixed = software.fixes & notice.fixes
        if fixed:
            self.reasons.append(f"release {release} has the fix {', '.join(sorted(fixed))}")
            return VerdictKind.NOT_AFFECTED
        if notice.lists(release):
            listed = f"release {release} is on the list of {notice.name}"
            others = f"{notice.name} names all releases but the fixed ones, and {release} is none of these"
            self.reasons.append(others if notice.affected is None else listed)
            return VerdictKind.AFFECTED
        first = notice.fixed(release)
        if first is not None:
            self.reasons.append(
                f"release {release} is not on the list of {notice.name} and not before {first}, "
                "from which on the list makes it fixed"
            )
            return VerdictKind.NOT_AFFECTED
        self.reasons.append(_not_judged(release, notice))
        return VerdictKind.UNKNOWN

    def by_device(self, kind: VerdictKind) -> VerdictKind:
        """What the device shows against the root's being there, which outweighs *kind*, the release's word."""
        absent = self._absent()
        logged = any(one.mnemonic in self._notice.untrusted for one in self._state.syslog.value or ())
        if absent or (logged and not self._elsewhere):
            kind = VerdictKind.AFFECTED
        elif absent is None and kind is VerdictKind.NOT_AFFECTED:
            self.reasons.append(f"{self._anchor.name} was looked for and not seen, which outweighs the release")
            kind = VerdictKind.UNKNOWN
        if self._unproven is None or kind is VerdictKind.NOT_AFFECTED:
            return kind
        # Either nothing was verified, or the root is where it was not seen.
        self.reasons.append(self._unproven)
        return VerdictKind.UNKNOWN

    def _absent(self) -> bool | None:
        """Whether neither the trustpool nor the trustpoint has the anchor; None: it was not seen, and may be there.

        False as well where the trustpool was not read: nothing was seen then.
        """
        listed, shown = self._state.trustpool.value, self._state.certificate
        if listed is None:
            return False
        untold = not shown.answered or (shown.empty and self._state.config.value is not None)
        held = [entry.certificate for entry in listed] + ([shown.value] if shown.value else [])
        certain = listed and not untold and all(one.proves(self._anchor) is None for one in held)
        return True if certain else None

    def about_syslog(self) -> None:
        """Signatures in the device's buffer."""
        for one in self._state.syslog.value or ():
            since = f", last at {one.last.text}" if one.last else ""
            self.reasons.append(f"the device logged {one.mnemonic} {one.count} times{since}")

    def by_clock(self, kind: VerdictKind) -> VerdictKind:
        """The device's clock: outside the anchor's validity TLS fails whatever is installed."""
        offset = self._state.clock_offset.value
        if offset is None:
            return kind
        shown = self._now + offset
        if self._anchor.expired(shown):
            self.warn(
                f"the device's clock shows {shown:%Y-%m-%d}, outside the validity of {self._anchor.name}: "
                "TLS fails with the root present"
            )
            return VerdictKind.UNKNOWN if kind in (VerdictKind.REMEDIED, VerdictKind.NOT_AFFECTED) else kind
        if abs(offset) > CLOCK_TOLERANCE:
            word = "ahead" if offset > timedelta(0) else "behind"
            self.warn(f"the device's clock is {_span(abs(offset))} {word}: TLS may fail with the root present")
        return kind

    def about_contact(self, kind: VerdictKind) -> None:
        """Contacts that fail although the device is not affected, where nobody looked whether the root is there."""
        if kind is not VerdictKind.NOT_AFFECTED or self._state.trustpool.value is not None:
            return
        succeeded = None if self.licence is None else self.licence.last_comm_success
        if succeeded is False or (succeeded is None and self._state.syslog.value):
            self.warn(
                "the licensing server is not reached, and the trustpool was not read: have the CLI asked for it; "
                "if the root is there, look for another cause"
            )

    def by_reload(self, kind: VerdictKind) -> bool | None:
        """Whether the anchor outlives a reload; of a device that has it, and what is still to be done there."""
        if kind is not VerdictKind.REMEDIED:
            return None
        if self.licence is not None and self.licence.last_comm_success is False:
            self.reasons.append("the device was not seen to reach the server since: push renews its licence")
        persistent = self._state.keeps(self._anchor)
        if persistent is False:
            self.warn(RELOAD)
        return persistent

    def about_policy(self) -> None:
        """Policy-based licensing knows no registration; its reports say how it stands."""
        if self.licence is None or not self.licence.policy_based:
            return
        report = self._state.reporting.value or Reporting()
        last = report.last.text if report.last else "never, as far as the device shows"
        following = f", next {report.next.text}" if report.next else ""
        self.reasons.append(f"licensing is policy-based: usage was last reported {last}{following}")

    def about_verification(self) -> None:
        """What is switched off hides the missing root, or takes another server's certificate for the right one."""
        for name, said in _SWITCHED_OFF.items():
            if getattr(self._state, name).value is False:
                self.warn(said)

    def warn(self, text: str) -> None:
        """Something to know of the device whatever the verdict."""
        self.warnings.append(text)
        self.reasons.append(text)


def _not_judged(release: str, notice: Notice) -> str:
    """Why *release* tells nothing."""
    if release_number(release) is None:
        return f"release {release} is no number that {notice.name} can be compared with"
    if notice.too_old(release):
        return f"release {release} is older than {notice.name} judges"
    return f"release {release} is not on the list of {notice.name}, which proves nothing: it is not known to be fixed"


def _span(offset: timedelta) -> str:
    minutes = int(offset.total_seconds() // 60)
    return f"{minutes} minutes" if minutes < 2 * 24 * 60 else f"{offset.days} days"


def deadlines_of(licence: Licensing | None, notice: Notice | None = None) -> tuple[tuple[str, datetime], ...]:
    """The deadlines of *notice*, else of the bundled one, counted from the last successful contact.

    After a failed one ``last-comm-time`` may be the attempt's. The device's own ``comm-deadline-time`` is assumed to
    stand 90 days after the last success (H56), so that is counted back from. Without either there are no deadlines.
    """
    last = last_contact(licence) if licence else None
    days = (notice or bundled()).deadlines
    return tuple((name, last + timedelta(days=number)) for name, number in days.items()) if last else ()


def last_contact(licence: Licensing) -> datetime | None:
    """The last successful contact with the licensing server, where the device tells; as of :func:`deadlines_of`."""
    if licence.last_comm_success and licence.last_comm_time:
        return licence.last_comm_time.moment
    if licence.deadline and licence.deadline.moment:
        return licence.deadline.moment - _COMM_DEADLINE
    return None


def _contact(licence: Licensing | None, deadlines: tuple[tuple[str, datetime], ...], now: datetime) -> list[str]:
    if licence is None or licence.last_comm_success is not False:
        return []
    reasons = [f"the last contact failed: {licence.fail_message or 'no message'}"]
    for name, moment in deadlines:
        days, word = (moment - now).days, name.replace("_", " ")
        reasons.append(f"{word} in {days} days" if days >= 0 else f"{word} since {-days} days")
    return reasons
