"""hellos.json: what devices announced, as far as it matters, in groups of those that announce the same."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from agent.model.errors import ProtocolError
from agent.netconf.yang.capability import Capabilities
from scripts.release.nodes import Unreadable, removed_nodes

FILE = "hellos.json"
NAMED = re.compile(r"capabilities-(?P<platform>[\w.-]+)\.xml")
_MONITORING = "ietf-netconf-monitoring"
_DEVIATIONS = "cisco-xr-ietf-netconf-monitoring-deviations"


@dataclass(frozen=True)
class Hello:
    """One captured hello: the modules that matter, each with the revision it announces."""

    platform: str
    modules: dict[str, str]
    no_get_schema: bool


@dataclass
class Captured:
    """The hellos of a folder, and what is wrong with those that cannot be used."""

    hellos: list[Hello] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


def captured(folder: Path, modules: Collection[str]) -> Captured:
    """The hellos in the files ``capabilities-PLATFORM.xml`` of *folder*; other files with a hello are what is wrong."""
    found = Captured()
    removed = None
    try:
        removed = _removes_get_schema(folder / f"{_DEVIATIONS}.yang")
    except Unreadable as error:
        found.wrong.append(str(error))
    for path in sorted(folder.glob("*.xml")):
        named = NAMED.fullmatch(path.name)
        try:
            announced = Capabilities.from_hello(path.read_bytes())
        except ProtocolError as error:
            if named:
                found.wrong.append(f"{path.name} is no hello: {error.message}")
            continue
        if named:
            found.hellos.append(_hello(named["platform"], announced, modules, removed))
        else:
            found.wrong.append(f"{path.name} has a hello of no platform: call it capabilities-PLATFORM.xml")
    silent = [one.platform for one in found.hellos if one.no_get_schema]
    if silent and not (folder / f"{_DEVIATIONS}.yang").is_file():
        found.wrong.append(f"{_DEVIATIONS}, announced by {', '.join(silent)}, is not in the folder")
    return found


def merged(words: str, release: str, hellos: Iterable[Hello]) -> str:
    """The text of hellos.json with *hellos* of *release*; each takes the place of one of the same platform."""
    listed = json.loads(words)
    groups = {name: dict(group["modules"]) for group in listed["groups"] for name in group["hellos"]}
    silent = set(listed["no_get_schema"])
    for hello in hellos:
        name = f"{release} {hello.platform}"
        groups[name] = hello.modules
        silent = silent | {name} if hello.no_get_schema else silent - {name}
    return _text(groups, sorted(silent, key=_order))


def _hello(platform: str, announced: Capabilities, modules: Collection[str], removed: bool | None) -> Hello:
    monitoring = announced.module(_MONITORING)
    deviated = monitoring is not None and _DEVIATIONS in monitoring.deviations
    return Hello(
        platform,
        {name: one.revision or "" for name, one in sorted(announced.modules.items()) if name in modules},
        no_get_schema=deviated and removed is not False,
    )


def _removes_get_schema(path: Path) -> bool | None:
    """Whether the release's deviations take get-schema away, as they do from 24.4.1 on; None: they are not there."""
    if not path.is_file():
        return None
    return "get-schema" in removed_nodes(path)


def _text(groups: dict[str, dict[str, str]], silent: list[str]) -> str:
    alike: dict[str, list[str]] = {}
    for name in sorted(groups, key=_order):
        alike.setdefault(json.dumps(groups[name]), []).append(name)
    releases = {name.partition(" ")[0] for name in groups}
    about = (
        f"What {len(groups)} real devices of {len(releases)} releases announced: each group has the devices (RELEASE"
        " PLATFORM) whose relevant modules and revisions agree. no_get_schema: the devices that announce the deviation"
        " by which get-schema is not supported. Facts read from the hello messages in YangModels/yang, vendor/cisco/xr."
    )
    lines = [f'  {{"hellos": {json.dumps(names)}, "modules": {modules}}}' for modules, names in alike.items()]
    joined = ",\n".join(lines)
    return f'{{\n "about": "{about}",\n "groups": [\n{joined}\n ],\n "no_get_schema": {json.dumps(silent)}\n}}\n'


def _order(name: str) -> tuple[str, str]:
    """As the files of all releases are ordered where they are published: 2421/capabilities-8000.xml."""
    release, _, platform = name.partition(" ")
    return release.replace(".", ""), f"{platform}.xml"
