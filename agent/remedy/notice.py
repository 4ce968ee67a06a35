"""Field notices as data: which releases, which fixes, which servers; one file each, checked when it is read."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from agent.model.errors import InputError
from agent.model.files import read_start

_BUNDLED = Path(__file__).parent / "notices" / "fn72290.json"
_LARGEST = 1 << 20
_SHAPE = (
    'it is an object with "name", "affected" [releases], "fixes" [defects], "servers" {host: day of its change} and '
    '"oldest" [major, minor]; "revision", "sources", "related" {defect: what it does}, "first_fixed" [releases] and '
    '"fixed_since" (a release) may stand beside them'
)
_KEYS = frozenset(
    ("name", "revision", "sources", "affected", "fixes", "servers", "oldest", "related", "first_fixed", "fixed_since")
)
_RELEASE = re.compile(r"(0|[1-9]\d{0,3})\.(0|[1-9]\d{0,3})\.(0|[1-9]\d{0,3})")
_DEFECT = re.compile(r"CSC[a-z]{2}\d{5}")
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL}){{0,126}}")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")

Line = tuple[int, int]
"""A release line, e.g. (7, 3)."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One field notice.

    Attributes:
        affected: releases on its list.
        fixes: defects whose fix cures a release on the list.
        servers: host names whose certificates changed their root, and since when (aware).
        oldest: the oldest release line it judges, e.g. (6, 0).
        related: defects whose fix is worth saying and cures nothing, with what it does.
        first_fixed: the first release of a line that is fixed, one for each line that has one.
        fixed_since: the first release of the first line from which on every release is fixed; None: there is none.
    """

    name: str
    affected: frozenset[str]
    fixes: frozenset[str]
    servers: Mapping[str, datetime]
    oldest: Line
    related: Mapping[str, str] = field(default_factory=dict)
    first_fixed: frozenset[str] = frozenset()
    fixed_since: str | None = None

    @classmethod
    def from_file(cls, path: str | Path) -> Notice:
        """Read a notice in the form of ``agent/remedy/notices/fn72290.json``.

        Raises:
            InputError: the file cannot be read, or is not of that form; it says what is wrong where.
        """
        data = read_start(path, _LARGEST + 1, hint="name a readable notice file")
        try:
            if len(data) > _LARGEST:
                raise _Wrong("larger than 1 MiB")
            return _notice(_parsed(data))
        except _Wrong as error:
            raise InputError(f"{path}: no notice: {error}", hint=_SHAPE) from error

    def concerns(self, url: str) -> bool | None:
        """Whether *url* leads to one of the servers; None where it cannot be told.

        That is so of what is no URL, of an address that is no private one, and of another host of their domains.
        """
        host = _host(url)
        if host in self.servers:
            return True
        address = _address(host or "")
        if host is None or (address is not None and address.is_global):
            return None
        domains = (server.partition(".")[2] for server in self.servers)
        near = any("." in domain and f".{host}".endswith(f".{domain}") for domain in domains)
        return None if address is None and near else False

    def changed(self, url: str) -> datetime | None:
        """Since when the server of *url* has its new root; None for another server."""
        return self.servers.get(_host(url) or "")

    def too_old(self, release: str) -> bool:
        """Whether *release* is older than the notice judges."""
        number = release_number(release)
        return number is not None and number[:2] < self.oldest

    def fixed(self, release: str) -> str | None:
        """The first fixed release that *release* is not older than; None where the notice does not make it fixed."""
        number = release_number(release)
        if number is None or release in self.affected:
            return None
        if self.fixed_since is not None and number[:2] >= _number(self.fixed_since)[:2]:
            return self.fixed_since if number >= _number(self.fixed_since) else None
        first = next((one for one in self.first_fixed if _number(one)[:2] == number[:2]), None)
        return first if first is not None and number >= _number(first) else None


def release_number(release: str) -> tuple[int, int, str] | None:
    """What releases are compared by; None for what is no release number, such as an engineering build.

    A third number of two digits names a release that branched from the one of its first digit, as 7.3.15 did from
    7.3.1: it comes before 7.3.2. That is inferred from the numbers in use; so the third part compares as text.
    """
    found = _RELEASE.fullmatch(release)
    return (int(found[1]), int(found[2]), found[3]) if found else None


def _number(release: str) -> tuple[int, int, str]:
    number = release_number(release)
    if number is None:
        raise ValueError(f"{release} is no release")
    return number


@cache
def bundled_notice() -> Notice:
    """FN72290: the withdrawal of QuoVadis Root CA 2."""
    return Notice.from_file(_BUNDLED)


def _host(url: str) -> str | None:
    try:
        host = urlsplit(url).hostname
    except ValueError:
        return None
    return host.lower().rstrip(".") or None if host else None


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


class _Wrong(Exception):
    """What is wrong with a file."""


def _parsed(data: bytes) -> Mapping[str, Any]:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            twice = next(key for index, (key, _) in enumerate(pairs) if key in [name for name, _ in pairs[:index]])
            raise _Wrong(f"{_quoted(twice)} stands there twice")
        return found

    try:
        parsed = json.loads(data, object_pairs_hook=once)
    except RecursionError as error:
        raise _Wrong("nested too deeply") from error
    except ValueError as error:
        raise _Wrong(f"not JSON: {error}") from error
    return _object(parsed, "it")


def _notice(data: Mapping[str, Any]) -> Notice:
    unknown = sorted(data.keys() - _KEYS)
    if unknown:
        raise _Wrong(f"it has no {_quoted(unknown[0])}; its keys are {', '.join(sorted(_KEYS))}")
    _text(data.get("revision", "1"), '"revision"')
    for source in _list(data.get("sources", []), '"sources"'):
        _text(source, '"sources"')
    made = Notice(
        name=_text(_required(data, "name"), '"name"'),
        affected=_each(_required(data, "affected"), '"affected"', _RELEASE, "release such as 7.3.2"),
        fixes=_each(_required(data, "fixes"), '"fixes"', _DEFECT, "defect such as CSCvx00476"),
        servers=_servers(_required(data, "servers")),
        oldest=_line(_required(data, "oldest")),
        related=_related(data.get("related", {})),
        first_fixed=_each(data.get("first_fixed", []), '"first_fixed"', _RELEASE, "release such as 7.3.4"),
        fixed_since=_since(data.get("fixed_since")),
    )
    _agreeing(made)
    return made


def _agreeing(notice: Notice) -> None:
    """Refuse a notice that calls a release fixed which it lists, or an older one of its line."""
    lines = [_number(one)[:2] for one in notice.first_fixed]
    for one in sorted(notice.first_fixed):
        if lines.count(_number(one)[:2]) > 1:
            raise _Wrong(f'"first_fixed" has two releases of the line of {one}')
    for listed in sorted(notice.affected):
        number = _number(listed)
        first = [one for one in notice.first_fixed if number[:2] == _number(one)[:2] and number >= _number(one)]
        since = notice.fixed_since
        if first or (since is not None and number >= _number(since)):
            raise _Wrong(f'{listed} is "affected", and not older than {first[0] if first else since}, which is fixed')


def _required(data: Mapping[str, Any], key: str) -> Any:
    if key not in data:
        raise _Wrong(f'"{key}" is missing')
    return data[key]


def _object(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise _Wrong(f"{what} is {_quoted(value)}, not an object")
    return value


def _list(value: Any, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise _Wrong(f"{what} is {_quoted(value)}, not a list")
    return value


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _Wrong(f"{what} is {_quoted(value)}, not a text")
    return value


def _each(value: Any, what: str, pattern: re.Pattern[str], kind: str) -> frozenset[str]:
    for one in _list(value, what):
        if not isinstance(one, str) or not pattern.fullmatch(one):
            raise _Wrong(f"{what} has {_quoted(one)}, which is no {kind}")
    return frozenset(value)


def _servers(value: Any) -> Mapping[str, datetime]:
    found = _object(value, '"servers"')
    if not found:
        raise _Wrong('"servers" names no server, so licensing would go to none that is concerned')
    for host in found:
        if not _HOST.fullmatch(host):
            raise _Wrong(f'"servers" has {_quoted(host)}, which is no host name')
    if len({host.lower() for host in found}) != len(found):
        raise _Wrong('"servers" names a host twice')
    return {host.lower(): _day(day, host) for host, day in found.items()}


def _day(value: Any, host: str) -> datetime:
    try:
        if not isinstance(value, str) or not _DAY.fullmatch(value):
            raise ValueError
        day = date.fromisoformat(value)
    except ValueError as error:
        raise _Wrong(f'"servers" has {_quoted(value)} for {host}, which is no day such as 2022-02-05') from error
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _line(value: Any) -> Line:
    numbers = _list(value, '"oldest"')
    if len(numbers) != 2 or any(type(one) is not int or one < 0 for one in numbers):
        raise _Wrong(f'"oldest" is {_quoted(value)}, not a line such as [7, 0]')
    return numbers[0], numbers[1]


def _related(value: Any) -> Mapping[str, str]:
    found = _object(value, '"related"')
    _each(list(found), '"related"', _DEFECT, "defect such as CSCvx87275")
    return {defect: _text(what, f'"related" for {defect}') for defect, what in found.items()}


def _since(value: Any) -> str | None:
    if value is not None and (not isinstance(value, str) or not _RELEASE.fullmatch(value)):
        raise _Wrong(f'"fixed_since" is {_quoted(value)}, which is no release such as 7.6.1')
    return value


def _quoted(value: Any) -> str:
    """*value* as it stands in the file, cut short."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list) and any(isinstance(one, dict | list) for one in value):
        return "a list of several"
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
