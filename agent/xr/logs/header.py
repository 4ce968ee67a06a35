"""What stands before a message in a line of text: who sent it, and when.

A line has as many headers as it passed relays, the device's own last: with ``logging hostnameprefix r1`` that is
``<187>94307: r1 RP/0/RP0/CPU0:Jul  7 20:16:14.834 UTC: smartlicserver[127]:``. The name nearest to the message is the
device's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from agent.xr.logs.stamp import ZONES, Stamp, stamp, zoned

_RELAYS = 6
_NEAR = 8192  # how far before the message its record begins, where no newline tells
_PRIORITY = re.compile(r"(?:\d{1,7} )?<\d{1,3}>[ \t]?")
# RFC 5424 section 6: version, time, host, application, process, message id, structured data; PRI may be cut off.
_RFC5424 = re.compile(
    r"\d{1,2} (?P<time>-|\d{4}-\S{1,40}) (?P<host>\S{1,255}) \S{1,255} \S{1,255} \S{1,255} "
    "(?:-|(?:\\[(?:[^\\]\\\\]|\\\\.)*+\\])+)?[ \t]*\ufeff?"
)
_PLACE = r"(?:[A-Z]{1,4}\d?/)?\d{1,3}/(?:[A-Z]{0,5}\d{1,3}/)?[A-Z]{2,6}\d{1,3}"
NODE = rf"{_PLACE}(?=:)"
_SEQUENCE = r"(?:\d{1,12}(?::[ \t]*|[ \t]+(?=\S+:)))"
_NAME = r"[^\s:%<>()\[\]\"',;|/{}=]{1,255}"
# As IOS XR writes it: sequence number, what `logging hostnameprefix` adds, node, time, zone.
_DEVICE = re.compile(
    rf"{_SEQUENCE}{{0,2}}(?:(?P<host>(?!\d{{1,12}}:){_NAME}|[0-9a-fA-F:.]{{2,45}}):?[ \t]+{_SEQUENCE}{{0,2}})?"
    rf"{NODE}:[ \t]*"
)
# As IOS XE writes it, with `logging origin-id`: sequence number, origin, sequence number, time.
_ORIGIN = re.compile(
    rf"{_SEQUENCE}{{1,2}}(?:(?P<host>{_NAME}):[ \t]+{_SEQUENCE}{{0,2}})?(?=[*.]?[A-Z][a-z]{{2}} [ \d]\d )"
)
# Where a record begins behind another one.
_RECORD = re.compile(
    rf"<\d{{1,3}}>(?= ?(?:\d{{1,2}} (?:- |\d{{4}}-)|[*.]?[A-Z][a-z]{{2}} [ \d]\d |\d{{1,12}}: "
    rf"|\d{{4}}-\d\d|(?:\S{{1,255}} )?{NODE}))"
)
# What grep puts before a line: the file's name, the line's number.
_FOUND = re.compile(r"(?:[^\s:]{0,254}[./][^\s:]{0,254}:)?(?:\d{1,9}:)?(?=[*.<\[]?[A-Z\d])")
# What a container's log has before a line, behind the time.
_STREAM = re.compile(r"[ \t](?:stdout|stderr) [FP](?= )")
_GAP = r"[ \t,;|]+"
_ZONE = re.compile(
    r"[ \t]{1,2}(?P<zone>\(?(?:[A-Z]{1,5}|(?:UTC|GMT)[+-]\d{1,2}(?::?\d\d)?)\)?)(?P<colon>:?)(?=[ \t,;|\])]|\Z)"
)
_YEAR = re.compile(r"[ \t](?P<year>(?:19|20)\d\d)(?P<colon>:?)(?=[ \t,;|])")
_WORD = re.compile(
    rf"(?:{_GAP})?(?P<word>[^\s,;|\"]+)(?P<gap>{_GAP})?|(?:{_GAP})?\"(?P<quoted>[^\"]*)\"(?P<gap2>{_GAP})?"
)
# A facility, a severity, or both.
_LEVEL = re.compile(
    r"[<\[(]?(?:(?:kern|user|mail|daemon|auth|syslog|lpr|news|uucp|cron|authpriv|security|ftp|ntp|local[0-7]|log\w+)"
    r"(?:[.:/](?:emerg\w*|alert|crit\w*|err(?:or)?|warn(?:ing)?|notice|info\w*|debug|\d))?"
    r"|emerg(?:ency)?|panic|alert|crit(?:ical)?|err(?:or)?|warn(?:ing)?|notice|info(?:rmational)?|debug)[>\])]?:?\Z",
    re.IGNORECASE,
)
# What logs these messages, where a collector or `show logging` leaves nothing before it.
_PROGRAMS = frozenset(
    ("smartlicserver", "smartlicagent", "smart_license", "http_client", "xr_ssl", "cepki", "call_home", "syslogd")
)
_NO_HOST = re.compile(
    rf"(?:\d{{1,12}}:|[-:.*]+|%.*|.*\[\d{{1,9}}\]:?|{_PLACE}(?::.*)?|CEF:\d.*|LEEF:.*|@cee:|\{{.*)\Z", re.DOTALL
)
_IN_BRACKETS = re.compile(r"[\[(](?P<host>[^\])]{1,255})[\])]:?\Z")
_PORT = re.compile(r"(?P<host>\d{1,3}(?:\.\d{1,3}){3}):\d{1,5}\Z")
# ArcSight and QRadar name the device in a field; their header names whoever passed it on.
_CARRIED = re.compile(r"(?:CEF:\d|LEEF:\d\.\d)\|")
_FIELD = re.compile(
    r"(?:^|[\s,;|{])(?:host|hostname|syslog_?hostname|device|dvchost|dvc|src_?host)=\"?(?P<host>[^\s\",;|]{1,255})",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Header:
    """Who sent a message, as far as the text says, and when; ``sent``: it was sent to a collector, by whomever."""

    host: str | None = None
    time: Stamp | None = None
    sent: bool = False


def header(record: str) -> Header:
    """The header of a record, of which *record* is all that stands before the message.

    Other records may stand before it where no newline parts them. A priority is that of a relayed message where headers
    alone stand before it, else the beginning of the record.
    """
    near = max(0, len(record) - _NEAR)
    starts = [0, *(found.start() for found in _RECORD.finditer(record, near))][-_RELAYS:]
    for start in starts:
        found, last = _relayed(record[start:])
        if start + last >= starts[-1]:
            return replace(found, sent=True) if _PRIORITY.match(record, start) else found
    return Header()


def host_name(word: str) -> str | None:
    """The host that *word* of a header names; None where it is something else."""
    if not word or _NO_HOST.match(word) or _LEVEL.match(word) or stamp(word) is not None:
        return None
    within = _IN_BRACKETS.match(word) or _PORT.match(word)
    name = within["host"] if within else word.rstrip(":") if not word.endswith("::") else word
    name = name.rpartition("@")[2].partition("/")[0]
    return name if name and name.strip(".") and name.lower() not in _PROGRAMS else None


def _relayed(record: str) -> tuple[Header, int]:
    """What all headers say that *record* begins with, and where the last of them begins."""
    host: str | None = None
    time: Stamp | None = None
    at = last = 0
    for _ in range(_RELAYS):
        layer = _layer(record, at)
        if layer is None:
            break
        last = at
        found, at, more = layer
        host, time = found.host or host, time or found.time
        if not more:
            break
    if host is None or _CARRIED.search(record, 0, _NEAR // 4):
        field = _FIELD.search(record, 0, _NEAR // 4)
        host = (host_name(field["host"]) if field else None) or host
    return Header(host, time), last


def _layer(record: str, at: int) -> tuple[Header, int, bool] | None:
    """The header that begins at *at*, where it ends, and whether another one may follow; None where none begins."""
    priority = _PRIORITY.match(record, at)
    at = priority.end() if priority else at
    structured = _RFC5424.match(record, at)
    if structured:
        shown = stamp(structured["time"])
        return Header(host_name(structured["host"]), shown[0] if shown else None), structured.end(), True
    device = _DEVICE.match(record, at) or _ORIGIN.match(record, at)
    own = stamp(record, device.end()) if device else None
    time, end, ended = _with_zone(record, *own) if own else (None, at, True)
    if device and (ended or device.re is _DEVICE or record[end] not in " \t"):
        return Header(device["host"], time), len(record), False
    if device is None and priority is None and stamp(record, at) is None:
        device = _FOUND.match(record, at)
    return _collected(record, device.end() if device else at, empty=priority is not None)


def _collected(record: str, at: int, *, empty: bool) -> tuple[Header, int, bool] | None:
    """What a collector writes: time, then host; or host, then time."""
    found = stamp(record, at)
    if found is None:
        first = _WORD.match(record, at)
        found = stamp(record, first.end()) if first else None
        host = host_name(_said(first)) if first and found else None
        if found is None or host is None:
            return (Header(), at, True) if empty else None
        time, at, _ = _with_zone(record, *found)
        return Header(host, time), at, True
    time, at, ended = _with_zone(record, *found)
    if ended:
        return Header(None, time), at, False
    stream = _STREAM.match(record, at)
    if stream or stamp(record, at + 1) is not None:
        return Header(None, time), (stream.end() if stream else at) + 1, True
    host, at = _host(record, at)
    return Header(host, time), at, True


def _with_zone(record: str, time: Stamp, at: int) -> tuple[Stamp, int, bool]:
    """*time* with the zone and year written behind it, where that ends, and whether a colon ends the header there."""
    start = record.rfind(time.text, 0, at)
    zone = year = None
    colon = False
    for _ in range(2):
        named, dated = _ZONE.match(record, at), _YEAR.match(record, at)
        if named and zone is None and _is_zone(named, record):
            zone, at, colon = named["zone"].strip("()"), named.end(), bool(named["colon"])
        elif dated and year is None:
            year, at, colon = dated["year"], dated.end(), bool(dated["colon"])
    text = record[start:at].rstrip(":)]\"'") if zone or year else time.text
    colon = colon or bool(re.compile(r"[ \t]{0,2}:(?=[ \t]|\Z)").match(record, at))
    return (zoned(time, text, zone, year) if zone or year else time), at, colon


def _is_zone(found: re.Match[str], record: str) -> bool:
    """Whether a word behind a time is a zone, not a host: it is known as one, or a host follows it."""
    word = found["zone"].strip("()")
    if word.rstrip("0123456789:+-") in ZONES:
        return True
    if found["colon"]:
        return False
    following = _WORD.match(record, found.end())
    said = _said(following)
    return bool(following and following.end() < len(record)) and not said.endswith(":") and host_name(said) is not None


def _host(record: str, at: int) -> tuple[str | None, int]:
    """The host behind a time, and where it ends; a facility and a severity may stand before it."""
    found = _WORD.match(record, at)
    for _ in range(3):
        if found is None or not _LEVEL.match(_said(found)):
            break
        at = found.end()
        found = _WORD.match(record, at)
    if found is not None and (host := host_name(_said(found))) is not None:
        return host, found.end()
    while at < len(record) and record[at] in " \t,;|":
        at += 1
    return None, at


def _said(found: re.Match[str] | None) -> str:
    return "" if found is None else found["word"] or found["quoted"] or ""
