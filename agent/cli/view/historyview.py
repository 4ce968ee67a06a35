"""What the journal has: the runs, the routers of one run as they are read, and the steps of one router."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import click
from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from agent.cli.view.output import emit_all
from agent.cli.view.render import because, cell, columns, grid, hexadecimal, word
from agent.cli.view.streams import console, errors, progress
from agent.fleet.journal.history import device_object, run_object, trail_object
from agent.fleet.journal.rows import Trail
from agent.fleet.journal.store import Journal
from agent.fleet.journal.tables import default_path
from agent.fleet.report.shown import LEGACY, clock
from agent.fleet.results.record import DeviceRecord, RunRecord, RunState
from agent.model.errors import InputError
from agent.model.masking.redact import masked
from agent.model.pki.certificate import Evidence
from agent.model.unfinished import Unfinished
from agent.remedy.lease import writeahead

_WIDE = 100
"""Columns from which on a run is one line of the list."""
_ENDLESS = 10_000
_ROWS = 500
"""How many routers are drawn at once, so that no run is held as a whole."""


def say(form: str, run: str | None, device: str | None, path: Path | None, *, failed: bool, limit: int) -> None:
    """Put on stdout the runs of the journal at *path*, the routers of *run*, or the trails of *device*.

    Raises:
        InputError: the journal cannot be read, or has nothing by that name.
    """
    if path is None and run is None and device is None and not default_path().exists():
        _say_none(form, f"there is no {default_path()}")
        return
    journal, whole = Journal.open(path, create=False), _piped()
    width = _ENDLESS if whole else None
    if device is not None:
        runs = [journal.run(run)] if run is not None else list(journal.runs(limit=limit, device=device))
        if not runs:
            raise InputError("the journal has no run with it", device=device, hint="see xr-agent history")
        trails = ((one, *journal.trail(one.run, device)) for one in runs)
        emit_all(
            form,
            trails,
            lambda found: trail_object(*found),
            lambda found: (_trail(*one) for one in found),
            width=width,
        )
    elif run is not None:
        its = journal.run(run)
        found = (one for one in journal.devices(its.run) if not failed or _needs_a_look(one, its))
        name = cell(journal.longest_name(its.run)).cell_len if whole else None
        views = partial(_devices, its, name=name)
        emit_all(form, found, lambda one: device_object(its, one), views, width=width)
    elif next(journal.runs(limit=1), None) is None:
        _say_none(form, f"the journal {journal.path} is empty")
    else:
        every = journal.runs(limit=limit)
        view = _runs if whole or console(sys.stdout).width >= _WIDE else _narrow_runs
        emit_all(
            form,
            every,
            lambda run: run_object(run, journal.attempts(run.run)),
            lambda runs: (view(runs),),
            width=width,
        )


def _say_none(form: str, why: str) -> None:
    errors().print(cell(f"no run yet: {why}"), soft_wrap=True)
    emit_all(form, (), dict, lambda _: ())


def _piped() -> bool:
    """Whether stdout is read by a program, which wants a line to be one, and a name to be whole."""
    return not sys.stdout.isatty() and not os.environ.get("COLUMNS")


def write_report(run: str, path: Path | None, file: Path) -> None:
    """Write the report of a past *run* to *file*.

    Raises:
        InputError: the journal cannot be read or has no such run, or a report cannot be written there.
        FileError: the report could not be written.
    """
    from agent.fleet.report import document

    document.check_path(file, {"--journal": path} if path else None)
    journal = Journal.open(path, create=False)
    record = journal.run(run)
    document.write(file, record, journal.devices(record.run), now=datetime.now(UTC))
    progress().print(f"report {file}", soft_wrap=True)


def say_pem(run: str | None, device: str, path: Path | None) -> None:
    """Put on stdout, as PEM, the certificate that a push removed from *device* last, in *run* where that is given.

    Raises:
        InputError: the journal cannot be read, or has none; where its fingerprint is known, that is said.
    """
    journal = Journal.open(path, create=False)
    runs = [journal.run(run)] if run is not None else journal.runs(limit=_ROWS, device=device)
    trails = ((one.run, *journal.trail(one.run, device)) for one in runs)
    found = [(one, record.address, held) for one, record, trail in trails for held in reversed(_held(trail.before))]
    if len({address for _, address, _ in found}) > 1:
        each = ", ".join(f"{address} in run {one}" for one, address, _ in found)
        raise InputError(
            f"routers at several addresses are called so: {each}", device=device, hint="give the run as well"
        )
    if not found:
        raise InputError(
            "no push removed a certificate from it", device=device, hint="see xr-agent history --device NAME"
        )
    one, _, held = found[0]
    if not held.get("pem"):
        known = ", ".join(f"{name} {held[name]}" for name in ("subject", "serial", "sha1") if held.get(name))
        said = f"run {one} removed a certificate of which the router showed no PEM: {known}"
        raise InputError(said, device=device, hint="get it from whoever issued it")
    click.echo(held["pem"].strip())


def _held(before: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    """The certificates that were to be removed, the oldest first."""
    return list((before or {}).get("held", ()))


def _needs_a_look(record: DeviceRecord, run: RunRecord) -> bool:
    """Whether it did not end well, or is in doubt and nobody works at it any more."""
    if record.word == "doubtful":
        return run.state is not RunState.RUNNING
    return not record.well and record.word != "waiting"


def _runs(runs: Iterable[RunRecord]) -> RenderableType:
    """The runs, the newest first."""
    rows = (
        (
            cell(run.run, "bold"),
            clock(run.began)[:16],
            f"{run.user}@{run.host}",
            run.kind,
            word(run.state),
            _counts(run.counts),
            run.change_ref,
        )
        for run in runs
    )
    return columns(("run", "began (UTC)", "who", "command", "state", "routers", "change"), rows, whole="run")


def _narrow_runs(runs: Iterable[RunRecord]) -> RenderableType:
    """The same for 80 columns: the id begins with the time, and what is of less use stands below the counts."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for head, width in (("run (begun UTC)", 20), ("command", 7), ("state", 11), ("routers, who, change", None)):
        table.add_column(head, width=width, overflow="fold")
    for run in runs:
        beside = [
            _counts(run.counts),
            cell(f"{run.user}@{run.host}", "dim"),
            *([cell(run.change_ref)] if run.change_ref else []),
        ]
        table.add_row(cell(run.run, "bold"), cell(run.kind), word(run.state), Text("\n").join(beside))
    return table


