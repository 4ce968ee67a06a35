"""May this router be begun now: the windows of a run, and which router is next by them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Generic

from agent.fleet.window.timing import D, Dated, Timing, shown
from agent.fleet.window.windows import Interval, Windows
from agent.fleet.window.zone import Zone
from agent.model.masking.text import counted

_EVER = Interval(datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class Opening:
    """When so many *routers* may be begun; ``windows`` is None where they have none, ``zone`` whose clock is shown."""

    interval: Interval
    windows: Windows | None
    routers: int
    zone: Zone

    def shown(self, now: datetime) -> str:
        """It in a line."""
        number = counted(self.routers, "router")
        zone = self.zone
        opens, name = self.interval.opens, f"window {self.windows}" if self.windows else "without a window"
        if opens > now:
            return f"{name}: opens {zone.shown(opens)}, in {shown((opens - now).total_seconds())}, for {number}"
        until = f"open until {zone.shown(self.interval.closes)}" if self.windows else "at any time"
        return f"{name}: {until}, for {number}"


class Told:
    """What was said of windows in a log, so that it is not said again."""

    def __init__(self) -> None:
        self._said: dict[tuple[Windows | None, Interval], bool] = {}

    def said(self, openings: Iterable[Opening], now: datetime) -> Iterator[str]:
        """What is new: which window is waited for next, and of one that was waited for that it is open."""
        ahead = True
        for one in openings:
            key, opened = (one.windows, one.interval), one.interval.opens <= now
            if opened and self._said.get(key) is False:
                self._said[key] = True
                yield one.shown(now)
            elif not opened and ahead:
                ahead = False
                if key not in self._said:
                    self._said[key] = False
                    yield f"next: {one.shown(now)}"


class Calendar:
    """When the windows of a run open, for the thread that hands its routers out; without *timing* no window counts.

    A clock that is set otherwise meanwhile is followed: what counts is the time that it shows now.

    Attributes:
        bound: whether a router of the run that began may not be begun at any time.
    """

    def __init__(self, timing: Timing | None = None) -> None:
        self.timing = timing or Timing(heeded=False)
        self._first: dict[Windows, Interval | None] = {}
        self._known: dict[Windows, tuple[datetime, Interval]] = {}
        self.bound = self.timing.start_at is not None

    def begin(self, routers: Iterable[Dated], now: datetime) -> None:
        """The run begins: of each router the first window counts in which it may be begun from now on."""
        need = timedelta(seconds=self.timing.reckoned)
        for windows in self.timing.grouped(routers):
            self.interval(windows, now, need)
            self.bound = self.bound or windows is not None

    def interval(self, windows: Windows | None, now: datetime, need: timedelta) -> Interval | None:
        """When a router of *windows* that takes *need* may be begun: since when, or from when on.

        None where it may not any more. Without ``until_done`` that is so behind the first window.
        """
        if windows is None:
            start = self.timing.start_at
            return _EVER if start is None else Interval(start, _EVER.closes)
        if windows not in self._first:
            self._first[windows] = self._next(windows, now, need)
        found = self._first[windows]
        if found is not None and _fits(found, now, need):
            return found
        return self._next(windows, now, need) if self.timing.until_done else None

    def over(self, windows: Windows, now: datetime, need: timedelta) -> str:
        """Why no router of *windows* may be begun any more."""
        first, takes = self._first.get(windows), f"a router takes {shown(need.total_seconds())}"
        if first is None or self.timing.until_done:
            return f"no window {windows} is long enough: {takes}"
        closes = windows.zone.shown(first.closes)
        return (
            f"window {windows} closed {closes}" if now >= first.closes else f"window {windows} closes {closes}: {takes}"
        )

    def queue(self, routers: Sequence[D]) -> Queue[D]:
        """*routers* as they are to be taken."""
        return Queue(self, routers)

    def ordered(self, routers: Sequence[D], now: datetime) -> list[D]:
        """*routers* as their windows open; those that may be begun now come first, in the order that they have."""
        self.begin(routers, now)
        need = timedelta(seconds=self.timing.reckoned)
        opens: dict[Windows | None, datetime] = {}
        for windows in self.timing.grouped(routers):
            found = self.interval(windows, now, need)
            opens[windows] = max(found.opens, now) if found is not None else _EVER.closes
        return sorted(routers, key=lambda router: opens[self.timing.of(router)])

    def _next(self, windows: Windows, now: datetime, need: timedelta) -> Interval | None:
        """The next in which *need* is left; what was worked out is kept for as long as it is the next."""
        asked, found = self._known.get(windows, (now, None))
        if found is None or now < asked or not _fits(found, now, need):
            begin = max(now, self.timing.start_at or now)
            found = windows.next(begin, need)
            if found is not None:
                found = Interval(max(found.opens, self.timing.start_at or found.opens), found.closes)
                self._known[windows] = now, found
        return found


class Queue(Generic[D]):
    """Routers that were not begun."""

    def __init__(self, calendar: Calendar, routers: Sequence[D]) -> None:
        self._calendar = calendar
        self._groups = {windows: deque(group) for windows, group in calendar.timing.grouped(routers).items()}

    def __len__(self) -> int:
        return sum(map(len, self._groups.values()))

    @property
    def windows(self) -> list[Windows]:
        """The windows of those that are left."""
        return [windows for windows, group in self._groups.items() if group and windows is not None]

    def take(self, now: datetime, need: timedelta) -> tuple[D, datetime | None] | None:
        """The next that may be begun now, and that ends before its window closes if it takes *need*; with that end.

        Of several windows that are open the one counts that closes first.
        """
        best: tuple[datetime, deque[D]] | None = None
        for windows, group in self._groups.items():
            found = self._calendar.interval(windows, now, need) if group else None
            if found is not None and found.opens <= now and (best is None or found.closes < best[0]):
                best = found.closes, group
        if best is None:
            return None
        closes, group = best
        return group.popleft(), closes if closes < _EVER.closes else None

    def coming(self, now: datetime, need: timedelta) -> tuple[Opening, ...]:
        """When those that are left may be begun, the first at the beginning; nothing of those that may not any more."""
        found = [
            Opening(interval, windows, len(group), windows.zone if windows else self._calendar.timing.zone)
            for windows, group in self._groups.items()
            if group and (interval := self._calendar.interval(windows, now, need)) is not None
        ]
        return tuple(sorted(found, key=lambda one: one.interval))


def _fits(found: Interval, now: datetime, need: timedelta) -> bool:
    return found.closes - max(found.opens, now) >= need
