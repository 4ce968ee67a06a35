"""docs/inventory.md is true: its examples load, its keys and filters are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agent.fleet.inventory.entry import OURS, SHEET
from agent.fleet.inventory.filter import Filter
from agent.fleet.inventory.reference import Reference
from agent.fleet.inventory.source import load
from agent.fleet.inventory.target import Target
from agent.fleet.window.windows import windows
from agent.fleet.window.zone import Zone
from agent.model.method import Method

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "inventory.md").read_text(encoding="utf-8")
EXAMPLES = dict(re.findall(r"^```\w+ (\S+)\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in EXAMPLES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def test_the_nornir_example_says_what_the_page_says(folder: Path) -> None:
    first, second = load(str(folder / "hosts.yaml"))
    assert first == Target(
        "r1.lon",
        "192.0.2.1",
        ssh_port=22,
        username="netops",
        password=Reference.parse("env:XR_PASSWORD"),
        jump="ops@bastion.lon.example",
        platform="iosxr",
        trustpoint="Trustpool",
        method=Method.RPC,
        window=windows(("22:00-04:00",)),
        tz=Zone("Europe/London"),
        groups=("london", "core"),
        data={"site": "London", "role": "core"},
    )
    assert (second.port, second.method) == (8300, None)


def test_the_table_and_the_list_are_the_same_routers(folder: Path) -> None:
    first, second = load(str(folder / "routers.csv"))
    assert (first.groups, first.data, second.port) == (("london", "core"), {"site": "London"}, 8300)
    assert str(second.password) == f"file:{folder}/secrets/r2"
    assert [target.name for target in load(str(folder / "routers.txt"))] == [
        "r1.lon.example",
        "192.0.2.2:8300",
        "[2001:db8::3]:830",
    ]


def test_every_key_and_column_is_on_the_page() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \|", PAGE, re.MULTILINE)
    assert [key for key, _ in rows] == list(OURS)
    others = re.search(r"Columns: (.*?) and those above", PAGE, re.DOTALL)
    assert others is not None
    named = {column for _, column in rows} | set(re.findall(r"`(\w+)`", others.group(1)))
    assert named == {"name", "groups", *SHEET}


def test_the_filters_on_the_page_find_routers_of_its_example(folder: Path) -> None:
    routers = [*load(str(folder / "hosts.yaml")), Target("core1", "core1"), Target("core9", "core9")]
    found = re.findall(r"^\| `--(limit|group|where) '?([^'`]+)'?` \|", PAGE, re.MULTILINE)
    kept = {
        option: [target.name for target in Filter.parse(*_arguments(option, word)).select(routers)]
        for option, word in found
    }
    assert kept == {"limit": ["r1.lon", "core1"], "group": ["r1.lon", "r2.lon"], "where": ["r1.lon", "r2.lon"]}


def _arguments(option: str, word: str) -> tuple[str | None, tuple[str, ...], tuple[str, ...]]:
    return (
        word if option == "limit" else None,
        (word,) if option == "group" else (),
        (word,) if option == "where" else (),
    )
