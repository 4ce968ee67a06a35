"""``xr-agent check``: whether a push would find the router ready, by all that can be seen without a change."""

from __future__ import annotations

from typing import Any

from agent.cli import options


@options.command(
    "check",
    "See whether routers are ready for a push.",
    "a method is possible on each router",
    "on one none is, or it could not be looked at",
)
@options.targets
@options.trustpoint
@options.intent
@options.output
def command(form: str, **given: Any) -> None:
    """See whether HOST, or all of an inventory, is ready for a push with the same options; nothing is changed.

    Each point is ok, not ok or unknown: name, port, SSH, host key, login, NETCONF, models, reads, CLI, SFTP, space and
    clock; then what follows for each method.
    """
    from agent.cli.execution import run
    from agent.fleet.results.record import Kind

    run(Kind.CHECK, form, given)
