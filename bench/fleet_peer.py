"""The peer's part of the fleet bench: nornir's threads and nornir_netconf's tasks, the same rpcs one after the other.

Behind renew-auth it reads the licensing state until the router reached its server, at the intervals that xr-agent has.

It runs in a virtual environment of its own (``bench/fleet.py`` makes it), since nornir_netconf wants ncclient < 0.7.
Host keys are not checked. Each connection is closed as soon as its router is done, which nornir leaves to the user.
"""

from __future__ import annotations

import re
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable
from itertools import chain, repeat
from typing import Any

from nornir.core import Nornir
from nornir.core.configuration import Config
from nornir.core.inventory import ConnectionOptions, Defaults, Groups, Host, Hosts, Inventory
from nornir.core.plugins.connections import ConnectionPluginRegister
from nornir.core.task import MultiResult, Result, Task
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
_WORKERS = 20
"""What nornir has by default."""
_INTERVALS, _LONGEST = (3.0, 6.0, 3.0), 60.0
"""Seconds between two looks for the contact, the last from then on, and for how long xr-agent looks."""
_LAST_CONTACT = re.compile("<last-comm-time>([^<]*)<")
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
        inventory=_inventory(asked),
        runner=ThreadedRunner(num_workers=asked.workers or _WORKERS),
        config=Config.from_dict(),
    )
    done = nornir.run(task=_push, steps=[_step(rpc) for rpc in asked.rpcs])
    return [f"{name}: {done[name][-1].exception!r}" for name in done.failed_hosts]


def _push(task: Task, steps: list[Step]) -> Result:
    try:
        shown = [_contact(task.run(run, **arguments)) for run, arguments in steps]
        _wait_for_contact(task, steps[-1], next(filter(None, shown)), shown[-1])
    finally:
        task.host.close_connections()
    return Result(host=task.host)


def _wait_for_contact(task: Task, look: Step, before: str, last: str) -> None:
    """Look until there is a contact after that *before*; *last* is what was seen of it right behind the renewal."""
    end, waits = time.monotonic() + _LONGEST, chain(_INTERVALS, repeat(_INTERVALS[-1]))
    while last == before:
        pause = next(waits)
        if time.monotonic() + pause > end:
            raise TimeoutError(f"no contact within {_LONGEST:g} s")
        time.sleep(pause)
        last = _contact(task.run(look[0], **look[1]))


def _contact(done: MultiResult) -> str:
    """When the licensing server was last reached, where the answer shows it."""
    found = _LAST_CONTACT.search(str(done[0].result.rpc))
    return found[1] if found else ""


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
