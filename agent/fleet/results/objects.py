"""Results for ``--format json`` and ``jsonl``, each made of what a command found; ``schemas/*.json`` describe them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from agent.fleet.results import observed
from agent.fleet.results.structs import (
    Anchor,
    Answer,
    Assess,
    Check,
    Error,
    Plan,
    Poll,
    Printed,
    Push,
    Support,
    Syslog,
    Tried,
)
from agent.fleet.results.structs import Skip as NoPlan
from agent.model.check import Check as Checked
from agent.model.errors import AgentError
from agent.model.masking.text import without_secrets
from agent.model.outcome import Failure, Outcome
from agent.model.pki.anchor import TrustAnchor
from agent.model.pki.certificate import Certificate
from agent.model.plan import Plan as Planned
from agent.model.plan import Skip, Verdict
from agent.model.state import Access, DeviceTime, Licensing, Reading, State

if TYPE_CHECKING:
    from agent.remedy.poll import Sample
    from agent.xr.logs.scan import Affected

T = TypeVar("T")
P = TypeVar("P", bound=Printed)
C = TypeVar("C", bound=observed.Certificate)


def dump(value: object, form: str) -> str:
    """*value* as JSON: indented for ``json``, on one line for ``jsonl``.

    Everything outside ASCII is escaped, so no text of a device reaches a terminal as it came.
    """
    return json.dumps(_builtins(value), indent=2 if form == "json" else None, default=moment)


def plain(value: object) -> Any:
    """*value* as JSON has it: mappings, lists and plain values."""
    return json.loads(json.dumps(_builtins(value), default=moment))


def read(text: str, kind: type[T]) -> T:
    """The *kind* that JSON *text* holds; what it has besides is passed over.

    Raises:
        ValueError: it is no JSON, or not of that kind.
    """
    try:
        # Not msgspec's own parser: it refuses half a surrogate pair, as the name of a file may have one.
        return msgspec.convert(json.loads(text), kind)
    except (msgspec.ValidationError, RecursionError) as error:
        raise ValueError(str(error)) from error


def read_answer(text: str) -> Answer:
    """What a command of a run printed of a router, told apart by the member that only it has; errors as of
    :func:`read`."""
    found = read(text, dict[str, Any])
    kinds: dict[str, type[Answer]] = {
        "outcome": Push,
        "verdict": Assess,
        "anchor": Plan,
        "time": Poll,
        "readiness": Check,
    }
    kind = next((kind for name, kind in kinds.items() if name in found), None)
    if kind is None:
        raise ValueError("it is no result of a run")
    return read(text, kind)


def _builtins(value: object) -> Any:
    return msgspec.to_builtins(value, builtin_types=(datetime,))


def made(source: object, kind: type[P], /, **said: Any) -> P:
    """A struct of the attributes of *source* that are named like its members, but for those that are *said*."""
    names = (name for name in kind.__struct_fields__ if name not in said and hasattr(source, name))
    members = SimpleNamespace(**{name: getattr(source, name) for name in names}, **said)
    return msgspec.convert(members, kind, from_attributes=True)


def moment(value: datetime | None) -> str | None:
    """RFC 3339 in UTC with whole seconds, ``2026-01-31T12:00:00Z``."""
    return None if value is None else value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def failure(error: Failure | AgentError | None) -> Error | None:
    """The ``error`` member of an object."""
    return None if error is None else Error(error.kind, error.message, error.hint)


def anchor_object(anchor: TrustAnchor) -> Anchor:
    """Which certificate is wanted."""
    return made(anchor, Anchor, subject=str(anchor.subject))


def push_object(outcome: Outcome) -> Push:
    """What a push did; schema ``push``."""
    return made(outcome, Push)


def assess_object(verdict: Verdict) -> Assess:
    """A verdict; schema ``assess``."""
    return made(verdict, Assess, deadlines=dict(verdict.deadlines))


def check_object(found: Checked) -> Check:
    """Every point of a device; schema ``check``."""
    return made(found, Check)


def support_object(source: str, allowed: Access | str) -> Support:
    """What a device that announces this allows, or why its hello could not be read; schema ``support``."""
    if isinstance(allowed, str):
        return Support(source=source, reasons=(allowed,))
    reasons = allowed.reasons if allowed.methods else tuple(f"unknown: {why}" for why in allowed.reasons)
    refused = tuple(f"method {method.value}: {reason}" for method, reason in allowed.refusals if allowed.methods)
    return made(allowed, Support, source=source, reasons=reasons + refused)


def syslog_object(host: Affected) -> Syslog:
    """What a collector's text has of one host; schema ``syslog``."""
    return Syslog(
        host=host.host,
        state="recovered" if host.recovered else "lost",
        first=host.first.text if host.first else None,
        last=host.last.text if host.last else None,
        restored=host.restored.text if host.recovered and host.restored else None,
        signatures=dict(sorted(host.counts.items())),
    )


def plan_object(plan: Planned | Skip, anchor: TrustAnchor, *, address: str | None) -> Plan:
    """What a push would do; schema ``plan``."""
    common = {"device": plan.device, "address": address, "release": plan.release, "config_model": plan.config_model}
    tried = tuple(Tried(one.way, one.works, one.detail, one.hint) for one in plan.tried)
    about: dict[str, Any] = {**common, "anchor": anchor_object(anchor), "diff": tuple(plan.diff()), "tried": tried}
    if isinstance(plan, Skip):
        return Plan(**about, skip=NoPlan(plan.reason, plan.hint))
    if not plan:
        return Plan(**about)
    return Plan(**about, changes=True, method=plan.method, present=plan.present, fallbacks=plan.fallbacks)


