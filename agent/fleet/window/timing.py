"""When the routers of a run may be begun, as options and inventory say it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, TypeVar

from agent.fleet.window.pace import RECKONED
from agent.fleet.window.windows import Window, Windows
from agent.fleet.window.zone import Zone
from agent.model.masking.text import counted


class Dated(Protocol):
    """A router as its entry in an inventory has it: None where the run's own settings count."""

    @property
    def name(self) -> str: ...

    @property
    def window(self) -> tuple[Window, ...] | None: ...

    @property
    def tz(self) -> Zone | None: ...


D = TypeVar("D", bound=Dated)


@dataclass(frozen=True, slots=True)
class Timing:
    """When the routers of a run may be begun; by default at any time.

    Attributes:
        windows, zone: those of routers whose entry says nothing else.
        heeded: whether windows count at all, those of entries included.
        start_at: no router is begun before.
        until_done: whether a router that was not begun in the first window it could have been waits for the next.
        reckoned: seconds that a router is reckoned with until the run has measured what others take.
    """

    windows: tuple[Window, ...] = ()
    zone: Zone = field(default_factory=Zone)
    heeded: bool = True
    start_at: datetime | None = None
    until_done: bool = False
    reckoned: float = RECKONED

    def of(self, router: Dated) -> Windows | None:
        """The windows of *router*; None where it may be begun at any time."""
        chosen = router.window or self.windows
        if not self.heeded or not chosen:
            return None
        found = Windows(chosen, router.tz or self.zone)
        return None if found.always else found

    def grouped(self, routers: Iterable[D]) -> dict[Windows | None, list[D]]:
        """Those of the same windows together, in the order of each one's first."""
        groups: dict[Windows | None, list[D]] = {}
        for router in routers:
            groups.setdefault(self.of(router), []).append(router)
        return groups


def shown(seconds: float) -> str:
    """A duration in words: to the second below an hour, to the hour from a day on."""
    minutes, rest = divmod(round(seconds), 60)
    hours, over = divmod(minutes, 60)
    if hours >= 24:
        return " ".join(filter(None, (counted(hours // 24, "day"), f"{hours % 24} h" if hours % 24 else "")))
    if hours:
        return f"{hours} h {over} min"
    return " ".join(filter(None, (f"{minutes} min" if minutes else "", f"{rest} s" if rest or not minutes else "")))
