"""The router's SSH port beside NETCONF: one connection, opened when first needed, for the CLI and for SFTP."""

from __future__ import annotations

import copy
import logging
import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Self, TypeVar

from agent.model.device import Device
from agent.model.errors import AgentError, Interrupted, SessionLost
from agent.model.outcome import Waiting
from agent.netconf.retry import Disposition, Policy, Waits, at_once, classify, completed
from agent.netconf.trace import Channel, Tap, Trace

if TYPE_CHECKING:
    from agent.recording.recorder import Recorded, Recorder
    from agent.ssh.connection import Connection
    from agent.ssh.sftp import Files
    from agent.xr.cli.console import Console

log = logging.getLogger(__name__)

T = TypeVar("T")


class Ssh:
    """Access to a device's CLI and files; nothing is opened before it is asked for. For one thread.

    A failed attempt is remembered and raised again at once: XR limits new SSH sessions, and what refused a login
    once refuses it again; a refusal by that limit is remembered for a minute. That a session was lost which had been
    open is no failed attempt. *trace* is told what is typed and printed at the CLI, its secrets masked, *recorder* all
    that passes; *turn* says, before a connection is opened, in how many seconds it may be; *login* waits, by the policy
    it is given, for whatever else comes before, and the connection is opened in the context that it returns.

    Attributes:
        policy: how a router that limits new sessions is waited for (:meth:`agent.netconf.retry.Policy.opening`); by
            default not at all. It may be replaced at any time. The policy of a reading or a push that opens it sleeps
            the waits.
    """

    def __init__(
        self,
        device: Device,
        policy: Policy | None = None,
        *,
        trace: Trace | None = None,
        recorder: Recorder | None = None,
        turn: Callable[[], float] = lambda: 0.0,
        login: Callable[[Policy], Waits[AbstractContextManager[None]]] = lambda _: at_once(nullcontext),
    ) -> None:
        self.device = replace(device, port=device.ssh_port)
        self._turn, self._login = turn, login
        self.policy = policy or Policy(attempts=1)
        self._tap = None if trace is None else Tap(trace, device, Channel.CLI)
        self._recorder = recorder
        self._connection: Connection | None = None
        self._console: Console | None = None
        self._files: Files | None = None
        self._failed: dict[str, tuple[AgentError, float]] = {}

    def opening(self) -> Waits[None]:
        """Have the connection open, so that :meth:`console` and :meth:`files` wait for none.

        A failure is remembered, and raised by the next of them.

        Raises:
            Interrupted: it was cancelled before it was open.
        """
        try:
            yield from self._opened()
        except Interrupted:
            raise
        except AgentError as error:
            log.debug("%s: SSH: %s", self.device, error.message)

    def console(self) -> Console:
        """The CLI, in exec mode; the same one until it is lost.

        Raises:
            ConnectError, HostKeyError, SSHAuthenticationError, ConsoleError: by what failed.
            ReplyTimeout, SessionLost: it gave no prompt.
            InputError: a key, known_hosts or SSH configuration file that cannot be used.
            Interrupted: cancellation was requested during a wait.
        """
        if self._console is None or not self._console.alive:
            with self._remembered("CLI"):
                self._console = self._made(self._new_console)
        return self._console

    def files(self) -> Files:
        """SFTP on the same connection; the same one until it is lost.

        Raises:
            ConnectError, HostKeyError, SSHAuthenticationError, SessionLost: by what failed.
            FileError: the device has no SFTP.
            InputError, Interrupted: as of :meth:`console`.
        """
        if self._files is None or not self._files.alive:
            with self._remembered("SFTP"):
                self._files = self._made(self._new_files)
        return self._files

    def close(self) -> None:
        """End the connection, if there is one; may be used again afterwards. Never raises."""
        console, files, connection = self._console, self._files, self._connection
        self._console = self._files = self._connection = None
        if console is not None:
            console.close()
        if files is not None:
            files.close()
        if connection is not None:
            connection.close()

    def _new_console(self) -> Console:
        from agent.xr.cli.console import Console

        if self._console is not None:
            self._console.close()
        device, connection = self.device, self._open()
        recorded = self._recorded(connection, "cli")
        return Console(
            connection,
            device=device.name,
            timeout=device.timeout,
            tap=self._tap,
            recorded=recorded,
            clock=device.clock,
        )

    def _new_files(self) -> Files:
        from agent.ssh.sftp import Files

        if self._files is not None:
            self._files.close()
        device, connection = self.device, self._open()
        recorded = self._recorded(connection, "sftp")
        return Files(connection, device=device.name, timeout=device.timeout, recorded=recorded)

    def _recorded(self, connection: Connection, way: str) -> Recorded | None:
        if self._recorder is None:
            return None
        from agent.recording.events import Way

        return connection.recorded(self._recorder, Way(way))

    def _open(self) -> Connection:
        return completed(self._opened(), self.policy)

    def _opened(self) -> Waits[Connection]:
        if self._connection is not None and not self._connection.alive:
            self.close()
        if self._connection is None:
            with self._remembered("SSH"):
                self._connection = yield from self.policy.opening().repeated(self._connect, Waiting.SESSION)
        return self._connection

    def _connect(self, _: int) -> Waits[Connection]:
        from agent.ssh.connect import open_ssh
        from agent.ssh.connection import Deadline
        from agent.ssh.peer.service import Service

        yield from self.policy.pause(self._turn(), Waiting.TURN)
        with (yield from self._login(self.policy)):
            deadline = Deadline(self.device.open_timeout, clock=self.device.clock.now)
            return open_ssh(self.device, deadline, Service.CLI, self._recorder)

    @contextmanager
    def _remembered(self, what: str) -> Iterator[None]:
        """Make it in the block, unless that failed before."""
        failed, until = self._failed.get(what, (None, 0.0))
        if failed is not None and self.policy.clock() < until:
            # A copy: an exception that is raised again and again collects the frames of each time.
            raise copy.copy(failed)
        try:
            yield
        except Interrupted:
            raise
        except AgentError as error:
            passing = classify(error) is Disposition.SLOW
            until = self.policy.clock() + self.policy.slow if passing else math.inf
            self._failed[what] = copy.copy(error), until
            raise

    def _made(self, make: Callable[[], T]) -> T:
        """*make* it; once more where the connection had been open before and proves to be dead only now."""
        before = self._connection
        try:
            return make()
        except SessionLost:
            if before is None or before.alive:
                raise
            self.close()
            return make()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
