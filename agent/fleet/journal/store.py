"""The journal: who did what to which router and when, and what may be in doubt; SQLite in the user's state folder.

Several processes may have it open at the same time. What is read from it is given one by one, never as a whole.
"""

from __future__ import annotations

import os
import secrets
import socket
import sqlite3
import threading
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any, Self

from agent import __version__
from agent.fleet.journal import exchange
from agent.fleet.journal import rows as journalrows
from agent.fleet.journal.keepable import kept, stored
from agent.fleet.journal.rows import Attempt, Row, Trail
from agent.fleet.journal.runlock import RunLock, held
from agent.fleet.journal.runlog import Now, RunLog, written
from agent.fleet.journal.tables import connect, default_path, prepare, usable
from agent.fleet.journal.writer import Work, Writer
from agent.fleet.results.record import DeviceRecord, Kind, RunRecord, RunState
from agent.model.errors import InputError, JournalError
from agent.model.local.user import user_name

_Started = tuple[int, int, Mapping[str, int]]
"""A run's number, its attempt's, and the numbers of its routers by name."""


class Journal:
    """One journal file; safe to use from several threads, useless after a fork.

    A run is named by its id, by the beginning of it where no other begins so, or as ``last``; whatever is asked of one
    raises InputError where there is none, or there are several.
    """

    def __init__(self, path: Path, now: Now) -> None:
        self.path = path
        self._now = now
        self._writer: Writer | None = None
        self._making = threading.Lock()

    @classmethod
    def open(cls, path: Path | None = None, *, now: Now = lambda: datetime.now(UTC), create: bool = True) -> Self:
        """The journal *path*, else the one in the user's state folder; made where there is none, if *create*.

        Raises:
            InputError: it cannot be made or read, is damaged, or belongs to another program or a newer xr-agent.
        """
        # One file has one set of locks, whatever it is called.
        resolved = Path(os.path.realpath(path or default_path()))
        prepare(resolved, create=create)
        return cls(resolved, now)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Write what is waiting; its runs are closed before.

        Raises:
            JournalError: something could not be written, and no call said so yet.
        """
        if self._writer is not None:
            self._writer.close()

    def begin(
        self,
        kind: Kind,
        devices: Iterable[str],
        *,
        settings: Mapping[str, Any],
        change_ref: str | None,
        version: str,
        bound: int | None = None,
        places: Mapping[str, tuple[str | None, Sequence[str]]] = MappingProxyType({}),
    ) -> RunLog:
        """A new run on *devices*, in the inventory's order, held by this process until it is closed.

        *places*: the site and the groups of devices, by their names; *bound*: as of :meth:`bound`, of this attempt.

        Raises:
            InputError: the journal cannot be written, or a router is named twice; nothing was begun.
            TypeError: the settings are not JSON, or have a secret in them.
        """
        names, attempt = _distinct(devices), partial(self._attempt, version, bound)
        rows = [(place, name, *_place(*places.get(name, (None, ())))) for place, name in enumerate(names)]
        given = (kind.value, stored(change_ref) if change_ref else None, kept(settings, "settings"))
        while True:
            run = f"{self._now().astimezone(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
            if held(self.path, run):
                continue
            log = self._start(run, partial(_begin, run=(run, *given), devices=rows, attempt=attempt()))
            if log is not None:
                return log

    def resume(
        self, run: str, *, kind: Kind | None = None, version: str = __version__, bound: int | None = None
    ) -> RunLog:
        """*run* once more, held by this process until it is closed; with *kind*, ``last`` is the newest of that kind.

        *bound*: as of :meth:`bound`, of this attempt.

        Raises:
            InputError: there is no such run, it is not of *kind* or of one that is never resumed, all its routers
                ended well, or another process has it.
        """
        row = self._resumable(run, kind)
        log = self._start(row.run, partial(_resume, row=row, attempt=self._attempt(version, bound)))
        if log is None:
            raise InputError(
                f"every router of run {row.run} ended well",
                hint=f"nothing is left to do; see xr-agent history {row.run}",
            )
        return log

    def resumable(self, run: str, *, kind: Kind | None = None) -> RunRecord:
        """The run that :meth:`resume` would go on with; it is read, and nothing else.

        Raises:
            InputError: there is no such run, it is not of *kind* or of one that is never resumed.
        """
        return self.run(self._resumable(run, kind).run)

    def left(self, run: str) -> frozenset[str]:
        """The names of the routers that a resumption of *run* takes up: not well, or left before their renewal."""
        with self._reading() as db:
            row = journalrows.find(db, run)
            unwell = db.execute("SELECT name FROM device WHERE run = ? AND well = 0", (row.key,))
            return journalrows.unrenewed(db, row.key).union(name for (name,) in unwell)

    def unrenewed(self, run: str) -> frozenset[str]:
        """The routers of *run* that have, or may have, the root by it, and were left before the licence was renewed."""
        with self._reading() as db:
            return journalrows.unrenewed(db, journalrows.find(db, run).key)

    def bound(self, run: str) -> int | None:
        """At how many failures *run* stops where nobody says otherwise: the least of its attempts, 0 where none had
        such a number; None where an earlier xr-agent kept none."""
        with self._reading() as db:
            query = "SELECT coalesce(min(nullif(bound, 0)), max(bound)) FROM attempt WHERE run = ?"
            found: int | None = db.execute(query, (journalrows.find(db, run).key,)).fetchone()[0]
            return found

    def _resumable(self, run: str, kind: Kind | None) -> Row:
        with self._reading() as db:
            row = journalrows.find(db, run, kind)
        if row.kind is Kind.POLL:
            raise InputError(f"run {row.run} is a poll, which is not resumed", hint="poll anew")
        if kind is not None and row.kind is not kind:
            raise InputError(
                f"run {row.run} is of the command {row.kind.value}, not {kind.value}",
                hint=f"xr-agent history lists the runs; a {kind.value} is resumed",
            )
        return row

    def runs(self, *, limit: int = 50, device: str | None = None) -> Iterator[RunRecord]:
        """The runs, the newest first; those that *device* was in, if it is given."""
        with self._reading() as db:
            for row in journalrows.rows(db, limit, device and stored(device)):
                yield journalrows.run_record(db, row, self.path)

    def run(self, run: str) -> RunRecord:
        """One run."""
        with self._reading() as db:
            return journalrows.run_record(db, journalrows.find(db, run), self.path)

    def attempts(self, run: str) -> tuple[Attempt, ...]:
        """Who carried *run* out: one entry, and one for each time it was resumed."""
        with self._reading() as db:
            return journalrows.attempts(db, journalrows.find(db, run), self.path)

    def devices(self, run: str, *, words: Collection[str] = ()) -> Iterator[DeviceRecord]:
        """The routers of *run* in the inventory's order, one at a time; only those that ended in *words*, if any."""
        with self._reading() as db:
            yield from journalrows.device_records(db, journalrows.find(db, run), words)

    def known(self, log: RunLog) -> tuple[RunRecord, Iterator[DeviceRecord]]:
        """The run of *log*, lost as others will find it, and its routers with what could not be written of them."""
        counts = Counter(one.word for one in self._known(log))
        return self.run(log.run).evolve(state=RunState.LOST, counts=dict(counts)), self._known(log)

    def _known(self, log: RunLog) -> Iterator[DeviceRecord]:
        for one in self.devices(log.run):
            unkept = log.unkept.get(one.device)
            yield unkept.evolve(batch=one.batch, site=one.site, groups=one.groups) if unkept else one

    def trail(self, run: str, device: str) -> tuple[DeviceRecord, Trail]:
        """One router of a run with every step and its time; InputError also where it was not in that run."""
        with self._reading() as db:
            return journalrows.trail(db, journalrows.find(db, run), stored(device))

    def longest_name(self, run: str) -> str:
        """The longest name of a router of *run*; empty where it has none."""
        with self._reading() as db:
            query = "SELECT name FROM device WHERE run = ? ORDER BY length(name) DESC LIMIT 1"
            found = db.execute(query, (journalrows.find(db, run).key,)).fetchone()
            return found["name"] if found else ""

    def export(self, out: IO[bytes], runs: Collection[str] = ()) -> tuple[list[str], list[str]]:
        """Write all runs to *out*, or *runs*, for :meth:`bring`; gives their ids, and those of runs under way, which
        were left out. What *out* raises as an OSError is no error of the journal, and stays."""
        with self._reading() as db:
            try:
                return exchange.written(db, self.path, {journalrows.find(db, run).run for run in runs}, out)
            except OSError as error:  # what SQLite says of the journal is none
                unwritten = error
        raise unwritten

    def bring(self, source: IO[bytes], named: str) -> exchange.Brought:
        """Bring in the runs of *source*, an export that is called *named*; errors as of :func:`exchange.bring`."""
        return exchange.bring(self.path, source, named)

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """A connection of its own for each reader, which therefore sees one state from its beginning to its end."""
        with usable(self.path), closing(connect(self.path, reading=True)) as db:
            db.execute("BEGIN")
            try:
                yield db
            except ValueError as error:  # no word, time or JSON of ours
                raise InputError(
                    f"the journal {self.path} holds what no xr-agent wrote: {error}",
                    hint="the file is damaged: keep it, and go on with another by --journal FILE",
                ) from error

    def _writing(self) -> Writer:
        with self._making, usable(self.path):
            self._writer = self._writer or Writer(connect(self.path))
            return self._writer

    def _start(self, run: str, work: Work[_Started | None]) -> RunLog | None:
        """Hold *run* and have it written; None, and nothing is held, where *work* gives none."""
        lock, log = RunLock.take(self.path, run), None
        try:
            writer = self._writing()
            started = writer.do(work)
            if started is not None:
                log = RunLog(writer, run, *started, self._now, lock)
        except JournalError as error:
            raise InputError(error.message, hint=error.hint) from error
        finally:
            if log is None:
                lock.release(remove=True)
        return log

    def _attempt(self, version: str, bound: int | None) -> tuple[object, ...]:
        """Who carries the run out, from now on."""
        state, began = RunState.RUNNING.value, written(self._now())
        return user_name(), socket.gethostname(), os.getpid(), version, state, began, bound


