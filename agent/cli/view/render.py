"""Tables for people: compact, readable in 60 columns, plain where stdout is no terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
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
from agent.model.state import Access, Licensing, Reading, State

if TYPE_CHECKING:
    from agent.remedy.poll import Sample
    from agent.xr.logs.scan import Affected

_STYLES = {
    "remedied": "bold green",
    "unchanged": "green",
    "not-affected": "green",
    "done": "green",
    "as expected": "green",
    "authorized": "green",
    "complete": "green",
    "contacted": "green",
    "yes": "green",
    "ok": "green",
    "ready": "green",
    "not ok": "bold red",
    "not-ready": "bold red",
    "failed": "bold red",
    "affected": "bold red",
    "authorization-expired": "red",
    "not as expected": "bold red",
    "no": "red",
    "not-contacted": "bold red",
    "skipped": "yellow",
    "unknown": "magenta",
    "retry": "yellow",
    "started": "dim",
    "lost": "bold red",
    "doubtful": "bold magenta",
    "stopped": "yellow",
    "interrupted": "yellow",
    "waiting": "dim",
    "out-of-compliance": "yellow",
    "not-registered": "yellow",
}
_LONGEST = 4000
_DIFF = {"+": "green", "-": "red", ">": "cyan", "#": "dim"}


def cell(text: object, style: str = "") -> Text:
    """Text of any origin as a table cell: neutralised, shortened where it has no end, and never read as markup."""
    shown = "—" if text is None or text == "" else shortened(str(text), _LONGEST)
    return Text(neutralise(shown), style=style, overflow="fold")


def word(text: str | None) -> Text:
    """One of the closed sets' words in its colour."""
    return cell(text, _STYLES.get(text or "", ""))


def hexadecimal(digits: str) -> str:
    """A fingerprint as routers and OpenSSL print it, ``DF:71:…``."""
    return ":".join(digits[index : index + 2] for index in range(0, len(digits), 2))


def anchor_lines(anchor: TrustAnchor, *, bundled: bool) -> Text:
    """Which root this is about, with the fingerprints to compare."""
    origin = "bundled" if bundled else "from --anchor or --notice"
    return Text("\n").join(
        (
            cell(f"anchor {anchor.name} ({origin}), to {anchor.not_after:%Y-%m-%d}", "bold"),
            cell(f"  sha1   {hexadecimal(anchor.sha1)}", "dim"),
            cell(f"  sha256 {hexadecimal(anchor.sha256)}", "dim"),
        )
    )


def grid(rows: Iterable[tuple[str, Text]], *, title: str | Text) -> RenderableType:
    """A heading with names and values below it; rows whose value is the dash stay out."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        if value.plain != "—":
            table.add_row(f"  {name}", value)
    return Group(title if isinstance(title, Text) else cell(title, "bold"), table)


def columns(heads: Sequence[str], rows: Iterable[Sequence[RenderableType]], *, whole: str = "") -> Table:
    """A table with a line below its head; the column *whole* is never broken, since it is there to be copied."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for head in heads:
        table.add_column(head, overflow="fold", no_wrap=head == whole)
    for row in rows:
        table.add_row(*row)
    return table


def show_view(state: State, address: str | None) -> RenderableType:
    """Trustpoint, certificate, licensing, software; each with where it was read, or why it was not."""
    allowed, config, shown = state.access, state.config.value, state.certificate.value
    offered = (("ca-authenticate", allowed.authenticate), ("renew-auth", allowed.renew_auth))
    return Group(
        grid(
            (
                ("address", cell(address)),
                ("release", cell(state.release)),
                ("fixes", cell(", ".join(sorted(state.software.value.fixes)) if state.software.value else None)),
                ("config model", cell(allowed.config_model.value)),
                ("actions", cell(", ".join(name for name, there in offered if there) or "none")),
                *(("lacks", cell(reason, "yellow")) for reason in allowed.reasons),
                ("note", cell(state.hidden, "yellow")),
                *_origin(state.software),
            ),
            title=state.device,
        ),
        grid(
            (
                ("configuration", cell(config.enrollment.cli if config else state.config.absent("not configured"))),
                *_origin(state.config),
            ),
            title=f"trustpoint {state.trustpoint}",
        ),
        grid(
            (
                ("subject", cell(shown.subject if shown else state.certificate.absent("none"))),
                ("issuer", cell(shown.issuer if shown else None)),
                ("valid", cell(_span(shown.not_before, shown.not_after) if shown else None)),
                ("serial", cell(shown.serial if shown else None)),
                ("sha1", cell(hexadecimal(shown.sha1) if shown and shown.sha1 else None)),
                ("pem", cell(f"{len(shown.pem)} characters (in --format json)" if shown and shown.pem else None)),
                *_origin(state.certificate),
            ),
            title="CA certificate",
        ),
        grid(_licensing(state.licensing), title="licensing"),
        grid(_beside(state), title="beside"),
    )


