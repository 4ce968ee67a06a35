"""Results as plain objects for ``--format json`` and ``jsonl``; ``schemas/*.json`` describe them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from agent.model.errors import AgentError
from agent.model.masking.redact import masked
from agent.model.masking.text import without_secrets
from agent.model.outcome import Failure, Outcome
from agent.model.pki.anchor import TrustAnchor
from agent.model.pki.certificate import Certificate
from agent.model.plan import Plan, Skip, Verdict
from agent.model.state import Access, DeviceTime, Licensing, Reading, State

if TYPE_CHECKING:
    from agent.remedy.poll import Sample
    from agent.xr.logs.scan import Affected

Object = dict[str, Any]


def dump(value: object, form: str) -> str:
    """*value* as JSON: indented for ``json``, on one line for ``jsonl``.

    Everything outside ASCII is escaped, so no text of a device reaches a terminal as it came.
    """
    return json.dumps(value, indent=2 if form == "json" else None)


def moment(value: datetime | None) -> str | None:
    """RFC 3339 in UTC with whole seconds, ``2026-01-31T12:00:00Z``."""
    return None if value is None else value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def failure(error: Failure | AgentError | None) -> Object | None:
    """The ``error`` member of an object."""
    if error is None:
        return None
    return {"kind": error.kind, "message": masked(error.message), "hint": masked(error.hint) if error.hint else None}


def anchor_object(anchor: TrustAnchor) -> Object:
    """Which certificate is wanted."""
    return {
        "subject": str(anchor.subject),
        "serial": anchor.serial,
        "sha1": anchor.sha1,
        "sha256": anchor.sha256,
        "not_before": moment(anchor.not_before),
        "not_after": moment(anchor.not_after),
    }


def push_object(outcome: Outcome) -> Object:
    """What a push did; schema ``push``."""
    return {
        "device": outcome.device,
        "address": outcome.address,
        "release": outcome.release,
        "outcome": outcome.result.value,
        "method": outcome.method.value if outcome.method else None,
        "config_model": outcome.config_model.value,
        "evidence": outcome.evidence.value,
        "persistent": outcome.persistent,
        "steps": [
            {"step": step.step, "status": step.status.value, "detail": masked(step.detail)} for step in outcome.steps
        ],
        "retries": outcome.retries,
        "elapsed_s": outcome.elapsed_s,
        "error": failure(outcome.error),
    }


def assess_object(verdict: Verdict) -> Object:
    """A verdict; schema ``assess``."""
    return {
        "device": verdict.device,
        "verdict": verdict.kind.value,
        "reasons": [masked(reason) for reason in verdict.reasons],
        "warnings": [masked(warning) for warning in verdict.warnings],
        "deadlines": {name: moment(when) for name, when in verdict.deadlines},
        "persistent": verdict.persistent,
    }


def support_object(source: str, ways: Access | str) -> Object:
    """What a device that announces this allows, or why its hello could not be read; schema ``support``."""
    if isinstance(ways, str):
        return {
            "source": source,
            "config_model": "none",
            "methods": [],
            "trustpoint_state": "none",
            "licensing_state": "none",
            "evidence": "none",
            "reasons": [ways],
        }
    refused = [f"method {method.value}: {reason}" for method, reason in ways.refusals if ways.methods]
    return {
        "source": source,
        "config_model": ways.config_model.value,
        "methods": [method.value for method in ways.methods],
        "trustpoint_state": ways.trustpoint_state.value,
        "licensing_state": ways.licensing_state.value,
        "evidence": ways.evidence.value,
        "reasons": [*(ways.reasons if ways.methods else (f"unknown: {why}" for why in ways.reasons)), *refused],
    }


def syslog_object(host: Affected) -> Object:
    """What a collector's text has of one host; schema ``syslog``."""
    return {
        "host": host.host,
        "state": "recovered" if host.recovered else "lost",
        "first": host.first.text if host.first else None,
        "last": host.last.text if host.last else None,
        "restored": host.restored.text if host.recovered and host.restored else None,
        "signatures": dict(sorted(host.counts.items())),
    }


