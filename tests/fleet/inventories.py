"""Inventories in files, as the tests of what is read of them write them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import agent
from agent.fleet.inventory.source import load


def write(folder: Path, hosts: str, groups: str | None = None, defaults: str | None = None) -> str:
    """The path of an inventory with these files."""
    for name, text in (("hosts", hosts), ("groups", groups), ("defaults", defaults)):
        if text is not None:
            (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return str(folder / "hosts.yaml")


def refused(source: str) -> agent.InputError:
    with pytest.raises(agent.InputError) as error:
        load(source)
    return error.value


def put(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def config(folder: Path, text: str) -> Path:
    return Path(put(folder / "config.yaml", text))


def simple(hosts: str, **more: str) -> str:
    """A configuration of nornir with these files of its SimpleInventory."""
    return json.dumps({"inventory": {"plugin": "SimpleInventory", "options": {"host_file": hosts, **more}}})


FULL = (
    """
r1:
  hostname: 192.0.2.1
  port: 22
  username: a
  password: env:A
  platform: iosxr
  groups: [near, far]
  data: {site: {name: London}, xr_agent: {method: rpc}}
  connection_options:
    netconf: {hostname: n.example, port: 8300, extras: {hostkey_verify: false}}
    netmiko: {platform: cisco_xr}
r2: {}
""",
    """
near: {groups: [far], data: {role: core}}
far: {username: b, connection_options: {netconf: {username: c}}}
""",
    "username: d\ndata: {region: emea}\nconnection_options: {netconf: {password: 'env:N'}}\n",
)
