"""``xr-agent demo``: everything at once, on simulated devices."""

from __future__ import annotations

import click

from agent.cli import options


@options.command("demo", "Show all of it on simulated routers.", "every router ended as it should", "one did not")
@options.output
def command(form: str) -> None:
    """Show, assess, plan, push and poll on simulated routers of several releases.

    Nothing but this machine's loopback is touched.
    """
    from agent.cli.demonstration import run

    click.get_current_context().exit(0 if run(form) else 1)
