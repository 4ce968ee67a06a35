"""``xr-agent history``: what the journal has of runs, of their routers, and of one router's steps."""

from __future__ import annotations

from pathlib import Path

import click

from agent.cli import options
from agent.cli.usage import complete


@options.command(
    "history",
    "List runs, the routers of one, the steps of one router.",
    "what was asked for is there, or there is no run yet",
)
@click.argument("run", required=False, shell_complete=complete.runs)
@options.option(
    "--device",
    "Every step of this router, in RUN or in all runs it was in.",
    metavar="NAME",
    shell_complete=complete.routers_of_runs,
)
@options.flag("--pem", "Print the certificate that a push removed from this router last, as PEM, and nothing else.")
@options.flag("--failed", "Only the routers of RUN that need a look.")
@options.option("--limit", "How many runs, the newest first.", type=click.IntRange(1), default=50, metavar="N")
@options.file("--journal path", "The journal [default: xr-agent/journal.db below $XDG_STATE_HOME or ~/.local/state].")
@options.output
def command(
    form: str, run: str | None, device: str | None, pem: bool, failed: bool, limit: int, path: Path | None
) -> None:
    """List the runs, the routers of RUN, or the steps of one router with their times.

    RUN is an id, the beginning of one, or 'last'. A run whose process died is 'lost'; a router that was begun and of
    which nothing is known since is 'doubtful'. Times are UTC.
    """
    if failed and (run is None or device is not None):
        raise click.UsageError("--failed goes with RUN alone, or with 'last'", click.get_current_context())
    from agent.cli.view.historyview import say, say_pem

    if pem:
        if device is None or form != "table":
            raise click.UsageError("--pem goes with --device NAME, in no other --format", click.get_current_context())
        say_pem(run, device, path)
        return
    say(form, run, device, path, failed=failed, limit=limit)
