"""How carefully a router is changed: commits on trial, undo, locks of others, and a cancellation in the middle."""

from __future__ import annotations

from contextlib import closing
from functools import partial
from typing import Any

import pytest

import agent
from agent.fleet.results.renewal import Renewal, renewal
from agent.model.outcome import Outcome, Status
from agent.netconf.operations import send_lock
from agent.simulator import NETOPEER2, QUOVADIS, Behaviour, Device, Fault, FaultKind, rpc_error
from tests.support import Clock, DeviceClock, Lab, eventually, left_clean

INSTALLS: dict[str, Any] = {"terminal_rpc": "installs"}
PEM = agent.TrustAnchor.bundled().pem


def push(lab: Lab, device: Device, clock: Clock, *, connect: bool = True, **caution: Any) -> Outcome:
    intent = agent.Intent(renew=False, caution=agent.Caution(**caution))
    device.config.clock = lambda: clock.now
    again = partial(lab.connect, device) if connect else None
    with lab.connect(device) as session:
        return agent.remediate(session, intent, policy=clock.policy(), connect=again)


def step(outcome: Outcome, name: str) -> Status | None:
    return next((record.status for record in outcome.steps if record.step == name), None)


def operations(device: Device) -> list[str]:
    return [operation for _, operation in device.log]


def test_a_commit_is_on_trial_until_a_second_session_saw_it_and_the_first_confirms(lab: Lab, clock: Clock) -> None:
    device = lab.add(**INSTALLS)
    outcome = push(lab, device, clock)
    assert (outcome.result, step(outcome, "confirm")) == (agent.Result.REMEDIED, Status.DONE)
    sessions = {operation: session for session, operation in device.log}
    assert sessions["commit"] == sessions["confirm"] == sessions["ca-authenticate"]
    order = device.log.index
    second = next(entry for entry in device.log[order((sessions["commit"], "commit")) :] if entry[0] != "1")
    assert second[1] == "get-config"
    assert order(second) < order(("1", "confirm")) < order(("1", "ca-authenticate")) < order(("1", "unlock"))
    assert device.config.trial is None
    clock.now += 1000
    assert device.enrollment() == "terminal"
    assert left_clean(device)


@pytest.mark.parametrize("settings, caution", [({"confirmed_commit": False}, "auto"), ({}, "plain")])
def test_without_the_capability_or_by_choice_a_commit_is_plain(
    lab: Lab, clock: Clock, settings: dict[str, Any], caution: str
) -> None:
    device = lab.add(**settings, **INSTALLS)
    outcome = push(lab, device, clock, commit=agent.CommitMode(caution))
    assert outcome.result is agent.Result.REMEDIED
    assert "confirm" not in operations(device)


@pytest.mark.parametrize("settings, connect", [({"confirmed_commit": False}, True), ({}, False)])
def test_a_demanded_trial_that_cannot_be_had_changes_nothing(
    lab: Lab, clock: Clock, settings: dict[str, Any], connect: bool
) -> None:
    device = lab.add(**settings, **INSTALLS)
    outcome = push(lab, device, clock, connect=connect, commit=agent.CommitMode.CONFIRMED)
    assert outcome.error is not None
    assert outcome.error.kind == "capability"
    assert "edit-config" not in operations(device)


def test_a_borrowed_session_is_not_closed_for_the_second_one(lab: Lab, clock: Clock) -> None:
    device = lab.add(**INSTALLS)
    with lab.connect(device) as owner:
        owner.owned = False
        outcome = agent.remediate(
            owner, agent.Intent(renew=False), policy=clock.policy(), connect=partial(lab.connect, device)
        )
        assert (outcome.result, step(outcome, "confirm")) == (agent.Result.REMEDIED, Status.DONE)
        assert owner.connected
        owner.owned = True
    assert eventually(lambda: not device.sessions)


@pytest.mark.parametrize("lost", [False, True])
def test_a_device_that_cannot_be_reached_again_until_the_trial_ends_takes_the_commit_back(
    lab: Lab, clock: Clock, lost: bool
) -> None:
    device = lab.add(**INSTALLS)
    device.faults.append(Fault("connect", FaultKind.RESET, skip=1, times=1000))
    if lost:
        device.faults.append(Fault("cancel-commit", FaultKind.DROP_BEFORE))
    outcome = push(lab, device, clock)
    assert 100 < clock.now < 130
    assert outcome.result is (agent.Result.UNKNOWN if lost else agent.Result.FAILED)
    assert ("take it back by itself" if lost else "is as before") in (outcome.error.message if outcome.error else "")
    assert lost or device.config.trial is None
    clock.now += 1000
    assert device.enrollment() is None
    assert device.config.rollbacks == 1
    device.faults.clear()
    assert push(lab, device, clock).result is agent.Result.REMEDIED


