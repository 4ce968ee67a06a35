"""``xr-agent push``: do what the plan says, and say by what evidence it is done."""

from __future__ import annotations

import sys
from typing import Any

import click

from agent.cli import options


@click.command("push")
@options.targets
@options.rollout
@options.trustpoint
@options.intent
@options.caution
@options.flag("--dry-run", "Print the plan, as the command plan does, and change nothing.")
@options.flag("--yes -y", "Do not ask.")
@options.output
def command(form: str, dry_run: bool, yes: bool, **given: Any) -> None:
    """Install the root on HOST, or on all of an inventory, and prove it.

    Each router: lock, edit, commit, authenticate, read back, renew.

    A second run finds nothing to do. Without --yes the plan is shown and confirmed first, of an
    inventory the number of routers: plan -i FILE shows what is done to each. Where the models do not
    carry the cure, the CLI over SSH does the rest, with the same checks.
    """
    if given["resume"] is None:
        options.one_or_many(given)
    if not (yes or dry_run or (sys.stdin.isatty() and sys.stderr.isatty())):
        from agent.model.errors import InputError

        raise InputError(
            "push changes routers, and there is no terminal to confirm on",
            hint="look first with --dry-run, then push with --yes",
        )
    from agent.cli.execution import run
    from agent.fleet.results.record import Kind

    run(Kind.PLAN if dry_run else Kind.PUSH, form, given, ask=not (yes or dry_run))
