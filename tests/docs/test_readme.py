"""README is true: commands are run, outputs compared, the example executed, options and targets looked up."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any
from unittest.mock import patch

import click
import pytest
from ncclient import manager

import agent
from agent.cli.main import program
from tests.docs.pages import ROOT, commands, plain, run
from tests.support import Lab, eventually

README = (ROOT / "README.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.fixture
def options(lab: Lab, tmp_path: Path) -> dict[str, list[str]]:
    """By what a command names: the options that lead it to simulated routers."""
    one = lab.add(release="7.4.1", terminal_rpc="installs")
    pem = agent.TrustAnchor.bundled().pem
    fleet = {
        "r1": lab.add(release="7.4.1", terminal_rpc="installs"),
        "r2": lab.add(release="7.4.1", terminal_rpc="installs"),
        "r3": lab.add(release="7.4.1", enrollment="terminal", certificate=pem),
        "r4": lab.add(release="6.5.3", ssh=False),
    }
    rows = [
        f"{name},127.0.0.1,{device.port},{device.ssh_port or 1},{'core' if device.ssh_port else 'old'}"
        for name, device in fleet.items()
    ]
    (tmp_path / "routers.csv").write_text("\n".join(["name,host,port,ssh_port,groups", *rows, ""]))
    known = ["--known-hosts", str(lab.known_hosts), "--ssh-config", os.devnull]
    return {
        "r1.example": ["--port", str(one.port), "--ssh-port", str(one.ssh_port), *known],
        "routers.csv": known,
        "history": [],
    }


def test_every_xr_agent_command_prints_what_readme_says(
    lab: Lab, options: dict[str, list[str]], tmp_path: Path
) -> None:
    found = [(command, expected) for command, expected in commands(README) if command.startswith("xr-agent ")]
    assert len(found) == 9
    for command, expected in found:
        more = next(words for named, words in options.items() if named in command)
        words = [*command.replace("r1.example", "127.0.0.1").split()[1:], *more]
        done = run(words, lab, tmp_path)
        assert plain(done.stdout) == plain(expected), f"{command}\n{done.stdout}{done.stderr}"


@pytest.mark.parametrize("block", PYTHON)
def test_the_library_examples_are_as_careful_as_the_command_line(
    lab: Lab, block: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    device = lab.add(release="7.4.1", terminal_rpc="installs")
    real, password = manager.connect, lab.simulator.password

    def connect(**given: Any) -> Any:
        there = {"host": "127.0.0.1", "port": device.port, "hostkey_verify": False}
        return real(**{**given, **there, "allow_agent": False, "look_for_keys": False})

    def router(host: str, **given: Any) -> agent.Device:
        assert given.keys() == {"username", "password"}
        return lab.target(device)

    monkeypatch.setenv("XR_PASSWORD", password)
    with patch.object(manager, "connect", connect), patch.object(agent, "Device", router):
        exec(compile(block, "README.md", "exec"), {"password": password})  # noqa: S102 - our own text
    assert capsys.readouterr().out.splitlines()[-1] == "remedied subject+validity"
    said = [operation for _, operation in device.log]
    assert said.count("confirm") == 1
    assert eventually(lambda: not device.sessions)


def test_every_make_target_and_option_that_readme_names_exists() -> None:
    targets = set(re.findall(r"(?:`|\$ )make ([a-z]+)", README))
    rules = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert targets <= rules
    options = set(re.findall(r"`?(--[a-z][a-z0-9-]+)", README))
    context = click.Context(program)
    commands = [program.get_command(context, name) for name in program.list_commands(context)]
    parameters = [one for command in commands if command for one in command.params]
    known = {option for one in parameters for option in (*one.opts, *one.secondary_opts)}
    for bench in set(re.findall(r"python -m (bench\.[a-z]+)", README)):
        source = (ROOT / f"{bench.replace('.', '/')}.py").read_text(encoding="utf-8")
        known |= set(re.findall(r'add_argument\("(--[a-z-]+)"', source))
    assert options <= known


def test_the_files_that_readme_links_exist() -> None:
    for link in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / link).exists(), link
