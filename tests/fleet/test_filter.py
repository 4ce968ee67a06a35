"""A filter keeps the routers that are meant, and says so where a word of it means none."""

from __future__ import annotations

import re

import pytest

import agent
from agent.fleet.inventory.filter import Filter
from agent.fleet.inventory.target import Target

ROUTERS = (
    Target("core1", "192.0.2.1", platform="iosxr", groups=("core", "emea"), data={"site": "London", "tags.0": "a"}),
    Target("core2", "192.0.2.2", groups=("core",), data={"site": "Paris", "tags.0": "b", "tags.1": "a", "x.y": "z"}),
    Target("edge-1", "192.0.2.3", groups=("edge", "emea"), data={"site": "London"}),
    Target("[2001:db8::1]:830", "2001:db8::1"),
)


def names(limit: str | None = None, groups: tuple[str, ...] = (), where: tuple[str, ...] = ()) -> list[str]:
    return [target.name for target in Filter.parse(limit, groups, where).select(ROUTERS)]


@pytest.mark.parametrize(
    "limit, kept",
    [
        (None, ["core1", "core2", "edge-1", "[2001:db8::1]:830"]),
        ("edge-1,core1", ["core1", "edge-1"]),
        ("core*", ["core1", "core2"]),
        ("core*, !core2", ["core1"]),
        ("!core*", ["edge-1", "[2001:db8::1]:830"]),
        ("core[1-1],edge-?", ["core1", "edge-1"]),
        ("[2001:db8::1]:830", ["[2001:db8::1]:830"]),
    ],
)
def test_limit_takes_names_and_globs_and_leaves_out_what_is_after_an_exclamation_mark(
    limit: str | None, kept: list[str]
) -> None:
    assert names(limit) == kept


def test_groups_are_alternatives_and_values_conditions() -> None:
    assert names(groups=("emea",)) == ["core1", "edge-1"]
    assert names(groups=("core", "edge")) == ["core1", "core2", "edge-1"]
    assert names(where=("site=London",)) == ["core1", "edge-1"]
    assert names(where=("site=London", "platform=iosxr")) == ["core1"]
    assert names(where=("host=192.0.2.2",)) == ["core2"]
    assert names(where=("x.y=z",)) == ["core2"]
    assert names(where=("tags=a",)) == ["core1", "core2"]
    assert names("core*", ("emea",), ("site=London",)) == ["core1"]


@pytest.mark.parametrize(
    "limit, groups, where, said, hint",
    [
        ("core1,croe2", (), (), "--limit croe2 matches none of the 4 routers of the inventory", "did you mean core2?"),
        ("core*,!core22", (), (), "--limit !core22 matches none of the 4 routers", "did you mean core2?"),
        ("CORE1", (), (), "--limit CORE1 matches none", "did you mean core1?"),
        ("x*", (), (), "--limit x* matches none", ""),
        (None, ("core", "egde"), (), "--group egde matches none", "did you mean edge?"),
        (None, (), ("sites=London",), "--where sites=… matches none", "key: did you mean site?"),
        (None, (), ("site=Londn",), "--where site=… matches none", "3 of them have site, each with another value"),
        (None, (), ("platform=",), "--where platform=… matches none", "value of platform: there is iosxr"),
        (
            "core2",
            (),
            ("site=London",),
            "--limit core2 --where site=… leaves none of the 4 routers",
            "all together",
        ),
        ("core1,!core1", (), (), "--limit core1,!core1 leaves none", ""),
    ],
)
def test_a_word_that_means_no_router_is_refused_by_name(
    limit: str | None, groups: tuple[str, ...], where: tuple[str, ...], said: str, hint: str
) -> None:
    with pytest.raises(agent.InputError) as error:
        names(limit, groups, where)
    assert said in error.value.message
    assert hint in (error.value.hint or "")


@pytest.mark.parametrize(
    "limit, groups, where",
    [("", (), ()), ("a,", (), ()), ("!", (), ()), (None, ("",), ()), (None, (), ("site",)), (None, (), ("=x",))],
)
def test_an_empty_word_is_refused_and_never_means_every_router(
    limit: str | None, groups: tuple[str, ...], where: tuple[str, ...]
) -> None:
    with pytest.raises(agent.InputError):
        Filter.parse(limit, groups, where)


def test_keeping_depends_on_the_router_alone() -> None:
    chosen = Filter.parse("core*,!core2", ("core",), ("site=London",))
    assert chosen.select(ROUTERS) == [ROUTERS[0]]
    assert Filter().select(ROUTERS) == [*ROUTERS]


def test_thousands_of_names_are_looked_up_not_compared_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    many = [Target(f"r{number}", f"r{number}") for number in range(2000)]

    def compared(name: str, pattern: str) -> bool:
        raise AssertionError(f"{name} was compared with {pattern}")

    monkeypatch.setattr("agent.fleet.inventory.filter.fnmatchcase", compared)
    assert Filter.parse(",".join(target.name for target in many)).select(many) == many


@pytest.mark.parametrize(
    "where", ["site=Londn", "notes=x", "tags=c", "x.y=z1", "sit=London", "enable_key=oops", "x.psk=oops"]
)
def test_no_value_of_data_stands_in_a_message(where: str) -> None:
    values = {value for target in ROUTERS for value in target.data.values()} | {"oops"}
    with pytest.raises(agent.InputError) as error:
        names(where=("site=London", where))
    words = re.findall(r"[\w.]+", f"{error.value.message} {error.value.hint}")
    assert not {value for value in values if len(value) > 1}.intersection(words)


def test_a_key_that_names_a_secret_is_told_why_it_finds_none() -> None:
    with pytest.raises(agent.InputError) as error:
        names(where=("snmp_community=oops",))
    assert "snmp_community names a secret" in (error.value.hint or "")
