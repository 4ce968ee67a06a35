"""A dry run and a push of every host of hosts.yaml in the working directory."""

import os

from nornir import InitNornir
from nornir_utils.plugins.functions import print_result

import agent
from agent.integrations.nornir import push

nr = InitNornir(logging={"enabled": False})
nr.inventory.defaults.password = os.environ["XR_PASSWORD"]

print_result(nr.run(task=push, dry_run=True), vars=["diff"])
# agent.connect opens a second session of its own where one is needed, to confirm the commit for instance.
for name, results in nr.run(task=push, connect=agent.connect, on_failed=True).items():
    made = results[0].result
    error = made["error"]
    print(
        f"{name}: {made['outcome']}, " + (f"{error['message']}; next: {error['hint']}" if error else made["evidence"])
    )
nr.close_connections(on_failed=True)
