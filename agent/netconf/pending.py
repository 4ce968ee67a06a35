"""What is in flight on a session: answers, every error in them judged, and the order in which they come."""

from __future__ import annotations

import copy
import hashlib
import logging
import re
import threading
from collections.abc import Callable, Iterable
from functools import cached_property, lru_cache, partial

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
from agent.netconf import payload
from agent.netconf.payload import NETCONF_NS, Element, qname

log = logging.getLogger(__name__)

_DATA = qname(NETCONF_NS, "data")
_ERROR = qname(NETCONF_NS, "rpc-error")
_OK = qname(NETCONF_NS, "ok")
_REPLY = qname(NETCONF_NS, "rpc-reply")
_NOT_AUTHORIZED = "not authorized"
_SESSION_ID = re.compile(r"[0-9]{1,10}")
_ATTRIBUTES = r"""(?:\s+[^\s=<>"']+="[^<>"]*")*"""
_MERE_OK = re.compile(
    rf"""(?:<\?xml[^<>]*\?>\s*)?<((?:\w+:)?)rpc-reply{_ATTRIBUTES}?(?P<id>\s+message-id="[^<>"]*"){_ATTRIBUTES}\s*>"""
    r"\s*<\1ok\s*/>\s*</\1rpc-reply\s*>\s*"
)
_LONGEST_OK = 512


class Reply:
    """An ``<rpc-reply>`` without errors; ``warnings`` are its rpc-errors of severity warning."""

    def __init__(self, make: Callable[[], Element], warnings: tuple[RpcErrorInfo, ...] = ()) -> None:
        """*make* gives the element, once somebody asks for it: hardly anybody does for an ``<ok/>``."""
        self._make = make
        self.warnings = warnings

    def __repr__(self) -> str:
        return f"<Reply, {len(self.warnings)} warnings>"

    @cached_property
    def root(self) -> Element:
        """The element, of this reply alone; it may lack the message-id, by which the reply was told already."""
        return self._make()

    @property
    def data(self) -> Element | None:
        """The ``<data>`` element of a get or get-config."""
        return next(self.root.iterchildren(_DATA), None)

    @property
    def ok(self) -> bool:
        """Whether the device said ``<ok/>``, which proves nothing but that it took the request."""
        return next(self.root.iterchildren(_OK), None) is not None


class InFlight:
    """What was sent on one session and is not answered yet, in the order of sending; asked and told from any thread.

    Attributes:
        device, clock: as of the session.
        in_order: whether the server answers in the order in which it is asked, as far as is known.
        silent: whether it did not answer in time what was waited for last.
        writing: what changes something, until its answer was read.
    """

    def __init__(self, device: str, clock: Clock) -> None:
        self.device, self.clock = device, clock
        self.in_order, self.silent = True, False
        self.writing: Pending | None = None
        self._guard = threading.Lock()
        self._pending: list[Pending] = []

    @property
    def pending(self) -> list[Pending]:
        """All of it, the first that was sent first."""
        with self._guard:
            return list(self._pending)

    def add(self, pending: Pending) -> None:
        """It is being sent."""
        with self._guard:
            self._pending.append(pending)

    def remove(self, pending: Pending) -> None:
        """It is answered, or waited for no more."""
        with self._guard:
            if pending in self._pending:
                self._pending.remove(pending)

    def unanswered(self, pending: Pending) -> None:
        """Its time is over."""
        self.silent = True
        self.remove(pending)

    def replied(self, pending: Pending) -> None:
        """It is being answered: see whether in order, and let the time begin of what was sent behind a write."""
        flying, self.silent = self.pending, False
        if pending not in flying:
            return
        place = flying.index(pending)
        ahead, behind = flying[:place], flying[place + 1 :]
        if ahead and self.in_order:
            self.in_order = False
            said = "%s: %s was answered before %s, which was asked first: from now on one rpc at a time is sent"
            log.warning(said, self.device, pending.operation, ahead[0].operation)
        pending.early = any(one.again is None for one in ahead)
        self.remove(pending)
        for one in ahead:
            if one.again is not None:
                self.remove(one)
                one.overtaken()
        for one in behind if pending.writes else ():
            one.timed_anew()


