"""A push over the session of NAPALM's driver for IOS XR; what docs/orchestrators.md shows and warns of is so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from napalm import get_network_driver
from napalm.base.exceptions import ConnectionException
from ncclient.devices import iosxr
from ncclient.transport.ssh import default_unknown_host_cb

import agent
from agent.simulator import Device
from tests.docs.examples import documented, printed
from tests.support import Lab, left_clean

MakeDriver = Callable[..., Any]  # NAPALM has no types


@pytest.fixture
def make_driver(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeDriver:
    """Makes the driver of a simulated router for a user without a known_hosts file."""
    monkeypatch.setenv("HOME", str(tmp_path))
    driver = get_network_driver("iosxr_netconf")

    def make(device: Device, **options: Any) -> Any:
        options |= {"port": device.port, "allow_agent": False, "look_for_keys": False}
        return driver("127.0.0.1", lab.simulator.username, lab.simulator.password, timeout=60, optional_args=options)

    return make


def test_a_push_over_the_drivers_session_remedies_and_leaves_it_open(lab: Lab, make_driver: MakeDriver) -> None:
    device = lab.add(terminal_rpc="installs")
    with make_driver(device) as driver:
        before = (driver.device.timeout, driver.device.raise_mode)
        outcome = agent.remediate(agent.Session.over(driver.device, device="r1"))
        assert (outcome.result, outcome.evidence) == (agent.Result.REMEDIED, agent.Evidence.FINGERPRINT)
        assert left_clean(device)
        assert driver.is_alive() == {"is_alive": True}
        assert (driver.device.timeout, driver.device.raise_mode) == before
        again = agent.remediate(agent.Session.over(driver.device, device="r1"))
        assert again.result is agent.Result.UNCHANGED


def test_a_push_works_under_the_lock_of_the_driver_and_leaves_it_to_it(lab: Lab, make_driver: MakeDriver) -> None:
    device = lab.add(terminal_rpc="installs")
    intent = agent.Intent(caution=agent.Caution(lock_wait=0))
    with make_driver(device, config_lock=True) as driver:
        held = dict(device.config.locks)
        session = agent.Session.over(driver.device, device="r1")
        outcome = agent.remediate(lab.target(device), intent, session=session)
        assert outcome.result is agent.Result.REMEDIED
        assert "confirm" in [record.step for record in outcome.steps]
        assert held
        assert device.config.locks == held


def test_the_driver_takes_any_host_key_until_its_callback_is_replaced(
    lab: Lab, make_driver: MakeDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = lab.add()
    with make_driver(device, hostkey_verify=True) as driver:
        assert driver.is_alive() == {"is_alive": True}
    monkeypatch.setattr(iosxr, "iosxr_unknown_host_cb", default_unknown_host_cb)
    with pytest.raises(ConnectionException, match="Unknown host key"):
        make_driver(device).open()


def test_the_script_prints_what_the_page_says(lab: Lab, tmp_path: Path) -> None:
    device = lab.add(release="7.4.1", terminal_rpc="installs")
    found = printed("napalm_push.py", "127.0.0.1", str(device.port), lab=lab, home=tmp_path)
    assert found == documented("napalm_push.py")