def _run(run: RunRecord) -> RenderableType:
    return grid(
        (
            ("command", run.kind),
            ("state", word(run.state)),
            ("who", f"{run.user}@{run.host}, xr-agent {run.version}"),
            ("began", clock(run.began)),
            ("ended", clock(run.ended)),
            ("change", run.change_ref),
            ("plan", f"the file with SHA-256 {run.plan}" if run.plan else None),
            ("settings", _settings(run.settings)),
            ("routers", _counts(run.counts)),
        ),
        title=f"run {run.run}",
    )


def _devices(run: RunRecord, records: Iterable[DeviceRecord], *, name: int | None) -> Iterator[RenderableType]:
    """The run in full, then its routers as tables of the same layout, the first with the heads.

    *name*: how wide the names are, and each router one line; None to fit the terminal.
    """
    yield _run(run)
    left = iter(records)
    first = True
    while some := list(islice(left, _ROWS)):
        table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, show_header=first, expand=name is None)
        heads = (("device", name and max(name, 6), 2), ("result", 13, None), ("ended (UTC)", 16, None), ("", None, 4))
        for head, width, ratio in heads:
            table.add_column(head, width=width, ratio=ratio if name is None else None, overflow="fold")
        for record in some:
            table.add_row(
                cell(record.device, "bold"), word(record.word), cell(clock(record.ended)[:16]), cell(_said(record))
            )
        yield table
        first = False


