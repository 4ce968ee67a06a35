"""A Manager that is opened only when asked for: whatever ncclient raises meanwhile has its name in the error tree."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from ncclient import manager
from ncclient.transport.errors import SSHUnknownHostError

import agent
from agent.netconf.borrow import borrow
from agent.simulator import Device, Fault, FaultKind
from tests.support import Lab

Open = Callable[..., Any]


@pytest.fixture
def opens(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Open:
    """What opens a Manager to a device, as an orchestrator does; ``~/.ssh/known_hosts`` names the lab's devices."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ssh").mkdir()

    def make(device: Device, known_hosts: str | None = None, **changes: Any) -> Callable[[], Any]:
        given = {
            "host": "127.0.0.1",
            "port": device.port,
            "username": lab.simulator.username,
            "password": lab.simulator.password,
            "allow_agent": False,
            "look_for_keys": False,
            "timeout": 10,
        }
        text = lab.simulator.known_hosts() if known_hosts is None else known_hosts
        (tmp_path / ".ssh" / "known_hosts").write_text(text)
        return lambda: manager.connect(**given | changes)

    return make


def another_key(device: Device) -> str:
    return f"[127.0.0.1]:{device.port} {asyncssh.generate_private_key('ssh-ed25519').export_public_key().decode()}"


def test_it_is_opened_once_and_left_open(lab: Lab, opens: Open) -> None:
    device = lab.add(terminal_rpc="installs")
    opened: list[Any] = []

    def open_manager() -> Any:
        opened.append(opens(device)())
        return opened[-1]

    with borrow(open_manager, lab.target(device)) as session:
        assert (session.owned, session.address) == (False, f"127.0.0.1:{device.port}")
        outcome = agent.remediate(session)
    assert outcome.result is agent.Result.REMEDIED
    (owner,) = opened
    assert owner.connected
    owner.close_session()


@pytest.mark.parametrize("keys", [lambda device: "", another_key], ids=["unknown", "another"])
def test_a_host_key_that_ncclient_refuses_is_a_host_key_error(
    lab: Lab, opens: Open, keys: Callable[[Device], str]
) -> None:
    device = lab.add()
    with pytest.raises(agent.HostKeyError, match="is not in known_hosts") as raised:
        borrow(opens(device, known_hosts=keys(device)), lab.target(device))
    assert raised.value.device == device.name
    assert "ssh-keyscan" in str(raised.value.hint)


def test_a_refused_login_is_an_authentication_error(lab: Lab, opens: Open) -> None:
    device = lab.add()
    with pytest.raises(agent.SSHAuthenticationError, match="refused the login") as raised:
        borrow(opens(device, password="wrong"), lab.target(device))
    assert raised.value.device == device.name
    assert "wrong" not in str(raised.value)


@pytest.mark.parametrize(
    "fault",
    [
        Fault("hello", FaultKind.RAW, b"<hello>]]>]]>"),
        Fault("hello", FaultKind.GARBAGE, b"220 ftp ready\r\n"),
        Fault("hello", FaultKind.DROP_BEFORE),
        Fault("connect", FaultKind.RESET),
    ],
    ids=lambda fault: f"{fault.operation} {fault.kind.name}",
)
def test_what_is_no_netconf_is_a_connect_error(lab: Lab, opens: Open, fault: Fault) -> None:
    device = lab.add()
    device.faults.append(fault)
    with pytest.raises(agent.ConnectError) as raised:
        borrow(opens(device, timeout=2), lab.target(device))
    assert raised.value.device == device.name
    assert raised.value.hint
    assert "\n" not in raised.value.message


def test_a_bug_of_the_orchestrator_stays_a_bug(lab: Lab) -> None:
    target = lab.target(lab.add())
    for bug in (AttributeError("name"), KeyError("name"), TypeError("name")):

        def fails(error: Exception = bug) -> Any:
            raise error

        with pytest.raises(type(bug)):
            borrow(fails, target)


@pytest.mark.parametrize("keys", [lambda device: "", another_key], ids=["unknown", "another"])
def test_ncclients_handler_for_iosxr_accepts_any_host_key(lab: Lab, opens: Open, keys: Callable[[Device], str]) -> None:
    """docs/orchestrators.md warns of it; where this fails the warning can go."""
    device = lab.add()
    refusing = {"hostkey_verify": True, "unknown_host_cb": lambda host, fingerprint: False}
    with opens(device, known_hosts=keys(device), device_params={"name": "iosxr"}, **refusing)() as owner:
        assert owner.connected
    with pytest.raises(SSHUnknownHostError):
        opens(device, known_hosts=keys(device), device_params={"name": "default"}, **refusing)()
