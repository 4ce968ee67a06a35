"""The options for many routers: which, how many at once, in which order, and where the run is kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from agent.cli.options import SECONDS, together

F = TypeVar("F", bound=Callable[..., Any])

_FILE = click.Path(path_type=Path)
_RATE = click.FloatRange(min=0, min_open=True)


def inventory(function: F) -> F:
    """Which routers, in place of HOST, and how many at once."""
    return together(
        click.option(
            "--inventory",
            "-i",
            type=click.Path(path_type=Path, allow_dash=True),
            metavar="FILE",
            help="In place of HOST: Nornir's hosts.yaml, a .csv, or a list of hosts; - for a list on stdin.",
        ),
        click.option(
            "--nornir-config", type=_FILE, metavar="FILE", help="The inventory that this Nornir configuration names."
        ),
        click.option(
            "--limit", metavar="NAMES", help="Only these: names and patterns, by commas; !NAME leaves one out."
        ),
        click.option("--group", "groups", multiple=True, metavar="NAME", help="Only routers of this group."),
        click.option("--where", multiple=True, metavar="KEY=VALUE", help="Only routers whose data have this."),
        click.option("--workers", type=click.IntRange(1, 2000), default=50, show_default=True, help="Routers at once."),
        click.option("--processes", type=click.IntRange(1, 64), metavar="N", help="Spread them over N processes."),
        click.option("--scheduler", metavar="URL", help="Let a Dask cluster do it: tcp://… or tls://…"),
        click.option("--rate", type=_RATE, metavar="N", help="New SSH sessions a second, at most."),
        click.option("--rate-per-jump", type=_RATE, metavar="N", help="The same through each jump host."),
    )(function)


def kept(function: F) -> F:
    """Where the run is kept and reported."""
    return together(
        click.option(
            "--journal", type=_FILE, metavar="FILE", help="Keep runs here [default: in the user's state folder]."
        ),
        click.option(
            "--report", type=_FILE, metavar="FILE", help="Write a report: .html, .json, .csv or .xml (JUnit)."
        ),
        click.option("--change-ref", metavar="TEXT", help="The change's number, for journal and report."),
    )(function)


def rollout(function: F) -> F:
    """In which order, and when to stop."""
    return together(
        click.option(
            "--canary",
            metavar="N|%",
            help="These come first, alone; one that fails stops the run (see --max-failures).",
        ),
        click.option("--batch", metavar="N|%", help="Then so many at a time."),
        click.option("--max-failures", metavar="N|%", help="When more failed than that, begin no further router."),
        click.option("--pause", type=SECONDS, metavar="SECONDS", help="Wait between batches."),
        click.option(
            "--stop-at", metavar="TIME", help="Begin no router after this: HH:MM by this machine's clock, or ISO 8601."
        ),
        click.option("--resume", metavar="RUN", help="Go on with this run: doubtful routers first, proven ones not."),
    )(function)
