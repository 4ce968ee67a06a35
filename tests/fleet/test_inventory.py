"""An inventory gives its routers in order, with what their entries say, or is refused whole, with file and line."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import ruamel.yaml.main
from nornir.core.inventory import ConnectionOptions, Defaults, Group, Groups, Host, Hosts, Inventory, ParentGroups
from nornir.core.plugins.inventory import InventoryPluginRegister, TransformFunctionRegister
from nornir.plugins.inventory.simple import SimpleInventory

import agent
from agent.fleet.inventory import source as inventory
from agent.fleet.inventory import textfile, yamlfile
from agent.fleet.inventory.reference import Reference
from agent.fleet.inventory.source import load, load_nornir
from agent.fleet.inventory.target import Target
from agent.model.address import Endpoint
from agent.model.method import Method

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def one_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    """The C parser of ruamel.yaml, which reads other values, is nowhere used, be it installed or not."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the C parser of ruamel.yaml was made")

    monkeypatch.setattr(ruamel.yaml.main, "CParser", refuse)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def write(folder: Path, hosts: str, groups: str | None = None, defaults: str | None = None) -> str:
    """The path of an inventory with these files."""
    for name, text in (("hosts", hosts), ("groups", groups), ("defaults", defaults)):
        if text is not None:
            (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return str(folder / "hosts.yaml")


def refused(source: str) -> agent.InputError:
    with pytest.raises(agent.InputError) as error:
        load(source)
    return error.value


def put(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def config(folder: Path, text: str) -> Path:
    return Path(put(folder / "config.yaml", text))


def simple(hosts: str, **more: str) -> str:
    """A configuration of nornir with these files of its SimpleInventory."""
    return json.dumps({"inventory": {"plugin": "SimpleInventory", "options": {"host_file": hosts, **more}}})


# What is read


def test_routers_come_in_the_order_of_the_file_with_what_their_entries_say(folder: Path) -> None:
    source = write(
        folder,
        """
zeta:
  hostname: 192.0.2.1
  username: me
  platform: iosxr
  groups: [edge]
  data:
    site: London
    xr_agent:
      netconf_port: 8300
      ssh_port: 2222
      password: env:XR_PASSWORD
      key: keys/zeta
      key_passphrase: file:secrets/zeta
      jump: ops@bastion.example:2200,inner.example
      login_timeout: 45
      legacy_ssh: true
      trustpoint: OWN
      method: rpc
alpha: {}
""",
        "edge: {}\n",
    )
    zeta, alpha = load(source)
    assert zeta == Target(
        "zeta",
        "192.0.2.1",
        port=8300,
        ssh_port=2222,
        username="me",
        password=Reference.parse("env:XR_PASSWORD"),
        key_file=folder / "keys" / "zeta",
        key_passphrase=Reference.parse(f"file:{folder}/secrets/zeta"),
        jump="ops@bastion.example:2200,inner.example",
        login_timeout=45.0,
        legacy_ssh=True,
        platform="iosxr",
        trustpoint="OWN",
        method=Method.RPC,
        groups=("edge",),
        data={"site": "London"},
    )
    assert alpha == Target("alpha", "alpha")


def test_paths_are_relative_to_the_file_and_know_the_users_home(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = folder / "ops"
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(folder.parent)
    source = write(
        folder, "r1: {data: {xr_agent: {key: ~/.ssh/id, password: 'file:~/secret', key_passphrase: file:p}}}"
    )
    (target,) = load(os.path.relpath(source))
    assert target.key_file == home / ".ssh" / "id"
    assert str(target.password) == f"file:{home}/secret"
    assert str(target.key_passphrase) == f"file:{folder}/p"


def test_our_settings_are_inherited_key_by_key_the_nearest_first(folder: Path) -> None:
    source = write(
        folder,
        "r1: {groups: [near, other], data: {xr_agent: {method: file}}}\n",
        """
near: {groups: [far], data: {xr_agent: {method: rpc, jump: near.example}}}
far: {data: {xr_agent: {method: dialog, jump: far.example, trustpoint: FAR, key: far.key}}}
other: {data: {xr_agent: {jump: other.example, key: other.key, ssh_port: 2222}}}
""",
        "data: {xr_agent: {ssh_port: 2223, netconf_port: 8300}}\n",
    )
    (target,) = load(source)
    assert (target.method, target.jump, target.trustpoint) == (Method.FILE, "near.example", "FAR")
    assert (target.key_file, target.ssh_port, target.port) == (folder / "far.key", 2222, 8300)
    assert target.groups == ("near", "far", "other")


def test_the_three_places_count_in_their_order(folder: Path) -> None:
    source = write(
        folder,
        """
ours: {groups: [g], password: env:PLAIN, connection_options: {netconf: {password: env:NETCONF}}}
netconf:
  password: env:PLAIN
  username: plain
  platform: own
  connection_options: {netconf: {password: env:NETCONF, hostname: n.example, platform: iosxr}}
plain: {password: env:PLAIN, hostname: p.example}
""",
        "g: {data: {xr_agent: {password: env:OURS}}}\n",
    )
    ours, netconf, plain = load(source)
    assert (str(ours.password), str(netconf.password), str(plain.password)) == ("env:OURS", "env:NETCONF", "env:PLAIN")
    assert (netconf.host, netconf.username, netconf.platform) == ("n.example", "plain", "own")
    assert (plain.host, plain.platform) == ("p.example", None)


@pytest.mark.parametrize(
    "entry, ports",
    [
        ("{}", (None, None)),
        ("{port: 22}", (None, 22)),
        ("{port: 830}", (830, None)),
        ("{port: '830'}", (830, None)),
        ("{port: 22, data: {xr_agent: {netconf_port: 8300}}}", (8300, 22)),
        ("{port: 830, data: {xr_agent: {netconf_port: 8300}}}", (8300, None)),
        ("{port: 2222, connection_options: {netconf: {port: 8300}}}", (8300, 2222)),
        ("{port: 2222, data: {xr_agent: {netconf_port: 8300, ssh_port: 22}}}", (8300, 22)),
        ("{port: 8300, data: {xr_agent: {ssh_port: 22}}}", (8300, 22)),
        ("{connection_options: {netconf: {port: 8300}}, data: {xr_agent: {netconf_port: 8301}}}", (8301, None)),
    ],
)
def test_the_port_of_an_entry_is_the_one_that_nothing_else_names(
    folder: Path, entry: str, ports: tuple[int | None, int | None]
) -> None:
    (target,) = load(write(folder, f"r1: {entry}\n"))
    assert (target.port, target.ssh_port) == ports


def test_a_port_that_could_be_either_is_refused(folder: Path) -> None:
    error = refused(write(folder, "r0: {}\nr1:\n  port: 2222\n"))
    assert (error.device, error.message) == (
        "r1",
        f"{folder}/hosts.yaml, line 3: port 2222 may be that of NETCONF or that of SSH",
    )
    assert error.hint == "say data: xr_agent: netconf_port or ssh_port"


def test_data_is_text_by_dotted_names_and_a_value_of_the_host_hides_all_of_its_groups(folder: Path) -> None:
    source = write(
        folder,
        "r1: {groups: [g], data: {ntp: {server: a}, tags: [x, null, y], up: true, n: null, xr_agent: {method: rpc}}}\n",
        "g: {data: {ntp: {server: b, key: 7}, site: London, built: 2024-01-02}}\n",
    )
    (target,) = load(source)
    assert target.data == {
        "ntp.server": "a",
        "tags.0": "x",
        "tags.1": "y",
        "up": "true",
        "site": "London",
        "built": "2024-01-02",
    }


def test_secrets_in_data_stay_out_of_it(folder: Path) -> None:
    source = write(
        folder,
        "r1: {data: {enable_password: hunter2, snmp: {Secrets: [hunter3]}, api_token: 4711, url: 'ftp://u:hunter4@h/',"
        " snmp_community: hunter5, enable_key: hunter6, apiKey: hunter7, bgp: {psk: hunter8}}}\n",
    )
    (target,) = load(source)
    assert target.data == {"url": "ftp://u:***@h/"}


def test_merge_keys_and_anchors_are_read_as_yaml_has_them(folder: Path) -> None:
    source = write(
        folder,
        """
r1: &base
  username: ops
  data: {xr_agent: &ours {method: rpc, jump: a.example}}
r2:
  <<: *base
  hostname: r2.example
  data: {xr_agent: {<<: *ours, method: file}}
""",
    )
    _, second = load(source)
    assert (second.username, second.host, second.method, second.jump) == ("ops", "r2.example", Method.FILE, "a.example")


def test_a_yml_file_and_its_neighbours_are_found(folder: Path) -> None:
    (folder / "hosts.yml").write_text("r1: {groups: [g]}\n")
    (folder / "groups.yml").write_text("g: {username: ops}\n")
    (target,) = load(str(folder / "hosts.yml"))
    assert target.username == "ops"
    (folder / "groups.yaml").write_text("g: {username: other}\n")
    assert "both" in refused(str(folder / "hosts.yml")).message


FULL = (
    """
r1:
  hostname: 192.0.2.1
  port: 22
  username: a
  password: env:A
  platform: iosxr
  groups: [near, far]
  data: {site: {name: London}, xr_agent: {method: rpc}}
  connection_options:
    netconf: {hostname: n.example, port: 8300, extras: {hostkey_verify: false}}
    netmiko: {platform: cisco_xr}
r2: {}
""",
    """
near: {groups: [far], data: {role: core}}
far: {username: b, connection_options: {netconf: {username: c}}}
""",
    "username: d\ndata: {region: emea}\nconnection_options: {netconf: {password: 'env:N'}}\n",
)


def nornirs(folder: Path, defaults: str = "defaults.yaml") -> Inventory:
    """What nornir's own class makes of the files in *folder*, with the parser that ours is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ruamel.yaml.main, "CParser", None)
        return SimpleInventory(*(str(folder / name) for name in ("hosts.yaml", "groups.yaml", defaults))).load()


def test_nornir_itself_reads_the_same_from_the_same_files(folder: Path) -> None:
    write(folder, *FULL)
    _, ours = inventory.simple_inventory(*(folder / f"{name}.yaml" for name in ("hosts", "groups", "defaults")))
    theirs = nornirs(folder)
    assert ours.dict() == theirs.dict()


def test_groups_are_inherited_in_nornirs_order(folder: Path) -> None:
    groups = "a: {groups: [x, y]}\nb: {groups: [y, z]}\nx: {groups: [top]}\ny: {}\nz: {}\ntop: {}\n"
    source = write(folder, "r1: {groups: [a, b]}\n", groups)
    theirs = nornirs(folder, "none.yaml")
    expected = tuple(group.name for group in theirs.hosts["r1"].extended_groups())
    assert load(source)[0].groups == expected == ("a", "x", "top", "y", "b", "z")


# nornir's configurations and plugins


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


# SYNTHETIC: each reads otherwise, or is refused, with the C parser.
@pytest.mark.parametrize(
    "text, data",
    [
        ("%YAML 1.1\n---\nr1: {data: {a: no, b: 22:22, c: 1_0}}\n", {"a": "false", "b": "1342", "c": "10"}),
        ("r1: {data: {a: no, b: 22:22, c: 012}}\n", {"a": "no", "b": "22:22", "c": "12"}),
        ("r1: {data: {a: env:NAME}}\n", {"a": "env:NAME"}),
        ("r1: {data: {a: '::1', b: 2001:db8::1}}\n", {"a": "::1", "b": "2001:db8::1"}),
        ('r1: {data: {a: "\\/"}}\n', {"a": "/"}),
    ],
)
def test_a_value_of_yaml_is_the_same_by_every_way(folder: Path, text: str, data: dict[str, str]) -> None:
    (target,) = load(write(folder, text))
    assert target.data == data
    assert load_nornir(config(folder, simple(str(folder / "hosts.yaml")))) == [target]


@pytest.mark.parametrize(
    "text", ["%YAML 1.3\n---\na: 1\n", "%YAML 2.0\n---\na: 1\n", "k: =\n", "%TAG ! x\n---\na: !b c\n"]
)
def test_whatever_the_parser_raises_is_an_input_error(folder: Path, text: str) -> None:
    assert str(folder / "hosts.yaml") in refused(write(folder, text)).message


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


# The same rules for hosts in every form


FORMS: dict[str, Callable[[Path, str], list[Target]]] = {
    "csv": lambda folder, host: load(put(folder / "r.csv", f'name,host\nr0,a\nr1,"{host}"\n')),
    "list": lambda folder, host: load(put(folder / "r.txt", f"r0\n{host}\n")),
    "yaml": lambda folder, host: load(put(folder / "y.yaml", f"r0: {{}}\nr1:\n  hostname: '{host}'\n")),
    "netconf": lambda folder, host: load(
        put(folder / "n.yaml", f"r0: {{}}\nr1: {{connection_options: {{netconf: {{hostname: '{host}'}}}}}}\n")
    ),
    "key": lambda folder, host: load(put(folder / "k.yaml", f"r0: {{}}\n'{host}': {{}}\n")),
    "name": lambda folder, host: load(put(folder / "n.csv", f'name,port\nr0,\n"{host}",\n')),
    "nornir": lambda folder, host: load_nornir(
        config(folder, simple(put(folder / "hosts.yaml", f"r0: {{}}\nr1: {{hostname: '{host}'}}\n")))
    ),
    "jump": lambda folder, host: load(put(folder / "j.csv", f'name,jump\nr0,\nr1,"{host}"\n')),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "host", ["ops@192.0.2.1:830", "[2001:db8::1]:830", "[2001:db8::1]", "ssh://ops@192.0.2.1:830/"]
)
def test_hosts_are_taken_alike_in_every_form(tmp_path: Path, form: str, host: str) -> None:
    target = FORMS[form](tmp_path, host)[-1]
    where = Endpoint.parse(host)
    if form == "jump":
        assert target.jump == host
    else:
        assert (target.host, target.username, target.port) == (where.host, where.user, where.port)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "host", ["192.0.2.1/32", "2001:db8::1/64", "https://192.0.2.1", "ops:hunter2@r1", "r1:99999", "192.0.2.300", "[r1]"]
)
def test_hosts_are_refused_alike_in_every_form(tmp_path: Path, form: str, host: str) -> None:
    with pytest.raises(agent.InputError) as error:
        FORMS[form](tmp_path, host)
    assert re.match(rf"{tmp_path}/\w+\.\w+, line [234]: ", error.value.message), error.value.message
    assert "hunter2" not in f"{error.value} {error.value.hint}"


@pytest.mark.parametrize(
    "hosts, port, ssh_port",
    [
        ("r1: {hostname: 'a:830'}\n", 830, None),
        ("r1: {hostname: 'a:22'}\n", None, 22),
        ("r1: {hostname: 'a:8300', data: {xr_agent: {ssh_port: 22}}}\n", 8300, 22),
    ],
)
def test_a_port_in_nornirs_hostname_means_what_its_port_means(
    folder: Path, hosts: str, port: int | None, ssh_port: int | None
) -> None:
    (target,) = load(str(write(folder, hosts)))
    assert (target.host, target.port, target.ssh_port) == ("a", port, ssh_port)


# What is refused


@pytest.mark.parametrize(
    "hosts, line, device, said, hint",
    [
        ("r1:\n  hostnam: r1.example\n", 2, "r1", "the key 'hostnam' is unknown", "did you mean hostname?"),
        ("r1:\n  zzz: 1\n", 2, "r1", "the key 'zzz' is unknown", "one of connection_options, data, groups, "),
        ("r1:\n  netconf_port: 1\n", 2, "r1", "'netconf_port' is unknown", "our settings stand below data: xr_agent:"),
        ("r1:\n  xr_agent: {}\n", 2, "r1", "'xr_agent' is unknown", "our settings stand below data: xr_agent:"),
        ("r1:\n  1: 1\n", 2, "r1", "the key 1 is no text", "put it in quotes"),
        ("r1:\n data:\n  xr-agent: {}\n", 3, "r1", "'xr-agent' is unknown", "did you mean xr_agent?"),
        ("r1:\n data:\n  xr_agent:\n   metod: rpc\n", 4, "r1", "'metod' is unknown", "did you mean method?"),
        ("r1:\n data:\n  xr_agent: {port: 22}\n", 3, "r1", "'port' is unknown", "write netconf_port or ssh_port"),
        ("r1:\n data:\n  xr_agent: {username: a}\n", 3, "r1", "'username' is unknown", "stands in the entry itself"),
        ("r1:\n connection_options:\n  netconf:\n   prot: 1\n", 4, "r1", "'prot' is unknown", "did you mean port?"),
        ("r1:\n connection_options:\n  netconf: 1\n", 3, "r1", "netconf is no mapping", ""),
        ("r1: []\n", 1, "r1", "r1 is no mapping", ""),
        ("r1:\n data: []\n", 2, "r1", "data is no mapping", ""),
        ("r1:\n data: {xr_agent: x}\n", 2, "r1", "xr_agent is no mapping", ""),
        ("r1:\n groups: core\n", 2, "r1", "groups is no list of names", ""),
        ("r1:\n groups: [cor]\n", 2, "r1", "the group 'cor' is not defined", "did you mean core?"),
        ("r1:\n groups:\n - core\n - zz\n", 4, "r1", "the group 'zz' is not defined", "groups stand in groups.yaml"),
        ("r1: {}\nr2: {}\nr1: {}\n", 3, None, "'r1' is there twice, first on line 1", ""),
        ("r1:\n username: a\n username: b\n", 3, None, "'username' is there twice, first on line 2", ""),
        ("r1:\n <<: {}\n username: a\n username: b\n", 4, None, "'username' is there twice", ""),
        ("r1: {}\n10: {}\n", 2, "10", "the name 10 is no text", "put it in quotes"),
        ('"r 1\\n": {}\n', 1, "r 1\\x0a", "a name has control characters", ""),
        ("'-r1': {}\n", 1, "-r1", "'-r1' is no host name or address", ""),
        ("r1:\n hostname: -oProxyCommand=x\n", 2, "r1", "is no host name or address", ""),
        ("r1:\n hostname: 10\n", 2, "r1", "a host is no text", "put it in quotes"),
        ("r1:\n port: 0\n", 2, "r1", "this is no port in 1..65535", ""),
        ("r1:\n port: true\n", 2, "r1", "this is no port in", ""),
        ("r1:\n data:\n  xr_agent: {ssh_port: 65536}\n", 3, "r1", "this is no port in", ""),
        ("r1:\n data:\n  xr_agent: {netconf_port: x}\n", 3, "r1", "this is no port in", ""),
        ("r1:\n data:\n  xr_agent: {method: magic}\n", 3, "r1", "this is no method", "one of auto, trustpool, "),
        ("r1:\n data:\n  xr_agent: {trustpoint: [a, b]}\n", 3, "r1", "a trustpoint is no text", "quotes"),
        ("r1:\n data:\n  xr_agent: {trustpoint: a b}\n", 3, "r1", "this trustpoint name cannot be used", ""),
        ("r1:\n data:\n  xr_agent: {jump: '@h'}\n", 3, "r1", "there is no user before the @", ""),
        ("r1:\n data:\n  xr_agent: {jump: 'h:x'}\n", 3, "r1", "what follows the host is no port in", ""),
        ("r1:\n data:\n  xr_agent: {jump: ''}\n", 3, "r1", "a jump host is empty", "leave the key out"),
        *(
            (f"r1:\n data:\n  xr_agent: {{login_timeout: {value}}}\n", 3, "r1", "no number of seconds above 0", "")
            for value in ("0", "-1", "soon", ".nan", ".inf", "true", "[30]")
        ),
        *(
            (f"r1:\n data:\n  xr_agent: {{legacy_ssh: {value}}}\n", 3, "r1", "neither true nor false", "")
            for value in ("1", "0", "perhaps", "[true]", "'true '")
        ),
        ("r1:\n data:\n  xr_agent: {key: '~nobody-here/k'}\n", 3, "r1", "there is no such home", ""),
        ('r1:\n username: "a\\eb"\n', 2, "r1", "has control characters", ""),
        ('r1:\n data:\n  a: {b: "x\\e[2J"}\n', 3, "r1", "the value has control characters", ""),
        ("r1:\n password: hunter2\n", 2, "r1", "given as a reference, never by itself", "env:NAME, file:PATH"),
        ("r1:\n password: 12345\n", 2, "r1", "given as a reference, never by itself", ""),
        ("r1:\n connection_options: {netconf: {password: hunter2}}\n", 2, "r1", "given as a reference", ""),
        ("r1:\n data: {xr_agent: {key_passphrase: hunter2}}\n", 2, "r1", "given as a reference", ""),
        ("r1: !!python/object/apply:os.system [id]\n", 1, None, "only plain data is", ""),
        ("r1:\n password: !hunter2 abc\n", 2, None, "a tag (!word) is not taken", ""),
        ("r1: &a {data: *a}\n", 1, None, "this refers to itself", ""),
        ("r1: *hunter2\n", 1, None, "undefined alias", ""),
        ("r1: !hunter2!x y\n", 1, None, "undefined tag handle", ""),
        ("r1: !<hunter2> y\n", 1, None, "a tag (!word) is not taken", ""),
        ("? [a]\n: {}\n", 1, None, "a key is a list or a mapping", ""),
        ("r1: {}\n---\nr2: {}\n", 2, None, "expected a single document", ""),
        ("r1: [\n", 2, None, "no valid YAML", ""),
        ("r1: {data: " + "{a: " * 60 + "1" + "}" * 60 + "}\n", 1, None, "nested deeper than 40 levels", ""),
    ],
)
def test_what_cannot_be_used_is_refused_with_file_line_and_router(
    folder: Path, hosts: str, line: int, device: str | None, said: str, hint: str
) -> None:
    error = refused(write(folder, hosts, "core: {}\n"))
    assert error.message.startswith(f"{folder}/hosts.yaml, line {line}: "), error
    assert said in error.message
    assert error.device == device
    assert hint in (error.hint or "")
    assert "hunter2" not in str(error)


@pytest.mark.parametrize(
    "groups, said",
    [
        ("core:\n  usrname: x\n", "groups.yaml, line 2: group core: the key 'usrname' is unknown"),
        ("core:\nunused:\n  port: 99999\n", "groups.yaml, line 3: group unused: this is no port in"),
        ("core:\n  password: hunter2\n", "groups.yaml, line 2: group core: a secret is given as a reference"),
        ("core: {groups: [up]}\nup:\n  groups: [gone]\n", "groups.yaml, line 3: group up: the group 'gone' is not"),
        ("core: {groups: [up]}\nup: {groups: [core]}\n", "the group 'core' is its own parent"),
        ("core: {groups: [core]}\n", "the group 'core' is its own parent"),
        ("[core]\n", "groups.yaml: this is no mapping"),
    ],
)
def test_a_group_that_cannot_be_used_is_refused_by_its_own_file(folder: Path, groups: str, said: str) -> None:
    assert said in refused(write(folder, "r1: {groups: [core]}\n", groups)).message


def test_defaults_have_no_groups_and_no_secrets(folder: Path) -> None:
    error = refused(write(folder, "r1: {}\n", None, "username: a\ngroups: [core]\n"))
    assert error.message == f"{folder}/defaults.yaml, line 2: the key 'groups' is unknown"
    error = refused(write(folder, "r1: {}\n", None, "password: hunter2\n"))
    assert error.message.startswith(f"{folder}/defaults.yaml, line 1: a secret is given as a reference")


@pytest.mark.parametrize(
    "second, jump, twice",
    [
        ("hostname: r1.example.", "", True),
        ("hostname: R1.EXAMPLE", "", True),
        ("hostname: r1.example, connection_options: {netconf: {port: 830}}", "", True),
        ("hostname: r1.example, connection_options: {netconf: {port: 831}}", "", False),
        ("hostname: r1.example", "jump: other.example", False),
        ("hostname: r2.example", "", False),
    ],
)
def test_one_router_under_two_names_is_refused(folder: Path, second: str, jump: str, twice: bool) -> None:
    source = write(folder, f"r1: {{hostname: r1.example}}\nr2: {{{second}, data: {{xr_agent: {{{jump}}}}}}}\n")
    if not twice:
        assert len(load(source)) == 2
        return
    error = refused(source)
    assert error.device == "r2"
    assert f"hosts.yaml, line 2: r1 has the same address, {load_host(second)} port 830" in error.message


def load_host(text: str) -> str:
    return text.removeprefix("hostname: ").partition(",")[0]


def test_two_spellings_of_an_ipv6_address_are_one_router(folder: Path) -> None:
    assert (
        "same address"
        in refused(write(folder, "r1: {hostname: '2001:db8::1'}\nr2: {hostname: '2001:DB8:0::1'}\n")).message
    )


def test_the_port_of_the_run_counts_where_an_entry_has_none(folder: Path) -> None:
    source = write(folder, "r1: {hostname: h}\nr2: {hostname: h, data: {xr_agent: {netconf_port: 8300}}}\n")
    assert len(load(source)) == 2
    with pytest.raises(agent.InputError, match="same address"):
        load(source, port=8300)


def test_aliases_that_swell_are_refused_before_they_do(folder: Path) -> None:
    lines = ["r1:", "  data:", "    a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"    a{number}: &a{number} [{', '.join([f'*a{number - 1}'] * 10)}]" for number in range(1, 12)]
    error = refused(write(folder, "\n".join(lines)))
    assert "with its aliases written out this has more than 4000000 values" in error.message


def test_merges_that_swell_are_refused_before_they_do(folder: Path) -> None:
    lines = ["r1:", "  data:", "    a0: &a0 {k: v, l: w}"]
    for number in range(1, 9):
        merged = ", ".join([f"*a{number - 1}"] * 10)
        lines += [f"    a{number}: &a{number} {{<<: [{merged}], k{number}: v}}"]
    assert "with its aliases written out" in refused(write(folder, "\n".join(lines))).message


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


# Files


def test_a_file_that_cannot_be_read_is_an_input_error_and_is_not_waited_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(textfile, "LARGEST", 1024)
    os.mkfifo(folder / "fifo.yaml")
    (folder / "folder.yaml").mkdir()
    (folder / "large.yaml").write_text("#" * 1025)
    (folder / "binary.yaml").write_bytes(b"\x7fELF\x00\x00")
    (folder / "latin.yaml").write_bytes("r1: {}\nr2: {data: {city: Zürich}}\n".encode("latin-1"))
    (folder / "dangling.yaml").symlink_to(folder / "nowhere")
    for name, said in (
        ("fifo", "is no regular file"),
        ("folder", "Is a directory"),
        ("large", "is larger than"),
        ("binary", "NUL bytes"),
        ("latin", "line 2: this is no UTF-8 text"),
        ("dangling", "No such file"),
        ("missing", "No such file"),
    ):
        error = refused(f"{folder}/{name}.yaml")
        assert said in error.message
        assert f"{folder}/{name}.yaml" in error.message
    assert "no file name" in refused("a\0.yaml").message


def test_an_unreadable_neighbour_is_not_passed_over(folder: Path) -> None:
    source = write(folder, "r1: {}\n")
    (folder / "groups.yaml").symlink_to(folder / "nowhere")
    assert "groups.yaml: No such file" in refused(source).message


@pytest.mark.parametrize("text", ["", "# nothing\n", "{}\n", "---\n", "null\n"])
def test_an_inventory_without_routers_is_refused(folder: Path, text: str) -> None:
    assert refused(write(folder, text)).message == f"{folder}/hosts.yaml has no router"


def test_a_date_that_is_none_is_an_input_error(folder: Path) -> None:
    assert "a number or date cannot be read" in refused(write(folder, "r1: {data: {built: 2024-99-99}}\n")).message


def test_a_file_of_another_kind_is_told_apart(folder: Path) -> None:
    assert refused(str(folder / "hosts")).message.endswith("hosts: its ending does not tell what it is")
    assert refused(write(folder, "inventory: {plugin: X}\nrunner: {}\n")).hint == "give it with --nornir-config"
    assert "Ansible" in refused(write(folder, "all: {children: {core: {hosts: {r1: {}}}}}\n")).message


def test_the_documents_name_every_place_where_their_values_stand(folder: Path) -> None:
    path = Path(write(folder, "a: &x\n  b:\n  - c\n  - d\ne:\n  <<: *x\n  b: own\n"))
    document = yamlfile.read(path)
    assert [document.line(keys) for keys in [("a",), ("a", "b"), ("a", "b", "1"), ("e", "b"), ("a", "gone"), ()]] == [
        1,
        2,
        4,
        7,
        1,
        None,
    ]


def test_routers_share_what_they_inherit(folder: Path) -> None:
    hosts = "".join(f"r{number}: {{groups: [g{number % 4}]}}\n" for number in range(400))
    source = write(folder, hosts, "".join(f"g{number}: {{data: {{site: s{number}}}}}\n" for number in range(4)))
    targets = load(source)
    assert [target.data["site"] for target in targets[:5]] == ["s0", "s1", "s2", "s3", "s0"]
    assert len({id(target.data) for target in targets}) == 4


def test_groups_that_meet_again_and_again_are_followed_once(folder: Path) -> None:
    groups = [f"a{n}: {{groups: [a{n + 1}, b{n + 1}]}}\nb{n}: {{groups: [a{n + 1}, b{n + 1}]}}\n" for n in range(35)]
    (target,) = load(write(folder, "r1: {groups: [a0]}\n", "".join(groups) + "a35: {}\nb35: {}\n"))
    assert len(target.groups) == 71


def test_nornir_and_yaml_are_imported_only_for_what_needs_them(folder: Path) -> None:
    (folder / "routers.csv").write_text("name\nr1\n")
    code = (
        "import sys; from agent.fleet.inventory.source import load; import agent.fleet.inventory.filter;"
        f"load({str(folder / 'routers.csv')!r});"
        "print([name for name in sys.modules if name.partition('.')[0] in ('nornir', 'ruamel')])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
