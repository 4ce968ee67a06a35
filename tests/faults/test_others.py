"""Further rows of the matrix: a neighbour at each step, and a push that is killed at each and repeated, at each server.

They need no SSH, so they are told apart from the others; what must hold is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import pytest

import agent
from agent.model.outcome import Outcome
from agent.simulator import (
    CLIXON,
    NETOPEER2,
    QUOVADIS,
    Behaviour,
    Device,
    Fault,
    FaultKind,
    OtherSession,
    Refusal,
    Simulator,
)
from tests.inprocess import Process
from tests.model.test_anchor import make_pem
from tests.web import served

ROOT = agent.TrustAnchor.bundled().pem
THIRD = make_pem("Third Root")
INTENT = agent.Intent(method=agent.Method.RPC, contact_wait=5, caution=agent.Caution(lock_wait=20))
SERVERS = {"xr": Behaviour(), "netopeer2": NETOPEER2, "clixon": replace(CLIXON, library=None)}
STEPS = {
    "connect": "connect",
    "hello": "hello",
    "read config": "get-config",
    "read certificate": "get:crypto-certificate-authority",
    "read licensing": "get:smart-agent",
    "lock": "lock",
    "edit-config": "edit-config",
    "validate": "validate",
    "commit": "commit",
    "confirm": "confirm",
    "ca-authenticate": "ca-authenticate",
    "renew-auth": "renew-auth",
    "unlock": "unlock",
    "close": "close-session",
}
REPLACING = {**{step: name for step, name in STEPS.items() if step != "connect"}, "clear": "ca-clear-certificates"}
"""The steps of a push that replaces another certificate, and changes an enrollment as well."""


def _edits(other: OtherSession, device: Device) -> None:
    other.edit("THEIRS", "terminal")


def _edits_and_commits(other: OtherSession, device: Device) -> None:
    other.edit("THEIRS", "terminal")
    other.commit()


def _locks(other: OtherSession, device: Device) -> None:
    other.lock("running")


def _breaks_locks(other: OtherSession, device: Device) -> None:
    for number in list(device.sessions):
        other.kill(number)


def _breaks_locks_and_edits(other: OtherSession, device: Device) -> None:
    _breaks_locks(other, device)
    _edits(other, device)


def _cures(other: OtherSession, device: Device) -> None:
    home = device.home
    device.config.type([home.edit("Trustpool", home.enroll("terminal"))], other.session_id)
    other.authenticate("Trustpool", ROOT)


DEEDS = {
    "edits the candidate": _edits,
    "edits and commits": _edits_and_commits,
    "locks running": _locks,
    "breaks locks": _breaks_locks,
    "breaks locks and edits": _breaks_locks_and_edits,
    "cures it": _cures,
}


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    """Routers that listen nowhere."""
    with Simulator() as running:
        yield running


def _theirs(device: Device, where: str) -> bool:
    return "THEIRS" in device.cli_text(where)


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("deed", DEEDS)
@pytest.mark.parametrize("step", STEPS)
def test_a_neighbour_at_any_step_finds_everything_as_it_was_left(
    simulator: Simulator,
    server: str,
    deed: str,
    step: str,
    record_property: Callable[[str, object], None],
) -> None:
    record_property("cell", (step, f"{server}: a neighbour {deed}"))
    process, device = Process.at(simulator, behaviour=SERVERS[server], terminal_rpc="installs")
    other, done = device.other_session(), []

    def act() -> None:
        try:
            DEEDS[deed](other, device)
        except Refusal:
            return
        done.append(deed)

    device.faults.append(Fault(STEPS[step], FaultKind.MEANWHILE, act=act))
    end = process.push(INTENT)
    said = str(end)
    edited, committed = "edits" in deed and done, "commits" in deed and done
    assert _theirs(device, "running") == bool(committed), said
    assert _theirs(device, "candidate") == bool(edited), said
    assert set(device.config.locks) == ({"running"} if done and "locks running" in deed else set()), said
    assert device.state.authenticates <= 1 + ("cures it" in deed and step in ("ca-authenticate", "renew-auth")), said
    _true(process, device, end)
    other.discard()
    other.end()
    _converges(process, device)


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("answered", [False, True], ids=["before", "behind"])
@pytest.mark.parametrize("step", STEPS)
def test_a_push_that_is_killed_at_any_step_and_repeated_ends_well(
    simulator: Simulator,
    server: str,
    answered: bool,
    step: str,
    record_property: Callable[[str, object], None],
) -> None:
    record_property("cell", (step, f"{server}: killed {'behind' if answered else 'before'} it, and repeated"))
    process, device = Process.at(simulator, behaviour=SERVERS[server], terminal_rpc="installs")
    device.faults.append(process.death(STEPS[step], answered=answered))
    assert process.push(INTENT) is None
    assert not device.config.locks
    _converges(process, device)
    assert device.state.authenticates == 1


@pytest.mark.parametrize("answered", [False, True], ids=["before", "behind"])
@pytest.mark.parametrize("step, operation", [("fetch", "copy"), ("remove", "delete"), ("upload", "ca-authenticate")])
def test_a_push_that_is_killed_while_the_router_copies_or_deletes_and_repeated_ends_well(
    simulator: Simulator, step: str, operation: str, answered: bool, record_property: Callable[[str, object], None]
) -> None:
    record_property("cell", (step, f"killed {'behind' if answered else 'before'} {operation}, and repeated"))
    process, device = Process.at(simulator, release="25.2.1")
    device.faults.append(process.death(operation, answered=answered))
    with served(ROOT.encode()) as url:
        intent = replace(INTENT, method=agent.Method.FILE, pem_url=url)
        assert process.push(intent) is None
        assert not device.config.locks
        second = process.push(intent)
    assert isinstance(second, Outcome)
    assert second.well, second
    assert device.state.authenticates == 1
    assert device.enrollment() == "local"
    assert not device.config.dirty
    assert process.log.unfinished() is None


def _replacing(simulator: Simulator, server: str) -> tuple[Process, Device]:
    """A router that holds another certificate under another enrollment."""
    like = {"release": "26.1.2", "terminal_rpc": "installs", "enrollment": "http://ca.example/root.pem"}
    return Process.at(simulator, behaviour=SERVERS[server], certificate=QUOVADIS, **like)


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("step", REPLACING)
def test_what_a_neighbour_installs_at_any_step_is_not_removed_in_place_of_the_old_one(
    simulator: Simulator, server: str, step: str, record_property: Callable[[str, object], None]
) -> None:
    record_property("cell", (step, f"{server}: a neighbour installs a third certificate"))
    process, device = _replacing(simulator, server)
    other = device.other_session()
    act = partial(other.authenticate, "Trustpool", THIRD)
    device.faults.append(Fault(REPLACING[step], FaultKind.MEANWHILE, act=act))
    end = process.push(replace(INTENT, replace=True))
    other.end()
    there = device.state.certificates["Trustpool"]
    assert isinstance(end, Outcome)
    # What was there when the plan was made is what it names; behind the last look no lock covers certificates.
    seen = step in ("hello", "read config", "read certificate")
    assert there == (ROOT if seen or step == "clear" else THIRD), end
    assert end.well == (seen or step in ("clear", "renew-auth", "unlock")), end
    assert device.state.clears <= 1
    assert not device.config.locks
    assert not device.config.dirty


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("answered", [False, True], ids=["before", "behind"])
@pytest.mark.parametrize("step", REPLACING)
def test_a_push_that_is_killed_while_it_replaces_a_certificate_and_repeated_ends_well(
    simulator: Simulator,
    server: str,
    answered: bool,
    step: str,
    record_property: Callable[[str, object], None],
) -> None:
    record_property("cell", (step, f"{server}: replacing, killed {'behind' if answered else 'before'} it, repeated"))
    process, device = _replacing(simulator, server)
    device.faults.append(process.death(REPLACING[step], answered=answered))
    intent = replace(INTENT, replace=True)
    assert process.push(intent) is None
    assert not device.config.locks
    _converges(process, device, intent)
    assert (device.state.clears, device.state.authenticates) == (1, 1)


def _true(process: Process, device: Device, end: Outcome | agent.AgentError | None) -> None:
    """What was said is so when every commit on trial is over."""
    process.clock.now += 1000
    there = device.state.certificates.get("Trustpool") == ROOT
    if isinstance(end, Outcome) and end.well:
        assert there, end
        assert device.enrollment() == "terminal", end
    elif isinstance(end, Outcome) and end.result is not agent.Result.UNKNOWN:
        assert not there, end


def _converges(process: Process, device: Device, intent: agent.Intent = INTENT) -> None:
    second = process.push(intent)
    assert isinstance(second, Outcome)
    assert second.well, second
    _true(process, device, second)
    assert not device.config.locks
    assert not device.config.dirty
    assert device.config.trial is None
    assert process.log.unfinished() is None
