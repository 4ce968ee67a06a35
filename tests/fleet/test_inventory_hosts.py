"""Hosts are taken, and refused, by the same rules in every form of an inventory."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

import agent
from agent.fleet.inventory.source import load, load_nornir
from agent.fleet.inventory.target import Target
from agent.model.address import Endpoint
from tests.fleet.inventories import config, put, simple, write

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
