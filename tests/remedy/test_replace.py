"""Another certificate under the trustpoint: it goes only when asked for, and never for nothing without a word."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

import agent
from agent.model.outcome import Outcome, Status
from agent.model.pki.certificate import Certificate
from agent.netconf.retry import Policy
from agent.remedy.assess import assess
from agent.remedy.plan import plan
from agent.simulator import (
    QUOVADIS,
    Device,
    Fault,
    FaultKind,
    Persona,
    Simulator,
    rpc_error,
)
from tests.inprocess import Process
from tests.model.test_anchor import make_pem
from tests.remedy.states import ACCESS, ANCHOR, NOW, OLD_ROOT, TERMINAL, state
from tests.support import Clock, Lab, left_clean

ROOT = agent.TrustAnchor.bundled()
OLD = agent.TrustAnchor.from_pem(QUOVADIS)
CLEARS = replace(ACCESS, clear_certificates=True)
INTENT = agent.Intent(method=agent.Method.RPC, replace=True, renew=False, caution=agent.Caution(lock_wait=20))
CLEAR = "ca-clear-certificates"
THIRD = make_pem("Third Root")


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    """Routers that listen nowhere."""
    with Simulator() as running:
        yield running


def router(simulator: Simulator, **settings: Any) -> tuple[Process, Device]:
    """A router of 26.1.2 that holds the old root, and a process that pushes to it."""
    like = {"release": "26.1.2", "enrollment": "terminal", "certificate": QUOVADIS, "terminal_rpc": "installs"}
    return Process.at(simulator, **{**like, **settings})


def pushed(process: Process, intent: agent.Intent = INTENT) -> Outcome:
    end = process.push(intent)
    assert isinstance(end, Outcome), end
    return end


def steps(outcome: Outcome) -> list[tuple[str, str]]:
    return [(one.step, one.status.value) for one in outcome.steps]


def held(device: Device) -> str | None:
    return device.state.certificates.get("Trustpool")


# --- what is planned -------------------------------------------------------------------------------------------------


def test_it_is_cleared_right_ahead_of_what_takes_its_place() -> None:
    made = plan(agent.Intent(replace=True), state(certificate=OLD_ROOT, enrollment=TERMINAL, access=CLEARS))
    assert isinstance(made, agent.Plan)
    assert made.clears is not None
    assert made.clears.held == OLD_ROOT
    assert made.diff()[:4] == [
        "> rpc ca-clear-certificates server-name=Trustpool",
        "- CA certificate QuoVadis Root CA 2",
        "> rpc ca-authenticate server-name=Trustpool",
        f"+ CA certificate {ANCHOR.name} sha1 {ANCHOR.sha1}",
    ]


@pytest.mark.parametrize("replaces", [False, True])
@pytest.mark.parametrize("access", [ACCESS, CLEARS])
def test_without_the_option_or_the_rpc_it_is_named_and_what_to_do(access: Any, replaces: bool) -> None:
    there = replace(OLD_ROOT, sha1=OLD.sha1, not_after=OLD.not_after)
    made = plan(agent.Intent(replace=replaces), state(certificate=there, enrollment=TERMINAL, access=access))
    if replaces and access is CLEARS:
        assert made
        return
    assert isinstance(made, agent.Skip)
    assert made.reason == (
        f"trustpoint Trustpool holds another certificate: QuoVadis Root CA 2 (sha1 {OLD.sha1}, until 2031-11-24)"
    )
    assert made.hint is not None
    assert ("--replace removes it" in made.hint) is (access is CLEARS)
    assert ("clear crypto ca certificates Trustpool" in made.hint) is (access is ACCESS)
    assert "--trustpoint" in made.hint


@pytest.mark.parametrize("shown", [None, Certificate()], ids=["none", "too little"])
def test_nothing_goes_that_is_not_known_to_be_another_one(shown: Certificate | None) -> None:
    made = plan(agent.Intent(replace=True), state(certificate=shown, enrollment=TERMINAL, access=CLEARS))
    assert isinstance(made, agent.Plan)
    assert made.clears is None


def test_a_verdict_says_whether_a_push_can_change_it() -> None:
    said = f"trustpoint Trustpool holds another certificate: {OLD_ROOT.described}"
    assert said in assess(state(certificate=OLD_ROOT), ANCHOR, NOW).reasons
    assert (
        f"{said}; push --replace changes it" in assess(state(certificate=OLD_ROOT, access=CLEARS), ANCHOR, NOW).reasons
    )


# --- what is done ----------------------------------------------------------------------------------------------------


def test_the_old_one_goes_and_the_new_one_is_proven(simulator: Simulator) -> None:
    process, device = router(simulator)
    outcome = pushed(process)
    assert outcome.result is agent.Result.REMEDIED, outcome
    assert held(device) == ROOT.pem
    assert device.state.clears == 1
    named = [step for step in steps(outcome) if step[0] != "safeguards"]
    assert named[:4] == [(step, "done") for step in ("lock", "clear", "ca-authenticate", "read back")]
    assert outcome.removed is not None
    assert outcome.removed.proven(OLD)
    second = pushed(process)
    assert second.result is agent.Result.UNCHANGED
    assert device.state.clears == 1
    assert left_clean(device)


def test_it_is_done_under_the_lock(simulator: Simulator) -> None:
    process, device = router(simulator)
    seen: list[dict[str, str]] = []
    device.faults.append(Fault(CLEAR, FaultKind.MEANWHILE, act=lambda: seen.append(dict(device.config.locks))))
    assert pushed(process).well
    assert [set(locks) for locks in seen] == [{"running"}]


def test_without_the_option_nothing_is_sent(simulator: Simulator) -> None:
    process, device = router(simulator)
    outcome = pushed(process, replace(INTENT, replace=False))
    assert outcome.result is agent.Result.SKIPPED
    assert held(device) == QUOVADIS
    assert not device.counters[CLEAR]
    assert not device.counters["lock"]


def test_a_release_without_the_rpc_is_left_alone(simulator: Simulator) -> None:
    process, device = router(simulator, release="25.2.1")
    outcome = pushed(process)
    assert outcome.result is agent.Result.SKIPPED
    assert outcome.error is not None
    assert "rpc ca-clear-certificates is missing" in str(outcome.error.hint)
    assert held(device) == QUOVADIS


@pytest.mark.parametrize("when", ["before the lock", "ahead of the rpc"])
@pytest.mark.parametrize("asked", ["another", "nothing", "the root"])
def test_what_somebody_installs_meanwhile_is_not_removed(simulator: Simulator, when: str, asked: str) -> None:
    process, device = router(simulator)
    other = device.other_session()
    third = agent.TrustAnchor.bundled().pem if asked == "the root" else THIRD

    def act() -> None:
        if asked == "nothing":
            other.clear("Trustpool")
        else:
            other.authenticate("Trustpool", third)

    at = ("lock", 0) if when == "before the lock" else ("get:crypto-certificate-authority", 2)
    device.faults.append(Fault(at[0], FaultKind.MEANWHILE, skip=at[1], act=act))
    outcome = pushed(process)
    assert device.state.clears == 0
    if asked == "another":
        assert held(device) == third
        assert outcome.result in (agent.Result.SKIPPED, agent.Result.FAILED), outcome
        assert outcome.error is not None
        assert "Third Root" in outcome.error.message
        assert not outcome.changed
    else:
        assert held(device) == ROOT.pem
        assert outcome.well, outcome
    assert left_clean(device)


def test_a_file_is_on_the_router_before_anything_is_removed(lab: Lab, clock: Clock) -> None:
    like = Persona(release="26.1.2", enrollment="terminal", certificate=QUOVADIS)
    device = lab.add(replace(like, file_faults=("quota",)))
    outcome = remediated(lab, device, clock.policy(), agent.Method.FILE)
    assert outcome.result is agent.Result.FAILED, outcome
    assert held(device) == QUOVADIS
    assert device.enrollment() == "terminal"
    assert outcome.removed is None
    device = lab.add(like)
    outcome = remediated(lab, device, clock.policy(), agent.Method.FILE)
    assert (outcome.result, outcome.evidence) == (agent.Result.REMEDIED, agent.Evidence.PEM), outcome
    assert (held(device), device.enrollment(), device.state.clears) == (ROOT.pem, "local", 1)


def test_a_dialog_follows_the_rpc(lab: Lab, clock: Clock) -> None:
    device = lab.add(release="25.3.1", enrollment="terminal", certificate=QUOVADIS)
    outcome = remediated(lab, device, clock.policy(), agent.Method.DIALOG)
    assert outcome.result is agent.Result.REMEDIED, outcome
    assert held(device) == ROOT.pem
    assert device.state.clears == 1


def test_the_next_method_follows_where_the_first_one_fails_behind_the_removal(lab: Lab, clock: Clock) -> None:
    device = lab.add(release="25.3.1", enrollment="terminal", certificate=QUOVADIS, terminal_rpc="refused")
    device.faults.append(Fault("ca-authenticate", FaultKind.ERROR, rpc_error("operation-not-supported"), times=1000))
    outcome = remediated(lab, device, clock.policy(), agent.Method.AUTO)
    assert outcome.result is agent.Result.REMEDIED, outcome
    assert outcome.method is agent.Method.DIALOG
    assert device.state.clears == 1


def remediated(lab: Lab, device: Device, policy: Policy, method: agent.Method) -> Outcome:
    intent = replace(INTENT, method=method)
    with lab.connect(device) as session, lab.ssh(device) as ssh:
        return agent.remediate(session, intent, policy=policy, connect=lambda: lab.connect(device), ssh=ssh)


# --- what goes wrong -------------------------------------------------------------------------------------------------


def test_one_that_nothing_takes_the_place_of_is_said_loudly_with_the_way_back(simulator: Simulator) -> None:
    process, device = router(simulator, terminal_rpc="ok-without-certificate")
    outcome = pushed(process)
    assert outcome.result is agent.Result.FAILED
    assert held(device) is None
    assert outcome.error is not None
    assert outcome.error.message.endswith(
        f"trustpoint Trustpool has lost QuoVadis Root CA 2 (sha1 {OLD.sha1}, until 2031-11-24) by this push, and "
        f"{ROOT.name} is not there"
    )
    assert "xr-agent history --device router --pem >old.pem" in str(outcome.error.hint)
    assert "--anchor old.pem" in str(outcome.error.hint)
    assert ("old certificate", "failed") in steps(outcome)
    assert outcome.removed is not None
    assert outcome.removed.proven(OLD)
    back = replace(INTENT, anchor=OLD)
    object.__setattr__(device.persona, "installs", QUOVADIS)
    object.__setattr__(device.persona, "terminal_rpc", "installs")
    assert pushed(process, back).result is agent.Result.REMEDIED
    assert held(device) == QUOVADIS


def test_where_the_model_shows_no_pem_the_way_back_says_so(simulator: Simulator) -> None:
    process, _ = router(simulator, release="25.3.1", terminal_rpc="ok-without-certificate")
    outcome = pushed(process)
    assert outcome.error is not None
    assert "--pem" not in str(outcome.error.hint)
    assert "the router showed no PEM" in str(outcome.error.hint)
    assert outcome.removed is not None
    assert outcome.removed.sha1 == OLD.sha1


@pytest.mark.parametrize("name", ["access-denied", "operation-failed", "operation-not-supported"])
def test_a_refusal_leaves_it_where_it_is(simulator: Simulator, name: str) -> None:
    process, device = router(simulator, enrollment="http://ca.example/root.pem")
    device.faults.append(Fault(CLEAR, FaultKind.ERROR, rpc_error(name), times=1000))
    outcome = pushed(process)
    assert outcome.result is agent.Result.FAILED, outcome
    assert held(device) == QUOVADIS
    assert device.enrollment() == "http://ca.example/root.pem"
    assert outcome.removed is None
    assert device.counters[CLEAR] <= 2
    assert not device.counters["ca-authenticate"]
    assert left_clean(device)


def test_a_refusal_in_passing_is_tried_again_where_it_is_still_there(simulator: Simulator) -> None:
    process, device = router(simulator)
    device.faults.append(Fault(CLEAR, FaultKind.ERROR, rpc_error("in-use", "busy"), times=2))
    assert pushed(process).result is agent.Result.REMEDIED
    assert (device.counters[CLEAR], device.state.clears) == (3, 1)


@pytest.mark.parametrize("name", ["in-use", "access-denied"])
def test_a_refusal_that_took_is_not_repeated(simulator: Simulator, name: str) -> None:
    process, device = router(simulator)
    device.faults.append(Fault(CLEAR, FaultKind.ERROR_AFTER, rpc_error(name, "busy"), times=1000))
    outcome = pushed(process)
    assert outcome.result is agent.Result.REMEDIED, outcome
    assert ("clear", "unknown") in steps(outcome)
    assert (device.counters[CLEAR], held(device)) == (1, ROOT.pem)


def test_an_ok_that_removed_nothing_is_no_success(simulator: Simulator) -> None:
    process, device = router(simulator)
    device.faults.append(Fault(CLEAR, FaultKind.ERROR, b"<ok/>"))
    outcome = pushed(process)
    assert outcome.result is agent.Result.FAILED, outcome
    assert outcome.error is not None
    assert "was answered with ok, but trustpoint Trustpool still holds QuoVadis" in outcome.error.message
    assert outcome.removed is None
    assert not device.counters["ca-authenticate"]
    assert held(device) == QUOVADIS


@pytest.mark.parametrize("kind", [FaultKind.DROP_AFTER, FaultKind.REBOOT_AFTER, FaultKind.GARBAGE])
def test_a_lost_answer_is_read_and_the_push_goes_on_where_it_is_gone(simulator: Simulator, kind: FaultKind) -> None:
    process, device = router(simulator)
    device.faults.append(Fault(CLEAR, kind))
    outcome = pushed(process)
    assert device.counters[CLEAR] == 1
    if kind is FaultKind.GARBAGE:  # it never arrived
        assert outcome.result is agent.Result.UNKNOWN, outcome
        return
    assert outcome.result is agent.Result.REMEDIED, outcome
    assert ("clear", "unknown") in steps(outcome)


def test_what_somebody_installs_as_it_goes_is_named_and_so_is_what_is_lost(simulator: Simulator) -> None:
    process, device = router(simulator)
    other = device.other_session()
    act = partial(other.authenticate, "Trustpool", THIRD)
    device.faults.append(Fault("get:crypto-certificate-authority", FaultKind.MEANWHILE, skip=3, act=act))
    outcome = pushed(process)
    assert held(device) == THIRD
    assert outcome.result is agent.Result.FAILED, outcome
    assert outcome.error is not None
    assert outcome.error.kind == "anchor-mismatch"
    assert "Third Root" in outcome.error.message
    assert "has lost QuoVadis Root CA 2" in outcome.error.message
    assert not device.counters["ca-authenticate"]


def test_a_long_refusal_does_not_hide_what_is_lost(simulator: Simulator) -> None:
    process, device = router(simulator)
    device.faults.append(Fault("ca-authenticate", FaultKind.ERROR, rpc_error("access-denied", "no " * 2000), times=9))
    outcome = pushed(process)
    assert outcome.error is not None
    assert "has lost QuoVadis Root CA 2" in outcome.error.message
    assert len(outcome.error.message) < 2000


@pytest.mark.parametrize("kind", [FaultKind.DROP_BEFORE, FaultKind.SILENT, FaultKind.RESET])
def test_one_whose_answer_was_lost_and_that_is_still_there_is_not_sent_again(
    simulator: Simulator, kind: FaultKind
) -> None:
    process, device = router(simulator)
    device.faults.append(Fault(CLEAR, kind))
    outcome = pushed(process)
    assert outcome.result is agent.Result.UNKNOWN, outcome
    assert device.counters[CLEAR] == 1
    assert not device.counters["ca-authenticate"]
    assert outcome.error is not None
    assert "still holds QuoVadis Root CA 2" in outcome.error.message
    assert "may have lost" in outcome.error.message
    assert "it may go yet" in str(outcome.error.hint)
    assert held(device) == QUOVADIS
    assert pushed(process).result is agent.Result.REMEDIED
    assert left_clean(device)


def test_a_cancellation_ahead_of_it_removes_nothing_and_one_behind_it_is_seen_through(simulator: Simulator) -> None:
    for at, result in ((("lock", Status.DONE), QUOVADIS), (("clear", Status.DONE), ROOT.pem)):
        _, device = router(simulator)
        stop = threading.Event()
        outcome = interrupted(simulator, device, stop, at)
        assert held(device) == result, outcome
        assert device.counters[CLEAR] == (result == ROOT.pem)
        assert left_clean(device)


def interrupted(simulator: Simulator, device: Device, stop: threading.Event, at: tuple[str, Status]) -> Outcome:
    """A push that is cancelled behind the event *at*."""
    process = Process(simulator, device)
    policy = replace(process.policy, stop=lambda _: stop.is_set())
    ends = []
    with process.connect() as session:
        made = agent.plan(INTENT, agent.observe(session))
        for event in agent.apply(session, made, policy, connect=process.connect):
            if (event.step, event.status) == at:
                stop.set()
            ends += [event.outcome] if event.outcome else []
    device.post(device.drop_all)
    return ends[-1]
