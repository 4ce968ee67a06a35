"""A push among others: what they made stays, what an earlier push left is ended, and nothing untrue is said."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

import agent
from agent.model.outcome import Outcome, Status
from agent.simulator import CLIXON, NETOPEER2, Behaviour, Device, Fault, FaultKind, OtherSession, Simulator, rpc_error
from tests.inprocess import Process
from tests.model.test_anchor import make_pem

ROOT = agent.TrustAnchor.bundled().pem
URL = "http://somebody.example/"
INTENT = agent.Intent(method=agent.Method.RPC, contact_wait=5, caution=agent.Caution(lock_wait=20))
SERVERS = {"xr": Behaviour(), "netopeer2": NETOPEER2, "clixon": replace(CLIXON, library=None)}

Made = tuple[Process, Device]


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    """Routers that listen nowhere."""
    with Simulator() as running:
        yield running


@pytest.fixture(params=list(SERVERS.values()), ids=list(SERVERS))
def made(simulator: Simulator, request: pytest.FixtureRequest) -> Made:
    """A process and its router, which behaves as each of the servers."""
    return Process.at(simulator, behaviour=request.param, terminal_rpc="installs")


def pushed(process: Process, intent: agent.Intent = INTENT) -> Outcome:
    """A push that lives."""
    end = process.push(intent)
    assert isinstance(end, Outcome), end
    return end


def meanwhile(device: Device, operation: str, act: Callable[[OtherSession], object], *, skip: int = 0) -> Fault:
    """Somebody else, as an rpc arrives."""
    return Fault(operation, FaultKind.MEANWHILE, skip=skip, act=lambda: act(device.other_session()))


def clean(device: Device) -> bool:
    return not (device.config.locks or device.config.dirty or device.config.trial)


def at_console(device: Device, enrollment: str | None) -> None:
    """Typed by somebody, under the device's rules."""
    home = device.home
    edit = home.edit("Trustpool", home.enroll(enrollment)) if enrollment else home.edit("Trustpool", remove=True)
    device.config.type([edit], "console")


# --- the plan is a claim ----------------------------------------------------------------------------------------------


def test_who_cures_the_router_before_the_lock_is_granted_did_it(made: Made) -> None:
    process, device = made

    def cure(other: OtherSession) -> None:
        at_console(device, "terminal")
        other.authenticate("Trustpool", ROOT)

    device.faults.append(meanwhile(device, "lock", cure))
    outcome = pushed(process)
    assert (outcome.result, outcome.changed) == (agent.Result.UNCHANGED, False)
    assert device.counters["ca-authenticate"] == device.counters["edit-config"] == 0
    assert clean(device)


def test_an_enrollment_that_another_set_before_the_lock_is_kept_whatever_comes_of_the_push(made: Made) -> None:
    process, device = made
    object.__setattr__(device.persona, "terminal_rpc", "ok-without-certificate")
    device.faults.append(Fault("lock", FaultKind.MEANWHILE, act=lambda: at_console(device, "terminal")))
    outcome = pushed(process)
    assert (outcome.result, device.enrollment()) == (agent.Result.FAILED, "terminal")
    assert device.counters["commit"] == 0


@pytest.mark.parametrize("pem", [ROOT, make_pem("Somebody Else")], ids=["the root", "another"])
def test_a_certificate_that_came_while_the_trustpoint_was_committed_is_not_installed_over(made: Made, pem: str) -> None:
    process, device = made
    device.faults.append(meanwhile(device, "confirm", lambda other: other.authenticate("Trustpool", pem)))
    outcome = pushed(process)
    assert device.counters["ca-authenticate"] == 0
    assert device.state.certificates == {"Trustpool": pem}
    assert outcome.result is (agent.Result.REMEDIED if pem == ROOT else agent.Result.FAILED)
    assert device.enrollment() == "terminal"


def test_an_enrollment_that_another_set_since_ours_is_not_replaced_by_the_next_method(simulator: Simulator) -> None:
    device = simulator.add(agent.simulator.Persona(terminal_rpc="ok-without-certificate", release="25.2.1"))
    process = Process(simulator, device)

    def takes_over(other: OtherSession) -> None:
        for number in list(device.sessions):
            other.kill(number)
        at_console(device, URL)

    device.faults.append(meanwhile(device, "ca-authenticate", takes_over))
    outcome = pushed(process, replace(INTENT, method=agent.Method.AUTO))
    assert device.enrollment() == URL, outcome


# --- what an earlier push left ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["edit-config", "commit", "confirm", "ca-authenticate"])
@pytest.mark.parametrize("answered", [False, True], ids=["before", "behind"])
def test_a_killed_push_is_followed_by_one_that_ends_well_and_stays_so(made: Made, step: str, answered: bool) -> None:
    process, device = made
    device.faults.append(process.death(step, answered=answered))
    assert process.push(INTENT) is None
    outcome = pushed(process)
    assert outcome.well, outcome
    process.clock.now += 1000
    assert device.enrollment() == "terminal"
    assert device.state.certificates == {"Trustpool": ROOT}
    assert device.state.authenticates == 1
    assert clean(device)
    assert process.log.unfinished() is None


def test_what_an_earlier_push_left_on_trial_is_ended_where_nothing_is_to_be_done_any_more(made: Made) -> None:
    process, device = made
    device.faults.append(process.death("commit", answered=True))
    assert process.push(INTENT) is None
    device.state.install("Trustpool", make_pem("Somebody Else"), "terminal")
    outcome = pushed(process)
    assert outcome.result is agent.Result.SKIPPED
    assert [step.status for step in outcome.steps if step.step == "recover"] == [Status.DONE]
    assert device.enrollment() is None
    assert clean(device)
    assert process.log.unfinished() is None


