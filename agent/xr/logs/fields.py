"""Records in which a collector names its fields: JSON objects, and lines of CSV."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from agent.xr.logs.header import Header, header, host_name
from agent.xr.logs.signature import Signatures
from agent.xr.logs.stamp import Stamp, of_number, stamp

_TRIES = 64
_DEEPEST = 8
_DELIMITERS = ",;\t|"
_IS_FIELD = re.compile(r"\"\s*+:\s*+\Z")
_NEAR = 64
_KEY = re.compile(r"\"([^\"\\]{1,64})\"\s{0,8}:")
_DECODER = json.JSONDecoder()


def _ranked(names: str) -> tuple[str, ...]:
    """Names of one thing, those that tell most first."""
    return tuple(names.split())


# What rsyslog, syslog-ng, Logstash, Filebeat (ECS), Fluent Bit, Vector, Graylog (GELF), Splunk, Loki and journald call
# them, the sender of the message before whoever collected it. Case, leading "@" and "_", and "-" do not matter.
_HOSTS = _ranked(
    "syslog_hostname log_syslog_hostname observer_name observer_hostname syslog_host logsource device_name"
    " devicename device hostname host host_from hostip host_address fromhost log_source_address source_address"
    " source source_ip sourceip source_host src_ip fromhost_ip remote_addr remote_ip gl2_remote_ip client_ip"
    " sender ip host_hostname host_name host_ip observer_ip ip_address address node nodename machine computer"
)
_TIMES = _ranked(
    "timereported isodate syslog_timestamp timestamp time date datetime event_time eventtime event_created"
    " log_time ts source_realtime_timestamp realtime_timestamp timegenerated received received_at date_time"
    " indextime"
)
_MESSAGES = _ranked(
    "message msg raw rawmsg short_message full_message event_original event log line text body description"
    " syslogmessage message_text log_message"
)
# What the fields stand in, where a collector's own words are around them.
_AROUND = re.compile(
    r"\A(?:(?:result|source|message|fields?|labels?|stream|data|attributes|record|content|hits|json|resource|metadata)_)+"
)
_NAME = re.compile(r"[0-9A-Za-z][\w.:-]{0,254}\Z")


def in_json(line: str, at: int, signatures: Signatures) -> tuple[Header, int] | None:
    """The header of the message at *at* of *line*, where a JSON object is around it, and where its record begins.

    An array may hold many records: the innermost object or array that is no field of another begins the record, and
    what it does not say of its host the ones around it may.
    """
    found: tuple[Header, int] | None = None
    start = _opening(line, at)
    for _ in range(_TRIES):
        if start < 0 or (found is not None and found[0].host is not None):
            break
        made, end = (None, 0) if _IS_FIELD.search(line, max(0, start - _NEAR), start) else decoded(line, start)
        if end > at:
            own = _or_else(_named(dict(_flat(made)), signatures), header(line[:start]))
            found = (_or_else(found[0], own), found[1]) if found else (own, start)
        start = _opening(line, start)
    return found


def _opening(line: str, end: int) -> int:
    """Where the last object or array before *end* may begin; -1: none does."""
    return max(line.rfind("{", 0, end), line.rfind("[", 0, end))


def decoded(line: str, start: int) -> tuple[Any, int]:
    """The JSON value that begins at *start* and where it ends; None and 0: none does."""
    try:
        return _DECODER.raw_decode(line, start)
    except (ValueError, RecursionError):
        return None, 0


class Columns:
    """The columns of a CSV text, as its first line names them; without names they are told by what stands in them."""

    def __init__(self, first: str, signatures: Signatures) -> None:
        self._signatures = signatures
        self.delimiter: str | None = None
        self.names: list[str] = []
        for delimiter in _DELIMITERS:
            names = [_key(name) for name in _fields(first, delimiter)]
            told = [bool(set(names) & {*known}) for known in (_HOSTS, _TIMES, _MESSAGES)]
            if len(names) > 1 and sum(told) > 1:
                self.delimiter, self.names = delimiter, names
                return

    def in_line(self, line: str, at: int) -> Header | None:
        """The header of the message at *at* of *line*; None where it is no line of these columns, nor of any."""
        if self.delimiter is not None:
            fields = _fields(line, self.delimiter)
            if len(fields) >= len(self.names):
                return _named(dict(zip(self.names, fields, strict=False)), self._signatures)
        likely = (delimiter for delimiter in _DELIMITERS if delimiter in line[:at])
        return next(filter(None, (_told(_fields(line, one), self._signatures) for one in likely)), None)


def _fields(line: str, delimiter: str) -> list[str]:
    try:
        return [field.strip() for field in next(csv.reader([line.strip("\ufeff\r\n")], delimiter=delimiter), [])]
    except csv.Error:
        return []


def _told(fields: Sequence[str], signatures: Signatures) -> Header | None:
    """The header of a line whose columns have no names: one of them is a time and nothing else."""
    before = {place: said for place, field in enumerate(fields) if (said := _before(field, signatures)) is not None}
    times = [place for place, field in enumerate(fields) if _time(field) is not None]
    if not before or not times or len(fields) < 3:
        return None
    message = min(before)
    places = [*range(times[0] + 1, len(fields)), *range(times[0])]
    others = [fields[place] for place in places if place not in (message, *times)]
    names = [name for field in others if _NAME.match(field) and (name := host_name(field)) is not None]
    addresses = [name for name in names if re.match(r"\d{1,3}(?:\.\d{1,3}){3}\Z|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]+\Z", name)]
    plain = [name for name in names if not name.isdigit()]
    host = next(iter([*addresses, *plain, *names]), None)
    return _joined(before[message], host, _time(fields[times[0]]))


def _named(values: Mapping[str, Any], signatures: Signatures) -> Header:
    """The header of a record with named fields; what the message's own header says of its host comes first."""
    texts = (value for value in values.values() if isinstance(value, str))
    before = next(filter(None, (_before(text, signatures) for text in texts)), "")
    hosts = (_host(values[name]) for name in _HOSTS if name in values)
    times = (_time(values[name]) for name in _TIMES if name in values)
    return _joined(before, next(filter(None, hosts), None), next(filter(None, times), None))


