"""``xr-agent check``: whether a push would find the router ready, by all that can be seen without a change."""

from __future__ import annotations

from typing import Any

import click

from agent.cli import options


@click.command("check")
@options.targets
@options.trustpoint
@options.intent
@options.output
def command(form: str, **given: Any) -> None:
    """See whether HOST, or all of an inventory, is ready for a push with the same options; nothing is changed.

    Each point is ok, not ok or unknown: name, port, SSH, host key, login, NETCONF, models, reads, CLI, SFTP, space and
    clock; then what follows for each method. Exit code 0 where a method is possible on each, else 1.
    """
    from agent.cli.execution import run
    from agent.fleet.results.record import Kind

    run(Kind.CHECK, form, given)
