"""An inventory that cannot be used is refused whole, with file, line and router."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import agent
from agent.fleet.inventory import textfile
from agent.fleet.inventory.source import load
from tests.fleet.inventories import refused, write


def test_a_port_that_could_be_either_is_refused(folder: Path) -> None:
    error = refused(write(folder, "r0: {}\nr1:\n  port: 2222\n"))
    assert (error.device, error.message) == (
        "r1",
        f"{folder}/hosts.yaml, line 3: port 2222 may be that of NETCONF or that of SSH",
    )
    assert error.hint == "say data: xr_agent: netconf_port or ssh_port"


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
        ("r1:\n port: 0\n", 2, "r1", "line 2: 0 is no port in 1..65535", ""),
        ("r1:\n port: hunter2\n", 2, "r1", "this is no port in 1..65535", ""),
        ("r1:\n port: 22.5\n", 2, "r1", "22.5 is no port in 1..65535", ""),
        ("r1:\n port: true\n", 2, "r1", "this is no port in", ""),
        ("r1:\n data:\n  xr_agent: {ssh_port: 65536}\n", 3, "r1", "this is no port in", ""),
        ("r1:\n data:\n  xr_agent: {netconf_port: x}\n", 3, "r1", "this is no port in", ""),
        ("r1:\n data:\n  xr_agent: {method: magic}\n", 3, "r1", "this is no method", "one of auto, trustpool, "),
        ("r1:\n data:\n  xr_agent: {trustpoint: [a, b]}\n", 3, "r1", "a trustpoint is no text", "quotes"),
        ("r1:\n data:\n  xr_agent: {trustpoint: a b}\n", 3, "r1", "this trustpoint name cannot be used", ""),
        ("r1:\n data:\n  xr_agent: {jump: '@h'}\n", 3, "r1", "there is no user before the @", ""),
        ("r1:\n data:\n  xr_agent: {jump: 'h:x'}\n", 3, "r1", "what follows the host is no port in", ""),
        ("r1:\n data:\n  xr_agent: {jump: 'h:0'}\n", 3, "r1", "what follows the host is no port in", ""),
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
        ("core:\nunused:\n  port: 99999\n", "groups.yaml, line 3: group unused: 99999 is no port in"),
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


@pytest.mark.parametrize(
    "text", ["%YAML 1.3\n---\na: 1\n", "%YAML 2.0\n---\na: 1\n", "k: =\n", "%TAG ! x\n---\na: !b c\n"]
)
def test_whatever_the_parser_raises_is_an_input_error(folder: Path, text: str) -> None:
    assert str(folder / "hosts.yaml") in refused(write(folder, text)).message


@pytest.mark.parametrize("text", ["", "# nothing\n", "{}\n", "---\n", "null\n"])
def test_an_inventory_without_routers_is_refused(folder: Path, text: str) -> None:
    assert refused(write(folder, text)).message == f"{folder}/hosts.yaml has no router"


def test_a_date_that_is_none_is_an_input_error(folder: Path) -> None:
    assert "a number or date cannot be read" in refused(write(folder, "r1: {data: {built: 2024-99-99}}\n")).message


def test_a_file_of_another_kind_is_told_apart(folder: Path) -> None:
    assert refused(str(folder / "hosts")).message.endswith("hosts: its ending does not tell what it is")
    assert refused(write(folder, "inventory: {plugin: X}\nrunner: {}\n")).hint == "give it with --nornir-config"
    assert "Ansible" in refused(write(folder, "all: {children: {core: {hosts: {r1: {}}}}}\n")).message
