"""A recording served over SSH on loopback: NETCONF on one port, the CLI and SFTP on the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import asyncssh
from asyncssh.stream import SSHServerStreamSession

from agent.recording.events import Way
from agent.recording.reading import Recording
from agent.simulator.replay.clireplay import CliReplay
from agent.simulator.replay.meaning import Asked
from agent.simulator.replay.netconfreplay import NetconfReplay
from agent.simulator.replay.offer import KEYBOARD, PASSWORD, Offer
from agent.simulator.replay.playback import Playback
from agent.simulator.replay.sftpreplay import SftpReplay
from agent.simulator.replay.transcript import Transcript
from agent.simulator.servers.loopback import Loopback
from agent.simulator.servers.ports import bound
from agent.simulator.servers.simulator import PASSWORD as LOGIN
from agent.simulator.servers.simulator import USERNAME
from agent.simulator.servers.sshconnection import QuietConnection


class Replay(Loopback):
    """Serves *recording* until :meth:`stop`; a context manager. Arguments as of :class:`Playback`.

    Attributes:
        greeting: what is recorded of the SSH server of NETCONF, else of another; None where nothing is.
        notes: what the recorded SSH servers offered and these cannot, in words.
        port, ssh_port: where NETCONF is, and the CLI with SFTP.

    Raises:
        InputError: what the recording says was sent is no request.
        OSError: a port cannot be used.
    """

    username, password = USERNAME, LOGIN

    def __init__(
        self,
        recording: Recording,
        *,
        recorded_timing: bool = False,
        told: Callable[[str], object] = lambda _: None,
        port: int = 0,
        ssh_port: int = 0,
    ) -> None:
        self.transcript = Transcript(recording)
        self.playback = Playback(self.transcript, recorded_timing=recorded_timing, told=told)
        opened = self.transcript.opened
        cli = opened.get(Way.CLI) or opened.get(Way.SFTP)
        self.greeting = opened.get(Way.NETCONF) or opened.get(Way.PROBE) or cli
        self.netconf, self.cli = Offer(self.greeting), Offer(cli)
        self.notes = tuple(dict.fromkeys((*self.netconf.notes, *self.cli.notes)))
        super().__init__()
        with ExitStack() as undo:
            undo.callback(self.stop)
            self.port, self.ssh_port = self._run(self._open(port, ssh_port))
            undo.pop_all()

    @property
    def missing(self) -> list[str]:
        """What was asked and has no answer by now, each in words."""
        return self.post(lambda: list(self.playback.missing))

    def unopened(self) -> str | None:
        """As of :meth:`Playback.unopened`, for any thread."""
        return self.post(self.playback.unopened)

    def known_hosts(self) -> str:
        """The host keys of both ports as an OpenSSH known_hosts file."""
        ports = ((self.port, self.netconf), (self.ssh_port, self.cli))
        return "".join(f"[127.0.0.1]:{port} {offer.public_key}\n" for port, offer in ports)

    async def _open(self, *ports: int) -> list[int]:
        offers = (self.netconf, self.cli)
        return [await self._door(port, offer) for port, offer in zip(ports, offers, strict=True)]

    async def _door(self, port: int, offer: Offer) -> int:
        """Listen on *port*, or on a free one for 0; the port."""
        options = asyncssh.SSHServerConnectionOptions(
            server_factory=lambda: _Server(self, offer),
            encoding=None,
            compression_algs=None,
            line_editor=False,
            login_timeout=60,
            **offer.options(),
        )
        with ExitStack() as undo:
            sock = undo.enter_context(bound(port))
            await self.listen(lambda: _Connection(self.loop, options, offer), sock)
            undo.pop_all()
        return int(sock.getsockname()[1])


class _Connection(QuietConnection):
    """Offers the host algorithms in the recorded order."""

    def __init__(self, loop: asyncio.AbstractEventLoop, options: Any, offer: Offer) -> None:
        super().__init__(loop, options)
        known: Any = self._server_host_key_algs
        own = [name.encode() for name in offer.names["server_host_key_algs"]]
        self._server_host_key_algs = [name for name in own if name in known] or known


class _Server(asyncssh.SSHServer):
    """Lets the simulator's user in by the recorded methods; anybody where none is recorded that it can check."""

    _connection: Any

    def __init__(self, replay: Replay, offer: Offer) -> None:
        self._replay, self._offer = replay, offer

    def connection_made(self, conn: Any) -> None:
        self._connection = conn
        self._replay.keep(conn)

    def begin_auth(self, username: str) -> bool:
        if self._offer.banner:
            self._connection.send_auth_banner(f"{self._offer.banner}\n")
        return PASSWORD in self._offer.methods or KEYBOARD in self._offer.methods

    def password_auth_supported(self) -> bool:
        return PASSWORD in self._offer.methods

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == (USERNAME, LOGIN)

    def kbdint_auth_supported(self) -> bool:
        return KEYBOARD in self._offer.methods

    def get_kbdint_challenge(self, username: str, lang: str, submethods: str) -> Any:
        return "", "", "", [("Password: ", False)]

    def validate_kbdint_response(self, username: str, responses: Any) -> bool:
        return (username, list(responses)) == (USERNAME, [LOGIN])

    def public_key_auth_supported(self) -> bool:
        return "publickey" in self._offer.methods

    def session_requested(self) -> Any:
        playback, abort = self._replay.playback, self._connection.abort
        return NetconfReplay(playback, abort) if self._offer is self._replay.netconf else _Console(playback, abort)


class _Console(SSHServerStreamSession[bytes]):
    """One channel with the CLI or SFTP, where it was recorded."""

    def __init__(self, playback: Playback, abort: Callable[[], object]) -> None:
        async def cli(stdin: Any, stdout: Any, _: Any) -> None:
            session = playback.session()
            if session is not None:
                await CliReplay(playback, session, stdin, stdout, abort).run()

        super().__init__(cli, lambda channel: SftpReplay(channel, playback), 3)
        self._playback = playback

    def shell_requested(self) -> bool:
        return self._there(Way.CLI, bool(self._playback.transcript.sessions))

    def _there(self, way: Way, recorded: bool) -> bool:
        """Whether that *way* may be taken; of one that was never tried the recording knows nothing."""
        if not recorded and way not in self._playback.transcript.opened:
            self._playback.lacks(Asked((way.value,), f"a session by {way.value}"))
        return recorded

    def exec_requested(self, command: str) -> bool:
        """One command in place of a session is asked of no router."""
        return False

    def subsystem_requested(self, subsystem: str) -> bool:
        if subsystem != "sftp":
            return False
        opened = self._playback.transcript.opened.get(Way.SFTP)
        there = bool(self._playback.transcript.files) or (opened is not None and opened.failed is None)
        return self._there(Way.SFTP, there) and super().subsystem_requested(subsystem)
