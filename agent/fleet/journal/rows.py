"""What the journal's tables hold, read back as records."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from agent.fleet.journal.runlock import held
from agent.fleet.journal.tables import connect
from agent.fleet.results.objects import read, read_answer
from agent.fleet.results.record import DeviceRecord, Kind, RunRecord, RunState
from agent.fleet.results.renewal import INSTALLING, began, renewal
from agent.fleet.results.structs import Error, Moment, Number, Printed, Push, Step, Texts, about
from agent.model.errors import InputError
from agent.model.method import Method
from agent.model.outcome import Status
from agent.model.pki.certificate import Evidence
from agent.model.unfinished import Unfinished
from agent.remedy.lease import writeahead

LAST = "last"
"""What the newest run is called."""

_NEWEST = """
    CASE WHEN EXISTS (SELECT 1 FROM run WHERE imported) THEN
        (SELECT began FROM attempt WHERE attempt.run = run.seq AND number = 1)
    END DESC, seq DESC"""
"""A journal's own runs in the order of their numbers; where others were brought to it, only their times tell."""


class Attempt(Printed, frozen=True):
    """One process that carried a run out; those after the first resumed it."""

    number: Number
    user: str
    host: str
    version: str
    state: RunState
    began: Moment
    ended: Moment | None = None