def _trail(run: RunRecord, record: DeviceRecord, trail: Trail) -> RenderableType:
    """One router in one run, step by step."""
    error = record.error
    moments = (
        (f"{one.time[:10]} {one.time[11:19]}", one.attempt, one.step, word(one.status), one.detail)
        for one in trail.moments
    )
    head = Text(" ").join((cell(record.device, "bold"), word(record.word), cell(f"· {run.kind.value} · run {run.run}")))
    return Group(
        grid(
            (
                ("address", record.address),
                ("release", record.release),
                ("method", record.method),
                ("evidence", record.evidence),
                ("persistent", cell("a reload forgets it" if record.passing else None, "yellow")),
                ("renewal", cell(record.renewal and record.renewal.value, "yellow")),
                ("ssh", cell(LEGACY if record.legacy_ssh else None, "yellow")),
                ("batch", record.batch),
                ("site", record.site),
                ("groups", ", ".join(record.groups)),
                ("began", clock(record.began)),
                ("ended", clock(record.ended)),
                *because(record.reasons),
                ("error", cell(error.message if error else None, "red")),
                ("next", error.hint if error else None),
                ("before", _seen(trail.before)),
                *(("held", _held_line(held)) for held in _held(trail.before)),
                ("after", _seen(trail.after)),
                ("unfinished", _unfinished(trail.unfinished) if trail.unfinished else None),
            ),
            title=head,
        ),
        *([columns(("time (UTC)", "try", "step", "", "detail"), moments)] if trail.moments else []),
    )


def _said(record: DeviceRecord) -> str | None:
    """What tells most about how it came out."""
    if record.error is not None:
        return record.error.message
    proof = None if record.evidence in (None, Evidence.NONE) else f"by {record.evidence.value}"
    if record.method is not None or proof is not None:
        method = record.method.value if record.method is not None else None
        said = ", ".join(filter(None, (method, proof, "until a reload" if record.passing else None)))
        return "; ".join(filter(None, (said, record.renewal and record.renewal.value)))
    return record.reached or "; ".join(record.reasons) or None


def _seen(seen: Mapping[str, Any] | None) -> str | None:
    """What was seen, in words; whatever else is kept is shown as it is kept."""
    if seen is None:
        return None
    unread = ("registration", "authorization", "last_contact")
    shown = ((name, "unknown" if value is None and name in unread else value) for name, value in seen.items())
    return "; ".join(f"{name} {_value(name, value)}" for name, value in shown if name != "held")


def _held_line(held: Mapping[str, Any]) -> str:
    """A certificate that was to be removed, and where its PEM is."""
    shown = [(name, held.get(name)) for name in ("subject", "serial", "sha1", "not_after")]
    said = "; ".join(f"{name} {_value(name, value)}" for name, value in shown if value)
    return f"{said}; its PEM: --pem" if held.get("pem") else f"{said}; the router showed no PEM"


def _value(name: str, value: object) -> str:
    if value is None:
        return "none"
    if not isinstance(value, str):
        return json.dumps(value)
    return hexadecimal(value) if name == "sha1" else value


def _unfinished(change: Unfinished) -> str:
    """What was begun, and for how long the router may have it on trial."""
    said = f"trustpoint {change.trustpoint} from {_line(change.before)} to {_line(change.wanted)}"
    if change.persist is None or change.until is None:
        return said
    return f"{said}; on trial until {clock(change.until)}, persist-id {writeahead.shown(change).persist}"


def _line(enrollment: str | None) -> str:
    return "none" if enrollment is None else f"'{masked(enrollment)}'"


def _settings(settings: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{name}={value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"
        for name, value in settings.items()
    )


def _counts(counts: Mapping[str, int]) -> Text:
    return Text(", ").join([Text.assemble(f"{count} ", word(name)) for name, count in sorted(counts.items())])
