"""``xr-agent plan``: what a push would do, as a diff; nothing is changed."""

from __future__ import annotations

from typing import Any

import click

from agent.cli import options


@click.command("plan")
@options.targets
@options.trustpoint
@options.intent
@options.file("--out", "Write the plan to this file, which push --plan carries out, and print the file's SHA-256.")
@options.output
def command(form: str, **given: Any) -> None:
    """Show what push would do to HOST, or to all of an inventory, without doing it; equal plans stand together.

    Exit code 0 with and without steps, 1 where there is no method to offer.
    """
    from agent.cli.execution import run
    from agent.fleet.results.record import Kind

    run(Kind.PLAN, form, given)
