"""recording show and recording check: what is in a file, what is not whole, and what is left of anybody's."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from agent.cli.main import program
from agent.model.telemetry.direction import Direction
from agent.recording.events import Begin, End, How, Message, Opened, Passed, Terminal, Way
from agent.recording.reading import read
from agent.recording.writing import Writer
from tests.cli.lab import Lab
from tests.cli.schemas import check


def shown(*words: str) -> Any:
    return CliRunner().invoke(program, ["recording", *words], catch_exceptions=False)


def test_show_prints_the_whole(lab: Lab, file: Path) -> None:
    lab.run("record", lab.add(), "-o", str(file))
    done = shown("show", str(file))
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert lines[0].startswith("recording of record, version 1, made ")
    for text in (
        " 1 netconf opened",
        " 1 netconf received",
        " 2 cli sent",
        " 3 sftp list /misc/disk1, ",
        " ended: finished",
    ):
        assert any(line.endswith(text) or text in line for line in lines), text
    assert "    show crypto ca trustpool" in lines
    assert "      <capabilities>" in lines
    assert "  release 7.4.1" in lines
    as_lines = [json.loads(line) for line in shown("show", str(file), "--format", "jsonl").stdout.splitlines()]
    for one in as_lines:
        check("recording", one)
    assert (as_lines[0]["event"], as_lines[-1]["event"]) == ("begin", "end")
    assert len(as_lines) == len(read(file).events) + 2


def test_show_spells_what_acts_on_a_terminal(file: Path) -> None:
    from tests.recording.test_file import BEGIN, end

    writer = Writer(file, BEGIN)
    writer(Opened(at=0.0, session=1, way=Way.CLI, banner=("\x1b[2J",), failed="x\n9 forged"))
    writer(Message(at=0.0, session=1, direction=Direction.SENT, text="<a>\x1b[31m</a>\u202e"))
    writer(Terminal(at=0.0, session=1, direction=Direction.RECEIVED, text="a\rb\x07\r\nc"))
    writer(Terminal(at=0.0, session=1, direction=Direction.RECEIVED, base64="/xs="))
    writer.end(end())
    done = shown("show", str(file))
    assert all(sign not in done.stdout for sign in "\x1b\x07\r\u202e")
    assert "    a\\x0db\\x07" in done.stdout.splitlines()
    assert "    \\xff\\x1b" in done.stdout.splitlines()
    assert "\n9 forged" not in done.stdout
    assert "it is not sanitised" in done.stderr
    assert shown("show", str(file), "--format", "jsonl").stdout.isascii()


def test_show_says_what_is_not_whole(lab: Lab, file: Path) -> None:
    lab.run("record", lab.add(), "-o", str(file))
    file.write_bytes(file.read_bytes()[:-200])
    done = shown("show", str(file))
    assert done.exit_code == 0
    assert "it is cut off" in done.stderr
    assert "cut off: it is cut off" in done.stdout


@pytest.mark.parametrize("data", [b"hello\n", b"hello", gzip.compress(b"hello", mtime=0), b'{"event": "end"}', b"{}"])
def test_what_is_no_recording_is_wrong_use(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x").write_bytes(data)
    done = shown("show", str(tmp_path / "x"))
    assert done.exit_code == 2
    assert "it is no recording" in done.stderr


@pytest.mark.parametrize(
    "data", [b'{"event":"be', b'{ "event": "begin", "version": 1, "ma', gzip.compress(b"{", mtime=0)]
)
def test_a_recording_that_is_cut_off_in_its_first_line_is_said_to_be(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x").write_bytes(data)
    assert "it is cut off in the middle of a line" in shown("show", str(tmp_path / "x")).stderr


def suspect(*events: Passed, path: Path, sanitised: bool = True) -> Path:
    begin = Begin(version=1, made="2026-11-29T08:00:00Z", by="xr-agent 0", command="record", sanitised=sanitised)
    writer = Writer(path, begin)
    for event in events:
        writer(event)
    return writer.end(lambda: End(at=1.0, how=How.FINISHED, standins={"host name": ("zoudpc",)}))


HARMLESS = Terminal(at=0.0, session=1, direction=Direction.RECEIVED, text="RP/0/RP0/CPU0:zoudpc#")
LEAKS = [
    ("password", "username x\r\n password 7 0822455D0A16"),
    ("private key", "-----BEGIN RSA PRIVATE KEY-----\nMIIE"),
    ("address", "interface MgmtEth0\n ipv4 address 10.20.30.41 255.255.255.0"),
]


@pytest.mark.parametrize("what, text", LEAKS)
def test_check_finds_what_is_left_and_says_where(file: Path, what: str, text: str) -> None:
    leak = Terminal(at=0.0, session=1, direction=Direction.RECEIVED, text=f"ok\n{text}\n")
    suspect(HARMLESS, leak, path=file)
    done = shown("check", str(file), "--format", "json")
    assert done.exit_code == 1
    found = json.loads(done.stdout)
    for one in found:
        check("finding", one)
    assert {one["event"] for one in found} == {3}
    assert what in {one["what"] for one in found}
    assert min(one["line"] for one in found) >= 2
    table = shown("check", str(file)).stdout
    assert what in table


def test_check_finds_nothing_where_there_is_nothing(file: Path) -> None:
    suspect(HARMLESS, path=file)
    done = shown("check", str(file))
    assert (done.exit_code, done.stdout.strip(), done.stderr) == (0, "nothing was found", "")
    assert json.loads(shown("check", str(file), "--format", "json").stdout) == []


@pytest.mark.parametrize("how", ["part", "cut off", "no end line"])
def test_check_of_what_is_not_ended_cannot_know_and_says_so(file: Path, how: str) -> None:
    early = Message(at=0.0, session=1, direction=Direction.RECEIVED, text="<a>somebody</a>")
    suspect(early, HARMLESS, path=file)
    lines = gzip.decompress(file.read_bytes()).splitlines(keepends=True)
    if how == "part":
        file = file.with_name("r1.rec.part")
        file.write_bytes(gzip.compress(b"".join(lines[:2])))
    else:
        file.write_bytes(b"".join(lines[:-1]) + (lines[-1][:40] if how == "cut off" else b""))
    done = shown("check", str(file))
    assert done.exit_code == 1
    assert "nothing was found" not in done.stdout
    said = " ".join(done.stdout.split())
    assert "not ended" in said
    *found, last = json.loads(shown("check", str(file), "--format", "json").stdout)
    check("finding", last)
    assert (last["event"], last["what"]) == (2 if how == "part" else 3, "not ended")
    assert "learned late" in last["text"]
    assert "no list of the stand-ins" in last["text"]
    assert [one["text"] for one in found] == ([] if how == "part" else ["zoudpc"])


def test_check_says_what_is_not_sanitised(file: Path) -> None:
    suspect(HARMLESS, path=file, sanitised=False)
    assert "it is not sanitised" in shown("check", str(file)).stderr
