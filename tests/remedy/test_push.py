"""A push from end to end: proven, said as it is, and nothing left behind whatever goes wrong."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

import agent
from agent.model.outcome import Outcome, Status
from agent.simulator import Behaviour, Device, Fault, FaultKind, rpc_error
from agent.simulator.personas.behaviour import DirtyLock
from tests.model.test_anchor import make_pem
from tests.support import Clock, Lab, eventually, left_clean

INSTALLS: dict[str, Any] = {"terminal_rpc": "installs"}


def push(lab: Lab, device: Device, clock: Clock, *, connect: bool = False, **intent: Any) -> Outcome:
    """One push with an injected clock; *connect* allows it to open a further session."""
    again = partial(lab.connect, device) if connect else None
    with lab.connect(device) as session:
        return agent.remediate(session, agent.Intent(**intent), policy=clock.policy(), connect=again)


def step(outcome: Outcome, name: str) -> Status | None:
    return next((record.status for record in outcome.steps if record.step == name), None)


@contextmanager
def serving(pem: str) -> Iterator[str]:
    """The URL of a web server with a certificate."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(pem.encode())

        def log_message(self, *args: object) -> None:
            return

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/root.pem"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    "release, model, evidence",
    [
        ("6.8.1", "um-crypto-cfg", "subject+validity"),
        ("7.3.2", "crypto-cepki-cfg:crypto-ca", "subject+validity"),
        ("7.8.1", "um-crypto-cfg", "fingerprint"),
        ("24.4.1", "um-crypto-cfg", "fingerprint"),
        ("26.2.1", "um-crypto-cfg", "pem"),
    ],
)
def test_the_root_is_installed_and_proven_and_a_second_push_does_nothing(
    lab: Lab, clock: Clock, release: str, model: str, evidence: str
) -> None:
    device = lab.add(release=release, **INSTALLS)
    first = push(lab, device, clock)
    assert (first.result, first.config_model.value, first.evidence.value, first.error) == (
        agent.Result.REMEDIED,
        model,
        evidence,
        None,
    )
    assert first.persistent is False
    assert first.release == release
    assert device.enrollment() == "terminal"
    assert left_clean(device)
    second = push(lab, device, clock)
    assert (second.result, second.evidence.value) == (agent.Result.UNCHANGED, evidence)
    assert (device.counters["edit-config"], device.counters["commit"], device.state.authenticates) == (1, 1, 1)


def test_the_licence_is_renewed_and_contact_awaited(lab: Lab, clock: Clock) -> None:
    device = lab.add(**INSTALLS)
    outcome = push(lab, device, clock)
    assert step(outcome, "renew-auth") is Status.DONE
    assert step(outcome, "contact") is Status.DONE
    assert device.state.last_success


def test_a_busy_licensing_agent_is_asked_again(lab: Lab, clock: Clock) -> None:
    device = lab.add(**INSTALLS)
    device.state.answers = ["registrationinprogress", "ipctimeout"]
    outcome = push(lab, device, clock)
    assert outcome.retries == 2
    assert step(outcome, "contact") is Status.DONE


@pytest.mark.parametrize("code, status", [("certinvalid", Status.FAILED), ("NoURL", Status.SKIPPED)])
def test_what_the_licensing_agent_refuses_is_said_and_fails_nothing(
    lab: Lab, clock: Clock, code: str, status: Status
) -> None:
    device = lab.add(**INSTALLS)
    device.state.answers = [code]
    outcome = push(lab, device, clock)
    assert outcome.result is agent.Result.REMEDIED
    assert step(outcome, "renew-auth") is status


def test_contact_that_does_not_come_is_unknown_within_its_bound(lab: Lab, clock: Clock) -> None:
    device = lab.add(contact=False, **INSTALLS)
    device.state.answers = ["success"]
    outcome = push(lab, device, clock, contact_wait=30)
    assert outcome.result is agent.Result.REMEDIED
    assert step(outcome, "contact") is Status.UNKNOWN
    assert clock.now <= 31


