"""The methods beside rpc, end to end against a simulated device: what goes well, and each way in which it does not."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

import agent
from agent.model.errors import SessionLost
from agent.model.method import Method, Storage
from agent.model.outcome import Outcome, Result, Status
from agent.model.pki.bundle import Bundle
from agent.model.pki.certificate import Evidence
from agent.simulator import Device, Fault, FaultKind, rpc_error
from agent.simulator.device import actions
from agent.simulator.device.bundles import certificates
from agent.ssh.sftp import Files
from tests.model.test_anchor import make_pem
from tests.model.test_bundle import ROOT_DER, content_info, odd, signed_by_cryptography, signed_data
from tests.support import Clock, Lab, left_clean

ANCHOR = agent.TrustAnchor.bundled()
TOKEN = "MDEwMjAz-simulated-token"


def push(lab: Lab, device: Device, clock: Clock, **intent: Any) -> Outcome:
    """One push with the CLI and SFTP at hand."""
    with lab.connect(device) as session, lab.ssh(device) as ssh:
        return agent.remediate(
            session,
            agent.Intent(**{"renew": False, **intent}),
            policy=clock.policy(),
            ssh=ssh,
            connect=lambda: lab.connect(device),
        )


def said(outcome: Outcome, status: Status | None = None) -> str:
    """All steps' words in one."""
    return " | ".join(f"{one.step}: {one.detail}" for one in outcome.steps if status in (None, one.status))


@pytest.fixture(scope="session")
def other_root() -> str:
    """The PEM of a CA that is not the anchor."""
    return make_pem("Somebody Else")


def bundle() -> Bundle:
    return Bundle.from_bytes(ANCHOR.pem.encode())


# --- file ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("storage", list(Storage))
def test_the_file_is_put_there_named_to_the_rpc_and_removed(lab: Lab, clock: Clock, storage: Storage) -> None:
    device = lab.add(release="25.2.1")
    outcome = push(lab, device, clock, storage=storage)
    assert (outcome.result, outcome.method) == (Result.REMEDIED, Method.FILE)
    assert device.enrollment() == "local"
    assert device.state.certificates["Trustpool"] == ANCHOR.pem
    assert outcome.evidence is Evidence.FINGERPRINT
    assert outcome.persistent is None
    assert not device.files
    assert f"{storage.folder}/xr-agent-" in said(outcome)
    assert left_clean(device)


def test_a_full_disk_ends_the_file_method_and_the_rpc_is_tried_from_a_clean_device(lab: Lab, clock: Clock) -> None:
    device = lab.add(release="25.2.1", terminal_rpc="installs", file_faults=("quota",))
    outcome = push(lab, device, clock)
    assert (outcome.result, outcome.method) == (Result.REMEDIED, Method.RPC)
    assert "sftp" in said(outcome, Status.FAILED)
    # The enrollment that this run configured for the file is replaced by the one that the rpc needs.
    assert device.enrollment() == "terminal"
    assert not device.files
    assert outcome.persistent is False


@pytest.mark.parametrize("fault", ["quota", "denied", "corrupt"])
def test_a_file_that_does_not_arrive_whole_fails_the_method_and_is_removed(lab: Lab, clock: Clock, fault: str) -> None:
    device = lab.add(release="25.2.1", file_faults=(fault,))
    outcome = push(lab, device, clock, method=Method.FILE)
    assert outcome.result is Result.FAILED
    assert outcome.error is not None
    assert outcome.error.kind == "file"
    assert "Trustpool" not in device.state.certificates
    assert not device.files
    assert left_clean(device)


def test_a_file_that_vanishes_before_the_rpc_fails_with_the_routers_words(lab: Lab, clock: Clock) -> None:
    device = lab.add(release="25.2.1", file_faults=("vanish",))
    outcome = push(lab, device, clock, method=Method.FILE)
    assert outcome.result is Result.FAILED
    assert outcome.error is not None
    assert "Trustpool" not in device.state.certificates
    assert not device.files


