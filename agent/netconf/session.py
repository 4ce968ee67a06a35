"""A NETCONF session: rpcs with every error judged, several in flight, at most one that changes something.

It stands on an ncclient transport session, either our own (:func:`connect`) or one inside a ``Manager`` that an
orchestrator owns (:meth:`Session.over`), which is used and left as it was.
"""

from __future__ import annotations

import itertools
import logging
import re
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from lxml import etree
from ncclient.operations.rpc import RPCReplyListener
from ncclient.transport.errors import TransportError as NcclientTransportError

from agent.model.context import bound
from agent.model.device import Device
from agent.model.errors import (
    UNANSWERED,
    AccessDenied,
    AgentError,
    LockDenied,
    OutcomeUnknown,
    ProtocolError,
    ReplyTimeout,
    RPCError,
    RpcErrorInfo,
    SessionLost,
)
from agent.model.local.clock import Clock
from agent.model.outcome import Waiting
from agent.netconf import payload
from agent.netconf.payload import NETCONF_NS, Element, qname
from agent.netconf.retry import Policy, at_once, completed
from agent.netconf.trace import Channel, Tap, Trace
from agent.netconf.unlogged import Unlogged
from agent.netconf.yang import yanglibrary
from agent.netconf.yang.capability import Capabilities

if TYPE_CHECKING:
    from agent.netconf.yang.schema import Schema
    from agent.ssh.connection import Connection

log = logging.getLogger(__name__)

_DATA = qname(NETCONF_NS, "data")
_ERROR = qname(NETCONF_NS, "rpc-error")
_OK = qname(NETCONF_NS, "ok")
_RPC = qname(NETCONF_NS, "rpc")
_REPLY = qname(NETCONF_NS, "rpc-reply")
_NOT_AUTHORIZED = "not authorized"
_SESSION_ID = re.compile(r"[0-9]{1,10}")
_CLOSE_TIMEOUT = 5.0
_NSMAP: Any = {None: NETCONF_NS}  # lxml takes None for the default namespace; its stubs do not


@dataclass(frozen=True, slots=True)
class Reply:
    """An ``<rpc-reply>`` without errors; ``warnings`` are its rpc-errors of severity warning."""

    root: Element
    warnings: tuple[RpcErrorInfo, ...] = ()

    @property
    def data(self) -> Element | None:
        """The ``<data>`` element of a get or get-config."""
        return self.root.find(_DATA)

    @property
    def ok(self) -> bool:
        """Whether the device said ``<ok/>``, which proves nothing but that it took the request."""
        return self.root.find(_OK) is not None


class Pending:
    """A request on its way; :meth:`result` waits for its answer.

    Attributes:
        again: whether it may be made any number of times, since it but reads.
        early: whether it was answered ahead of something else than a read that it was sent behind.
    """

    def __init__(
        self,
        session: Session,
        body: Element,
        *,
        operation: str,
        writes: bool,
        again: bool,
        timeout: float,
        message_id: str,
        then: Callable[[], object],
    ) -> None:
        self.operation, self.writes, self.again = operation, writes, again
        self.early = False
        self._session, self._body, self._message_id = session, body, message_id
        self._timeout, self._then = timeout, then
        self._over = threading.Event()
        self._raw: str | None = None
        self._lost: Exception | None = None
        self.timed_anew()

    def timed_anew(self) -> None:
        """Its time begins now: until now the server was at what it was sent behind."""
        self._until = self._session.clock.now() + self._timeout

    def deliver_reply(self, raw: str) -> None:
        """Called by ncclient's reply listener, in the loop's thread."""
        self._session._replied(self)
        self._raw = raw
        self._settle()

    def deliver_error(self, error: Exception) -> None:
        """Called by ncclient's reply listener when the session ends first."""
        self._session._gone(self)
        self._lost = error
        self._settle()

    def _settle(self) -> None:
        self._then()
        self._over.set()

    def overtaken(self) -> None:
        """What was sent behind it was answered first: it is not waited for any longer, but made again."""
        self._over.set()

    def answered(self) -> bool:
        """Whether an answer came, however late, or the session ended: :meth:`result` then waits for nothing."""
        return self._raw is not None or self._lost is not None

    def wait(self) -> bool:
        """Wait until it is answered, or need not be waited for; whether that came in time."""
        clock, session = self._session.clock, self._session
        while not clock.wait(self._over, self._until - clock.now(), session.session_id, self._message_id):
            if clock.now() >= self._until:
                session._unanswered(self)
                return False
        return True

    def result(self) -> Reply:
        """The reply; asked for again after a time-out, that of an answer which came since.

        Where the server does not answer in order, a read is made once more, alone: this one was dropped, or done ahead
        of what it was to see.

        Raises:
            RPCError, LockDenied, AccessDenied: the device refused; every rpc-error is in it.
            ReplyTimeout, SessionLost, ProtocolError: no usable answer to a request that changes nothing.
            OutcomeUnknown: no usable answer to a request that changes something.
        """
        device = self._session.device
        try:
            if not self.wait():
                hint = "the device is busy or hangs; try again, or give a longer --timeout"
                said = f"{self.operation} got no answer within {self._timeout:g} s"
                raise ReplyTimeout(said, device=device, hint=hint)
            if self._lost is not None:
                # What ncclient says when a session ends quotes the bytes on their way, secrets included.
                told = self._lost if isinstance(self._lost, AgentError | OSError) else None
                raise _lost(self._lost, self.operation, device) from told
            if self.again and (self.early or self._raw is None):
                return self._session.call(self._body, operation=self.operation, again=True, timeout=self._timeout)
            return _judge(self._raw or "", self.operation, device)
        except UNANSWERED as error:
            if not self.writes:
                raise
            said = f"{self.operation} was sent and its answer lost: {error.message}"
            raise OutcomeUnknown(said, device=device, hint="read the state before anything else") from error
        finally:
            self._session._settled(self)


