"""The collection as a user installs it, and inventories of simulated routers for Ansible's own programs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agent.simulator import Device
from tests.support import Lab

ROOT = Path(__file__).resolve().parents[3]
COLLECTION = ROOT / "integrations" / "ansible"
_RESULT = re.compile(r"^(ok|changed|fatal): \[(\S+?)(?: -> \S+)?\](?::.*?)? => (\{.*\})$", re.MULTILINE)


def program(name: str, *words: object, env: dict[str, str], cwd: Path) -> subprocess.CompletedProcess[str]:
    """What one of Ansible's programs, which lie beside this Python, says to *words*."""
    command = [str(Path(sys.executable).parent / name), *map(str, words)]
    return subprocess.run(command, env=env, cwd=cwd, capture_output=True, text=True, timeout=300, check=False)


def environment(home: Path, collections: Path) -> dict[str, str]:
    """That of a user who has nothing but a home folder, the library and the collection."""
    ours = ("ANSIBLE_", "PYTEST_", "PYTHON", "COV", "SSH_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    mine = {
        "HOME": str(home),
        "LC_ALL": "C.UTF-8",
        "XDG_STATE_HOME": str(home / "state"),
        "PYTHONPATH": str(ROOT),
        "ANSIBLE_COLLECTIONS_PATH": str(collections),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_CALLBACK_FORMAT_PRETTY": "false",
        "ANSIBLE_DEPRECATION_WARNINGS": "true",
        "ANSIBLE_LOCALHOST_WARNING": "false",
    }
    return kept | mine


@dataclass
class Ran:
    """What a playbook or an ad-hoc command printed."""

    status: int
    text: str

    def results(self) -> list[tuple[str, str, dict[str, Any]]]:
        """The word, the host and the result of each task on each host, as they are printed with ``-v``."""
        return [(word, host, json.loads(shown)) for word, host, shown in _RESULT.findall(self.text)]

    def only(self) -> dict[str, Any]:
        """The one result there is."""
        ((_, _, result),) = self.results()
        return result


@dataclass
class Site:
    """A folder with an inventory, in which Ansible is run."""

    lab: Lab
    folder: Path
    env: dict[str, str]

    def entry(self, device: Device, **changes: Any) -> dict[str, Any]:
        """The variables by which *device* is reached; those that are None are left out."""
        said = {
            "ansible_host": "127.0.0.1",
            "ansible_port": device.port,
            "ansible_connection": "local",
            "ansible_user": self.lab.simulator.username,
            "ansible_password": self.lab.simulator.password,
            "cli": device.ssh_port or 22,
        }
        return {name: value for name, value in (said | changes).items() if value is not None}

    def inventory(self, **hosts: dict[str, Any]) -> None:
        """Write it, and make the host keys known."""
        (self.folder / ".ssh").mkdir(exist_ok=True)
        (self.folder / ".ssh" / "known_hosts").write_text(self.lab.simulator.known_hosts())
        (self.folder / "inventory.yaml").write_text(json.dumps({"all": {"hosts": hosts}}))  # JSON is YAML

    def play(self, *tasks: dict[str, Any], words: tuple[object, ...] = (), **keywords: Any) -> Ran:
        """Run *tasks* on all hosts."""
        play = {"hosts": "all", "gather_facts": False, **keywords, "tasks": list(tasks)}
        (self.folder / "play.yaml").write_text(json.dumps([play]))
        return self.run("ansible-playbook", "-v", "-i", "inventory.yaml", *words, "play.yaml")

    def run(self, name: str, *words: object) -> Ran:
        done = program(name, *words, env=self.env, cwd=self.folder)
        assert "Traceback" not in done.stdout + done.stderr, done.stdout + done.stderr
        return Ran(done.returncode, done.stdout + done.stderr)


def task(name: str, keywords: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
    """One task of the collection; the CLI's port is that of the host."""
    return {f"xr_agent.trust.{name}": {"ssh_port": "{{ cli }}", **options}, **(keywords or {})}


@pytest.fixture(scope="session")
def collections(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the collection is, built and installed from its folder."""
    home = tmp_path_factory.mktemp("galaxy")
    where = home / "collections"
    words = ("collection", "install", "--offline", "-p", where, COLLECTION)
    done = program("ansible-galaxy", *words, env=environment(home, where), cwd=home)
    assert done.returncode == 0, done.stdout + done.stderr
    return where


@pytest.fixture
def site(lab: Lab, tmp_path: Path, collections: Path) -> Site:
    """Where Ansible is run."""
    folder = tmp_path / "site"
    folder.mkdir()
    return Site(lab, folder, environment(folder, collections))