@pytest.mark.parametrize(
    "behaviour", [Behaviour(), Behaviour(trial_lock="granted")], ids=["refuses locks", "grants locks"]
)
@pytest.mark.parametrize("kind", [FaultKind.DROP_AFTER, FaultKind.DROP_BEFORE, FaultKind.HALF])
def test_where_the_first_session_is_lost_the_second_confirms_under_the_candidates_lock(
    lab: Lab, clock: Clock, kind: FaultKind, behaviour: Behaviour
) -> None:
    device = lab.add(**INSTALLS, behaviour=behaviour)
    device.faults.append(Fault("confirm", kind))
    assert push(lab, device, clock).result is agent.Result.REMEDIED
    clock.now += 1000
    assert (device.enrollment(), device.config.rollbacks, device.config.commits) == ("terminal", 0, 1)


def test_a_refused_confirmation_is_cancelled_at_once(lab: Lab, clock: Clock) -> None:
    device = lab.add(**INSTALLS)
    device.faults.append(Fault("confirm", FaultKind.ERROR, rpc_error("access-denied")))
    outcome = push(lab, device, clock)
    assert outcome.result is agent.Result.FAILED
    assert (device.enrollment(), device.config.rollbacks, device.config.trial) == (None, 1, None)


@pytest.mark.parametrize(
    "behaviour", [Behaviour(running_lock_voids_cancel=True), NETOPEER2], ids=["voids cancel", "netopeer2"]
)
def test_a_commit_that_is_not_confirmed_is_taken_back_also_where_a_locked_running_would_keep_it(
    lab: Lab, clock: Clock, behaviour: Behaviour
) -> None:
    device = lab.add(**INSTALLS, behaviour=behaviour)
    device.faults.append(Fault("connect", FaultKind.RESET, skip=1, times=1000))
    outcome = push(lab, device, clock)
    assert outcome.result is agent.Result.FAILED
    assert "is as before" in (outcome.error.message if outcome.error else "")
    assert device.enrollment() is None
    assert device.config.trial is None
    assert left_clean(device)


def test_a_commit_that_stays_although_it_was_cancelled_is_not_called_taken_back(lab: Lab, clock: Clock) -> None:
    device = lab.add(**INSTALLS, behaviour=Behaviour(running_lock_voids_cancel=True))

    def refused() -> agent.Session:
        raise agent.SSHAuthenticationError("no further session")

    with lab.connect(device) as owner:
        send_lock(owner, "running").result()
        owner.owned = False  # the owner's lock stays the owner's
        intent = agent.Intent(renew=False, caution=agent.Caution(rollback=False))
        outcome = agent.remediate(owner, intent, policy=clock.policy(), connect=refused)
        owner.owned = True
    assert outcome.error is not None
    assert "yet running has it" in outcome.error.message
    assert outcome.changed
    assert device.enrollment() == "terminal"
    assert device.config.trial is None


def test_a_device_that_limits_new_sessions_is_asked_again_within_a_short_trial(lab: Lab, clock: Clock) -> None:
    device, refusals = lab.add(**INSTALLS), [True] * 3
    device.config.clock = lambda: clock.now

    def connect() -> agent.Session:
        if refusals:
            refusals.pop()
            raise agent.ConnectError("no SSH banner", device=device.name, rate_limited=True)
        return lab.connect(device)

    intent = agent.Intent(renew=False, caution=agent.Caution(confirm_timeout=30))
    with lab.connect(device) as session:
        outcome = agent.remediate(session, intent, policy=clock.policy(), connect=connect)
    assert outcome.result is agent.Result.REMEDIED, outcome
    assert not refusals
    assert clock.now < 30
    assert device.config.rollbacks == 0


