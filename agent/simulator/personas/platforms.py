"""Which modules a device announces: of a release, or of a platform whose hello was captured (yang/hellos.json)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

from agent.model.errors import InputError
from agent.model.local.resources import directory

_NAMESPACE = "http://cisco.com/ns/yang/"


@dataclass(frozen=True)
class ModuleFile:
    """A module as one release has it."""

    name: str
    revision: str
    namespace: str
    path: Path


@dataclass(frozen=True)
class Announced:
    """What a hello says of modules.

    Attributes:
        modules: those whose nodes are known, by name.
        capabilities: the URI of every module, known or not.
        no_get_schema: whether the deviation is announced by which get-schema is not supported.
    """

    modules: Mapping[str, ModuleFile]
    capabilities: tuple[str, ...]
    no_get_schema: bool


def releases() -> list[str]:
    """Every release there is a persona for, oldest first."""
    return list(_read("releases.json")["releases"])


@cache
def platforms() -> tuple[tuple[str, str], ...]:
    """Every (release, platform) there is a persona for: those whose captured hello announces something."""
    return tuple(name for name, modules in _hellos().items() if modules)


@cache
def announced(release: str, platform: str | None) -> Announced:
    """What a device of *release* announces; without a *platform* the union over all of the release's platforms.

    Raises:
        InputError: no such release or platform, or its captured hello is empty.
    """
    if release not in (known := list(_read("releases.json")["releases"])):
        near = ", ".join(get_close_matches(release, known, n=4, cutoff=0.5))
        hint = f"did you mean {near}?" if near else f"there are {known[0]} to {known[-1]}"
        raise InputError(f"release {release} is not known", hint=hint)
    if platform is None:
        modules = _of_release(release)
        return Announced(modules, tuple(_uri(one.name, one.revision, one.namespace) for one in modules.values()), False)
    if (release, platform) not in _hellos():
        captured = ", ".join(sorted(other for one, other in _hellos() if one == release))
        raise InputError(f"no hello of {release} on {platform} was captured", hint=f"captured: {captured or 'none'}")
    if not _hellos()[release, platform]:
        raise InputError(
            f"the captured hello of {release} on {platform} announces nothing", hint="it is no persona; take another"
        )
    return _of_platform(release, platform)


def _of_platform(release: str, platform: str) -> Announced:
    modules: dict[str, ModuleFile] = {}
    capabilities = []
    for module, revision in _hellos()[release, platform].items():
        file = _file(module, revision, release)
        if file is not None:
            modules[module] = file
        capabilities.append(_uri(module, revision, file.namespace if file else _NAMESPACE + module))
    return Announced(modules, tuple(capabilities), f"{release} {platform}" in _read("hellos.json")["no_get_schema"])


def _file(module: str, revision: str, release: str) -> ModuleFile | None:
    """The file of this release, else of any with the same revision, else None."""
    found = _files().get((module, revision), [])
    own = [file for file, on in found if release in on] or [file for file, _ in found]
    return own[0] if own else None


def _of_release(release: str) -> Mapping[str, ModuleFile]:
    return {file.name: file for found in _files().values() for file, on in found if release in on}


@cache
def _files() -> Mapping[tuple[str, str], list[tuple[ModuleFile, list[str]]]]:
    """By module and revision: the files there are, each with the releases that have it."""
    found: dict[tuple[str, str], list[tuple[ModuleFile, list[str]]]] = {}
    for name, about in _read("releases.json")["modules"].items():
        for file, revisions in about["files"].items():
            for revision, on in revisions.items():
                made = ModuleFile(name, revision, str(about["namespace"]), directory("yang") / file)
                found.setdefault((name, revision), []).append((made, on))
    return found


def _uri(name: str, revision: str, namespace: str) -> str:
    return f"{namespace}?module={name}&revision={revision}"


@cache
def _read(name: str) -> Any:
    return json.loads((directory("yang") / name).read_text(encoding="utf-8"))


@cache
def _hellos() -> Mapping[tuple[str, str], Mapping[str, str]]:
    found = {}
    for group in _read("hellos.json")["groups"]:
        for name in group["hellos"]:
            release, platform = name.split()
            found[release, platform] = group["modules"]
    return found
