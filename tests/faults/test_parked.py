"""Further rows of the matrix: what fails while a router is parked, its sessions kept or given up; the promises hold."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import product

import pytest

import agent
from agent.fleet.inventory.reference import Reference
from agent.fleet.inventory.target import Reach, Target
from agent.fleet.parking import Parking
from agent.fleet.results.record import Kind, Result
from agent.fleet.run.job import Job, performed
from agent.fleet.run.router import Hooks
from agent.model.outcome import Wait, Waiting
from agent.simulator import Device, Fault, FaultKind
from tests.support import Clock, Lab, eventually

VARIABLE = "XR_PARKED_PASSWORD"
WISH = agent.Intent(contact_wait=60, caution=agent.Caution(lock_wait=60))
STEPS = {Waiting.LOCK: "lock", Waiting.CERTIFICATE: "read back", Waiting.CONTACT: "renew-auth"}
"""The steps that are parked, by what they wait for."""


def _loses_sessions(device: Device, clock: Clock) -> None:
    device.post(device.drop_all)
    assert eventually(lambda: not device.sessions)


def _refuses_sessions(device: Device, clock: Clock) -> None:
    device.refuse_until = clock.now + 50
    _loses_sessions(device, clock)


def _reboots(device: Device, clock: Clock) -> None:
    device.reload()
    assert eventually(lambda: not device.sessions)


def _nothing(device: Device, clock: Clock) -> None:
    """It waits, and nothing happens."""


DEEDS: dict[str, Callable[[Device, Clock], None]] = {
    "nothing": _nothing,
    "the sessions are lost": _loses_sessions,
    "sessions are refused": _refuses_sessions,
    "a reboot": _reboots,
    "Ctrl-C": _nothing,
}


@dataclass
class Parked:
    """A push whose router waits for *why*, when the *deed* is done."""

    device: Device
    reach: Reach
    why: Waiting
    deed: str
    most_open: int
    clock: Clock = field(default_factory=Clock)
    stop: threading.Event = field(default_factory=threading.Event)
    waits: list[Waiting] = field(default_factory=list)
    done: bool = False
    as_said: bool = False

    def push(self) -> Result:
        """The push, by a thread that parks it."""
        policy = self.clock.policy(idle=self._idle, stop=lambda _: self.stop.is_set())
        target = Target(self.device.name, "127.0.0.1", self.device.port, ssh_port=self.device.ssh_port)
        hooks = Hooks(policy=policy, on_wait=self._waits)
        with Parking(1, policy, most_open=self.most_open) as parking:
            job = Job(Kind.PUSH, self.reach, WISH)
            made: Result = parking.submit(performed, job, target, hooks).result(100)
        return made

    def _waits(self, _: str, wait: Wait | None) -> None:
        if wait is not None:
            self.waits.append(wait.why)

    def _idle(self, _: threading.Condition, seconds: float) -> None:
        """The thread has nothing to do: the router is parked."""
        if self.waits[-1] is self.why and not self.done:
            self.done = True
            open_by_now = 0 if self.why is Waiting.CONTACT and not self.most_open else 1
            self.as_said = eventually(lambda: len(self.device.sessions) == open_by_now)
            DEEDS[self.deed](self.device, self.clock)
            self.device.config.leave("77")
            self.device.state.answers.clear()
            self.device.state.contact()
            if self.deed == "Ctrl-C":
                self.stop.set()
        self.clock.sleep(seconds)


CELLS = list(product(STEPS, DEEDS, (1, 0)))
NAMES = [f"{STEPS[why]}-{deed}-{most_open}" for why, deed, most_open in CELLS]


@pytest.mark.parametrize(
    "why, deed, most_open", CELLS, ids=[f"{STEPS[why]}-{deed}-{most}" for why, deed, most in CELLS]
)
def test_whatever_fails_while_a_router_is_parked_the_promises_hold(
    lab: Lab,
    monkeypatch: pytest.MonkeyPatch,
    why: Waiting,
    deed: str,
    most_open: int,
    record_property: Callable[[str, object], None],
) -> None:
    kept = "kept" if most_open else "given up"
    record_property("cell", (STEPS[why], f"parked, sessions {kept}: {deed}"))
    monkeypatch.setenv(VARIABLE, lab.simulator.password)
    device = lab.add(terminal_rpc="installs")
    device.state.answers = ["success"] * 10
    if why is Waiting.LOCK:
        device.hold_lock()
    if why is Waiting.CERTIFICATE:
        device.faults.append(Fault("get:crypto-certificate-authority", FaultKind.EMPTY, skip=3, times=5))
    reach = Reach(
        username=lab.simulator.username,
        password=Reference.parse(f"env:{VARIABLE}"),
        host_keys=agent.HostKeys(lab.known_hosts),
        connect_wait=300.0,
    )
    parked = Parked(device, reach, why, deed, most_open)
    device.config.clock = lambda: parked.clock.now
    first = parked.push()
    assert parked.done, parked.waits
    assert parked.as_said, "the session is kept, or given up"
    assert eventually(lambda: not device.sessions)
    assert not device.config.locks
    assert not device.config.dirty
    there = agent.TrustAnchor.bundled().pem in device.state.trusted()
    if first.well:
        assert there, first
    elif first.word == "failed":
        assert not there, first
    if deed == "nothing":
        assert first.word == "remedied", first
    parked.clock.now += 1000
    parked.stop.clear()
    device.faults.clear()
    second = replace(parked, most_open=1).push()
    assert second.well, (first, second)
    lasting = device.state.authenticates - device.state.forgotten
    assert lasting == 1, (first, second)
