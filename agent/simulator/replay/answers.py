"""Which recorded answer a request gets: in recorded order, never one from beyond a change that was not made yet."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Generic, TypeVar

from agent.simulator.replay.meaning import Asked, Key

A = TypeVar("A")


@dataclass(slots=True, eq=False)
class Recorded(Generic[A]):
    """A request as it was recorded, with its answer.

    Attributes:
        at: when it was asked, in seconds since the recording began; until: when its answer had come.
        behind: how many changes were asked for before it, over all channels.
        answer: None where none came.
        lost: whether the session was lost before anything else was asked on it.
        ends: whether the recording ends before an answer, or the session's end, could come.
        used: whether it was the answer to something by now.
    """

    asked: Asked
    at: float
    behind: int = 0
    answer: A | None = None
    lost: bool = False
    ends: bool = False
    used: bool = False
    until: float = 0.0


class Answers(Generic[A]):
    """All that was recorded of one kind of channel."""

    def __init__(self) -> None:
        self._by_key: dict[Key, list[Recorded[A]]] = defaultdict(list)

    def __bool__(self) -> bool:
        return bool(self._by_key)

    def add(self, one: Recorded[A]) -> None:
        """One more, in recorded order."""
        self._by_key[one.asked.key].append(one)

    def take(self, asked: Asked, behind: int, *, stale: bool) -> Recorded[A] | None:
        """The next one for what is *asked* now, *behind* so many of the recorded changes; None where there is none.

        A read gets the next of those that were read behind the same changes, then the last of these again; where there
        are none, and with *stale*, the last from before.
        """
        there = self._by_key.get(asked.key, [])
        if not asked.reads:
            return next((one for one in there if not one.used), None)
        now = [one for one in there if one.behind == behind]
        before = [one for one in there if one.behind < behind] if stale else []
        return next((one for one in now if not one.used), next(reversed(now or before), None))
