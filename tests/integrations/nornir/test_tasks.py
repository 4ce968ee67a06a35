"""The Nornir tasks do what the commands do, over Nornir's own connections, and every end is a readable Result."""

from __future__ import annotations

import gc
import logging
import re
import socket
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from nornir.core.plugins.connections import ConnectionPluginRegister
from nornir.core.task import AggregatedResult, Result, Task
from nornir_utils.plugins.functions import print_result

import agent
from agent.integrations.nornir import assess, licensing, push
from agent.remedy.lease.lease import Lease
from agent.remedy.notices.folder import bundled
from agent.simulator import QUOVADIS, Device, Fault, FaultKind, Persona, Simulator, rpc_error
from tests.cli.schemas import check, schema
from tests.integrations.nornir.conftest import MakeNornir
from tests.support import Lab, left_clean, logged

ROOT_PEM = agent.TrustAnchor.bundled().pem
# ncclient leaves the socket of a handshake that failed to the garbage collector.
leaves_its_socket = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def only(results: AggregatedResult) -> Result:
    """The result of the one host there was."""
    ((result,),) = results.values()
    return result


def step(made: dict[str, Any], name: str) -> str | None:
    return next((one["status"] for one in made["steps"] if one["step"] == name), None)


def operations(device: Device) -> list[str]:
    return [operation for _, operation in device.log]


def test_a_push_over_nornirs_connection_remedies_and_leaves_it_open(lab: Lab, make_nornir: MakeNornir) -> None:
    device = lab.add(terminal_rpc="installs")
    nr = make_nornir(device)
    first = only(nr.run(task=push))
    check("push", first.result)
    assert (first.result["outcome"], first.result["evidence"]) == ("remedied", "fingerprint")
    assert first.result["address"] == f"127.0.0.1:{device.port}"
    assert (first.failed, first.changed, first.diff, first.severity_level) == (False, True, "", logging.INFO)
    assert left_clean(device)

    second = only(nr.run(task=push))
    assert (second.result["outcome"], second.failed, second.changed) == ("unchanged", False, False)
    assert {session for session, _ in device.log} == {"1"}
    assert nr.inventory.hosts[device.name].connections["netconf"].connection.connected


@pytest.mark.parametrize("nornirs, own", [(True, None), (False, True)])
def test_a_dry_run_shows_the_plan_and_changes_nothing(
    lab: Lab, make_nornir: MakeNornir, nornirs: bool, own: bool | None
) -> None:
    device = lab.add(terminal_rpc="installs")
    result = only(make_nornir(device, dry_run=nornirs).run(task=push, dry_run=own))
    check("plan", result.result)
    assert (result.failed, result.changed) == (False, False)
    assert result.diff.splitlines() == result.result["diff"]
    assert result.diff.splitlines()[:2] == ["+ crypto ca trustpoint Trustpool", "+  enrollment terminal"]
    assert set(operations(device)) <= {"get", "get-config", "get-schema"}


def test_a_dry_run_of_a_host_that_no_way_fits_has_failed_with_the_reason(lab: Lab, make_nornir: MakeNornir) -> None:
    result = only(make_nornir(lab.add(release="6.6.3")).run(task=push, dry_run=True, ssh=None))
    check("plan", result.result)
    assert (result.failed, result.severity_level) == (True, logging.WARNING)
    assert result.diff.startswith("# skipped: ")


def test_a_dry_run_sees_what_the_trustpool_has_already(lab: Lab, make_nornir: MakeNornir) -> None:
    device = lab.add(Persona(built_in=(QUOVADIS, ROOT_PEM)))
    intent = agent.Intent(method=agent.Method.TRUSTPOOL, bundle_url="http://ca.example/ios.p7b", renew=False)
    result = only(make_nornir(device).run(task=push, intent=intent, dry_run=True))
    assert (result.failed, result.result["changes"]) == (False, False), result.diff


def test_dry_run_false_pushes_in_a_dry_run_of_nornir(lab: Lab, make_nornir: MakeNornir) -> None:
    device = lab.add(terminal_rpc="installs")
    assert only(make_nornir(device, dry_run=True).run(task=push, dry_run=False)).changed


