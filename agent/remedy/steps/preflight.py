"""Try the ways beside NETCONF that a plan needs, before anything is locked or edited."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from agent.model.plan import Authenticate, ConfigureTrustpoint, Dialog, ImportBundle, Step
from agent.model.state import ConfigModel


@dataclass(frozen=True, slots=True)
class Needs:
    """What steps need beside NETCONF: whether the CLI, and the folder in which SFTP is to put a file; None for none."""

    cli: bool = False
    folder: str | None = None


def needs(steps: Iterable[Step]) -> Needs:
    """What *steps* need beside NETCONF."""
    cli, folder = False, None
    for step in steps:
        match step:
            case ConfigureTrustpoint(model=ConfigModel.NONE) | Dialog():
                cli = True
            case Authenticate(storage=storage) if storage is not None:
                folder = storage.folder
            case ImportBundle():
                cli = True  # only the CLI lists the trustpool
                folder = step.storage.folder if step.bundle is not None else folder
    return Needs(cli, folder)
