"""The systemd unit and the Containerfile: what they start is there, and they allow no more than that needs."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import site
import subprocess
import sys
from pathlib import Path

import click
import pytest

from agent.cli.main import program
from agent.fleet.journal.tables import default_path
from agent.simulator import Simulator
from tests.cli.lab import VARIABLE, Lab
from tests.packaging.project import ROOT, copy, make_venv, pip, run

UNIT = ROOT / "templates" / "xr-agent-poll.service"
CONTAINER = ROOT / "Containerfile"


def settings() -> dict[str, list[str]]:
    """The unit's settings; lines that go on are one."""
    text = re.sub(r"\\\n\s*", "", UNIT.read_text(encoding="utf-8"))
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE):
        found.setdefault(name, []).append(value)
    return found


def analyze(*words: str | Path) -> subprocess.CompletedProcess[str]:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("NOT TESTED by systemd-analyze: it is not installed; on Debian: apt install systemd")
    command = ["systemd-analyze", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit with a command that is there in the place of the one in /opt."""
    command = tmp_path / "xr-agent"
    command.write_text("#!/bin/sh\n")
    command.chmod(0o755)
    path = tmp_path / UNIT.name
    path.write_text(UNIT.read_text(encoding="utf-8").replace("/opt/xr-agent/bin/xr-agent", str(command)))
    return path


def test_systemd_understands_every_line_of_the_unit(unit: Path) -> None:
    done = analyze("verify", "--man=no", unit)
    assert (done.returncode, done.stderr) == (0, "")


def test_systemd_finds_little_that_the_unit_may_do(unit: Path) -> None:
    done = analyze("security", "--offline=true", "--threshold=15", "--no-pager", unit)
    assert done.returncode == 0, done.stdout


def test_the_unit_starts_a_command_that_there_is_with_options_that_it_has() -> None:
    (line,) = settings()["ExecStart"]
    given = {"CONFIGURATION_DIRECTORY": "/etc/xr-agent", "CREDENTIALS_DIRECTORY": "/run/credentials"}
    _, name, *words = shlex.split(re.sub(r"\$\{(\w+)\}", lambda match: given[match[1]], line))
    command = program.get_command(click.Context(program), name)
    assert command is not None
    context = command.make_context(name, words)
    assert context.params["metrics"] == "127.0.0.1:9464"
    assert not any("password" in word and not word.startswith(("--", "/run")) for word in words)


def test_the_journal_of_the_service_is_in_its_state_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    found = settings()
    (environment,), (state,) = found["Environment"], found["StateDirectory"]
    name, _, value = environment.partition("=")
    monkeypatch.setenv(name, value)
    assert default_path().parent == Path("/var/lib", state)


_DENIED = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(65, 1, 0, 0, 0)  # PR_SET_MDWE, of Linux 6.3; what is older allows it
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


def test_a_poll_needs_no_memory_that_is_written_and_run(tmp_path: Path) -> None:
    """As MemoryDenyWriteExecute= has it; foreign functions of libraries are where that might be wanted."""
    with Simulator() as simulator:
        lab = Lab(simulator, tmp_path / "known_hosts")
        words = lab.words(lab.add(enrollment="terminal"))
        ends = ("--until", "authorized", "--interval", "0.1", "--metrics", "127.0.0.1:0", "--quiet", "--log-json")
        command = [sys.executable, "-c", _DENIED, "-m", "agent.cli.main", "poll", *words, *ends]
        environment = {**os.environ, VARIABLE: simulator.password, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def instructions() -> list[tuple[str, str]]:
    """The Containerfile's instructions; lines that go on are one."""
    text = re.sub(r"^#.*\n", "", CONTAINER.read_text(encoding="utf-8"), flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines) if word]


def test_the_image_is_of_a_user_that_is_not_root_and_keeps_its_state_in_the_volume() -> None:
    last = dict(instructions())
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", last["USER"])
    assert "XDG_STATE_HOME=/var/lib" in last["ENV"].split()
    assert last["VOLUME"] == "/var/lib/xr-agent"
    assert json.loads(last["ENTRYPOINT"]) == ["xr-agent"]
    order = [word for word, _ in instructions()]
    assert order.index("VOLUME") > order.index("USER") > max(index for index, word in enumerate(order) if word == "RUN")


def test_what_the_image_is_built_of_is_enough(tmp_path: Path) -> None:
    """What its COPY lines bring, installed as its RUN line does, is the command; libraries are those of this Python."""
    everything, source = copy(tmp_path / "everything"), tmp_path / "source"
    source.mkdir()
    for word, rest in instructions():
        *names, target = rest.split()
        if word == "COPY" and not names[0].startswith("--"):
            for name in names:
                given = everything / name
                (shutil.copytree if given.is_dir() else shutil.copy)(
                    given, source / (target if given.is_dir() else name)
                )
    python = make_venv(tmp_path / "venv")
    pip(python, "install", "--no-deps", source)
    (packages,) = (tmp_path / "venv" / "lib").glob("python*/site-packages")
    (packages / "libraries.pth").write_text("\n".join(site.getsitepackages()) + "\n", encoding="utf-8")
    (entry,) = (json.loads(rest) for word, rest in instructions() if word == "ENTRYPOINT")
    assert "0.1.0" in run(python.with_name(entry[0]), "--version", cwd=tmp_path)


def test_hadolint_finds_nothing_in_the_containerfile() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    assert run(hadolint, "--failure-threshold", "style", CONTAINER, cwd=ROOT) == ""
