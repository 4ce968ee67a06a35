"""show of one router: what the models or the CLI say of it, with its source, and why something is missing."""

from __future__ import annotations

import json

import pytest

from agent.model.pki.anchor import TrustAnchor
from agent.simulator import Fault, FaultKind
from tests.cli.lab import PEM, Lab, untouched
from tests.cli.schemas import check


def test_show_gives_everything_with_its_source(lab: Lab) -> None:
    device = lab.add(release="24.2.1", certificate=PEM, fixes=("CSCaa00001",))
    made = lab.json("show", device)
    check("show", made)
    assert made["release"] == "24.2.1"
    assert made["address"] == device.address
    assert made["trustpoint"]["enrollment"] == "enrollment terminal"
    assert made["certificate"]["sha1"] == TrustAnchor.bundled().sha1
    assert "crypto-cepki-oper@" in made["certificate"]["source"]
    assert made["licensing"]["registration"] == "complete"
    assert made["licensing"]["last_comm_success"] is True
    assert untouched(device)


def test_show_says_why_something_is_missing(lab: Lab) -> None:
    made = lab.json("show", lab.add(release="6.6.3", ssh=False))
    check("show", made)
    assert "crypto-cepki-oper" in made["certificate"]["missing"]
    assert made["access"]["config_model"] == "none"
    assert "cannot be used" in made["cli"]


def test_show_reads_over_the_cli_what_no_model_shows(lab: Lab) -> None:
    made = lab.json("show", lab.add(release="6.6.3", certificate=PEM))
    check("show", made)
    assert made["release"] == "6.6.3"
    assert made["certificate"]["sha1"] == TrustAnchor.bundled().sha1
    assert made["trustpoint"]["enrollment"] == "enrollment terminal"
    assert made["licensing"]["registration"] == "complete"
    assert {made[part]["source"] for part in ("certificate", "trustpoint", "licensing", "software")} == {"console"}
    assert made["cli"] is None


def test_show_never_opens_ssh_where_it_is_ruled_out(lab: Lab) -> None:
    device = lab.add(release="6.6.3")
    made = lab.json("show", device, "--no-ssh")
    assert made["certificate"]["missing"]
    assert not device.connections


def test_show_as_a_table(lab: Lab) -> None:
    done = lab.run("show", lab.add(certificate=PEM))
    assert done.exit_code == 0
    assert "IdenTrust Commercial Root CA 1" in done.stdout
    assert "enrollment terminal" in done.stdout
    assert "tools.cisco.com" in done.stdout


def test_show_raw_is_the_devices_own_data(lab: Lab) -> None:
    done = lab.run("show", lab.add(certificate=PEM), "--raw")
    assert done.exit_code == 0
    views = json.loads(done.stdout)
    assert set(views) == {"trustpoint-config", "trustpoint-state", "licensing", "install-version", "install-fixes"}
    assert "registration-complete" in json.dumps(views["licensing"])
    assert "IdenTrust" in json.dumps(views["trustpoint-state"])


def test_a_hostile_device_cannot_act_on_the_terminal(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    # XML carries C1 controls and bidi overrides, though not ESC.
    monkeypatch.setattr("agent.simulator.device.operstate._FAILED", "\u009b2J\u202eowned")
    device = lab.add()
    for command in ("show", "assess"):
        done = lab.run(command, device)
        assert "\\x9b2J\\u202eowned" in done.stdout
        assert "\u009b" not in done.stdout + done.stderr


def test_what_a_user_may_not_read_is_not_called_absent(lab: Lab) -> None:
    device = lab.add(release="7.8.1", enrollment="terminal", certificate=PEM)
    for operation in ("get", "get-config"):
        device.faults.append(Fault(operation, FaultKind.EMPTY, times=1000))
    shown = " ".join(lab.run("show", device, "--no-ssh").stdout.split())
    assert "not configured, or this user may not read it" in shown
    assert "none shown, or this user may not read it" in shown
    assert "answers with nothing at all" in shown
    made = lab.json("show", device, "--no-ssh")
    check("show", made)
    assert made["trustpoint"]["notes"] == ["an empty answer: nothing there, or this user may not read it"]
    judged = lab.json("assess", device, "--no-ssh")
    assert judged["verdict"] == "unknown"
    assert "may not be allowed to read" in " ".join(judged["warnings"])
    plan = lab.json("plan", device, "--no-ssh")
    assert "may not be allowed to read" in " ".join(plan["diff"])
