"""What a report counts: how many need a look, lose the root by a reload, had no contact, and are in need by when.

Of the whole run, and of each site and group of the inventory; counted while the routers pass.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated

from agent.fleet.report.timeline import When
from agent.fleet.results.record import DeviceRecord
from agent.fleet.results.structs import Count, Moment, Printed, about

_WEEK = timedelta(days=7)
_SOONEST = 20
_UNKNOWN = "unknown"


class Need(Printed, frozen=True):
    """Routers that are not known to have the root, or to need none, by when their next licensing deadline falls."""

    passed: Annotated[Count, about("the last deadline is over")] = 0
    week: Annotated[Count, about("within 7 days")] = 0
    month: Annotated[Count, about("in 8 to 28 days")] = 0
    later: Count = 0
    unknown: Annotated[Count, about("none is known")] = 0

    @property
    def total(self) -> int:
        return self.passed + self.week + self.month + self.later + self.unknown


class Tally(Printed, frozen=True):
    """How many routers there are, and what is the matter with how many."""

    routers: Count = 0
    look: Annotated[Count, about("did not end well, or have not ended: they need a look")] = 0
    lost_by_reload: Annotated[Count, about("have the root, and lose it at their next reload")] = 0
    without_contact: Annotated[Count, about("did not reach the licensing server while that was waited for")] = 0
    in_need: Need = Need()


class Due(Printed, frozen=True):
    """A router in need, and its next deadline, or where all are over the last one."""

    device: str
    deadline: str
    time: Moment


class Summary(Printed, frozen=True):
    """The counts of a run."""

    total: Tally
    sites: Annotated[dict[str, Tally], about("by what the inventory says under site; those without are not in it")]
    groups: Annotated[dict[str, Tally], about("by group of the inventory; a router is in each of its groups")]
    soonest: Annotated[tuple[Due, ...], about("the routers in need whose next deadlines are the nearest")] = ()


@dataclass
class _Counted:
    """A :class:`Tally` in the making."""

    counts: Counter[str] = field(default_factory=Counter)
    need: Counter[str] = field(default_factory=Counter)

    def add(self, device: DeviceRecord, when: str | None) -> None:
        self.counts["routers"] += 1
        self.counts["look"] += not device.well
        self.counts["lost_by_reload"] += device.passing
        self.counts["without_contact"] += device.unheard
        if when is not None:
            self.need[when] += 1

    @property
    def made(self) -> Tally:
        return Tally(**self.counts, in_need=Need(**self.need))


class Counting:
    """Counts routers one by one, as seen at *now*."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._total = _Counted()
        self._sites: defaultdict[str, _Counted] = defaultdict(_Counted)
        self._groups: defaultdict[str, _Counted] = defaultdict(_Counted)
        self._soonest: list[tuple[float, str, str, datetime]] = []

    def each(self, devices: Iterable[DeviceRecord]) -> Iterable[DeviceRecord]:
        """*devices* again, each counted as it is taken."""
        for device in devices:
            self.add(device)
            yield device

    def add(self, device: DeviceRecord) -> None:
        """Count *device*."""
        due = upcoming(device, self._now) if device.in_need else None
        when = (When.of((due[1] - self._now) // _WEEK).value if due else _UNKNOWN) if device.in_need else None
        for counted in (
            self._total,
            *([self._sites[device.site]] if device.site else []),
            *(self._groups[group] for group in dict.fromkeys(device.groups)),
        ):
            counted.add(device, when)
        if due is not None:
            keep = heapq.heappush if len(self._soonest) < _SOONEST else heapq.heappushpop
            keep(self._soonest, (-due[1].timestamp(), device.device, *due))

    @property
    def summary(self) -> Summary:
        """What was counted by now."""
        sites, groups = (
            {name: counted.made for name, counted in sorted(found.items())} for found in (self._sites, self._groups)
        )
        soonest = sorted(self._soonest, key=lambda one: (-one[0], one[1]))
        return Summary(
            self._total.made, sites, groups, tuple(Due(device, name, when) for _, device, name, when in soonest)
        )


def upcoming(device: DeviceRecord, now: datetime) -> tuple[str, datetime] | None:
    """The next deadline of *device*; the last one where all are over, None where none is known."""
    due = sorted(device.deadlines.items(), key=lambda deadline: deadline[1])
    return next((deadline for deadline in due if deadline[1] >= now), due[-1] if due else None)
