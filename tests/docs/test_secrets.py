"""docs/secrets.md is true: its commands log in with what programs of those names print, asked as they say."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from agent.cli import request
from agent.cli.main import program
from agent.fleet.inventory import command
from agent.fleet.inventory.source import load
from tests.support import Lab

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "secrets.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^\$ (.*)$", PAGE, re.MULTILINE)


@pytest.fixture
def programs(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the PATH with a stand-in for each program, which prints the password where it is asked as on the
    page, and writes down its arguments, one a line."""
    for name in {shlex.split(shlex.split(line)[-1])[0] for line in COMMANDS}:
        path = tmp_path / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(
            f"#!/bin/sh\necho 'a warning' >&2\nprintf '%s\\n' \"$@\" > {tmp_path}/asked-$$\n"
            f"printf '%s\\nuser: ops\\n' '{lab.simulator.password}'\n"
        )
        path.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    return tmp_path


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_logs_in_with_what_the_program_prints(lab: Lab, programs: Path, line: str) -> None:
    devices = [lab.add(release="7.4.1", terminal_rpc="installs") for _ in range(2)]
    rows = [f"r{number},127.0.0.1,{device.port},{device.ssh_port}" for number, device in enumerate(devices)]
    (programs / "routers.csv").write_text("\n".join(["name,host,port,ssh_port", *rows, ""]))
    words = shlex.split(line)[1:]
    given = [str(programs / word) if word == "routers.csv" else word for word in words]
    given[given.index("ops")] = lab.simulator.username
    known = ["--known-hosts", str(lab.known_hosts), "--ssh-config", "/dev/null", "--journal", str(programs / "j.db")]
    done = CliRunner().invoke(program, [*given, *known, "--format", "jsonl"], catch_exceptions=False)
    assert done.stdout.count('"verdict": "affected"') == 2, done.stderr
    assert "a warning" not in done.stderr
    asked = sorted(file.read_text().splitlines() for file in programs.glob("asked-*"))
    arguments = shlex.split(words[-1])[1:]
    each = ["r0", "r1"] if "{name}" in words[-1] else [""]
    assert asked == [[word.replace("{name}", name) for word in arguments] for name in each]


def test_the_inventory_on_the_page_loads(tmp_path: Path) -> None:
    ((name, text),) = re.findall(r"^```yaml (\S+)\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    (tmp_path / name).write_text(text)
    (tmp_path / "hosts.yaml").write_text("r1: {}\n")
    (target,) = load(str(tmp_path / "hosts.yaml"))
    assert str(target.password) == "exec:vault kv get -field=password -mount=secret network/ops"


def test_its_bounds_are_those_of_the_code() -> None:
    assert f"**{command.WITHIN:g} seconds**" in PAGE
    assert f"anew after {command.KEPT / 60:g} minutes" in PAGE
    assert f"than {request._MOST_ASKED} different commands" in PAGE
    assert all(f"`{{{one}}}`" in PAGE for one in command.PLACEHOLDERS)
