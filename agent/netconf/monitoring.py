"""Who is logged in: the sessions of ietf-netconf-monitoring (RFC 6022 section 2.1.3)."""

from __future__ import annotations

from dataclasses import dataclass

from agent.model.errors import AgentError
from agent.netconf import operations
from agent.netconf.payload import leaf, qname, template
from agent.netconf.session import Session

_NS = "urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"


@dataclass(frozen=True, slots=True)
class Holder:
    """A session as the device lists it; what it does not say is None.

    ``listed``: whether it is among the device's sessions; None where the device lists none.
    """

    session_id: str
    username: str | None = None
    source_host: str | None = None
    listed: bool | None = None

    def __str__(self) -> str:
        user = f" of {self.username}" if self.username else ""
        host = f" from {self.source_host}" if self.source_host else ""
        return f"session {self.session_id}{user}{host}"


def holder(session: Session, session_id: str) -> Holder:
    """What the device tells of session *session_id*; no more than its number where it tells nothing."""
    try:
        data = operations.send_get(session, template("filter-sessions"), what="netconf-state/sessions").result().data
    except AgentError:
        return Holder(session_id)  # some platforms do not list sessions; the number is known from the refusal
    entries = [] if data is None else list(data.iter(qname(_NS, "session")))
    entry = next((one for one in entries if leaf(one, _NS, "session-id") == session_id), None)
    if entry is None:
        # The list has at least the session that asks, or it is no list.
        return Holder(session_id, listed=False if entries else None)
    return Holder(session_id, leaf(entry, _NS, "username"), leaf(entry, _NS, "source-host"), listed=True)
