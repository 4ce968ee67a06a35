"""``xr-agent plan``: what a push would do, as a diff; nothing is changed."""

from __future__ import annotations

from typing import Any

from agent.cli import options


@options.command(
    "plan",
    "Show what a push would do.",
    "a method is offered for each router, or nothing is to be done there",
    "for one there is none, or it was not read",
)
@options.targets
@options.trustpoint
@options.intent
@options.group(
    "An approved plan",
    options.file("--out", "Write the plan to this file, which push --plan carries out, and print the file's SHA-256."),
)
@options.output
def command(form: str, **given: Any) -> None:
    """Show what push would do to HOST, or to all of an inventory, without doing it; equal plans stand together."""
    from agent.cli.execution import run
    from agent.fleet.results.record import Kind

    run(Kind.PLAN, form, given)
