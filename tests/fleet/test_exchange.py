"""Journals of several people brought together: each run once, with its id, and nothing of what is no whole file."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from agent.fleet.journal import exchange
from agent.fleet.journal.exchange import Brought
from agent.fleet.journal.store import Journal
from agent.fleet.journal.tables import MIGRATIONS
from agent.fleet.results.record import Kind, RunState
from agent.fleet.run.job import seen
from agent.model.errors import InputError
from agent.model.unfinished import Unfinished
from tests.fleet.journals import ANCHOR, BEGIN, Ticks, away, begin, done, on_disk, remedied, started
from tests.remedy.states import state

Line = dict[str, Any]


def pushed(path: Path, *names: str, clock: Ticks | None = None, change_ref: str = "CHG1") -> str:
    """A journal's further run, whose first router is remedied, the second failed, and the others not begun."""
    places = dict.fromkeys(names, ("London", ("core", "pe")))
    given: dict[str, Any] = {"settings": {"password": "env:XR_PASSWORD"}, "change_ref": change_ref, "places": places}
    with Journal.open(path, now=clock or Ticks()) as journal, begin(journal, names, **given) as log:
        log.begun(names[0], "canary")
        log.state(names[0], "before", seen(state()))
        log.state(names[0], "held", {"subject": "CN=old", "pem": "-----BEGIN CERTIFICATE-----"})
        log.event(started(names[0], "commit", "on trial for 120 s"))
        log.event(done(names[0], "commit", "committed"))
        log.unfinished(names[0], Unfinished("Trustpool", None, "enrollment terminal"))
        log.ended(remedied(names[0]), ANCHOR)
        for name in names[1:2]:
            log.ended(away(name), ANCHOR)
        log.close(RunState.STOPPED)
    return log.run


def export(path: Path, *runs: str) -> bytes:
    out = BytesIO()
    Journal.open(path, create=False).export(out, runs)
    return out.getvalue()


def bring(path: Path, data: bytes) -> Brought:
    with Journal.open(path) as journal:
        return journal.bring(BytesIO(data), "file")


def held(path: Path, run: str) -> tuple[Any, ...]:
    """All that a journal has of a run."""
    journal = Journal.open(path, create=False)
    names = [one.device for one in journal.devices(run)]
    return journal.run(run), journal.attempts(run), [journal.trail(run, name) for name in names]


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    return tmp_path / "mine.db"


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    return tmp_path / "theirs.db"


def test_a_run_comes_over_with_its_id_and_all_that_was_kept_of_it(mine: Path, theirs: Path) -> None:
    runs = [pushed(theirs, "r1", "r2", "r3"), pushed(theirs, "r4")]
    own = pushed(mine, "r1")
    assert bring(mine, export(theirs)) == Brought(new=runs)
    for run in runs:
        assert held(mine, run) == held(theirs, run)
    record, trail = Journal.open(mine).trail(runs[0], "r1")
    assert (record.site, record.groups, record.batch) == ("London", ("core", "pe"), "canary")
    assert trail.before is not None
    assert trail.before["held"][0]["subject"] == "CN=old"
    assert {one.run for one in Journal.open(mine).runs(device="r1")} == {own, runs[0]}


def test_what_is_there_with_the_same_content_is_nothing_new(mine: Path, theirs: Path) -> None:
    run = pushed(theirs, "r1", "r2")
    data = export(theirs)
    assert bring(mine, data).new == [run]
    before = held(mine, run)
    assert bring(mine, data) == Brought(known=[run])
    assert bring(theirs, export(mine)) == Brought(known=[run]), "nor where it comes from"
    assert held(mine, run) == before
    assert on_disk(mine, "SELECT count(*) FROM step") == on_disk(theirs, "SELECT count(*) FROM step")


def test_what_is_there_with_other_content_stays_and_is_said_and_the_others_come(mine: Path, theirs: Path) -> None:
    run = pushed(theirs, "r1", "r2")
    assert bring(mine, export(theirs)).new == [run]
    before = held(mine, run)
    with Journal.open(theirs, now=Ticks()) as journal, journal.resume(run) as log:
        log.ended(remedied("r2"), ANCHOR)
        log.close(RunState.DONE)
    further = pushed(theirs, "r9")
    assert bring(mine, export(theirs)) == Brought(new=[further], other=[run])
    assert held(mine, run) == before


