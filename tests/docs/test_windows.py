"""docs/windows.md is true: what it says may be written is read, and means what it says."""

from __future__ import annotations

import re
import shlex
from datetime import UTC, datetime
from pathlib import Path

import click
import pytest

from agent.cli.main import program
from agent.fleet.window.moment import moment
from agent.fleet.window.pace import RECKONED
from agent.fleet.window.windows import Windows, windows
from agent.fleet.window.zone import Zone
from agent.model.errors import InputError

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "windows.md").read_text(encoding="utf-8")
FIRST = [cell for row in re.findall(r"^\| (`.*?`) \|", PAGE, re.MULTILINE) for cell in re.findall("`(.+?)`", row)]
BERLIN = Zone("Europe/Berlin")
NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


def test_every_window_and_time_of_the_tables_is_read() -> None:
    found = [text for text in FIRST if "-" in text and not text.startswith("2026")]
    assert len(found) == 5
    assert all(windows((text,)) for text in found)
    times = [text for text in FIRST if text not in found]
    assert len(times) == 6
    assert all(moment(text, NOW, BERLIN) > NOW for text in times)


@pytest.mark.parametrize("text", ["22:00-22:00", "22:00-04:00; 03:00-05:00"])
def test_what_it_says_is_refused_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        windows((text,))


@pytest.mark.parametrize(
    "text, before, opens, hours",
    [
        ("22:00-04:00", datetime(2027, 3, 27, 12, tzinfo=UTC), "27 22:00", 5.0),
        ("02:30-04:00", datetime(2027, 3, 27, 12, tzinfo=UTC), "28 03:00", 1.0),
        ("02:00-03:00", datetime(2027, 3, 27, 12, tzinfo=UTC), "29 02:00", 1.0),
        ("22:00-04:00", datetime(2026, 10, 24, 12, tzinfo=UTC), "24 22:00", 7.0),
    ],
)
def test_the_nights_on_which_the_clock_is_set_are_as_it_says(
    text: str, before: datetime, opens: str, hours: float
) -> None:
    assert f"`{text}`" in PAGE
    first = Windows(windows((text,)), BERLIN).intervals(before)[0]
    assert f"{BERLIN.clock(first.opens):%d %H:%M}" == opens
    assert (first.closes - first.opens).total_seconds() / 3600 == hours


def test_every_option_and_command_is_one_that_there_is() -> None:
    push = program.get_command(click.Context(program), "push")
    assert push is not None
    known = {name for one in push.params for name in (*one.opts, *one.secondary_opts)}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", PAGE)) <= known
    block = re.search(r"^```\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert block is not None
    for line in block[1].splitlines():
        words = shlex.split(line)
        assert words[:2] == ["xr-agent", "push"]
        push.make_context("push", words[2:], resilient_parsing=True)
    assert f"`--router-time` ({RECKONED:.0f} s)" in PAGE


def test_it_is_linked() -> None:
    assert "(docs/windows.md)" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert "(windows.md)" in (ROOT / "docs" / "inventory.md").read_text(encoding="utf-8")
