"""Syslog messages by which a device says that it lost the licensing server, in its own buffer.

YANG path: ``/syslog/messages/message`` of infra-syslog-oper.
"""

from __future__ import annotations

from datetime import UTC, datetime

from agent.model.state import DeviceTime, Signature
from agent.netconf.query import Query
from agent.netconf.yang.schema import Schema
from agent.xr.logs.signature import Signatures
from agent.xr.tree import Tree, entries, number, queried, text

OPER = "Cisco-IOS-XR-infra-syslog-oper"
_SEVERITY = {"critical": 2, "error": 3, "warning": 4, "notice": 5, "informational": 6}


def query(schema: Schema, signatures: Signatures) -> Query[tuple[Signature, ...]]:
    """Which of *signatures* the device's buffer has, one of each mnemonic; the buffer is read whole."""

    def read(tree: Tree) -> tuple[Signature, ...]:
        return counted(entries(tree, "syslog/messages/message"), signatures)

    node = (OPER, "/syslog/messages/message/message-name")
    return queried(schema, "syslog", node, read, "filter-syslog", lacking="shows its messages")


def counted(entered: list[Tree], signatures: Signatures) -> tuple[Signature, ...]:
    """The messages of a loss since the server was reached last, of the list ``message`` as decoded."""
    found: dict[str, list[DeviceTime | None]] = {}
    for entry in entered:
        level = _SEVERITY.get((text(entry, "severity") or "").rpartition("-")[2])
        words = (text(entry, "category"), text(entry, "group"), str(level), text(entry, "message-name"))
        head = "-".join(word for word in words if word)
        # Before the fix for CSCvx87275 the text may be all there is, mnemonic and colon included.
        message = next(signatures.messages(f"%{head} : {text(entry, 'text') or ''}".encode()), None)
        if message is None:
            continue
        if message.reached:
            found.clear()
        elif not message.utility:
            found.setdefault(message.mnemonic, []).append(_when(entry))
    return tuple(Signature(name, len(times), times[0], times[-1]) for name, times in sorted(found.items()))


def _when(message: Tree) -> DeviceTime | None:
    shown, stamp = text(message, "time-of-day"), number(message, "time-stamp")
    zone = (text(message, "time-zone") or "").upper()
    if shown is None and stamp is None:
        return None
    # Assumed to be milliseconds of unix time (H41); in a zone that is not UTC nobody says of which clock.
    moment = datetime.fromtimestamp(stamp / 1000, UTC) if stamp and stamp < 1 << 42 and zone in ("", "UTC") else None
    return DeviceTime(shown or str(stamp), moment)