class Pending:
    """A request on its way; :meth:`result` waits for its answer.

    Attributes:
        again: makes it once more, where it may be made any number of times, since it but reads.
        early: whether it was answered ahead of something else than a read that it was sent behind.
    """

    def __init__(
        self,
        flying: InFlight,
        operation: str,
        ids: tuple[str | None, str],
        *,
        writes: bool,
        again: Callable[[], Reply] | None,
        timeout: float,
        then: Callable[[], object],
    ) -> None:
        """*ids*: the session's and the message's; *then* is called once it is answered, or the session has ended."""
        self.operation, self.writes, self.again = operation, writes, again
        self.early = False
        self._flying, self._ids, self._timeout, self._then = flying, ids, timeout, then
        self._over = threading.Event()
        self._told: Callable[[], object] = lambda: None
        self._raw: str | None = None
        self._lost: Exception | None = None
        self.timed_anew()

    def timed_anew(self) -> None:
        """Its time begins now: until now the server was at what it was sent behind."""
        self._until = self._flying.clock.now() + self._timeout

    def deliver_reply(self, raw: str) -> None:
        """Called by ncclient's reply listener, in the loop's thread."""
        self._flying.replied(self)
        self._raw = raw
        self._settle()

    def deliver_error(self, error: Exception) -> None:
        """Called by ncclient's reply listener when the session ends first."""
        self._flying.remove(self)
        self._lost = error
        self._settle()

    def _settle(self) -> None:
        self._then()
        self._end()

    def overtaken(self) -> None:
        """What was sent behind it was answered first: it is not waited for any longer, but made again."""
        self._end()

    def _end(self) -> None:
        self._over.set()
        self._told()

    def until(self, told: Callable[[], object]) -> float:
        """As of :class:`agent.model.outcome.Wait`."""
        self._told = told
        if self._over.is_set():  # maybe before *told* was there
            told()
        return self._until - self._flying.clock.now()

    def answered(self) -> bool:
        """Whether an answer came, however late, or the session ended: :meth:`result` then waits for nothing."""
        return self._raw is not None or self._lost is not None

    def digest(self) -> bytes | None:
        """By what its answer is told from others, waited for: all of it behind the start tag, which has the message-id.

        None where there is none, none that is gone by, or a refusal, which may pass: :meth:`result` says more.
        """
        if not self.wait() or self._raw is None or self.early or "rpc-error" in self._raw:
            return None
        return hashlib.sha256(self._raw[self._raw.find(">", self._raw.find("rpc-reply")) :].encode()).digest()

    def wait(self) -> bool:
        """Wait until it is answered, or need not be waited for; whether that came in time."""
        clock = self._flying.clock
        while not clock.wait(self._over, self._until - clock.now(), *self._ids):
            if clock.now() >= self._until:
                self._flying.unanswered(self)
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
        device = self._flying.device
        try:
            if not self.wait():
                hint = "the device is busy or hangs; try again, or give a longer --timeout"
                said = f"{self.operation} got no answer within {self._timeout:g} s"
                raise ReplyTimeout(said, device=device, hint=hint)
            if self._lost is not None:
                # What ncclient says when a session ends quotes the bytes on their way, secrets included.
                told = self._lost if isinstance(self._lost, AgentError | OSError) else None
                raise _lost(self._lost, self.operation, device) from told
            if self.again is not None and (self.early or self._raw is None):
                return self.again()
            return _judge(self._raw or "", self.operation, device)
        except UNANSWERED as error:
            if not self.writes:
                raise
            said = f"{self.operation} was sent and its answer lost: {error.message}"
            raise OutcomeUnknown(said, device=device, hint="read the state before anything else") from error
        finally:
            if self._flying.writing is self:
                self._flying.writing = None


def await_last(pendings: Iterable[Pending | None]) -> None:
    """Wait for the last answer of several, ahead of taking each: a device gives them in order (RFC 6241 section 4.5).

    To wait for the first wakes this thread for each of them anew.
    """
    last = None
    for pending in pendings:
        last = pending or last
    if last is not None:
        last.wait()


def _lost(error: Exception, operation: str, device: str) -> AgentError:
    if isinstance(error, ProtocolError):
        return ProtocolError(f"{operation}: {error.message}", device=device, hint=error.hint)
    return SessionLost(f"the session ended before {operation} was answered", device=device, hint="connect again")


def _judge(raw: str, operation: str, device: str) -> Reply:
    """All rpc-errors of a reply are judged: a warning ahead of an error does not hide it."""
    ok = _mere_ok(raw, device)
    root = payload.parse(raw, device=device) if ok is None else ok
    if root.tag != _REPLY:
        raise ProtocolError(f"{operation} was answered by {root.tag!r}, not by an rpc-reply", device=device)
    errors = tuple(map(_rpc_error, root.iterchildren(_ERROR)))
    if not any(error.is_error for error in errors):
        # That of a mere ok is everybody's; lxml's copy of an element has copies of all below it.
        return Reply((lambda: root) if ok is None else partial(copy.copy, ok), errors)
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


def _mere_ok(raw: str, device: str) -> Element | None:
    """The root element of a reply that is nothing but an ``<ok/>``, to be read only: half of those to a push are. They
    differ by their message-id alone, and each of these texts is parsed once, without it. None: it is another reply."""
    ok = _MERE_OK.fullmatch(raw) if len(raw) <= _LONGEST_OK and raw.count("message-id") == 1 else None
    if ok is None:
        return None
    try:
        return _parsed_once(raw[: ok.start("id")] + raw[ok.end("id") :])
    except ProtocolError as error:
        error.device = device
        raise


@lru_cache(maxsize=64)
def _parsed_once(raw: str) -> Element:
    """Of all sessions, so nobody is given it to change."""
    return payload.parse(raw)


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