def test_a_push_holds_the_routers_lease_and_says_what_else_it_goes_without(lab: Lab, make_nornir: MakeNornir) -> None:
    device = lab.add(terminal_rpc="installs")
    other = Lease.take((f"127.0.0.1:{device.port}",), run="the other")
    events: list[agent.Event] = []

    def told(event: agent.Event) -> None:
        other.release()
        events.append(event)

    result = only(make_nornir(device).run(task=push, on_event=told))
    assert [(one.step, one.status.value) for one in events[:2]] == [("lease", "started"), ("lease", "done")]
    said = [one["detail"] for one in result.result["steps"] if one["step"] == "safeguards"]
    assert [text.partition(":")[0] for text in said] == ["no second session (connect)"]
    assert result.result["outcome"] == "remedied"


def test_the_intent_counts(lab: Lab, make_nornir: MakeNornir) -> None:
    device = lab.add(terminal_rpc="installs")
    result = only(make_nornir(device).run(task=push, intent=agent.Intent(trustpoint="Mine", renew=False)))
    assert result.result["outcome"] == "remedied"
    assert device.enrollment("Mine") == "terminal"
    assert step(result.result, "renew-auth") is None


def test_each_host_of_a_run_has_its_own_end(
    lab: Lab, make_nornir: MakeNornir, capsys: pytest.CaptureFixture[str]
) -> None:
    good, refusing, old = (
        lab.add(terminal_rpc="installs"),
        lab.add(terminal_rpc="installs", ssh=False),
        lab.add(release="6.6.3", ssh=False),
    )
    refusing.faults.append(Fault("commit", FaultKind.ERROR, rpc_error("access-denied")))
    results = make_nornir(good, refusing, old).run(task=push)
    ended = {name: result[0].result["outcome"] for name, result in results.items()}
    assert ended == {good.name: "remedied", refusing.name: "failed", old.name: "skipped"}
    assert set(results.failed_hosts) == {refusing.name, old.name}
    assert results[refusing.name][0].severity_level == logging.ERROR
    assert results[old.name][0].severity_level == logging.WARNING
    assert not results[refusing.name][0].changed

    print_result(results, severity_level=logging.WARNING)
    printed = re.sub(r"[\"']\n\s+[\"']", "", capsys.readouterr().out)  # pprint breaks a long text into several
    assert "the user lacks a task group" in printed
    assert "Traceback" not in printed
    assert good.name not in [line.split()[1] for line in printed.splitlines() if line.startswith("----")]


def test_every_error_of_a_connection_is_a_failure_with_its_hint(lab: Lab, make_nornir: MakeNornir) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closed = listener.getsockname()[1]
    for changes, kind, hint in (
        ({"password": "wrong"}, "authentication", "check user, key and password"),
        ({"port": closed}, "connect", "netconf-yang agent ssh"),
        ({"hostname": "no-such-router.invalid"}, "connect", "check the address"),
        ({"port": 70000}, "input", None),
    ):
        device = lab.add()
        result = only(make_nornir(device, **changes).run(task=push))
        check("push", result.result)
        error = result.result["error"]
        assert (result.failed, result.changed, error["kind"]) == (True, False, kind), error
        assert hint is None or hint in error["hint"]
        assert "\n" not in error["message"]
        assert operations(device) == []


@pytest.mark.parametrize(
    "key, value",
    [
        *(("ssh_port", value) for value in ("s3cr3t", 70000, True, 22.5)),
        *(("login_timeout", value) for value in ("s3cr3t", 0, -1, True, "nan", "inf")),
        *(("legacy_ssh", value) for value in ("s3cr3t", 1, ["s3cr3t"])),
    ],
)
def test_a_value_of_the_hosts_data_that_cannot_be_used_is_said_by_its_key_and_not_quoted(
    lab: Lab, make_nornir: MakeNornir, key: str, value: object
) -> None:
    device = lab.add()
    result = only(make_nornir(device, data={key: value}).run(task=push))
    check("push", result.result)
    error = result.result["error"]
    assert (result.failed, result.changed, error["kind"]) == (True, False, "input")
    assert error["message"].startswith(f"the {key} of its data: this is n")
    assert "s3cr3t" not in str(result.result)
    assert operations(device) == []


@pytest.mark.parametrize("quoted", [False, True])
def test_the_hosts_data_say_how_connections_beside_nornirs_are_made(
    lab: Lab, make_nornir: MakeNornir, quoted: bool
) -> None:
    device = lab.add()
    asked: list[agent.Device] = []

    def shell(router: agent.Device) -> agent.Ssh:
        asked.append(router)
        return agent.Ssh(router)

    data: dict[str, object] = {"ssh_port": device.ssh_port, "login_timeout": 45, "legacy_ssh": True}
    if quoted:
        data = {"ssh_port": str(device.ssh_port), "login_timeout": "45", "legacy_ssh": "yes"}
    assert not only(make_nornir(device, data=data).run(task=assess, ssh=shell)).failed
    assert [(one.ssh_port, one.login_timeout, one.legacy_ssh) for one in asked] == [(device.ssh_port, 45, True)]


