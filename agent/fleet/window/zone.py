"""Time zones by their names in the IANA database: what a clock there shows, also when it is set forward or back."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Self
from zoneinfo import ZoneInfo, available_timezones

from agent.model.errors import InputError

_EXAMPLE = "write a name of the IANA database, such as Europe/Berlin or UTC"
_STEP = timedelta(hours=6)
"""No zone changes its clock twice within that."""


@cache
def _names() -> list[str]:
    return sorted(available_timezones())


@dataclass(frozen=True, slots=True)
class Zone:
    """A time zone; without a *name* that of this machine.

    Its rules are the system's, or where that has none those of the package tzdata.
    """

    name: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """The zone that the IANA database calls so.

        Raises:
            InputError: it has none of that name; the name is not repeated.
        """
        try:
            ZoneInfo(text)
        except (LookupError, OSError, ValueError) as error:  # a folder, no zone's file, no file name at all
            near = difflib.get_close_matches(text, _names(), 1)
            hint = f"did you mean {near[0]}?" if near else _EXAMPLE
            raise InputError("there is no such time zone", hint=hint) from error
        return cls(text)

    def clock(self, instant: datetime) -> datetime:
        """*instant*, which is aware, as a clock there shows it."""
        return instant.astimezone(self._info)

    def shown(self, instant: datetime) -> str:
        """The same in words: date, time and the zone's abbreviation then."""
        return f"{self.clock(instant):%Y-%m-%d %H:%M %Z}"

    def instants(self, shown: datetime) -> list[datetime]:
        """When a clock there shows the naive time *shown*, in UTC: once, twice where it is set back, else never."""
        both = {shown.replace(tzinfo=self._info, fold=fold).astimezone(UTC) for fold in (0, 1)}
        return sorted(one for one in both if self.clock(one).replace(tzinfo=None) == shown)

    def stretches(self, first: datetime, last: datetime) -> Iterator[tuple[datetime, datetime, timedelta]]:
        """The parts of *first* to *last*, in UTC, in which the clock is ahead of UTC by the same."""
        began, ahead = first, self._ahead(first)
        at = first
        while at < last:
            to = min(at + _STEP, last)
            if self._ahead(to) != ahead:
                to = self._change(at, to)
                yield began, to, ahead
                began, ahead = to, self._ahead(to)
            at = to
        yield began, last, ahead

    def _change(self, before: datetime, behind: datetime) -> datetime:
        """When the clock is set that is ahead otherwise at *behind* than at *before*, to the second."""
        ahead = self._ahead(before)
        while behind - before > timedelta(seconds=1):
            middle = before + timedelta(seconds=(behind - before) // timedelta(seconds=1) // 2)
            before, behind = (middle, behind) if self._ahead(middle) == ahead else (before, middle)
        return behind

    def _ahead(self, instant: datetime) -> timedelta:
        return self.clock(instant).utcoffset() or timedelta()

    @property
    def _info(self) -> ZoneInfo | None:
        return ZoneInfo(self.name) if self.name is not None else None  # None is how datetime calls this machine's

    def __str__(self) -> str:
        return self.name or "by this machine's clock"
