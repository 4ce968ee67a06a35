"""NETCONF over SSH as an ncclient session, without ncclient's waits and without a thread.

ncclient's session thread looks at its send queue once in 100 ms, so every rpc waits for that tick. The session here
writes when it is told to, is told what comes by the event loop of all connections, and is an ncclient session in every
other respect: an ncclient ``Manager`` can be put over it.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache, cached_property
from queue import Queue
from typing import TYPE_CHECKING

from ncclient.capabilities import Capabilities
from ncclient.devices.default import DefaultDeviceHandler
from ncclient.logging_ import SessionLoggerAdapter
from ncclient.operations.errors import OperationError
from ncclient.operations.rpc import RPCReplyListener
from ncclient.transport.errors import SessionCloseError, TransportError
from ncclient.transport.notify import Notification
from ncclient.transport.session import NetconfBase
from ncclient.transport.session import Session as NcclientSession

from agent.model.device import Device
from agent.model.errors import AgentError, ConnectError, ProtocolError, ReplyTimeout, SessionLost
from agent.netconf.framing import FrameReader, frame
from agent.netconf.payload import NETCONF_NS, qname, root_of
from agent.netconf.trace import Tap
from agent.netconf.yang import hello
from agent.ssh.channel import Channel
from agent.ssh.connect import open_ssh
from agent.ssh.connection import Connection, Deadline
from agent.ssh.peer.service import Service

if TYPE_CHECKING:
    from agent.recording.recorder import Recorded, Recorder
    from agent.ssh.settings.config import Settings

log = logging.getLogger(__name__)
_ncclient_log = logging.getLogger("ncclient.transport.ssh")

_SESSION_LIMIT = "the session limit may be reached (netconf-yang agent session limit), or no NETCONF is there"
_REPLY = qname(NETCONF_NS, "rpc-reply")
_REMEMBERED = 1000
_BASE_10, _BASE_11 = "urn:ietf:params:netconf:base:1.0", "urn:ietf:params:netconf:base:1.1"


_OVER = threading.Event()
"""What is waited for no more; for all sessions, since each event of its own takes a thousand bytes."""
_OVER.set()


@dataclass
class _Shown:
    """What log records say of a session; they may outlive it, and do not keep it alive."""

    host: str
    id: str | None = None


class DirectSession(NcclientSession):  # type: ignore[misc] # ncclient has no types
    """An ncclient session that writes on :meth:`send` and hands on at once what comes."""

    def __init__(
        self,
        device: Device,
        tap: Tap | None = None,
        recorder: Recorder | None = None,
        *,
        known: Settings | None = None,
    ) -> None:
        """*known*: as of :func:`agent.ssh.connect.open_ssh`."""
        self._known = known
        self._tap = tap
        self._recorder = recorder
        self._recorded: Recorded | None = None
        self._listed: Capabilities | None = None
        handler, announced = _announced_to_ncclient()
        super().__init__(announced)
        del self._q, self._notification_q  # hardly anybody asks for them, and a thousand sessions have two thousand
        self._device_handler = handler
        self._shown = _Shown(device.host)
        self.logger = SessionLoggerAdapter(_ncclient_log, {"session": self._shown})
        self._device = device
        self._frames = FrameReader()
        self._writing = threading.RLock()
        self._held: bytearray | None = None
        self._taking = threading.RLock()
        self._ended = False
        self._closing = False
        self._connection: Connection | None = None
        self._host = device.host
        self._base: int = NetconfBase.BASE_10
        self._channel: Channel | None = None
        self._greeted = threading.Event()
        self._refused: Exception | None = None
        self._answered: deque[str | None] = deque(maxlen=_REMEMBERED)
        self.announced: tuple[str, ...] = ()

    def open(self) -> None:
        """Connect, log in, open the ``netconf`` subsystem and exchange hellos, all within the device's open_timeout.

        Raises:
            ConnectError, HostKeyError, SSHAuthenticationError, ProtocolError: by what failed; nothing stays open.
        """
        device = self._device
        deadline = Deadline(device.open_timeout, clock=device.clock.now)
        with ExitStack() as undo:
            known, self._known = self._known, None
            self._connection = open_ssh(device, deadline, Service.NETCONF, self._recorder, known=known)
            undo.callback(self.close)
            self._recorded = self._recording(self._connection)
            try:
                self.use(self._subsystem(self._connection, deadline))
                self._exchange_hellos(deadline)
            except AgentError as error:
                error.logged_in = True
                if self._recorded is not None:
                    self._recorded.closed(error.message)
                raise
            undo.pop_all()

    def _recording(self, connection: Connection) -> Recorded | None:
        if self._recorder is None:
            return None
        from agent.recording.events import Way

        return connection.recorded(self._recorder, Way.NETCONF)

    @property
    def connection(self) -> Connection | None:
        """The SSH connection below it; None before it is open."""
        return self._connection

    def use(self, channel: Channel) -> None:
        """Speak over *channel* from now on."""
        self._channel, self._connected = channel, True

    def _subsystem(self, connection: Connection, deadline: Deadline) -> Channel:
        device = self._device
        try:
            return connection.channel(
                subsystem="netconf", seconds=deadline.left(), timeout=device.timeout, receive=self.received
            )
        except SessionLost as error:
            raise self._ended_early() from error
        except ReplyTimeout as error:
            raise self._no_hello() from error
        except ConnectError as error:
            raise ConnectError(
                f"{device.place} answers SSH, but has no netconf subsystem: {error.message}",
                device=device.name,
                hint="configure 'netconf-yang agent ssh' and 'ssh server netconf' on the router, or check --port",
            ) from error

    def _exchange_hellos(self, deadline: Deadline) -> None:
        device = self._device
        try:
            self._write(_hello())
        except TransportError as error:
            raise self._ended_early() from error
        answered = device.clock.wait(self._greeted, deadline.left())
        refused, self._refused = self._refused, None
        if isinstance(refused, ProtocolError):
            raise refused
        if refused is not None:
            raise self._ended_early() from refused
        if not answered:
            raise self._no_hello()

    def _no_hello(self) -> ConnectError:
        device = self._device
        said = device.placed(f"no NETCONF hello within {device.open_timeout:g} s")
        return ConnectError(said, device=device.name, hint=_SESSION_LIMIT)

    def _ended_early(self) -> ConnectError:
        """How a router refuses more NETCONF sessions than its limit."""
        return ConnectError(
            f"{self._device.place} ended the session before its hello",
            device=self._device.name,
            hint=_SESSION_LIMIT,
            rate_limited=True,
        )

    @cached_property
    def _q(self) -> Queue[str]:
        """ncclient's queue of what its thread is to send; there is no such thread."""
        return Queue()

    @cached_property
    def _notification_q(self) -> Queue[Notification]:
        """ncclient's queue of notifications, which nobody subscribes to here."""
        return Queue()

    @property
    def _server_capabilities(self) -> Capabilities:
        """ncclient's view of the hello, for a Manager; made when first asked for, since a hello lists up to 1,100."""
        if self._listed is None:
            self._listed = Capabilities(self.announced)
        return self._listed

    @_server_capabilities.setter
    def _server_capabilities(self, capabilities: Capabilities | None) -> None:
        self._listed = capabilities

    def send(self, message: str) -> None:
        """Write one message now, in the caller's thread; messages of several threads never mix.

        Raises:
            ncclient.transport.errors.TransportError: the session is closed or the peer does not read.
        """
        self._write(message, chunked=self._base == NetconfBase.BASE_11, session_id=self._id)

    def _write(self, message: str, *, chunked: bool = False, session_id: str | None = None) -> None:
        """Our hello is not chunked, and of no session yet, though the device's may have come by now."""
        channel = self._channel
        if not self.connected or channel is None:
            raise TransportError("Not connected to NETCONF server")
        if self._tap is not None:
            self._tap.sent(message, session_id)
        if self._recorded is not None:
            self._recorded.sent(message)
        data = frame(message.encode(), chunked=chunked)
        with self._writing:
            if self._held is None:
                self._put(channel, data)
            else:
                self._held += data

    @contextmanager
    def together(self) -> Iterator[None]:
        """What this thread sends in the block is written at its end, in one piece; other threads wait until then.

        Where it cannot be written, everyone who waits for a reply is told.
        """
        with self._writing:
            if self._held is not None:
                yield
                return
            self._held = bytearray()
            try:
                yield
            finally:
                data, self._held = bytes(self._held), None
                channel = self._channel
                try:
                    if data and channel is not None:  # else it was closed, of which they were told
                        self._put(channel, data)
                except TransportError as error:
                    self._dispatch_error(error)

    def _put(self, channel: Channel, data: bytes) -> None:
        try:
            channel.sendall(data)
        except (EOFError, OSError) as error:
            self._connected = False
            said = str(error) or "the connection ended"
            raise TransportError(f"the message could not be written: {said}") from error

    def received(self, data: bytes) -> None:
        """Take what came, in the loop's thread; nothing at the end, which is told to everyone who waits for a reply."""
        with self._taking:
            self._received(data)

    def _received(self, data: bytes) -> None:
        if self._ended:
            return
        try:
            if not data or self._closing:
                # Also where this side ends it: what is unanswered by now will not be answered any more.
                raise SessionCloseError(b"" if not self._frames.pending else b"in the middle of a message")
            self._take(data)
        except (AgentError, OSError, SessionCloseError, OperationError) as error:
            self._ended, self._connected = True, False
            if self._recorded is not None and self._greeted.is_set():
                self._recorded.closed(None if self._closing else str(error) or "the session ended")
            if not self._greeted.is_set():
                self._refused = error
                self._greeted.set()
            self._dispatch_error(error)

    def _take(self, data: bytes) -> None:
        self._frames.feed(data)
        while (message := self._frames.next()) is not None:
            if self._tap is not None:
                self._tap.received(message.decode("utf-8", "backslashreplace"), self._id)
            if self._recorded is not None:
                self._recorded.received(message.decode("utf-8", "backslashreplace"))
            if not self._greeted.is_set():
                self._greet(message)
                continue
            self._dispatch(message.strip())

    def _greet(self, message: bytes) -> None:
        """Take the device's hello (RFC 6241 section 8.1); the framing may change right behind it."""
        self.announced, number = hello.read(message, device=self._device.name)
        self._id = self._shown.id = number
        if _BASE_11 in self.announced:
            self._base = NetconfBase.BASE_11
            self._frames.chunked = True
        greeted, self._greeted = self._greeted, _OVER
        greeted.set()

    def _dispatch(self, message: bytes) -> None:
        try:
            raw = message.decode()
        except UnicodeDecodeError as error:
            raise ProtocolError(f"a message is not UTF-8: {error}", device=self._device.name) from error
        root = root_of(message, device=self._device.name)
        if root[0].endswith("}notification"):
            log.debug("%s: a notification nobody subscribed to", self._device.name)
            return
        if root[0] != _REPLY:
            raise ProtocolError(f"a message is a {root[0]!r}, not an rpc-reply", device=self._device.name)
        message_id = root[1].get("message-id")
        with self._lock:
            listeners = list(self._listeners)
        try:
            for listener in listeners:
                listener.callback(root, raw)
        except OperationError as error:
            if message_id in self._answered:
                log.debug("%s: a second reply to message-id %s is ignored", self._device.name, message_id)
                return
            raise ProtocolError(
                f"a reply has the message-id {message_id!r}, by which nothing was asked", device=self._device.name
            ) from error
        self._answered.append(message_id)

    def _dispatch_error(self, err: Exception) -> None:
        """As ncclient's, which tells nobody further once another thread adds an rpc to those that it goes through."""
        listener = self.get_listener_instance(RPCReplyListener)
        with listener._lock if listener is not None else nullcontext():
            super()._dispatch_error(err)

    def ending(self, seconds: float, end: Callable[[], object]) -> Callable[[], object]:
        """As of :meth:`agent.ssh.connection.Connection.ending`; at once where there is no connection."""
        return end if self._connection is None else self._connection.ending(seconds, end)

    def close(self) -> None:
        """End the session; closing again does nothing."""
        self._closing = True
        self._connected = False
        if self._connection is not None:
            self._connection.close()
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.close()
            self.received(b"")


@cache
def _announced_to_ncclient() -> tuple[DefaultDeviceHandler, Capabilities]:
    """What a Manager takes from its session, and changes neither: all sessions share it."""
    handler = DefaultDeviceHandler({"name": "default"})
    return handler, Capabilities(handler.get_capabilities())


@cache
def _hello() -> str:
    listed = "".join(f"<capability>{uri}</capability>" for uri in (_BASE_10, _BASE_11))
    return f'<hello xmlns="{NETCONF_NS}"><capabilities>{listed}</capabilities></hello>'
