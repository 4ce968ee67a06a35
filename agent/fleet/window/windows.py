"""Change windows: when they are open by the clock of their zone, whatever that does meanwhile."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Self

from agent.fleet.window.zone import Zone
from agent.model.errors import InputError

DAY = 24 * 60
"""Minutes."""
_WEEK = 7 * DAY
_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_TIME = "([0-9]{1,2}:[0-9]{2})"
_WINDOW = re.compile(rf"(?:([a-z][a-z, -]*) )?{_TIME} ?- ?{_TIME}", re.IGNORECASE)
_EXAMPLES = "write 22:00-04:00, or Sat,Sun 22:00-04:00, or several with ; between"
_BEFORE, _AHEAD = timedelta(days=2), timedelta(days=15)
"""What is looked through of the time: windows last a day at most, and come again within a week, unless the clock is set
forward over one; then within two."""


@dataclass(frozen=True, slots=True)
class Window:
    """A part of the days of a week, by the clock.

    Attributes:
        days: on which it opens, Monday is 0.
        opens, closes: minutes from the midnight with which that day begins; *closes* may be on the next day.
        text: as it was written.
    """

    days: tuple[int, ...]
    opens: int
    closes: int
    text: str = field(compare=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """``22:00-04:00``, every day, or ``Sat,Sun 22:00-04:00``, or ``Mon-Fri``; days are those on which it opens.

        Raises:
            InputError: it is none, or empty; the text is not repeated.
        """
        plain = " ".join(text.replace("\u2013", "-").split())
        match = _WINDOW.fullmatch(plain)
        if match is None:
            raise InputError("this is no window", hint=_EXAMPLES)
        opens, closes = _minutes(match[2]), _minutes(match[3])
        if opens == closes:
            raise InputError("the window is empty: it closes when it opens", hint="for whole days write 00:00-24:00")
        if opens == DAY:
            raise InputError("no window opens at 24:00", hint="write 00:00, and the day behind it")
        days = _days(match[1]) if match[1] else tuple(range(7))
        return cls(days, opens, closes if closes > opens else closes + DAY, plain)

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True, order=True)
class Interval:
    """From when on a window is open, and when it is not any more; aware."""

    opens: datetime
    closes: datetime


@dataclass(frozen=True, slots=True)
class Windows:
    """All windows of a router, by the clock of one zone; those that touch are one."""

    windows: tuple[Window, ...]
    zone: Zone

    @property
    def always(self) -> bool:
        """Whether one or another of them is open at any time."""
        return sum((one.closes - one.opens) * len(one.days) for one in self.windows) >= _WEEK

    def intervals(self, now: datetime) -> list[Interval]:
        """When they are open from *now*, in UTC, on for about two weeks, in order: while the zone's clock shows a time
        of theirs. So what the clock is set forward over is never open, and what it shows twice is open twice."""
        now = now.astimezone(UTC)  # of which sums are sums of time
        first, last = now - _BEFORE, now + _AHEAD
        found = [
            Interval(max(opens - ahead, began), min(closes - ahead, ended))
            for began, ended, ahead in self.zone.stretches(first, last)
            for opens, closes in self._shown(began + ahead, ended + ahead)
        ]
        return [one for one in _joined(sorted(found)) if one.closes > now]

    def next(self, now: datetime, need: timedelta) -> Interval | None:
        """The first that is open for *need* at least from *now*, or from its opening on; None where there is none."""
        return next((one for one in self.intervals(now) if one.closes - max(one.opens, now) >= need), None)

    def _shown(self, first: datetime, last: datetime) -> Iterator[tuple[datetime, datetime]]:
        """What they are of the clock's time from *first* to *last*, as if the clock was never set."""
        midnight = datetime.combine(first.date(), time(), first.tzinfo) - timedelta(days=2)
        while midnight < last:
            for one in self.windows:
                opens, closes = (midnight + timedelta(minutes=at) for at in (one.opens, one.closes))
                if midnight.weekday() in one.days and opens < last and closes > first:
                    yield opens, closes
            midnight += timedelta(days=1)

    def __str__(self) -> str:
        return f"{'; '.join(map(str, self.windows))} ({self.zone})"


@lru_cache(256)
def windows(texts: tuple[str, ...]) -> tuple[Window, ...]:
    """The windows of *texts*, each of which may have several, with ``;`` between.

    Raises:
        InputError: one is none, or empty, or two overlap.
    """
    found = tuple(Window.parse(part) for text in texts for part in text.split(";"))
    if not found:
        raise InputError("there is no window", hint=_EXAMPLES)
    _look_for_overlap(found)
    return found


def _look_for_overlap(found: Sequence[Window]) -> None:
    spans = [(day * DAY + one.opens, day * DAY + one.closes, one) for one in found for day in one.days]
    spans.sort(key=lambda span: span[:2])
    opens, closes, first = spans[0]
    for (_, end, one), (begin, _, other) in pairwise([*spans, (opens + _WEEK, closes + _WEEK, first)]):
        if begin < end:
            raise InputError(
                f"the windows {one} and {other} overlap", hint="write one window, or let one end where the other begins"
            )


def _joined(found: Iterable[Interval]) -> Iterator[Interval]:
    """Those in order, those that touch or overlap as one."""
    last: Interval | None = None
    for one in found:
        if last is not None and one.opens <= last.closes:
            last = Interval(last.opens, max(last.closes, one.closes))
            continue
        if last is not None:
            yield last
        last = one
    if last is not None:
        yield last


def _minutes(text: str) -> int:
    hours, minutes = map(int, text.split(":"))
    if minutes > 59 or hours * 60 + minutes > DAY:
        raise InputError("this is no time of a day", hint=_EXAMPLES)
    return hours * 60 + minutes


def _days(text: str) -> tuple[int, ...]:
    """The days of ``Sat,Sun``, or ``Mon-Fri``."""
    found: set[int] = set()
    for part in text.split(","):
        first, dash, last = (one.strip() for one in part.partition("-"))
        begins, ends = _day(first), _day(last if dash else first)
        found.update((begins + number) % 7 for number in range((ends - begins) % 7 + 1))
    return tuple(sorted(found))


def _day(text: str) -> int:
    named = [number for number, name in enumerate(_NAMES) if len(text) >= 3 and name.startswith(text.lower())]
    if not named:
        raise InputError("this is no day of a week", hint="Mon, Tue, Wed, Thu, Fri, Sat or Sun")
    return named[0]
