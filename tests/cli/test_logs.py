"""What -v and --log-json say of a command, and what they never do."""

from __future__ import annotations

import json

from agent.fleet.journal.store import Journal
from agent.simulator import Fault, FaultKind, rpc_error
from tests.cli.lab import Lab


def test_payloads_are_not_logged_at_info(lab: Lab) -> None:
    done = lab.run("push", lab.add(), "--yes", "-v")
    assert done.exit_code == 0
    assert "<" not in done.stderr


def test_json_logs_are_one_object_per_line(lab: Lab) -> None:
    device = lab.add()
    lab.known_hosts.write_text("")
    done = lab.run("show", device, "--accept-new-host-keys", "--log-json", "--format", "json")
    entries = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    assert any("stored new host key" in entry["message"] for entry in entries)
    assert all({"time", "level", "logger", "message"} <= set(entry) for entry in entries)


def test_json_logs_say_which_device_and_step_they_are_about(lab: Lab) -> None:
    device = lab.add(terminal_rpc="installs")
    device.faults.append(Fault("lock", FaultKind.ERROR, rpc_error("lock-denied")))
    done = lab.run("push", device, "--yes", "-v", "--log-json", "--format", "json")
    entries = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    (repeated,) = [entry for entry in entries if "is repeated" in entry["message"]]
    assert (repeated["device"], repeated["step"]) == ("127.0.0.1", "lock")
    with Journal.open() as journal:
        assert repeated["run"] == journal.run("last").run