def unplanned_object(device: str, address: str | None, anchor: TrustAnchor, error: AgentError | Failure | None) -> Plan:
    """A device that could not be read, in the form of :func:`plan_object`."""
    return Plan(device=device, address=address, anchor=anchor_object(anchor), error=failure(error))


def poll_object(sample: Sample, anchor_present: bool | msgspec.UnsetType | None = msgspec.UNSET) -> Poll:
    """One look at the licensing state; schema ``poll``. Without *anchor_present* it has no such member."""
    seen = sample.licensing or Licensing()
    told = {"time": sample.time, "device": sample.device, "changed": sample.changed, "error": sample.error or None}
    poll = made(seen, Poll, last_comm_time=_text(seen.last_comm_time), **told)
    return msgspec.structs.replace(poll, anchor_present=anchor_present)


def show_object(state: State, *, address: str | None) -> observed.Show:
    """Everything that was read; schema ``show``."""
    config, pool, transport = state.config.value, state.trustpool.value, state.transport.value
    report, offset, logged = state.reporting.value, state.clock_offset.value, state.syslog.value
    running = state.licensing.value.transport if state.licensing.value else None
    enrollments = tuple(sorted(state.access.enrollments, key=lambda kind: kind.value))
    return observed.Show(
        device=state.device,
        address=address,
        release=state.release,
        access=made(state.access, observed.Access, enrollments=enrollments),
        trustpoint=observed.Trustpoint(
            name=state.trustpoint,
            enrollment=config.enrollment.cli if config else None,
            settings=decoded(config.settings) if config else None,
            **_origin(state.config),
        ),
        certificate=_certificate(state.certificate.value, observed.TrustpointCertificate, **_origin(state.certificate)),
        licensing=licensing_object(state.licensing),
        software=observed.Software(
            release=state.release,
            fixes=tuple(sorted(state.software.value.fixes)) if state.software.value else (),
            **_origin(state.software),
        ),
        trustpool=observed.Trustpool(
            certificates=None
            if pool is None
            else tuple(_certificate(one.certificate, observed.PoolCertificate, origin=one.origin) for one in pool),
            **_origin(state.trustpool),
        ),
        transport=made(
            transport,
            observed.Transport,
            urls=transport.destinations(running) if transport else (),
            proxy=(transport.proxy or None) if transport else None,
            **_origin(state.transport),
        ),
        syslog=observed.Logged(
            signatures=None
            if logged is None
            else tuple(
                observed.Signature(one.mnemonic, one.count, _text(one.first), _text(one.last)) for one in logged
            ),
            **_origin(state.syslog),
        ),
        clock=observed.Clock(
            offset_s=None if offset is None else round(offset.total_seconds(), 1), **_origin(state.clock_offset)
        ),
        peer_verification=_verification(state.peer_verification),
        host_verification=_verification(state.host_verification),
        name_validation=_verification(state.name_validation),
        reporting=observed.Reporting(
            last=_text(report.last) if report else None,
            next=_text(report.next) if report else None,
            **_origin(state.reporting),
        ),
        cli=state.cli,
    )


def unread_object(device: str, address: str | None, error: AgentError) -> observed.Show:
    """A device that could not be read, in the form of :func:`show_object`."""
    return observed.Show(device=device, address=address, error=failure(error))


def licensing_object(reading: Reading[Licensing]) -> observed.Licensing:
    """Licensing in full; all null where the device shows none."""
    seen = reading.value
    if seen is None:
        return observed.Licensing(**_origin(reading))
    shown = {one.name: getattr(seen, one.name) for one in fields(seen)}
    texts = {name: value.text for name, value in shown.items() if isinstance(value, DeviceTime)}
    said = {name: shown[name] or None for name in ("fail_message", "url", "proxy")}
    return made(seen, observed.Licensing, **texts, **said, **_origin(reading))


def certificate_object(shown: Certificate) -> observed.Certificate:
    """A certificate by itself, as ``show`` has it."""
    return _certificate(shown, observed.Certificate)


def _certificate(shown: Certificate | None, kind: type[C], /, **said: Any) -> C:
    names = {name: str(value) if (value := getattr(shown, name, None)) else None for name in ("subject", "issuer")}
    return made(shown, kind, **names, **said)


def _verification(reading: Reading[bool]) -> observed.Verification:
    """Whether it is on; null where an empty answer only lets it seem so."""
    seen = replace(reading, value=None) if reading.empty else reading
    return observed.Verification(on=seen.value, **_origin(seen))


def _text(time: DeviceTime | None) -> str | None:
    return time.text if time else None


def _origin(reading: Reading[Any]) -> dict[str, Any]:
    """Where a reading came from, why there is none, and what is to be said of it."""
    open_ = reading.value is None and reading.empty
    notes = (*reading.notes, *(("an empty answer: nothing there, or this user may not read it",) if open_ else ()))
    return {"source": reading.source, "missing": reading.missing, "notes": notes}


def decoded(tree: Mapping[str, object]) -> dict[str, Any]:
    """Decoded data without its secrets, and with nothing in it that JSON does not know."""
    return dict(_plain(without_secrets(tree)))


def _plain(tree: object) -> Any:
    if isinstance(tree, Mapping):
        return {str(name): _plain(value) for name, value in tree.items()}
    if isinstance(tree, list | tuple | set | frozenset):
        return [_plain(value) for value in tree]
    return tree if tree is None or isinstance(tree, str | int | float | bool) else str(tree)
