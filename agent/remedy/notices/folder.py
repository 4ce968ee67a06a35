"""A notice is a folder, ``notice.json`` and ``root.pem`` in it, checked whole when it is read (docs/notices.md)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from functools import cache, reduce
from operator import or_
from pathlib import Path
from typing import Any, Literal

import msgspec

from agent.model.errors import InputError
from agent.model.local.files import read_start
from agent.model.pki.anchor import TrustAnchor
from agent.remedy.notices.notice import RELEASE, Line, Notice, PilingUp, release_key
from agent.xr.logs.signature import Signatures

FILE, ROOT = "notice.json", "root.pem"
_BUNDLED = Path(__file__).parent / "fn72290"
_LARGEST = 1 << 20
_HINT = "docs/notices.md says how a notice is written; see one of yours with: xr-agent notice check FOLDER"
_DEFECT = re.compile(r"CSC[a-z]{2}\d{5}")
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL}){{0,126}}")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_MOST_OF_A_RANGE = 100


class _Closed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An object with the keys named here and no other."""


class _Deadlines(_Closed, frozen=True):
    comm_failed: int
    authorization_expired: int
    unregistered: int


class _Signatures(_Closed, frozen=True):
    lost: list[str]
    untrusted: list[str] = []
    reached: list[str] = []
    utility: list[str] = []


class _PilingUp(_Closed, frozen=True):
    releases: list[str]
    effect: str


class _File(_Closed, frozen=True):
    """``notice.json`` as it is written."""

    name: str
    servers: dict[str, str]
    deadlines: _Deadlines
    oldest: tuple[int, int]
    affected: list[str] | Literal["all"]
    signatures: _Signatures
    fixes: list[str] = []
    first_fixed: list[str] = []
    fixed_since: str | None = None
    related: dict[str, str] = {}
    piling_up: _PilingUp | None = None
    revision: str = ""
    sources: list[str] = []


class _Wrong(Exception):
    """What is wrong with a file."""


def read(folder: str | Path) -> Notice:
    """The notice of *folder*.

    Raises:
        InputError: it is no folder, a file is missing or cannot be read, or is not of that form; it says what is wrong
            where.
    """
    place = Path(folder)
    if not place.is_dir():
        raise InputError(f"{folder}: a notice is a folder with {FILE} and {ROOT}", hint=_HINT)
    data = read_start(place / FILE, _LARGEST + 1, hint=f"a notice is a folder with {FILE} and {ROOT}")
    try:
        if len(data) > _LARGEST:
            raise _Wrong("larger than 1 MiB")
        written = msgspec.convert(_parsed(data), _File)
        return _notice(written, TrustAnchor.from_file(place / ROOT))
    except (_Wrong, msgspec.ValidationError) as error:
        raise InputError(f"{place / FILE}: no notice: {error}", hint=_HINT) from error


@cache
def bundled() -> Notice:
    """FN72290: the withdrawal of QuoVadis Root CA 2."""
    return read(_BUNDLED)


def signatures_of(notices: Iterable[Notice]) -> Signatures:
    """What to look for in a log, by all of *notices*; without any, by the bundled one."""
    found = [one.signatures for one in notices] or [bundled().signatures]
    return reduce(or_, found)


def _parsed(data: bytes) -> Any:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            twice = next(key for index, (key, _) in enumerate(pairs) if key in [name for name, _ in pairs[:index]])
            raise _Wrong(f"{_quoted(twice)} stands there twice")
        return found

    try:
        return json.loads(data, object_pairs_hook=once)
    except RecursionError as error:
        raise _Wrong("nested too deeply") from error
    except ValueError as error:
        raise _Wrong(f"not JSON: {error}") from error


def _notice(written: _File, root: TrustAnchor) -> Notice:
    if not written.name.strip():
        raise _Wrong('"name" is empty')
    _each(written.related, '"related"', _DEFECT, "defect such as CSCvx87275")
    made = Notice(
        name=written.name,
        root=root,
        affected=None if written.affected == "all" else frozenset(_releases(written.affected)),
        fixes=_each(written.fixes, '"fixes"', _DEFECT, "defect such as CSCvx00476"),
        servers=_servers(written.servers),
        oldest=_line(written.oldest),
        deadlines=_deadlines(written.deadlines),
        signatures=_signatures(written.signatures),
        untrusted=frozenset(written.signatures.untrusted),
        related=written.related,
        first_fixed=_each(written.first_fixed, '"first_fixed"', RELEASE, "release such as 7.3.4"),
        fixed_since=_since(written.fixed_since),
        piling_up=_piling_up(written.piling_up),
    )
    _agreeing(made)
    return made