def test_an_unregistered_device_is_remedied_and_said_to_need_a_token(lab: Lab, clock: Clock) -> None:
    outcome = push(lab, lab.add(registration="not-registered", authorization="eval", **INSTALLS), clock)
    assert outcome.result is agent.Result.REMEDIED
    assert any("needs a token" in record.detail for record in outcome.steps)


def test_ok_without_a_certificate_is_a_failure_that_names_the_next_step(lab: Lab, clock: Clock) -> None:
    device = lab.add(terminal_rpc="ok-without-certificate")
    outcome = push(lab, device, clock)
    assert outcome.result is agent.Result.FAILED
    assert outcome.error is not None
    assert outcome.error.kind == "certificate-missing"
    assert "crypto ca authenticate Trustpool" in (outcome.error.hint or "")
    assert step(outcome, "undo") is Status.DONE
    assert device.enrollment() is None
    assert device.counters["ca-authenticate"] == 1
    assert left_clean(device)


def test_a_refused_action_is_a_failure_that_names_the_next_step(lab: Lab, clock: Clock) -> None:
    outcome = push(lab, lab.add(terminal_rpc="refused"), clock)
    assert outcome.error is not None
    assert outcome.error.kind == "rpc-error"
    assert "crypto ca authenticate Trustpool" in (outcome.error.hint or "")


def test_with_an_enrollment_url_the_router_fetches_the_root_itself(lab: Lab, clock: Clock) -> None:
    device = lab.add()
    with serving(agent.TrustAnchor.bundled().pem) as url:
        outcome = push(lab, device, clock, enrollment_url=url)
    assert outcome.result is agent.Result.REMEDIED
    assert device.enrollment() == url


def test_another_certificate_than_the_anchor_is_refused_and_never_repeated(lab: Lab, clock: Clock) -> None:
    device = lab.add(installs=make_pem("Somebody Else"), **INSTALLS)
    outcome = push(lab, device, clock)
    assert outcome.error is not None
    assert outcome.error.kind == "anchor-mismatch"
    assert "Somebody Else" in outcome.error.message
    assert device.counters["ca-authenticate"] == 1


def test_any_root_can_be_installed_under_any_trustpoint(lab: Lab, clock: Clock) -> None:
    pem = make_pem("Our Own Root")
    device = lab.add(release="26.2.1", installs=pem, **INSTALLS)
    outcome = push(lab, device, clock, anchor=agent.TrustAnchor.from_pem(pem), trustpoint="OUR-CA", renew=False)
    assert (outcome.result, outcome.evidence) == (agent.Result.REMEDIED, agent.Evidence.PEM)
    assert device.trustpoints() == ["OUR-CA"]


def test_a_device_without_the_models_is_skipped_and_untouched(lab: Lab, clock: Clock) -> None:
    device = lab.add(release="6.6.3")
    outcome = push(lab, device, clock)
    assert outcome.result is agent.Result.SKIPPED
    assert outcome.error is not None
    assert "no model of this device carries trustpoint configuration" in outcome.error.message
    assert not {"lock", "edit-config", "commit", "ca-authenticate"} & set(device.counters)


def test_a_device_without_candidate_is_skipped_and_untouched(lab: Lab, clock: Clock) -> None:
    device = lab.add(candidate=False)
    assert push(lab, device, clock).result is agent.Result.SKIPPED
    assert not device.counters["edit-config"]


def test_a_lock_that_stays_is_waited_for_and_its_holder_named(lab: Lab, clock: Clock) -> None:
    device = lab.add(**INSTALLS)
    device.hold_lock("running", "77")
    outcome = push(lab, device, clock)
    assert outcome.error is not None
    assert outcome.error.kind == "lock-denied"
    assert "77" in f"{outcome.error.message} {outcome.error.hint}"
    assert outcome.retries > 0
    assert device.config.locks == {"running": "77"}
    assert not device.counters["edit-config"]