def test_a_left_edit_is_discarded_and_what_is_read_beside_the_lock_is_read_behind_that(simulator: Simulator) -> None:
    behaviour = Behaviour(unlock_discards=False, dirty_lock="resource-denied")
    process, device = Process.at(simulator, behaviour=behaviour, terminal_rpc="installs")
    device.faults.append(process.death("commit"))
    assert process.push(INTENT) is None
    assert device.config.dirty
    assert pushed(process).result is agent.Result.REMEDIED
    assert clean(device)


def test_a_neighbours_edit_beside_the_one_that_was_left_is_neither_lost_nor_committed(simulator: Simulator) -> None:
    process, device = Process.at(simulator, behaviour=Behaviour(unlock_discards=False), terminal_rpc="installs")
    device.faults.append(process.death("commit"))
    assert process.push(INTENT) is None
    device.other_session().edit("THEIRS", "terminal")
    outcome = pushed(process)
    assert (outcome.result, outcome.error and outcome.error.kind) == (agent.Result.FAILED, "refused")
    assert device.trustpoints() == []
    assert b"THEIRS" in b"".join(agent.netconf.payload.serialize(node) for node in device.config.candidate)


def test_somebody_elses_trial_is_waited_out(made: Made) -> None:
    process, device = made
    other = device.other_session()
    other.edit("THEIRS", "terminal")
    other.commit_on_trial(300, "theirs")
    other.discard()
    device.faults.append(Fault("lock", FaultKind.MEANWHILE, skip=20, act=lambda: other.confirm("theirs")))
    assert pushed(process).result is agent.Result.REMEDIED
    assert sorted(device.trustpoints()) == ["THEIRS", "Trustpool"]
    assert clean(device)


# --- the session that holds the locks does it all ---------------------------------------------------------------------


@pytest.mark.parametrize("step", ["edit-config", "validate", "commit", "confirm", "ca-authenticate", "unlock"])
def test_behind_a_killed_session_nothing_of_the_one_who_edits_then_is_discarded(made: Made, step: str) -> None:
    process, device = made
    done: list[bool] = []

    def takes_over(other: OtherSession) -> None:
        for number in list(device.sessions):
            other.kill(number)
        if not device.config.dirty:
            other.edit("THEIRS", URL)
            done.append(True)

    device.faults.append(meanwhile(device, step, takes_over))
    outcome = pushed(process)
    assert "THEIRS" not in device.trustpoints(), outcome
    assert not done or device.config.dirty, outcome
    assert not device.config.locks


def test_a_trial_whose_first_session_is_lost_and_that_nobody_sees_is_ended_by_the_second(made: Made) -> None:
    process, device = made

    def kill(other: OtherSession) -> None:
        other.kill(min(device.sessions))

    device.faults += [
        meanwhile(device, "get-config", kill, skip=3),
        Fault("get-config", FaultKind.EMPTY, times=4, skip=0),
    ]
    device.faults[1].skip = 3
    outcome = pushed(process)
    assert outcome.well, outcome
    assert clean(device)


def test_a_trial_whose_sessions_are_both_lost_is_ended_on_a_third(made: Made) -> None:
    process, device = made

    def kill(other: OtherSession) -> None:
        for number in list(device.sessions):
            other.kill(number)

    device.faults.append(meanwhile(device, "get-config", kill, skip=3))
    outcome = pushed(process)
    assert outcome.result is agent.Result.REMEDIED, outcome
    assert clean(device)


# --- reads ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("read", [0, 1, 2, 3], ids=["plan", "lock", "ahead", "back"])
def test_a_provider_that_fails_once_is_asked_again(simulator: Simulator, read: int) -> None:
    process, device = Process.at(simulator, terminal_rpc="installs")
    failed = rpc_error("operation-failed", "the provider of this data gave up")
    device.faults.append(Fault("get:crypto-certificate-authority", FaultKind.ERROR, failed, skip=read))
    assert pushed(process).result is agent.Result.REMEDIED
    assert device.counters["ca-authenticate"] == 1
    assert clean(device)


@pytest.mark.parametrize("read", [0, 1], ids=["plan", "lock"])
def test_a_read_that_gets_no_answer_costs_one_time_out_and_is_a_reading_without_value(
    simulator: Simulator, read: int
) -> None:
    process, device = Process.at(simulator, terminal_rpc="installs")
    device.faults.append(Fault("get:crypto-certificate-authority", FaultKind.SILENT, times=1000, skip=read))
    outcome = pushed(process)
    assert outcome.result is agent.Result.SKIPPED, outcome
    assert outcome.error is not None
    assert "got no answer within 10 s" in outcome.error.message
    assert process.clock.now < 2 * 10
    assert clean(device)


@pytest.mark.parametrize("kind", [FaultKind.DROP_BEFORE, FaultKind.DROP_AFTER, FaultKind.SILENT, FaultKind.RESET])
def test_a_certificate_is_read_back_on_another_session_where_this_one_is_lost_or_silent(
    simulator: Simulator, kind: FaultKind
) -> None:
    process, device = Process.at(simulator, terminal_rpc="installs")
    device.faults.append(Fault("get:crypto-certificate-authority", kind, skip=3))
    outcome = pushed(process)
    assert outcome.result is agent.Result.REMEDIED, outcome
    assert device.state.authenticates == 1
    assert clean(device)
    assert process.clock.now < 2 * 10
