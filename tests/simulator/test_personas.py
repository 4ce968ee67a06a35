"""A persona for every platform whose hello was captured."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agent.model.errors import InputError
from agent.model.local.resources import directory
from agent.simulator import Device, Persona, platforms
from tests.simulator.peer import netconf
from tests.support import Lab

HELLOS = json.loads((directory("yang") / "hellos.json").read_text(encoding="utf-8"))
GROUPS = [group for group in HELLOS["groups"] if group["modules"]]

CALL_HOME = "Cisco-IOS-XR-call-home-cfg"


def persona_of(name: str) -> Persona:
    release, platform = name.split()
    return Persona(release=release, platform=platform)


def announced(persona: Persona) -> dict[str, str]:
    """Cisco's modules in the hello with their revisions."""
    parts = [uri.partition("?module=Cisco-IOS-XR-")[2] for uri in persona.capabilities()]
    pairs = (part.split("&")[:2] for part in parts if part)
    return {f"Cisco-IOS-XR-{name}": revision.removeprefix("revision=") for name, revision in pairs}


def test_every_captured_hello_that_announces_something_is_a_persona() -> None:
    assert len(platforms()) == sum(len(group["hellos"]) for group in GROUPS)
    assert {f"{release} {platform}" for release, platform in platforms()} == {
        name for group in GROUPS for name in group["hellos"]
    }


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group["hellos"][0].replace(" ", "-"))
def test_a_device_of_each_group_announces_exactly_its_modules(group: dict[str, Any]) -> None:
    for name in group["hellos"]:
        persona = persona_of(name)
        assert announced(persona) == group["modules"]
        assert persona.offers_get_schema is (name not in HELLOS["no_get_schema"])
    assert Device("d", persona_of(group["hellos"][0])).hello


@pytest.mark.parametrize(
    "name", [name for group in HELLOS["groups"] if not group["modules"] for name in group["hellos"]]
)
def test_an_empty_hello_is_no_persona(name: str) -> None:
    with pytest.raises(InputError, match="announces nothing"):
        persona_of(name)


@pytest.mark.parametrize("release, platform", [("7.3.2", "nonsense"), ("1.2.3", None), ("1.2.3", "ncs5500")])
def test_what_was_not_captured_is_refused(release: str, platform: str | None) -> None:
    with pytest.raises(InputError):
        Persona(release=release, platform=platform)


def test_a_platform_without_get_schema_refuses_it(lab: Lab) -> None:
    with (
        netconf(lab, lab.add(release="25.4.2", platform="8000")) as connected,
        pytest.raises(Exception, match="operation"),
    ):
        connected.get_schema("Cisco-IOS-XR-crypto-act")


def test_a_revision_listed_for_other_releases_alone_has_their_nodes() -> None:
    group = next(one for one in GROUPS if "2018-07-24" in one["modules"].get(CALL_HOME, "") and has(one, "24.2.1"))
    persona = persona_of(next(name for name in group["hellos"] if name.startswith("24.2.1 ")))
    assert set(persona.modules) == set(group["modules"])


def has(group: dict[str, Any], release: str) -> bool:
    return any(name.startswith(f"{release} ") for name in group["hellos"])


def test_a_module_without_a_file_is_announced_and_has_no_data(lab: Lab) -> None:
    module = "Cisco-IOS-XR-spirit-install-instmgr-oper"
    group = next(group for group in GROUPS if group["modules"].get(module) == "2019-08-24")
    device = lab.add(persona_of(group["hellos"][0]))
    with netconf(lab, device) as connected:
        assert any(f"module={module}&revision=2019-08-24" in uri for uri in connected.server_capabilities)
        wanted = f'<install xmlns="http://cisco.com/ns/yang/{module}"/>'
        assert len(connected.get(("subtree", wanted)).data) == 0


def test_many_devices_are_added_at_once(lab: Lab) -> None:
    persona = Persona()
    for number in range(200):
        lab.simulator.add(persona, name=f"r{number}")
    ports = [port for one in lab.simulator.devices.values() for port in (one.port, one.ssh_port)]
    assert len(set(ports)) == 400