def test_a_lock_that_is_given_back_is_waited_for_and_taken(lab: Lab, clock: Clock) -> None:
    device = lab.add(**INSTALLS)
    device.faults.append(Fault("lock", FaultKind.ERROR, rpc_error("lock-denied", info="<session-id>9</session-id>"), 2))
    outcome = push(lab, device, clock)
    assert outcome.result is agent.Result.REMEDIED
    assert outcome.retries >= 1
    assert left_clean(device)


@pytest.mark.parametrize("lock", ["lock-denied", "granted"])
def test_a_candidate_that_somebody_left_changed_is_refused_and_left_alone(
    lab: Lab, clock: Clock, lock: DirtyLock
) -> None:
    device = lab.add(behaviour=Behaviour(dirty_lock=lock), **INSTALLS)
    device.dirty()
    outcome = push(lab, device, clock)
    assert outcome.error is not None
    assert outcome.error.kind == "refused"
    assert "--discard-foreign" in (outcome.error.hint or "")
    assert device.counters["edit-config"] == device.counters["commit"] == device.counters["discard-changes"] == 0
    assert device.enrollment() is None


@pytest.mark.parametrize("lock", ["lock-denied", "granted"])
def test_a_foreign_candidate_is_discarded_only_on_request(lab: Lab, clock: Clock, lock: DirtyLock) -> None:
    device = lab.add(behaviour=Behaviour(dirty_lock=lock), **INSTALLS)
    device.dirty()
    outcome = push(lab, device, clock, discard_foreign=True)
    assert outcome.result is agent.Result.REMEDIED
    assert device.enrollment() == "terminal"
    assert left_clean(device)


@pytest.mark.parametrize("operation", ["edit-config", "validate", "commit"])
@pytest.mark.parametrize(
    "error",
    [
        rpc_error("invalid-value", "bad"),
        rpc_error("operation-failed", "Failed to commit one or more configuration items"),
    ],
)
def test_a_refused_change_leaves_running_as_it_was_and_nothing_locked(
    lab: Lab, clock: Clock, operation: str, error: bytes
) -> None:
    device = lab.add(**INSTALLS)
    device.faults.append(Fault(operation, FaultKind.ERROR, error))
    outcome = push(lab, device, clock)
    assert outcome.result is agent.Result.FAILED
    assert device.enrollment() is None
    assert device.counters["ca-authenticate"] == 0
    assert left_clean(device)


@pytest.mark.parametrize(
    "operation, error",
    [
        ("commit", rpc_error("in-use", "A trial commit is underway")),
        (
            "commit",
            rpc_error("operation-failed", "One or more commits have occurred from other configuration sessions"),
        ),
        ("validate", rpc_error("operation-failed")),
        ("edit-config", rpc_error("in-use", "Datastore locked")),
        ("ca-authenticate", rpc_error("operation-failed", "Operation failed")),
        ("get", rpc_error("resource-denied")),
        ("get", rpc_error("operation-failed", "'sysdb' detected the 'try again' condition 'No connection to an EDM'")),
        ("get-config", rpc_error("operation-failed", "'sysdb' detected the 'try again' condition 'No connection'")),
        ("commit", rpc_error("operation-failed", "'CfgMgr' detected the 'try again' condition 'Process restarted'")),
        ("ca-authenticate", rpc_error("operation-failed", "'CEPKI' detected the 'warning' condition 'Not ready'")),
    ],
)
def test_a_passing_refusal_is_tried_again_and_ends_well(lab: Lab, clock: Clock, operation: str, error: bytes) -> None:
    device = lab.add(**INSTALLS)
    device.faults.append(Fault(operation, FaultKind.ERROR, error))
    outcome = push(lab, device, clock)
    assert outcome.result is agent.Result.REMEDIED
    assert [fault.times for fault in device.faults] == [0]
    assert device.config.commits == device.state.authenticates == 1
    assert left_clean(device)


