"""The fault matrix: every way a wire, a router or its neighbours can fail, at every step of a push.

A cell is one fault at one step; :mod:`tests.faults.trial` says what must hold for all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from agent.simulator import FaultKind, rpc_error

TIMEOUT = 10.0
"""Seconds for an answer, by the clock of the cell: they pass where the router does not answer, and only there."""

STEPS = (
    "connect",
    "hello",
    "get-schema",
    "read config",
    "read certificate",
    "read licensing",
    "lock",
    "edit-config",
    "validate",
    "commit",
    "reconnect",
    "hello again",
    "confirm",
    "upload",
    "fetch",
    "copy",
    "remove",
    "clear",
    "ca-authenticate",
    "import",
    "dialog",
    "read back",
    "renew-auth",
    "unlock",
    "close",
)
"""The steps of a push, in the order in which they come."""

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
    "not ready": rpc_error("operation-failed", "This (D)RP Node is not ready or active for login /configuration"),
    "trial underway": rpc_error("in-use", "A trial commit is underway"),
    "warning, then error": rpc_error("operation-failed", "odd", severity="warning") + rpc_error("invalid-value"),
    "warning": rpc_error("operation-failed", "odd", severity="warning"),
}
_OPERATIONS = {
    "lock": "lock",
    "edit-config": "edit-config",
    "validate": "validate",
    "commit": "commit",
    "confirm": "confirm",
    "ca-authenticate": "ca-authenticate",
    "renew-auth": "renew-auth",
    "unlock": "unlock",
}
_READS = {
    "read config": ("get-config", 0),
    "read certificate": ("get", 0),
    "read licensing": ("get", 1),
    "read back": ("get:crypto-certificate-authority", 3),
}
_OFTEN = {"once": 1, "always": 1000}


@dataclass(frozen=True)
class Cell:
    """One fault at one step: *faults* as :class:`agent.simulator.Fault` takes them, *persona* settings, a method.

    *prepare* names what :class:`tests.faults.trial.Trial` does to the router first.
    """

    step: str
    fault: str
    faults: tuple[tuple[Any, ...], ...] = ()
    persona: dict[str, Any] = field(default_factory=dict)
    method: str = "rpc"
    prepare: str = ""

    def __str__(self) -> str:
        return f"{self.step}: {self.fault}"


def cells() -> Iterator[Cell]:
    """Every cell, each step with every fault that makes sense there."""
    yield from _sessions()
    yield from _schema()
    yield from _reads()
    yield from _operations()
    yield from _behind()
    yield from _neighbours()
    yield from _lost_for_good()
    yield from _files()
    yield from _copies()
    yield from _dialogs()
    yield from _clears()


def _word(kind: FaultKind) -> str:
    return kind.name.lower().replace("_", " ")


def _lost(step: str, operation: str, *, skip: int = 0, **changes: Any) -> Iterator[Cell]:
    for kind in _LOST:
        yield Cell(step, _word(kind), ((operation, kind, b"", 1, skip, 3 * TIMEOUT),), **changes)


def _sessions() -> Iterator[Cell]:
    """The first session, and the second one that confirms a commit on trial."""
    for skip, connect, hello in ((0, "connect", "hello"), (1, "reconnect", "hello again")):
        for kind in (FaultKind.DROP_BEFORE, FaultKind.RESET):
            for often, times in _OFTEN.items():
                yield Cell(connect, f"{_word(kind)} {often}", (("connect", kind, b"", times, skip),))
        for kind in (FaultKind.DROP_BEFORE, FaultKind.SILENT, FaultKind.HALF, FaultKind.GARBAGE, FaultKind.RESET):
            yield Cell(hello, _word(kind), (("hello", kind, b"", 1, skip),))
        yield Cell(hello, "no session-id", (("hello", FaultKind.RAW, b"<hello xmlns='urn:x'/>", 1, skip),))
    yield from _lost("close", "close-session")


def _schema() -> Iterator[Cell]:
    yield from _lost("get-schema", "get-schema", prepare="unknown revision")
    for name in ("access-denied", "operation-failed", "invalid-value"):
        faults = (("get-schema", FaultKind.ERROR, _ERRORS[name], 1000),)
        yield Cell("get-schema", f"{name} always", faults, prepare="unknown revision")


def _reads() -> Iterator[Cell]:
    denied = _ERRORS["access-denied"]
    for step, (operation, skip) in _READS.items():
        yield from _lost(step, operation, skip=skip)
        for often, times in _OFTEN.items():
            yield Cell(step, f"empty {often}", ((operation, FaultKind.EMPTY, b"", times, skip),))
            yield Cell(step, f"access-denied {often}", ((operation, FaultKind.ERROR, denied, times, skip),))
    yield Cell("renew-auth", "answer without output", (("renew-auth", FaultKind.EMPTY),))
    # The root is there already, and no model says so.
    there = (("get", FaultKind.EMPTY, b"", 1000),)
    yield Cell("read certificate", "empty always, and it is there", there, prepare="installed")


def _operations() -> Iterator[Cell]:
    for step, operation in _OPERATIONS.items():
        yield from _lost(step, operation)
        for name, error in _ERRORS.items():
            for often, times in _OFTEN.items():
                yield Cell(step, f"{name} {often}", ((operation, FaultKind.ERROR, error, times),))
        for name in ("operation-failed", "access-denied"):
            for often, times in _OFTEN.items():
                faults = ((operation, FaultKind.ERROR_AFTER, _ERRORS[name], times),)
                yield Cell(step, f"{name} after the effect {often}", faults)


def _behind() -> Iterator[Cell]:
    """What goes wrong between a write and what is sent right behind it, and servers that do not keep to the order."""
    plain: dict[str, Any] = {"persona": {"confirmed_commit": False}}
    pairs: dict[str, tuple[str, int, dict[str, Any]]] = {
        "commit": ("get-config", 3, plain),
        "confirm": ("get:crypto-certificate-authority", 2, {}),
        "renew-auth": ("get:smart-agent", 1, {}),
    }
    for step, (read, skip, changes) in pairs.items():
        for kind in _LOST:
            faults = ((read, kind, b"", 1, skip, 3 * TIMEOUT),)
            yield Cell(step, f"read behind it: {_word(kind)}", faults, **changes)
    for step, changes in {"commit": plain, "confirm": {}, "ca-authenticate": {}, "renew-auth": {}}.items():
        for kind in (FaultKind.DROP_ANSWERED, FaultKind.OVERTAKEN):
            yield Cell(step, _word(kind), ((step, kind),), **changes)
    yield Cell("commit", "a plain one: silent", (("commit", FaultKind.SILENT),), **plain)
    for step in ("lock", "edit-config", "unlock"):
        yield Cell(step, _word(FaultKind.OVERTAKEN), ((step, FaultKind.OVERTAKEN),))
    for step in ("read config", "read certificate", "read licensing"):
        operation, skip = _READS[step]
        yield Cell(step, _word(FaultKind.OVERTAKEN), ((operation, FaultKind.OVERTAKEN, b"", 1, skip),))


def _neighbours() -> Iterator[Cell]:
    for step in ("edit-config", "commit"):
        yield Cell(step, "another session commits", ((step, FaultKind.OTHER_COMMITS),))
    yield Cell("lock", "held for good", prepare="lock held")
    yield Cell("lock", "candidate dirty", prepare="candidate dirty")
    yield Cell("lock", "somebody's trial", prepare="trial underway")


def _lost_for_good() -> Iterator[Cell]:
    """The answer is lost, and no further session comes up."""
    for step in ("commit", "confirm", "ca-authenticate", "renew-auth"):
        for second in ("connect", "hello"):
            skip = 1 + (step != "commit")
            faults = ((step, FaultKind.DROP_AFTER), (second, FaultKind.DROP_BEFORE, b"", 1000, skip))
            # The session that saw the commit takes over from the one that is lost, so that is lost as well.
            also = (("lock", FaultKind.DROP_BEFORE, b"", 1, 2),) if step == "confirm" else ()
            yield Cell(step, f"drop after, then no {second}", faults + also)


def _files() -> Iterator[Cell]:
    """What is copied over SFTP, for method file and for a trustpool import."""
    local = {"release": "25.2.1"}
    for word in ("full", "quota", "denied", "corrupt", "vanish", "drop", "stuck"):
        yield Cell("upload", f"disk {word}", persona={**local, "file_faults": (word,)}, method="file")
        yield Cell("import", f"disk {word}", persona={"file_faults": (word,)}, method="trustpool")
    for kind in _LOST:
        lost = (("ca-authenticate", kind, b"", 1, 0, 3 * TIMEOUT),)
        yield Cell("upload", f"authenticate {_word(kind)}", lost, local, "file")
    yield from _lost("import", "ca-trustpool-import-url", method="trustpool")
    for name in ("in-use", "access-denied", "operation-failed", "warning, then error"):
        for often, times in _OFTEN.items():
            refused = (("ca-trustpool-import-url", FaultKind.ERROR, _ERRORS[name], times),)
            yield Cell("import", f"{name} {often}", refused, method="trustpool")
    denied = (("ca-trustpool-import-url", FaultKind.ERROR_AFTER, _ERRORS["access-denied"]),)
    yield Cell("import", "access-denied after the effect once", denied, method="trustpool")
    yield Cell("import", "refused", persona={"imports": "refused"}, method="trustpool")


def _copies() -> Iterator[Cell]:
    """What the router copies and deletes itself, for method file from a URL and for the way of a bundle to /tmp."""
    ways: dict[str, tuple[str, dict[str, Any]]] = {
        "fetch": ("copy", {"method": "fetch", "persona": {"release": "25.2.1"}}),
        "copy": ("copy", {"method": "trustpool"}),
        "remove": ("delete", {"method": "fetch", "persona": {"release": "25.2.1"}}),
    }
    for step, (operation, changes) in ways.items():
        yield from _lost(step, operation, **changes)
        for name in ("in-use", "access-denied", "operation-failed", "unknown-element", "warning, then error"):
            for often, times in _OFTEN.items():
                yield Cell(step, f"{name} {often}", ((operation, FaultKind.ERROR, _ERRORS[name], times),), **changes)
        denied = ((operation, FaultKind.ERROR_AFTER, _ERRORS["access-denied"]),)
        yield Cell(step, "access-denied after the effect once", denied, **changes)
        # Nothing but NETCONF is at hand, where that does.
        alone = {**changes, "persona": {**changes.get("persona", {}), "ssh": False}}
        if changes["method"] == "fetch":
            for kind in (FaultKind.DROP_AFTER, FaultKind.SILENT, FaultKind.ERROR):
                yield Cell(step, f"without SSH: {_word(kind)}", ((operation, kind),), **alone)
    for word in ("full", "quota", "denied", "corrupt", "vanish", "stuck", "kept"):
        yield Cell("fetch", f"disk {word}", persona={"release": "25.2.1", "file_faults": (word,)}, method="fetch")
    reads = (("get:dir", FaultKind.EMPTY, b"", 1000),)
    yield Cell("fetch", "empty listings always", reads, persona={"release": "25.2.1"}, method="fetch")
    yield Cell("fetch", "and no SSH", reads, persona={"release": "25.2.1", "ssh": False}, method="fetch")


def _dialogs() -> Iterator[Cell]:
    for how in ("drop", "error", "hang"):
        for when in ("begin", "pasted", "accepted", "installed"):
            yield Cell("dialog", f"{how} when {when}", persona={"dialog_breaks": (how, when)}, method="dialog")
    for kind in (FaultKind.SILENT, FaultKind.DROP_BEFORE, FaultKind.DROP_AFTER, FaultKind.ERROR):
        for often, times in _OFTEN.items():
            faults = (("cli:crypto ca authenticate", kind, b"", times),)
            yield Cell("dialog", f"command {_word(kind)} {often}", faults, method="dialog")


def _clears() -> Iterator[Cell]:
    """Another certificate has to go first, and what follows its removal."""
    like: dict[str, Any] = {"persona": {"release": "26.1.2"}, "prepare": "another certificate"}
    step, rpc, read = "clear", "ca-clear-certificates", "get:crypto-certificate-authority"
    yield from _lost(step, rpc, **like)
    for kind in (FaultKind.DROP_ANSWERED, FaultKind.OVERTAKEN):
        yield Cell(step, _word(kind), ((rpc, kind),), **like)
    for often, times in _OFTEN.items():
        for name, error in _ERRORS.items():
            yield Cell(step, f"{name} {often}", ((rpc, FaultKind.ERROR, error, times),), **like)
        for name in ("operation-failed", "access-denied", "in-use"):
            faults = ((rpc, FaultKind.ERROR_AFTER, _ERRORS[name], times),)
            yield Cell(step, f"{name} after the effect {often}", faults, **like)
        for place, skip in (("ahead of", 2), ("behind", 3)):
            yield Cell(step, f"read {place} it: empty {often}", ((read, FaultKind.EMPTY, b"", times, skip),), **like)
    yield Cell(step, "ok without effect", ((rpc, FaultKind.ERROR, b"<ok/>"),), **like)
    for kind in _LOST:
        for place, skip in (("ahead of", 2), ("behind", 3)):
            yield Cell(step, f"read {place} it: {_word(kind)}", ((read, kind, b"", 1, skip, 3 * TIMEOUT),), **like)
        yield Cell(step, f"then authenticate: {_word(kind)}", (("ca-authenticate", kind, b"", 1, 0, 30.0),), **like)
    for second in ("connect", "hello"):
        lost = ((rpc, FaultKind.DROP_AFTER), (second, FaultKind.DROP_BEFORE, b"", 1000, 1))
        yield Cell(step, f"drop after, then no {second}", lost, **like)
    refused = (("ca-authenticate", FaultKind.ERROR, _ERRORS["access-denied"], 1000),)
    yield Cell(step, "then authenticate: access-denied always", refused, **like)
    for kind in (FaultKind.ERROR, FaultKind.DROP_BEFORE, FaultKind.DROP_AFTER):
        yield Cell(step, f"ahead of a file: {_word(kind)}", ((rpc, kind, b"", 1),), method="file", **like)
        yield Cell(step, f"ahead of a dialog: {_word(kind)}", ((rpc, kind, b"", 1),), method="dialog", **like)
