"""Whether the command tells how its work goes (``--quiet``)."""

from __future__ import annotations

import click

QUIET = "agent.cli.quiet"
"""The key of ``Context.meta`` under which the option is kept."""


def quiet() -> bool:
    """Whether progress is to be left out; never outside a command."""
    context = click.get_current_context(silent=True)
    return context is not None and bool(context.meta.get(QUIET))
