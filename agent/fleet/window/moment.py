"""A point in time as people write it, which says which day it means."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta

from agent.fleet.window.zone import Zone
from agent.model.errors import InputError

_TIME = re.compile(r"(?:(today|tomorrow)\s+)?([0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?)", re.IGNORECASE)
_EXAMPLES = "write 22:00 (of today), tomorrow 02:00, 2026-12-01 02:00, or ISO 8601 with an offset"


def moment(text: str, now: datetime, zone: Zone) -> datetime:
    """The time that *text* names, by a clock of *zone* where it gives no offset; ``22:00`` is one of today.

    It has the offset of *zone* then.

    Raises:
        InputError: it names none, one that has gone by, or one that the clock shows twice or never.
    """
    today = zone.clock(now)
    said = _written(text.strip(), today)
    if said.year > today.year + 1:
        raise InputError("the time is more than a year ahead", hint="see to the year")
    if said.year < today.year:
        raise _gone(said, now, zone)
    if said.tzinfo is None:
        found = zone.instants(said)
        if len(found) != 1:
            raise _not_once(said, found, zone)
        said = found[0]
    if said <= now:
        raise _gone(zone.clock(said), now, zone)
    return datetime.fromisoformat(zone.clock(said).isoformat())


def _gone(said: datetime, now: datetime, zone: Zone) -> InputError:
    hint = f"it is {zone.shown(now)}; for a time of tomorrow write tomorrow {said:%H:%M}"
    return InputError("the time has gone by", hint=hint)


def _written(text: str, today: datetime) -> datetime:
    """What is written, naive unless it has an offset."""
    try:
        if (match := _TIME.fullmatch(text)) is not None:
            day = today.date() + timedelta(days=(match[1] or "").lower() == "tomorrow")
            return datetime.combine(day, time.fromisoformat(match[2].zfill(5 if match[2].count(":") == 1 else 8)))
        if not _is_date(text):
            return datetime.fromisoformat(text)
    except (ValueError, OverflowError) as error:
        raise InputError("this is no time", hint=_EXAMPLES) from error
    raise InputError("this is a day without a time", hint=_EXAMPLES)


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _not_once(said: datetime, found: list[datetime], zone: Zone) -> InputError:
    if not found:
        return InputError(
            f"there is no {said:%H:%M} on {said:%Y-%m-%d}: the clock is set forward over it ({zone})",
            hint="write a time before or behind that",
        )
    first, second = (zone.clock(one).isoformat(timespec="minutes") for one in found)
    return InputError(
        f"{said:%H:%M} comes twice on {said:%Y-%m-%d}: the clock is set back ({zone})",
        hint=f"write {first} or {second}",
    )
