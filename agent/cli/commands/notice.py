"""``xr-agent notice``: field notices of one's own."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from agent.cli import options


@click.group("notice", short_help="Check a field notice of your own.")
def command() -> None:
    """Field notices of one's own: folders with notice.json and root.pem."""


@options.command(
    "check",
    "Read the notice in FOLDER.",
    "it can be judged by",
    of=command,
    wrong="something in it is wrong, with what and where",
)
@click.argument("folder", type=click.Path(path_type=Path))
@options.logging
def check(folder: Path) -> None:
    """Read the notice in FOLDER as assess --notice does, and say what it says; no device is contacted."""
    from datetime import UTC, datetime

    from agent.cli.view.render import notice_view
    from agent.cli.view.streams import console
    from agent.remedy.notices.folder import read

    console(sys.stdout).print(notice_view(read(folder), datetime.now(UTC)))