def test_an_unknown_host_key_is_a_failure_and_no_password_is_sent(
    lab: Lab, make_nornir: MakeNornir, tmp_path: Path
) -> None:
    device = lab.add()
    nr = make_nornir(device)
    (tmp_path / ".ssh" / "known_hosts").write_text("")
    error = only(nr.run(task=push)).result["error"]
    assert error["kind"] == "host-key"
    assert "ssh-keyscan" in error["hint"]
    assert operations(device) == []


@leaves_its_socket
def test_an_entry_that_ncclient_cannot_use_is_said(make_nornir: MakeNornir, tmp_path: Path) -> None:
    with Simulator(host_key=asyncssh.generate_private_key("ssh-rsa")) as simulator:
        lab = Lab(simulator, tmp_path)
        nr = make_nornir(lab.add())
        (tmp_path / ".ssh" / "known_hosts").write_text(simulator.known_hosts())
        assert "ssh-rsa entry of known_hosts" in only(nr.run(task=push)).result["error"]["hint"]
    gc.collect()


@leaves_its_socket
def test_a_pinned_key_that_this_ncclient_cannot_read_is_said(lab: Lab, make_nornir: MakeNornir) -> None:
    device = lab.add()
    pinned = {"netconf": {"extras": {"hostkey_b64": device.host_key.split()[2]}}}
    error = only(make_nornir(device, connection_options=pinned).run(task=push)).result["error"]
    assert "DSSKey" in error["message"]
    assert "paramiko<4" in error["hint"]
    gc.collect()


def test_without_nornir_netconf_the_hint_says_what_to_install(
    lab: Lab, make_nornir: MakeNornir, monkeypatch: pytest.MonkeyPatch
) -> None:
    nr = make_nornir(lab.add())
    monkeypatch.delitem(ConnectionPluginRegister.available, "netconf")
    error = only(nr.run(task=licensing)).result["error"]
    assert (error["kind"], "xr-trust-agent[nornir]" in error["hint"]) == ("input", True)


def test_a_connection_that_has_ended_is_said_and_the_hint_helps(lab: Lab, make_nornir: MakeNornir) -> None:
    device = lab.add(terminal_rpc="installs")
    nr = make_nornir(device)
    only(nr.run(task=licensing))
    manager = nr.inventory.hosts[device.name].connections["netconf"].connection
    device.post(device.drop_all)
    manager._session.join(10)

    result = only(nr.run(task=push))
    assert (result.failed, result.result["error"]["kind"]) == (True, "session-lost")
    assert "host.connections.pop('netconf')" in result.result["error"]["hint"]

    nr.inventory.hosts[device.name].connections.pop("netconf")
    manager._session.transport.sock.close()  # which neither ncclient nor paramiko does once it has ended
    nr.data.reset_failed_hosts()
    assert only(nr.run(task=push)).result["outcome"] == "remedied"


def test_nothing_connects_unless_a_connect_is_given(lab: Lab, make_nornir: MakeNornir) -> None:
    for connect, outcome in ((None, "unknown"), (agent.connect, "remedied")):
        device = lab.add(terminal_rpc="installs", confirmed_commit=False)
        device.faults.append(Fault("commit", FaultKind.DROP_AFTER))
        result = only(make_nornir(device).run(task=push, connect=connect))
        assert result.result["outcome"] == outcome, result.result
        assert result.changed
        assert len({session for session, _ in device.log}) == (1 if connect is None else 2)


def test_a_second_session_confirms_the_commit_where_connect_is_given(lab: Lab, make_nornir: MakeNornir) -> None:
    for connect, confirmed in ((None, None), (agent.connect, "done")):
        device = lab.add(terminal_rpc="installs")
        result = only(make_nornir(device).run(task=push, connect=connect))
        assert (result.result["outcome"], step(result.result, "confirm")) == ("remedied", confirmed)


def test_the_cli_goes_by_the_hosts_own_settings_and_can_be_ruled_out(lab: Lab, make_nornir: MakeNornir) -> None:
    device = lab.add(release="6.6.3")
    nr = make_nornir(device)
    refused = only(nr.run(task=push, ssh=None))
    assert (refused.failed, refused.result["outcome"]) == (True, "skipped")
    nr.data.reset_failed_hosts()
    result = only(nr.run(task=push))
    assert (result.result["outcome"], result.result["method"]) == ("remedied", "dialog"), result.result


