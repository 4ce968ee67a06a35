"""A NETCONF session: rpcs with every error judged, several in flight, at most one that changes something.

It stands on an ncclient transport session, either our own (:func:`connect`) or one inside a ``Manager`` that an
orchestrator owns (:meth:`Session.over`), which is used and left as it was.
"""

from __future__ import annotations

import itertools
import logging
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from ncclient.operations.rpc import RPCReplyListener
from ncclient.transport.errors import TransportError as NcclientTransportError

from agent.model.device import Device
from agent.model.errors import AgentError, SessionLost
from agent.model.local.clock import Clock
from agent.model.outcome import Waiting
from agent.model.telemetry.context import bound
from agent.netconf import payload
from agent.netconf.payload import Element, Payload
from agent.netconf.pending import InFlight, Pending, Reply
from agent.netconf.retry import Policy, at_once, completed
from agent.netconf.trace import Channel, Tap, Trace, Unlogged
from agent.netconf.yang import yanglibrary
from agent.netconf.yang.capability import Capabilities

if TYPE_CHECKING:
    from agent.netconf.yang.schema import Schema
    from agent.recording.recorder import Recorder
    from agent.ssh.connection import Connection
    from agent.ssh.settings.config import Settings

log = logging.getLogger(__name__)

_CLOSE_TIMEOUT = 5.0


