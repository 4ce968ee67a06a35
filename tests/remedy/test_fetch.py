"""Files that the router copies itself: looked at before they are used, removed by its models, the console last."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

import agent
from agent.model.method import Method
from agent.model.outcome import Outcome, Result, Status
from agent.model.pki.bundle import Bundle
from agent.model.plan import Plan, Skip
from agent.model.state import EnrollmentKind
from agent.model.steps import Authenticate, Fetch, ImportBundle
from agent.remedy.plan import plan
from agent.simulator import Device, Fault, FaultKind, rpc_error
from tests.remedy.states import ACCESS, BUNDLE, state
from tests.support import Clock, Lab, left_clean
from tests.web import served

ANCHOR = agent.TrustAnchor.bundled()
PEM = ANCHOR.pem.encode()
URL = "http://ca.example/root.pem"
FILE_ACCESS = replace(
    ACCESS,
    file_path=True,
    enrollments=ACCESS.enrollments | {EnrollmentKind.LOCAL},
    methods=(Method.TRUSTPOOL, Method.FILE, Method.RPC, Method.DIALOG),
    delete=True,
    lists_files=True,
)
MODELS = ("shellutil-dir-oper", "shellutil-delete-act")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with served(PEM) as place:
        yield place


def push(lab: Lab, device: Device, clock: Clock, *, ssh: bool = True, **intent: Any) -> Outcome:
    wanted = agent.Intent(**{"renew": False, **intent})

    def connect() -> agent.Session:
        return lab.connect(device)

    with connect() as session, lab.ssh(device) as cli:
        return agent.remediate(session, wanted, policy=clock.policy(), ssh=cli if ssh else None, connect=connect)


def said(outcome: Outcome, status: Status | None = None) -> str:
    return " | ".join(f"{one.step}: {one.detail}" for one in outcome.steps if status in (None, one.status))


def without(device: Device, *modules: str) -> Device:
    """The device as if its hello did not announce *modules*, nor had it them."""
    for name in (f"Cisco-IOS-XR-{module}" for module in modules):
        begin = device.hello.index(b"<capability>http://cisco.com/ns/yang/" + name.encode())
        end = device.hello.index(b"</capability>", begin) + len(b"</capability>")
        device.hello = device.hello[:begin] + device.hello[end:]
        device.models = {one: model for one, model in device.models.items() if one != name}
    return device


# --- the certificate -------------------------------------------------------------------------------------------------


def test_where_the_router_copies_the_certificate_nothing_but_netconf_is_used(lab: Lab, clock: Clock, url: str) -> None:
    device = lab.add(release="25.2.1", ssh=False)
    outcome = push(lab, device, clock, ssh=False, pem_url=url)
    assert (outcome.result, outcome.method) == (Result.REMEDIED, Method.FILE)
    assert device.state.certificates["Trustpool"] == ANCHOR.pem
    assert not device.files
    assert device.counters["copy"] == device.counters["delete"] == 1
    assert f"{len(PEM):,} bytes, as it should have, by Cisco-IOS-XR-shellutil-dir-oper@2020-10-14" in said(outcome)
    assert "by rpc delete" in said(outcome, Status.DONE)
    assert not device.typed
    assert left_clean(device)


def test_the_plan_shows_the_way_that_is_taken(lab: Lab, url: str) -> None:
    made = plan(agent.Intent(pem_url=URL, fetch_vrf="MGMT", renew=False), state(access=FILE_ACCESS))
    path = "/misc/disk1/xr-agent-….pem"
    assert made.diff()[2:4] == [
        f"> rpc copy {URL} vrf=MGMT to {path}, its size looked at, removed afterwards by rpc delete",
        "> rpc ca-authenticate server-name=Trustpool file-path=" + path,
    ]
    older = plan(agent.Intent(pem_url=URL), state(access=replace(FILE_ACCESS, lists_files=False)))
    assert "removed afterwards at the CLI" in older.diff()[2]


@pytest.mark.parametrize("form", [PEM, PEM[:-1], PEM.replace(b"\n", b"\r\n"), PEM.replace(b"\n", b"\r\n")[:-2]])
def test_whoever_ends_its_lines_the_certificate_is_taken(lab: Lab, clock: Clock, form: bytes) -> None:
    with served(form) as place:
        outcome = push(lab, lab.add(release="25.2.1"), clock, method=Method.FILE, pem_url=place)
    assert outcome.result is Result.REMEDIED


@pytest.mark.parametrize("what", [PEM + b"x", PEM[:100], b"", b"<html>404</html>", PEM + PEM])
def test_a_file_of_another_size_is_a_failure_before_it_is_used(lab: Lab, clock: Clock, what: bytes) -> None:
    device = lab.add(release="25.2.1")
    with served(what) as place:
        outcome = push(lab, device, clock, method=Method.FILE, pem_url=place)
    assert outcome.result is Result.FAILED
    assert outcome.error is not None
    assert outcome.error.kind == "file"
    assert f"has {len(what):,} bytes, and" in outcome.error.message
    assert device.counters["ca-authenticate"] == 0
    assert device.enrollment() is None, "it is as before"
    assert not device.files


def test_another_certificate_of_the_same_size_is_not_taken_for_the_root(lab: Lab, clock: Clock) -> None:
    device = lab.add(release="25.2.1")
    with served(b"\n" * len(PEM)) as place:
        outcome = push(lab, device, clock, method=Method.FILE, pem_url=place)
    assert outcome.result is Result.FAILED
    assert "Trustpool" not in device.state.certificates
    assert not device.files


def test_a_vrf_goes_with_the_copy_and_one_that_the_router_does_not_know_is_its_own_error(
    lab: Lab, clock: Clock, url: str
) -> None:
    device = lab.add(release="25.2.1", vrfs=("MGMT",))
    outcome = push(lab, device, clock, method=Method.FILE, pem_url=url, fetch_vrf="MGTM")
    assert outcome.result is Result.FAILED
    assert outcome.error is not None
    assert "VRF MGTM is not configured" in outcome.error.message
    assert device.enrollment() is None
    assert not device.files
    assert push(lab, device, clock, method=Method.FILE, pem_url=url, fetch_vrf="MGMT").result is Result.REMEDIED


def test_auto_goes_on_where_the_router_cannot_copy(lab: Lab, clock: Clock) -> None:
    device = lab.add(release="25.2.1", terminal_rpc="installs")
    outcome = push(lab, device, clock, pem_url="tftp://192.0.2.1/root.pem")
    assert (outcome.result, outcome.method) == (Result.REMEDIED, Method.RPC)
    assert "fetches http:// only" in said(outcome, Status.FAILED)
    assert device.enrollment() == "terminal"


def test_without_rpc_copy_no_url_is_taken_and_sftp_is_named(lab: Lab) -> None:
    made = plan(agent.Intent(pem_url=URL, method=Method.FILE), state(access=replace(FILE_ACCESS, copy=False)))
    assert isinstance(made, Skip)
    assert "rpc copy is missing" in made.reason
    assert "by SFTP" in (made.hint or "")


def test_a_url_that_no_method_takes_is_said() -> None:
    made = plan(agent.Intent(pem_url=URL), state(access=ACCESS))
    assert "# rpc ca-authenticate takes no file-path" in made.diff()[0]


def test_where_sftp_fails_the_url_is_named() -> None:
    made = plan(agent.Intent(method=Method.FILE), state(access=FILE_ACCESS, sftp="the router has no SFTP"))
    assert "--pem-url" in str(made.hint if isinstance(made, Skip) else made)


@pytest.mark.parametrize("lost", [MODELS[:1], MODELS[1:], MODELS])
def test_what_no_model_shows_or_does_the_console_does(lab: Lab, clock: Clock, url: str, lost: tuple[str, ...]) -> None:
    device = without(lab.add(release="25.2.1"), *lost)
    outcome = push(lab, device, clock, method=Method.FILE, pem_url=url)
    assert outcome.result is Result.REMEDIED
    assert not device.files
    assert ("dir harddisk:" in device.typed) is (MODELS[0] in lost)
    assert any(line.startswith("run rm -f /misc/disk1/xr-agent-") for line in device.typed) is (MODELS[1] in lost)


def test_without_those_models_and_without_ssh_no_file_is_copied(lab: Lab, clock: Clock, url: str) -> None:
    device = without(lab.add(release="25.2.1", ssh=False), *MODELS)
    outcome = push(lab, device, clock, ssh=False, method=Method.FILE, pem_url=url)
    assert outcome.result is Result.SKIPPED
    assert device.counters["copy"] == 0


# --- the bundle ------------------------------------------------------------------------------------------------------


def test_a_bundle_that_is_given_both_ways_is_copied_by_the_router_and_compared(
    lab: Lab, clock: Clock, url: str
) -> None:
    device = lab.add(release="25.2.1", sftp=False, vrfs=("MGMT",))
    brought: dict[str, Any] = {"bundle": Bundle.from_bytes(PEM), "bundle_url": url, "fetch_vrf": "MGMT"}
    outcome = push(lab, device, clock, method=Method.TRUSTPOOL, **brought)
    assert (outcome.result, outcome.persistent) == (Result.REMEDIED, True)
    assert len(device.state.trustpool) == 1
    assert not device.files
    assert not [line for line in device.typed if line.startswith("run")]


def test_a_bundle_of_another_size_is_not_imported(lab: Lab, clock: Clock) -> None:
    device = lab.add(release="25.2.1")
    with served(PEM * 2) as place:
        bundle = Bundle.from_bytes(PEM)
        outcome = push(lab, device, clock, method=Method.TRUSTPOOL, bundle=bundle, bundle_url=place)
    assert outcome.result is Result.FAILED
    assert device.state.imports == 0
    assert not device.files


def test_a_bundle_by_url_in_a_vrf_is_compared_with_nothing_and_says_so(lab: Lab, clock: Clock, url: str) -> None:
    device = lab.add(release="25.2.1", vrfs=("MGMT",))
    outcome = push(lab, device, clock, method=Method.TRUSTPOOL, bundle_url=url, fetch_vrf="MGMT")
    assert outcome.result is Result.REMEDIED
    assert "compared with nothing" in said(outcome)


def test_an_empty_file_is_no_bundle(lab: Lab, clock: Clock) -> None:
    device = lab.add(release="25.2.1", vrfs=("MGMT",))
    with served(b"") as place:
        outcome = push(lab, device, clock, method=Method.TRUSTPOOL, bundle_url=place, fetch_vrf="MGMT")
    assert outcome.error is not None
    assert "has 0 bytes, and that is no bundle" in outcome.error.message
    assert device.state.imports == 0


def test_where_rpcs_do_not_reach_tmp_the_console_copies_and_removes_what_the_router_fetched(
    lab: Lab, clock: Clock, url: str
) -> None:
    device = lab.add(release="25.2.1", sftp=False, vrfs=("MGMT",), copy_reaches_tmp=False)
    outcome = push(lab, device, clock, method=Method.TRUSTPOOL, bundle_url=url, fetch_vrf="MGMT")
    assert outcome.result is Result.REMEDIED, said(outcome)
    assert "by run cp" in said(outcome, Status.DONE)
    assert "by run rm" in said(outcome, Status.DONE)
    assert not device.files


# --- a URL within its model ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("clean", [False, True])
def test_a_url_longer_than_the_models_leaf_is_refused_with_the_limit(lab: Lab, clean: bool) -> None:
    def planned(url: str) -> Plan | Skip:
        intent = agent.Intent(bundle_url=url, clean=clean, method=Method.TRUSTPOOL)
        return plan(intent, state(access=access))

    with lab.connect(lab.add(release="26.3.1")) as session:
        access = agent.observe(session).access
    assert access.longest_url == 512
    long = f"http://ca.example/{'x' * 495}"
    assert isinstance(planned(long[:-1]), Plan)
    made = planned(long)
    assert isinstance(made, Skip)
    assert "has 513 characters for rpc ca-trustpool-import-url, which takes 512 at most" in made.reason


def test_a_url_that_is_typed_is_within_what_the_cli_takes() -> None:
    access = replace(ACCESS, import_url=False)
    made = plan(
        agent.Intent(bundle_url=f"http://ca.example/{'x' * 383}", method=Method.TRUSTPOOL), state(access=access)
    )
    assert isinstance(made, Skip)
    assert "takes 400 at most" in made.reason


@pytest.mark.parametrize("intent", [{"pem_url": URL, "method": Method.FILE}, {"bundle_url": URL, "bundle": BUNDLE}])
def test_a_source_longer_than_the_copy_takes_is_refused(intent: dict[str, Any]) -> None:
    access = replace(FILE_ACCESS, longest_source=20)
    made = plan(agent.Intent(**{"method": Method.TRUSTPOOL, **intent}), state(access=access))
    assert isinstance(made, Skip)
    assert "the source of rpc copy, which takes 20 at most" in made.reason
    assert isinstance(plan(agent.Intent(**{"method": Method.TRUSTPOOL, **intent}), state(access=FILE_ACCESS)), Plan)


def test_the_steps_say_from_where() -> None:
    made = plan(agent.Intent(pem_url=URL, renew=False), state(access=FILE_ACCESS))
    assert isinstance(made, Plan)
    assert [one.fetch for one in made.steps if isinstance(one, Authenticate)] == [Fetch(URL)]
    made = plan(agent.Intent(bundle=BUNDLE, bundle_url=URL, renew=False), state(access=FILE_ACCESS))
    assert isinstance(made, Plan)
    assert [(one.fetch, one.url) for one in made.steps if isinstance(one, ImportBundle)] == [(Fetch(URL), None)]


# --- what fails ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [FaultKind.DROP_AFTER, FaultKind.REBOOT_AFTER])
def test_a_lost_answer_to_the_copy_is_looked_up_and_the_copy_not_repeated(
    lab: Lab, clock: Clock, url: str, kind: FaultKind
) -> None:
    device = lab.add(release="25.2.1")
    device.faults.append(Fault("copy", kind))
    outcome = push(lab, device, clock, method=Method.FILE, pem_url=url)
    assert outcome.result is Result.REMEDIED, said(outcome)
    assert device.counters["copy"] == 1
    assert not device.files


def test_a_copy_whose_answer_was_lost_and_that_is_not_there_may_come_yet(lab: Lab, clock: Clock, url: str) -> None:
    device = lab.add(release="25.2.1")
    device.faults.append(Fault("copy", FaultKind.DROP_BEFORE))
    outcome = push(lab, device, clock, method=Method.FILE, pem_url=url)
    assert outcome.result is Result.FAILED
    assert outcome.error is not None
    assert " is not there; it may come yet; undone: " in outcome.error.message
    assert outcome.error.hint == "look for it on the router in a while: dir harddisk:"
    assert device.counters["ca-authenticate"] == 0
    assert "a copy that was not answered may bring it yet" in said(outcome, Status.UNKNOWN)


def test_that_a_file_may_come_yet_is_said_also_where_another_method_went_on(lab: Lab, clock: Clock, url: str) -> None:
    device = lab.add(release="25.2.1", terminal_rpc="installs")
    device.faults.append(Fault("copy", FaultKind.DROP_BEFORE))
    outcome = push(lab, device, clock, pem_url=url)
    assert (outcome.result, outcome.method) == (Result.REMEDIED, Method.RPC)
    assert "/misc/disk1/xr-agent-" in said(outcome, Status.UNKNOWN)
    assert "may bring it yet" in said(outcome, Status.UNKNOWN)


def test_a_refusal_that_passes_is_tried_again(lab: Lab, clock: Clock, url: str) -> None:
    device = lab.add(release="25.2.1")
    device.faults.append(Fault("copy", FaultKind.ERROR, rpc_error("in-use"), times=2))
    assert push(lab, device, clock, method=Method.FILE, pem_url=url).result is Result.REMEDIED
    assert device.counters["copy"] == 3


def test_a_deletion_that_says_it_was_done_is_looked_at(lab: Lab, clock: Clock, url: str) -> None:
    device = lab.add(release="25.2.1", file_faults=("kept",))
    outcome = push(lab, device, clock, method=Method.FILE, pem_url=url)
    assert outcome.result is Result.REMEDIED
    assert device.counters["delete"] == 1
    assert "by run rm" in said(outcome, Status.DONE)
    assert not device.files


@pytest.mark.parametrize("ssh", [True, False])
@pytest.mark.parametrize("fault", ["kept", "stuck"])
def test_what_nothing_removes_is_named(lab: Lab, clock: Clock, url: str, fault: str, ssh: bool) -> None:
    device = lab.add(release="25.2.1", file_faults=(fault,), forbidden=("run rm",))
    outcome = push(lab, device, clock, ssh=ssh, method=Method.FILE, pem_url=url)
    assert outcome.result is Result.REMEDIED
    [path] = device.files
    assert f"remove: {path} may still be there: rpc delete: answered" in said(outcome, Status.FAILED)


def test_a_lost_answer_to_the_deletion_is_looked_up(lab: Lab, clock: Clock, url: str) -> None:
    device = lab.add(release="25.2.1", ssh=False)
    device.faults.append(Fault("delete", FaultKind.DROP_AFTER))
    outcome = push(lab, device, clock, ssh=False, method=Method.FILE, pem_url=url)
    assert outcome.result is Result.REMEDIED
    assert "by rpc delete" in said(outcome, Status.DONE)
    assert device.counters["delete"] == 1


def test_whoever_stops_listening_leaves_no_file(lab: Lab, clock: Clock, url: str) -> None:
    device = lab.add(release="25.2.1")
    intent = agent.Intent(renew=False, method=Method.FILE, pem_url=url)
    with lab.connect(device) as session:
        made = agent.plan(intent, agent.observe(session))
        events = agent.apply(session, made, clock.policy(), connect=lambda: lab.connect(device))
        assert any(event.step == "fetch" and event.status is Status.DONE for event in events)
        assert device.files
        events.close()
    assert not device.files
    assert left_clean(device)


# --- space, before anything is locked --------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["sftp", "url"])
def test_without_room_nothing_is_locked_and_what_needs_a_file_is_planned_without(
    lab: Lab, clock: Clock, url: str, way: str
) -> None:
    device = lab.add(release="25.2.1", file_faults=("full",), terminal_rpc="installs")
    wanted: dict[str, Any] = {"pem_url": url} if way == "url" else {}
    outcome = push(lab, device, clock, method=Method.FILE, **wanted)
    assert outcome.result is Result.SKIPPED
    assert outcome.error is not None
    assert "harddisk: has no room" in outcome.error.message
    assert "free space" in (outcome.error.hint or "")
    assert not any(device.counters[one] for one in ("lock", "edit-config", "copy"))
    assert "show filesystem" not in device.typed
    assert push(lab, device, clock, **wanted).method is Method.RPC


def test_of_a_bundle_of_unknown_size_a_full_disk_is_seen(lab: Lab, clock: Clock, url: str) -> None:
    device = lab.add(release="25.2.1", vrfs=("MGMT",), file_faults=("full",))
    outcome = push(lab, device, clock, method=Method.TRUSTPOOL, bundle_url=url, fetch_vrf="MGMT")
    assert outcome.result is Result.SKIPPED
    assert outcome.error is not None
    assert "harddisk: is full" in outcome.error.message


def test_a_file_system_that_the_router_does_not_have_is_named_before_anything_is_locked(lab: Lab, clock: Clock) -> None:
    device = lab.add(release="25.2.1")
    device.disk.space = lambda: [("disk0:", 100_000, 50_000)]  # type: ignore[method-assign]
    outcome = push(lab, device, clock, method=Method.FILE)
    assert outcome.result is Result.SKIPPED
    assert outcome.error is not None
    assert "there is no harddisk:" in outcome.error.message
    assert device.counters["lock"] == 0


def test_room_that_nothing_shows_is_unknown_and_the_file_is_tried(lab: Lab, clock: Clock, url: str) -> None:
    device = without(lab.add(release="25.2.1", ssh=False), "shellutil-filesystem-oper")
    intent = agent.Intent(renew=False, method=Method.FILE, pem_url=url)
    with lab.connect(device) as session:
        made = agent.plan(intent, agent.observe(session))
        outcome = [one.outcome for one in agent.apply(session, made, clock.policy()) if one.outcome][-1]
    assert outcome is not None
    assert outcome.result is Result.REMEDIED


def test_where_no_model_shows_the_space_the_console_does(lab: Lab, clock: Clock) -> None:
    device = without(lab.add(release="25.2.1", file_faults=("full",)), "shellutil-filesystem-oper")
    outcome = push(lab, device, clock, method=Method.FILE)
    assert outcome.result is Result.SKIPPED
    assert "show filesystem" in device.typed
