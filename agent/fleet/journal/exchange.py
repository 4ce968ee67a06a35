"""Journals of several people brought together: runs as a file that travels, and back into a journal with their ids.

The file is JSON, a line a value, plain or packed by gzip: what it is, then of each run the run with its attempts and
its routers with their steps, at last how much that was and a digest of it. It holds what the tables hold, so no secret.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import sqlite3
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from io import BufferedIOBase, BufferedReader, RawIOBase
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any, cast

from agent import __version__
from agent.fleet.journal import rows as journalrows
from agent.fleet.journal.keepable import kept, stored
from agent.fleet.journal.rows import Row
from agent.fleet.journal.tables import MIGRATIONS, connect, prepare, usable
from agent.fleet.results.record import RunState
from agent.model.errors import InputError
from agent.remedy.lease import writeahead

_WHAT = "xr-agent journal"
_LONGEST = 64 * 2**20
"""Bytes of a line: one router with all its steps."""
_GZIP = b"\x1f\x8b"
_ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{4}")
_NOT_OURS = (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError, sqlite3.IntegrityError)
"""What is raised by a file that holds what no export wrote."""
_AGAIN = "export it anew, and bring the file over whole"

_RUN = ("run", "kind", "change_ref", "settings")
_ATTEMPT = ("number", "user", "host", "pid", "version", "state", "began", "ended", "bound")
_DEVICE = (
    *("place", "name", "word", "well", "batch", "began", "ended", "address", "release", "method", "evidence"),
    *("deadlines", "reasons", "error", "plain", "before", "after", "unfinished", "legacy_ssh", "site", "groups"),
)
_STEP = ("attempt", "time", "step", "status", "detail")
_JSON = frozenset(("settings", "deadlines", "reasons", "error", "plain", "before", "after", "unfinished", "groups"))
_NUMBERS = frozenset(("number", "pid", "place", "well", "legacy_ssh", "attempt", "bound"))

_Line = dict[str, Any]


@dataclass
class Brought:
    """What became of the runs of a file: those that are new, those that were here, those that are here otherwise."""

    new: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    other: list[str] = field(default_factory=list)


def written(
    db: sqlite3.Connection, journal: Path, runs: Collection[str], out: IO[bytes]
) -> tuple[list[str], list[str]]:
    """Write the runs of *db* to *out*, the oldest first; with *runs* only those. Gives their ids.

    One that is under way would be another by tomorrow: it is left out, and given apart.
    """
    told, left, digest, count = list[str](), list[str](), hashlib.sha256(), 0
    _put(out, {"what": _WHAT, "schema": len(MIGRATIONS), "version": __version__})
    for row in reversed(list(journalrows.rows(db, -1, None))):
        if runs and row.run not in runs:
            continue
        if journalrows.attempts(db, row, journal)[-1].state is RunState.RUNNING:
            left.append(row.run)
            continue
        told.append(row.run)
        for line in _lines(db, row):
            digest.update(_put(out, line))
            count += 1
    _put(out, {"end": True, "lines": count, "sha256": digest.hexdigest()})
    return told, left


def _put(out: IO[bytes], line: _Line) -> bytes:
    text = json.dumps(line, separators=(",", ":"), sort_keys=True).encode() + b"\n"
    out.write(text)
    return text


def _lines(db: sqlite3.Connection, row: Row) -> Iterator[_Line]:
    """A run as the file has it: itself, then its routers in their order. A process that died is one that is lost."""
    lost = {RunState.RUNNING.value: RunState.LOST.value}
    found = db.execute(f"{_select('attempt', _ATTEMPT)} WHERE run = ? ORDER BY number", (row.key,))
    attempts = [dict(one) for one in found]
    run = dict(db.execute(f"{_select('run', _RUN)} WHERE seq = ?", (row.key,)).fetchone())
    yield {"run": run, "attempts": [{**one, "state": lost.get(one["state"], one["state"])} for one in attempts]}
    for device in db.execute(f"{_select('device', ('id', *_DEVICE))} WHERE run = ? ORDER BY place", (row.key,)):
        steps = db.execute(f"{_select('step', _STEP)} WHERE device = ? ORDER BY seq", (device["id"],))
        yield {"device": {name: device[name] for name in _DEVICE}, "steps": [list(step) for step in steps]}


def _select(table: str, names: Iterable[str]) -> str:
    return f"SELECT {', '.join(names)} FROM {table}"  # noqa: S608 - our own names


def bring(path: Path, source: IO[bytes], named: str) -> Brought:
    """Bring the runs of *source*, a file that is called *named*, into the journal *path*.

    It is read to its end, and all that it holds, before anything is written. Then each run comes in whole, for a moment
    at a time, so that a push which is under way can write as well. A run that is here already stays as it is.

    Raises:
        InputError: it is no such file, damaged, of a newer xr-agent, or has a secret in it; nothing was brought.
    """
    with TemporaryDirectory(prefix="xr-agent-") as folder:
        staged = Path(folder) / "journal.db"
        prepare(staged)
        with _unpacked(source) as opened, usable(staged), closing(connect(staged)) as db:
            db.execute("PRAGMA synchronous = OFF")
            db.execute("BEGIN")
            try:
                _stage(db, _checked(opened, named))
                _read_all(db, staged)
            except _NOT_OURS as error:
                raise _damaged(named, "it holds what no xr-agent wrote") from error
            db.execute("COMMIT")
        with usable(path):
            return _merged(path, staged)


def _checked(opened: BufferedIOBase, named: str) -> Iterator[_Line]:
    """The lines between the first and the last, which are compared with what they say.

    Raises:
        InputError: as of :func:`bring`.
    """
    lines = _texts(opened, named)
    _see_head(_parsed(next(lines, b""), named), named)
    digest = hashlib.sha256()
    for count, text in enumerate(lines):
        line = _parsed(text, named)
        if "end" in line:
            if (line.get("lines"), line.get("sha256")) != (count, digest.hexdigest()):
                raise _damaged(named, "its content is not what was written")
            if next(lines, None) is not None:
                raise _damaged(named, "it goes on behind its end")
            return
        digest.update(text)
        yield line
    raise _damaged(named, "it ends early")


@contextmanager
def _unpacked(source: IO[bytes]) -> Iterator[BufferedIOBase]:
    read = BufferedReader(cast("RawIOBase", source))
    try:
        yield gzip.GzipFile(fileobj=read) if read.peek(2)[:2] == _GZIP else read
    finally:
        read.detach()  # whoever opened it closes it


def _texts(opened: BufferedIOBase, named: str) -> Iterator[bytes]:
    try:
        while line := opened.readline(_LONGEST):
            yield line
    except (OSError, EOFError, zlib.error) as error:
        raise _damaged(named, str(error) or "it ends early") from error


def _parsed(text: bytes, named: str) -> _Line:
    try:
        line = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _damaged(named, "a line is no JSON" if text.endswith(b"\n") else "it ends early") from error
    if not isinstance(line, dict):
        raise _damaged(named, "a line is no JSON object")
    return line


def _see_head(head: _Line, named: str) -> None:
    if head.get("what") != _WHAT:
        raise InputError(f"{named} is no journal's export", hint="make one with xr-agent history export FILE")
    schema = head.get("schema")
    if not isinstance(schema, int) or isinstance(schema, bool) or schema < 1:
        raise _damaged(named, "its first line says no schema")
    if schema > len(MIGRATIONS):
        said = f"{named} was written by a newer xr-agent (schema {schema}, this one knows {len(MIGRATIONS)})"
        raise InputError(said, hint="upgrade xr-agent, then import it again")


def _damaged(named: str, what: str) -> InputError:
    return InputError(f"{named} is damaged: {what}", hint=_AGAIN)


def _stage(db: sqlite3.Connection, lines: Iterable[_Line]) -> None:
    """Write what a file holds into an empty journal; what it lacks is as the tables have it by default."""
    key = None
    for line in lines:
        if "run" in line:
            if not _ID.fullmatch(line["run"]["run"]):
                raise ValueError("a run is called as none is")
            key = _insert(db, "run", _RUN, line["run"])
            for attempt in line["attempts"]:
                _insert(db, "attempt", _ATTEMPT, attempt, run=key)
            continue
        device = _insert(db, "device", _DEVICE, line["device"], run=key)
        for step in line["steps"]:
            _insert(db, "step", _STEP, dict(zip(_STEP, step, strict=True)), device=device)


def _insert(db: sqlite3.Connection, table: str, names: tuple[str, ...], row: Mapping[str, Any], **keys: object) -> int:
    if not row.keys() <= set(names):
        raise ValueError(f"a {table} has members that are unknown")
    values = keys | {name: _kept(name, value) for name, value in row.items()}
    marks = ", ".join("?" * len(values))
    text = f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})"  # noqa: S608 - our own names
    number = db.execute(text, tuple(values.values())).lastrowid
    return number or 0


def _kept(name: str, value: object) -> object:
    """*value* as the journal keeps it: neither in what it holds as JSON nor in its texts is a secret.

    Raises:
        TypeError, ValueError: it is none of what that column holds, or has a secret in it.
    """
    if value is None:
        return None
    if name in _NUMBERS:
        if not isinstance(value, int) or isinstance(value, bool):
            raise TypeError(f"{name} is no number")
        return value
    if not isinstance(value, str):
        raise TypeError(f"{name} is no text")
    return kept(json.loads(value), "result" if name == "plain" else name) if name in _JSON else stored(value)


def _read_all(db: sqlite3.Connection, journal: Path) -> None:
    """Read every run as whoever asks for it will: what could not be read then must not come in.

    Raises:
        ValueError: something cannot be read.
    """
    for row in journalrows.rows(db, -1, None):
        if not journalrows.attempts(db, row, journal):
            raise ValueError("a run that nobody carried out")
        journalrows.run_record(db, row, journal)
        for device in journalrows.device_records(db, row, ()):
            journalrows.trail(db, row, device.device)
    for (text,) in db.execute("SELECT unfinished FROM device WHERE unfinished IS NOT NULL"):
        writeahead.parsed(text)


def _merged(path: Path, staged: Path) -> Brought:
    brought = Brought()
    with closing(connect(path)) as db:
        db.execute("ATTACH ? AS staged", (str(staged),))
        with closing(connect(staged, reading=True)) as other:
            for row in reversed(list(journalrows.rows(other, -1, None))):
                db.execute("BEGIN IMMEDIATE")
                try:
                    _merge(db, other, row, brought)
                    db.execute("COMMIT")
                finally:
                    if db.in_transaction:
                        db.execute("ROLLBACK")
    return brought


def _merge(db: sqlite3.Connection, other: sqlite3.Connection, row: Row, brought: Brought) -> None:
    there = db.execute("SELECT seq, run, kind, change_ref, settings FROM main.run WHERE run = ?", (row.run,)).fetchone()
    if there is not None:
        same = _digest(db, Row(*there)) == _digest(other, row)
        (brought.known if same else brought.other).append(row.run)
        return
    select = f"SELECT {', '.join(_RUN)}, 1 FROM staged.run WHERE seq = ?"  # noqa: S608 - our own names
    key = db.execute(f"INSERT INTO main.run ({', '.join(_RUN)}, imported) {select}", (row.key,)).lastrowid
    for table, names in (("attempt", _ATTEMPT), ("device", _DEVICE)):
        columns = ", ".join(names)
        text = f"INSERT INTO main.{table} (run, {columns}) SELECT ?, {columns} FROM staged.{table} WHERE run = ?"  # noqa: S608
        db.execute(text, (key, row.key))
    columns = ", ".join(f"step.{name}" for name in _STEP)
    steps = f"""INSERT INTO main.step (device, {", ".join(_STEP)})
        SELECT new.id, {columns} FROM staged.step AS step
        JOIN staged.device AS old ON old.id = step.device AND old.run = ?
        JOIN main.device AS new ON new.name = old.name AND new.run = ?
        ORDER BY step.seq"""  # noqa: S608 - our own names
    db.execute(steps, (row.key, key))
    brought.new.append(row.run)


def _digest(db: sqlite3.Connection, row: Row) -> str:
    """What tells a run's content from another: by what its JSON means, however that is written."""
    digest = hashlib.sha256()
    for line in _lines(db, row):
        for part in (line.get("run", {}), line.get("device", {})):
            for name in _JSON.intersection(part):
                part[name] = json.loads(part[name]) if part[name] else None
        digest.update(json.dumps(line, sort_keys=True).encode())
    return digest.hexdigest()