class Session:
    """NETCONF with one device; see the module's text. Use it in a ``with`` statement.

    Attributes:
        device: how messages call the device.
        address: ``host:port`` where it is known.
        strict_models: whether only models known exactly are used; else the nearest older variant stands in.
        owned: whether :meth:`close` ends the NETCONF session; False for a borrowed one.
        clock: what its time-outs go by.
        before_write: called ahead of each rpc that changes something, which is not sent where it raises.
    """

    def __init__(
        self,
        transport: Any,
        *,
        device: str,
        address: str | None = None,
        timeout: float = 60.0,
        owned: bool = True,
        handler: Any = None,
        strict_models: bool = False,
        clock: Clock | None = None,
    ) -> None:
        self.clock = clock or Clock()
        self.strict_models = strict_models
        self.device = device
        self.address = address
        self.owned = owned
        self.timeout = timeout
        self._hello = Capabilities.from_uris(getattr(transport, "announced", None) or transport.server_capabilities)
        self._followed = not yanglibrary.needed(self._hello)
        self._transport = transport
        self._listener = RPCReplyListener(transport, handler or transport._device_handler)
        self._message_ids = itertools.count(1)
        self._flying = InFlight(device, self.clock)
        self._sending = threading.RLock()  # so that it flies in that order
        self._held = 0  # blocks in which what is sent is held back, so that nothing is to be waited for
        # Message-ids must not meet those of an orchestrator's own rpcs on a borrowed session.
        self._prefix = "" if owned else f"xr-agent-{uuid.uuid4().hex[:12]}-"
        self.before_write: Callable[[], None] = lambda: None
        self._closed = False
        self._schema: Schema | None = None

    @classmethod
    def over(
        cls, manager: Any, *, device: str | None = None, timeout: float | None = None, clock: Clock | None = None
    ) -> Session:
        """A session over an ncclient ``Manager`` that somebody else owns.

        The manager's raise mode and timeout are neither used nor changed, and :meth:`close` leaves it open. ncclient
        looks at its send queue every 100 ms, which every rpc waits for; independent rpcs in flight together share it.
        """
        transport = manager._session
        host = getattr(transport, "host", None) or getattr(transport, "_host", None)
        return cls(
            transport,
            device=device or host or "device",
            address=host,
            owned=False,
            timeout=float(timeout if timeout is not None else manager.timeout or 60.0),
            handler=manager._device_handler,
            clock=clock,
        )

    @property
    def in_order(self) -> bool:
        """Whether the server answers in the order in which it is asked (RFC 6241 section 4.5), as far as is known.

        Where it does not, nothing is sent before all else was answered.
        """
        return self._flying.in_order

    @in_order.setter
    def in_order(self, in_order: bool) -> None:
        self._flying.in_order = in_order

    @property
    def session_id(self) -> str | None:
        """The device's session-id."""
        number = self._transport.id
        return str(number) if number else None

    @property
    def connection(self) -> Connection | None:
        """The SSH connection below a session of our own; None below a borrowed one."""
        found: Connection | None = getattr(self._transport, "connection", None)
        return found

    @property
    def legacy_ssh(self) -> bool:
        """Whether it goes by legacy SSH algorithms; of a borrowed session that is not known, and False."""
        return bool(self.connection and self.connection.legacy)

    @property
    def connected(self) -> bool:
        """Whether the session was alive when last heard of."""
        return not self._closed and bool(self._transport.connected)

    @property
    def capabilities(self) -> Capabilities:
        """What the device's hello announced; what it leaves to its yang-library is read once, when first asked for."""
        if not self._followed and self.connected:
            self._hello, self._followed = yanglibrary.followed(self._yang_library, self._hello), True
        return self._hello

    @capabilities.setter
    def capabilities(self, capabilities: Capabilities) -> None:
        self._hello, self._followed = capabilities, True

    def _yang_library(self, body: Element) -> Element | None:
        return self.call(body, operation="get yang-library").data

    @property
    def schema(self) -> Schema:
        """The models of this device, resolved when first needed; modules that only it has come by get-schema."""
        if self._schema is None:
            from agent.netconf.yang.schema import Schema

            fetch = self.fetch_schema if self.capabilities.get_schema else None
            self._schema = Schema(self.capabilities, fetch=fetch, strict=self.strict_models)
        return self._schema

    def fetch_schema(self, name: str, revision: str) -> str:
        """The text of the device's module *name* (get-schema, RFC 6022 section 3.1).

        Raises:
            RPCError, ReplyTimeout, SessionLost, ProtocolError: it cannot be had.
        """
        body = payload.template("get-schema", identifier=name, version=revision)
        reply = self.call(body, operation=f"get-schema {name}")
        return "".join(str(part) for part in reply.root.itertext()).strip()

    def send(
        self,
        body: Element | Payload,
        *,
        operation: str,
        writes: bool = False,
        again: bool = False,
        timeout: float | None = None,
        unlogged: bool = False,
        then: Callable[[], object] = lambda: None,
    ) -> Pending:
        """Put one rpc on the wire and return without waiting; *body* is the operation element,
        which stays as it is.

        Where the server is known not to answer in order, what was sent before is waited for first.

        Arguments:
            writes: it changes something; again: it but reads, and may be made any number of times.
            timeout: seconds for its answer, which begin once a write ahead of it was answered.
            unlogged: a secret is in it, which ncclient must not log on a borrowed session.
            then: called once it is answered, however late, or the session has ended; maybe in the loop's thread, and
                must wait for nothing.

        Raises:
            SessionLost: the session is closed; nothing was sent.
            OutcomeUnknown: a request that changes something was cut off while being written.
            RuntimeError: another request that changes something is still unanswered.
        """
        if writes and (other := self._flying.writing) is not None:
            raise RuntimeError(f"{operation} while {other.operation} is unanswered: one write at a time")
        self._in_turn()
        if writes:
            self.before_write()
        text = payload.payload_of(body)
        longest = self.timeout if timeout is None else timeout
        quiet = Unlogged(self._transport) if unlogged else None
        with self._sending:
            message_id = f"{self._prefix}{next(self._message_ids)}"
            pending = Pending(
                self._flying,
                operation,
                (self.session_id, message_id),
                writes=writes,
                again=partial(self.call, text, operation=operation, again=True, timeout=longest) if again else None,
                timeout=longest,
                then=then if quiet is None else quiet.end,
            )
            self._flying.add(pending)
            self._listener.register(message_id, pending)
            if writes:
                self._flying.writing = pending
            try:
                self._transport.send(payload.request(text, message_id))
            except NcclientTransportError as error:
                # The listener keeps the pending entry; the session has ended, so nobody will ask for it again.
                pending.deliver_error(error)
        return pending

    def _in_turn(self) -> None:
        """Wait for what was sent before, where that is not answered in order; SessionLost where the session is over."""
        if not (self.in_order or self._held):
            for earlier in self._flying.pending:
                earlier.wait()
        if not self.connected:
            raise SessionLost("the NETCONF session is closed", device=self.device, hint="connect again")

    @contextmanager
    def together(self) -> Iterator[None]:
        """What this thread sends in the block goes to the device in one piece at its end; on a borrowed session each by
        itself, as where the server is known not to answer in order."""
        if not self.in_order:
            yield
            return
        together: Callable[[], AbstractContextManager[None]] = getattr(self._transport, "together", nullcontext)
        with self._sending, together():
            self._held += 1
            try:
                yield
            finally:
                self._held -= 1

    def call(
        self,
        body: Element | Payload,
        *,
        operation: str,
        writes: bool = False,
        again: bool = False,
        timeout: float | None = None,
        unlogged: bool = False,
    ) -> Reply:
        """Send one rpc as :meth:`send` does and wait for its reply; errors as of :meth:`Pending.result`."""
        sent = self.send(body, operation=operation, writes=writes, again=again, timeout=timeout, unlogged=unlogged)
        return sent.result()

    def close(self) -> None:
        """End a session of our own; a borrowed one is left alone. Waits for nothing, never raises.

        The device is asked to end it, and a few seconds later the connection ends however that was answered; at once
        where the device did not answer what it was asked last.
        """
        if self._closed:
            return
        self._schema = None  # it may ask the device through this session, and would keep it alive with itself
        answers = not self._flying.silent and (self.in_order or not self._flying.pending)
        if self.owned and self._transport.connected and answers:
            end = self._transport.ending(_CLOSE_TIMEOUT, self._end)
            try:
                self.send(payload.rendered_once("close-session"), operation="close-session", then=end)
                self._closed = True
                return
            except AgentError as error:
                log.debug("%s: close-session: %s", self.device, error.message)
        self._closed = True
        if self.owned:
            self._end()

    def _end(self) -> None:
        self._transport.close()
        self._transport.remove_listener(self._listener)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Session {self.device} id={self.session_id}{'' if self.owned else ' borrowed'}>"


