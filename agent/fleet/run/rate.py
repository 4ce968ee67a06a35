"""How fast new SSH sessions are opened: in all, and through each jump host."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rate:
    """New sessions per second, at most; None for no bound. With several processes each gets its part."""

    in_all: float | None = None
    per_jump: float | None = None

    def part(self, processes: int) -> Rate:
        """The bound of one of *processes* that together keep this one."""
        return Rate(*(bound and bound / processes for bound in (self.in_all, self.per_jump)))


class Limiter:
    """Gives out times at which sessions may be opened, evenly spaced; for many threads."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._free: dict[str | None, float] = {}
        self._lock = threading.Lock()

    def turn(self, jump: str | None, clock: Callable[[], float]) -> float:
        """Seconds until a session may be opened, *jump* the host in between; the turn is taken."""
        turn = self._turn(None, self._rate.in_all, clock)
        return max(turn, self._turn(jump, self._rate.per_jump, clock)) if jump else turn

    def _turn(self, key: str | None, per_second: float | None, clock: Callable[[], float]) -> float:
        """Seconds until the next free turn, which is taken."""
        if not per_second:
            return 0.0
        with self._lock:
            now = clock()
            turn = max(now, self._free.get(key, now))
            self._free[key] = turn + 1 / per_second
            return turn - now
