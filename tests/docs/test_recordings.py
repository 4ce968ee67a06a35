"""docs/recordings.md is true: its commands are run, and what they print is compared."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from agent.recording.reading import read
from tests.docs import pages
from tests.docs.pages import ROOT, plain
from tests.support import Lab

TEXT = (ROOT / "docs" / "recordings.md").read_text(encoding="utf-8")
(RECORD,) = re.findall(r"```console\n(.*?)```", TEXT, re.DOTALL)
LOOK, REPLAY = re.findall(r"```\n(xr-agent .*?)```", TEXT, re.DOTALL)
(SHOWN,) = re.findall(r"```text\n(.*?)```", TEXT, re.DOTALL)
Run: TypeAlias = Callable[[str], subprocess.CompletedProcess[str]]
_NUMBER = re.compile(r"\d[\d,.]*")


def counted(text: str) -> str:
    """Without what depends on the machine: how its user is called, how long hellos are."""
    return _NUMBER.sub("N", plain(text))


@pytest.fixture
def run(lab: Lab, tmp_path: Path) -> Run:
    device = lab.add(release="7.4.1", terminal_rpc="installs")
    reach = ["--port", str(device.port), "--ssh-port", str(device.ssh_port), "--known-hosts", str(lab.known_hosts)]

    def started(command: str) -> subprocess.CompletedProcess[str]:
        words = command.replace("r1.example", "127.0.0.1").partition(" |")[0].split()[1:]
        more = [*reach, "--ssh-config", os.devnull] if "127.0.0.1" in words else []
        return pages.run([*words, *more], lab, tmp_path)

    return started


def test_a_recording_is_made_and_looked_at_as_the_page_says(run: Run, tmp_path: Path) -> None:
    command, _, expected = RECORD.removeprefix("$ ").partition("\n")
    done = run(command)
    assert done.returncode == 0, done.stderr
    assert counted(done.stdout) == counted(expected)
    found = read(tmp_path / "r1.jsonl.gz")
    assert found.begin.sanitised
    show, check = LOOK.splitlines()
    shown = run(show)
    lines = {counted(line) for line in shown.stdout.splitlines()}
    assert {counted(line) for line in SHOWN.splitlines()} <= lines
    checked = run(check)
    assert checked.returncode in (0, 1), checked.stderr
    assert checked.stderr == ""
    numbers = [int(line.split()[0]) for line in checked.stdout.splitlines() if re.match(r"\d", line)]
    assert len(numbers) < 5
    assert all(1 < number < len(found.events) + 2 for number in numbers)
    as_lines = run("xr-agent recording show r1.jsonl.gz --format jsonl")
    assert len(as_lines.stdout.splitlines()) == len(found.events) + 2
    assess, _, _ = REPLAY.splitlines()
    assessed = run(assess)
    assert (assessed.returncode, "has no answer" in assessed.stderr) == (1, False), assessed.stderr
    assert "affected" in assessed.stdout


def test_a_push_is_recorded_as_the_page_says(run: Run, tmp_path: Path) -> None:
    (command,) = re.findall(r"`(xr-agent push r1[^`]*)`", TEXT)
    done = run(f"{command} --yes --username admin --password-env XR_PASSWORD")
    assert done.returncode == 0, done.stderr
    assert read(tmp_path / "push.jsonl.gz").begin.command == "push"
    _, push, _ = REPLAY.splitlines()
    replayed = run(push)
    assert replayed.returncode == 0, replayed.stderr
    assert "remedied" in replayed.stdout
