"""Deadlines of many routers on one line of time: counted by week, so that 10,000 are drawn like ten."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import Enum

_DAYS = {"comm_failed": 30, "authorization_expired": 90, "unregistered": 365}
_WEEK = timedelta(days=7)
# Weeks from today; what lies beyond is counted in the outermost one.
_EDGES = _FIRST, _LAST = -26, 53
# The least that is drawn, so that today does not stand at the edge.
_BEFORE, _AFTER = -4, 4
_LEAST_PEAK = 4
_CROWDED = 8


class When(Enum):
    """How far off a deadline is: passed, within 7 days, within 28, or more."""

    PASSED = "passed"
    WEEK = "week"
    MONTH = "month"
    LATER = "later"

    @classmethod
    def of(cls, week: int) -> When:
        """Of a number of whole weeks from now, below zero for what has passed."""
        if week < 0:
            return cls.PASSED
        return cls.WEEK if week == 0 else cls.MONTH if week < 4 else cls.LATER


@dataclass(frozen=True, slots=True)
class Bar:
    """The deadlines of one week: ``x`` and ``width`` in percent of the line, ``height`` of 0 to 1, ``days`` to read.

    ``edge``: it holds all that lies beyond as well, so it is cut at the height of the highest of the others.
    """

    x: float
    width: float
    height: float
    count: int
    days: str
    when: When
    edge: bool


@dataclass(frozen=True, slots=True)
class Lane:
    """One kind of deadline, with how many routers it meets when; ``after``: days since the last contact, if known."""

    name: str
    after: int | None
    counts: dict[When, int]
    bars: tuple[Bar, ...]

    @property
    def labelled(self) -> tuple[Bar, ...]:
        """The bars whose count is written out: those at the edges, and the highest of the others."""
        inner = [bar for bar in self.bars if not bar.edge]
        highest = [max(inner, key=lambda bar: bar.count)] if inner else []
        return (*(bar for bar in self.bars if bar.edge), *highest)


@dataclass(frozen=True, slots=True)
class Tick:
    """The first day of a month, January's labelled by its year; a ``minor`` one needs no label where room is short."""

    x: float
    label: str
    minor: bool


@dataclass(frozen=True, slots=True)
class Timeline:
    """What is drawn; ``today`` in percent like every x."""

    lanes: tuple[Lane, ...]
    ticks: tuple[Tick, ...]
    today: float


@dataclass
class Deadlines:
    """Counts deadlines one by one, as seen from ``now``."""

    now: datetime
    _weeks: dict[str, Counter[int]] = field(default_factory=dict)

    def add(self, name: str, moment: datetime) -> When:
        """Count one router's deadline *name*."""
        week = (moment - self.now) // _WEEK
        self._weeks.setdefault(name, Counter())[min(max(week, _FIRST), _LAST)] += 1
        return When.of(week)

    def timeline(self) -> Timeline | None:
        """All of them; None where there is none."""
        if not self._weeks:
            return None
        found = [bar for counted in self._weeks.values() for bar in counted.items()]
        first, last = min(_BEFORE, *(week for week, _ in found)), max(_AFTER, *(week for week, _ in found))
        peak = max([_LEAST_PEAK, *(count for week, count in found if week not in _EDGES)])
        order = [*(name for name in _DAYS if name in self._weeks), *sorted(self._weeks.keys() - _DAYS.keys())]
        width = 100 / (last + 1 - first)
        lanes = []
        for name in order:
            counted = self._weeks[name]
            bars = tuple(
                Bar(
                    x=(week - first) * width,
                    width=width,
                    height=min(1.0, count / peak),
                    count=count,
                    days=self._days(week),
                    when=When.of(week),
                    edge=week in _EDGES,
                )
                for week, count in sorted(counted.items())
            )
            counts = {when: sum(bar.count for bar in bars if bar.when is when) for when in When}
            lanes.append(Lane(name, _DAYS.get(name), counts, bars))
        return Timeline(tuple(lanes), self._ticks(first, last), -first * width)

    def _days(self, week: int) -> str:
        start = self.now.astimezone(UTC) + week * _WEEK
        if week == _FIRST:
            return f"{start + _WEEK:%Y-%m-%d} or before"
        if week == _LAST:
            return f"{start:%Y-%m-%d} or later"
        return f"{start:%Y-%m-%d} to {start + _WEEK:%Y-%m-%d}"

    def _ticks(self, first: int, last: int) -> tuple[Tick, ...]:
        start = self.now.astimezone(UTC) + first * _WEEK
        whole = (last + 1 - first) * _WEEK
        months: list[date] = []
        month = _next_month(start.date())
        while month < (start + whole).date():
            months.append(month)
            month = _next_month(month)
        crowded = len(months) > _CROWDED
        return tuple(
            Tick(
                100 * (datetime(month.year, month.month, 1, tzinfo=UTC) - start) / whole,
                f"{month:%Y}" if month.month == 1 else f"{month:%b}",
                crowded and month.month % 3 != 1,
            )
            for month in months
        )


def _next_month(day: date) -> date:
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)
