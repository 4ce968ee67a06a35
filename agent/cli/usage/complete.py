"""What a shell may complete: runs and routers of the journal, names and groups of the inventory on the line.

A completion reaches nothing and says nothing: where a file cannot be read there is nothing to offer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from agent.fleet.inventory.target import Target
    from agent.fleet.journal.store import Journal

_RUNS = 50
"""The newest so many runs are offered."""


def runs(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The ids of runs, the newest first, each with its command and state; ``last`` ahead of them."""
    from agent.model.errors import AgentError

    found = [CompletionItem("last", help="the last run")]
    try:
        with _journal(ctx) as journal:
            newest = journal.runs(limit=_RUNS)
            found += [CompletionItem(run.run, help=f"{run.kind.value}, {run.state.value}") for run in newest]
    except (AgentError, OSError):
        return []
    return [one for one in found if one.value.startswith(incomplete)]


def routers_of_runs(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The routers of RUN, or of the last run."""
    from agent.model.errors import AgentError

    try:
        with _journal(ctx) as journal:
            names = [one.device for one in journal.devices(journal.run(ctx.params.get("run") or "last").run)]
    except (AgentError, OSError):
        return []
    return _items(names, incomplete)


def routers(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The names in the inventory that the line has, behind the commas that it has."""
    before, comma, last = incomplete.rpartition(",")
    return [
        CompletionItem(f"{before}{comma}{one.value}") for one in _items((one.name for one in _inventory(ctx)), last)
    ]


def groups(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The groups of the inventory that the line has."""
    return _items((group for one in _inventory(ctx) for group in one.groups), incomplete)


def _items(names: Iterable[str], incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(name) for name in dict.fromkeys(names) if name.startswith(incomplete)]


def _journal(ctx: click.Context) -> Journal:
    from agent.fleet.journal.store import Journal

    path: Path | None = ctx.params.get("journal") or ctx.params.get("path")
    return Journal.open(path, create=False)


def _inventory(ctx: click.Context) -> Iterator[Target]:
    """The routers of ``-i``, none where it names stdin or nothing that can be read."""
    from agent.fleet.inventory.source import load
    from agent.model.errors import AgentError

    path: Path | None = ctx.params.get("inventory")
    if path is not None and str(path) != "-":
        try:
            yield from load(str(path))
        except (AgentError, OSError):
            return