def test_the_cli_takes_the_key_of_the_connection(lab: Lab, make_nornir: MakeNornir, tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "id")], check=True)
    lab.simulator.authorize((tmp_path / "id.pub").read_text())
    extras = {"key_filename": str(tmp_path / "id"), "allow_agent": False, "look_for_keys": False, "timeout": 10}
    nr = make_nornir(lab.add(release="6.6.3"), password=None, connection_options={"netconf": {"extras": extras}})
    result = only(nr.run(task=push))
    assert (result.result["outcome"], result.result["method"]) == ("remedied", "dialog"), result.result


def test_assess_judges_and_fails_only_where_it_cannot_read(lab: Lab, make_nornir: MakeNornir) -> None:
    for settings, verdict, severity in (
        (Persona(release="7.4.1"), "affected", logging.WARNING),
        (Persona(certificate=ROOT_PEM, enrollment="terminal"), "remedied", logging.INFO),
    ):
        result = only(make_nornir(lab.add(settings)).run(task=assess))
        check("assess", result.result)
        assert (result.result["verdict"], result.severity_level) == (verdict, severity)
        assert not result.failed
    unread = only(make_nornir(lab.add(), password="wrong").run(task=assess))
    check("assess", unread.result)
    assert (unread.failed, unread.result["verdict"], unread.severity_level) == (True, "unknown", logging.ERROR)
    assert "check user, key and password in the inventory" in unread.result["reasons"]


def test_assess_judges_by_the_notice_given(lab: Lab, make_nornir: MakeNornir) -> None:
    other = replace(bundled(), name="FN1", affected=frozenset(), servers={})
    result = only(make_nornir(lab.add(release="7.4.1")).run(task=assess, notice=other))
    assert result.result["verdict"] != "affected"
    assert not any("FN72290" in reason for reason in result.result["reasons"])


def test_licensing_is_read_by_its_model_or_the_cli(lab: Lab, make_nornir: MakeNornir) -> None:
    shown = schema("show")["$defs"]["Licensing"]
    for release, ssh, source in (("7.8.1", None, "infra-smartlicense-oper"), ("7.3.1", agent.Ssh, "console")):
        result = only(make_nornir(lab.add(release=release)).run(task=licensing, ssh=ssh))
        assert set(result.result) == {*shown["required"], "device", "error"}
        assert (result.failed, result.result["registration"]) == (False, "complete")
        assert source in result.result["source"]
    result = only(make_nornir(lab.add(release="7.3.1")).run(task=licensing, ssh=None))
    assert (result.failed, result.result["registration"]) == (True, None)
    assert result.result["missing"]


def test_records_of_each_thread_are_about_its_device_and_step(lab: Lab, make_nornir: MakeNornir) -> None:
    devices = [lab.add(terminal_rpc="installs") for _ in range(3)]
    for device in devices:
        device.faults.append(Fault("lock", FaultKind.ERROR, rpc_error("lock-denied")))

    def job(task: Task) -> Result:
        with agent.bound(run="CHG0042"):
            return push(task)

    with logged() as records:
        assert not make_nornir(*devices).run(task=job).failed
    said = [vars(record) | {"said": record.getMessage()} for record in records if "is repeated" in record.getMessage()]
    assert {one["device"] for one in said} == {device.name for device in devices}
    for one in said:
        assert one["said"].startswith(f"{one['device']}: lock is repeated")
        assert (one["run"], one["step"]) == ("CHG0042", "lock")
    assert len({one["thread"] for one in said}) > 1


def test_what_ncclient_says_while_it_connects_is_about_the_device(lab: Lab, make_nornir: MakeNornir) -> None:
    device = lab.add()
    with logged(of="ncclient.transport") as records:
        only(make_nornir(device).run(task=licensing, ssh=None))
    (greeted,) = [
        record for record in records if record.getMessage().startswith("[host") and "initialized" in record.msg
    ]
    assert getattr(greeted, "device", None) == device.name


def test_events_are_told_in_the_hosts_thread(lab: Lab, make_nornir: MakeNornir) -> None:
    seen: list[tuple[str, str]] = []
    device = lab.add(terminal_rpc="installs")
    only(make_nornir(device).run(task=push, on_event=lambda event: seen.append((event.device, event.step))))
    assert (device.name, "commit") in seen
