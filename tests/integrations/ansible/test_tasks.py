"""What a task returns, without Ansible: each end of a push, and what ends it."""

from __future__ import annotations

import errno
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.integrations.ansible import logins
from agent.integrations.ansible.tasks import Host, info, root
from agent.model.errors import JournalError
from agent.model.local.user import state_folder
from agent.remedy.lease.lease import Lease
from agent.simulator import Device, Fault, FaultKind
from tests.support import Lab, left_clean


def host(lab: Lab, device: Device, **options: Any) -> Host:
    folder = lab.folder / "run"
    folder.mkdir(exist_ok=True)
    said = {
        "ansible_host": "127.0.0.1",
        "ansible_user": lab.simulator.username,
        "ansible_password": lab.simulator.password,
    }
    ports = {"port": device.port, "ssh_port": device.ssh_port or 22}
    return Host(device.name, said, {"known_hosts": str(lab.known_hosts), **ports, **options}, folder)


def test_a_push_shows_the_plan_that_it_carried_out_and_tells_its_steps(lab: Lab) -> None:
    device = lab.add(terminal_rpc="installs")
    told: list[str] = []
    one = host(lab, device)
    result = root(replace(one, told=told.append))
    assert (result["changed"], result["failed"], result["outcome"]) == (True, False, "remedied")
    assert result["diff"]["prepared"].startswith("+ crypto ca trustpoint Trustpool\n+  enrollment terminal\n")
    assert any(line.startswith("commit done") for line in told)
    again = root(one)
    assert (again["changed"], again["failed"], again["outcome"], "diff" in again) == (False, False, "unchanged", False)


@pytest.mark.parametrize("number", [signal.SIGALRM, signal.SIGTERM])
def test_a_signal_ends_a_push_in_order_and_its_handler_comes_back(lab: Lab, number: signal.Signals) -> None:
    device = lab.add(terminal_rpc="installs")

    def broken_off(*_: object) -> None:
        pytest.fail("it was broken off")

    before = signal.signal(number, broken_off)
    try:
        one = host(lab, device)

        def told(line: str) -> None:
            if line.startswith("edit-config done"):
                os.kill(os.getpid(), number)

        result = root(replace(one, told=told))
        assert signal.getsignal(number) is broken_off
    finally:
        signal.signal(number, before)
    assert (result["failed"], result["changed"], result["error"]["kind"]) == (True, False, "interrupted")
    assert left_clean(device)
    assert device.trustpoints() == []


@pytest.mark.parametrize("where, outcome, changed", [("begin", "failed", False), ("end", "unknown", True)])
def test_what_cannot_be_kept_of_a_push_fails_it(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, where: str, outcome: str, changed: bool
) -> None:
    def full(*_: object) -> None:
        raise JournalError("what is begun at the router cannot be kept", hint="see to its disk")

    monkeypatch.setattr(Lease, where, full)
    device = lab.add(terminal_rpc="installs")
    result = root(host(lab, device))
    assert (result["outcome"], result["failed"], result["changed"]) == (outcome, True, changed), result
    assert result["msg"].startswith(f"{device.name}: {outcome}: ")
    assert "what is begun at the router cannot be kept" in result["msg"]
    assert left_clean(device)


def test_a_lease_that_cannot_be_kept_is_a_failure(lab: Lab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    assert state_folder() == tmp_path / "file" / "xr-agent"
    device = lab.add(terminal_rpc="installs")
    result = root(host(lab, device))
    assert (result["outcome"], result["failed"], result["changed"]) == ("failed", True, False)
    assert device.trustpoints() == []


def test_a_folder_of_the_run_that_cannot_be_used_is_one_line_before_the_router(lab: Lab) -> None:
    device = lab.add(terminal_rpc="installs")
    away = replace(host(lab, device), folder=lab.folder / "away")
    for result in (root(away), root(away, check=True), info(away)):
        assert result["failed"]
        assert result["error"]["kind"] == "input"
        assert result["msg"].startswith(f"{device.name}: ")
        assert "No such file or directory; next: " in result["msg"]
    assert device.log == []


def full_disk(*_: object) -> int:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_nobody_logs_in_where_a_refusal_could_not_be_kept(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logins, "_write", full_disk)
    device = lab.add(terminal_rpc="installs")
    result = root(host(lab, device))
    assert (result["outcome"], result["error"]["kind"]) == ("skipped", "login-withheld")
    assert "a refusal could not be kept: " in result["msg"]
    assert "No space left on device; next: see to the controller's disk" in result["msg"]
    assert device.log == []


def test_a_disk_that_fills_up_during_a_login_ends_no_push(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    device = lab.add(terminal_rpc="installs")
    one, end = host(lab, device), logins.SharedLogins._ended

    def fills_up(self: logins.SharedLogins, *said: Any) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(logins, "_write", full_disk)
            end(self, *said)

    monkeypatch.setattr(logins.SharedLogins, "_ended", fills_up)
    assert root(one)["outcome"] == "remedied"


def test_a_token_registers_and_shows_nowhere(lab: Lab) -> None:
    device = lab.add(release="7.8.1", terminal_rpc="installs", registration="not-registered")
    told: list[str] = []
    one = host(lab, device, token="t0k3n-of-nobody")
    result = root(replace(one, told=told.append))
    assert result["changed"]
    assert "register-id-token" in [operation for _, operation in device.log]
    assert "t0k3n" not in str(result) + str(told) + repr(one)


def test_the_verdict_affected_is_no_failure_and_one_that_cannot_be_read_is(lab: Lab) -> None:
    device = lab.add(release="7.4.1")
    result = info(host(lab, device))
    assert (result["verdict"], result["failed"], result["changed"], result["error"]) == ("affected", False, False, None)
    assert result["msg"].startswith(f"{device.name}: affected, because ")
    one = host(lab, device)
    result = info(replace(one, said={**one.said, "ansible_password": "wrong"}))
    assert (result["verdict"], result["failed"], result["error"]["kind"]) == ("unknown", True, "authentication")
    assert result["msg"].startswith(f"{device.name}: ")
    assert "; next: check user, key and password" in result["msg"]


def test_what_a_device_says_does_not_act_on_a_terminal(lab: Lab) -> None:
    device = lab.add(terminal_rpc="installs", ssh=False)
    error = (
        b"<rpc-error><error-type>application</error-type><error-tag>operation-failed</error-tag>"
        b"<error-severity>error</error-severity><error-message>\xc2\x9b31m red</error-message></rpc-error>"
    )
    device.faults.append(Fault("commit", FaultKind.ERROR, error, times=9))
    result = root(host(lab, device))
    assert result["failed"]
    assert "31m red" in result["msg"]
    assert "\x9b" not in str(result) + result["msg"]
