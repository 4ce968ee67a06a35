"""What a connection through jump hosts asks of them."""

from __future__ import annotations

from pathlib import Path

import pytest

import agent
from agent.ssh import connect
from agent.ssh.connection import Connection, Deadline
from agent.ssh.peer.service import Service


@pytest.mark.parametrize("own, of_jump, given", [(90.0, 30.0, 90.0), (5.0, 30.0, 30.0)])
def test_a_login_at_a_jump_host_may_take_as_long_as_the_routers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: float, of_jump: float, given: float
) -> None:
    config, asked = tmp_path / "config", []
    config.touch()
    outer = agent.Device("j1", ssh_config=config)
    inner = agent.Device("j2", ssh_config=config, jump=outer, login_timeout=of_jump)
    router = agent.Device("r1", username="admin", ssh_config=config, jump=inner, login_timeout=own)
    opened = connect.open_ssh

    def open_ssh(device: agent.Device, deadline: Deadline, service: Service) -> Connection:
        asked.append((device.host, device.login_timeout))
        if device.host == "j1":
            raise agent.ConnectError("it is away", device="j1")
        return opened(device, deadline, service)

    monkeypatch.setattr(connect, "open_ssh", open_ssh)
    with pytest.raises(agent.ConnectError, match="the jump host j1: it is away"):
        opened(router, Deadline(5.0), Service.NETCONF)
    assert asked == [("j2", given), ("j1", given)]
