"""The reports that other programs read, JSON and CSV; each router is written as it comes."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from datetime import datetime
from io import TextIOBase

from agent.fleet.report.shown import method, refusal, scalar, shown, step_lines
from agent.fleet.results import objects
from agent.fleet.results.record import DeviceRecord, RunRecord
from agent.model.masking.redact import masked
from agent.model.masking.text import without_secrets

_DEADLINES = ("comm_failed", "authorization_expired", "unregistered")
# What makes a spreadsheet calculate, the full-width forms included (OWASP, CSV injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def run_object(run: RunRecord, now: datetime) -> objects.Object:
    """The ``run`` member of a report; schema ``report``."""
    return {
        "run": run.run,
        "kind": run.kind.value,
        "state": run.state.value,
        "change_ref": run.change_ref,
        "user": run.user,
        "host": run.host,
        "version": run.version,
        "began": objects.moment(run.began),
        "ended": objects.moment(run.ended),
        "written": objects.moment(now),
        "settings": without_secrets(run.settings),
        "counts": dict(run.counts),
    }


def device_object(device: DeviceRecord) -> objects.Object:
    """One member of ``devices``; schema ``report``."""
    return {
        "device": device.device,
        "word": device.word,
        "well": device.well,
        "address": device.address,
        "release": device.release,
        "method": device.method,
        "evidence": device.evidence,
        "batch": device.batch,
        "deadlines": {name: objects.moment(when) for name, when in device.deadlines},
        "reasons": [masked(reason) for reason in device.reasons],
        "steps": [
            {"step": step.step, "status": step.status.value, "detail": masked(step.detail)} for step in device.steps
        ],
        "error": objects.failure(device.error),
        "began": objects.moment(device.began),
        "ended": objects.moment(device.ended),
        "result": dict(device.plain) or None,
    }


def write_json(out: TextIOBase, run: RunRecord, devices: Iterable[DeviceRecord], now: datetime) -> None:
    """One object, a router a line; nothing is cut."""
    out.write(f'{{"run": {json.dumps(run_object(run, now))},\n"devices": [')
    comma = ""
    for device in devices:
        out.write(f"{comma}\n{json.dumps(device_object(device))}")
        comma = ","
    out.write("\n]}\n")


def write_csv(
    out: TextIOBase,
    run: RunRecord,  # noqa: ARG001 - a form is called like the others
    devices: Iterable[DeviceRecord],
    now: datetime,  # noqa: ARG001 - as run
) -> None:
    """RFC 4180, a router a line; a cell that a spreadsheet would calculate begins with an apostrophe."""
    table = csv.writer(out)
    table.writerow(_cells(DeviceRecord("", "")).keys())
    table.writerows([_guarded(value) for value in _cells(device).values()] for device in devices)


def _cells(device: DeviceRecord) -> dict[str, str | None]:
    due, error = dict(device.deadlines), refusal(device)
    return {
        "device": device.device,
        "word": device.word,
        "well": "yes" if device.well else "no",
        "address": device.address,
        "release": device.release,
        "method": method(device),
        "evidence": device.evidence,
        "persistent": scalar(lasts) if isinstance(lasts := device.plain.get("persistent"), bool) else None,
        "batch": device.batch,
        **{name: objects.moment(due.get(name)) for name in _DEADLINES},
        "began": objects.moment(device.began),
        "ended": objects.moment(device.ended),
        "error_kind": error.kind if error else None,
        "error": error.message if error else None,
        "hint": error.hint if error else None,
        "reasons": " | ".join(device.reasons),
        "steps": " | ".join(step_lines(device)),
    }


def _guarded(value: str | None) -> str:
    text = value or ""
    return f"'{shown(text)}" if text.startswith(_FORMULA) else shown(text)
