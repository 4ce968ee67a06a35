"""A Nornir inventory of simulated routers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from nornir import InitNornir
from nornir.core import Nornir

from agent.simulator import Device
from tests.support import Lab

MakeNornir = Callable[..., Nornir]


@pytest.fixture
def make_nornir(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeNornir]:
    """Makes the Nornir whose hosts are the devices given; further values go into the entry of each host.

    The devices' host keys are in ``~/.ssh/known_hosts``, where ncclient looks.
    """
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ssh").mkdir(exist_ok=True)

    made: list[Nornir] = []

    def make(*devices: Device, dry_run: bool = False, **changes: Any) -> Nornir:
        (tmp_path / ".ssh" / "known_hosts").write_text(lab.simulator.known_hosts())
        hosts = {device.name: entry(lab, device) | changes for device in devices}
        (tmp_path / "hosts.yaml").write_text(json.dumps(hosts))  # JSON is YAML
        nr = InitNornir(
            dry_run=dry_run,
            inventory={"options": {"host_file": str(tmp_path / "hosts.yaml")}},
            runner={"plugin": "threaded", "options": {"num_workers": 4}},
            logging={"enabled": False},
            ssh={"config_file": str(tmp_path / "no_ssh_config")},
        )
        made.append(nr)
        return nr

    yield make
    for nr in made:
        nr.close_connections(on_failed=True)


def entry(lab: Lab, device: Device) -> dict[str, Any]:
    return {
        "hostname": "127.0.0.1",
        "port": device.port,
        "username": lab.simulator.username,
        "password": lab.simulator.password,
        "data": {"ssh_port": device.ssh_port or None},
        "connection_options": {"netconf": {"extras": {"allow_agent": False, "look_for_keys": False, "timeout": 10}}},
    }
