"""The journal's writer: on disk before a call returns, one commit for many callers, every failure told to everybody."""

from __future__ import annotations

import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from agent.fleet.journal.tables import connect, prepare
from agent.fleet.journal.writer import Writer
from agent.model.errors import JournalError
from tests.support import eventually


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A journal with a table of the tests' own."""
    path = tmp_path / "journal.db"
    prepare(path)
    with closing(connect(path)) as db:
        db.execute("CREATE TABLE line (number INTEGER)")
    return path


@pytest.fixture
def db(path: Path) -> sqlite3.Connection:
    return connect(path)


@pytest.fixture
def writer(db: sqlite3.Connection) -> Iterator[Writer]:
    writer = Writer(db, most=5)
    yield writer
    writer.close()


def line(number: int) -> Callable[[sqlite3.Connection], object]:
    return lambda db: db.execute("INSERT INTO line VALUES (?)", (number,))


def seen(path: Path) -> list[int]:
    """What another connection sees."""
    with closing(connect(path, reading=True)) as db:
        return [row[0] for row in db.execute("SELECT number FROM line ORDER BY rowid")]


def together(work: Callable[[int], None], number: int) -> None:
    """*work* of each number in a thread of its own, with as many changes of the turn as there can be."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=work, args=(one,)) for one in range(number)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)


def first_error(call: Callable[[], object]) -> Exception:
    """What *call* raises, which is made until then."""
    while True:
        try:
            call()
        except (JournalError, ValueError) as error:
            return error


def test_work_is_on_disk_when_the_call_returns_and_with_it_all_that_came_before(path: Path, writer: Writer) -> None:
    writer.soon(line(1))
    assert writer.do(lambda db: db.execute("SELECT count(*) FROM line").fetchone()[0]) == 1
    assert seen(path) == [1]


def test_what_nobody_waits_for_is_on_disk_soon(path: Path, writer: Writer) -> None:
    writer.soon(line(1))
    assert eventually(lambda: seen(path) == [1])


def test_what_it_commits_is_synced_to_disk(db: sqlite3.Connection) -> None:
    with closing(db):
        settings = [db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]
    assert settings == ["wal", 2]  # 2 is FULL: the log is synced at each commit


def test_many_threads_share_its_commits_and_lose_nothing(path: Path, db: sqlite3.Connection) -> None:
    commits = 0

    def count(text: str) -> None:
        nonlocal commits
        commits += text == "COMMIT"

    db.set_trace_callback(count)
    with closing(Writer(db)) as writer:

        def work(name: int) -> None:
            for number in range(20):
                writer.do(line(name * 100 + number))

        together(work, 50)
    assert sorted(seen(path)) == [name * 100 + number for name in range(50) for number in range(20)]
    assert 0 < commits < 50 * 20 / 2


def test_the_order_of_each_caller_is_kept(path: Path, writer: Writer) -> None:
    def work(name: int) -> None:
        for number in range(20):
            (writer.do if number % 3 == 0 else writer.soon)(line(name * 100 + number))

    together(work, 8)
    writer.do(line(-1))
    for name in range(8):
        mine = [number for number in seen(path) if number // 100 == name]
        assert mine == sorted(mine)
        assert len(mine) == 20


def test_no_more_than_so_many_wait_in_memory(path: Path, writer: Writer) -> None:
    accepted = []
    with closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN IMMEDIATE")

        def work(_: int) -> None:
            for number in range(40):
                writer.soon(line(number))
                accepted.append(number)

        thread = threading.Thread(target=work, args=(0,))
        thread.start()
        assert eventually(lambda: len(accepted) >= 6)
        assert len(accepted) <= 10  # five in the transaction that waits, five behind it
        other.rollback()
        thread.join()
    writer.do(lambda db: None)
    assert seen(path) == list(range(40))


def test_a_full_disk_is_told_to_everybody_who_waits_and_to_all_who_come(db: sqlite3.Connection) -> None:
    full = db.execute("PRAGMA page_count").fetchone()[0]
    db.execute(f"PRAGMA max_page_count = {full}").fetchone()
    told = []
    with closing(Writer(db, most=3)) as writer:

        def work(name: int) -> None:
            failed = first_error(
                lambda: writer.do(lambda db: db.executemany("INSERT INTO line VALUES (?)", [(name,)] * 500))
            )
            told.append(str(failed))

        together(work, 20)
        with pytest.raises(JournalError):
            writer.soon(line(1))
    assert len(told) == 20
    assert all("cannot be written: database or disk is full; nothing further is begun" in text for text in told)


def test_a_failure_undoes_its_transaction_so_that_others_may_write(path: Path, db: sqlite3.Connection) -> None:
    with closing(Writer(db)) as writer:
        writer.do(line(1))

        def half(db: sqlite3.Connection) -> None:
            db.execute("INSERT INTO line VALUES (2)")
            db.execute("INSERT INTO no_such_table VALUES (3)")

        with pytest.raises(JournalError, match="no such table"):
            writer.do(half)
        with closing(connect(path)) as other:
            other.execute("INSERT INTO line VALUES (4)")
    assert seen(path) == [1, 4]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_bug_in_a_work_leaves_nobody_waiting_and_shows_its_traceback_at_the_end(
    path: Path, db: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[threading.ExceptHookArgs] = []
    monkeypatch.setattr(threading, "excepthook", shown.append)

    def bug(db: sqlite3.Connection) -> None:
        raise KeyError("a bug")

    told = []
    with closing(Writer(db, most=3)) as writer:

        def work(name: int) -> None:
            told.append(str(first_error(lambda: writer.do(bug if name == 7 else line(name)))))

        together(work, 10)
    assert len(told) == 10
    assert all("its writer ended" in text for text in told)
    assert [one.exc_type for one in shown] == [KeyError]


def test_a_failure_that_nobody_waited_for_is_told_at_the_end(db: sqlite3.Connection) -> None:
    writer = Writer(db)
    writer.soon(lambda db: db.execute("INSERT INTO no_such_table VALUES (3)"))
    with pytest.raises(JournalError, match="no such table"):
        writer.close()
    writer.close()  # it was told


def test_what_waits_at_the_end_is_written_and_what_comes_later_is_an_error(path: Path, db: sqlite3.Connection) -> None:
    writer = Writer(db, most=3)
    ended, came = threading.Event(), list[int]()

    def work(name: int) -> None:
        if name == 0:
            assert eventually(lambda: len(came) > 10)
            writer.close()
            ended.set()
            return

        def bring() -> None:
            writer.soon(line(name))
            came.append(name)

        late = first_error(bring)
        assert str(late) == "the journal is closed"

    together(work, 8)
    assert ended.is_set()
    assert sorted(seen(path)) == sorted(came)
    with pytest.raises(ValueError, match="the journal is closed"):
        writer.do(line(1))
