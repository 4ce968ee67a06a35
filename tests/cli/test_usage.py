"""What a command says of itself: options in groups, exit codes, at 80 columns; and how quiet it can be."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import click
import cloup
import pytest
from click.testing import CliRunner

import agent
from agent.cli import options
from agent.cli.main import program
from agent.cli.usage.command import Command
from agent.simulator import Fault, FaultKind
from scripts.man import commands, words
from tests.cli.lab import Fleet, Lab

ALL = {words(context): (context, command) for context, command in commands()}
LEAVES = [name for name, (_, command) in ALL.items() if not isinstance(command, click.Group)]


def told(*words: str, width: int = 80) -> str:
    """The help, as a terminal of so many columns has it."""
    done = CliRunner().invoke(program, [*words, "--help"], terminal_width=width, catch_exceptions=False)
    assert done.exit_code == 0
    return done.output


@pytest.mark.parametrize("path", ALL)
@pytest.mark.parametrize("width", [80, 60])
def test_no_line_of_the_help_is_wider_than_the_terminal(path: str, width: int) -> None:
    words = path.split()[1:]
    context = click.Context(program, info_name="xr-agent", terminal_width=width, max_content_width=100)
    long = [line for line in told(*words, width=width).splitlines() if len(line) > context.make_formatter().width]
    assert [line for line in long if not re.fullmatch(r"\s*\S+(\s[\S]+)?|  (bash|zsh|fish) .*", line)] == []


@pytest.mark.parametrize("path", LEAVES)
def test_each_command_says_its_exit_codes_and_only_there(path: str) -> None:
    command = ALL[path][1]
    assert isinstance(command, Command)
    text = told(*path.split()[1:])
    section = text.partition("Exit codes:\n")[2]
    assert re.findall(r"^  (\d+)  ", section, re.MULTILINE) == [str(code) for code in command.exits]
    assert {0, 2, 130} <= command.exits.keys()
    assert "xit code" not in (command.help or "")


@pytest.mark.parametrize("path", LEAVES)
def test_an_option_stands_in_a_group_where_there_are_many(path: str) -> None:
    command = ALL[path][1]
    given = [one for one in command.params if isinstance(one, click.Option) and not one.hidden]
    alone = [one.name for one in given if not isinstance(one, cloup.Option) or one.group is None]
    assert len(given) <= 8 or len(alone) <= 8, alone


def test_what_a_command_and_another_share_is_a_group_of_each() -> None:
    """The help of one has its own options, though both were made by the same decorator."""
    before, text = told("push"), told("plan")
    assert "--canary" in before
    assert "--canary" not in text
    assert told("push") == before


def test_options_that_come_from_two_places_stand_below_one_title() -> None:
    @options.command("both", "Do both.", "well")
    @options.group("Things", options.flag("--one", "First."))
    @options.flag("--none", "Alone.")
    @options.group("Things", options.flag("--two", "Second."))
    def both(**_: object) -> None:
        """Do both."""

    text = CliRunner().invoke(both, ["--help"]).output
    assert text.count("Things:") == 1
    assert re.search(r"Things:\n.*--one.*\n.*--two.*\n\n", text)
    assert re.search(r"Other options:\n.*--none", text)


def test_the_commands_stand_by_what_they_are_for() -> None:
    text = told()
    assert re.search(r"^Routers:\n  show .*\n  check ", text, re.MULTILINE)
    listed = re.findall(r"^  (\w+)  ", text, re.MULTILINE)
    assert [name for name in listed if program.get_command(click.Context(program), name)] == [
        *program.list_commands(click.Context(program))
    ]


@pytest.mark.parametrize("option", ["-V", "--version"])
def test_the_version(option: str) -> None:
    done = CliRunner().invoke(program, [option])
    assert (done.exit_code, done.stdout) == (0, f"xr-agent {agent.__version__}\n")


@pytest.mark.parametrize("words", [("-q",), ("--quiet", "--log-json")], ids=" ".join)
@pytest.mark.parametrize("command", ["assess", "plan", "push", "poll"])
def test_quiet_has_nothing_on_stderr_where_all_goes_well_and_the_same_on_stdout(
    fleet: Fleet, command: str, words: tuple[str, ...]
) -> None:
    fleet.add(2, enrollment="terminal", certificate=agent.TrustAnchor.bundled().pem)
    fleet.run("push", "--yes")
    more = {"push": ("--yes",), "poll": ("--until", "contacted", "--interval", "0.05")}.get(command, ())
    loud, quiet = (fleet.run(command, *more, "--format", "table", *given) for given in ((), words))
    assert (quiet.exit_code, quiet.stderr) == (0, "")
    assert loud.stderr
    assert shape(quiet.stdout) == shape(loud.stdout)


def test_quiet_has_what_needs_a_look_on_stdout_and_errors_on_stderr(fleet: Fleet) -> None:
    good, bad = fleet.add(2)
    bad.faults.append(Fault("ca-authenticate", FaultKind.ERROR, times=100))
    done = fleet.run("push", "--yes", "-q", "--no-ssh", "--max-failures", "0")
    assert done.exit_code == 1
    assert re.search(rf"^{bad.name} +failed", done.stdout, re.MULTILINE)
    assert all(line.startswith(("error: ", "  next: ", "warning: ")) for line in done.stderr.splitlines())
    assert good.counters["edit-config"]


def test_quiet_of_one_router_tells_no_step(lab: Lab) -> None:
    done = lab.run("push", lab.add(), "--yes", "-q", "--format", "json")
    assert (done.exit_code, done.stderr) == (0, "")
    assert json.loads(done.stdout)["outcome"] == "remedied"


def shape(text: str) -> list[str]:
    """The text without what differs from run to run."""
    marks: list[tuple[str, str | Callable[[re.Match[str]], str]]] = [
        (r"\d{8}-\d{6}-[0-9a-f]{4}", "RUN"),
        (r"\d\d:\d\d:\d\d|[A-Z][a-z]{2} \d\d \d{4}", "TIME"),
    ]
    for pattern, mark in marks:
        text = re.sub(pattern, mark, text)
    return sorted(text.splitlines())
