"""What the tests of pages share: the commands of a page with their outputs, and xr-agent as a reader runs it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.support import Lab

ROOT = Path(__file__).resolve().parents[2]


def commands(page: str) -> list[tuple[str, str]]:
    """Every command of *page*, with the output printed below it."""
    blocks = re.findall(r"```console\n(.*?)```", page, re.DOTALL)
    parts = [part.partition("\n") for block in blocks for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]]
    return [(command, output) for command, _, output in parts]


def plain(text: str) -> str:
    """The text without what differs from run to run: times, days, durations, the port, trailing blanks."""
    for pattern, word in (
        (r"[A-Z][a-z]{2} \d\d \d{4} \d\d:\d\d:\d\d UTC", "DATE"),
        (r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d\.\d+", "DATE"),
        (r"\b\d{8}-\d{6}-[0-9a-f]{4}\b", "RUN"),
        (r"\b\d{4}-\d\d-\d\d \d\d:\d\d\b", "MINUTE"),
        (r"\b\d{4}-\d\d-\d\d\b", "DAY"),
        (r"\S+@\S+", "WHO"),
        (r"\b\d\d:\d\d:\d\d\b", "TIME"),
        (r"\(?[+-]?\d+ d(ays)?\)?", "DAYS"),
        (r"\b\d+\.\d+ s\b", "SECONDS"),
        (r'("elapsed_s": )[\d.]+', r"\1N"),
        (r"127\.0\.0\.1:\d+", "r1.example:830"),
        (r"127\.0\.0\.1", "r1.example"),
        (r"SHA256:[A-Za-z0-9+/]{43}", "SHA256:KEY"),
        (r"(?s)SSH-2\.0-.*?(?=\s+host-key)", "SSH"),
        (r"[+-]\d+ s against", "SECONDS against"),
        (r"─+", "-"),
    ):
        text = re.sub(pattern, word, text)
    # Tables are as wide as their content, which the names above change.
    return "\n".join(" ".join(line.split()) for line in text.strip().splitlines())


def run(words: Sequence[str], lab: Lab, folder: Path) -> subprocess.CompletedProcess[str]:
    """xr-agent with *words* in *folder*, by a reader whose password is that of the *lab*'s routers."""
    more = {"XR_PASSWORD": lab.simulator.password, "XDG_STATE_HOME": str(folder / "state")}
    return subprocess.run(
        [sys.executable, "-m", "agent.cli.main", *words],
        env={**os.environ, **more, "COLUMNS": "120", "PYTHONPATH": str(ROOT)},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
