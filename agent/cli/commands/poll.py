"""``xr-agent poll``: watch the licensing state until it is as wanted."""

from __future__ import annotations

from typing import Any

from agent.cli import options


@options.command(
    "poll",
    "Watch licensing until it is as wanted.",
    "every router came to --until",
    "--timeout came before --until, or a router could not be read at last",
)
@options.watched
@options.trustpoint
@options.group(
    "Watch",
    options.option(
        "--interval", "Seconds between samples of one router [default: 60; 300 of an inventory].", type=options.SECONDS
    ),
    options.choice("--until", "What ends the watch.", "authorized", "contacted", "forever", default="forever"),
    options.option(
        "--timeout longest", "Give up after this [default: never].", type=options.SECONDS, metavar="SECONDS"
    ),
    options.flag(
        "--keep-sessions", "Keep a session to each router of an inventory, as to HOST; else one for each look."
    ),
    options.option("--metrics", "Serve what was said last to Prometheus, on /metrics.", metavar="[HOST]:PORT"),
    options.option(
        "--metrics-label",
        "Give each router's metrics this key of its inventory data as a label; may be given several times.",
        multiple=True,
        metavar="KEY",
    ),
)
@options.notify
@options.output
def command(form: str, **given: Any) -> None:
    """Watch the licensing state of HOST, or of all of an inventory, reconnecting as needed.

    HOST keeps one session; the looks at an inventory's routers are spread over the interval. jsonl gives each sample as
    it is taken, json one array; the table of an inventory has the first of each router, then only what is new.
    One whose licensing neither a model nor the CLI shows, at two looks or for 15 minutes where that may pass, is said;
    --until does not wait for such routers alone.
    """
    from agent.cli.watching import run

    run(form, given)
