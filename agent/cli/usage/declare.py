"""How options are declared: one, several, several below a title of the help."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

import click
import cloup

from agent.cli.usage.command import grouped, parameters

F = TypeVar("F", bound=Callable[..., Any])

PORT = click.IntRange(1, 65535)
SECONDS = click.FloatRange(min=0, min_open=True)
FROM_ZERO = click.FloatRange(min=0)
_METAVARS = {PORT: "PORT", SECONDS: "SECONDS", FROM_ZERO: "SECONDS"}


class Decorator(Protocol):
    """An option, or several."""

    def __call__(self, function: F, /) -> F: ...


def option(names: str, said: str, /, **kind: Any) -> Decorator:
    """An option of *names*, set apart by blanks, with its help; a default that it has is shown."""
    metavar = _METAVARS.get(kind.get("type"))
    given = {**({} if metavar is None else {"metavar": metavar}), **kind}
    return cloup.option(*names.split(), help=said, show_default="default" in kind, **given)


def flag(names: str, said: str, /) -> Decorator:
    """An option without a value."""
    return cloup.option(*names.split(), help=said, is_flag=True)


def file(names: str, said: str, /, *, metavar: str = "FILE", allow_dash: bool = False, **kind: Any) -> Decorator:
    """An option that names a file; with *allow_dash* ``-`` is stdin."""
    return option(names, said, type=click.Path(path_type=Path, allow_dash=allow_dash), metavar=metavar, **kind)


def choice(names: str, said: str, /, *words: str, **kind: Any) -> Decorator:
    """An option that takes one of *words*."""
    return option(names, said, type=click.Choice(words), **kind)


def together(*options: Decorator) -> Decorator:
    """Several options as one decorator, listed in their order."""

    def decorate(function: F) -> F:
        for each in reversed(options):
            function = each(function)
        return function

    return decorate


def group(title: str, *options: Decorator) -> Decorator:
    """The same, which the help has together below *title*; what has the title already stands there as well."""

    def decorate(function: F) -> F:
        there = len(parameters(function))
        function = together(*options)(function)
        grouped(title, function, parameters(function)[there:])
        return function

    return decorate


def kept(key: str, names: str, said: str) -> Decorator:
    """A flag that no command is given: it is in ``Context.meta``."""

    def keep(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
        ctx.meta[key] = wanted

    return cloup.option(*names.split(), help=said, is_flag=True, expose_value=False, callback=keep)
