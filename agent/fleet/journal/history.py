"""What the journal gives back, as plain objects; schema ``history``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from agent.fleet.journal import writeahead
from agent.fleet.journal.rows import Attempt, Trail
from agent.fleet.results.objects import Object, failure, moment
from agent.fleet.results.record import DeviceRecord, RunRecord
from agent.model.masking.redact import masked
from agent.model.state import State
from agent.model.unfinished import Unfinished


def run_object(run: RunRecord, attempts: Sequence[Attempt]) -> Object:
    """A run, and who carried it out."""
    return {
        "run": run.run,
        "kind": run.kind.value,
        "state": run.state.value,
        "began": moment(run.began),
        "ended": moment(run.ended),
        "user": run.user,
        "host": run.host,
        "version": run.version,
        "change_ref": run.change_ref,
        "settings": dict(run.settings),
        "counts": dict(run.counts),
        "attempts": [
            {
                "number": one.number,
                "user": one.user,
                "host": one.host,
                "version": one.version,
                "state": one.state.value,
                "began": moment(one.began),
                "ended": moment(one.ended),
            }
            for one in attempts
        ],
    }


def device_object(run: RunRecord, record: DeviceRecord) -> Object:
    """What came of one router in a run."""
    return {
        "run": run.run,
        "kind": run.kind.value,
        "device": record.device,
        "result": record.word,
        "well": record.well,
        "batch": record.batch,
        "address": record.address,
        "release": record.release,
        "method": record.method,
        "evidence": record.evidence,
        "began": moment(record.began),
        "ended": moment(record.ended),
        "deadlines": {name: moment(when) for name, when in record.deadlines},
        "reasons": [masked(reason) for reason in record.reasons],
        "steps": [
            {"step": step.step, "status": step.status.value, "detail": masked(step.detail)} for step in record.steps
        ],
        "error": failure(record.error),
        "object": dict(record.plain) or None,
    }


def trail_object(run: RunRecord, record: DeviceRecord, trail: Trail) -> Object:
    """As :func:`device_object`, with every event and its time, what was seen first and last, and what is unfinished."""
    return {
        **device_object(run, record),
        "events": [
            {
                "time": instant(one.time),
                "attempt": one.attempt,
                "step": one.step,
                "status": one.status.value,
                "detail": masked(one.detail),
            }
            for one in trail.moments
        ],
        "before": None if trail.before is None else dict(trail.before),
        "after": None if trail.after is None else dict(trail.after),
        "unfinished": None if trail.unfinished is None else _unfinished(trail.unfinished),
    }


def _unfinished(change: Unfinished) -> Object:
    shown = writeahead.shown(change)
    return {**{name: value and masked(value) for name, value in shown.items()}, "until": moment(change.until)}


def seen_object(state: State) -> Object:
    """The few facts of *state* that the journal keeps from before and after; None where one was not read."""
    config, shown, licence = state.config.value, state.certificate.value, state.licensing.value
    return {
        "trustpoint": state.trustpoint,
        "enrollment": masked(config.enrollment.cli) if config else None,
        "certificate": {"subject": str(shown.subject) if shown.subject else None, "sha1": shown.sha1}
        if shown
        else None,
        "licensing": {
            "registration": licence.registration.value if licence.registration else None,
            "authorization": licence.authorization.value if licence.authorization else None,
            "last_comm_success": licence.last_comm_success,
            "last_comm_time": licence.last_comm_time.text if licence.last_comm_time else None,
        }
        if licence
        else None,
    }


def instant(time: datetime) -> str:
    """RFC 3339 in UTC with milliseconds: steps follow each other faster than seconds."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{time.microsecond // 1000:03d}Z"