def _beside(state: State) -> Iterable[tuple[str, Text]]:
    """What a verdict needs besides; what was not read says why."""
    pool, places, offset = state.trustpool.value, state.transport.value, state.clock_offset.value
    logged = state.syslog.value
    report = state.reporting.value
    running = state.licensing.value.transport if state.licensing.value else None
    return (
        ("trustpool", cell(state.trustpool.absent("") if pool is None else counted(len(pool), "certificate"))),
        ("configured url", cell(", ".join(places.destinations(running)) if places else None)),
        ("syslog", cell_lines(f"{one.mnemonic} {one.count} times" for one in logged) if logged else cell(None)),
        ("clock", cell(None if offset is None else f"{offset.total_seconds():+.0f} s against this machine's")),
        ("peer verification", _verified(state.peer_verification, "any certificate is accepted")),
        ("host verification", _verified(state.host_verification, "a certificate of any host is accepted")),
        ("name validation", _verified(state.name_validation, "a certificate of any name is accepted")),
        ("last report", cell(report.last.text if report and report.last else None)),
        ("next report", cell(report.next.text if report and report.next else None)),
        ("CLI", cell(state.cli or "at hand")),
        *_notes(state.transport, state.syslog, state.peer_verification, state.reporting),
    )


def _verified(reading: Reading[bool], otherwise: str) -> Text:
    on = "on, unless this user may not read that it is off" if reading.empty else "on"
    return cell({True: on, False: f"off: {otherwise}", None: None}[reading.value])


def _licensing(reading: Reading[Licensing]) -> Iterable[tuple[str, Text]]:
    seen = reading.value
    if seen is None:
        return (("state", cell(reading.absent("none shown"))), *_origin(reading))
    contact = {True: "yes", False: "no", None: None}[seen.last_comm_success]
    left = None if seen.evaluation_left is None else f"{seen.evaluation_left // 86400} days"
    return (
        ("registration", word(seen.registration.value if seen.registration else None)),
        ("authorization", word(seen.authorization.value if seen.authorization else None)),
        ("last contact good", word(contact)),
        ("last contact", cell(seen.last_comm_time.text if seen.last_comm_time else None)),
        ("next contact", cell(seen.next_comm_time.text if seen.next_comm_time else None)),
        ("deadline", cell(seen.deadline.text if seen.deadline else None)),
        ("failure", cell(seen.fail_message, "red")),
        ("failed at", cell(seen.fail_time.text if seen.fail_time else None)),
        ("transport", cell(seen.transport.value if seen.transport else None)),
        ("url", cell(seen.url)),
        ("proxy", cell(seen.proxy)),
        ("evaluation", cell(_evaluation(seen))),
        ("evaluation left", cell(left)),
        ("accounts", cell(" / ".join(filter(None, (seen.smart_account, seen.virtual_account))))),
        *(("licence", cell(_entitlement(entry.name, entry.count, entry.status))) for entry in seen.entitlements),
        ("by policy", cell("yes: judged by its reports" if seen.policy_based else None)),
        *_origin(reading),
    )


def _evaluation(seen: Licensing) -> str | None:
    if seen.evaluation_expired:
        return "expired"
    return {True: "in use", False: "not in use", None: None}[seen.evaluation_in_use]


def _entitlement(name: str, count: int | None, status: str | None) -> str:
    return f"{name}{'' if count is None else f' ({count})'}{f', {status}' if status else ''}"


def _origin(reading: Reading[Any]) -> tuple[tuple[str, Text], ...]:
    source = (("source", cell(reading.source, "dim")),) if reading.source else ()
    return (*source, *_notes(reading))


def _notes(*readings: Reading[Any]) -> tuple[tuple[str, Text], ...]:
    """What could not be read of the answers; each sentence once."""
    notes = dict.fromkeys(note for reading in readings for note in reading.notes)
    return tuple(("note", cell(note, "yellow")) for note in notes)


def _span(start: datetime | None, end: datetime | None) -> str | None:
    if start is None and end is None:
        return None
    return f"{start:%Y-%m-%d} to {end:%Y-%m-%d}" if start and end else f"{start or '?'} to {end or '?'}"


