"""``xr-agent poll``: watch the licensing state until it is as wanted."""

from __future__ import annotations

from typing import Any

import click

from agent.cli import options


@click.command("poll")
@options.watched
@options.trustpoint
@options.option(
    "--interval", "Seconds between samples of one router [default: 60; 300 of an inventory].", type=options.SECONDS
)
@options.choice("--until", "What ends the watch.", "authorized", "contacted", "forever", default="forever")
@options.option("--timeout longest", "Give up after this [default: never].", type=options.SECONDS, metavar="SECONDS")
@options.option("--metrics", "Serve what was said last to Prometheus, on /metrics.", metavar="[HOST]:PORT")
@options.flag("--keep-sessions", "Keep a session to each router of an inventory, as to HOST; else one for each look.")
@options.notify
@options.output
def command(form: str, **given: Any) -> None:
    """Watch the licensing state of HOST, or of all of an inventory, reconnecting as needed.

    HOST keeps one session; the looks at an inventory's routers are spread over the interval. jsonl gives each sample as
    it is taken, json one array; the table of an inventory has the first of each router, then only what is new. Exit
    code 1 where --timeout came before --until, or a router could not be read at last.
    """
    from agent.cli.watching import run

    run(form, given)