def _distinct(devices: Iterable[str]) -> list[str]:
    names = list(devices)
    seen: set[str] = set()
    for name in names:
        if name in seen or stored(name) != name:
            raise InputError("it is in the run twice" if name in seen else "its name cannot be kept", device=name)
        seen.add(name)
    return names


def _place(site: str | None, groups: Sequence[str]) -> tuple[str | None, str]:
    return site and stored(site), kept([stored(group) for group in groups], "groups")


def _begin(
    db: sqlite3.Connection, run: tuple[object, ...], devices: Iterable[tuple[object, ...]], attempt: tuple[object, ...]
) -> _Started | None:
    """Write the run down; None where another one has its name."""
    if db.execute("SELECT 1 FROM run WHERE run = ?", run[:1]).fetchone():
        return None
    key = db.execute("INSERT INTO run (run, kind, change_ref, settings) VALUES (?, ?, ?, ?)", run).lastrowid
    if key is None:
        raise AssertionError("an inserted row has a number")
    db.executemany(
        "INSERT INTO device (run, place, name, site, groups) VALUES (?, ?, ?, ?, ?)",
        ((key, *device) for device in devices),
    )
    return _attempted(db, key, attempt)


def _resume(db: sqlite3.Connection, row: Row, attempt: tuple[object, ...]) -> _Started | None:
    """Write a further attempt down; None where every router of the run ended well."""
    running = RunState.RUNNING.value
    unwell = db.execute("SELECT 1 FROM device WHERE run = ? AND well = 0", (row.key,)).fetchone()
    if unwell is None and not journalrows.unrenewed(db, row.key):
        return None
    db.execute("UPDATE attempt SET state = ? WHERE run = ? AND state = ?", (RunState.LOST.value, row.key, running))
    return _attempted(db, row.key, attempt)


def _attempted(db: sqlite3.Connection, key: int, attempt: tuple[object, ...]) -> _Started:
    db.execute(
        "INSERT INTO attempt (run, number, user, host, pid, version, state, began, bound)"
        " VALUES (?1, (SELECT count(*) + 1 FROM attempt WHERE run = ?1), ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        (key, *attempt),
    )
    number = db.execute("SELECT count(*) FROM attempt WHERE run = ?", (key,)).fetchone()[0]
    return key, number, dict(db.execute("SELECT name, id FROM device WHERE run = ?", (key,)).fetchall())
