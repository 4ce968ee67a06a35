"""The peer's part of the fleet bench: nornir's threads and nornir_netconf's tasks, the same rpcs one after the other.

It runs in a virtual environment of its own (``bench/fleet.py`` makes it), since nornir_netconf wants ncclient < 0.7.
Host keys are not checked. Each connection is closed as soon as its router is done, which nornir leaves to the user.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable
from typing import Any

from nornir.core import Nornir
from nornir.core.configuration import Config
from nornir.core.inventory import ConnectionOptions, Defaults, Groups, Host, Hosts, Inventory
from nornir.core.plugins.connections import ConnectionPluginRegister
from nornir.core.task import Result, Task
from nornir.plugins.runners import ThreadedRunner
from nornir_netconf.plugins.tasks import (
    netconf_commit,
    netconf_edit_config,
    netconf_get,
    netconf_get_config,
    netconf_lock,
    netconf_rpc,
    netconf_validate,
)

from bench.contestant import Asked, contend

Step = tuple[Callable[..., Result], dict[str, Any]]
_BASE = "urn:ietf:params:xml:ns:netconf:base:1.0"
_EXTRAS = {
    "hostkey_verify": False,
    "allow_agent": False,
    "look_for_keys": False,
    "timeout": 120,
    "device_params": {"name": "iosxr"},
}


def push_all(asked: Asked) -> list[str]:
    """Push to every router, and give the failures."""
    ConnectionPluginRegister.auto_register()
    nornir = Nornir(
        inventory=_inventory(asked), runner=ThreadedRunner(num_workers=asked.workers), config=Config.from_dict()
    )
    done = nornir.run(task=_push, steps=[_step(rpc) for rpc in asked.rpcs])
    return [f"{name}: {done[name][-1].exception!r}" for name in done.failed_hosts]


def _push(task: Task, steps: list[Step]) -> Result:
    try:
        for run, arguments in steps:
            task.run(run, **arguments)
    finally:
        task.host.close_connections()
    return Result(host=task.host)


def _inventory(asked: Asked) -> Inventory:
    options = {"netconf": ConnectionOptions(extras=_EXTRAS)}
    hosts = {
        f"r{port}": Host(
            f"r{port}",
            hostname="127.0.0.1",
            port=port,
            username=asked.username,
            password=asked.password,
            connection_options=options,
        )
        for port in asked.ports
    }
    return Inventory(Hosts(hosts), Groups(), Defaults())


def _step(rpc: str) -> Step:
    """The task that sends *rpc*, and its arguments."""
    root = ET.fromstring(rpc)  # noqa: S314 - the bench's own

    def text(path: str) -> str:
        """What is below *path*, as XML."""
        return "".join(ET.tostring(child, encoding="unicode") for child in root.find(path) or ())

    def datastore(path: str) -> str:
        return root.findall(f"{path}/*")[0].tag

    match root.tag:
        case "get":
            return netconf_get, {"path": text("filter"), "filter_type": "subtree"}
        case "get-config":
            source = datastore("source")
            return netconf_get_config, {"source": source, "path": text("filter"), "filter_type": "subtree"}
        case "lock" | "unlock":
            return netconf_lock, {"datastore": datastore("target"), "operation": root.tag}
        case "edit-config":
            config = f'<config xmlns="{_BASE}">{text("config")}</config>'
            return netconf_edit_config, {"config": config, "target": "candidate"}
        case "validate":
            return netconf_validate, {"source": "candidate"}
        case "commit":
            return netconf_commit, {}
    return netconf_rpc, {"payload": rpc}


if __name__ == "__main__":
    contend(push_all)
