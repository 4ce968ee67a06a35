"""Tables for people: compact, readable in 60 columns, plain where stdout is no terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from agent.model.errors import shortened
from agent.model.masking.text import counted, neutralise
from agent.model.outcome import Outcome
from agent.model.pki.anchor import TrustAnchor
from agent.model.pki.certificate import Evidence
from agent.model.plan import Plan, Skip, Verdict
from agent.model.state import FILES, Access, DeviceTime, Entitlement, Licensing, Reading, State

if TYPE_CHECKING:
    from agent.remedy.notices.notice import Notice
    from agent.remedy.poll import Sample
    from agent.xr.logs.scan import Affected

_STYLES = {
    word: style
    for style, words in {
        "bold green": ("remedied",),
        "green": (
            "unchanged",
            "not-affected",
            "done",
            "as expected",
            "authorized",
            "complete",
            "contacted",
            "yes",
            "ok",
            "ready",
        ),
        "yellow": ("skipped", "retry", "stopped", "interrupted", "out-of-compliance", "not-registered"),
        "red": ("authorization-expired", "no"),
        "bold red": ("failed", "affected", "not as expected", "not-contacted", "lost", "not ok", "not-ready"),
        "magenta": ("unknown",),
        "bold magenta": ("doubtful",),
        "dim": ("started", "waiting"),
    }.items()
    for word in words
}
_LONGEST = 4000
_DIFF = {"+": "green", "-": "red", ">": "cyan", "#": "dim"}


def cell(value: object, style: str = "") -> Text:
    """A value of any origin as a table cell: neutralised, shortened where it has no end, and never read as markup."""
    said = _said(value)
    return Text(neutralise("—" if said == "" else shortened(said, _LONGEST)), style=style, overflow="fold")


def _said(value: object) -> str:
    if value is None or isinstance(value, bool):
        return {None: "", True: "yes", False: "no"}[value]
    if isinstance(value, DeviceTime):
        return value.text
    return str(value.value if isinstance(value, Enum) else value)


def word(value: object) -> Text:
    """One of the closed sets' words in its colour."""
    return cell(value, _STYLES.get(_said(value), ""))


def watched(host: str = "") -> str:
    """What to do where a licence is renewed and the contact with the licensing server not seen yet."""
    command = " ".join(filter(None, ("xr-agent poll", host)))
    return f"look again in a minute: {command} --until contacted, reached as in this push"


def some(names: Sequence[str], most: int = 5) -> str:
    """The first *most* of them, and whether there are more."""
    return ", ".join((*names[:most], *(["…"] if len(names) > most else [])))


def hexadecimal(digits: str) -> str:
    """A fingerprint as routers and OpenSSL print it, ``DF:71:…``."""
    return ":".join(digits[index : index + 2] for index in range(0, len(digits), 2))


def anchor_lines(anchor: TrustAnchor, *, bundled: bool) -> Text:
    """Which root this is about, with the fingerprints to compare."""
    origin = "bundled" if bundled else "from --anchor, --notice or --plan"
    return Text("\n").join(
        (
            cell(f"anchor {anchor.name} ({origin}), to {anchor.not_after:%Y-%m-%d}", "bold"),
            cell(f"  sha1   {hexadecimal(anchor.sha1)}", "dim"),
            cell(f"  sha256 {hexadecimal(anchor.sha256)}", "dim"),
        )
    )


def grid(rows: Iterable[tuple[str, object]], *, title: str | Text) -> RenderableType:
    """A heading with names and values below it, each as a :func:`cell`; rows without a value stay out."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        shown = _cell(value)
        if shown.plain != "—":
            table.add_row(f"  {name}", shown)
    return Group(title if isinstance(title, Text) else cell(title, "bold"), table)


def columns(heads: Sequence[str], rows: Iterable[Sequence[object]], *, whole: str = "") -> Table:
    """A table with a line below its head, each value a :func:`cell`; *whole* is never broken, to be copied."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for head in heads:
        table.add_column(head, overflow="fold", no_wrap=head == whole)
    for row in rows:
        table.add_row(*map(_cell, row))
    return table


