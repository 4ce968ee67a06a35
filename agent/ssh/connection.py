"""An authenticated SSH connection to a device, and the channels on it."""

from __future__ import annotations

import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import asyncssh

from agent.model.device import Device
from agent.model.errors import (
    ConnectError,
    ReplyTimeout,
    SessionLost,
)
from agent.ssh.channel import Channel
from agent.ssh.login import Login
from agent.ssh.loop import event_loop
from agent.ssh.opening import ChannelOpening

if TYPE_CHECKING:
    from agent.recording.events import Way
    from agent.recording.recorder import Recorded, Recorder

T = TypeVar("T")

_WIDTH, _HEIGHT = 511, 1000
_WINDOW = 2**21


class Deadline:
    """Seconds left of a cap that several steps share."""

    def __init__(self, seconds: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds = seconds
        self._clock = clock
        self._end = clock() + seconds

    def left(self) -> float:
        """Seconds left, at least a millisecond so that a socket never turns non-blocking."""
        return max(0.001, self._end - self._clock())

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """What passes in the block is not counted."""
        begun = self._clock()
        try:
            yield
        finally:
            self._end += self._clock() - begun


class Connection:
    """An authenticated connection with everything below it: socket and jump hosts end with it.

    Attributes:
        login: what was said on the way to it.
        legacy: the algorithms it goes by that are offered only where the user wants them.
        proxied: whether a ProxyCommand is below it, whose end is waited for.
    """

    def __init__(self, device: Device, ssh: asyncssh.SSHClientConnection, login: Login, below: ExitStack) -> None:
        self._device, self.ssh, self.login = device, ssh, login
        self._loop = event_loop()
        self.legacy: tuple[str, ...] = ()
        self.proxied = False
        self._below = below
        self._port = (ssh.get_extra_info("sockname") or ("", 0))[1]
        self._opened = 0

    @property
    def alive(self) -> bool:
        """Whether it was when last heard of."""
        return not self.login.ended

    def channel(
        self,
        *,
        seconds: float,
        timeout: float,
        subsystem: str | None = None,
        receive: Callable[[bytes], None] | None = None,
    ) -> Channel:
        """A channel to *subsystem*, else to a shell at a terminal of 511 columns, opened within *seconds*.

        Arguments:
            timeout, receive: as of :class:`agent.ssh.channel.Channel`.

        Raises:
            ConnectError: the server refuses it.
            SessionLost, ReplyTimeout: the connection has ended, or gives no answer.
        """

        def session() -> Channel:
            key = self._port, self._numbered()
            return Channel(self._loop, key, clock=self._device.clock, timeout=timeout, receive=receive)

        terminal: dict[str, Any] = {"term_type": "vt100", "term_size": (_WIDTH, _HEIGHT)} if not subsystem else {}
        options = dict(subsystem=subsystem, request_pty=not subsystem, encoding=None, window=_WINDOW, **terminal)
        made: Channel
        _, made = self._opened_by(lambda opening: opening.create_session(session, **options), seconds)
        return made

    def recorded(self, recorder: Recorder, way: Way) -> Recorded:
        """A session on this connection, for whoever opens its channel."""
        return recorder.session(self._device, self.login.greeting(), way)

    def run(self, coroutine: Awaitable[T], seconds: float) -> T:
        """The result of *coroutine* on this connection, within *seconds*.

        Raises:
            ConnectError: the server refuses what it asks for.
            SessionLost, ReplyTimeout: the connection has ended, or gives no answer.
        """
        device = self._device
        try:
            return self._loop.run(coroutine, lambda done: self._in_time(done, seconds))
        except TimeoutError as error:
            raise ReplyTimeout(f"no answer within {seconds:g} s", device=device.name) from error
        except asyncssh.ChannelOpenError as error:
            if not self.alive or error.reason == "SSH connection closed":
                raise SessionLost("the connection ended", device=device.name, hint="connect again") from error
            raise ConnectError(f"it was refused: {error.reason}", device=device.name) from error
        except (asyncssh.DisconnectError, EOFError, OSError) as error:
            raise SessionLost("the connection ended", device=device.name, hint="connect again") from error

    def _in_time(self, done: threading.Event, seconds: float) -> bool:
        return self._device.clock.heard(done, seconds, (self._port, max(0, self._opened - 1)))

    def soon(self, function: Callable[[], object]) -> None:
        """Have something of this connection's called in the loop's thread."""
        self._loop.soon(function)

    def ending(self, seconds: float, end: Callable[[], object]) -> Callable[[], None]:
        """Have *end*, which closes it, called in so many seconds, or as soon as what this returns is called.

        Nobody waits for that: neither the caller, nor the loop where *end* has to wait.
        """
        begun = threading.Thread(target=end, name="xr-agent-ssh-end", daemon=True)
        return self._loop.later(seconds, begun.start if self.proxied else end)

    def sftp(self, seconds: float) -> asyncssh.SFTPClient:
        """SFTP on a channel of its own; errors as of :meth:`run`."""
        self._numbered()
        return self._opened_by(ChannelOpening.start_sftp_client, seconds)

    def _opened_by(self, opened: Callable[[ChannelOpening], Awaitable[T]], seconds: float) -> T:
        """What *opened* opens, by a channel that does not outlive a failure; errors as of :meth:`run`."""
        opening = ChannelOpening(self.ssh)
        try:
            return self.run(opened(opening), seconds)
        except BaseException:
            self._loop.soon(opening.give_up)
            raise

    def _numbered(self) -> int:
        """How many channels there were before."""
        self._opened += 1
        return self._opened - 1

    def close(self) -> None:
        """Close at once and for good; closing again does nothing."""
        self._loop.soon(self.ssh.abort)
        self._below.close()