@pytest.mark.parametrize(
    "behaviour",
    [Behaviour(), Behaviour(trial_lock="operation-failed"), Behaviour(trial_lock="lock-denied"), NETOPEER2],
    ids=["in-use", "operation-failed", "lock-denied", "netopeer2"],
)
@pytest.mark.parametrize("seconds, result", [(600, agent.Result.REMEDIED), (3600, agent.Result.FAILED)])
def test_somebody_elses_trial_is_waited_out_and_respected(
    lab: Lab, clock: Clock, behaviour: Behaviour, seconds: int, result: agent.Result
) -> None:
    device = lab.add(**INSTALLS, behaviour=behaviour)
    device.config.clock = lambda: clock.now
    device.config.edit([device.trustpoint_element("THEIRS", "terminal")], "merge", "5")
    device.config.commit_confirmed("5", timeout=seconds, persist="theirs")
    outcome = push(lab, device, clock)
    assert outcome.result is result, outcome
    assert "cancel-commit" not in operations(device)
    if result is agent.Result.FAILED:
        assert outcome.error is not None
        assert "a commit is on trial there" in (outcome.error.hint or "")
        assert "session" not in (outcome.error.hint or "")
        assert device.config.trial is not None


@pytest.mark.parametrize("foreign", [False, True])
def test_what_somebody_elses_trial_leaves_in_the_candidate_is_not_committed(
    lab: Lab, clock: Clock, foreign: bool
) -> None:
    behaviour = Behaviour(trial_lock="lock-denied", rollback_resets_candidate=False, unlock_discards=False)
    device = lab.add(**INSTALLS, behaviour=behaviour)
    device.config.clock = lambda: clock.now
    device.other_session().edit("THEIRS", "terminal")
    device.other_session().commit_on_trial(60, persist="theirs")
    with lab.connect(device) as session:
        intent = agent.Intent(renew=False, discard_foreign=foreign)
        outcome = agent.remediate(session, intent, policy=clock.policy(), connect=partial(lab.connect, device))
    assert outcome.result is (agent.Result.REMEDIED if foreign else agent.Result.FAILED), outcome
    assert device.trustpoints() == (["Trustpool"] if foreign else [])
    assert device.config.dirty is not foreign
    assert not device.config.locks
    if not foreign:
        assert outcome.error is not None
        assert "a commit on trial has ended" in outcome.error.message


@pytest.mark.parametrize("release", ["7.3.2", "7.8.1", "24.4.1"])
@pytest.mark.parametrize("before", [None, "http://old.example/", "terminal"])
def test_a_push_that_brings_no_certificate_restores_what_was_there(
    lab: Lab, clock: Clock, release: str, before: str | None
) -> None:
    device = lab.add(release=release, terminal_rpc="ok-without-certificate", enrollment=before)
    intent = agent.Intent(renew=False, replace=True)
    with lab.connect(device) as session:
        outcome = agent.remediate(session, intent, policy=clock.policy(), connect=partial(lab.connect, device))
    assert outcome.result is agent.Result.FAILED
    assert device.enrollment() == before
    assert device.trustpoints() == (["Trustpool"] if before else [])
    assert step(outcome, "undo") is (None if before == "terminal" else Status.DONE)
    assert left_clean(device)


@pytest.mark.parametrize("release", ["6.5.3", "7.0.2", "7.3.2", "24.4.1"])
@pytest.mark.parametrize("more", [None, "description"])
def test_a_cancellation_undoes_what_was_configured_by_whatever_way(
    lab: Lab, clock: Clock, release: str, more: str | None
) -> None:
    device = lab.add(release=release)
    device.config.clock = lambda: clock.now
    wanted = False
    with lab.connect(device) as session, lab.ssh(device) as ssh:
        plan = agent.plan(agent.Intent(renew=False), agent.observe(session, ssh=ssh))
        policy = clock.policy(stop=lambda seconds: wanted)
        outcome = None
        for event in agent.apply(session, plan, policy, connect=partial(lab.connect, device), ssh=ssh):
            if (event.step, event.status) in (("confirm", Status.DONE), ("read back", Status.DONE)):
                wanted = True
                if more:  # a server whose console pays no heed to locks
                    change = device.home.edit("Trustpool", device.home.set(more, "ours now"))
                    device.config.running = device.config.with_edit(change)
                    device.config.discard()
            outcome = event.outcome or outcome
    assert outcome is not None
    assert step(outcome, "undo") is (Status.SKIPPED if more else Status.DONE)
    assert device.enrollment() == ("terminal" if more else None)
    assert left_clean(device)