def _cell(value: object) -> Text:
    return value if isinstance(value, Text) else cell(value)


def show_view(state: State, address: str | None) -> RenderableType:
    """Trustpoint, certificate, licensing, software; each with where it was read, or why it was not."""
    allowed, config, shown = state.access, state.config.value, state.certificate.value
    offered = (("ca-authenticate", allowed.authenticate), ("renew-auth", allowed.renew_auth))
    return Group(
        grid(
            (
                ("address", address),
                ("release", state.release),
                ("fixes", ", ".join(sorted(state.software.value.fixes)) if state.software.value else None),
                ("config model", allowed.config_model),
                ("actions", ", ".join(name for name, there in offered if there) or "none"),
                *(("lacks", cell(reason, "yellow")) for reason in allowed.reasons),
                ("note", cell(state.hidden, "yellow")),
                *_origin(state.software),
            ),
            title=state.device,
        ),
        grid(
            (
                ("configuration", config.enrollment.cli if config else state.config.absent("not configured")),
                *_origin(state.config),
            ),
            title=f"trustpoint {state.trustpoint}",
        ),
        grid(
            (
                ("subject", shown.subject if shown else state.certificate.absent("none")),
                ("issuer", shown.issuer if shown else None),
                ("valid", _span(shown.not_before, shown.not_after) if shown else None),
                ("serial", shown.serial if shown else None),
                ("sha1", hexadecimal(shown.sha1) if shown and shown.sha1 else None),
                ("pem", f"{len(shown.pem)} characters (in --format json)" if shown and shown.pem else None),
                *_origin(state.certificate),
            ),
            title="CA certificate",
        ),
        grid(_licensing(state.licensing), title="licensing"),
        grid(_beside(state), title="beside"),
    )


def _beside(state: State) -> Iterable[tuple[str, object]]:
    """What a verdict needs besides; what was not read says why."""
    pool, places, offset = state.trustpool.value, state.transport.value, state.clock_offset.value
    logged, report = state.syslog.value, state.reporting.value
    running = state.licensing.value.transport if state.licensing.value else None
    return (
        ("trustpool", state.trustpool.absent("") if pool is None else counted(len(pool), "certificate")),
        ("configured url", ", ".join(places.destinations(running)) if places else None),
        ("syslog", cell_lines(f"{one.mnemonic} {one.count} times" for one in logged or ())),
        ("clock", None if offset is None else f"{offset.total_seconds():+.0f} s against this machine's"),
        ("peer verification", _verified(state.peer_verification, "any certificate is accepted")),
        ("host verification", _verified(state.host_verification, "a certificate of any host is accepted")),
        ("name validation", _verified(state.name_validation, "a certificate of any name is accepted")),
        ("last report", report.last if report else None),
        ("next report", report.next if report else None),
        ("CLI", state.cli or "at hand"),
        *_notes(state.transport, state.syslog, state.peer_verification, state.reporting),
    )


def _verified(reading: Reading[bool], otherwise: str) -> str | None:
    on = "on, unless this user may not read that it is off" if reading.empty else "on"
    return {True: on, False: f"off: {otherwise}", None: None}[reading.value]


def _licensing(reading: Reading[Licensing]) -> Iterable[tuple[str, object]]:
    seen = reading.value
    if seen is None:
        return (("state", reading.absent("none shown")), *_origin(reading))
    left = None if seen.evaluation_left is None else f"{seen.evaluation_left // 86400} days"
    return (
        ("registration", word(seen.registration)),
        ("authorization", word(seen.authorization)),
        ("last contact good", word(seen.last_comm_success)),
        ("last contact", seen.last_comm_time),
        ("next contact", seen.next_comm_time),
        ("deadline", seen.deadline),
        ("failure", cell(seen.fail_message, "red")),
        ("failed at", seen.fail_time),
        ("transport", seen.transport),
        ("url", seen.url),
        ("proxy", seen.proxy),
        ("evaluation", _evaluation(seen)),
        ("evaluation left", left),
        ("accounts", " / ".join(filter(None, (seen.smart_account, seen.virtual_account)))),
        *(("licence", _entitlement(entry)) for entry in seen.entitlements),
        ("by policy", "yes: judged by its reports" if seen.policy_based else None),
        *_origin(reading),
    )


