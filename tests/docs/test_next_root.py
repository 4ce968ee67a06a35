"""docs/next-root.md is true: a made root goes to simulated routers and back, command by command as it is typed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.cli.processes import served
from tests.docs.pages import ROOT, commands, plain

PAGE = (ROOT / "docs" / "next-root.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^```\w+ (\S+)\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE))
SERVES = "xr-agent simulate "


def alike(text: str) -> str:
    """The text without what differs from run to run, and from root to root."""
    text = re.sub(r"\b(?:[0-9A-F]{2}:){19}[0-9A-F]{2}\b|\b[0-9A-F]{64}\b|\b[0-9A-F]{40}\b", "HEX", text)
    lines = plain(text).splitlines()
    polled = [line for line in lines if line.startswith("TIME r")]
    # Where the digits go the lines of a table break otherwise; who is polled first is drawn.
    return " ".join([*(line for line in lines if line not in polled), *sorted(polled)])


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """That of a reader in a folder of his own, who has installed xr-agent."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, words in {"xr-agent": " -m agent.cli.main", "python3": ""}.items():
        (programs / name).write_text(f'#!/bin/sh\nexec "{sys.executable}"{words} "$@"\n')
        (programs / name).chmod(0o755)
    return {
        **os.environ,
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "COLUMNS": "120",
        "HOME": str(tmp_path),
    }


@contextmanager
def serving(command: str, environment: dict[str, str], folder: Path) -> Iterator[None]:
    """The simulated routers of *command*, once they can be reached."""
    server = subprocess.Popen(
        ["/bin/sh", "-c", command],
        env=environment,
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with server:
        served(server)
        try:
            yield
        finally:
            os.killpg(server.pid, signal.SIGINT)


def test_every_command_does_and_prints_what_the_page_says(environment: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "reader"
    folder.mkdir()
    with ExitStack() as routers:
        for command, expected in commands(PAGE):
            if command.startswith(SERVES):
                routers.enter_context(serving(command, environment, folder))
            elif command.startswith("export "):
                name, _, value = command.removeprefix("export ").partition("=")
                environment[name] = value
            else:
                done = subprocess.run(
                    ["/bin/sh", "-c", command], env=environment, cwd=folder, capture_output=True, text=True, check=False
                )
                assert alike(done.stdout) == alike(expected), f"{command}\n{done.stdout}{done.stderr}"
            if command.startswith("mkdir "):
                for name, text in FILES.items():
                    (folder / name).write_text(text, encoding="utf-8")


def test_it_is_linked_and_its_links_lead_somewhere() -> None:
    assert "(docs/next-root.md)" in (ROOT / "README.md").read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)#:]+)\)", PAGE):
        assert (ROOT / "docs" / link).exists(), link