def test_runs_of_several_people_stand_in_the_order_of_their_times_and_last_is_ones_own(
    mine: Path, theirs: Path
) -> None:
    def at(hour: int) -> Ticks:
        ticks = Ticks()
        ticks.now = BEGIN.replace(hour=hour)
        return ticks

    first, third = pushed(theirs, "r1", clock=at(1)), pushed(theirs, "r1", clock=at(3))
    second = pushed(mine, "r1", clock=at(2))
    bring(mine, export(theirs))
    journal = Journal.open(mine)
    assert [one.run for one in journal.runs()] == [third, second, first]
    assert journal.run("last").run == second
    assert journal.resumable("last", kind=Kind.PUSH).run == second
    assert Journal.open(theirs).run("last").run == third


def test_only_the_runs_that_are_named_go(mine: Path, theirs: Path) -> None:
    one, _ = pushed(theirs, "r1"), pushed(theirs, "r2")
    assert bring(mine, export(theirs, one)).new == [one]
    with pytest.raises(InputError, match="the journal has no run 1970"):
        export(theirs, "1970")


def test_a_run_that_is_under_way_is_left_out_and_one_whose_process_died_goes_as_lost(mine: Path, theirs: Path) -> None:
    with Journal.open(theirs) as journal:
        lost = begin(journal, ["r1"])
        lost.begun("r1")
        with lost:
            pass  # left without its end
        with begin(journal, ["r1"]) as log:
            out = BytesIO()
            assert journal.export(out) == ([lost.run], [log.run])
            log.close(RunState.DONE)
    bring(mine, out.getvalue())
    assert Journal.open(mine).run(lost.run).state is RunState.LOST


def signed(lines: list[Line]) -> bytes:
    """An export of these lines, its head among them, with the end that fits."""
    texts = [json.dumps(line).encode() + b"\n" for line in lines]
    end = {"end": True, "lines": len(texts) - 1, "sha256": hashlib.sha256(b"".join(texts[1:])).hexdigest()}
    return b"".join((*texts, json.dumps(end).encode() + b"\n"))


def changed(change: Callable[[list[Line]], object]) -> Callable[[bytes], bytes]:
    """What somebody makes of an export who knows how its end is made."""

    def damage(data: bytes) -> bytes:
        lines = [json.loads(line) for line in data.splitlines()][:-1]
        change(lines)
        return signed(lines)

    return damage


DAMAGED: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda data: b"", "is damaged: it ends early"),
    "nothing of ours": (lambda data: b"name,host\nr1,192.0.2.1\n", "is damaged: a line is no JSON"),
    "other JSON": (lambda data: b'{"run": {}}\n', "is no journal's export"),
    "a list": (lambda data: b"[]\n", "is damaged: a line is no JSON object"),
    "a journal itself": (lambda data: b"SQLite format 3\x00" + bytes(1000), "is damaged: it ends early"),
    "cut off at a line": (lambda data: b"".join(data.splitlines(keepends=True)[:-1]), "it ends early"),
    "cut off within one": (lambda data: data[:-60], "it ends early"),
    "a byte changed": (lambda data: data.replace(b"no answer", b"no anwser"), "its content is not what was written"),
    "more behind it": (lambda data: data + b"{}\n", "it goes on behind its end"),
    "packed and cut off": (lambda data: gzip.compress(data)[:-20], "is damaged: "),
    "packed and changed": (lambda data: gzip.compress(data)[:-8] + bytes(8), "is damaged: "),
    "newer": (
        changed(lambda lines: lines[0].update(schema=len(MIGRATIONS) + 1)),
        r"was written by a newer xr-agent \(schema \d, this one knows \d\)",
    ),
    "no schema": (changed(lambda lines: lines[0].pop("schema")), "its first line says no schema"),
    "a run called otherwise": (
        changed(lambda lines: lines[1]["run"].update(run="../../x")),
        "it holds what no xr-agent wrote",
    ),
    "an unknown command": (changed(lambda lines: lines[1]["run"].update(kind="reload")), "what no xr-agent wrote"),
    "an unknown member": (changed(lambda lines: lines[2]["device"].update(id=1)), "what no xr-agent wrote"),
    "nobody's run": (changed(lambda lines: lines[1].update(attempts=[])), "what no xr-agent wrote"),
    "a router twice": (changed(lambda lines: lines.append(lines[2])), "what no xr-agent wrote"),
    "a router of no run": (changed(lambda lines: lines.pop(1)), "what no xr-agent wrote"),
    "a time that is none": (changed(lambda lines: lines[2]["steps"][0].__setitem__(1, "soon")), "no xr-agent wrote"),
    "a huge number": (changed(lambda lines: lines[2]["device"].update(place=2**70)), "what no xr-agent wrote"),
    "a list for a text": (changed(lambda lines: lines[2]["device"].update(name=["r1"])), "what no xr-agent wrote"),
    "a result that is none": (changed(lambda lines: lines[2]["device"].update(plain="{}")), "no xr-agent wrote"),
    "a password": (
        changed(lambda lines: lines[1]["run"].update(settings='{"password": "hunter2"}')),
        "what no xr-agent wrote",
    ),
}


