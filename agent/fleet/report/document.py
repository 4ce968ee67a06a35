"""The report of a run as one file: HTML for people, JSON and CSV for programs, JUnit's XML for CI.

The file's ending chooses. Whatever its form, routers are written as they come and the file appears whole or not at all.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from io import TextIOBase
from pathlib import Path

from agent.fleet.report import place
from agent.fleet.report.exports import write_csv, write_json
from agent.fleet.report.junit import write_junit
from agent.fleet.report.page import Rows, words
from agent.fleet.report.shown import PERMANENT, minute, scalar, seconds, shown, span
from agent.fleet.results.record import DeviceRecord, RunRecord
from agent.model.errors import InputError
from agent.model.local.resources import directory
from agent.model.masking.text import without_secrets

Write = Callable[[TextIOBase, RunRecord, Iterable[DeviceRecord], datetime], None]


def check_path(path: Path, read: Mapping[str, Path] | None = None) -> None:
    """Find out before a run whether its report can be written to *path*; nothing is left there.

    *read*: as of :func:`agent.fleet.report.place.see`.

    Raises:
        InputError: another ending than ``.html``, ``.json``, ``.csv`` or ``.xml``, or a place that cannot be written.
    """
    _form(path)
    place.see(path, "report", read)


def write(path: Path, run: RunRecord, devices: Iterable[DeviceRecord], *, now: datetime) -> None:
    """Write the report of *run* to *path*, in place of what is there; *devices* is gone through once.

    *now* is when it is written, and the day from which deadlines are seen.

    Raises:
        InputError: the ending is none of those that :func:`check_path` names.
        FileError: the file could not be written; what was at *path* is as it was.
    """
    form = _form(path)
    hint = "the run's results are in the journal: make room, then write the report from there"
    place.write(path, "report", lambda out: form(out, run, devices, now), hint=hint)


def _form(path: Path) -> Write:
    form = _FORMS.get(path.suffix.lower())
    if form is None:
        raise InputError(
            f"the ending of the report {shown(path)} says no form", hint=f"end its name in {', '.join(_FORMS)}"
        )
    return form


def _write_html(out: TextIOBase, run: RunRecord, devices: Iterable[DeviceRecord], now: datetime) -> None:
    """One page that needs nothing beside it: ``templates/report.html`` with its style and script set in."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    folder = directory("templates")
    style, script = ((folder / f"report.{kind}").read_text(encoding="utf-8") for kind in ("css", "js"))
    loader = FileSystemLoader(folder)
    made = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    made.filters.update(shown=shown, words=words, minute=minute, scalar=scalar)
    made.policies["json.dumps_kwargs"] = {"separators": (",", ":")}
    out.writelines(
        made.get_template("report.html").generate(
            run=run,
            settings=without_secrets(run.settings),
            took=span(seconds(run.began, run.ended)),
            written=now,
            rows=Rows(devices, now),
            permanent=PERMANENT,
            style=style,
            script=script,
            style_hash=_hash(style),
            script_hash=_hash(script),
        )
    )


def _hash(text: str) -> str:
    """The source expression of a Content-Security-Policy that allows exactly *text* inline."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


_FORMS: dict[str, Write] = {
    ".html": _write_html,
    ".json": write_json,
    ".csv": write_csv,
    ".xml": write_junit,
}
