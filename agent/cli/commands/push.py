"""``xr-agent push``: do what the plan says, and say by what evidence it is done."""

from __future__ import annotations

from typing import Any

from agent.cli import options
from agent.cli.usage.given import one_or_many


@options.command(
    "push",
    "Install the root and prove it.",
    "every router has the root, proven",
    "one failed, was skipped or is unknown, or the run was stopped",
)
@options.targets
@options.rollout
@options.approved
@options.timing
@options.notify
@options.trustpoint
@options.intent
@options.caution
@options.recorded
@options.flag("--dry-run", "Print the plan, as the command plan does, and change nothing.")
@options.flag("--yes -y", "Do not ask.")
@options.output
def command(form: str, dry_run: bool, yes: bool, **given: Any) -> None:
    """Install the root on HOST, or on all of an inventory, and prove it.

    Each router: lock, edit, commit, authenticate, read back, renew.

    A second run finds nothing to do. Without --yes the plan is shown and confirmed first, of an inventory equal plans
    together, also by --resume. Above ten routers to be changed one of each kind of plan goes first, and a share of
    failures stops the run; what bounds it is said. --plan takes routers and options from a file of plan --out, and does
    just that. Where the models do not carry the cure, the CLI over SSH does the rest, with the same checks.
    """
    from agent.model.errors import InputError

    if given["resume"] is None:
        one_or_many(given)
    elif dry_run:
        hint = "see what is left with xr-agent history RUN, and what would be done with plan"
        raise InputError("--dry-run and --resume exclude each other", hint=hint)
    asks = not (yes or dry_run or given["replay"] is not None)
    from agent.cli.execution import run
    from agent.fleet.results.record import Kind

    run(Kind.PLAN if dry_run else Kind.PUSH, form, given, ask=asks)