@pytest.mark.parametrize("damage, said", DAMAGED.values(), ids=DAMAGED)
def test_of_a_file_that_is_no_whole_export_nothing_comes_in(
    mine: Path, theirs: Path, damage: Callable[[bytes], bytes], said: str
) -> None:
    pushed(theirs, "r1", "r2")
    own = pushed(mine, "r5")
    data = damage(export(theirs))
    with pytest.raises(InputError, match=said) as told:
        bring(mine, data)
    assert "\n" not in str(told.value)
    assert "hunter2" not in str(told.value)
    assert [one.run for one in Journal.open(mine).runs()] == [own]


def test_the_last_run_is_not_resumed_where_that_is_somebody_elses(mine: Path, theirs: Path) -> None:
    run = pushed(theirs, "r1", "r2")
    bring(mine, export(theirs))
    journal = Journal.open(mine)
    assert journal.run("last").run == run
    with pytest.raises(InputError, match="the journal has no push yet"):
        journal.resumable("last", kind=Kind.PUSH)
    assert journal.resumable(run, kind=Kind.PUSH).run == run, "by its id it is meant"


def test_a_packed_file_and_one_of_an_older_version_come_in(mine: Path, theirs: Path) -> None:
    run = pushed(theirs, "r1", "r2")

    def older(lines: list[Line]) -> None:
        lines[0].update(schema=1)
        for line in lines[2:]:
            for name in ("unfinished", "legacy_ssh", "site", "groups"):
                del line["device"][name]

    data = gzip.compress(changed(older)(export(theirs)))
    assert bring(mine, data).new == [run]
    record, trail = Journal.open(mine).trail(run, "r1")
    assert (record.word, record.site, record.groups, trail.unfinished) == ("remedied", None, (), None)


@pytest.mark.parametrize("kind", [BrokenPipeError, OSError])
def test_where_the_file_cannot_be_written_the_journal_is_not_blamed(theirs: Path, kind: type[OSError]) -> None:
    class Out(BytesIO):
        def write(self, _: Any, /) -> int:
            raise kind("of the file")

    pushed(theirs, "r1")
    with pytest.raises(kind, match="of the file"):
        Journal.open(theirs).export(Out())


def test_no_password_of_a_url_travels(mine: Path, theirs: Path) -> None:
    pushed(theirs, "r1", change_ref="http://ops:hunter2@ca.example/")
    assert b"hunter2" not in export(theirs)


def test_every_column_of_the_tables_travels_but_their_keys(mine: Path) -> None:
    with Journal.open(mine):
        pass
    kept = {"run": exchange._RUN, "attempt": exchange._ATTEMPT, "device": exchange._DEVICE, "step": exchange._STEP}
    keys = {"run": {"seq", "imported"}, "attempt": {"run"}, "device": {"id", "run"}, "step": {"seq", "device"}}
    for table, names in kept.items():
        columns = set(on_disk(mine, "SELECT name FROM pragma_table_info(?)", table))
        assert columns - keys[table] == set(names), table