def _evaluation(seen: Licensing) -> str | None:
    if seen.evaluation_expired:
        return "expired"
    return {True: "in use", False: "not in use", None: None}[seen.evaluation_in_use]


def _entitlement(entry: Entitlement) -> str:
    count = "" if entry.count is None else f" ({entry.count})"
    return f"{entry.name}{count}{f', {entry.status}' if entry.status else ''}"


def _origin(reading: Reading[Any]) -> Iterable[tuple[str, Text]]:
    return (("source", cell(reading.source, "dim")), *_notes(reading))


def _notes(*readings: Reading[Any]) -> Iterable[tuple[str, Text]]:
    """What could not be read of the answers; each sentence once."""
    notes = dict.fromkeys(note for reading in readings for note in reading.notes)
    return (("note", cell(note, "yellow")) for note in notes)


def _span(start: datetime | None, end: datetime | None) -> str | None:
    if start is None and end is None:
        return None
    return f"{start:%Y-%m-%d} to {end:%Y-%m-%d}" if start and end else f"{start or '?'} to {end or '?'}"


def verdict_view(verdict: Verdict, now: datetime) -> RenderableType:
    """The verdict, what led to it, and the deadlines with the days left."""
    due = ((name.replace("_", " "), f"{when:%Y-%m-%d} ({(when - now).days:+d} d)") for name, when in verdict.deadlines)
    head = Text(" ").join((cell(verdict.device, "bold"), word(verdict.kind)))
    return grid((*because(verdict.reasons), *due), title=head)


def because(reasons: Iterable[str]) -> Iterable[tuple[str, str]]:
    """The rows of a :func:`grid` that say why."""
    return (("" if index else "because", reason) for index, reason in enumerate(reasons))


def support_view(found: Iterable[tuple[str, Access | str]]) -> RenderableType:
    """What each device allows, the best first."""
    heads = ("device", "config model", "methods", "state by", "evidence", "--replace", "remarks")
    return columns(heads, ((cell(_short(source), "bold"), *_support(allowed)) for source, allowed in found))


def _support(allowed: Access | str) -> tuple[object, ...]:
    if isinstance(allowed, str) or not allowed.methods:
        remark = allowed if isinstance(allowed, str) else f"unknown: {'; '.join(allowed.reasons)}"
        return (*5 * ("",), cell(remark, "yellow"))
    return (
        allowed.config_model,
        ", ".join(method.value for method in allowed.methods),
        f"{allowed.trustpoint_state.value}, licensing {allowed.licensing_state.value}",
        allowed.evidence,
        "yes" if allowed.clear_certificates else "no",
        cell_lines((*_no_files(allowed), *(one for one in allowed.reasons if "stands in" in one or "--strict" in one))),
    )


def _no_files(allowed: Access) -> list[str]:
    """What of files no model does."""
    lacking = [word for word in FILES if word not in allowed.files]
    return [f"files: no model for {', '.join(lacking)}"] if lacking else []


def _short(source: str) -> str:
    """Platforms by release: ``24.1.1 8000, ncs1010; 24.1.2 8000``."""
    by_release: dict[str, list[str]] = {}
    for name in source.split(", "):
        release, blank, platform = name.partition(" ")
        if not blank:
            return source
        by_release.setdefault(release, []).append(platform)
    return "; ".join(f"{release} {', '.join(platforms)}" for release, platforms in by_release.items())


def syslog_view(hosts: Iterable[Affected]) -> RenderableType:
    """The hosts that a collector's text names, with what they said and when."""
    rows = (
        (
            cell(host.host, "bold"),
            _since(host),
            host.first.text if host.first else None,
            host.last.text if host.last else None,
            cell_lines(f"{name} {count} times" for name, count in sorted(host.counts.items())),
        )
        for host in hosts
    )
    return columns(("host", "", "first", "last", "messages"), rows)


