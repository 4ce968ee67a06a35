"""A push over the NETCONF session of pyATS, of each device of testbed.yaml: pyats_push.py [SSH_PORT]."""

import logging
import os
import sys

from pyats.topology import loader

import agent

logging.disable(logging.INFO)  # yang.connector says on stderr that it connected
ssh_port = int(sys.argv[1]) if len(sys.argv) > 1 else 22

for name, device in loader.load("testbed.yaml").devices.items():
    device.connect(alias="nc", via="netconf")
    entry = device.connections.netconf
    # For what the session lacks: a second one that sees the commit before it is confirmed, the CLI and SFTP.
    router = agent.Device(
        str(entry.ip),
        entry.port,
        ssh_port,
        username="admin",
        password=agent.Secret(os.environ["XR_PASSWORD"]),
        label=name,
    )
    outcome = agent.remediate(router, session=agent.Session.over(device.nc, device=name))
    print(f"{name}: {outcome.result.value}, by {outcome.evidence.value}")
    if outcome.error:
        print(f"{outcome.error.message}; next: {outcome.error.hint}")
    print(f"session still open: {device.nc.connected}")
    device.nc.disconnect()
