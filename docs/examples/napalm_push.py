"""A push over the session of NAPALM's driver for IOS XR: napalm_push.py HOST [PORT]."""

import os
import sys
from contextlib import closing

from napalm import get_network_driver
from ncclient.devices import iosxr
from ncclient.transport.ssh import default_unknown_host_cb

import agent

# The driver asks ncclient for its handler "iosxr", which accepts any host key. With this it refuses unknown ones again.
iosxr.iosxr_unknown_host_cb = default_unknown_host_cb

host, port = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 830
router = agent.Device(host, port, username="admin", password=agent.Secret.from_env("XR_PASSWORD"))
driver = get_network_driver("iosxr_netconf")
device = driver(host, "admin", os.environ["XR_PASSWORD"], optional_args={"port": port})

device.open()  # outside the block: closing what could not be opened is an error of its own in NAPALM 5.2
with closing(device):
    outcome = agent.remediate(router, session=agent.Session.over(device.device, device=host))
    print(f"{host}: {outcome.result.value}, by {outcome.evidence.value}")
    if outcome.error:
        print(f"{outcome.error.message}; next: {outcome.error.hint}")
    print(device.is_alive())
