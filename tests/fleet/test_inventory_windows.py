"""Windows and zones of an inventory: by router, group or defaults, in every form, and refused with file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

import agent
from agent.fleet.inventory.source import load, load_nornir
from agent.fleet.window.windows import windows
from agent.fleet.window.zone import Zone

NIGHT, WEEKEND = windows(("22:00-04:00",)), windows(("Sat,Sun 10:00-12:00", "Mon 22:00-23:00"))
HOSTS = """
r1: {groups: [london]}
r2: {groups: [london], data: {xr_agent: {window: ["Sat,Sun 10:00-12:00", "Mon 22:00-23:00"]}}}
r3: {data: {xr_agent: {tz: UTC}}}
"""
GROUPS = "london: {data: {xr_agent: {window: 22:00-04:00, tz: Europe/London}}}\n"
DEFAULTS = "data: {xr_agent: {tz: Europe/Berlin}}\n"


def nornir(folder: Path, hosts: str = HOSTS, groups: str = GROUPS, defaults: str = DEFAULTS) -> str:
    for name, text in (("hosts", hosts), ("groups", groups), ("defaults", defaults)):
        (folder / f"{name}.yaml").write_text(text)
    return str(folder / "hosts.yaml")


def table(folder: Path, row: str, header: str = "name,window,tz") -> str:
    (folder / "routers.csv").write_text(f"{header}\n{row}\n")
    return str(folder / "routers.csv")


def test_they_are_inherited_key_by_key_from_the_group_and_the_defaults(tmp_path: Path) -> None:
    source = nornir(tmp_path)
    config = tmp_path / "config.yaml"
    files = ", ".join(
        f"{kind}_file: {tmp_path}/{name}.yaml"
        for kind, name in (("host", "hosts"), ("group", "groups"), ("defaults", "defaults"))
    )
    config.write_text(f"inventory: {{plugin: SimpleInventory, options: {{{files}}}}}\n")
    for found in (load(source), load_nornir(config)):
        assert [(one.window, one.tz) for one in found] == [
            (NIGHT, Zone("Europe/London")),
            (WEEKEND, Zone("Europe/London")),
            (None, Zone("UTC")),
        ]


def test_they_are_columns_of_a_table(tmp_path: Path) -> None:
    (one,) = load(table(tmp_path, 'r1,"Sat,Sun 10:00-12:00; Mon 22:00-23:00",Europe/London'))
    assert (one.window, one.tz) == (WEEKEND, Zone("Europe/London"))
    (other,) = load(table(tmp_path, "r1,,"))
    assert (other.window, other.tz) == (None, None)


BAD = [
    ("22:00-22:00", "", "window: the window is empty"),
    ("hunter2", "", "window: this is no window"),
    ("22:00-04:00; 03:00-05:00", "", "window: the windows 22:00-04:00 and 03:00-05:00 overlap"),
    ("22:00-04:00", "Europe/hunter2", "tz: there is no such time zone"),
]


@pytest.mark.parametrize("window, tz, said", BAD)
def test_what_cannot_be_used_is_refused_with_its_line_and_not_repeated(
    tmp_path: Path, window: str, tz: str, said: str
) -> None:
    with pytest.raises(agent.InputError) as error:
        load(table(tmp_path, f"r1,{window},{tz}"))
    assert error.value.message.startswith(f"{tmp_path}/routers.csv, line 2: {said}")
    assert (error.value.device, error.value.hint is None) == ("r1", False)
    assert "hunter2" not in str(error.value)
    keys = f"window: {window!r}" + (f", tz: {tz}" if tz else "")
    with pytest.raises(agent.InputError, match=r"groups\.yaml, line 1: group london: ") as error:
        load(nornir(tmp_path, groups=f"london: {{data: {{xr_agent: {{{keys}}}}}}}\n"))
    assert said.partition(": ")[2] in error.value.message
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize("value", ["[]", "[22]", "{a: b}", "1320", "true", "[[22:00-04:00]]"])
@pytest.mark.parametrize("key", ["window", "tz"])
def test_what_is_no_text_is_refused(tmp_path: Path, key: str, value: str) -> None:
    with pytest.raises(agent.InputError, match=r"hosts\.yaml, line 1: "):
        load(nornir(tmp_path, hosts=f"r1: {{data: {{xr_agent: {{{key}: {value}}}}}}}\n"))


@pytest.mark.parametrize(
    "column, meant",
    [
        ("timezone", "tz"),
        ("time_zone", "tz"),
        ("windows", "window"),
        ("maintenance window", "window"),
        ("Window", "window"),
    ],
)
def test_what_others_call_them_is_not_passed_over(tmp_path: Path, column: str, meant: str) -> None:
    with pytest.raises(agent.InputError) as error:
        load(table(tmp_path, "r1,x", f"name,{column}"))
    assert error.value.hint == f"did you mean {meant}? Else name it otherwise"


def test_they_stay_where_routers_are_handed_out(tmp_path: Path) -> None:
    (one,) = load(table(tmp_path, "r1,22:00-04:00,UTC"))
    assert (one.for_worker().window, one.for_worker().tz) == (None, None)
