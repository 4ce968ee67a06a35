"""SECURITY.md names only what is there."""

from __future__ import annotations

import re
from pathlib import Path

from agent.netconf import framing, payload
from agent.netconf.yang import fetched, yangtext
from agent.xr.cli import terminal

ROOT = Path(__file__).resolve().parents[2]
SECURITY = (ROOT / "SECURITY.md").read_text(encoding="utf-8")


def test_every_test_that_it_names_exists() -> None:
    named = set(re.findall(r"`(tests/[\w/.]+)`", SECURITY))
    assert len(named) > 15
    assert not [name for name in named if not (ROOT / name).exists()]


def test_every_make_target_and_option_that_it_names_exists() -> None:
    rules = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(re.findall(r"`make ([a-z]+)`", SECURITY)) <= set(rules)
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "agent" / "cli").rglob("*.py"))
    assert not [option for option in re.findall(r"`(--[a-z-]+)`", SECURITY) if f'"{option}"' not in sources]


def test_its_bounds_are_those_of_the_code() -> None:
    assert framing.LARGEST_MESSAGE == payload.LARGEST == 64 * 2**20
    assert "64 MiB, two million tags and attributes and 200 levels a reply" in SECURITY
    assert (payload.MOST_NODES, payload.DEEPEST) == (2_000_000, 200)
    assert "16 MiB a command" in SECURITY
    assert terminal._LARGEST == 16 * 2**20
    assert f"{fetched.MOST} modules of {yangtext.LARGEST >> 20} MiB" in SECURITY