def test_what_cannot_be_restored_leaves_the_router_in_doubt(lab: Lab, clock: Clock) -> None:
    device = lab.add(terminal_rpc="ok-without-certificate")
    device.config.clock = lambda: clock.now
    with lab.connect(device) as session:
        plan = agent.plan(agent.Intent(renew=False), agent.observe(session))
        outcome = None
        for event in agent.apply(session, plan, clock.policy()):
            if (event.step, event.status) == ("read back", Status.FAILED):
                device.faults.append(Fault("get-config", FaultKind.DROP_BEFORE, times=1000))
                device.faults.append(Fault("connect", FaultKind.RESET, times=1000))
            outcome = event.outcome or outcome
    assert outcome is not None
    assert device.enrollment() == "terminal"
    assert (outcome.result, outcome.changed) == (agent.Result.UNKNOWN, True)
    assert step(outcome, "undo") is Status.FAILED
    assert outcome.error is not None
    assert "shows no CA certificate" in outcome.error.message
    assert "trustpoint Trustpool may keep 'enrollment terminal'" in outcome.error.message
    assert "show running-config crypto ca trustpoint Trustpool" in (outcome.error.hint or "")


def test_a_cancellation_before_the_next_method_is_told_as_such(lab: Lab, clock: Clock) -> None:
    device = lab.add(terminal_rpc="ok-without-certificate")
    device.config.clock = lambda: clock.now
    wanted = False
    policy = clock.policy(stop=lambda seconds: wanted)
    with lab.connect(device) as session, agent.Ssh(lab.target(device), policy) as ssh:
        plan = agent.plan(agent.Intent(renew=False), agent.observe(session, ssh=ssh))
        outcome = None
        for event in agent.apply(session, plan, policy, connect=partial(lab.connect, device), ssh=ssh):
            wanted |= (event.step, event.status) == ("read back", Status.FAILED)
            outcome = event.outcome or outcome
    assert outcome is not None
    assert outcome.error is not None
    assert (outcome.result, outcome.error.kind) == (agent.Result.FAILED, "interrupted")
    undone = "undone: the configuration of trustpoint Trustpool was read back and is as before"
    assert outcome.error.message == f"interrupted before method dialog was tried; {undone}"
    assert "run it again" in (outcome.error.hint or "")
    assert device.enrollment() is None


def test_a_wrong_root_that_the_push_brought_is_told_as_its_own(lab: Lab, clock: Clock) -> None:
    device = lab.add(**INSTALLS, installs=QUOVADIS)
    device.config.clock = lambda: clock.now
    outcome = push(lab, device, clock)
    assert outcome.result is agent.Result.FAILED
    assert outcome.error is not None
    assert "not IdenTrust Commercial Root CA 1; it was not there before this push" in outcome.error.message
    assert "remove that certificate on the router" in (outcome.error.hint or "")


def test_an_interrupt_after_the_action_takes_nothing_back(lab: Lab, clock: Clock) -> None:
    device = lab.add(**INSTALLS)
    device.config.clock = lambda: clock.now
    wanted = False
    with lab.connect(device) as session:
        plan = agent.plan(agent.Intent(), agent.observe(session))
        outcome = None
        policy = clock.policy(stop=lambda seconds: wanted)
        for event in agent.apply(session, plan, policy, connect=partial(lab.connect, device)):
            if (event.step, event.status) == ("ca-authenticate", Status.STARTED):
                wanted = True
                device.faults.append(Fault("get", FaultKind.ERROR, rpc_error("in-use")))
            outcome = event.outcome or outcome
    assert outcome is not None
    assert (outcome.result, device.enrollment()) == (agent.Result.REMEDIED, "terminal")
    assert device.state.renewals == 0


def test_an_action_is_not_repeated_where_what_it_did_cannot_be_read(lab: Lab, clock: Clock) -> None:
    device = lab.add(**INSTALLS)
    device.config.clock = lambda: clock.now
    device.faults.append(Fault("ca-authenticate", FaultKind.ERROR_AFTER, rpc_error("in-use"), times=100))
    device.faults.append(Fault("get", FaultKind.ERROR, rpc_error("access-denied"), times=1000, skip=5))
    outcome = push(lab, device, clock)
    assert outcome.result is agent.Result.UNKNOWN
    assert device.state.authenticates == 1