def plan_object(made: Plan | Skip, anchor: TrustAnchor, *, address: str | None) -> Object:
    """What a push would do; schema ``plan``."""
    planned = made if isinstance(made, Plan) else None
    return {
        "device": made.device,
        "address": address,
        "release": made.release,
        "anchor": anchor_object(anchor),
        "changes": bool(made),
        "method": planned.method.value if planned else None,
        "config_model": made.config_model.value,
        "present": planned.present.value if planned else None,
        "fallbacks": [method.value for method in planned.fallbacks] if planned else [],
        "diff": [masked(line) for line in made.diff()],
        "skip": None if isinstance(made, Plan) else {"reason": masked(made.reason), "hint": made.hint},
        "error": None,
    }


def unplanned_object(
    device: str, address: str | None, anchor: TrustAnchor, error: AgentError | Failure | None
) -> Object:
    """A device that could not be read, in the form of :func:`plan_object`."""
    return {
        "device": device,
        "address": address,
        "release": None,
        "anchor": anchor_object(anchor),
        "changes": False,
        "method": None,
        "config_model": "none",
        "present": None,
        "fallbacks": [],
        "diff": [],
        "skip": None,
        "error": failure(error),
    }


def poll_object(sample: Sample) -> Object:
    """One look at the licensing state; schema ``poll``."""
    seen = sample.licensing or Licensing()
    return {
        "time": moment(sample.time),
        "device": sample.device,
        "registration": seen.registration.value if seen.registration else None,
        "authorization": seen.authorization.value if seen.authorization else None,
        "last_comm_success": seen.last_comm_success,
        "last_comm_time": _text(seen.last_comm_time),
        "changed": list(sample.changed),
        "error": masked(sample.error) if sample.error else None,
    }


def show_object(state: State, *, address: str | None) -> Object:
    """Everything that was read; schema ``show``."""
    ways = state.access
    return {
        "device": state.device,
        "address": address,
        "release": state.release,
        "access": {
            "config_model": ways.config_model.value,
            "authenticate": ways.authenticate,
            "renew_auth": ways.renew_auth,
            "candidate": ways.candidate,
            "validate": ways.validate,
            "enrollments": sorted(kind.value for kind in ways.enrollments),
            "methods": [method.value for method in ways.methods],
            "trustpoint_state": ways.trustpoint_state.value,
            "licensing_state": ways.licensing_state.value,
            "evidence": ways.evidence.value,
            "reasons": list(ways.reasons),
        },
        "trustpoint": {
            "name": state.trustpoint,
            "enrollment": masked(state.config.value.enrollment.cli) if state.config.value else None,
            "settings": _plain(without_secrets(state.config.value.settings)) if state.config.value else None,
            **origin(state.config),
        },
        "certificate": {**certificate_object(state.certificate.value), **origin(state.certificate)},
        "licensing": {**licensing_object(state.licensing.value), **origin(state.licensing)},
        "software": {
            "release": state.release,
            "fixes": sorted(state.software.value.fixes) if state.software.value else [],
            **origin(state.software),
        },
        **_beside(state),
        "cli": state.cli,
        "error": None,
    }


def _beside(state: State) -> Object:
    """What a verdict needs beside trustpoint, certificate, licensing and software."""
    pool, transport, report = state.trustpool.value, state.transport.value, state.reporting.value
    offset, logged = state.clock_offset.value, state.syslog.value
    running = state.licensing.value.transport if state.licensing.value else None
    return {
        "trustpool": {
            "certificates": None
            if pool is None
            else [{**certificate_object(entry.certificate), "origin": entry.origin} for entry in pool],
            **origin(state.trustpool),
        },
        "transport": {
            "kind": transport.kind.value if transport and transport.kind else None,
            "urls": [masked(url) for url in transport.destinations(running)] if transport else [],
            "proxy": masked(transport.proxy) if transport and transport.proxy else None,
            "vrf": transport.vrf if transport else None,
            "reservation": transport.reservation if transport else None,
            **origin(state.transport),
        },
        "syslog": {
            "signatures": None
            if logged is None
            else [
                {"mnemonic": one.mnemonic, "count": one.count, "first": _text(one.first), "last": _text(one.last)}
                for one in logged
            ],
            **origin(state.syslog),
        },
        "clock": {
            "offset_s": None if offset is None else round(offset.total_seconds(), 1),
            **origin(state.clock_offset),
        },
        "peer_verification": _switch(state.peer_verification),
        "host_verification": _switch(state.host_verification),
        "name_validation": _switch(state.name_validation),
        "reporting": {
            "last": _text(report.last) if report else None,
            "next": _text(report.next) if report else None,
            **origin(state.reporting),
        },
    }