def test_without_sftp_the_file_method_says_so(lab: Lab, clock: Clock) -> None:
    device = lab.add(release="25.2.1", sftp=False)
    outcome = push(lab, device, clock, method=Method.FILE)
    assert outcome.result is Result.SKIPPED
    assert outcome.error is not None
    assert "SFTP" in outcome.error.message
    assert "may still be there" not in said(outcome)
    assert [one.step for one in outcome.steps if one.status is Status.FAILED] == ["preflight"]
    assert left_clean(device)


@pytest.mark.parametrize("fault", ["denied", "quota", "corrupt"])
@pytest.mark.parametrize("removable", [True, False])
def test_only_a_file_that_may_have_been_made_may_still_be_there(
    lab: Lab, clock: Clock, fault: str, removable: bool
) -> None:
    device = lab.add(release="25.2.1", file_faults=(fault,) if removable else (fault, "stuck"))
    outcome = push(lab, device, clock, method=Method.FILE)
    assert outcome.result is Result.FAILED
    assert ("may still be there" in said(outcome)) is bool(device.files) is (not removable and fault != "denied")


def test_what_sftp_does_not_remove_the_model_does(lab: Lab, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(files: Files, path: str) -> None:
        raise SessionLost(f"SFTP ended before {path} was removed")

    monkeypatch.setattr(Files, "remove", refused)
    device = lab.add(release="25.2.1")
    outcome = push(lab, device, clock, method=Method.FILE)
    assert outcome.result is Result.REMEDIED
    assert "by rpc delete" in said(outcome, Status.DONE)
    assert not device.files


def test_the_file_is_removed_when_the_session_dies_under_the_rpc(lab: Lab, clock: Clock) -> None:
    device = lab.add(release="25.2.1")
    device.faults.append(Fault("ca-authenticate", FaultKind.DROP_AFTER))
    outcome = push(lab, device, clock, method=Method.FILE)
    assert outcome.result is Result.REMEDIED
    assert device.counters["ca-authenticate"] == 1
    assert not device.files


# --- dialog ----------------------------------------------------------------------------------------------------------


def test_where_the_rpc_brings_nothing_the_dialog_does(lab: Lab, clock: Clock) -> None:
    device = lab.add(release="7.8.1")
    outcome = push(lab, device, clock)
    assert (outcome.result, outcome.method) == (Result.REMEDIED, Method.DIALOG)
    assert outcome.evidence is Evidence.FINGERPRINT
    assert outcome.persistent is False
    assert "shows no CA certificate" in said(outcome, Status.FAILED)
    assert "permanent way" in said(outcome, Status.SKIPPED)
    assert device.config.commits == 1
    assert device.counters["ca-authenticate"] == 1
    assert left_clean(device)


def test_where_the_rpc_is_refused_the_dialog_does(lab: Lab, clock: Clock) -> None:
    device = lab.add(release="7.8.1", terminal_rpc="refused")
    outcome = push(lab, device, clock)
    assert (outcome.result, outcome.method) == (Result.REMEDIED, Method.DIALOG)


def test_where_no_model_carries_the_trustpoint_it_is_typed_and_read_back(lab: Lab, clock: Clock) -> None:
    device = lab.add(release="6.6.3")
    outcome = push(lab, device, clock)
    assert (outcome.result, outcome.method) == (Result.REMEDIED, Method.DIALOG)
    assert outcome.evidence is Evidence.CONSOLE
    assert device.enrollment() == "terminal"
    assert "running has 'enrollment terminal'" in said(outcome)
    again = push(lab, device, clock)
    assert again.result is Result.UNCHANGED
    assert again.evidence is Evidence.CONSOLE


@pytest.mark.parametrize("kind", [FaultKind.DROP_BEFORE, FaultKind.ERROR])
def test_lines_that_were_not_committed_have_changed_nothing(lab: Lab, clock: Clock, kind: FaultKind) -> None:
    device = lab.add(release="6.6.3")
    device.faults.append(Fault("cli:configure terminal", kind, b"% Invalid input\n", times=99))
    outcome = push(lab, device, clock)
    assert outcome.result is Result.FAILED
    assert device.enrollment() is None
    assert not outcome.changed


def test_another_enrollment_typed_before_is_replaced_only_when_asked(lab: Lab, clock: Clock) -> None:
    device = lab.add(release="6.6.3", enrollment="http://ca.example/pkiclient.exe")
    assert push(lab, device, clock).result is Result.SKIPPED
    assert device.enrollment() == "http://ca.example/pkiclient.exe"
    assert push(lab, device, clock, replace=True).result is Result.REMEDIED
    assert device.enrollment() == "terminal"


def test_a_certificate_that_the_dialog_shows_and_is_not_the_anchor_gets_no(
    lab: Lab, clock: Clock, other_root: str
) -> None:
    device = lab.add(release="7.8.1", dialog_shows=other_root)
    outcome = push(lab, device, clock, method=Method.DIALOG)
    assert outcome.result is Result.FAILED
    assert outcome.error is not None
    assert outcome.error.kind == "anchor-mismatch"
    assert "no" in device.answers
    assert "yes" not in device.answers[-1:]
    assert "Trustpool" not in device.state.certificates


@pytest.mark.parametrize(
    "refusal", [b"% Configuration Namespace is locked by another agent\n", b"% CEPKI is busy, try again later\n"]
)
def test_a_dialog_that_is_refused_under_our_lock_is_repeated_without_it(lab: Lab, clock: Clock, refusal: bytes) -> None:
    device = lab.add(release="7.4.1")
    command, held = "crypto ca authenticate", list[dict[str, str]]()
    look = Fault(f"cli:{command}", FaultKind.MEANWHILE, act=lambda: held.append(dict(device.config.locks)))
    device.faults += [Fault(f"cli:{command}", FaultKind.ERROR, refusal), look]
    outcome = push(lab, device, clock, method=agent.Method.DIALOG)
    assert (outcome.result, outcome.retries) == (agent.Result.REMEDIED, 1)
    assert device.typed.count(f"{command} Trustpool") == 2
    assert held == [{}]
    left_clean(device)


def test_a_dialog_that_is_refused_for_good_is_not_repeated(lab: Lab, clock: Clock) -> None:
    device = lab.add(release="7.4.1")
    device.faults.append(Fault("cli:crypto ca authenticate", FaultKind.ERROR, b"% Operation failed\n"))
    assert push(lab, device, clock, method=agent.Method.DIALOG).result is agent.Result.FAILED
    assert device.typed.count("crypto ca authenticate Trustpool") == 1


def test_an_import_that_is_refused_in_passing_is_repeated_where_the_trustpool_lacks_the_anchor(
    lab: Lab, clock: Clock
) -> None:
    device = lab.add(release="6.1.3")
    command = "crypto ca trustpool import url"
    device.faults.append(Fault(f"cli:{command}", FaultKind.ERROR, b"% Trustpool is busy, try again later\n"))
    outcome = push(lab, device, clock, method=agent.Method.TRUSTPOOL, bundle=bundle())
    assert (outcome.result, outcome.retries) == (agent.Result.REMEDIED, 1)
    assert device.state.imports == 1
    assert sum(line.startswith(command) for line in device.typed) == 2


def test_without_the_right_for_the_dialog_the_outcome_says_so(lab: Lab, clock: Clock) -> None:
    device = lab.add(release="7.8.1", forbidden=("crypto ca authenticate",))
    outcome = push(lab, device, clock, method=Method.DIALOG)
    assert outcome.result is Result.FAILED
    assert outcome.error is not None
    assert "not authorized" in outcome.error.message
    assert "task group" in str(outcome.error.hint)


def test_a_closed_ssh_port_keeps_the_error_of_the_method_before(lab: Lab, clock: Clock) -> None:
    device = lab.add(release="7.8.1", ssh=False)
    outcome = push(lab, device, clock)
    assert outcome.result is Result.FAILED
    assert outcome.error is not None
    assert outcome.error.kind == "certificate-missing"
    assert "preflight: CLI: " in said(outcome, Status.FAILED)
    assert "no method that needs CLI could follow: " in (outcome.error.hint or "")
    assert "--ssh-port" in (outcome.error.hint or "")


@pytest.mark.parametrize("release", ["7.8.1", "7.2.1"])
def test_a_closed_ssh_port_refuses_the_dialog_and_no_step_comes_before_it(lab: Lab, clock: Clock, release: str) -> None:
    device = lab.add(release=release, ssh=False)
    outcome = push(lab, device, clock, method=Method.DIALOG)
    assert outcome.result is Result.SKIPPED
    assert [one.step for one in outcome.steps if one.step != "safeguards"] == ["preflight", "plan"]
    assert not device.counters["lock"]


# --- trustpool -------------------------------------------------------------------------------------------------------


def test_a_bundle_is_copied_imported_proven_and_both_copies_removed(lab: Lab, clock: Clock) -> None:
    device = lab.add(release="7.2.1")
    outcome = push(lab, device, clock, bundle=bundle())
    assert (outcome.result, outcome.method) == (Result.REMEDIED, Method.TRUSTPOOL)
    assert (outcome.evidence, outcome.persistent) == (Evidence.CONSOLE, True)
    assert len(device.state.trustpool) == 1
    assert not device.files
    assert "rpc copy" in said(outcome)


def test_a_signed_bundle_with_an_odd_root_is_sent_as_it_is(
    lab: Lab, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = lab.add(release="7.2.1")
    imported: list[bytes] = []

    def read(data: bytes) -> tuple[str, ...]:
        imported.append(data)
        return certificates(data)

    monkeypatch.setattr(actions, "certificates", read)
    inner = content_info(signed_data(odd("fraction"), ROOT_DER))
    signed = Bundle.from_bytes(signed_by_cryptography(inner, Encoding.DER))
    assert push(lab, device, clock, bundle=signed).result is Result.REMEDIED
    assert imported == [signed.data]
    assert len(device.state.trustpool) == 1


def test_an_import_is_never_repeated_where_the_trustpool_lists_the_anchor(lab: Lab, clock: Clock) -> None:
    device = lab.add(release="24.3.1")
    for _ in range(3):
        assert push(lab, device, clock, bundle=bundle()).well
    assert len(device.state.trustpool) == 1
    device.reload()
    assert push(lab, device, clock, bundle=bundle()).result is Result.UNCHANGED


def test_where_the_copy_rpc_does_not_reach_tmp_the_cli_copies(lab: Lab, clock: Clock) -> None:
    device = lab.add(release="7.2.1", copy_reaches_tmp=False)
    outcome = push(lab, device, clock, bundle=bundle())
    assert outcome.result is Result.REMEDIED
    assert "by run cp" in said(outcome)
    assert not device.files


def test_before_the_import_rpc_the_cli_imports(lab: Lab, clock: Clock) -> None:
    device = lab.add(release="6.1.3")
    outcome = push(lab, device, clock, bundle=bundle())
    assert (outcome.result, outcome.persistent) == (Result.REMEDIED, True)
    assert not device.files


def test_without_the_right_to_copy_the_outcome_names_it_and_offers_a_url(lab: Lab, clock: Clock) -> None:
    device = lab.add(release="7.2.1", copy_reaches_tmp=False, forbidden=("run",))
    outcome = push(lab, device, clock, bundle=bundle(), method=Method.TRUSTPOOL)
    assert outcome.result is Result.FAILED
    assert outcome.error is not None
    assert "root-lr or cisco-support" in outcome.error.message
    assert "--bundle-url" in str(outcome.error.hint)
    assert not device.state.trustpool
    assert not device.files


def test_auto_goes_on_to_the_other_methods_where_the_import_is_refused(lab: Lab, clock: Clock) -> None:
    device = lab.add(release="7.2.1", copy_reaches_tmp=False, forbidden=("run",), terminal_rpc="installs")
    outcome = push(lab, device, clock, bundle=bundle())
    assert (outcome.result, outcome.method) == (Result.REMEDIED, Method.RPC)
    assert "root-lr or cisco-support" in said(outcome, Status.FAILED)


def test_a_refused_import_says_what_to_do(lab: Lab, clock: Clock) -> None:
    outcome = push(lab, lab.add(release="7.2.1", imports="refused"), clock, bundle=bundle(), method=Method.TRUSTPOOL)
    assert outcome.error is not None
    assert "show logging" in (outcome.error.hint or "")


def test_a_refused_renewal_fails_nothing_and_says_what_to_do(lab: Lab, clock: Clock) -> None:
    device = lab.add(release="7.8.1", terminal_rpc="installs")
    device.faults.append(Fault("renew-auth", FaultKind.ERROR, rpc_error("operation-failed"), times=9))
    outcome = push(lab, device, clock, renew=True)
    assert outcome.result is Result.REMEDIED
    assert "license smart renew auth" in said(outcome, Status.FAILED)


def test_then_trustpool_makes_it_last(lab: Lab, clock: Clock) -> None:
    device = lab.add(release="7.8.1")
    outcome = push(lab, device, clock, bundle=bundle(), then_trustpool=True)
    assert (outcome.result, outcome.persistent) == (Result.REMEDIED, True)
    assert outcome.evidence is Evidence.FINGERPRINT
    device.reload()
    assert "Trustpool" not in device.state.certificates
    assert device.state.trusts


@pytest.mark.parametrize("release", ["7.8.1", "7.0.1"])
def test_a_trustpoints_certificate_that_the_trustpool_lists_as_such_is_no_import(
    lab: Lab, clock: Clock, release: str
) -> None:
    device = lab.add(release=release, enrollment="terminal", certificate=ANCHOR.pem, lists_terminal=True)
    first = push(lab, device, clock)
    assert (first.result, first.persistent, device.state.imports) == (Result.UNCHANGED, False, 0)
    outcome = push(lab, device, clock, bundle=bundle(), then_trustpool=True)
    assert (outcome.result, outcome.persistent, device.state.imports) == (Result.REMEDIED, True, 1)
    device.reload()
    assert device.state.trusts
    push(lab, device, clock, bundle=bundle(), then_trustpool=True)
    assert device.state.imports == 1


def test_an_import_that_brought_nothing_is_not_proven_by_what_the_trustpoint_has(lab: Lab, clock: Clock) -> None:
    kind: dict[str, Any] = {"enrollment": "terminal", "certificate": ANCHOR.pem, "lists_terminal": True}
    device = lab.add(release="7.8.1", imports="ok-without-certificates", **kind)
    outcome = push(lab, device, clock, bundle=bundle(), then_trustpool=True)
    assert outcome.result is Result.FAILED
    assert "does not list" in str(outcome.error)


def test_a_reload_forgets_what_the_dialog_brought_and_the_next_push_brings_it_again(lab: Lab, clock: Clock) -> None:
    device = lab.add(release="7.8.1")
    assert push(lab, device, clock).result is Result.REMEDIED
    device.reload()
    assert not device.state.trusts
    again = push(lab, device, clock)
    assert again.result is Result.REMEDIED
    assert device.config.commits == 1


def test_a_lost_answer_to_the_import_is_read_back_and_not_repeated(lab: Lab, clock: Clock) -> None:
    device = lab.add(release="7.2.1")
    device.faults.append(Fault("ca-trustpool-import-url", FaultKind.DROP_AFTER))
    outcome = push(lab, device, clock, bundle=bundle())
    assert outcome.result is Result.REMEDIED
    assert len(device.state.trustpool) == 1
    assert not device.files


def test_a_lost_answer_to_the_import_is_not_called_an_ok(lab: Lab, clock: Clock) -> None:
    device = lab.add(release="7.2.1", imports="ok-without-certificates")
    device.faults.append(Fault("ca-trustpool-import-url", FaultKind.DROP_AFTER))
    outcome = push(lab, device, clock, bundle=bundle(), method=Method.TRUSTPOOL)
    assert (outcome.result, outcome.error and outcome.error.kind) == (Result.FAILED, "certificate-missing")
    assert outcome.error is not None
    assert "its answer lost" in outcome.error.message
    assert "but the trustpool does not list IdenTrust" in outcome.error.message
    assert "answered with ok" not in outcome.error.message


@pytest.mark.parametrize(
    "persona, last, failed, left",
    [
        ({"release": "6.1.3"}, ("copy", Status.DONE), "trustpool import", ["/misc/disk1", "/tmp"]),
        ({"release": "7.2.1", "copy_reaches_tmp": False}, ("rpc copy", Status.SKIPPED), "copy", ["/misc/disk1"]),
    ],
)
def test_ssh_that_ends_during_an_import_fails_the_step_it_was_needed_for(
    lab: Lab, clock: Clock, persona: dict[str, Any], last: tuple[str, Status], failed: str, left: list[str]
) -> None:
    device = lab.add(**persona)
    intent = agent.Intent(renew=False, bundle=bundle(), method=Method.TRUSTPOOL)
    outcome = None
    with lab.connect(device) as session, lab.ssh(device) as ssh:
        plan = agent.plan(intent, agent.observe(session, ssh=ssh, trustpool=True))
        for event in agent.apply(session, plan, clock.policy(), ssh=ssh):
            if (event.step, event.status) == last:
                device.faults.append(Fault("connect-ssh", FaultKind.RESET, times=1000))
                ssh.close()
            outcome = event.outcome or outcome
    assert outcome is not None
    assert outcome.result is Result.FAILED
    assert [one.step for one in outcome.steps if one.status is Status.FAILED and one.step != "remove"] == [failed]
    remains = [one.detail for one in outcome.steps if one.step == "remove"]
    # The copy to /tmp that was never begun is not among what may be left.
    assert sorted(detail.rpartition("/xr-agent-")[0] for detail in (one.split()[0] for one in remains)) == left


# --- a year later ----------------------------------------------------------------------------------------------------


def test_a_token_registers_the_device_after_the_root_and_is_never_shown(
    lab: Lab, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    device = lab.add(release="7.8.1", registration="not-registered", authorization="eval-expired")
    with caplog.at_level(logging.DEBUG):
        outcome = push(lab, device, clock, token=agent.Secret(TOKEN), renew=True)
    assert outcome.result is Result.REMEDIED
    operations = [operation for _, operation in device.log]
    assert operations.count("register-id-token") == 1
    assert "register-id-token: success" in said(outcome)
    assert device.state.tokens == [TOKEN]
    assert TOKEN not in caplog.text + repr(outcome)


def test_a_token_is_not_sent_where_the_root_could_not_be_proven(lab: Lab, clock: Clock) -> None:
    device = lab.add(release="7.8.1", ssh=False, registration="not-registered", authorization="eval-expired")
    outcome = push(lab, device, clock, token=agent.Secret(TOKEN))
    assert outcome.result is Result.FAILED
    assert not device.counters["register-id-token"]


# --- cli-cfg ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("readable", [True, False])
def test_where_cli_cfg_is_the_best_model_the_rpc_goes_through_it(lab: Lab, clock: Clock, readable: bool) -> None:
    device = lab.add(release="7.1.1", cli_cfg_readable=readable, terminal_rpc="installs")
    outcome = push(lab, device, clock, method=Method.RPC)
    assert outcome.result is Result.REMEDIED, outcome
    assert outcome.config_model.value == "cli-cfg"
    assert outcome.evidence is Evidence.CONSOLE
    assert device.enrollment() == "terminal"
    assert "typed" not in said(outcome)
    assert left_clean(device)