def test_a_borrowed_session_that_does_not_answer_holds_no_lock_afterwards(lab: Lab, clock: Clock) -> None:
    device = lab.add(**INSTALLS)
    device.faults.append(Fault("edit-config", FaultKind.SILENT))
    with lab.below(device, owned=False, clock=DeviceClock.of(device, clock)) as (borrowed, _):
        outcome = agent.remediate(borrowed, agent.Intent(renew=False), policy=clock.policy())
        assert outcome.result is agent.Result.FAILED
        assert step(outcome, "give back") is Status.UNKNOWN
        assert eventually(lambda: left_clean(device))


def test_a_commit_typed_at_the_cli_whose_answer_is_lost_for_good_is_unknown(lab: Lab, clock: Clock) -> None:
    device = lab.add(release="6.5.3")
    device.faults.append(Fault("cli:commit", FaultKind.DROP_AFTER))
    device.faults.append(Fault("connect-ssh", FaultKind.RESET, times=1000, skip=1))
    with lab.connect(device) as session, lab.ssh(device) as ssh:
        outcome = agent.remediate(session, agent.Intent(renew=False), policy=clock.policy(), ssh=ssh)
    assert device.enrollment() == "terminal"
    assert outcome.result is agent.Result.UNKNOWN


def test_keep_leaves_the_trustpoint_for_the_next_push(lab: Lab, clock: Clock) -> None:
    device = lab.add(terminal_rpc="ok-without-certificate")
    outcome = push(lab, device, clock, rollback=False)
    assert (outcome.result, step(outcome, "undo")) == (agent.Result.FAILED, None)
    assert device.enrollment() == "terminal"


def test_a_trustpoint_that_somebody_went_on_with_is_not_taken_away(lab: Lab, clock: Clock) -> None:
    device = lab.add(terminal_rpc="ok-without-certificate")
    with lab.connect(device) as session:
        plan = agent.plan(agent.Intent(renew=False), agent.observe(session))
        outcome = None
        for event in agent.apply(session, plan, clock.policy()):
            if event.step == "ca-authenticate" and event.status is Status.DONE:
                change = device.home.edit("Trustpool", device.home.set("description", "ours now"))
                device.config.running = device.config.with_edit(change)
                device.config.discard()
            outcome = event.outcome or outcome
    assert outcome is not None
    assert step(outcome, "undo") is Status.SKIPPED
    assert outcome.result is agent.Result.UNKNOWN
    assert "was changed by somebody else" in (outcome.error.message if outcome.error else "")
    assert device.enrollment() == "terminal"


@pytest.mark.parametrize("commit", agent.CommitMode)
@pytest.mark.parametrize("last", ["lock", "edit-config", "commit", "confirm", "read back"])
@pytest.mark.parametrize("status", [Status.STARTED, Status.DONE])
def test_whoever_stops_listening_leaves_what_was_there(
    lab: Lab, clock: Clock, commit: agent.CommitMode, last: str, status: Status
) -> None:
    device = lab.add(**INSTALLS)
    device.config.clock = lambda: clock.now
    with lab.connect(device) as session:
        plan = agent.plan(agent.Intent(caution=agent.Caution(commit=commit)), agent.observe(session))
        with closing(agent.apply(session, plan, clock.policy(), connect=partial(lab.connect, device))) as events:
            for event in events:
                if (event.step, event.status) == (last, status) or event.step == "ca-authenticate":
                    break
    assert device.state.authenticates == 0
    assert device.enrollment() is None
    assert device.config.trial is None
    assert left_clean(device)


def test_an_answer_that_cannot_be_read_takes_nothing_from_a_proven_root(lab: Lab, clock: Clock) -> None:
    device = lab.add(**INSTALLS)
    device.state.answers = ["no-such-code"]
    with lab.connect(device) as session:
        outcome = agent.remediate(session, policy=clock.policy())
    assert (outcome.result, step(outcome, "renew-auth")) == (agent.Result.REMEDIED, Status.FAILED)


@pytest.mark.parametrize("operation", ["lock", "edit-config", "validate"])
@pytest.mark.parametrize("kind", [FaultKind.DROP_BEFORE, FaultKind.DROP_AFTER, FaultKind.HALF, FaultKind.GARBAGE])
def test_a_session_lost_before_the_commit_is_begun_anew(
    lab: Lab, clock: Clock, operation: str, kind: FaultKind
) -> None:
    device = lab.add(**INSTALLS)
    device.faults.append(Fault(operation, kind))
    outcome = push(lab, device, clock)
    assert outcome.result is agent.Result.REMEDIED
    assert (device.config.commits, device.state.authenticates) == (1, 1)
    assert left_clean(device)


