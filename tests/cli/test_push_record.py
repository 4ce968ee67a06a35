"""push --record: the push is recorded, and neither a bug of the recording nor a full disk harms it."""

from __future__ import annotations

import json
import re
import resource
from pathlib import Path

import pytest
from click.testing import CliRunner

from agent.cli.main import program
from agent.model.pki.anchor import TrustAnchor
from agent.model.telemetry.direction import Direction
from agent.recording.events import How, Message, Opened, Passed
from agent.recording.reading import read
from agent.recording.writing import Writer
from agent.simulator import Fault, FaultKind
from tests.cli.lab import Lab, journal_full, started
from tests.cli.recordings import of, said
from tests.web import served


def test_a_push_is_recorded_as_well(lab: Lab, file: Path) -> None:
    device = lab.add()
    done = lab.run("push", device, "--yes", "--record", str(file), "--format", "json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["outcome"] == "remedied"
    found = read(file)
    assert found.begin.command == "push"
    assert found.end is not None
    assert (found.end.how, found.end.release) == (How.FINISHED, "7.4.1")
    sent = [event.text for event in of(found, Message) if event.direction is Direction.SENT]
    for operation in ("<lock>", "<edit-config>", "<commit>", "<ca-authenticate", "<unlock>", "<close-session/>"):
        assert any(operation in text for text in sent), operation
    assert str(file) in done.stderr
    (authenticate,) = [text for text in sent if "<ca-authenticate" in text]
    assert "<server-name>Trustpool</server-name>" in authenticate


def test_where_the_journal_is_full_the_recording_has_its_end(
    lab: Lab, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal_full(monkeypatch, "ended", 1)
    done = lab.run("push", lab.add(), "--yes", "--record", str(file))
    assert done.exit_code == 1
    end = read(file).end
    assert end is not None
    assert (end.how, end.why) == (
        How.FAILED,
        "the journal cannot be written: database or disk is full; nothing further is begun",
    )
    assert "recorded: " in done.stderr


@pytest.mark.parametrize("release", ["7.4.1", "6.5.3"])
def test_what_was_recorded_is_replayed_as_it_was(lab: Lab, file: Path, release: str) -> None:
    device, pushed = lab.add(release=release), file.with_name("push.rec")
    assert lab.run("record", device, "-o", str(file)).exit_code == 0
    read_live = {command: lab.json(command, device) for command in ("assess", "plan")}
    done = lab.run("push", device, "--yes", "--record", str(pushed), "--format", "json")
    live = json.loads(done.stdout)
    for command, before in read_live.items():
        words = [command, "--replay", str(file), "--format", "json"]
        after = json.loads(CliRunner().invoke(program, words, catch_exceptions=False).stdout)
        for name in ("device", "address"):
            before.pop(name, None)
            after.pop(name, None)
        assert after == before
    words = ["push", "--replay", str(pushed), "--yes", "--format", "json"]
    again = CliRunner().invoke(program, words, catch_exceptions=False)
    assert again.exit_code == 0, again.stderr
    replayed = json.loads(again.stdout)
    assert [(one["step"], one["status"]) for one in replayed["steps"]] == [
        (one["step"], one["status"]) for one in live["steps"]
    ]
    assert replayed["outcome"] == live["outcome"] == "remedied"


def test_a_push_whose_file_the_router_copies_is_recorded_and_replayed(lab: Lab, file: Path) -> None:
    device = lab.add(release="25.2.1", vrfs=("MGMT",))
    with served(TrustAnchor.bundled().pem.encode()) as url:
        wanted = ["--method", "file", "--no-renew", "--yes", "--format", "json", "--pem-url", url, "--fetch-vrf"]
        done = lab.run("push", device, *wanted, "MGMT", "--record", str(file))
        assert done.exit_code == 0, done.stderr
        (vrf,) = {one for event in of(read(file), Message) for one in re.findall("<vrf>(.*?)</vrf>", event.text)}
        assert len(vrf) == len("MGMT")
        assert vrf != "MGMT"
        again = CliRunner().invoke(program, ["push", "--replay", str(file), *wanted, vrf])
    assert again.exit_code == 0, again.stderr
    steps = [json.loads(one.stdout)["steps"] for one in (done, again)]
    assert [one["step"] for one in steps[1]] == [one["step"] for one in steps[0]]
    assert {"fetch", "remove"} <= {one["step"] for one in steps[1] if one["status"] == "done"}


@pytest.mark.parametrize("words", [("--yes",), ("--yes", "--resume", "last")])
def test_a_recording_is_of_one_router_by_this_process(
    lab: Lab, file: Path, tmp_path: Path, words: tuple[str, ...]
) -> None:
    (tmp_path / "hosts").write_text("r1\nr2\n")
    given = ["push", "-i", str(tmp_path / "hosts"), "--record", str(file), *words[:1]]
    done = CliRunner().invoke(program, given, catch_exceptions=False)
    assert done.exit_code == 2
    assert "a recording is of one router" in done.stderr
    done = CliRunner().invoke(program, [*given, "--processes", "2"], catch_exceptions=False)
    assert done.exit_code == 2
    assert "a recording is written by this process" in done.stderr
    assert not file.exists()


def bug(_writer: Writer, event: Passed) -> None:
    if isinstance(event, Message) and "<commit" in event.text:
        raise ValueError("Zq7x")


def test_a_bug_of_the_recording_never_harms_the_push(lab: Lab, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = Writer.__call__

    def fails(self: Writer, event: Passed) -> None:
        bug(self, event)
        write(self, event)

    monkeypatch.setattr(Writer, "__call__", fails)
    device = lab.add()
    done = lab.run("push", device, "--yes", "--record", str(file), "--format", "json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["outcome"] == "remedied"
    (line,) = [line for line in done.stderr.splitlines() if "recording" in line and "warning" in line]
    assert "a bug in xr-agent: ValueError at test_push_record.py:" in line
    assert "Zq7x" not in done.stderr
    found = read(file)
    assert found.end is not None
    assert found.end.how is How.FAILED
    assert "ValueError" in (found.end.why or "")


@pytest.mark.parametrize("command, code, limit", [("push --yes --record", 0, 2**18), ("record -o", 1, 2**16)])
def test_a_full_disk_ends_the_recording_and_not_the_push(
    lab: Lab, file: Path, monkeypatch: pytest.MonkeyPatch, command: str, code: int, limit: int
) -> None:
    device = lab.add(hello_size=2_800_000)
    name, *words = command.split()

    def small_files() -> None:  # large enough for a journal, not for a recording of a long hello
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    given = [name, *lab.words(device), *words, str(file), "--no-sanitise", "--format", "json"]
    with started(lab, *given, preexec_fn=small_files) as process:
        stdout, stderr = process.communicate(timeout=600)
    assert process.returncode == code, stderr
    assert ('"outcome": "remedied"' in stdout) is (name == "push")
    part = file.with_name("r1.rec.part")
    assert f"{file}: File too large; what was recorded until then is in {part}" in stderr
    found = read(part)
    assert found.cut_off
    assert of(found, Opened)
    assert not file.exists()


def test_a_push_whose_recording_cannot_be_made_is_not_begun(lab: Lab, file: Path) -> None:
    device = lab.add()
    done = lab.run("push", device, "--yes", "--record", str(file.parent / "none" / "r1.rec"))
    assert done.exit_code == 2
    assert device.last_session == 0


def test_a_router_dies_in_a_push_that_is_recorded(lab: Lab, file: Path) -> None:
    device = lab.add()
    device.faults.append(Fault("get:smart-agent", FaultKind.DROP_BEFORE))
    done = lab.run("push", device, "--yes", "--record", str(file))
    assert done.exit_code == 1, done.stderr
    found = read(file)
    assert found.end is not None
    assert found.end.how is How.FAILED
    assert found.end.why in done.stderr
    assert any(b"smart-agent" in said(event) for event in found.events)
