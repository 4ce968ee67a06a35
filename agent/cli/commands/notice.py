"""``xr-agent notice``: field notices of one's own."""

from __future__ import annotations

import sys
from pathlib import Path

import click


@click.group("notice")
def command() -> None:
    """Field notices of one's own: folders with notice.json and root.pem."""


@command.command("check")
@click.argument("folder", type=click.Path(path_type=Path))
def check(folder: Path) -> None:
    """Read the notice in FOLDER as assess --notice does, and say what it says.

    No device is contacted. Exit code 2 where something in it is wrong, with what and where.
    """
    from datetime import UTC, datetime

    from agent.cli.view.render import notice_view
    from agent.cli.view.streams import console
    from agent.remedy.notices.folder import read

    console(sys.stdout).print(notice_view(read(folder), datetime.now(UTC)))
