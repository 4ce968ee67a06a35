"""CLI and SFTP of simulated devices, which share nothing with the code under test but the nouns."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

import agent
from agent.model.errors import AgentError, ConsoleError, FileError, OutcomeUnknown, PolicyRefused
from agent.model.pki.certificate import Certificate, Evidence
from agent.model.state import EnrollmentKind, Reading
from agent.simulator import Device
from agent.xr.cli import readings as cliread
from tests.model.test_anchor import make_pem
from tests.support import Clock, DeviceClock, Lab

ANCHOR = agent.TrustAnchor.bundled()


@pytest.mark.parametrize("timestamps", [True, False])
@pytest.mark.parametrize("style", ["sha1", "attributes"])
@pytest.mark.parametrize("dialog", ["plain", "confirm", "late"])
def test_the_anchor_is_accepted_in_each_variant(lab: Lab, dialog: str, style: str, timestamps: bool) -> None:
    device = lab.add(release="7.3.2", dialog=dialog, print_style=style, timestamps=timestamps, enrollment="terminal")
    with lab.ssh(device) as ssh:
        assert ssh.console().authenticate("Trustpool", ANCHOR).proves(ANCHOR) is Evidence.CONSOLE
        assert device.state.certificates == {"Trustpool": ANCHOR.pem}
        assert "7.3.2" in ssh.console().show("show version")
    assert set(device.answers) == {"yes"}


@pytest.mark.parametrize("fingerprint", ["", "AA" * 20, ANCHOR.sha1[:-2]])
def test_another_fingerprint_is_not_accepted(lab: Lab, fingerprint: str) -> None:
    device = lab.add(release="7.3.2", dialog_fingerprint=fingerprint, enrollment="terminal")
    with lab.ssh(device) as ssh, pytest.raises(agent.AnchorMismatch):
        ssh.console().authenticate("Trustpool", ANCHOR)
    assert device.answers == ["no"]
    assert not device.state.certificates


@pytest.mark.parametrize("dialog, kind", [("already", PolicyRefused), ("unknown", ConsoleError)])
def test_an_odd_question_changes_nothing(lab: Lab, dialog: str, kind: type[AgentError]) -> None:
    other = make_pem("Somebody Else")
    device = lab.add(release="7.3.2", dialog=dialog, enrollment="terminal", certificate=other)
    with lab.ssh(device) as ssh:
        with pytest.raises(kind):
            ssh.console().authenticate("Trustpool", ANCHOR)
        assert "7.3.2" in ssh.console().show("show version")
    assert device.answers == ["no"]
    assert device.state.certificates == {"Trustpool": other}


@pytest.mark.parametrize("when", ["begin", "pasted", "accepted", "installed"])
@pytest.mark.parametrize("how", ["drop", "error", "hang"])
def test_a_dialog_that_breaks_leaves_a_cli_that_works(lab: Lab, how: str, when: str) -> None:
    device = lab.add(release="7.3.2", dialog_breaks=(how, when), enrollment="terminal")
    with lab.ssh(device, clock=DeviceClock.of(device)) as ssh:
        with pytest.raises(AgentError) as caught:
            ssh.console().authenticate("Trustpool", ANCHOR)
        answered = when in ("accepted", "installed")
        assert isinstance(caught.value, OutcomeUnknown) is (answered and how != "error")
        assert "7.3.2" in ssh.console().show("show version")
    assert ("Trustpool" in device.state.certificates) is (when == "installed")


def test_the_trustpoint_is_typed_and_read_back(lab: Lab) -> None:
    device = lab.add(release="6.6.3")
    command = "show running-config crypto ca trustpoint Trustpool"
    with lab.ssh(device) as ssh:
        assert "No such configuration" in ssh.console().show(command)
        ssh.console().configure(["crypto ca trustpoint Trustpool", "enrollment terminal"])
        assert " enrollment terminal\n" in ssh.console().show(command)
    assert device.config.commits == 1


def test_a_refused_commit_changes_nothing_and_says_why(lab: Lab) -> None:
    device = lab.add(release="6.6.3", commit_error="'crypto' detected the 'fatal' condition 'No room'")
    with lab.ssh(device) as ssh, pytest.raises(ConsoleError, match=r"refused: crypto ca trustpoint Trustpool.*No room"):
        ssh.console().configure(["crypto ca trustpoint Trustpool", "enrollment terminal"])
    assert device.enrollment("Trustpool") is None
    assert not device.config.locks


def test_a_file_goes_to_the_disk_and_on_to_tmp(lab: Lab) -> None:
    device = lab.add(release="7.3.2")
    data = bytes(range(256)) * 1200
    with lab.ssh(device) as ssh:
        ssh.files().put(data, "/misc/disk1/ios.p7b")
        ssh.console().copy("/harddisk:/ios.p7b", "/tmp/ios.p7b")
        assert device.files == {"/misc/disk1/ios.p7b": data, "/tmp/ios.p7b": data}
        with pytest.raises(ConsoleError, match="No such file"):
            ssh.console().copy("/harddisk:/none", "/tmp/none")
        ssh.console().remove("/tmp/ios.p7b")
        ssh.files().remove("/misc/disk1/ios.p7b")
    assert not device.files


@pytest.mark.parametrize("fault", ["full", "denied", "corrupt"])
def test_a_bad_disk_is_named_and_left_clean(lab: Lab, fault: str) -> None:
    device = lab.add(release="25.2.1", file_faults=(fault,))
    with lab.ssh(device) as ssh, pytest.raises(FileError):
        ssh.files().put(bytes(300_000), "/misc/disk1/xr-agent.pem")
    assert not device.files


def test_a_command_that_the_user_may_not_use_is_named(lab: Lab) -> None:
    device = lab.add(release="7.3.2", forbidden=("run", "crypto ca authenticate", "configure"))
    with lab.ssh(device) as ssh:
        console = ssh.console()
        for attempt in (
            lambda: console.copy("/harddisk:/a", "/tmp/a"),
            lambda: console.authenticate("Trustpool", ANCHOR),
            lambda: console.configure(["crypto ca trustpoint Trustpool"]),
        ):
            with pytest.raises(ConsoleError) as caught:
                attempt()
            assert caught.value.unauthorized
        assert console.alive


def test_nothing_that_is_typed_or_printed_is_logged(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    device = lab.add(release="7.3.2", enrollment="terminal")
    with caplog.at_level(logging.DEBUG), lab.ssh(device) as ssh:
        ssh.console().authenticate("Trustpool", ANCHOR)
        ssh.console().show("show version")
    for said in (ANCHOR.pem.splitlines()[1], "show version", "Cisco IOS XR Software", "crypto ca authenticate"):
        assert said not in caplog.text
    assert "asyncssh" in {record.name for record in caplog.records}


def test_a_router_that_limits_new_sessions_is_waited_for_at_the_cli_too(lab: Lab, clock: Clock) -> None:
    device = lab.add(release="7.3.2")
    device.config.clock = lambda: clock.now
    device.refuse_until = 50.0
    with agent.Ssh(lab.target(device), clock.policy()) as ssh:
        assert "7.3.2" in ssh.console().show("show version")
        assert not ssh.files().exists("/misc/disk1/none")
    assert clock.slept == [60.0]


def test_without_a_policy_the_cli_fails_at_once_and_is_not_asked_again_for_a_minute(lab: Lab, clock: Clock) -> None:
    device = lab.add()
    device.config.clock = lambda: clock.now
    device.refuse_until = 50.0
    with lab.ssh(device) as ssh:
        ssh.policy = clock.policy(attempts=1)
        for now in (0.0, 59.0):
            clock.now = now
            with pytest.raises(agent.ConnectError) as caught:
                ssh.console()
            assert caught.value.rate_limited
        clock.now = 61.0
        assert ssh.console().alive
    assert clock.slept == []


def test_a_wait_for_the_cli_that_is_interrupted_is_no_failed_attempt(lab: Lab, clock: Clock) -> None:
    device = lab.add()
    device.config.clock = lambda: clock.now
    device.refuse_until = 50.0
    with agent.Ssh(lab.target(device), clock.policy(stop=lambda seconds: True)) as ssh:
        with pytest.raises(agent.Interrupted):
            ssh.console()
        ssh.policy = clock.policy()
        assert ssh.console().alive


@pytest.mark.parametrize(
    "changes, error",
    [({"password": agent.Secret("wrong")}, agent.SSHAuthenticationError), ({"ssh_port": 1}, agent.ConnectError)],
    ids=["password", "port"],
)
def test_what_waiting_does_not_cure_fails_at_once_at_the_cli_too(
    lab: Lab, clock: Clock, changes: dict[str, object], error: type[AgentError]
) -> None:
    with agent.Ssh(lab.target(lab.add(), **changes), clock.policy()) as ssh, pytest.raises(error):
        ssh.console()
    assert clock.slept == []


LOGS = (
    "RP/0/RP0/CPU0:Aug 20 18:41:28.381 UTC: smartlicserver[266]: %LICENSE-SMART_LIC-3-COMM_FAILED : it cannot",
    "%SMART_LIC-3-EVAL_EXPIRED:this user is not authorized to go on",
)
NOISY: dict[str, Any] = {"noise": ("drbg_instantiate failed",), "logs": LOGS}


@pytest.mark.parametrize("style", ["sha1", "attributes"])
@pytest.mark.parametrize("dialog", ["plain", "confirm", "late"])
def test_noise_changes_nothing_of_the_dialog(lab: Lab, dialog: str, style: str) -> None:
    device = lab.add(release="7.1.2", dialog=dialog, print_style=style, enrollment="terminal", **NOISY)
    with lab.ssh(device) as ssh:
        assert ssh.console().authenticate("Trustpool", ANCHOR).proves(ANCHOR) is Evidence.CONSOLE
        assert cliread.certificate(ssh, "Trustpool").value == shown(lab, device, ssh)
    assert set(device.answers) == {"yes"}
    assert device.state.certificates == {"Trustpool": ANCHOR.pem}


def shown(lab: Lab, device: Device, ssh: agent.Ssh) -> Certificate | None:
    """What is read of the same device without noise."""
    device.persona = replace(device.persona, noise=(), logs=())
    return cliread.certificate(ssh, "Trustpool").value


@pytest.mark.parametrize("read", [cliread.trustpool, cliread.licensing, cliread.software])
@pytest.mark.parametrize("release, policy", [("7.1.2", False), ("24.2.1", True)])
def test_noise_changes_nothing_of_a_reading(
    lab: Lab, read: Callable[[agent.Ssh], Reading[Any]], release: str, policy: bool
) -> None:
    device = lab.add(release=release, policy=policy, **NOISY)
    with lab.ssh(device) as ssh:
        noisy = read(ssh)
        device.persona = replace(device.persona, noise=(), logs=())
        assert noisy.value
        assert noisy == read(ssh)


ASKS = "This could be a few minutes if your config is large. Confirm? [y/n][confirm]"


@pytest.mark.parametrize("name", ["r1", "a-very-long-host-name-of-a-router.site.example"])
@pytest.mark.parametrize("asks", [None, ASKS])
def test_noise_and_a_question_change_nothing_of_a_commit(lab: Lab, asks: str | None, name: str) -> None:
    device = lab.add(name=name, release="6.6.3", commit_asks=asks, **NOISY)
    with lab.ssh(device) as ssh:
        ssh.console().configure(["crypto ca trustpoint Trustpool", "enrollment terminal"])
        found = cliread.config(ssh, "Trustpool").value
    assert found is not None
    assert found.enrollment.kind is EnrollmentKind.TERMINAL
    assert device.answers == ([] if asks is None else ["y"])
    assert device.config.commits == 1


def test_licensing_that_the_admin_plane_refuses_is_missing_with_its_words(lab: Lab) -> None:
    device = lab.add(release="7.4.1", forbidden=("show license",))
    with lab.ssh(device) as ssh:
        found = cliread.licensing(ssh)
    assert not found.answered
    assert "syntax error: unknown argument" in str(found.missing)
    assert "not authorized" in str(found.missing)