def unread_object(device: str, address: str | None, error: AgentError) -> Object:
    """A device that could not be read, in the form of :func:`show_object`."""
    return {
        "device": device,
        "address": address,
        "release": None,
        "access": None,
        "trustpoint": None,
        "certificate": None,
        "licensing": None,
        "software": None,
        "trustpool": None,
        "transport": None,
        "syslog": None,
        "clock": None,
        "peer_verification": None,
        "host_verification": None,
        "name_validation": None,
        "reporting": None,
        "cli": None,
        "error": failure(error),
    }


def certificate_object(shown: Certificate | None) -> Object:
    """A certificate as the device shows it; all null where it shows none."""
    shown = shown or Certificate()
    return {
        "subject": str(shown.subject) if shown.subject else None,
        "issuer": str(shown.issuer) if shown.issuer else None,
        "not_before": moment(shown.not_before),
        "not_after": moment(shown.not_after),
        "serial": shown.serial,
        "sha1": shown.sha1,
        "pem": shown.pem,
    }


def licensing_object(licence: Licensing | None) -> Object:
    """Licensing in full; all null where the device shows none. Times are text as the device wrote it."""
    seen = licence or Licensing()
    return {
        "registration": seen.registration.value if seen.registration else None,
        "authorization": seen.authorization.value if seen.authorization else None,
        "last_comm_success": seen.last_comm_success,
        "last_comm_time": _text(seen.last_comm_time),
        "next_comm_time": _text(seen.next_comm_time),
        "deadline": _text(seen.deadline),
        "fail_message": masked(seen.fail_message) if seen.fail_message else None,
        "fail_time": _text(seen.fail_time),
        "transport": seen.transport.value if seen.transport else None,
        "url": masked(seen.url) if seen.url else None,
        "proxy": masked(seen.proxy) if seen.proxy else None,
        "evaluation_in_use": seen.evaluation_in_use,
        "evaluation_expired": seen.evaluation_expired,
        "evaluation_left": seen.evaluation_left,
        "smart_account": seen.smart_account,
        "virtual_account": seen.virtual_account,
        "entitlements": [
            {"name": entry.name, "count": entry.count, "status": entry.status} for entry in seen.entitlements
        ],
        "policy_based": seen.policy_based if licence else None,
    }


def _text(time: DeviceTime | None) -> str | None:
    return time.text if time else None


def _switch(reading: Reading[bool]) -> Object:
    """Whether it is on; null where an empty answer only lets it seem so."""
    seen = replace(reading, value=None) if reading.empty else reading
    return {"on": seen.value, **origin(seen)}


def origin(reading: Reading[Any]) -> Object:
    """Where a reading came from, why there is none, and what is to be said of it."""
    open_ = reading.value is None and reading.empty
    notes = [*reading.notes, *(["an empty answer: nothing there, or this user may not read it"] if open_ else [])]
    return {"source": reading.source, "missing": reading.missing, "notes": notes}


def _plain(tree: object) -> object:
    """Decoded data with nothing in it that JSON does not know."""
    if isinstance(tree, Mapping):
        return {str(name): _plain(value) for name, value in tree.items()}
    if isinstance(tree, list | tuple | set | frozenset):
        return [_plain(value) for value in tree]
    return tree if tree is None or isinstance(tree, str | int | float | bool) else str(tree)
