"""The fault matrix: every way a wire can fail, at every step of a push, one simulated router each.

What a cell may show is the same for all: the five promises of :func:`check`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import agent
from agent.model.outcome import Outcome
from agent.netconf.retry import Policy
from agent.simulator import Device, Fault, FaultKind, Persona
from agent.simulator.errors import rpc_error
from tests.support import Clock, Lab, eventually

TIMEOUT = 0.4
"""Seconds for an answer inside ncclient, paramiko and netmiko, whose waits are real."""

_LOST = (
    FaultKind.DROP_BEFORE,
    FaultKind.DROP_AFTER,
    FaultKind.SILENT,
    FaultKind.HALF,
    FaultKind.GARBAGE,
    FaultKind.RESET,
    FaultKind.DELAY,
    FaultKind.REBOOT,
    FaultKind.REBOOT_AFTER,
)
_ERRORS = {
    "in-use": rpc_error("in-use", "Datastore locked"),
    "lock-denied": rpc_error("lock-denied", info="<session-id>77</session-id>"),
    "resource-denied": rpc_error("resource-denied"),
    "access-denied": rpc_error("access-denied"),
    "operation-failed": rpc_error("operation-failed"),
    "unknown-element": rpc_error("unknown-element"),
    "invalid-value": rpc_error("invalid-value", "bad value"),
    "malformed-message": rpc_error("malformed-message", kind="rpc"),
    "not-ready": rpc_error("operation-failed", "This (D)RP Node is not ready or active for login /configuration"),
    "trial": rpc_error("in-use", "A trial commit is underway"),
    "warning-then-error": rpc_error("operation-failed", "odd", severity="warning") + rpc_error("invalid-value"),
    "warning": rpc_error("operation-failed", "odd", severity="warning"),
}
_STEPS = ("lock", "edit-config", "validate", "commit", "confirm", "ca-authenticate", "renew-auth", "unlock")
_READS = {"read 1": ("get-config", 0), "read 2": ("get", 0), "read 3": ("get", 2), "read back": ("get", 4)}
_TIMES = {"once": 1, "always": 1000}


@dataclass(frozen=True)
class Cell:
    """One fault at one step."""

    step: str
    what: str
    faults: tuple[tuple[Any, ...], ...] = ()
    persona: dict[str, Any] = field(default_factory=dict)
    method: str = "rpc"
    prepare: str = ""

    def __str__(self) -> str:
        return f"{self.step}-{self.what}"


def cells() -> Iterator[Cell]:
    """Every cell, each step with every fault that makes sense there."""
    for step in (*_STEPS, "close-session"):
        for kind in _LOST:
            yield Cell(step, kind.name.lower(), ((step, kind, b"", 1, 0, 3 * TIMEOUT),))
    for step in _STEPS:
        for name, error in _ERRORS.items():
            for often, times in _TIMES.items():
                yield Cell(step, f"{name} {often}", ((step, FaultKind.ERROR, error, times),))
    for place, (operation, skip) in _READS.items():
        for kind in (*_LOST, FaultKind.EMPTY):
            yield Cell(place, kind.name.lower(), ((operation, kind, b"", 1, skip, 3 * TIMEOUT),))
        for often, times in _TIMES.items():
            yield Cell(place, f"empty {often}", ((operation, FaultKind.EMPTY, b"", times, skip),))
            yield Cell(
                place,
                f"access-denied {often}",
                ((operation, FaultKind.ERROR, rpc_error("access-denied"), times, skip),),
            )
    for skip, when in ((0, "first"), (1, "second")):
        for kind in (FaultKind.DROP_BEFORE, FaultKind.RESET):
            yield Cell(f"connect {when}", kind.name.lower(), (("connect", kind, b"", 1, skip),))
            yield Cell(f"connect {when}", f"{kind.name.lower()} always", (("connect", kind, b"", 1000, skip),))
        for kind in (FaultKind.DROP_BEFORE, FaultKind.SILENT, FaultKind.HALF, FaultKind.GARBAGE, FaultKind.RESET):
            yield Cell(f"hello {when}", kind.name.lower(), (("hello", kind, b"", 1, skip),))
        yield Cell(f"hello {when}", "no session-id", (("hello", FaultKind.RAW, b"<hello xmlns='urn:x'/>", 1, skip),))
    for step in ("edit-config", "commit"):
        yield Cell(step, "another session commits", ((step, FaultKind.OTHER_COMMITS),))
    for step in ("commit", "confirm", "ca-authenticate"):
        for second in ("connect", "hello"):
            yield Cell(
                step,
                f"lost, then no {second}",
                ((step, FaultKind.DROP_AFTER), (second, FaultKind.DROP_BEFORE, b"", 1000, 1 + (step != "commit"))),
            )
    yield Cell("lock", "held for good", prepare="hold")
    yield Cell("lock", "candidate dirty", prepare="dirty")
    yield from _beside()


def _beside() -> Iterator[Cell]:
    """The steps on the other port: files, dialog, trustpool."""
    local = {"release": "25.2.1"}
    for word in ("full", "denied", "corrupt", "vanish", "drop", "stuck"):
        yield Cell("upload", word, persona={**local, "file_faults": (word,)}, method="file")
        yield Cell("import", f"upload {word}", persona={"file_faults": (word,)}, method="trustpool")
    for kind in _LOST[:4]:
        yield Cell("ca-authenticate", f"file {kind.name.lower()}", (("ca-authenticate", kind),), local, "file")
        yield Cell("import", kind.name.lower(), (("ca-trustpool-import-url", kind),), method="trustpool")
    yield Cell("import", "refused", persona={"imports": "refused"}, method="trustpool")
    for how in ("drop", "error", "hang"):
        for when in ("begin", "pasted", "accepted", "installed"):
            yield Cell("dialog", f"{how} {when}", persona={"dialog_breaks": (how, when)}, method="dialog")
    for kind in (FaultKind.SILENT, FaultKind.DROP_BEFORE, FaultKind.DROP_AFTER, FaultKind.ERROR):
        yield Cell("dialog", f"command {kind.name.lower()}", (("cli:crypto ca authenticate", kind),), method="dialog")


@dataclass
class Trial:
    """One cell on one router: a push with the fault, then one without."""

    lab: Lab
    cell: Cell
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        cell = self.cell
        self.device: Device = self.lab.add(Persona(**{"terminal_rpc": "installs", **cell.persona}))
        self.device.config.clock = lambda: self.clock.now
        self.device.faults = [Fault(*words) for words in cell.faults]
        if cell.prepare == "hold":
            self.device.hold_lock()
        if cell.prepare == "dirty":
            self.device.dirty()

    @property
    def policy(self) -> Policy:
        return self.clock.policy()

    def push(self) -> Outcome | agent.AgentError:
        """A push that opens its sessions itself; an error where not even the first came up."""
        target = partial(self.lab.connect, self.device, timeout=TIMEOUT, open_timeout=2 * TIMEOUT)
        bundle = agent.Bundle.from_bytes(agent.TrustAnchor.bundled().pem.encode())
        wish = agent.Intent(
            method=agent.Method(self.cell.method),
            bundle=bundle if self.cell.method == "trustpool" else None,
            contact_wait=5,
            caution=agent.Caution(lock_wait=20),
        )
        ssh = self.lab.ssh(self.device, timeout=TIMEOUT, open_timeout=2 * TIMEOUT)
        try:
            with target() as session, ssh:
                return agent.remediate(session, wish, policy=self.policy, connect=target, ssh=ssh)
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
        if self.cell.prepare == "dirty":
            device.config.discard()
        self.clock.now += 1000


def check(lab: Lab, cell: Cell) -> None:
    """The five promises for one cell."""
    threads = set(threading.enumerate())
    trial = Trial(lab, cell)
    device, before = trial.device, trial.device.enrollment()
    first = trial.push()
    said = str(first) if isinstance(first, agent.AgentError) else _all(first)
    assert eventually(lambda: not device.sessions), said
    _nothing_behind(cell, device, said)
    there = _there(device)
    trial.clock.now += 1000  # a commit on trial that nobody confirmed is taken back by now
    planned = {before, "terminal", "local"}
    assert device.enrollment() in planned, said
    _true(first, there)
    trial.repair()
    second = trial.push()
    assert isinstance(second, Outcome), f"{said}; then {second}"
    assert second.well, f"{said}; then {_all(second)}"
    assert _there(device)
    assert device.state.authenticates + len(device.state.trustpool) == 1, f"{said}; then {_all(second)}"
    assert [name for name in device.trustpoints() if name != "OTHER"] in (["Trustpool"], []), said
    assert not device.config.dirty
    assert not device.config.locks
    # The simulator's own event loop keeps threads for what it looks up.
    assert eventually(lambda: {one for one in threading.enumerate() if "asyncio" not in one.name} <= threads), said


def _there(device: Device) -> bool:
    return agent.TrustAnchor.bundled().pem in device.state.trusted()


def _all(outcome: Outcome) -> str:
    steps = "; ".join(f"{record.step} {record.status.value} {record.detail}" for record in outcome.steps)
    return f"{outcome.result.value}: {outcome.error}: {steps}"


def _nothing_behind(cell: Cell, device: Device, said: str) -> None:
    """(1) No lock, no dirty candidate, no file, or the outcome names what may be left."""
    assert set(device.config.locks.values()) <= {"77"}, said
    assert not device.config.dirty or cell.prepare == "dirty", said
    for path in device.files:
        assert path.rpartition("/")[2] in said, f"{path} is left and not named: {said}"


def _true(first: Outcome | agent.AgentError, there: bool) -> None:
    """(3) Never remedied without the certificate, never failed with it."""
    if isinstance(first, agent.AgentError):
        assert not there, str(first)
    elif first.well:
        assert there, _all(first)
        assert first.evidence is not agent.Evidence.NONE, _all(first)
    elif first.result is not agent.Result.UNKNOWN:
        assert not there, _all(first)
