"""Times as routers and collectors write them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
DAY = r"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6},? {1,2})?"
_MONTH = rf"(?P<month{{0}}>{'|'.join(MONTHS)})[a-z]{{{{0,6}}}}\.?"
_CLOCK = (
    r"(?P<clock{0}>\d\d?:\d\d(?::\d\d)?)(?:\.(?P<fraction{0}>\d{{1,9}})|,(?P<comma{0}>\d{{1,9}})(?![\d,;|]))?"
    r"(?P<half{0}> ?[AaPp][Mm]\b)?"
)
_FORMS = (
    _MONTH
    + r"[ -]{{1,2}}(?P<day{0}>\d\d?)(?:st|nd|rd|th)?,?[ -]{{1,2}}(?:(?P<year{0}>(?:19|20)\d\d),? {{1,2}})?"
    + _CLOCK,
    r"(?P<year{0}>\d{{4}})[ -]" + _MONTH + r"[ -]{{1,2}}(?P<day{0}>\d\d?),? {{1,2}}" + _CLOCK,
    r"(?P<year{0}>\d{{4}})[-/.](?P<number{0}>\d\d)[-/.](?P<day{0}>\d\d)[T _,\t]{{1,2}}" + _CLOCK,
    r"(?P<day{0}>\d\d?)[-/ .]" + _MONTH + r"[-/ .](?P<year{0}>\d{{4}}|\d\d)[ :T,\t]{{1,2}}" + _CLOCK,
    r"(?P<shown{0}>\d\d?[./-]\d\d?[./-]\d{{4}})[ ,\t]{{1,2}}" + _CLOCK,  # nobody knows which is the month
    r"(?P<basic{0}>\d{{8}}T\d{{6}})(?:[.,](?P<fraction{0}>\d{{1,9}}))?",
    r"(?P<epoch{0}>\d{{10}}(?:\.\d{{1,9}})?|\d{{13}}|\d{{16}}|\d{{19}})(?=[\s,;|\"\]]|\Z)",
)
_TIME = re.compile(
    rf"[\[(\"'*.]{{0,2}}(?P<text>{DAY}(?:{'|'.join(form.format(place) for place, form in enumerate(_FORMS))})"
    r"(?P<zone>Z|(?: ?UTC| ?GMT)?(?<=[\dTC]) ?[+-]\d\d(?::?\d\d)?| ?(?:UTC|GMT)(?![\w+-]))?)(?![\d:])[\])\"']{0,2}"
)
_UNITS = {10: 1, 13: 1_000, 16: 1_000_000, 19: 1_000_000_000}
# fmt: off
ZONES = frozenset((
    "UTC", "GMT", "Z", "WET", "WEST", "CET", "CEST", "MET", "MEST", "EET", "EEST", "MSK", "MSD", "BST", "IST",
    "TRT", "GST", "PKT", "ICT", "WIB", "SGT", "HKT", "CST", "CDT", "JST", "KST", "AWST", "ACST", "ACDT", "AEST",
    "AEDT", "NZST", "NZDT", "HST", "AKST", "AKDT", "PST", "PDT", "MST", "MDT", "EST", "EDT", "AST", "ADT", "NST",
    "NDT", "BRT", "BRST", "ART", "CLT", "CLST", "SAST", "EAT", "CAT", "WAT",
))
# fmt: on
"""Names of zones that are in use; a router may be configured with any other."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """A time as written; ``moment`` in UTC where its zone is known, ``local`` as its clock shows it with a year."""

    text: str
    moment: datetime | None = None
    local: datetime | None = None

    def earlier(self, other: Stamp) -> bool:
        """Whether it is known to be earlier: two times that cannot be compared are not."""
        if self.moment is not None and other.moment is not None:
            return self.moment < other.moment
        return self.local is not None and other.local is not None and self.local < other.local


def stamp(text: str, start: int = 0, *, whole: bool = False) -> tuple[Stamp, int] | None:
    """The time that begins at *start* of *text*, perhaps in brackets, and where it ends; *whole*: all of it is one."""
    found = _TIME.fullmatch(text, start) if whole else _TIME.match(text, start)
    if found is None:
        return None
    part = {name.rstrip("0123456789"): value for name, value in found.groupdict().items() if value is not None}
    return _stamp(found["text"], part), found.end()


def of_number(value: float | str) -> Stamp | None:
    """Unix time in seconds, milliseconds, microseconds or nanoseconds, as collectors write it into JSON."""
    digits = str(value).partition(".")[0]
    unit = _UNITS.get(len(digits)) if digits.isascii() and digits.isdigit() else None
    if unit is None:
        return None
    try:
        moment = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=round(float(value) * 1_000_000 / unit))
    except (ValueError, OverflowError):
        return None
    return Stamp(moment.isoformat(), moment, moment.replace(tzinfo=None))


def zoned(found: Stamp, text: str, zone: str | None, year: str | None) -> Stamp:
    """*found*, behind which a *zone* or a *year* was written; *text* is all of it."""
    local = found.local
    if year is not None and local is None:
        month = re.search("|".join(MONTHS), found.text)
        again = stamp(f"{year} {found.text[month.start() :]}") if month else None
        local = again[0].local if again else None
    return Stamp(text, found.moment or _moment(local, zone if zone in ("UTC", "GMT", "Z") else None), local)


def _stamp(text: str, part: dict[str, str]) -> Stamp:
    if "epoch" in part:
        known = of_number(part["epoch"])
        return Stamp(text, known.moment, known.local) if known else Stamp(text)
    try:
        local = _local(part)
    except ValueError:
        local = None
    return Stamp(text, _moment(local, part.get("zone")), local)


def _local(part: dict[str, str]) -> datetime | None:
    """What the clock shows; None where the year is not written, or the month not for sure."""
    fraction = timedelta(seconds=float(f"0.{part.get('fraction') or part.get('comma') or 0}"))
    if "basic" in part:
        return datetime.strptime(part["basic"], "%Y%m%dT%H%M%S") + fraction  # noqa: DTZ007 - a clock, not a moment
    if "year" not in part:
        return None
    year = int(part["year"]) + (2000 if len(part["year"]) == 2 else 0)
    month = int(part["number"]) if "number" in part else MONTHS.index(part["month"]) + 1
    hour, minute, second = (int(word) for word in f"{part['clock']}:0".split(":")[:3])
    if "half" in part:
        hour = hour % 12 + (12 if part["half"].strip().upper() == "PM" else 0)
    clock = datetime(year, month, int(part["day"]), hour, minute, second)  # noqa: DTZ001 - a clock, not a moment
    return clock + fraction


def _moment(local: datetime | None, zone: str | None) -> datetime | None:
    """*local* in UTC; None where its zone, which may be an offset, is not known."""
    if local is None or zone is None:
        return None
    try:
        return datetime.fromisoformat(local.isoformat() + (zone.strip("ZUTCGM ") or "+00:00")).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
