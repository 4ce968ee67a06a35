"""The ways beside NETCONF that a plan and its fallbacks need, tried before anything is locked or edited."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from agent.model.errors import AgentError, Interrupted
from agent.model.plan import Authenticate, ConfigureTrustpoint, Dialog, ImportBundle, Plan, Skip, Step, Tried
from agent.model.state import ConfigModel, State
from agent.netconf.retry import Waits
from agent.remedy.methods.base import Refused
from agent.remedy.methods.registry import offered
from agent.remedy.plan import plan

if TYPE_CHECKING:
    from agent.xr.cli.sshport import Ssh

CLI, SFTP = "CLI", "SFTP"


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


def preflight(made: Plan | Skip, state: State | None, ssh: Ssh | None) -> Waits[Plan | Skip]:
    """*made* from *state*, with the ways that it and its fallbacks need tried; planned anew without those that fail.

    Nothing is tried where nothing is to be done, nor for a plan without its *state*, as one that travelled is.

    Raises:
        Interrupted: it was cancelled.
    """
    tried = {one.way: one for one in made.tried if not one.works}
    while isinstance(made, Plan) and made and ssh is not None and state is not None:
        needed = needs(_all_steps(made, state))
        ways = ((CLI, needed.cli), (SFTP, needed.folder is not None))
        way = next((way for way, wanted in ways if wanted and way not in tried), None)
        if way is None:
            break
        yield from ssh.opening()
        tried[way] = _tried(way, ssh, needed.folder or "")
        if not tried[way].works:
            state = _without(state, tried[way])
            made = plan(made.intent, state)
    return replace(made, tried=tuple(tried.values())) if tried else made


def _without(state: State, failed: Tried) -> State:
    if failed.way == SFTP:
        return replace(state, sftp=failed.detail)
    return replace(state, cli=f"the CLI over SSH cannot be used: {failed.detail}")


def _all_steps(made: Plan, state: State) -> Iterator[Step]:
    yield from made.steps
    for method in made.fallbacks:
        found = offered(method, made.intent, state)
        if not isinstance(found, Refused):
            yield from found


def _tried(way: str, ssh: Ssh, folder: str) -> Tried:
    try:
        return attempt(way, ssh, folder)
    except Interrupted:
        raise
    except AgentError as error:
        return Tried(way, works=False, detail=error.message, hint=error.hint)


def attempt(way: str, ssh: Ssh, folder: str) -> Tried:
    """What comes of trying *way*: log in to the CLI until its prompt is seen, or look *folder* up by SFTP.

    Raises:
        AgentError: it does not lead to the router.
        Interrupted: it was cancelled.
    """
    if way == CLI:
        ssh.console()
        return Tried(way, works=True, detail="logged in, prompt seen")
    if ssh.files().exists(folder):
        return Tried(way, works=True, detail=f"{folder} is there")
    return Tried(way, works=False, detail=f"there is no folder {folder}", hint="name the other --storage")
