"""Write the manual pages of xr-agent and its commands, made of what the commands say of themselves: man.py FOLDER."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import cloup

import agent
from agent.cli.main import program
from agent.cli.usage.command import Command

_FILES = {
    "~/.local/state/xr-agent/journal.db": "The journal of all runs, unless --journal names another.",
    "~/.local/state/xr-agent/leases": "Which push is at which router, and what a killed one left unfinished.",
    "~/.ssh/known_hosts, ~/.ssh/config": "Host keys and settings, as of ssh(1).",
}
_ENVIRONMENT = {
    "XDG_STATE_HOME": "The folder in place of ~/.local/state.",
    "COLUMNS": "How wide tables are where stdout is no terminal (120).",
    "NO_COLOR": "Set to anything: no colour.",
}


def commands(command: click.Command = program, name: str = "xr-agent") -> Iterator[tuple[click.Context, click.Command]]:
    """Each command and group with the context in which it explains itself."""
    context = command.context_class(command, info_name=name, **command.context_settings)
    yield from _below(context)


def _below(context: click.Context) -> Iterator[tuple[click.Context, click.Command]]:
    command = context.command
    yield context, command
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            one = command.get_command(context, name)
            if one is not None and not one.hidden:
                yield from _below(one.context_class(one, info_name=name, parent=context))


def words(context: click.Context) -> str:
    """What is typed for it, as ``xr-agent history export``; click's path has a group's own arguments besides."""
    before = f"{words(context.parent)} " if context.parent is not None else ""
    return f"{before}{context.info_name}"


def page(context: click.Context, command: click.Command) -> str:
    """The page of one command, in the macros of man(7)."""
    name = words(context).replace(" ", "-")
    pieces = command.collect_usage_pieces(context)
    lines = [
        f'.TH "{_text(name.upper())}" 1 "" "xr-agent {agent.__version__}" "xr-agent"',
        ".SH NAME",
        f"{_text(name)} \\- {_text(command.get_short_help_str(200).rstrip('.'))}",
        ".SH SYNOPSIS",
        f".B {_text(words(context))}",
        _text(" ".join(pieces)),
        ".SH DESCRIPTION",
        *_paragraphs(command.help or ""),
        *_options(context, command),
        *_subcommands(context, command),
        *_table("EXIT STATUS", {str(code): said for code, said in _exits(command).items()}),
        *_table("FILES", _FILES if command is program else {}),
        *_table("ENVIRONMENT", _ENVIRONMENT if command is program else {}),
        *_see_also(context),
    ]
    return "\n".join(lines) + "\n"


def _exits(command: click.Command) -> dict[int, str]:
    if isinstance(command, Command):
        return dict(command.exits)
    return {0: "all well", 1: "a device needs a look", 2: "wrong usage or input", 130: "interrupted"}


def _options(context: click.Context, command: click.Command) -> Iterator[str]:
    """The options by their groups, each in the order in which ``--help`` has it."""
    groups: dict[str, list[click.Option]] = {}
    for one in command.get_params(context):
        if isinstance(one, click.Option) and not one.hidden:
            group = one.group if isinstance(one, cloup.Option) else None
            groups.setdefault(group.title if group else "Other options", []).append(one)
    if "Other options" in groups:
        groups["Other options"] = groups.pop("Other options")
    yield ".SH OPTIONS"
    for title, members in groups.items():
        yield from (f".SS {_text(title)}",) if len(groups) > 1 else ()
        for one in members:
            record = one.get_help_record(context)
            if record is not None:
                yield from _item(*record)


def _subcommands(context: click.Context, command: click.Command) -> Iterator[str]:
    if isinstance(command, click.Group):
        found = ((name, command.get_command(context, name)) for name in command.list_commands(context))
        yield from _table("COMMANDS", {name: one.get_short_help_str(200) for name, one in found if one is not None})


def _see_also(context: click.Context) -> Iterator[str]:
    path = words(context).replace(" ", "-")
    names = [words(one).replace(" ", "-") for one, _ in commands()]
    near = [name for name in names if name != path and (path == "xr-agent" or name == "xr-agent" or path in name)]
    yield ".SH SEE ALSO"
    yield ",\n".join(f".BR \\%{_text(name)} (1)" for name in near)


def _table(title: str, rows: dict[str, str]) -> Iterator[str]:
    if rows:
        yield f".SH {title}"
        for name, said in rows.items():
            yield from _item(name, said)


def _item(name: str, said: str) -> Iterator[str]:
    yield ".TP"
    yield f"\\fB{_text(name)}\\fR"
    yield _text(said)


def _paragraphs(text: str) -> Iterator[str]:
    for number, paragraph in enumerate(re.split(r"\n\s*\n", inspect.cleandoc(text).partition("\f")[0])):
        yield from (".PP",) if number else ()
        if paragraph.startswith("\b"):  # click's mark of lines that stay lines
            yield from (".nf", *map(_text, paragraph.lstrip("\b\n").splitlines()), ".fi")
        else:
            yield _text(" ".join(paragraph.split()))


def _text(text: str) -> str:
    """*text* as roff prints it: no backslash, hyphen or leading dot has a meaning of its own."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{escaped}" if escaped[:1] in (".", "'") else escaped


def write(folder: Path) -> list[Path]:
    """All pages into *folder*, in place of what is there; their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("xr-agent*.1"):
        old.unlink()
    written = []
    for context, command in commands():
        path = folder / f"{words(context).replace(' ', '-')}.1"
        path.write_text(page(context, command), encoding="utf-8")
        written.append(path)
    return written


if __name__ == "__main__":
    print(*write(Path(sys.argv[1])), sep="\n")
