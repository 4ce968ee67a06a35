"""The Ansible example of docs/orchestrators.md prints what the page says."""

from __future__ import annotations

import re

from tests.docs.examples import TEXT
from tests.docs.pages import ROOT, commands, plain
from tests.integrations.ansible.conftest import Site

EXAMPLES = ROOT / "docs" / "examples"


def shown(text: str) -> str:
    """What a playbook printed, without what differs from run to run."""
    return plain(re.sub(r"\*{3,}", "***", text))


def test_the_playbook_prints_what_the_page_says(site: Site) -> None:
    inventory = (EXAMPLES / "ansible_inventory.yaml").read_text(encoding="utf-8")
    for name in ("r1.example", "r2.example"):
        device = site.lab.add(release="7.4.1", terminal_rpc="installs", name=name)
        ports = f"{{ansible_host: 127.0.0.1, ansible_port: {device.port}, cli: {device.ssh_port}}}"
        inventory = inventory.replace(f"{name}:", f"{name}: {ports}")
    site.inventory()
    (site.folder / "ansible_inventory.yaml").write_text(inventory.replace("    ansible_port: 830\n", ""))
    playbook = (EXAMPLES / "ansible_push.yaml").read_text(encoding="utf-8")
    given = "xr_trust_root:\n        ssh_port: '{{ cli }}'\n"
    (site.folder / "ansible_push.yaml").write_text(playbook.replace("xr_trust_root:\n", given))
    site.env["ANSIBLE_CALLBACK_FORMAT_PRETTY"] = "true"
    site.env["XR_PASSWORD"] = site.lab.simulator.password

    said = [(command, output) for command, output in commands(TEXT) if command.startswith("ansible-playbook ")]
    assert said
    for command, output in said:
        ran = site.run(*command.split())
        assert ran.status == 0, ran.text
        assert shown(ran.text) == shown(output)
