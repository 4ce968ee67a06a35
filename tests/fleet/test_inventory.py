"""An inventory gives its routers in order, with what their entries say."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import ruamel.yaml.main
from nornir.core.inventory import Inventory
from nornir.plugins.inventory.simple import SimpleInventory

from agent.fleet.inventory import source as inventory
from agent.fleet.inventory import yamlfile
from agent.fleet.inventory.reference import Reference
from agent.fleet.inventory.source import load, load_nornir
from agent.fleet.inventory.target import Target
from agent.model.method import Method
from tests.fleet.inventories import FULL, config, refused, simple, write

ROOT = Path(__file__).resolve().parents[2]


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
