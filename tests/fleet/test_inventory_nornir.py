"""A nornir configuration and its plugins bring the routers, or are refused; no message has a secret."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from nornir.core.inventory import ConnectionOptions, Defaults, Group, Groups, Host, Hosts, Inventory, ParentGroups
from nornir.core.plugins.inventory import InventoryPluginRegister, TransformFunctionRegister

import agent
from agent.fleet.inventory.source import load, load_nornir
from agent.fleet.inventory.target import Target
from agent.model.method import Method
from tests.fleet.inventories import FULL, config, put, simple, write


class Invented:
    """An inventory plugin as NetBox's is one: its routers are in no file."""

    def __init__(self, count: int, password: str | None = None, loop: bool = False, fault: str | None = None) -> None:
        if fault:
            raise ValueError(f"no answer by https://ops:{fault}@netbox/ with token {fault}")
        self._count = count
        self._password = password
        self._loop = loop

    def load(self) -> Inventory:
        group = Group("netbox", username="ops", data={"xr_agent": {"method": "rpc"}})
        if self._loop:
            group.groups = ParentGroups([group])
        hosts = Hosts()
        for number in range(self._count):
            hosts[f"r{number}"] = Host(
                f"r{number}",
                hostname=f"192.0.2.{number}",
                password=self._password,
                groups=ParentGroups([group]),
                data={"site": {"slug": "lon"}, "tenant": None, "serial": 7, "xr_agent": {"key": "keys/all"}},
                connection_options={"netconf": ConnectionOptions(port=8300)},
                defaults=Defaults(platform="iosxr"),
            )
        return Inventory(hosts=hosts, groups=Groups({"netbox": group}), defaults=Defaults(platform="iosxr"))


@pytest.fixture
def invented() -> Iterator[str]:
    InventoryPluginRegister.register("Invented", Invented)
    yield "Invented"
    InventoryPluginRegister.deregister("Invented")


def test_a_plugin_of_a_nornir_configuration_brings_the_routers(folder: Path, invented: str) -> None:
    path = config(
        folder, f"inventory: {{plugin: {invented}, options: {{count: 2}}}}\nrunner: {{plugin: of_the_user}}\n"
    )
    first, second = load_nornir(path)
    assert first == Target(
        "r0",
        "192.0.2.0",
        port=8300,
        username="ops",
        key_file=folder / "keys" / "all",
        platform="iosxr",
        method=Method.RPC,
        groups=("netbox",),
        data={"site.slug": "lon", "serial": "7"},
    )
    assert second.name == "r1"


def test_simple_inventory_by_configuration_gives_what_its_file_gives(folder: Path, tmp_path: Path) -> None:
    source = write(folder, *FULL)
    files = {"host_file": source, "group_file": f"{folder}/groups.yaml", "defaults_file": f"{folder}/defaults.yaml"}
    path = config(
        folder, f"inventory: {{plugin: SimpleInventory, options: {files}}}\nlogging: {{log_file: {tmp_path}/x}}\n"
    )
    assert load_nornir(path) == load(source)
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    "text, said",
    [
        ("inventory: {plugin: NetBoxInventory2}\n", "plugin 'NetBoxInventory2' is not registered"),
        ("inventory: {plugin: Invented, options: {cuont: 1}}\n", "unexpected keyword argument 'cuont'"),
        ("inventory: {plugin: SimpleInventory, options: {host_fiel: a}}\n", "inventory.options.host_fiel: the key"),
        ("inventory: {options: {encoding: latin-1}}\n", "inventory.options.encoding: only UTF-8 is read"),
        ("inventory: simple\n", "inventory: inventory is no mapping"),
        ("inventory: {plugin: Invented, options: {count: 0}}\n", "has no router"),
        ("inventory: {plugin: Invented, options: {count: 1, loop: true}}\n", "the group 'netbox' is its own parent"),
        ("- inventory\n", "no mapping"),
        ("inventory: [\n", "line 2: no valid YAML"),
    ],
)
def test_a_configuration_that_nornir_cannot_load_is_an_input_error(
    folder: Path, invented: str, text: str, said: str
) -> None:
    with pytest.raises(agent.InputError) as error:
        load_nornir(config(folder, text))
    assert said in error.value.message
    assert str(folder / "config.yaml") in error.value.message


def test_a_file_of_the_configuration_that_is_missing_is_named(folder: Path) -> None:
    with pytest.raises(agent.InputError, match=r"/nowhere/hosts\.yaml: No such file"):
        load_nornir(config(folder, simple("/nowhere/hosts.yaml")))


def test_a_transform_function_of_the_configuration_is_applied(folder: Path) -> None:
    def renamed(host: Host, **options: Any) -> None:
        host.hostname = f"{host.name}.{options['domain']}"

    said = json.loads(simple(put(folder / "hosts.yaml", "r1: {}\n")))
    said["inventory"] |= {"transform_function": "renamed", "transform_function_options": {"domain": "example"}}
    TransformFunctionRegister.register("renamed", renamed)
    try:
        (target,) = load_nornir(config(folder, json.dumps(said)))
    finally:
        TransformFunctionRegister.deregister("renamed")
    assert target.host == "r1.example"


def test_a_yaml_error_in_a_file_of_the_configuration_names_the_line_and_not_the_text(folder: Path) -> None:
    (folder / "bad.yaml").write_text("r1:\n  password: hunter2\n  password: hunter3\n")
    text = f"inventory: {{plugin: SimpleInventory, options: {{host_file: {folder}/bad.yaml}}}}\n"
    with pytest.raises(agent.InputError) as error:
        load_nornir(config(folder, text))
    assert "line 3" in error.value.message
    assert "hunter" not in error.value.message


def test_what_a_plugin_says_of_its_secrets_is_hidden(folder: Path, invented: str) -> None:
    with pytest.raises(agent.InputError) as error:
        load_nornir(config(folder, f"inventory: {{plugin: {invented}, options: {{count: 1, fault: hunter2}}}}\n"))
    assert "ValueError: no answer by https://ops:***@netbox/ with token ***" in error.value.message


def test_a_password_in_clear_from_a_plugin_is_refused_with_the_router(folder: Path, invented: str) -> None:
    with pytest.raises(agent.InputError) as error:
        load_nornir(config(folder, f"inventory: {{plugin: {invented}, options: {{count: 1, password: hunter2}}}}\n"))
    assert error.value.device == "r0"
    assert "hunter2" not in str(error.value)


def test_data_of_a_plugin_that_has_no_end_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    endless: dict[str, Any] = {}
    endless["again"] = endless
    wide = [["x"] * 1000] * 1000
    for data, said in ((endless, "nested deeper than 40 levels"), (wide, "more than 100000 values")):
        monkeypatch.setattr(
            Invented, "load", lambda self, data=data: Inventory(Hosts({"r1": Host("r1", data={"d": data})}))
        )
        InventoryPluginRegister.register("Invented", Invented)
        try:
            with pytest.raises(agent.InputError, match=said) as error:
                load_nornir(config(folder, "inventory: {plugin: Invented, options: {count: 1}}\n"))
            assert error.value.device == "r1"
        finally:
            InventoryPluginRegister.deregister("Invented")
