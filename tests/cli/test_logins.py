"""A wrong password is tried on three routers, not on three hundred; old routers are reached where that is wanted."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from agent.cli.main import program
from agent.fleet.journal.store import Journal
from agent.model.pki.anchor import TrustAnchor
from tests.cli.lab import VARIABLE, Fleet, Lab
from tests.support import only_cbc

LEGACY = "reached with legacy SSH algorithms"
CONNECTING = ("show", "check", "assess", "plan", "push", "poll")


def run(fleet: Fleet, *words: str, password: str | None = None) -> Any:
    environment = {VARIABLE: password or fleet.lab.simulator.password}
    return CliRunner().invoke(program, fleet.words(*words), env=environment, catch_exceptions=False)


@pytest.mark.parametrize("name", CONNECTING)
def test_every_command_that_connects_has_the_options(name: str) -> None:
    command = program.get_command(click.Context(program), name)
    assert command is not None
    options: dict[str, Any] = {option: param for param in command.params for option in param.opts}
    assert options["--legacy-ssh"].is_flag
    assert options["--login-timeout"].default == 30.0
    assert options["--max-refused-logins"].default == 3


@pytest.mark.parametrize("words", [(), ("--processes", "2")])
def test_a_push_with_a_wrong_password_ends_early_and_goes_on_with_a_right_one(fleet: Fleet, words: tuple[str]) -> None:
    fleet.add(8)
    done = run(fleet, "push", "--yes", *words, password="wrong")
    assert done.exit_code == 1
    assert Counter(fleet.records().values()) == {"failed": 3, "skipped": 5}
    assert "3 failed" in done.stdout
    assert "5 skipped" in done.stdout
    said = " ".join((done.stdout + done.stderr).split())
    assert "was refused 3 times without a success in between" in said
    assert "push --resume" in said
    done = run(fleet, "push", "--resume", "last", "--yes")
    assert done.exit_code == 0, done.stderr
    assert Counter(fleet.records().values()) == {"remedied": 8}


@pytest.mark.parametrize("command", ["assess", "plan"])
def test_the_limit_is_an_option(fleet: Fleet, command: str) -> None:
    fleet.add(4)
    done = run(fleet, command, "--max-refused-logins", "1", "--format", "jsonl", password="wrong")
    assert done.exit_code == 1
    assert done.stdout.count("not tried: the login as") == 3
    with Journal.open(fleet.journal) as journal:
        kinds = Counter(one.error.kind for one in journal.devices(journal.run("last").run) if one.error)
    assert kinds == {"authentication": 1, "login-withheld": 3}


def test_a_poll_says_that_a_router_is_not_tried(fleet: Fleet) -> None:
    fleet.add(5)
    done = run(fleet, "poll", "--interval", "1", "--timeout", "20", password="wrong")
    assert done.exit_code == 1
    said = " ".join(done.stdout.split())
    assert "it is tried again in 60 minutes, or when the credential was changed" in said


def test_an_old_router_is_reached_with_the_option_and_every_view_says_so(fleet: Fleet) -> None:
    fleet.add(2)
    with only_cbc(fleet.lab.simulator):
        done = run(fleet, "plan")
        assert done.exit_code == 1
        assert "--legacy-ssh" in done.stdout + done.stderr
        report = fleet.folder / "report.json"
        done = run(fleet, "assess", "--legacy-ssh", "--report", str(report))
    names = ", ".join(sorted(fleet.records()))
    assert f"2 routers: {LEGACY}  ({names})" in done.stdout
    assert [one["legacy_ssh"] for one in json.loads(report.read_text())["devices"]] == [True, True]
    assert LEGACY not in run(fleet, "assess", "--legacy-ssh").stdout


def test_the_option_is_kept_for_a_resumption(fleet: Fleet) -> None:
    fleet.add(2)
    with only_cbc(fleet.lab.simulator):
        assert run(fleet, "push", "--yes", "--legacy-ssh", password="wrong").exit_code == 1
        done = run(fleet, "push", "--resume", "last", "--yes")
    assert done.exit_code == 0, done.stderr
    assert f"2 routers: {LEGACY}" in done.stdout


@pytest.mark.parametrize("command", CONNECTING)
def test_of_one_router_it_is_said_on_stderr(lab: Lab, tmp_path: Path, command: str) -> None:
    device = lab.add(certificate=TrustAnchor.bundled().pem)
    words = [] if command == "show" else ["--journal", str(tmp_path / "journal.db")]
    words += {"push": ["--yes"], "poll": ["--until", "contacted"]}.get(command, [])
    with only_cbc(lab.simulator):
        done = lab.run(command, device, "--legacy-ssh", *words)
    assert done.exit_code == 0, done.stderr
    assert done.stderr.count(f"127.0.0.1: {LEGACY}") == 1
