"""Where the journal is, who may read it, and what becomes of a file that is none of ours: one clear line, untouched."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from agent.fleet.journal import runlock
from agent.fleet.journal import tables as journalschema
from agent.fleet.journal.runlock import alone
from agent.fleet.journal.store import Journal
from agent.fleet.journal.tables import MIGRATIONS, default_path, prepare
from agent.fleet.results.record import RunState
from agent.model.errors import InputError
from agent.model.unfinished import Unfinished
from tests.fleet.journals import ANCHOR, begin, on_disk, process, remedied

FURTHER = (*MIGRATIONS, ("ALTER TABLE run ADD COLUMN ticket TEXT", "UPDATE run SET ticket = change_ref"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def kept(path: Path, *runs: str) -> None:
    """A journal with runs of these change references."""
    with Journal.open(path) as journal:
        for change_ref in runs:
            with begin(journal, ["r1"], change_ref=change_ref) as log:
                log.ended(remedied("r1"), ANCHOR)
                log.close(RunState.DONE)


def test_it_is_in_the_state_folder_and_for_its_owner_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    before = os.umask(0)
    try:
        with Journal.open() as journal, begin(journal) as log:
            log.begun("r1")
            assert journal.path == tmp_path / "state" / "xr-agent" / "journal.db"
            assert mode(journal.path.parent) == 0o700
            names = sorted(file.name for file in journal.path.parent.iterdir())
            lock = f"journal.db-{log.run}.lock"
            assert names == sorted(["journal.db", "journal.db-shm", "journal.db-wal", lock])
            assert {mode(journal.path.with_name(name)) for name in names} == {0o600}
    finally:
        os.umask(before)


def test_a_journal_is_made_by_one_process_while_others_wait(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with alone(path.parent):
        with monkeypatch.context() as patch:
            patch.setattr(runlock, "LONGEST", 0.05)
            with pytest.raises(InputError, match="another process has been at the journals"):
                Journal.open(path)
        opened = threading.Thread(target=lambda: Journal.open(path).close())
        opened.start()
        assert not path.exists()
    opened.join()
    assert path.exists()


@pytest.mark.parametrize("given", ["", "state", None])
def test_a_state_folder_that_is_not_absolute_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str | None
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    if given is not None:
        monkeypatch.setenv("XDG_STATE_HOME", given)
    assert default_path() == tmp_path / ".local" / "state" / "xr-agent" / "journal.db"


@pytest.mark.usefixtures("nameless")
def test_a_user_without_a_home_is_told_what_to_give(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    with pytest.raises(InputError, match="no home folder") as told:
        Journal.open()
    assert told.value.hint == "set XDG_STATE_HOME"


@pytest.mark.usefixtures("nameless")
def test_a_user_without_a_name_is_kept_by_number(path: Path) -> None:
    kept(path, "CHG1")
    with Journal.open(path) as journal:
        assert journal.run("last").user == str(os.getuid())


def test_a_lock_whose_file_cannot_be_removed_is_given_back_all_the_same(path: Path) -> None:
    held = runlock.RunLock.take(path, "1")
    held.path.rename(f"{held.path}.moved")
    held.path.mkdir()
    held.release(remove=True)
    held.path.rmdir()
    runlock.RunLock.take(path, "1").release(remove=True)
    assert not held.path.exists()


def test_one_file_by_two_names_has_one_set_of_locks(path: Path) -> None:
    link = path.with_name("link.db")
    link.symlink_to(path)
    with (
        Journal.open(path) as one,
        Journal.open(link) as other,
        begin(one) as log,
        pytest.raises(InputError, match="in use"),
    ):
        other.resume(log.run)


def test_a_newer_journal_is_left_untouched(path: Path) -> None:
    kept(path, "CHG1")
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 7")
    before = path.read_bytes()
    for create in (True, False):
        with pytest.raises(InputError, match=r"written by a newer xr-agent \(schema 7, this one knows \d\)") as told:
            Journal.open(path, create=create)
        assert told.value.hint is not None
        assert "upgrade" in told.value.hint
    assert path.read_bytes() == before


def test_a_migration_keeps_all_and_makes_a_copy_first(path: Path) -> None:
    kept(path, "CHG1", "CHG2")
    before = path.read_bytes()
    prepare(path, migrations=FURTHER)
    assert on_disk(path, "SELECT ticket FROM run ORDER BY seq") == ["CHG1", "CHG2"]
    assert on_disk(path, "PRAGMA user_version") == [len(FURTHER)]
    assert on_disk(path, "SELECT word FROM device") == ["remedied", "remedied"]
    copy = path.with_name(f"journal.db.schema-{len(MIGRATIONS)}")
    assert mode(copy) == 0o600
    with Journal.open(copy) as journal:
        assert [run.change_ref for run in journal.runs()] == ["CHG2", "CHG1"]
    assert len(before) <= path.stat().st_size
    prepare(path, migrations=FURTHER)  # there is nothing more to do
    with pytest.raises(InputError, match="newer"):
        Journal.open(path)


def test_a_journal_of_version_0_gets_the_tables_of_today(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:  # SYNTHETIC: no xr-agent wrote a version 0
        db.execute(f"PRAGMA application_id = {journalschema.APPLICATION}")
        db.execute("CREATE TABLE note (text TEXT)")
        db.execute("INSERT INTO note VALUES ('kept')")
        db.commit()
    kept(path, "CHG1")
    assert on_disk(path, "SELECT text FROM note") == ["kept"]
    assert on_disk(path, "PRAGMA user_version") == [len(MIGRATIONS)]
    assert on_disk(path.with_name("journal.db.schema-0"), "SELECT text FROM note") == ["kept"]


def test_a_journal_of_the_first_version_goes_on_with_its_runs(path: Path) -> None:
    prepare(path, migrations=MIGRATIONS[:1])
    with closing(sqlite3.connect(path)) as db:
        db.execute("INSERT INTO run (run, kind, settings) VALUES ('20261101-000000-aaaa', 'push', '{}')")
        db.execute("INSERT INTO attempt VALUES (1, 1, 'ops', 'noc', 1, '0.1', 'stopped', '2026-11-01T00:00:00Z', NULL)")
        db.execute("INSERT INTO device (run, place, name, word) VALUES (1, 0, 'r1', 'doubtful')")
        db.commit()
    with Journal.open(path) as journal:
        with journal.resume("last") as log:
            assert log.doubtful() == ["r1"]
            log.unfinished("r1", Unfinished("Trustpool", None, "enrollment terminal"))
            log.close(RunState.STOPPED)
        assert journal.trail("last", "r1")[1].unfinished == Unfinished("Trustpool", None, "enrollment terminal")


def test_a_migration_that_fails_leaves_the_journal_as_it_was(path: Path) -> None:
    kept(path, "CHG1")
    with pytest.raises(InputError, match="no such column"):
        prepare(path, migrations=(*FURTHER, ("UPDATE run SET owner = 1",)))
    with Journal.open(path) as journal:
        assert journal.run("last").change_ref == "CHG1"


def test_a_migration_waits_for_nobody_and_takes_along_what_is_not_in_the_main_file_yet(path: Path) -> None:
    with Journal.open(path) as journal, begin(journal, ["r1"], change_ref="CHG1") as log:
        log.begun("r1")  # still in the write-ahead log
        prepare(path, migrations=FURTHER)
        log.close(RunState.DONE)
    assert on_disk(path.with_name(f"journal.db.schema-{len(MIGRATIONS)}"), "SELECT word FROM device") == ["doubtful"]
    assert on_disk(path, "SELECT ticket FROM run") == ["CHG1"]


@pytest.mark.parametrize(
    "content, why",
    [
        (b"hosts:\n  r1:\n    port: 830\n" * 100, "file is not a database"),
        (b"x", "file is not a database"),
        (b"SQLite format 3\x00" + b"\xff" * 4000, "file is not a database"),
    ],
)
def test_a_file_of_another_kind_is_refused_and_untouched(path: Path, content: bytes, why: str) -> None:
    path.write_bytes(content)
    with pytest.raises(InputError, match=why):
        Journal.open(path)
    assert path.read_bytes() == content


def test_the_database_of_another_program_is_refused_and_untouched(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE moz_places (url TEXT)")
    before = path.read_bytes()
    with pytest.raises(InputError, match="the database of another program"):
        Journal.open(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("damage", ["cut off", "overwritten", "another word"])
def test_a_damaged_journal_is_told_when_what_is_damaged_is_read(path: Path, damage: str) -> None:
    kept(path, *(f"CHG{number}" for number in range(200)))
    content = path.read_bytes()
    if damage == "cut off":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "overwritten":
        path.write_bytes(content[:4096] + b"\xa5" * (len(content) - 4096))
    else:
        path.write_bytes(content.replace(b"remedied", b"rem\xff\xffied").replace(b'"steps"', b'"st\\ps"'))

    def read() -> None:
        with Journal.open(path) as journal:
            for run in journal.runs(limit=1000):
                list(journal.devices(run.run))

    with pytest.raises(InputError, match=str(path)) as told:
        read()
    assert told.value.hint is not None
    assert "--journal FILE" in told.value.hint


def test_a_folder_in_place_of_the_file(path: Path) -> None:
    path.mkdir()
    with pytest.raises(InputError, match="is a folder"):
        Journal.open(path)


def test_what_is_no_regular_file(path: Path) -> None:
    os.mkfifo(path)
    for other in (path, Path("/dev/full")):
        with pytest.raises(InputError, match="no regular file"):
            Journal.open(other)


def test_a_regular_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    with pytest.raises(InputError, match="Not a directory"):
        Journal.open(tmp_path / "state" / "xr-agent" / "journal.db")


@contextmanager
def without_privileges() -> Iterator[Path]:
    """A folder of an ordinary user, who this process is for as long as the block lasts: chmod does not bind root."""
    folder = Path(tempfile.mkdtemp())
    root = os.geteuid() == 0
    try:
        if root:
            os.chown(folder, 65534, 65534)
            os.seteuid(65534)
        yield folder
    finally:
        if root:
            os.seteuid(0)
        folder.chmod(0o700)
        shutil.rmtree(folder)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    with without_privileges() as folder:
        folder.chmod(0o500)
        with pytest.raises(InputError, match="Permission denied") as told:
            Journal.open(folder / "xr-agent" / "journal.db")
    assert told.value.hint == "give another with --journal FILE"


def test_a_journal_that_cannot_be_written_is_told_before_anything_begins() -> None:
    with without_privileges() as folder:
        path = folder / "journal.db"
        kept(path, "CHG1")
        folder.chmod(0o500)
        with pytest.raises(InputError, match="attempt to write a readonly database"):
            Journal.open(path)
        folder.chmod(0o700)
        path.chmod(0o400)
        with Journal.open(path) as journal:
            with pytest.raises(InputError, match="attempt to write a readonly database"):
                begin(journal)
            assert len(list(journal.runs())) == 1
        assert not list(folder.glob("*.lock"))


def test_a_full_disk_is_told_before_anything_begins(path: Path) -> None:
    code = """
        import resource
        for limit in (0, 8192, 60000):
            try:
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
                with Journal.open(path) as journal, begin(journal, (f"r{number}" for number in range(5000))):
                    print("began")
            except AgentError as error:
                print(type(error).__name__, error)
    """
    with process(code, path) as ended:
        said, trouble = ended.communicate()
    assert trouble == ""
    lines = said.splitlines()
    assert len(lines) == 3
    assert all(line.startswith("InputError the journal ") and "disk I/O error" in line for line in lines)


def test_a_journal_that_is_only_to_be_read_is_not_made(path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        Journal.open(path, create=False)
    assert not path.exists()