def connect(
    device: Device,
    *,
    strict_models: bool = False,
    policy: Policy | None = None,
    trace: Trace | None = None,
    recorder: Recorder | None = None,
    known: Settings | None = None,
) -> Session:
    """Open a NETCONF session to *device*; the caller closes it. *trace* is told every message, its secrets masked;
    *recorder* is told all that passes. *known*: as of :func:`agent.ssh.connect.open_ssh`.

    With *policy* a router that limits new sessions is waited for, as :meth:`Policy.opening` says; without, or where
    something else fails, it fails at once.

    Raises:
        ConnectError, HostKeyError, SSHAuthenticationError, ProtocolError: by what failed; nothing stays open.
        InputError: a key, known_hosts or SSH configuration file that cannot be used.
        Interrupted: cancellation was requested during a wait.
    """
    from agent.netconf.transport import DirectSession

    def opened() -> Session:
        tap = None if trace is None else Tap(trace, device, Channel.NETCONF)
        transport = DirectSession(device, tap, recorder, known=known)
        with bound(device=device.name):
            transport.open()
        return Session(
            transport,
            device=device.name,
            address=device.address,
            timeout=device.timeout,
            strict_models=strict_models,
            clock=device.clock,
        )

    if policy is None:
        return opened()
    return completed(policy.opening().repeated(lambda _: at_once(opened), Waiting.SESSION), policy)


Connector = Callable[[], Session]