class Session:
    """NETCONF with one device; see the module's text. Use it in a ``with`` statement.

    Attributes:
        device: how messages call the device.
        address: ``host:port`` where it is known.
        strict_models: whether only models known exactly are used; else the nearest older variant stands in.
        owned: whether :meth:`close` ends the NETCONF session; False for a borrowed one.
        clock: what its time-outs go by.
        in_order: whether the server answers in the order in which it is asked (RFC 6241 section 4.5), as far as is
            known; where it does not, nothing is sent before all else was answered.
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
        self.in_order = True
        self._flying: list[Pending] = []
        self._guard = threading.Lock()  # of what is flying
        self._sending = threading.RLock()  # so that it flies in that order
        self._held = 0  # blocks in which what is sent is held back, so that nothing is to be waited for
        # Message-ids must not meet those of an orchestrator's own rpcs on a borrowed session.
        self._prefix = "" if owned else f"xr-agent-{uuid.uuid4().hex[:12]}-"
        self._writing: Pending | None = None
        self.before_write: Callable[[], None] = lambda: None
        self._closed = self._silent = False
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
        body: Element,
        *,
        operation: str,
        writes: bool = False,
        again: bool = False,
        timeout: float | None = None,
        unlogged: bool = False,
        then: Callable[[], object] = lambda: None,
    ) -> Pending:
        """Put one rpc on the wire and return without waiting; *body* is the operation element.

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
        if writes and self._writing is not None:
            raise RuntimeError(f"{operation} while {self._writing.operation} is unanswered: one write at a time")
        if not self.connected:
            raise SessionLost("the NETCONF session is closed", device=self.device, hint="connect again")
        if writes:
            self.before_write()
        if not (self.in_order or self._held):
            for earlier in self._in_flight():
                earlier.wait()
        quiet = Unlogged(self._transport) if unlogged else None
        with self._sending:
            message_id = f"{self._prefix}{next(self._message_ids)}"
            pending = Pending(
                self,
                body,
                operation=operation,
                writes=writes,
                again=again,
                timeout=self.timeout if timeout is None else timeout,
                message_id=message_id,
                then=then if quiet is None else quiet.end,
            )
            message = _rpc(body, message_id)
            with self._guard:
                self._flying.append(pending)
            self._listener.register(message_id, pending)
            if writes:
                self._writing = pending
            try:
                self._transport.send(message)
            except NcclientTransportError as error:
                # The listener keeps the pending entry; the session has ended, so nobody will ask for it again.
                pending.deliver_error(error)
        return pending

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
        body: Element,
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
        answers = not self._silent and (self.in_order or not self._flying)
        if self.owned and self._transport.connected and answers:
            end = self._transport.ending(_CLOSE_TIMEOUT, self._end)
            try:
                self.send(payload.template("close-session"), operation="close-session", then=end)
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

    # --- what is flying, asked and told from any thread ----------------------------------------------------------

    def _in_flight(self) -> list[Pending]:
        with self._guard:
            return list(self._flying)

    def _gone(self, pending: Pending) -> None:
        """It is answered, or waited for no more, by whom or for whatever."""
        with self._guard:
            if pending in self._flying:
                self._flying.remove(pending)

    def _unanswered(self, pending: Pending) -> None:
        self._silent = True
        self._gone(pending)

    def _replied(self, pending: Pending) -> None:
        """It is being answered: see whether in order, and let the time begin of what was sent behind a write."""
        flying, self._silent = self._in_flight(), False
        if pending not in flying:
            return
        place = flying.index(pending)
        ahead, behind = flying[:place], flying[place + 1 :]
        if ahead and self.in_order:
            self.in_order = False
            said = "%s: %s was answered before %s, which was asked first: from now on one rpc at a time is sent"
            log.warning(said, self.device, pending.operation, ahead[0].operation)
        pending.early = any(not one.again for one in ahead)
        self._gone(pending)
        for one in ahead:
            if one.again:
                self._gone(one)
                one.overtaken()
        for one in behind if pending.writes else ():
            one.timed_anew()

    def _settled(self, pending: Pending) -> None:
        if self._writing is pending:
            self._writing = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Session {self.device} id={self.session_id}{'' if self.owned else ' borrowed'}>"


