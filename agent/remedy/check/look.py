"""Look at a router in all the ways that a push may take to it, and change nothing; what fails there is what is seen."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from agent.model.check import FileSystem, HostKey, SSHServer
from agent.model.device import Device
from agent.model.errors import (
    AgentError,
    ConnectError,
    InputError,
    Interrupted,
    LoginWithheld,
    SSHAuthenticationError,
)
from agent.model.outcome import Waiting
from agent.model.plan import Intent, Tried
from agent.model.state import Reading, State
from agent.netconf.retry import Policy, Waits
from agent.netconf.session import Session
from agent.netconf.yang.capability import Capabilities
from agent.remedy import read
from agent.remedy.check.preflight import CLI, SFTP, attempt, space
from agent.remedy.notices.folder import bundled
from agent.remedy.observe import observation

if TYPE_CHECKING:
    from agent.ssh.peer.negotiation import Offer
    from agent.ssh.probe import Probed
    from agent.xr.cli.sshport import Ssh

_UNREAD: Reading[Any] = Reading(missing="not read")
NO_SSH = "the CLI and SFTP are ruled out (--no-ssh)"


@dataclass(frozen=True, slots=True)
class Closed:
    """Why a way does not lead to the router, what to do next, and whether it was *tried* at all."""

    why: str
    hint: str | None = None
    tried: bool = False


@dataclass(slots=True)
class Seen:
    """What a look saw; what it did not come to is as it is here.

    Attributes:
        refused: why there is no NETCONF session, or why it was lost.
        through: what leads to the router, where that is no connection of our own.
        probed: of a device without a session: what its port says by itself.
        address: the router's, as this machine reached it.
        server: what its SSH server offers; host_key, login: those by which the connection stands.
        cli, sftp: what came of trying them, or why they do not lead there.
    """

    device: Device
    intent: Intent
    now: datetime
    through: str | None = None
    refused: AgentError | None = None
    probed: Probed | None = None
    address: str | None = None
    server: SSHServer | None = None
    host_key: HostKey | None = None
    login: str | None = None
    login_methods: tuple[str, ...] = ()
    capabilities: Capabilities | None = None
    state: State | None = None
    cli: Tried | Closed = Closed("not tried")
    sftp: Tried | Closed = Closed("not tried")
    space: Reading[tuple[FileSystem, ...]] = _UNREAD
    clock: Reading[timedelta] = _UNREAD


def look(
    device: Device,
    first: Callable[[], Waits[Session]],
    ssh: Ssh | None,
    intent: Intent,
    policy: Policy,
    *,
    turn: Callable[[], float] = lambda: 0.0,
) -> Waits[Seen]:
    """See what can be seen: by NETCONF, by the CLI and SFTP behind *ssh*, and where the first fails by a probe.

    *first* has the steps that open a session, which is closed again; *turn* says in how many seconds a further
    connection may be opened.

    Raises:
        InputError: a key, known_hosts or SSH configuration file that cannot be used.
        Interrupted: it was cancelled.
    """
    from agent.ssh.settings.config import destination

    seen = Seen(device, intent, policy.now(), destination(device).through)
    with ExitStack() as stack:
        try:
            session = stack.enter_context((yield from first()))
            _by_connection(seen, session)
            yield from _by_netconf(seen, session, ssh, policy)
        except (InputError, Interrupted):
            raise
        except AgentError as error:
            seen.refused = error
            if isinstance(error, SSHAuthenticationError) and not error.at_jump:
                seen.login_methods = error.methods
            if seen.server is None and not (isinstance(error, ConnectError) and error.rate_limited):
                yield from policy.pause(turn(), Waiting.TURN)
                _by_probe(seen)
        if ssh is None:
            seen.cli = seen.sftp = Closed(NO_SSH)
        elif isinstance(seen.refused, SSHAuthenticationError) and seen.refused.refused:
            # a second time may lock the account
            seen.cli = seen.sftp = Closed("not tried, since the login was refused", seen.refused.hint)
        elif isinstance(seen.refused, LoginWithheld):
            seen.cli = seen.sftp = _closed(seen.refused)
        else:
            yield from _by_ssh(seen, ssh, policy)
    return seen


def _by_connection(seen: Seen, session: Session) -> None:
    """What an SSH connection of our own tells by standing."""
    seen.capabilities = session.capabilities
    connection = session.connection
    if connection is None:
        return
    name = connection.ssh.get_extra_info("peername")
    seen.address = str(name[0]) if name and seen.through is None else None
    seen.login, seen.login_methods = connection.login.by, connection.login.seen.methods
    shown = connection.ssh.get_server_host_key()
    if shown is not None:
        seen.host_key = HostKey(shown.get_algorithm(), shown.get_fingerprint("sha256"))
    seen.server = _server(seen.device, connection.login.offer)


def _server(device: Device, offer: Offer | None) -> SSHServer | None:
    """What a server offers, and what is taken of it."""
    from agent.ssh.peer.negotiation import KINDS, offered, taken
    from agent.ssh.settings.config import settings

    if offer is None:
        return None
    kex, host, ciphers, macs = (offer.algorithms.get(kind.name, ()) for kind in KINDS)
    return SSHServer(
        offer.version, kex, host, ciphers, macs, taken=tuple(taken(offer, offered(settings(device))).values())
    )


def _by_probe(seen: Seen) -> None:
    from agent.ssh.peer.service import Service
    from agent.ssh.probe import probe

    seen.probed = probe(seen.device, Service.NETCONF)
    seen.address = seen.probed.address
    seen.server = _server(seen.device, seen.probed.offer)


def _by_netconf(seen: Seen, session: Session, ssh: Ssh | None, policy: Policy) -> Waits[None]:
    name, signatures = seen.intent.trustpoint, bundled().signatures
    seen.state = yield from observation(session, name, policy, ssh=ssh, judged_by=signatures)
    seen.clock = seen.state.clock_offset
    seen.space = yield from space(session, None, policy)


def _by_ssh(seen: Seen, ssh: Ssh, policy: Policy) -> Waits[None]:
    yield from ssh.opening()
    seen.cli, seen.sftp = (_attempted(way, ssh, seen.intent.storage.folder) for way in (CLI, SFTP))
    if isinstance(seen.cli, Closed):
        return
    seen.space = read.file_systems(ssh, seen.space)
    if seen.state is None:
        seen.clock = read.clock_offset(ssh, policy.now)


def _attempted(way: str, ssh: Ssh, folder: str) -> Tried | Closed:
    try:
        return attempt(way, ssh, folder)
    except Interrupted:
        raise
    except AgentError as error:
        return _closed(error)


def _closed(error: AgentError) -> Closed:
    return Closed(error.message, error.hint, tried=not isinstance(error, LoginWithheld))
