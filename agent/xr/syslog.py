"""Syslog messages by which a device says that it lost the licensing server: in its own buffer, and in collected text.

YANG path: ``/syslog/messages/message`` of infra-syslog-oper.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import BinaryIO

from agent.model.state import DeviceTime, Signature
from agent.netconf.payload import Element, template
from agent.netconf.schema import Schema
from agent.xr.query import Query
from agent.xr.tree import Tree, entries, number, text

OPER = "Cisco-IOS-XR-infra-syslog-oper"
_SEVERITY = {"critical": 2, "error": 3, "warning": 4, "notice": 5, "informational": 6}

# The text before the facility varies: LICENSE-SMART_LIC, and SMART_LIC where the fix for CSCvx87275 is missing.
SIGNATURE = re.compile(
    rb"%(?:[A-Z0-9_]{1,40}-)?(SMART_LIC-3-(?:COMM_FAILED|AGENT_REG_FAILED|AUTH_RENEW_FAILED)"
    rb"|XR_SSL-3-CERT_VERIFY_ERR_2_PARAM|PKI-6-ERR_1_PARAM(?=[ :]{1,6}Download failed)"
    rb"|CALL_HOME-5-SL_MESSAGE_FAILED)(?![A-Z0-9_])"
)
_BLOCK = 1 << 20
_BEFORE = 8192
_AFTER = 256
MOST_HOSTS = 100_000
"""How many hosts a scan keeps apart; what further ones say is counted under one name."""
OTHERS = "(further hosts)"

_PRI = re.compile(rb"(?:\d{1,6} )?<\d{1,3}>")
_RFC5424 = re.compile(rb"(?:\d{1,6} )?<\d{1,3}>1 (\S{1,40}) (\S{1,255}) ")
_ISO = re.compile(rb"(?:<\d{1,3}>)?(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:?\d\d)) (\S{1,255}) ")
_RFC3164 = re.compile(rb"(?:<\d{1,3}>)?([A-Z][a-z]{2} [ \d]\d (?:\d{4} )?\d\d:\d\d:\d\d(?:\.\d{1,6})?) (\S{1,255}) ")
_NO_HOST = re.compile(rb"^(?:\d{1,10}:?|:|-|(?:RP|LC|0|\d)/\S*|%\S*)$")


def query(schema: Schema) -> Query[tuple[Signature, ...]]:
    """The signatures in the device's buffer, one of each mnemonic; the buffer is read whole."""
    if not schema.has(OPER, "/syslog/messages/message/message-name"):
        return Query("syslog", missing="no model of this device shows its messages (infra-syslog-oper)")

    def decode(data: Element) -> tuple[Signature, ...]:
        return _counted(entries(schema.decode(data, module=OPER), "syslog/messages/message"))

    return Query("syslog", schema.source(OPER), lambda: template("filter-syslog"), decode)


def _counted(messages: list[Tree]) -> tuple[Signature, ...]:
    found: dict[str, list[DeviceTime | None]] = {}
    for message in messages:
        level = _SEVERITY.get((text(message, "severity") or "").rpartition("-")[2], "")
        head = f"%{text(message, 'category')}-{text(message, 'group')}-{level}-{text(message, 'message-name')}"
        match = SIGNATURE.search(f"{head} : {text(message, 'text') or ''}".encode())
        if match:
            found.setdefault(match.group(1).decode(), []).append(_when(message))
    return tuple(Signature(name, len(times), times[0], times[-1]) for name, times in sorted(found.items()))


def _when(message: Tree) -> DeviceTime | None:
    shown, stamp = text(message, "time-of-day"), number(message, "time-stamp")
    zone = (text(message, "time-zone") or "").upper()
    if shown is None and stamp is None:
        return None
    # The stamp counts milliseconds of unix time; in a zone that is not UTC nobody says of which clock.
    moment = datetime.fromtimestamp(stamp / 1000, UTC) if stamp and stamp < 1 << 42 and zone in ("", "UTC") else None
    return DeviceTime(shown or str(stamp), moment)


@dataclass
class Affected:
    """What a collector's text has of one host: the signatures with their counts, the first and last time seen."""

    host: str
    first: DeviceTime | None = None
    last: DeviceTime | None = None
    counts: dict[str, int] = field(default_factory=dict)

    def saw(self, mnemonic: str, when: DeviceTime | None) -> None:
        """Count one message; times that can be compared are, others stand in the order of the text."""
        self.counts[mnemonic] = self.counts.get(mnemonic, 0) + 1
        if when is None:
            return
        if self.first is None or _earlier(when, self.first):
            self.first = when
        if self.last is None or not _earlier(when, self.last):
            self.last = when


def scan(stream: BinaryIO) -> dict[str, Affected]:
    """The affected hosts in a collector's text, in the order seen.

    Plain lines, RFC 3164 or RFC 5424, ended by newlines or with octet counts; undecodable bytes are passed over. Memory
    does not grow with the text, only with the hosts, of which :data:`MOST_HOSTS` are kept apart.
    """
    hosts: dict[str, Affected] = {}
    for record, mnemonic in _matches(stream):
        when, host = _header(record)
        if host not in hosts and len(hosts) >= MOST_HOSTS:
            host = OTHERS
        hosts.setdefault(host, Affected(host)).saw(mnemonic, when)
    return hosts


def _matches(stream: BinaryIO) -> Iterator[tuple[bytes, str]]:
    """Each signature with what stands before it in its record, at most 8 KiB of that."""
    kept = b""
    seen = 0  # how much of `kept` was searched before
    while True:
        block = stream.read(_BLOCK)
        text = kept + block
        # A signature that begins in the last bytes may be cut: it is left to the next round, unless there is none.
        end = len(text) - (_AFTER if block else 0)
        for match in SIGNATURE.finditer(text, seen):
            if match.start() >= end:
                break
            first = max(0, match.start() - _BEFORE)
            begin = max(text.rfind(b"\n", first, match.start()) + 1, first)
            yield text[begin : match.start()], match.group(1).decode("ascii")
        if not block:
            return
        cut = max(0, end - _BEFORE)
        kept, seen = text[cut:], max(0, end - cut)


def _header(record: bytes) -> tuple[DeviceTime | None, str]:
    """Time and host of the record that *record* begins or, without newlines between records, ends with."""
    priorities = list(_PRI.finditer(record))
    if priorities:
        record = record[priorities[-1].start() :]
    for pattern in (_RFC5424, _ISO, _RFC3164):
        found = pattern.match(record)
        if found:
            return _time(found.group(1)), _host(found.group(2))
    return None, "unknown"


def _host(word: bytes) -> str:
    name = word.rstrip(b":")
    return "unknown" if _NO_HOST.match(word) or not name else name.decode("ascii", "backslashreplace")


def _time(word: bytes) -> DeviceTime | None:
    shown = word.decode("ascii", "backslashreplace")
    if shown == "-":
        return None
    try:
        moment = datetime.fromisoformat(shown)
    except ValueError:
        return DeviceTime(shown)
    return DeviceTime(shown, moment.astimezone(UTC) if moment.tzinfo else None)


def _earlier(one: DeviceTime, other: DeviceTime) -> bool:
    return one.moment is not None and other.moment is not None and one.moment < other.moment