def test_the_holder_of_a_lock_is_named_with_user_and_address(lab: Lab, clock: Clock) -> None:
    device = lab.add(**INSTALLS)
    device.hold_lock("running", "77", user="noc")
    outcome = push(lab, device, clock, lock_wait=30)
    assert outcome.error is not None
    assert "session 77 of noc from 192.0.2.7 holds it" in (outcome.error.hint or "")
    assert 25 <= clock.now <= 31
    assert "kill-session" not in operations(device)


def test_the_holder_of_a_lock_is_killed_only_on_request(lab: Lab, clock: Clock) -> None:
    device = lab.add(**INSTALLS)
    device.hold_lock("running", "77")
    outcome = push(lab, device, clock, lock_wait=1, kill_lock_holder=True)
    assert outcome.result is agent.Result.REMEDIED
    assert operations(device).count("kill-session") == 1
    assert left_clean(device)


@pytest.mark.parametrize(
    "last, enrollment, result",
    [
        ("edit-config", None, agent.Result.FAILED),
        ("commit", None, agent.Result.FAILED),
        ("confirm", None, agent.Result.FAILED),
        ("read back", "terminal", agent.Result.REMEDIED),
    ],
)
def test_a_cancellation_finishes_or_undoes_the_step_at_hand(
    lab: Lab, clock: Clock, last: str, enrollment: str | None, result: agent.Result
) -> None:
    device = lab.add(**INSTALLS)
    device.config.clock = lambda: clock.now
    wanted = False
    with lab.connect(device) as session:
        plan = agent.plan(agent.Intent(), agent.observe(session))
        policy = clock.policy(stop=lambda seconds: wanted)
        outcome = None
        for event in agent.apply(session, plan, policy, connect=partial(lab.connect, device)):
            wanted = wanted or (event.step, event.status) == (last, Status.DONE)
            outcome = event.outcome or outcome
    assert outcome is not None
    assert outcome.result is result
    assert (outcome.error.kind if outcome.error else None) == ("interrupted" if result is agent.Result.FAILED else None)
    assert device.enrollment() == enrollment
    assert device.state.renewals == 0
    assert left_clean(device)
    # A step that had ended is not ended a second time by what came after it.
    assert [one.status for one in outcome.steps if one.step == last and one.status is not Status.DONE] == []


def test_a_rollback_that_fails_ends_the_step_it_was_at(lab: Lab, clock: Clock) -> None:
    device = lab.add(terminal_rpc="ok-without-certificate")
    device.config.clock = lambda: clock.now
    events = []
    with lab.connect(device) as session:
        plan = agent.plan(agent.Intent(renew=False), agent.observe(session))
        for event in agent.apply(session, plan, clock.policy()):
            if (event.step, event.status) == ("read back", Status.FAILED):
                device.faults.append(Fault("edit-config", FaultKind.ERROR, rpc_error("invalid-value"), times=9))
            events.append(event)
    begun = None
    for event in events:
        if event.status is Status.STARTED:
            assert begun is None, f"{begun} has no end"
            begun = event.step
        elif event.status is not Status.RETRY and event.step == begun:
            begun = None
    assert begun is None


def test_an_impossible_caution_is_refused_as_input() -> None:
    with pytest.raises(agent.InputError):
        agent.Caution(confirm_timeout=0)
    with pytest.raises(agent.InputError):
        agent.Caution(lock_wait=-1)


@pytest.mark.parametrize("renew", [False, True])
def test_an_interrupt_behind_the_proof_leaves_a_renewal_open_only_where_one_was_due(
    lab: Lab, clock: Clock, renew: bool
) -> None:
    device = lab.add(**INSTALLS)
    policy = clock.policy(stop=lambda _: device.counters["ca-authenticate"] > 0)
    with lab.connect(device) as session:
        outcome = agent.remediate(session, agent.Intent(renew=renew), policy=policy)
    assert (outcome.result, device.counters["renew-auth"]) == (agent.Result.REMEDIED, 0)
    assert renewal(outcome.steps) is (Renewal.DUE if renew else None)