def _since(host: Affected) -> str:
    if not host.recovered:
        return "lost"
    return f"recovered at {host.restored.text}" if host.restored else "recovered"


def cell_lines(lines: Iterable[str]) -> Text:
    return Text("\n", overflow="fold").join([cell(line) for line in lines]) or cell(None)


def notice_view(notice: Notice, now: datetime) -> RenderableType:
    """Its root and whether that is valid at *now* (aware), its servers, what it says of releases, and of logs."""
    root = notice.root
    expired = "" if not root.expired(now) else ", not valid today"
    servers = [f"{host}, changed on {day:%Y-%m-%d}" for host, day in notice.servers.items()]
    listed = "all that are not fixed" if notice.affected is None else f"{len(notice.affected)} releases"
    fixed = [*sorted(notice.first_fixed), *([f"all from {notice.fixed_since} on"] if notice.fixed_since else [])]
    rows = [
        ("root", f"{root.name}, {root.not_before:%Y-%m-%d} to {root.not_after:%Y-%m-%d}{expired}"),
        ("SHA-256", root.sha256),
        *(("server", server) for server in servers),
        ("affected", f"{listed}, from line {'.'.join(map(str, notice.oldest))} on"),
        ("fixed", ", ".join(fixed) or "no release"),
        ("fixes", ", ".join(sorted(notice.fixes)) or "none"),
        *((name.replace("_", " "), f"after {days} days without a contact") for name, days in notice.deadlines.items()),
        *(("log", text) for text in notice.signatures.described()),
    ]
    if notice.piling_up is not None:
        rows.append(("piling up", notice.piling_up.effect))
    return grid(rows, title=cell(notice.name, "bold"))


def plan_view(made: Plan | Skip) -> RenderableType:
    how = [made.device, f"release {made.release or 'unknown'}", made.config_model.value]
    if isinstance(made, Plan):
        how.append(f"method {made.method.value}")
    lines = [cell(f"  {line}", _DIFF.get(line[:1], "")) for line in made.diff()]
    return Group(cell(" · ".join(how), "bold"), *lines)


def outcome_view(outcome: Outcome) -> RenderableType:
    head = Text.assemble(
        cell(outcome.device, "bold"),
        " ",
        word(outcome.result),
        cell(f" · release {outcome.release or 'unknown'} · {outcome.config_model.value} · {outcome.elapsed_s:.1f} s"),
    )
    unsaid = "no source says whether it outlives a reload" if outcome.evidence is not Evidence.NONE else None
    lasting = {True: "it outlives a reload", False: "it is lost at a reload: a permanent way must follow", None: unsaid}
    steps = ((step.step, word(step.status), step.detail) for step in outcome.steps)
    return Group(
        head,
        *([columns(("step", "", "detail"), steps)] if outcome.steps else []),
        grid(
            (
                ("evidence", None if outcome.evidence is Evidence.NONE else outcome.evidence),
                ("persistent", cell(lasting[outcome.persistent], "" if outcome.persistent else "yellow")),
                ("retries", outcome.retries or None),
            ),
            title=f"method {outcome.method.value}" if outcome.method else "no method",
        ),
    )


def sample_line(sample: Sample) -> Text:
    """One look at the licensing state on one line, with its time and the router's name."""
    when = cell(f"{sample.time:%H:%M:%S} {sample.device}")
    return Text(" · " if sample.licensing else " ").join((when, sample_text(sample)))


def sample_text(sample: Sample) -> Text:
    """What a look told; what changed is named at its end."""
    if sample.licensing is None:
        return cell(sample.error or "nothing was read", "yellow")
    seen = sample.licensing
    when = cell(f" {seen.last_comm_time.text}" if seen.last_comm_time else " ")
    parts = [
        Text.assemble("registration ", word(seen.registration)),
        Text.assemble("authorization ", word(seen.authorization)),
        Text.assemble("contact ", word(seen.last_comm_success), when),
    ]
    if sample.changed:
        parts.append(cell(f"changed: {', '.join(sample.changed)}", "bold cyan"))
    return Text(" · ").join(parts)
