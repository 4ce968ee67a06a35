"""docs/deploy.md is true: commands, options, extras, make's targets and the members of an object are there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from agent.cli.main import program
from agent.simulator import Fault, FaultKind, Simulator, rpc_error
from tests.cli.lab import Lab
from tests.packaging.project import ROOT, setup_cfg

PAGE = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"(?:^|`|run --rm )xr-agent ((?:[a-z]+|-)[^`\n>]*)", PAGE, re.MULTILINE)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """Simulated routers, as the tests of commands have them."""
    with Simulator() as simulator:
        yield Lab(simulator, tmp_path / "known_hosts")


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_of_the_page_is_one_that_there_is(line: str) -> None:
    command: click.Command | None = program
    context = click.Context(program, info_name="xr-agent")
    words = line.partition("#")[0].split()
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        command = command.get_command(context, words.pop(0))
    assert command is not None, line
    known = {option for one in command.get_params(context) for option in one.opts}
    assert {word for word in words if word.startswith("-")} <= known | {"-h"}


def test_the_options_that_the_page_names_in_its_text_are_there() -> None:
    context = click.Context(program, info_name="xr-agent")
    every = [program.get_command(context, name) for name in program.list_commands(context)]
    known = {option for command in every if command for one in command.params for option in one.opts}
    named = set(re.findall(r"`(--[a-z-]+)[ `]", PAGE)) - {"--read-only"}  # podman's
    assert named <= known
    assert named


def test_the_extras_and_targets_that_the_page_names_are_there() -> None:
    extras = {name for names in re.findall(r"\[([a-z,]+)\]'", PAGE) for name in names.split(",")}
    every = set(re.split(r", ", re.findall(r"with extras: ([a-z, ]+)", PAGE)[0].strip()))
    assert every == set(setup_cfg()["options.extras_require"]) - {"test", "bench", "dev"}
    assert extras <= every
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert set(re.findall(r"\bmake ([a-z]+)[` ]", PAGE)) <= set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))


def test_an_object_of_stderr_has_the_members_of_the_table_and_no_others(lab: Lab) -> None:
    rows = re.findall(r"^\| (`[^|]+`) \|", PAGE, re.MULTILINE)
    told = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    device = lab.add()
    device.faults.append(Fault("lock", FaultKind.ERROR, rpc_error("lock-denied")))
    done = lab.run("push", device, "--yes", "-v", "--log-json")
    lab.known_hosts.write_text("")
    failed = lab.run("assess", device, "--debug", "--log-json")
    objects = [json.loads(line) for line in (done.stderr + failed.stderr).splitlines()]
    assert set().union(*objects) == told
