"""A push over the NETCONF session of pyATS; what docs/orchestrators.md shows and warns of is so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pyats.topology import loader

import agent
from agent.simulator import Device
from tests.docs.examples import documented, printed
from tests.docs.pages import ROOT
from tests.support import Lab, left_clean

TESTBED = (ROOT / "docs" / "examples" / "testbed.yaml").read_text(encoding="utf-8")


def of_testbed(device: Device, **changes: str) -> str:
    """The example's, for a simulated router; in the place of a text of *changes* stands what is given for it."""
    text = TESTBED.replace("ip: r1.example", "ip: 127.0.0.1").replace("port: 830", f"port: {device.port}")
    for name, value in changes.items():
        text = text.replace(name, value)
    return text


def connected(text: str) -> Any:  # pyATS has no types
    device = loader.load(text).devices["r1.example"]
    device.connect(alias="nc", via="netconf")
    return device


@pytest.fixture(autouse=True)
def home(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's; pyATS reads the password of the environment."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XR_PASSWORD", lab.simulator.password)
    (tmp_path / ".ssh").mkdir()
    return tmp_path


def test_a_push_over_its_session_remedies_and_leaves_it_open(lab: Lab, home: Path) -> None:
    device = lab.add(terminal_rpc="installs")
    (home / ".ssh" / "known_hosts").write_text(lab.simulator.known_hosts())
    theirs = connected(of_testbed(device))
    try:
        before = (theirs.nc.timeout, theirs.nc.raise_mode)
        outcome = agent.remediate(lab.target(device), session=agent.Session.over(theirs.nc, device="r1.example"))
        assert (outcome.result, outcome.evidence) == (agent.Result.REMEDIED, agent.Evidence.FINGERPRINT)
        assert left_clean(device)
        assert theirs.nc.connected
        assert (theirs.nc.timeout, theirs.nc.raise_mode) == before
    finally:
        theirs.nc.disconnect()


def test_it_takes_any_host_key_unless_hostkey_verify_is_set(lab: Lab, home: Path) -> None:
    device = lab.add()
    (home / ".ssh" / "known_hosts").write_text("")
    theirs = connected(of_testbed(device, **{"hostkey_verify: true": "hostkey_verify: false"}))
    assert theirs.nc.connected
    theirs.nc.disconnect()
    with pytest.raises(Exception, match="Unknown host key"):
        connected(of_testbed(device))


def test_the_script_prints_what_the_page_says(lab: Lab, tmp_path: Path) -> None:
    device = lab.add(release="7.4.1", terminal_rpc="installs")
    folder = tmp_path / "script"
    folder.mkdir()
    (folder / "testbed.yaml").write_text(of_testbed(device))
    found = printed("pyats_push.py", str(device.ssh_port), lab=lab, home=folder)
    assert found == documented("pyats_push.py")
