"""Commands whose help has the options in groups, by cloup, and the exit codes below them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import click
import cloup

_EVERY = {2: "wrong usage or input", 130: "interrupted (Ctrl-C, SIGTERM, SIGHUP)"}


class Command(cloup.Command):
    """A command that knows what its exit codes mean.

    Attributes:
        exits: the meaning of each code, in their order.
    """

    exits: Mapping[int, str] = _EVERY

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The exit codes, behind the options."""
        super().format_epilog(ctx, formatter)
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(code), said) for code, said in self.exits.items()])


def command(
    name: str,
    short: str,
    well: str,
    unwell: str | None = None,
    *,
    of: click.Group | None = None,
    wrong: str = _EVERY[2],
    cls: type[Command] = Command,
    **kind: Any,
) -> Callable[[Callable[..., Any]], Command]:
    """Make a command of a function.

    Arguments:
        short: what it is for, in a list of commands.
        well: what exit code 0 says; unwell: what 1 does, where the command has it; wrong: what 2 does.
        of: the group that it belongs to.
    """

    def decorate(function: Callable[..., Any]) -> Command:
        made: Command = click.command(name, cls=cls, short_help=short, **kind)(function)
        made.exits = {0: well, **({} if unwell is None else {1: unwell}), **_EVERY, 2: wrong}
        if of is not None:
            of.add_command(made)
        return made

    return decorate


def parameters(function: Callable[..., Any]) -> list[click.Parameter]:
    """The parameters that decorators gave to *function* so far, the last one first."""
    found: list[click.Parameter] = getattr(function, "__click_params__", [])
    return found


def grouped(title: str, function: Callable[..., Any], members: Iterable[click.Parameter]) -> None:
    """Put *members* of the function's parameters below *title*, with those that it has there already.

    Each function has groups of its own: cloup keeps in a group the options of one command.
    """
    there = (one.group for one in parameters(function) if isinstance(one, cloup.Option))
    made = next((one for one in there if one is not None and one.title == title), None)
    if made is None:
        made = cloup.OptionGroup(title)
    for one in members:
        if isinstance(one, cloup.Option) and one.group is None:
            one.group = made
