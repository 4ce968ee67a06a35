"""Routers of an inventory, simulated ones and such that are not even that."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from agent.fleet.inventory.target import Target
from agent.model.device import Device as Router
from agent.model.errors import ConnectError
from agent.model.state import Licensing, Reading
from agent.netconf.retry import Waits, at_once
from agent.remedy.observe import Glance
from agent.simulator import Device
from tests.support import Clock

PASSWORD = "XR_FLEET_PASSWORD"
"""The environment variable with the simulator's password."""


def target(device: Device) -> Target:
    """A simulated router as an entry of an inventory."""
    return Target(device.name, "127.0.0.1", port=device.port, ssh_port=device.ssh_port or None)


def many(number: int) -> list[Target]:
    """Routers that are nowhere."""
    return [Target(f"r{index}", f"r{index}.example") for index in range(number)]


@dataclass
class Stage:
    """Routers without a network, where only it counts when each is looked at.

    Attributes:
        times: when each was connected to, by the clock.
        act: what happens on that occasion: it may let time pass, wait or raise.
        opened, closed: sessions; left: those that were asked to end; most: looks that were under way at the same time.
    """

    clock: Clock
    act: Callable[[str], None] = lambda name: None
    times: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    opened: int = 0
    left: int = 0
    closed: int = 0
    most: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    _flying: int = 0

    @classmethod
    def set(cls, monkeypatch: pytest.MonkeyPatch, clock: Clock) -> Stage:
        """Put it in the place of the routers."""
        stage = cls(clock)
        monkeypatch.setattr("agent.fleet.run.router.connect", stage.connect)
        monkeypatch.setattr("agent.fleet.poll.glance", stage.glance)
        return stage

    def away(self, name: str, *, until: float) -> None:
        """Let router *name* be unreachable until then."""

        def act(called: str) -> None:
            if called == name and self.clock.now < until:
                raise ConnectError("no route to host", device=name)

        self.act = act

    def connect(self, device: Router, **options: Any) -> Any:
        with self.lock:
            self.times[device.name].append(self.clock.now)
            self._flying += 1
            self.most = max(self.most, self._flying)
        try:
            self.act(device.name)
        finally:
            with self.lock:
                self._flying -= 1
        self.opened += 1
        calls = {"leave": self.leave, "close": self.close}
        return SimpleNamespace(device=device.name, connected=True, legacy_ssh=False, **calls)

    def leave(self) -> None:
        self.left += 1

    def close(self) -> None:
        with self.lock:
            self.closed += 1

    def glance(self, session: Any, name: str, policy: Any) -> Waits[Glance]:
        return at_once(lambda: Glance(Reading(), Reading(), Reading(Licensing(), source="stage")))