def test_nothing_to_commit_is_success_and_nobodys_change_of_ours(lab: Lab, clock: Clock) -> None:
    device = lab.add(terminal_rpc="ok-without-certificate")
    said = rpc_error("operation-failed", "No configuration changes to commit")
    with lab.connect(device) as session:
        plan = agent.plan(agent.Intent(), agent.observe(session))
        outcome = None
        for event in agent.apply(session, plan, clock.policy()):
            if (event.step, event.status) == ("commit", Status.STARTED):
                # A server that lets the console commit under the locks.
                device.config.running = device.config.with_edit(device.trustpoint_element("Trustpool", "terminal"))
                device.faults.append(Fault("commit", FaultKind.ERROR, said))
            outcome = event.outcome or outcome
    assert outcome is not None
    assert any("nothing was left to commit" in record.detail for record in outcome.steps)
    assert (outcome.result, device.enrollment()) == (agent.Result.FAILED, "terminal")


@pytest.mark.parametrize("operation", ["commit", "ca-authenticate"])
def test_an_answer_lost_after_the_effect_is_read_back_on_a_new_session(lab: Lab, clock: Clock, operation: str) -> None:
    device = lab.add(**INSTALLS, behaviour=Behaviour(trial_lock="granted"))
    device.faults.append(Fault(operation, FaultKind.DROP_AFTER))
    outcome = push(lab, device, clock, connect=True)
    assert outcome.result is agent.Result.REMEDIED
    assert device.config.commits == device.state.authenticates == 1
    assert left_clean(device)
    assert eventually(lambda: not device.sessions)


@pytest.mark.parametrize("times, result", [(1, agent.Result.REMEDIED), (3, agent.Result.FAILED)])
def test_a_commit_lost_before_its_effect_is_begun_anew_a_few_times(
    lab: Lab, clock: Clock, times: int, result: agent.Result
) -> None:
    device = lab.add(**INSTALLS)
    device.faults.append(Fault("commit", FaultKind.DROP_BEFORE, times=times))
    outcome = push(lab, device, clock, connect=True)
    assert outcome.result is result
    assert times == 1 or "is as before" in (outcome.error.message if outcome.error else "")
    assert device.enrollment() == ("terminal" if times == 1 else None)
    assert left_clean(device)


@pytest.mark.parametrize("operation", ["commit", "ca-authenticate"])
def test_an_answer_lost_for_good_is_unknown_and_says_what_to_read(lab: Lab, clock: Clock, operation: str) -> None:
    device = lab.add(**INSTALLS)
    device.faults.append(Fault(operation, FaultKind.DROP_AFTER))
    outcome = push(lab, device, clock)
    assert outcome.result is agent.Result.UNKNOWN
    assert outcome.error is not None
    assert outcome.error.kind == "outcome-unknown"
    assert push(lab, device, clock).well
    assert device.config.commits == device.state.authenticates == 1


def test_empty_data_right_after_the_action_is_read_again(lab: Lab, clock: Clock) -> None:
    device = lab.add(**INSTALLS)
    device.faults.append(Fault("get", FaultKind.EMPTY, skip=4, times=2))
    outcome = push(lab, device, clock)
    assert outcome.result is agent.Result.REMEDIED
    assert device.counters["ca-authenticate"] == 1


def test_a_certificate_that_shows_only_on_the_second_look_is_not_installed_again(lab: Lab, clock: Clock) -> None:
    device = lab.add(enrollment="terminal", certificate=agent.TrustAnchor.bundled().pem, **INSTALLS)
    device.faults.append(Fault("get", FaultKind.EMPTY, times=1))
    assert push(lab, device, clock).result is agent.Result.UNCHANGED
    assert device.counters["ca-authenticate"] == 0


def test_progress_that_is_abandoned_gives_the_locks_back(lab: Lab, clock: Clock) -> None:
    device = lab.add(**INSTALLS)
    with lab.connect(device) as session:
        plan = agent.plan(agent.Intent(), agent.observe(session))
        events = agent.apply(session, plan, clock.policy())
        for event in events:
            if (event.step, event.status) == ("edit-config", Status.DONE):
                break
        assert device.config.locks
        events.close()
        assert left_clean(device)
    assert device.enrollment() is None
