"""What a router takes, by those that a run was done with: whether one more would end before its window closes."""

from __future__ import annotations

import math
from bisect import insort
from datetime import timedelta

RECKONED = 300
"""Seconds that a router is reckoned with while nothing is known of the others."""
_PART = 0.95


class Pace:
    """Seconds by any clock that only goes forward.

    Those count at which something was to do: one that has the root already, or is away, says nothing of what a change
    takes. Of those under way one counts as soon as it takes longer than most: a run's first to end are its quickest.
    """

    def __init__(self, reckoned: float = RECKONED) -> None:
        self._reckoned = reckoned
        self._took: list[float] = []
        self._since: dict[str, float] = {}

    def begun(self, router: str, at: float) -> None:
        self._since[router] = at

    def ended(self, router: str, at: float, *, counts: bool) -> None:
        began = self._since.pop(router, at)
        if counts:
            insort(self._took, at - began)

    def need(self, at: float) -> timedelta:
        """What a router takes that is begun now: 95 of 100 took no longer (the nearest rank), or what is reckoned."""
        seconds = _most(self._took) if self._took else self._reckoned
        longer = [age for since in self._since.values() if (age := at - since) > seconds]
        return timedelta(seconds=_most(sorted([*self._took, *longer])) if longer else seconds)

    @property
    def measured(self) -> int:
        """By how many routers that is known."""
        return len(self._took)


def _most(ordered: list[float]) -> float:
    return ordered[math.ceil(_PART * len(ordered)) - 1]