def _before(value: str, signatures: Signatures) -> str | None:
    """What stands in *value* before the first message; None: there is none in it."""
    raw = value.encode("utf-8", "replace")
    found = next(signatures.messages(raw), None)
    return None if found is None else raw[: found.start].decode("utf-8", "replace")


def _joined(before: str, host: str | None, time: Stamp | None) -> Header:
    """What stands *before* the message says its host best, and the record when it was."""
    own = header(before)
    return Header(own.host or host, time or own.time, sent=True)


def _or_else(first: Header, other: Header) -> Header:
    return Header(first.host or other.host, first.time or other.time, sent=True)


def _host(value: Any) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or any(word in value for word in ("/", " ", "udp:", "tcp:")):
        return None
    return host_name(value)


def _time(value: Any) -> Stamp | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    known = of_number(value)
    if known is not None or not isinstance(value, str):
        return known
    found = stamp(value.strip(), whole=True)
    return Stamp(value.strip(), found[0].moment, found[0].local) if found else None


def _key(name: str) -> str:
    bare = re.sub(r"[^a-z0-9]+", "_", name.strip().lower()).strip("_")
    return _AROUND.sub("", bare)


def _flat(value: Any, name: str = "", depth: int = _DEEPEST) -> Iterator[tuple[str, Any]]:
    """Every value below *value* with the names that lead to it, joined; of those with one name the last is kept."""
    if depth and isinstance(value, Mapping):
        for key, below in value.items():
            yield from _flat(below, f"{name}_{key}" if name else str(key), depth - 1)
    elif depth and isinstance(value, list):
        for place, below in enumerate(value):
            one = name if place == 0 and not isinstance(below, Mapping | list) else f"{name}_{place}"
            yield from _flat(below, one, depth - 1)
    else:
        yield _key(name), value


def is_log(line: str) -> bool:
    """Whether the JSON in *line*, perhaps cut off, is of a log: something in it is a message, and a time or a host."""
    names = {_key(name) for name in _KEY.findall(line)}
    return bool(names & {*_MESSAGES}) and bool(names & {*_TIMES, *_HOSTS})
