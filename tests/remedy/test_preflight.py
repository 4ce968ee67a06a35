"""What a plan or its fallbacks need beside NETCONF is tried first: where it fails, nothing was locked or edited."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

import agent
from agent.model.method import Method
from agent.model.outcome import Outcome, Result, Status
from agent.model.pki.bundle import Bundle
from agent.model.plan import Plan, Skip, Tried
from agent.model.unfinished import Memory
from agent.netconf.retry import Policy, completed
from agent.remedy.check.preflight import preflight
from agent.simulator import Device, Fault, FaultKind
from tests.support import Clock, DeviceClock, Lab, left_clean

WRITES = ("lock", "edit-config", "commit", "ca-authenticate", "ca-trustpool-import-url", "copy")


def ready(lab: Lab, device: Device, *, reached: dict[str, Any] | None = None, **wanted: Any) -> Plan | Skip:
    """The plan as the preflight leaves it; *reached*: how the CLI is reached otherwise than NETCONF."""
    intent = agent.Intent(**{"renew": False, **wanted})
    with lab.connect(device) as session, lab.ssh(device, **(reached or {})) as ssh:
        state = agent.observe(session, policy=Policy(), ssh=ssh, trustpool=intent.has_bundle)
        return completed(preflight(agent.plan(intent, state), state, ssh), Policy())


def push(lab: Lab, device: Device, clock: Clock, *, reached: dict[str, Any] | None = None, **wanted: Any) -> Outcome:
    intent = agent.Intent(**{"renew": False, **wanted})
    with lab.connect(device) as session, lab.ssh(device, **(reached or {})) as ssh:
        return agent.remediate(
            session, intent, policy=clock.policy(), ssh=ssh, log=Memory(), connect=lambda: lab.connect(device)
        )


def untouched(device: Device) -> bool:
    """Whether nothing was locked or edited, typed or put there."""
    typed = [line for line in device.typed if not line.startswith(("show", "terminal"))]
    return left_clean(device) and not typed and not device.files and not any(device.counters[one] for one in WRITES)


WRONG = {"password": agent.Secret("wrong")}


def test_a_plan_that_needs_nothing_beside_netconf_tries_nothing(lab: Lab) -> None:
    device = lab.add(release="7.4.1", terminal_rpc="installs")
    made = ready(lab, device, method=Method.RPC)
    assert made.tried == ()
    assert not device.typed


def test_nothing_is_tried_where_nothing_is_to_be_done(lab: Lab) -> None:
    pem = agent.TrustAnchor.bundled().pem
    made = ready(lab, lab.add(release="7.4.1", enrollment="terminal", certificate=pem))
    assert not made
    assert made.tried == ()


def test_the_way_of_a_fallback_is_tried_as_well(lab: Lab) -> None:
    made = ready(lab, lab.add(release="7.4.1"))
    assert isinstance(made, Plan)
    assert (made.method, made.fallbacks) == (Method.RPC, (Method.DIALOG,))
    assert made.tried == (Tried("CLI", works=True, detail="logged in, prompt seen"),)
    assert made.diff()[-1] == "# tried: CLI: logged in, prompt seen"


def test_the_folder_of_a_file_is_looked_at(lab: Lab) -> None:
    made = ready(lab, lab.add(release="25.2.1"))
    assert isinstance(made, Plan)
    assert made.method is Method.FILE
    assert Tried("SFTP", works=True, detail="/misc/disk1 is there") in made.tried


def test_a_trustpool_import_tries_the_cli_and_for_a_bundle_of_this_machine_its_folder(lab: Lab) -> None:
    brought = Bundle.from_bytes(agent.TrustAnchor.bundled().pem.encode())
    made = ready(lab, lab.add(release="7.4.1"), method=Method.TRUSTPOOL, bundle=brought)
    assert [(one.way, one.works) for one in made.tried] == [("CLI", True), ("SFTP", True)]
    made = ready(lab, lab.add(release="7.4.1"), method=Method.TRUSTPOOL, bundle_url="http://192.0.2.1/ios.p7b")
    assert [(one.way, one.works) for one in made.tried] == [("CLI", True)]


def test_without_sftp_only_a_bundle_of_this_machine_is_refused(lab: Lab) -> None:
    brought = Bundle.from_bytes(agent.TrustAnchor.bundled().pem.encode())
    device = lab.add(release="7.4.1", sftp=False)
    assert isinstance(ready(lab, device, method=Method.TRUSTPOOL, bundle=brought), Skip)
    with lab.connect(device) as session, lab.ssh(device) as ssh:
        intent = agent.Intent(renew=False, method=Method.TRUSTPOOL, bundle_url="http://192.0.2.1/ios.p7b")
        state = replace(agent.observe(session, ssh=ssh, trustpool=True), sftp="the router has no SFTP")
    assert isinstance(agent.plan(intent, state), Plan)


def test_what_failed_before_is_kept_and_not_tried_again(lab: Lab) -> None:
    device = lab.add(release="25.2.1")
    with lab.connect(device) as session, lab.ssh(device) as ssh:
        state = agent.observe(session, ssh=ssh)
        made = agent.plan(agent.Intent(renew=False), state)
        failed = Tried("CLI", works=False, detail="no answer")
        again = completed(preflight(replace(made, tried=(failed,)), state, ssh), Policy())
    assert again.tried == (failed, Tried("SFTP", works=True, detail="/misc/disk1 is there"))
    assert device.typed == []


@pytest.mark.parametrize("method", [Method.FILE, Method.DIALOG])
def test_a_port_that_drops_every_connection_is_known_before_anything_is_locked(
    lab: Lab, clock: Clock, method: Method
) -> None:
    device = lab.add(release="25.2.1", terminal_rpc="installs")
    device.faults.append(Fault("connect-ssh", FaultKind.DROP_BEFORE, times=9))
    outcome = push(lab, device, clock, method=method)
    assert outcome.result is Result.SKIPPED
    assert untouched(device)


def test_the_prompt_is_seen_before_anything_is_locked(lab: Lab, clock: Clock) -> None:
    device = lab.add(release="7.4.1")
    before: list[int] = []

    def note() -> None:
        before.append(sum(device.counters[one] for one in WRITES))

    device.faults.append(Fault("cli:terminal", FaultKind.MEANWHILE, act=note))
    outcome = push(lab, device, clock, method=Method.DIALOG)
    assert outcome.result is Result.REMEDIED
    assert before == [0]


def test_a_cli_that_refuses_the_login_ends_a_dialog_as_a_refusal(lab: Lab, clock: Clock) -> None:
    device = lab.add(release="7.4.1")
    outcome = push(lab, device, clock, reached=WRONG, method=Method.DIALOG)
    assert outcome.result is Result.SKIPPED
    assert outcome.error is not None
    assert "refused the login" in outcome.error.message
    assert [(one.step, one.status) for one in outcome.steps] == [
        ("preflight", Status.FAILED),
        ("plan", Status.SKIPPED),
    ]
    assert untouched(device)


def test_a_cli_that_refuses_the_login_takes_the_fallback_and_leaves_the_method(lab: Lab, clock: Clock) -> None:
    device = lab.add(release="7.4.1", terminal_rpc="installs")
    made = ready(lab, device, reached=WRONG)
    assert isinstance(made, Plan)
    assert (made.method, made.fallbacks) == (Method.RPC, ())
    assert made.diff()[-1].startswith("# tried: CLI failed: ")
    outcome = push(lab, device, clock, reached=WRONG)
    assert (outcome.result, outcome.method) == (Result.REMEDIED, Method.RPC)
    assert outcome.steps[0].step == "preflight"


def test_without_sftp_the_next_method_is_taken(lab: Lab, clock: Clock) -> None:
    device = lab.add(release="25.2.1", sftp=False, terminal_rpc="installs")
    outcome = push(lab, device, clock)
    assert (outcome.result, outcome.method) == (Result.REMEDIED, Method.RPC)
    assert outcome.steps[0].detail == "SFTP: the router has no SFTP"
    assert device.enrollment() == "terminal", "the trustpoint was never configured for a file"


def test_without_sftp_a_file_that_was_asked_for_is_refused(lab: Lab, clock: Clock) -> None:
    device = lab.add(release="25.2.1", sftp=False)
    outcome = push(lab, device, clock, method=Method.FILE)
    assert outcome.result is Result.SKIPPED
    assert outcome.error is not None
    assert outcome.error.message == "method file puts a file on the router: the router has no SFTP"
    assert "--storage" in (outcome.error.hint or "")
    assert untouched(device)


def test_a_storage_without_its_folder_is_refused(lab: Lab, clock: Clock) -> None:
    device = lab.add(release="25.2.1")
    vars(device.disk)["folders"] = ("/", "/misc", "/misc/scratch")
    outcome = push(lab, device, clock, method=Method.FILE)
    assert outcome.result is Result.SKIPPED
    assert "there is no folder /misc/disk1" in outcome.steps[0].detail
    assert untouched(device)


def test_a_cli_that_hangs_is_not_waited_for_under_a_lock(lab: Lab, clock: Clock) -> None:
    device = lab.add(release="7.4.1")
    device.faults.append(Fault("cli:terminal", FaultKind.SILENT, times=99))
    outcome = push(lab, device, clock, reached={"clock": DeviceClock.of(device, clock)}, method=Method.DIALOG)
    assert outcome.result is Result.SKIPPED
    assert outcome.steps[0].step == "preflight"
    assert untouched(device)


def test_a_preflight_that_is_interrupted_changed_nothing(lab: Lab) -> None:
    device = lab.add(release="7.4.1")
    with lab.connect(device) as session, lab.ssh(device) as ssh:
        made = agent.plan(agent.Intent(renew=False, method=Method.DIALOG), agent.observe(session, ssh=ssh))
        ssh.policy = Policy(stop=lambda _: True)
        *_, last = agent.apply(session, made, Policy(stop=lambda _: True), ssh=ssh)
    assert last.outcome is not None
    assert last.outcome.error is not None
    assert last.outcome.error.kind == "interrupted"
    assert untouched(device)


def test_a_plan_without_its_state_is_applied_as_before(lab: Lab, clock: Clock) -> None:
    device = lab.add(release="7.4.1", terminal_rpc="installs")
    with lab.connect(device) as session, lab.ssh(device) as ssh:
        made = agent.plan(agent.Intent(renew=False), agent.observe(session, ssh=ssh))
        assert isinstance(made, Plan)
        *_, last = agent.apply(session, replace(made, state=None), clock.policy(), ssh=ssh)
    assert last.outcome is not None
    assert last.outcome.result is Result.REMEDIED
