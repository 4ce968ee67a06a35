"""The reports that other programs read, JSON and CSV; each router is written as it comes."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from datetime import datetime
from io import TextIOBase
from typing import Annotated

from agent.fleet.report.shown import method, refusal, scalar, shown, step_lines
from agent.fleet.report.summary import Counting, Summary
from agent.fleet.results import objects
from agent.fleet.results.record import DeviceRecord, RunRecord
from agent.fleet.results.structs import Assess, Moment, Printed, Push, about
from agent.model.masking.text import without_secrets

_DEADLINES = ("comm_failed", "authorization_expired", "unregistered")
# What makes a spreadsheet calculate, the full-width forms included (OWASP, CSV injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


class ReportRun(RunRecord, frozen=True, kw_only=True):
    """The run as its report has it."""

    written: Annotated[Moment, about("when the report was")]


class Report(Printed, frozen=True):
    """The report of a run."""

    run: ReportRun
    devices: tuple[DeviceRecord, ...]
    summary: Summary


def run_object(run: RunRecord, now: datetime) -> ReportRun:
    """The ``run`` member of a :class:`Report`, which is written *now*."""
    return ReportRun(**{**run.members(), "written": now, "settings": without_secrets(run.settings)})


def write_json(out: TextIOBase, run: RunRecord, devices: Iterable[DeviceRecord], now: datetime) -> None:
    """A :class:`Report`, a router a line; nothing is cut."""
    counting = Counting(now)
    out.write(f'{{"run": {objects.dump(run_object(run, now), "jsonl")},\n"devices": [')
    texts = (objects.dump(device, "jsonl") for device in counting.each(devices))
    out.writelines(f"{',' if number else ''}\n{text}" for number, text in enumerate(texts))
    out.write(f'\n],\n"summary": {objects.dump(counting.summary, "jsonl")}}}\n')


def write_csv(out: TextIOBase, _run: RunRecord, devices: Iterable[DeviceRecord], _now: datetime) -> None:
    """RFC 4180, a router a line; a cell that a spreadsheet would calculate begins with an apostrophe."""
    table = csv.writer(out)
    table.writerow(_cells(DeviceRecord("", "")).keys())
    table.writerows([_guarded(value) for value in _cells(device).values()] for device in devices)


def _cells(device: DeviceRecord) -> dict[str, str | None]:
    error, lasts = refusal(device), device.plain.persistent if isinstance(device.plain, Assess | Push) else None
    return {
        "device": device.device,
        "word": device.word,
        "well": "yes" if device.well else "no",
        "address": device.address,
        "release": device.release,
        "method": method(device),
        "evidence": device.evidence.value if device.evidence else None,
        "persistent": None if lasts is None else scalar(lasts),
        "batch": device.batch,
        "site": device.site,
        "groups": ";".join(device.groups),
        "in_need": scalar(device.in_need),
        "without_contact": scalar(device.unheard),
        "legacy_ssh": scalar(device.legacy_ssh),
        **{name: objects.moment(device.deadlines.get(name)) for name in _DEADLINES},
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