class Entry(Printed, frozen=True):
    """One event of a router, at the time when it was written down; ``attempt`` as of :attr:`Attempt.number`."""

    time: Annotated[str, about("", pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")]
    attempt: Number
    step: str
    status: Status
    detail: str


@dataclass(frozen=True, slots=True)
class Trail:
    """All that a run kept of one router beside its record: every event, what was seen first and last, and what was
    begun at its configuration and not seen to end."""

    moments: tuple[Entry, ...] = ()
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None
    unfinished: Unfinished | None = None


class _Steps(Printed, frozen=True):
    """What any kept result has of a push; empty in those of other runs, and before there is a result."""

    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """A run as the tables have it; *key* is its number there."""

    key: int
    run: str
    kind: Kind
    change_ref: str | None
    settings: str


def rows(db: sqlite3.Connection, limit: int, device: str | None) -> Iterator[Row]:
    """The runs, the newest first, where *device* is given those it was in."""
    within = "" if device is None else "WHERE seq IN (SELECT run FROM device WHERE name = ?)"
    given = () if device is None else (device,)
    yield from _rows(db, f"{within} ORDER BY {_NEWEST} LIMIT ?", *given, limit)


def find(db: sqlite3.Connection, run: str, kind: Kind | None = None) -> Row:
    """The run that *run* names: its id, the beginning of it, or ``last``, the newest one (of *kind*, where given).

    The last one is of this journal, as long as it has any of its own; of *kind*, for a run that is to go on, always.

    Raises:
        InputError: there is none, or there are several.
    """
    if run == LAST:
        which, given = ("WHERE kind = ? AND NOT imported", (kind.value,)) if kind else ("", ())
        found = list(_rows(db, f"{which} ORDER BY imported, {_NEWEST} LIMIT 1", *given))
    else:
        found = list(
            _rows(db, "WHERE ?1 <> '' AND substr(run, 1, length(?1)) = ?1 ORDER BY length(run), seq DESC LIMIT 4", run)
        )
    if not found:
        what = f"run {run}" if run != LAST else f"{kind.value} yet" if kind else "run yet"
        raise InputError(f"the journal has no {what}", hint="see xr-agent history")
    if len(found) > 1 and run not in (LAST, found[0].run):
        raise InputError(f"{run} begins {', '.join(row.run for row in found)}", hint="write more of it")
    return found[0]


def _rows(db: sqlite3.Connection, which: str, *given: object) -> Iterator[Row]:
    for key, run, kind, change_ref, settings in db.execute(
        f"SELECT seq, run, kind, change_ref, settings FROM run {which}",  # noqa: S608 - our own text
        given,
    ):
        yield Row(key, run, Kind(kind), change_ref, settings)


def run_record(db: sqlite3.Connection, row: Row, journal: Path) -> RunRecord:
    """The whole record of a run."""
    made = attempts(db, row, journal)
    first, last = made[0], made[-1]
    counts = db.execute("SELECT word, count(*) FROM device WHERE run = ? GROUP BY word", (row.key,))
    settings = read(row.settings, dict)
    return RunRecord(
        run=row.run,
        kind=row.kind,
        state=last.state,
        began=first.began,
        user=first.user,
        host=first.host,
        version=first.version,
        ended=last.ended,
        change_ref=row.change_ref,
        settings=settings,
        plan=settings.get("sha256"),
        counts=dict(counts.fetchall()),
    )


def attempts(db: sqlite3.Connection, row: Row, journal: Path) -> tuple[Attempt, ...]:
    """Who carried the run out; an attempt that says it is running without holding the run's lock lost its process."""
    found = db.execute(
        "SELECT number, user, host, version, state, began, ended FROM attempt WHERE run = ? ORDER BY number",
        (row.key,),
    ).fetchall()
    return tuple(
        Attempt(number, user, host, version, _state(row, number, state, journal), _time(began), _maybe(ended))
        for number, user, host, version, state, began, ended in found
    )


def _state(row: Row, number: int, word: str, journal: Path) -> RunState:
    if word != RunState.RUNNING.value or held(journal, row.run):
        return RunState(word)
    # It may have ended since this reader's state of the journal; it does so before it gives the lock back.
    with closing(connect(journal, reading=True)) as db:
        now = db.execute("SELECT state FROM attempt WHERE run = ? AND number = ?", (row.key, number)).fetchone()[0]
    return RunState.LOST if now == RunState.RUNNING.value else RunState(now)


def device_records(db: sqlite3.Connection, row: Row, words: Collection[str]) -> Iterator[DeviceRecord]:
    """The routers of a run in the inventory's order, one at a time; only those that ended in one of *words*, if any."""
    marks = ", ".join("?" * len(words))
    wanted = f" AND word IN ({marks})" if words else ""
    query = f"SELECT * FROM device WHERE run = ?{wanted} ORDER BY place"  # noqa: S608 - question marks only
    for found in db.execute(query, (row.key, *words)):
        yield _device_record(db, found)


def unrenewed(db: sqlite3.Connection, run: int) -> frozenset[str]:
    """The routers of a run that have, or may have, the root by it, and were left before the licence was renewed."""
    found: set[str] = set()
    for name, well, plain in db.execute("SELECT name, well, plain FROM device WHERE run = ?", (run,)):
        steps = read(plain, _Steps).steps
        left = renewal(steps)
        if (left is not None and left.owed) if well else began(steps):
            found.add(name)
    marks = ", ".join("?" * len(INSTALLING))
    begun = f"SELECT 1 FROM step WHERE step.device = device.id AND step IN ({marks})"  # noqa: S608 - question marks only
    query = f"SELECT name FROM device WHERE run = ? AND well = 0 AND EXISTS ({begun})"  # noqa: S608 - our own text
    return frozenset(found.union(row[0] for row in db.execute(query, (run, *INSTALLING))))


def trail(db: sqlite3.Connection, row: Row, name: str) -> tuple[DeviceRecord, Trail]:
    """One router of a run, and what else that kept of it.

    Raises:
        InputError: it was not in that run.
    """
    found = db.execute("SELECT * FROM device WHERE run = ? AND name = ?", (row.key, name)).fetchone()
    if found is None:
        raise InputError(f"it was not in run {row.run}", device=name, hint=f"see xr-agent history {row.run}")
    kept = Trail(
        _moments(db, found["id"]),
        read(found["before"], dict) if found["before"] else None,
        read(found["after"], dict) if found["after"] else None,
        writeahead.parsed(found["unfinished"]) if found["unfinished"] else None,
    )
    return _device_record(db, found), kept


def _moments(db: sqlite3.Connection, device: int) -> tuple[Entry, ...]:
    found = db.execute("SELECT time, attempt, step, status, detail FROM step WHERE device = ? ORDER BY seq", (device,))
    # To the millisecond: steps follow each other faster than seconds.
    return tuple(
        Entry(f"{_time(time).astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z", attempt, step, Status(status), detail)
        for time, attempt, step, status, detail in found
    )


def _device_record(db: sqlite3.Connection, found: sqlite3.Row) -> DeviceRecord:
    plain = read_answer(found["plain"]) if found["ended"] else None
    if plain is None:
        steps = tuple(Step(one.step, one.status, one.detail) for one in _moments(db, found["id"]))
    else:
        steps = plain.steps if isinstance(plain, Push) else ()
    return DeviceRecord(
        device=found["name"],
        word=found["word"],
        well=bool(found["well"]),
        address=found["address"],
        release=found["release"],
        method=Method(found["method"]) if found["method"] else None,
        evidence=Evidence(found["evidence"]) if found["evidence"] else None,
        batch=found["batch"],
        deadlines=dict(read(found["deadlines"], list[tuple[str, Moment]])),
        reasons=read(found["reasons"], Texts),
        steps=steps,
        error=read(found["error"], Error) if found["error"] else None,
        legacy_ssh=bool(found["legacy_ssh"]),
        began=_maybe(found["began"]),
        ended=_maybe(found["ended"]),
        plain=plain,
        site=found["site"],
        groups=read(found["groups"], Texts),
    )


def _maybe(text: str | None) -> datetime | None:
    return _time(text) if text else None


def _time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError(f"a time without a zone: {text}")
    return time
