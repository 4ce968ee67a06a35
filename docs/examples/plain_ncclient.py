"""A push inside a script that owns its ncclient session: plain_ncclient.py HOST [PORT [SSH_PORT]]."""

import os
import sys

from ncclient import manager

import agent

host = sys.argv[1]
port, ssh_port = (int(word) for word in (sys.argv[2:] + ["830", "22"][len(sys.argv) - 2 :]))
# For what the session lacks: a second one that sees the commit before it is confirmed, the CLI and SFTP where needed.
router = agent.Device(host, port, ssh_port, username="admin", password=agent.Secret.from_env("XR_PASSWORD"))

with manager.connect(
    host=host, port=port, username="admin", password=os.environ["XR_PASSWORD"], hostkey_verify=True
) as owned:
    outcome = agent.remediate(router, session=agent.Session.over(owned, device=host))
    for step in outcome.steps:
        print(f"{step.step:<16}{step.status.value:<8} {step.detail}")
    print(f"{host}: {outcome.result.value}, by {outcome.evidence.value}")
    if outcome.error:
        print(f"{outcome.error.message}; next: {outcome.error.hint}")
    print(f"session {owned.session_id} still open: {owned.connected}")
