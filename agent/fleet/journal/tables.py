"""The journal's tables, and how a file comes to have them: made, migrated after a backup, or refused untouched."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from agent.fleet.journal.runlock import alone
from agent.model.errors import InputError
from agent.model.local.user import state_folder

Script = tuple[str, ...]

MIGRATIONS: tuple[Script, ...] = (
    (
        # Order is by these numbers, never by time: clocks jump.
        """CREATE TABLE run (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            run TEXT NOT NULL UNIQUE,
            kind TEXT NOT NULL,
            change_ref TEXT,
            settings TEXT NOT NULL
        )""",
        # The first attempt is the run's beginning, each further one a resumption.
        """CREATE TABLE attempt (
            run INTEGER NOT NULL REFERENCES run (seq),
            number INTEGER NOT NULL,
            user TEXT NOT NULL,
            host TEXT NOT NULL,
            pid INTEGER NOT NULL,
            version TEXT NOT NULL,
            state TEXT NOT NULL,
            began TEXT NOT NULL,
            ended TEXT,
            PRIMARY KEY (run, number)
        )""",
        """CREATE TABLE device (
            id INTEGER PRIMARY KEY,
            run INTEGER NOT NULL REFERENCES run (seq),
            place INTEGER NOT NULL,
            name TEXT NOT NULL,
            word TEXT NOT NULL DEFAULT 'waiting',
            well INTEGER NOT NULL DEFAULT 0,
            batch TEXT,
            began TEXT,
            ended TEXT,
            address TEXT,
            release TEXT,
            method TEXT,
            evidence TEXT,
            deadlines TEXT NOT NULL DEFAULT '[]',
            reasons TEXT NOT NULL DEFAULT '[]',
            error TEXT,
            plain TEXT NOT NULL DEFAULT '{}',
            before TEXT,
            after TEXT,
            UNIQUE (run, place),
            UNIQUE (run, name)
        )""",
        "CREATE INDEX device_by_name ON device (name, run)",
        "CREATE INDEX device_by_word ON device (run, word)",
        """CREATE TABLE step (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            device INTEGER NOT NULL REFERENCES device (id),
            attempt INTEGER NOT NULL,
            time TEXT NOT NULL,
            step TEXT NOT NULL,
            status TEXT NOT NULL,
            detail TEXT NOT NULL
        )""",
        "CREATE INDEX step_by_device ON step (device)",
    ),
    # What a push has begun at the configuration and has not seen the end of.
    ("ALTER TABLE device ADD COLUMN unfinished TEXT",),
    ("ALTER TABLE device ADD COLUMN legacy_ssh INTEGER NOT NULL DEFAULT 0",),
    # Where a router is, for reports; and whether a run came from somebody else's journal.
    (
        "ALTER TABLE device ADD COLUMN site TEXT",
        "ALTER TABLE device ADD COLUMN groups TEXT NOT NULL DEFAULT '[]'",
        "ALTER TABLE run ADD COLUMN imported INTEGER NOT NULL DEFAULT 0",
    ),
    # At how many failures an attempt stopped where nobody said otherwise, 0 for none; NULL where that was not kept.
    ("ALTER TABLE attempt ADD COLUMN bound INTEGER",),
)
"""What leads from each version of the tables to the next; the file's ``user_version`` counts those carried out."""

APPLICATION = 0x78724A4C
"""SQLite's ``application_id``, which tells a journal from the databases of other programs."""

_LEAST = 512
"""The smallest database in bytes; SQLite takes a smaller file for an empty one and overwrites it."""

BUSY = 30.0
_ELSEWHERE = "give another with --journal FILE"
_HINTS = {
    sqlite3.SQLITE_CORRUPT: "the file is damaged: keep it, and go on with another by --journal FILE",
    sqlite3.SQLITE_FULL: "make room on the disk, or give another with --journal FILE",
    sqlite3.SQLITE_BUSY: "another process holds it for long: see which, and end it",
}


def default_path() -> Path:
    """``journal.db`` in the user's :func:`state_folder`.

    Raises:
        InputError: the user has no home folder.
    """
    return state_folder() / "journal.db"


