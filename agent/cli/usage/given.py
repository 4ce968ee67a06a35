"""What was given on the command line: where a value comes from, and what does not go together."""

from __future__ import annotations

import shlex
from typing import Any

import click
from click.core import ParameterSource as Source

Options = dict[str, Any]
"""What a command was given, by the names of its parameters."""

_FOR_MANY = (
    *("limit", "groups", "where", "workers", "in_flight", "processes", "scheduler", "rate", "rate_per_jump"),
    *("canary", "no_canary", "batch", "max_failures", "pause", "stop_at"),
    *("windows", "tz", "no_window", "until_done", "router_time", "start_at"),
)
_FOR_A_RUN = ("journal", "report", "change_ref")


def source(name: str) -> Source | None:
    """Where the value of the option *name* comes from."""
    return click.get_current_context().get_parameter_source(name)


def resuming(run: str) -> str:
    """The command that goes on with a push; in the journal that was named, where one was."""
    context = click.get_current_context(silent=True)
    journal = context.params.get("journal") if context is not None else None
    return f"xr-agent push --resume {run}" + (f" --journal {shlex.quote(str(journal))}" if journal else "")


def one_or_many(given: Options) -> None:
    """See that the options name either HOST, an inventory or a recording.

    Raises:
        UsageError: they name several, or none, or say of HOST what is for an inventory.
    """
    if not one_way(given):
        refuse(_FOR_MANY, "goes with an inventory (-i FILE; --limit chooses)")


def one_way(given: Options) -> bool:
    """See that there is one of HOST, an inventory and a recording; whether it is an inventory.

    Raises:
        UsageError: there is none, or several.
    """
    inventory = bool(given.get("inventory") or given.get("nornir_config"))
    if inventory + bool(given["host"]) + (given.get("replay") is not None) != 1:
        many = ["an inventory (-i FILE, --nornir-config FILE)"] if "inventory" in given else []
        recording = ["a recording (--replay FILE)"] if "replay" in given else []
        said = " or ".join(("HOST", *many, *recording))
        raise click.UsageError(f"give either {said}", ctx=click.get_current_context())
    return inventory


def no_router(given: Options, option: str) -> None:
    """See that there is neither HOST nor an inventory, nor what goes with them.

    Raises:
        UsageError: *option*, by which no router is read, was given beside such an option.
    """
    if given["host"] is not None or given["inventory"] or given["nornir_config"] or given["replay"] is not None:
        raise click.UsageError(f"{option} reads no router: leave HOST out", ctx=click.get_current_context())
    refuse((*_FOR_MANY, *_FOR_A_RUN), f"does not go with {option}, which reads no router")


def refuse(names: tuple[str, ...], why: str) -> None:
    """Refuse those of the options *names* that were given and would go unheeded."""
    context = click.get_current_context()
    for one in context.command.params:
        if one.name in names and source(one.name) is Source.COMMANDLINE:
            raise click.UsageError(f"{one.opts[0]} {why}", ctx=context)
