"""One cell of the matrix on one simulated router, and the five promises that must hold for it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import agent
from agent.model.outcome import Outcome
from agent.netconf.retry import Policy
from agent.simulator import QUOVADIS, Device, Fault, Persona
from tests.faults.matrix import TIMEOUT, Cell
from tests.support import Clock, DeviceClock, Lab, eventually
from tests.web import served

_LATER = 1000.0
_LONGEST = 900.0
"""Seconds of the injected clock within which a push ends, all its waits and retries together."""

End = Outcome | agent.AgentError


@dataclass
class Trial:
    """A push with the fault, then one without, on a router of its own."""

    lab: Lab
    cell: Cell
    url: str | None = None
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        cell = self.cell
        self.device: Device = self.lab.add(Persona(**{"terminal_rpc": "installs", **cell.persona}))
        self.waits = DeviceClock.of(self.device, self.clock)
        if cell.prepare:
            _PREPARE[cell.prepare](self.device)
        self.device.faults = [Fault(*words) for words in cell.faults]

    @property
    def policy(self) -> Policy:
        return self.clock.policy()

    def push(self) -> End:
        """A push that opens its sessions itself; an error where not even the first came up or could be read."""
        reach: dict[str, Any] = {"timeout": TIMEOUT, "clock": self.waits}
        target = partial(self.lab.connect, self.device, **reach)
        bundle = agent.Bundle.from_bytes(agent.TrustAnchor.bundled().pem.encode())
        intent = agent.Intent(
            method=agent.Method("file" if self.url else self.cell.method),
            pem_url=self.url,
            bundle=bundle if self.cell.method == "trustpool" else None,
            replace=self.cell.prepare == "another certificate",
            contact_wait=5,
            caution=agent.Caution(lock_wait=20),
        )
        ssh = self.lab.ssh(self.device, **reach)
        try:
            with target() as session, ssh:
                return agent.remediate(session, intent, policy=self.policy, connect=target, ssh=ssh)
        except agent.AgentError as error:
            return error

    def repair(self) -> None:
        """The device is well again, as some time later."""
        device = self.device
        device.faults.clear()
        device.disk.faults.clear()
        object.__setattr__(device.persona, "dialog_breaks", None)
        object.__setattr__(device.persona, "imports", "imports")
        device.config.leave("77")
        if self.cell.prepare == "candidate dirty":
            device.config.discard()
        self.clock.now += _LATER


def _unknown_revision(device: Device) -> None:
    """A revision that no file of the project has, so that the device is asked for the module's text."""
    known = f"revision={device.persona.modules['Cisco-IOS-XR-crypto-act'].revision}".encode()
    name = b"module=Cisco-IOS-XR-crypto-act&amp;"
    assert name + known in device.hello
    device.hello = device.hello.replace(name + known, name + b"revision=2031-01-01")


def _installed(device: Device) -> None:
    device.configure("Trustpool", "terminal")
    device.state.install("Trustpool", device.persona.installs, "terminal")


def _another(device: Device) -> None:
    device.configure("Trustpool", "terminal")
    device.state.certificates["Trustpool"] = QUOVADIS
    device.state.lasting.add("Trustpool")


def _trial(device: Device) -> None:
    device.config.edit([device.trustpoint_element("OTHER", "terminal")], "merge", "5")
    device.config.commit_confirmed("5", timeout=300, persist="theirs")


_PREPARE: dict[str, Callable[[Device], None]] = {
    "lock held": Device.hold_lock,
    "candidate dirty": Device.dirty,
    "trial underway": _trial,
    "unknown revision": _unknown_revision,
    "installed": _installed,
    "another certificate": _another,
}


def check(lab: Lab, cell: Cell) -> None:
    """The five promises for one cell."""
    if cell.method == "fetch":
        with served(agent.TrustAnchor.bundled().pem.encode()) as url:
            _check(Trial(lab, cell, url), cell)
    else:
        _check(Trial(lab, cell), cell)


def _check(trial: Trial, cell: Cell) -> None:
    device, before = trial.device, trial.device.enrollment()
    threads, files = set(threading.enumerate()), _open_files()
    first = trial.push()
    said = str(first) if isinstance(first, agent.AgentError) else _all(first)
    assert all(fault.times < words[3] for fault, words in zip(device.faults, _full(cell), strict=True)), said
    assert trial.clock.now < _LONGEST, said
    assert eventually(lambda: not device.sessions), said
    _nothing_behind(cell, device, said)
    there = _there(device)
    trial.clock.now += _LATER  # a commit on trial that nobody confirmed is taken back by now
    assert device.enrollment() in {before, "terminal", "local"}, said
    _true(first, there)
    assert cell.prepare != "another certificate" or device.state.certificates or "old.pem" in said, said
    assert cell.prepare != "installed" or device.state.authenticates == 1, said
    trial.repair()
    _converges(trial, said)
    # The event loops keep their threads: the simulator's for what it looks up, ours for the process.
    kept = ("asyncio", "xr-agent-ssh")
    assert eventually(lambda: {one for one in threading.enumerate() if not one.name.startswith(kept)} <= threads), said
    assert eventually(lambda: _open_files() <= files), said


def _full(cell: Cell) -> list[tuple[Any, ...]]:
    """The cell's faults with their numbers of times: each must have struck, or the cell says nothing."""
    return [(*words, *(b"", 1)[len(words) - 2 :]) for words in cell.faults]


def _converges(trial: Trial, said: str) -> None:
    """(4) A second push ends well, and nothing was done twice."""
    device, second = trial.device, trial.push()
    assert isinstance(second, Outcome), f"{said}; then {second}"
    assert second.well, f"{said}; then {_all(second)}"
    assert _there(device)
    lasting = device.state.authenticates - device.state.forgotten + len(device.state.trustpool)
    assert lasting == 1, f"{said}; then {_all(second)}"
    assert [name for name in device.trustpoints() if name != "OTHER"] in (["Trustpool"], []), said
    assert not device.config.dirty
    assert not device.config.locks


def _open_files() -> int:
    return len(os.listdir("/dev/fd"))  # noqa: PTH208 - Path.iterdir would keep one open


def _there(device: Device) -> bool:
    return agent.TrustAnchor.bundled().pem in device.state.trusted()


def _all(outcome: Outcome) -> str:
    steps = "; ".join(f"{record.step} {record.status.value} {record.detail}" for record in outcome.steps)
    return f"{outcome.result.value}: {outcome.error}: {steps}"


def _nothing_behind(cell: Cell, device: Device, said: str) -> None:
    """(1) No lock, no dirty candidate, no file, or the outcome names what may be left."""
    assert set(device.config.locks.values()) <= {"77"}, said
    assert not device.config.dirty or cell.prepare == "candidate dirty", said
    for path in device.files:
        assert path.rpartition("/")[2] in said, f"{path} is left and not named: {said}"


def _true(first: End, there: bool) -> None:
    """(3) Never remedied without the certificate, never failed with it."""
    if isinstance(first, agent.AgentError):
        assert not there, str(first)
    elif first.well:
        assert there, _all(first)
        assert first.evidence is not agent.Evidence.NONE, _all(first)
    elif first.result is not agent.Result.UNKNOWN:
        assert not there, _all(first)