def verdict_view(verdict: Verdict, now: datetime) -> RenderableType:
    """The verdict, what led to it, and the deadlines with the days left."""
    head = Text(" ").join((cell(verdict.device, "bold"), word(verdict.kind.value)))
    return grid(
        (
            *(("because" if index == 0 else "", cell(reason)) for index, reason in enumerate(verdict.reasons)),
            *(
                (name.replace("_", " "), cell(f"{when:%Y-%m-%d} ({(when - now).days:+d} d)"))
                for name, when in verdict.deadlines
            ),
        ),
        title=head,
    )


def support_view(found: Sequence[tuple[str, Access | str]]) -> RenderableType:
    """What each device allows, the best first."""
    return columns(
        ("device", "config model", "methods", "state by", "evidence", "remarks"),
        [
            (
                cell(_short(source), "bold"),
                *(
                    (cell(""), cell(""), cell(""), cell(""), cell(allowed, "yellow"))
                    if isinstance(allowed, str)
                    else _support(allowed)
                ),
            )
            for source, allowed in found
        ],
    )


def _support(allowed: Access) -> tuple[Text, ...]:
    state = f"{allowed.trustpoint_state.value}, licensing {allowed.licensing_state.value}"
    if not allowed.methods:
        remark = f"unknown: {'; '.join(allowed.reasons)}"
        return cell(""), cell(""), cell(""), cell(""), cell(remark, "yellow")
    return (
        cell(allowed.config_model.value),
        cell(", ".join(method.value for method in allowed.methods)),
        cell(state),
        cell(allowed.evidence.value),
        cell_lines(reason for reason in allowed.reasons if "stands in" in reason or "--strict" in reason),
    )


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
    return columns(
        ("host", "", "first", "last", "messages"),
        (
            (
                cell(host.host, "bold"),
                cell(_since(host)),
                cell(host.first.text if host.first else None),
                cell(host.last.text if host.last else None),
                cell_lines(f"{name} {count} times" for name, count in sorted(host.counts.items())),
            )
            for host in hosts
        ),
    )


def _since(host: Affected) -> str:
    if not host.recovered:
        return "lost"
    return f"recovered at {host.restored.text}" if host.restored else "recovered"


def cell_lines(lines: Iterable[str]) -> Text:
    """Several lines in one cell."""
    return Text("\n", overflow="fold").join([cell(line) for line in lines]) or cell(None)


def plan_view(made: Plan | Skip) -> RenderableType:
    """The diff under the device's name."""
    how = [made.device, f"release {made.release or 'unknown'}", made.config_model.value]
    if isinstance(made, Plan):
        how.append(f"method {made.method.value}")
    lines = [cell(f"  {line}", _DIFF.get(line[:1], "")) for line in made.diff()]
    return Group(cell(" · ".join(how), "bold"), *lines)


def outcome_view(outcome: Outcome) -> RenderableType:
    """How a push ended, and its steps."""
    head = Text.assemble(
        cell(outcome.device, "bold"),
        " ",
        word(outcome.result.value),
        cell(f" · release {outcome.release or 'unknown'} · {outcome.config_model.value} · {outcome.elapsed_s:.1f} s"),
    )
    unsaid = "no source says whether it outlives a reload" if outcome.evidence is not Evidence.NONE else None
    lasting = {True: "it outlives a reload", False: "it is lost at a reload: a permanent way must follow", None: unsaid}
    steps = ((cell(step.step), word(step.status.value), cell(step.detail)) for step in outcome.steps)
    return Group(
        head,
        *([columns(("step", "", "detail"), steps)] if outcome.steps else []),
        grid(
            (
                ("evidence", cell(None if outcome.evidence.value == "none" else outcome.evidence.value)),
                ("persistent", cell(lasting[outcome.persistent], "" if outcome.persistent else "yellow")),
                ("retries", cell(outcome.retries or None)),
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
    contact = {True: "yes", False: "no", None: None}[seen.last_comm_success]
    parts = [
        Text.assemble("registration ", word(seen.registration.value if seen.registration else None)),
        Text.assemble("authorization ", word(seen.authorization.value if seen.authorization else None)),
        Text.assemble("contact ", word(contact), cell(f" {seen.last_comm_time.text}" if seen.last_comm_time else " ")),
    ]
    if sample.changed:
        parts.append(cell(f"changed: {', '.join(sample.changed)}", "bold cyan"))
    return Text(" · ").join(parts)
