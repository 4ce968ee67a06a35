"""docs/plan-files.md is true: what it types is typed, and prints what it says."""

from __future__ import annotations

import os
import re
from pathlib import Path

import agent
from tests.docs.pages import ROOT, commands, plain, run
from tests.support import Lab

PAGE = (ROOT / "docs" / "plan-files.md").read_text(encoding="utf-8")


def alike(text: str) -> str:
    """The text without what differs from run to run: the routers' ports are in the file, and so in its SHA-256."""
    return plain(re.sub(r"\b[0-9a-f]{64}\b", "HEX", text))


def test_every_command_prints_what_the_page_says(lab: Lab, tmp_path: Path) -> None:
    pem = agent.TrustAnchor.bundled().pem
    routers = {
        "r1": lab.add(release="7.4.1", terminal_rpc="installs"),
        "r2": lab.add(release="7.4.1", terminal_rpc="installs"),
        "r3": lab.add(release="7.4.1", enrollment="terminal", certificate=pem),
    }
    rows = [f"{name},127.0.0.1,{device.port},{device.ssh_port}" for name, device in routers.items()]
    (tmp_path / "routers.csv").write_text("\n".join(["name,host,port,ssh_port", *rows, ""]))
    found = commands(PAGE)
    assert found
    for number, (command, expected) in enumerate(found):
        if number == 1:
            routers["r2"].configure("Trustpool", "http://ca.example/")
        words = [*command.split()[1:], "--known-hosts", str(lab.known_hosts), "--ssh-config", os.devnull]
        done = run(words, lab, tmp_path)
        assert alike(done.stdout) == alike(expected), f"{command}\n{done.stdout}{done.stderr}"
