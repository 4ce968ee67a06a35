"""A router's sessions go where its lease is, whatever becomes of the SSH configuration in between."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import agent
from agent.fleet.inventory.target import Reach, Target
from agent.fleet.run.router import Hooks, Router
from agent.model.errors import HostKeyError
from agent.netconf.retry import Policy, completed
from tests.support import Lab


def test_every_session_goes_by_what_the_path_was_made_of_and_by_the_known_hosts_as_they_are_then(
    lab: Lab, reach: Reach, tmp_path: Path
) -> None:
    device = lab.add()
    file, known_hosts = tmp_path / "ssh_config", tmp_path / "keys"
    known_hosts.write_text(f"right {lab.known_hosts.read_text().split(' ', 1)[1]}")
    file.write_text("Host core1\n HostName 127.0.0.1\n HostKeyAlias right\n")
    reach = replace(reach, ssh_config=file, host_keys=agent.HostKeys(known_hosts))
    router = Router(Target("core1", "core1", port=device.port), reach, Hooks())
    file.write_text("Host core1\n HostName 127.0.0.1\n HostKeyAlias another\n")
    assert router.path.host == "127.0.0.1"
    for opened in (router.first, router.opened, router.opening):
        with completed(opened(), Policy()) as session:
            assert session.connected
    known_hosts.write_text("")
    with pytest.raises(HostKeyError):
        completed(router.opened(), Policy())
