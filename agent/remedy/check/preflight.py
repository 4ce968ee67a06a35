"""What a plan and its fallbacks need beside NETCONF, tried before anything is locked or edited: ways, and space."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from agent.model.check import Point, Standing, Topic
from agent.model.errors import AgentError, Interrupted, shortened
from agent.model.method import Storage
from agent.model.plan import Plan, Skip, Tried
from agent.model.state import ConfigModel, Reading, State
from agent.model.steps import Authenticate, ConfigureTrustpoint, Dialog, Fetch, ImportBundle, Step
from agent.netconf.query import ask_one
from agent.netconf.retry import Policy, Waits
from agent.netconf.session import Session
from agent.remedy import read
from agent.remedy.methods.base import Refused
from agent.remedy.methods.registry import offered
from agent.remedy.plan import plan
from agent.xr import filesystems
from agent.xr.filesystems import FileSystems

if TYPE_CHECKING:
    from agent.xr.cli.sshport import Ssh

CLI, SFTP, SPACE = "CLI", "SFTP", "space"
_MEGA = 1_000_000


@dataclass(frozen=True, slots=True)
class Needs:
    """What steps need beside NETCONF.

    Attributes:
        cli: whether the CLI; folder: the folder in which SFTP is to put a file, None for none.
        storage: where a file is to be, however it comes there; None for none. size: its bytes, as far as known.
    """

    cli: bool = False
    folder: str | None = None
    storage: Storage | None = None
    size: int = 0


def needs(steps: Iterable[Step]) -> Needs:
    """What *steps* need beside NETCONF."""
    needed = Needs()
    for step in steps:
        match step:
            case ConfigureTrustpoint(model=ConfigModel.NONE) | Dialog():
                needed = replace(needed, cli=True)
            case Authenticate(storage=storage) if storage is not None:
                needed = _with_file(needed, storage, len(step.anchor.pem), step.fetch)
            case ImportBundle():
                needed = replace(needed, cli=True)  # only the CLI lists the trustpool
                if step.url is None:
                    needed = _with_file(needed, step.storage, len(step.bundle.data) if step.bundle else 0, step.fetch)
    return needed


def _with_file(needed: Needs, storage: Storage, size: int, fetch: Fetch | None) -> Needs:
    needed = replace(needed, storage=storage, size=max(size, needed.size))
    if fetch is None:
        return replace(needed, folder=storage.folder)
    return replace(needed, cli=needed.cli or fetch.typed)


def preflight(
    made: Plan | Skip,
    state: State | None,
    ssh: Ssh | None,
    session: Session | None = None,
    policy: Policy | None = None,
) -> Waits[Plan | Skip]:
    """*made* from *state*, with what it and its fallbacks need tried; planned anew without those that fail.

    The ways by *ssh*; space for a file by the model over *session*, else by the CLI. Nothing is tried where nothing is
    to be done, nor for a plan without its *state*, as one that travelled is.

    Raises:
        Interrupted: it was cancelled.
    """
    tried = {one.way: one for one in made.tried if not one.works}
    while isinstance(made, Plan) and made and state is not None:
        needed = needs(_all_steps(made, state))
        ways = (
            (CLI, needed.cli and ssh is not None),
            (SFTP, needed.folder is not None and ssh is not None),
            (SPACE, needed.storage is not None and session is not None),
        )
        way = next((way for way, wanted in ways if wanted and way not in tried), None)
        if way is None:
            break
        if way == SPACE and session is not None:
            at_hand = None if CLI in tried and not tried[CLI].works else ssh
            tried[way] = yield from _space(needed, session, at_hand, policy or Policy())
        elif ssh is not None:
            yield from ssh.opening()
            tried[way] = _tried(way, ssh, needed.folder or "")
        if not tried[way].works:
            state = _without(state, tried[way])
            made = plan(made.intent, state)
    return replace(made, tried=tuple(tried.values())) if tried else made


def _without(state: State, failed: Tried) -> State:
    if failed.way == SFTP:
        return replace(state, sftp=failed.detail)
    if failed.way == SPACE:
        return replace(state, space=failed.detail)
    return replace(state, cli=f"the CLI over SSH cannot be used: {failed.detail}")


def _space(needed: Needs, session: Session, ssh: Ssh | None, policy: Policy) -> Waits[Tried]:
    """Whether there is room; where nothing shows that, the file is tried all the same."""
    if needed.storage is None:
        raise AssertionError("space is for a file")
    found = room(needed.storage, needed.size, (yield from space(session, ssh, policy)))
    detail = ": ".join(filter(None, (found.detail, found.own)))
    if found.standing is Standing.UNKNOWN:
        return Tried(SPACE, works=True, detail=f"unknown: {detail}")
    return Tried(SPACE, works=found.standing is Standing.OK, detail=detail, hint=found.hint)


def space(session: Session, ssh: Ssh | None, policy: Policy) -> Waits[Reading[FileSystems]]:
    """The file systems by the model, else by the CLI where *ssh* is given.

    Raises:
        Interrupted: it was cancelled.
    """
    shown: Reading[FileSystems]
    try:
        shown = yield from ask_one(session, filesystems.query(session.schema), policy)
    except Interrupted:
        raise
    except AgentError as error:
        shown = Reading(missing=f"file systems: {error.message}")
    if ssh is None or shown.value is not None:
        return shown
    yield from ssh.opening()
    return read.file_systems(ssh, shown)


def room(storage: Storage, size: int, shown: Reading[FileSystems]) -> Point:
    """Whether *storage* has room for a file of *size*."""
    if shown.value is None:
        return Point(Topic.SPACE, Standing.UNKNOWN, shown.absent("the device shows no file systems"))
    name = storage.value
    found = next((one for one in shown.value if name in one.prefixes), None)
    if found is None:
        names = shortened(", ".join(prefix for one in shown.value for prefix in one.prefixes), 200)
        hint = f"name the other --storage; there are {names}"
        return Point(Topic.SPACE, Standing.NOT_OK, f"there is no {name}", hint)
    if found.free is None:
        return Point(Topic.SPACE, Standing.UNKNOWN, f"{name} shows no free space")
    own = f"{found.free / _MEGA:,.1f} MB free"
    if found.free < max(size, 1):
        said = f"{name} has no room for {size:,} bytes" if size else f"{name} is full"
        return Point(Topic.SPACE, Standing.NOT_OK, said, "free space on the router", own)
    return Point(Topic.SPACE, Standing.OK, f"{name} has room", own=own)


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
