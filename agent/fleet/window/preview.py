"""What can be said of a run's windows before it begins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from agent.fleet.window.calendar import Calendar, Opening
from agent.fleet.window.timing import Dated, Timing, shown
from agent.model.errors import InputError
from agent.model.masking.text import counted

_SHOWN = 8


def check(timing: Timing, routers: Sequence[Dated], now: datetime, stop_at: datetime | None) -> None:
    """See that something can be begun.

    Raises:
        InputError: nothing can before *stop_at*, or a window is too short for any router.
    """
    start, need = timing.start_at, timedelta(seconds=timing.reckoned)
    if start is not None and stop_at is not None and start >= stop_at:
        raise InputError("--start-at is not before --stop-at", hint="nothing could be begun: write another time")
    calendar = Calendar(timing)
    for windows, group in timing.grouped(routers).items():
        if calendar.interval(windows, now, need) is None:
            raise InputError(
                f"the window {windows} is too short: a router is reckoned with {shown(timing.reckoned)}",
                device=group[0].name,
                hint="make it longer, or say with --router-time what a router takes",
            )
    first = next(iter(_coming(timing, routers, now)), None)
    if first is not None and stop_at is not None and first.interval.opens >= stop_at:
        raise InputError(
            f"no window opens before --stop-at; {first.shown(now)}", hint="a later --stop-at, or another --window"
        )


def described(timing: Timing, routers: Sequence[Dated], now: datetime, stop_at: datetime | None) -> Iterator[str]:
    """The windows of *routers*, a line each, and by what a router is begun in one; nothing where they have none."""
    coming = _coming(timing, routers, now)
    if all(one.windows is None and one.interval.opens <= now for one in coming):
        return
    for one in coming[:_SHOWN]:
        late = stop_at is not None and one.interval.opens >= stop_at
        yield f"{one.shown(now)}{', which is not before --stop-at: not begun' if late else ''}"
    if len(coming) > _SHOWN:
        others = sum(one.routers for one in coming[_SHOWN:])
        yield f"{counted(len(coming) - _SHOWN, 'window')} more open later, for {counted(others, 'router')}"
    if any(one.windows is not None for one in coming):
        yield (
            "a router is begun where it would end before its window closes: reckoned with "
            f"{shown(timing.reckoned)} (--router-time), then with what 95 of 100 of this run took"
        )
        yield (
            "what is not begun in its window waits for the next (--until-done)"
            if timing.until_done
            else "what is not begun in its window is left to push --resume, or give --until-done"
        )


def held_up(timing: Timing, canary: Sequence[Dated], others: Sequence[Dated], now: datetime) -> Iterator[str]:
    """That one of the *canary* is begun when windows of *others* have closed, which wait for it; else nothing."""
    last = next(reversed(_coming(timing, canary, now)), None)
    if last is None or last.windows is None:
        return
    missed = sum(one.routers for one in _coming(timing, others, now) if one.interval.closes <= last.interval.opens)
    if missed:
        opens = (
            f"the canary is not done before {last.zone.shown(last.interval.opens)}, when window {last.windows} opens"
        )
        then = (
            "they wait for their next" if timing.until_done else "they are not begun (--until-done, or another canary)"
        )
        yield f"{opens}: by then the windows of {counted(missed, 'router')} have closed, and {then}"


def _coming(timing: Timing, routers: Sequence[Dated], now: datetime) -> tuple[Opening, ...]:
    return Calendar(timing).queue(routers).coming(now, timedelta(seconds=timing.reckoned))
