"""The Nornir example of docs/orchestrators.md prints what the page says, and its warning about host keys is true."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.integrations.nornir import licensing
from tests.docs.examples import documented, printed
from tests.docs.pages import ROOT
from tests.integrations.nornir.conftest import MakeNornir
from tests.support import Lab


def test_the_script_prints_what_the_page_says(lab: Lab, tmp_path: Path) -> None:
    known, unknown = lab.add(release="7.4.1", terminal_rpc="installs"), lab.add()
    hosts = (ROOT / "docs" / "examples" / "hosts.yaml").read_text(encoding="utf-8")
    for name, device in (("r1.example", known), ("r2.example", unknown)):
        hosts = hosts.replace(f"hostname: {name}", "hostname: 127.0.0.1")
        hosts = hosts.replace("ssh_port: 22", f"ssh_port: {device.ssh_port}", 1)
        hosts = hosts.replace("port: 830", f"port: {device.port}", 1)
    (tmp_path / "hosts.yaml").write_text(hosts)

    found = printed("nornir_push.py", lab=lab, home=tmp_path, known_hosts=known.known_hosts())
    assert found == documented("nornir_push.py")


@pytest.mark.parametrize("platform, refused", [("default", True), ("iosxr", False)])
def test_only_the_default_platform_checks_host_keys(
    lab: Lab, make_nornir: MakeNornir, tmp_path: Path, platform: str, refused: bool
) -> None:
    nr = make_nornir(lab.add(), platform=platform)
    (tmp_path / ".ssh" / "known_hosts").write_text("")
    assert nr.run(task=licensing, ssh=None).failed is refused
