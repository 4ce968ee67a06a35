"""In which order and how far a run goes: canary, batches, when to stop. Pure: no clock, no I/O."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

from agent.model.errors import InputError
from agent.model.method import Method

MANY = 10
"""Routers to be changed: a push to more is bounded where nobody says otherwise."""
LEAST_FAILURES, USUAL_FAILURES = 3, 5
"""The failures at which such a push stops: so many percent of the routers to be changed, no fewer than the least."""

CANARY = "canary"
"""The name of the batch that comes first, alone."""


@dataclass(frozen=True, slots=True)
class Share:
    """A number of routers, or a part of all in percent."""

    amount: float
    percent: bool = False

    @classmethod
    def parse(cls, text: str) -> Self:
        """``20`` or ``5%``.

        Raises:
            InputError: it is neither.
        """
        number, percent = (text[:-1], True) if text.endswith("%") else (text, False)
        try:
            amount = float(number) if percent else int(number)
        except ValueError:
            amount = -1
        if not 0 <= amount <= (100 if percent else 10**9):
            raise InputError(
                f"{text!r} is no number of routers", hint="write a whole number or a percentage, e.g. 20 or 5%"
            )
        return cls(amount, percent)

    def of(self, total: int) -> int:
        """How many of *total*, rounded down."""
        return int(total * self.amount / 100) if self.percent else int(self.amount)

    def __str__(self) -> str:
        return f"{self.amount:g}{'%' if self.percent else ''}"


@dataclass(frozen=True, slots=True)
class Batch:
    """Routers *start* to *stop* of a run, which are finished before the next batch begins."""

    name: str
    start: int
    stop: int

    @property
    def size(self) -> int:
        """How many routers it has."""
        return self.stop - self.start


@dataclass(frozen=True, slots=True)
class Rollout:
    """How a run goes through its routers; by default all at once, whatever fails.

    Attributes:
        canary: how many come first, alone. One that fails stops the run, unless *max_failures* allows it and the canary
            may fail.
        batch: how many follow at a time.
        max_failures: more routers than that failed, and no further one is begun; a percentage is of all routers of
            the run, in the canary of the canary's.
        canary_may_fail: whether *max_failures* is for the canary as well.
        pause: seconds between batches.
        stop_at: when no further router is begun any more; an aware datetime.
        kinds: of routers by name, where one of each kind is the canary. One that is skipped shows nothing of its kind:
            the next of that kind is a canary as well.
    """

    canary: Share | None = None
    batch: Share | None = None
    max_failures: Share | None = None
    canary_may_fail: bool = True
    pause: float = 0.0
    stop_at: datetime | None = None
    kinds: Mapping[str, str] = field(default_factory=dict)

    def batches(self, total: int, further: Callable[[int], int] = lambda _: 0) -> Iterator[Batch]:
        """The batches of *total* routers; a percentage gives at least one router.

        *further*: behind a canary of so many routers how many of the next ones are canaries, too.
        """
        first = 0
        if self.canary is not None and total:
            first = min(total, max(1, self.canary.of(total)))
            yield Batch(CANARY, 0, first)
            while more := further(first):
                yield Batch(CANARY, first, first + more)
                first += more
        size = max(1, self.batch.of(total)) if self.batch is not None else max(1, total - first)
        for number, start in enumerate(range(first, total, size), 1):
            yield Batch(f"batch {number}", start, min(start + size, total))

    def further(self, names: Iterable[str], shown: Collection[str], again: int) -> set[str]:
        """Those of *names* that are canaries as well, since of their kinds only *shown* ones were seen to be changed.

        Twice as many each time *again*, so that thousands that are all skipped do not go one by one.
        """
        taken, chosen = Counter[str](), set[str]()
        for name in names:
            kind = self.kinds.get(name)
            if kind is not None and kind not in shown and taken[kind] < 1 << again:
                taken[kind] += 1
                chosen.add(name)
        return chosen

    def too_many(self, failed: int, total: int, batch: Batch) -> bool:
        """Whether *failed* routers, of *total*, are more than the run may go on with in *batch*."""
        if batch.name == CANARY:
            most = self.max_failures if self.canary_may_fail else None
            return failed > (most.of(batch.size) if most else 0)
        return self.max_failures is not None and failed > self.max_failures.of(total)


def kind(release: str | None, method: Method, lines: Iterable[str]) -> str:
    """What routers have in common that one of them can be the canary for: release line and method, ``7.4 rpc``.

    *lines*: those of the plan. One that adds nothing only renews or registers, by whatever method the root came.
    """
    line = ".".join(release.split(".")[:2]) if release else "unknown release"
    adds = any(text.startswith("+") for text in lines)
    return f"{line} {method.value if adds else 'licence'}"


def usual_failures(total: int, before: int = 0) -> int:
    """At how many failures a push that changes *total* routers stops where nobody says otherwise; 0 where it does not.

    *before*: that number as it was when a run began that goes on now: it may become less, and not more.
    """
    if total <= MANY and not before:
        return 0
    share = max(LEAST_FAILURES, math.ceil(total * USUAL_FAILURES / 100))
    return min(share, before or share)