def connect(
    device: Device, *, strict_models: bool = False, policy: Policy | None = None, trace: Trace | None = None
) -> Session:
    """Open a NETCONF session to *device*; the caller closes it. *trace* is told every message, its secrets masked.

    With *policy* a router that limits new sessions is waited for, as :meth:`Policy.opening` says; without, or where
    something else fails, it fails at once.

    Raises:
        ConnectError, HostKeyError, SSHAuthenticationError, ProtocolError: by what failed; nothing stays open.
        InputError: a key, known_hosts or SSH configuration file that cannot be used.
        Interrupted: cancellation was requested during a wait.
    """
    from agent.netconf.transport import DirectSession

    def opened() -> Session:
        transport = DirectSession(device, None if trace is None else Tap(trace, device, Channel.NETCONF))
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


def await_last(pendings: Iterable[Pending | None]) -> None:
    """Wait for the last answer of several, ahead of taking each: a device gives them in order (RFC 6241 section 4.5).

    To wait for the first wakes this thread for each of them anew.
    """
    last = None
    for pending in pendings:
        last = pending or last
    if last is not None:
        last.wait()


def _rpc(body: Element, message_id: str) -> str:
    root = etree.Element(_RPC, {"message-id": message_id}, nsmap=_NSMAP)
    root.append(body)
    return etree.tostring(root, encoding="unicode")


def _lost(error: Exception, operation: str, device: str) -> AgentError:
    if isinstance(error, ProtocolError):
        return ProtocolError(f"{operation}: {error.message}", device=device, hint=error.hint)
    return SessionLost(f"the session ended before {operation} was answered", device=device, hint="connect again")


def _judge(raw: str, operation: str, device: str) -> Reply:
    """All rpc-errors of a reply are judged: a warning ahead of an error does not hide it."""
    root = payload.parse(raw, device=device)
    if root.tag != _REPLY:
        raise ProtocolError(f"{operation} was answered by {root.tag!r}, not by an rpc-reply", device=device)
    errors = tuple(_rpc_error(element) for element in root.iterfind(_ERROR))
    if not any(error.is_error for error in errors):
        return Reply(root, errors)
    tags = {error.tag for error in errors if error.is_error}
    said = " ".join(error.message or "" for error in errors if error.is_error).lower()
    if "lock-denied" in tags:
        holder = next((error.session_id for error in errors if error.session_id), None)
        known = holder not in (None, "0")
        hint = f"session {holder} holds it" if known else "a user at the CLI, or an uncommitted candidate, holds it"
        raise LockDenied(errors, operation=operation, device=device, hint=hint)
    if "access-denied" in tags or _NOT_AUTHORIZED in said:
        hint = "the user lacks a task group (crypto, config-services) or a NACM rule"
        raise AccessDenied(errors, operation=operation, device=device, hint=hint)
    raise RPCError(errors, operation=operation, device=device)


def _rpc_error(element: Element) -> RpcErrorInfo:
    said = partial(payload.leaf, element, NETCONF_NS)
    info = element.find(qname(NETCONF_NS, "error-info"))
    holder = None if info is None else payload.leaf(info, NETCONF_NS, "session-id")
    return RpcErrorInfo(
        type=said("error-type"),
        tag=said("error-tag"),
        severity=said("error-severity"),
        app_tag=said("error-app-tag"),
        path=said("error-path"),
        message=said("error-message"),
        info=None if info is None else payload.serialize(info).decode(),
        session_id=holder if holder and _SESSION_ID.fullmatch(holder) else None,
    )
