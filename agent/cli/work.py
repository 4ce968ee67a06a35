"""What the commands for one device share: printing a result, and reading the device for it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import RenderableType

from agent.cli import jsonout
from agent.cli.console import console, errors
from agent.cli.progress import Progress
from agent.cli.render import anchor_lines
from agent.model.anchor import TrustAnchor
from agent.model.device import Device
from agent.netconf.session import Session, connect


def emit(form: str, made: Callable[[], Any], view: Callable[[], RenderableType]) -> None:
    """Put one result on stdout, as an object or as a table."""
    if form == "table":
        console(sys.stdout).print(view())
    else:
        print(jsonout.dump(made(), form))


def say_anchor(anchor: TrustAnchor, *, bundled: bool) -> None:
    """The anchor with its fingerprints, on stderr."""
    errors().print(anchor_lines(anchor, bundled=bundled), soft_wrap=True)


@contextmanager
def session_to(device: Device, progress: Progress) -> Iterator[Session]:
    """A session that ends with the block, however that ends."""
    progress.say(device.name, f"connecting to {device.address}")
    with connect(device) as session:
        progress.say(device.name, "reading")
        try:
            yield session
        finally:
            progress.finished(device.name)
