"""Completion, as the shells themselves ask for it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from agent.cli.main import program
from agent.fleet.journal.store import Journal
from agent.fleet.results.record import Kind, RunState
from tests.packaging.project import ROOT

_BASH = """
source {script}
COMP_WORDS=({words}) COMP_CWORD={last} COMPREPLY=()
_xr_agent_completion xr-agent
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
_ZSH = """
autoload -Uz compinit && compinit -D -u
source {script}
# Within a completion the two would offer these to the line; here they print them.
compadd() {{ shift 4; print -l -- "${{(P@)1}}"; }}
_describe() {{ local one; for one in "${{(P@)3}}"; do print -- "${{one%%:*}}"; done; }}
words=({words}) CURRENT={count}
_xr_agent_completion
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the command, a script for each shell, a journal and an inventory."""
    folder = tmp_path_factory.mktemp("completion")
    command = folder / "bin" / "xr-agent"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m agent.cli.main "$@"\n')
    command.chmod(0o755)
    for shell in ("bash", "zsh", "fish"):
        done = CliRunner().invoke(program, ["completion", shell])
        assert done.exit_code == 0
        (folder / f"completion.{shell}").write_text(done.stdout)
    (folder / "routers.csv").write_text("name,host,groups\nr1.lon,192.0.2.1,london;core\nr2.par,192.0.2.2,paris;core\n")
    times = iter(datetime(2026, 11, 28, 20, minute, tzinfo=UTC) for minute in range(60))
    with Journal.open(folder / "xr-agent" / "journal.db", now=lambda: next(times)) as journal:
        for kind in (Kind.PLAN, Kind.PUSH):
            log = journal.begin(kind, ["r1.lon", "r2.par"], settings={}, change_ref=None, version="1")
            log.close(RunState.DONE)
    return folder


def require(shell: str) -> None:
    """Skip where the shell is not installed; in CI a skip is a failure."""
    if shutil.which(shell) is None:
        pytest.skip(f"NOT TESTED in {shell}: it is not installed; on Debian: apt install {shell}")


def completed(shell: str, place: Path, line: str) -> list[str]:
    """What *shell* offers for the last word of *line*."""
    require(shell)
    script, words = place / f"completion.{shell}", line.split(" ")
    quoted = " ".join(f"'{word}'" for word in words)
    commands = {
        "bash": ["bash", "--norc", "-c", _BASH.format(script=script, words=quoted, last=len(words) - 1)],
        "zsh": ["zsh", "-f", "-c", _ZSH.format(script=script, words=quoted, count=len(words))],
        "fish": ["fish", "--no-config", "-c", f"source {script}; complete --do-complete '{line}'"],
    }
    path = f"{place / 'bin'}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "XDG_STATE_HOME": str(place), "HOME": str(place), "TERM": "dumb"}
    done = subprocess.run(
        commands[shell], cwd=place, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.stderr == ""
    return [one.partition("\t")[0] for one in done.stdout.split("\n") if one]


def runs(place: Path) -> list[str]:
    with Journal.open(place / "xr-agent" / "journal.db") as journal:
        return [run.run for run in journal.runs(limit=9)]


@pytest.fixture(params=["bash", "zsh", "fish"])
def shell(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


def test_commands_options_and_choices(shell: str, place: Path) -> None:
    assert completed(shell, place, "xr-agent pu") == ["push"]
    assert set(completed(shell, place, "xr-agent push --max")) == {"--max-refused-logins", "--max-failures"}
    assert completed(shell, place, "xr-agent plan --method d") == ["dialog"]
    assert completed(shell, place, "xr-agent recording c") == ["check"]
    assert set(completed(shell, place, "xr-agent completion ")) == {"bash", "zsh", "fish"}


def test_runs_and_what_is_in_them(shell: str, place: Path) -> None:
    newest, oldest = runs(place)
    assert set(completed(shell, place, "xr-agent history ")) == {"last", newest, oldest}
    assert completed(shell, place, f"xr-agent push --resume {oldest[:-1]}") == [oldest]
    assert set(completed(shell, place, f"xr-agent history {newest} --device ")) == {"r1.lon", "r2.par"}


def test_names_and_groups_of_the_inventory_on_the_line(shell: str, place: Path) -> None:
    assert set(completed(shell, place, "xr-agent assess -i routers.csv --group ")) == {"london", "core", "paris"}
    assert completed(shell, place, "xr-agent assess -i routers.csv --limit r2") == ["r2.par"]
    behind_a_comma = completed(shell, place, "xr-agent assess -i routers.csv --limit r2.par,r1")
    assert behind_a_comma == ([] if shell == "fish" else ["r2.par,r1.lon"])  # click's script for fish splits at commas


@pytest.mark.parametrize(
    "line",
    [
        "xr-agent assess --group ",
        "xr-agent assess -i - --group ",
        "xr-agent assess -i /nonexistent/routers.csv --limit ",
        "xr-agent assess -i completion.bash --group ",
        "xr-agent history --journal /nonexistent/journal.db ",
        "xr-agent history --journal routers.csv --device ",
    ],
)
def test_where_nothing_can_be_read_nothing_is_offered_and_nothing_said(place: Path, line: str) -> None:
    assert completed("bash", place, line) == []


def test_a_shell_that_is_none_is_one_line() -> None:
    done = CliRunner().invoke(program, ["completion", "tcsh"])
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    assert "tcsh" in done.stderr