def _agreeing(notice: Notice) -> None:
    """Refuse a notice that calls a release fixed which it lists, or an older one of its line."""
    lines = [release_key(one)[:2] for one in notice.first_fixed]
    for one in sorted(notice.first_fixed):
        if lines.count(release_key(one)[:2]) > 1:
            raise _Wrong(f'"first_fixed" has two releases of the line of {one}')
    for listed in sorted(notice.affected or ()):
        number = release_key(listed)
        first = [one for one in notice.first_fixed if number[:2] == release_key(one)[:2] and number >= release_key(one)]
        since = notice.fixed_since
        if first or (since is not None and number >= release_key(since)):
            raise _Wrong(f'{listed} is "affected", and not older than {first[0] if first else since}, which is fixed')


def _releases(written: Iterable[str]) -> Iterator[str]:
    """Each release by itself; a range counts its last number, so 7.3.15, of a branch, is not in 7.3.0-7.3.3."""
    for one in written:
        first, dash, last = one.partition("-")
        if not RELEASE.fullmatch(first) or (dash and not RELEASE.fullmatch(last)):
            raise _Wrong(f'"affected" has {_quoted(one)}, which is no release such as 7.3.2 and no range 7.3.0-7.3.3')
        if not dash:
            yield first
            continue
        line, _, start = first.rpartition(".")
        if not last.startswith(f"{line}.") or not 0 < int(last.rpartition(".")[2]) - int(start) < _MOST_OF_A_RANGE:
            raise _Wrong(f'"affected" has {_quoted(one)}, which is no range within one release line')
        for number in range(int(start), int(last.rpartition(".")[2]) + 1):
            yield f"{line}.{number}"


def _each(written: Iterable[str], what: str, pattern: re.Pattern[str], kind: str) -> frozenset[str]:
    for one in written:
        if not pattern.fullmatch(one):
            raise _Wrong(f"{what} has {_quoted(one)}, which is no {kind}")
    return frozenset(written)


def _servers(found: dict[str, str]) -> dict[str, datetime]:
    if not found:
        raise _Wrong('"servers" names no server, so licensing would go to none that is concerned')
    for host in found:
        if not _HOST.fullmatch(host):
            raise _Wrong(f'"servers" has {_quoted(host)}, which is no host name')
    if len({host.lower() for host in found}) != len(found):
        raise _Wrong('"servers" names a host twice')
    return {host.lower(): _day(day, host) for host, day in found.items()}


def _day(value: str, host: str) -> datetime:
    try:
        if not _DAY.fullmatch(value):
            raise ValueError
        day = date.fromisoformat(value)
    except ValueError as error:
        raise _Wrong(f'"servers" has {_quoted(value)} for {host}, which is no day such as 2022-02-05') from error
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _line(numbers: Line) -> Line:
    if min(numbers) < 0:
        raise _Wrong(f'"oldest" is {list(numbers)}, not a line such as [7, 0]')
    return numbers


def _deadlines(written: _Deadlines) -> dict[str, int]:
    found: dict[str, int] = msgspec.structs.asdict(written)
    days = list(found.values())
    if days[0] < 1 or days != sorted(days) or days[-1] > 36_500:
        raise _Wrong(f'"deadlines" are {days} days, not numbers from 1 on of which each is at least the one before')
    return found


def _signatures(written: _Signatures) -> Signatures:
    try:
        return Signatures([*written.lost, *written.untrusted], written.reached, written.utility)
    except ValueError as error:
        raise _Wrong(f'"signatures": {error}') from error


def _since(value: str | None) -> str | None:
    if value is not None and not RELEASE.fullmatch(value):
        raise _Wrong(f'"fixed_since" is {_quoted(value)}, which is no release such as 7.6.1')
    return value


def _piling_up(written: _PilingUp | None) -> PilingUp | None:
    if written is None:
        return None
    releases = _each(written.releases, '"piling_up"', RELEASE, "release such as 24.3.1")
    return PilingUp(releases, written.effect)


def _quoted(value: str) -> str:
    """*value* as it stands in the file, cut short."""
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