def connect(path: Path, *, reading: bool = False) -> sqlite3.Connection:
    """A connection to the journal, for one thread at a time; what it commits is synced to disk when that returns."""
    connection = sqlite3.connect(
        f"{path.as_uri()}?mode={'ro' if reading else 'rw'}",
        uri=True,
        timeout=BUSY,
        isolation_level=None,
        check_same_thread=False,
    )
    connection.row_factory = sqlite3.Row
    if not reading:
        for setting in ("synchronous = FULL", "fullfsync = ON", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {setting}")
    return connection


@contextmanager
def usable(path: Path) -> Iterator[None]:
    """Turn what the system or SQLite says against the file into an :class:`InputError`; our own mistakes stay."""
    try:
        yield
    except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
        raise
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the extended codes have the kind in their low byte
        raise InputError(f"the journal {path}: {error}", hint=_HINTS.get(code, _ELSEWHERE)) from error
    except OSError as error:
        raise InputError(f"the journal {path}: {error.strerror or error}", hint=_ELSEWHERE) from error


def prepare(path: Path, *, create: bool = True, migrations: Sequence[Script] = MIGRATIONS) -> None:
    """See to it that *path* is a journal of the version that *migrations* lead to.

    Raises:
        InputError: there is none and none is to be created, it cannot be made, read or migrated, it belongs to another
            program, or a newer version wrote it; it is as it was.
    """
    with usable(path):
        if create:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # SQLite does not wait for others while a file becomes one with a write-ahead log.
        with alone(path.parent):
            if create:
                _make(path)
            _check(path.stat(), path)
            with closing(connect(path, reading=True)) as seen:
                version = _version(seen, path, len(migrations))
            if version < len(migrations):
                _upgrade(path, migrations)


def _check(seen: os.stat_result, path: Path) -> None:
    if not stat.S_ISREG(seen.st_mode):
        raise InputError(
            f"the journal {path} is {'a folder' if stat.S_ISDIR(seen.st_mode) else 'no regular file'}", hint=_ELSEWHERE
        )
    if 0 < seen.st_size < _LEAST:
        raise InputError(f"the journal {path}: file is not a database", hint=_ELSEWHERE)


def _make(path: Path) -> None:
    """An empty file for its owner alone, where there is none.

    One that is there is not even opened: closing it would release the locks that SQLite has on it in this process
    (POSIX).
    """
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        return


def _version(connection: sqlite3.Connection, path: Path, known: int) -> int:
    """How many migrations the file has had.

    Raises:
        InputError: more than are *known*, or it is no journal.
    """
    version, application, tables = connection.execute(
        "SELECT user_version, application_id, (SELECT count(*) FROM sqlite_schema)"
        " FROM pragma_user_version, pragma_application_id"
    ).fetchone()
    if application != APPLICATION and (application or tables):
        raise InputError(f"the journal {path} is the database of another program", hint=_ELSEWHERE)
    if version > known:
        raise InputError(
            f"the journal {path} was written by a newer xr-agent (schema {version}, this one knows {known})",
            hint="upgrade xr-agent, or give another with --journal FILE",
        )
    return int(version)


def _upgrade(path: Path, migrations: Sequence[Script]) -> None:
    """Carry out what the file lacks, all or nothing, with a copy of what was there made first."""
    with closing(connect(path)) as connection:
        mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        if mode != "wal":
            raise InputError(f"the journal {path} cannot have a write-ahead log here", hint="keep it on a local disk")
        connection.execute("BEGIN IMMEDIATE")
        try:
            version = _version(connection, path, len(migrations))
            if connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
                _backup(path, version)
            for script in migrations[version:]:
                for statement in script:
                    connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION}")
            connection.execute(f"PRAGMA user_version = {len(migrations)}")
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")


def _backup(path: Path, version: int) -> None:
    """``journal.db.schema-1`` beside the journal, as committed; an older copy of that name is replaced."""
    copy = path.with_name(f"{path.name}.schema-{version}")
    copy.unlink(missing_ok=True)
    _make(copy)
    with closing(connect(path, reading=True)) as source, closing(connect(copy)) as target:
        source.backup(target)
