"""Asking a device for several things at once, and telling what each answer is worth."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from agent.model.errors import AccessDenied, AgentError, ReplyTimeout, RPCError, SchemaError, SessionLost
from agent.model.outcome import Wait, Waiting
from agent.model.state import Reading
from agent.netconf import operations
from agent.netconf.payload import Element, Payload
from agent.netconf.pending import Pending, await_last
from agent.netconf.retry import Policy, Waits, at_once, passes
from agent.netconf.session import Session
from agent.netconf.yang.schema import findings

log = logging.getLogger(__name__)

T = TypeVar("T")

EMPTY_WAITS = (0.2, 0.4, 0.8)
"""Seconds between repeats of a read that came back empty although the device should have the data."""


@dataclass(frozen=True, slots=True)
class Query(Generic[T]):
    """One read: what it is called, how it is sent, how the ``<data>`` becomes a value (None: nothing there).

    ``missing`` is set instead where the device's models have no such data; then nothing is sent.
    """

    what: str
    source: str = ""
    subtree: Callable[[], Payload] | None = None
    decode: Callable[[Element], T | None] | None = None
    config: bool = False
    datastore: str = "running"
    missing: str | None = None

    def send(self, session: Session) -> Pending | None:
        """Put the request on the wire; None where there is nothing to ask."""
        if self.missing is not None or self.subtree is None:
            return None
        if self.config:
            return operations.send_get_config(session, self.subtree(), source=self.datastore, what=self.what)
        return operations.send_get(session, self.subtree(), what=self.what)

    def read(self, pending: Pending | None) -> Reading[T]:
        """The reading of an answer; what cannot be decoded becomes the reason.

        An answer with nothing of the module in it is as empty as one with nothing in it at all.

        Raises:
            AgentError: as of :meth:`Pending.result`.
        """
        if pending is None or self.decode is None:
            return Reading(missing=self.missing or f"{self.what}: nothing to ask")
        data = pending.result().data
        with findings() as found:
            try:
                value, missing = None if data is None else self.decode(data), None
            except SchemaError as error:
                value, missing = None, f"{self.what}: {error.message}"
        empty = missing is None and (data is None or not len(data) or (found.foreign and not found.own))
        return Reading(value, self.source, missing, empty, tuple(found.notes))


class Behind(Generic[T]):
    """A read that goes right behind a write, whose answer it does not wait for: a server does and answers what it is
    asked in order (RFC 6241 section 4.5).
    """

    def __init__(self, query: Query[T]) -> None:
        self.query = query
        self._sent: tuple[Session, Pending | None] | None = None

    def send(self, session: Session) -> None:
        """Send it over the session of the write, or not: what is wrong is told to whoever reads the write's answer."""
        self._sent = None
        with suppress(AgentError):
            self._sent = session, self.query.send(session)

    def drop(self) -> None:
        """Its answer is of no use."""
        self._sent = None

    def reading(self, session: Session, policy: Policy) -> Waits[Reading[T] | None]:
        """What it brought, to be asked for once the write is answered; None where nothing was sent over *session*.

        None as well where it was not answered, as by a server that drops what comes while it is at a write. What it
        does not show is to be read again before anybody goes by that. Errors as of :func:`ask`.
        """
        sent, self._sent = self._sent, None
        if sent is None or sent[0] is not session or sent[1] is None:
            return None
        try:
            return (yield from settle(session, self.query, sent[1], policy))
        except ReplyTimeout as error:
            log.warning("%s: %s behind a write: from now on one rpc at a time is sent", session.device, error.message)
            session.in_order = False
        return None


def ask(session: Session, queries: Sequence[Query[Any]], policy: Policy) -> Waits[list[Reading[Any]]]:
    """The readings of *queries*, all sent before the first is waited for; one that fails in passing is sent again.

    A read that the user may not do becomes a reading with its reason, since the others still count; so does one that
    gets no answer while others do.

    Raises:
        AgentError: the session was lost, nothing was answered, or a transient failure outlasted the policy.
    """
    with session.together():
        flying = [query.send(session) for query in queries]
    return (yield from collect(session, queries, flying, policy))


def collect(
    session: Session,
    queries: Sequence[Query[Any]],
    flying: Sequence[Pending | None],
    policy: Policy,
    *,
    answers: bool = False,
) -> Waits[list[Reading[Any]]]:
    """The readings of queries that are on their way; *answers*: the device answered what was sent with them.

    Raises:
        AgentError: as of :func:`ask`.
    """
    found: list[Reading[Any]] = []
    silent: ReplyTimeout | None = None
    await_last(flying)
    for query, pending in zip(queries, flying, strict=True):
        try:
            found.append((yield from settle(session, query, pending, policy)))
            answers |= pending is not None
        except ReplyTimeout as error:
            silent = silent or error
            found.append(Reading(source=query.source, missing=f"{query.what}: {error.message}", passing=True))
    if silent is not None and not answers:
        raise silent
    return found


def awaited(pending: Pending | None, why: Waiting) -> Waits[None]:
    """A wait for the answer of a request that may take long; whoever drives many goes on with others meanwhile."""
    if pending is not None:
        yield Wait(0.0, why, breakable=False, until=pending.until)


def ask_one(session: Session, query: Query[T], policy: Policy) -> Waits[Reading[T]]:
    """The reading of one query; as :func:`ask`."""
    return (yield from settle(session, query, query.send(session), policy))


def ask_until_there(session: Session, query: Query[T], policy: Policy) -> Waits[Reading[T]]:
    """As :func:`ask_one`, repeated while the answer is empty: right after a commit XR may answer with nothing."""
    reading = yield from ask_one(session, query, policy)
    for wait in EMPTY_WAITS:
        if reading.value is not None or reading.missing is not None:
            break
        yield Wait(wait, Waiting.CONFIGURATION if query.config else Waiting.CERTIFICATE, query.what, breakable=False)
        reading = yield from ask_one(session, query, policy)
    return reading


def settle(session: Session, query: Query[T], pending: Pending | None, policy: Policy) -> Waits[Reading[T]]:
    """The reading of a query that is on its way, sent again where it fails in passing; errors as of :func:`ask`.

    A session that was lost or is silent is asked no further time.
    """

    def attempt(number: int) -> Waits[Reading[T]]:
        return at_once(lambda: query.read(pending if number == 1 else query.send(session)))

    def told(error: AgentError) -> Iterable[Wait]:
        log.info("%s: %s is read again: %s", session.device, query.what, error.message)
        return ()

    never = (ReplyTimeout, SessionLost)
    try:
        return (yield from policy.repeated(attempt, Waiting.BUSY, never=never, told=told))
    except RPCError as error:
        hint = f"; {error.hint}" if isinstance(error, AccessDenied) else ""
        return Reading(source=query.source, missing=f"{query.what}: {error.message}{hint}", passing=passes(error))
