"""``yang/`` against the vendor's own modules of one release: each node of ours is there, and is the same."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pyang import context, error, repository

from agent.model.local.resources import directory

RELEASE = "6.6.3"
YANG = directory("yang")
INDEX: dict[str, Any] = json.loads((YANG / "releases.json").read_text(encoding="utf-8"))
ANNOUNCED: dict[str, tuple[str, str]] = {
    module: (revision, file)
    for module, entry in INDEX["modules"].items()
    for file, revisions in entry["files"].items()
    for revision, releases in revisions.items()
    if RELEASE in releases
}
"""What the release announces: module -> (revision, file in ``yang/``)."""
IMPORTED = re.compile(r"^\s*(?:import|include)\s+([\w.-]+)", re.MULTILINE)


@dataclass(frozen=True)
class Shape:
    """What a node is, with its type resolved to YANG's built-in one; patterns and must are not in ``yang/``."""

    keyword: str
    config: bool | None
    key: str | None
    presence: bool
    mandatory: bool
    default: str | None
    units: str | None
    type: str | None
    limits: tuple[tuple[int, int], ...]
    enums: tuple[tuple[str, int], ...]


def substatement(node: Any, keyword: str) -> str | None:
    found = node.search_one(keyword)
    return None if found is None else str(found.arg)


def limits(spec: Any) -> tuple[tuple[int, int], ...]:
    """Range or length, the narrowest, empty where it leaves the whole built-in type."""
    while spec is not None:
        for pairs in (getattr(spec, "ranges", None), getattr(spec, "lengths", None)):
            if pairs:
                return tuple((low, high if high is not None else low) for low, high in pairs)
        spec = spec.base
    return ()


def enums(spec: Any) -> tuple[tuple[str, int], ...]:
    while spec is not None:
        if hasattr(spec, "enums"):
            return tuple((str(name), int(value)) for name, value in spec.enums)
        spec = spec.base
    return ()


def shape(node: Any) -> Shape:
    spec = node.search_one("type").i_type_spec if node.keyword == "leaf" else None
    return Shape(
        keyword=node.keyword,
        config=getattr(node, "i_config", None),
        key=substatement(node, "key"),
        presence=node.search_one("presence") is not None,
        mandatory=substatement(node, "mandatory") == "true",
        default=substatement(node, "default"),
        units=substatement(node, "units"),
        type=None if spec is None else spec.name,
        limits=limits(spec),
        enums=enums(spec),
    )


def shapes(node: Any, path: str = "") -> Iterator[tuple[str, Shape]]:
    for child in getattr(node, "i_children", ()):
        # pyang makes an input and an output for every rpc, stated or not.
        if child.keyword in {"input", "output"} and not child.i_children:
            continue
        here = f"{path}/{child.arg or child.keyword}"
        yield here, shape(child)
        yield from shapes(child, here)


def compiled(name: str, texts: Mapping[str, str], folder: Path) -> Any:
    """The pyang module *name* with all it imports and includes, which are put into *folder* for pyang to find."""
    wanted = [name]
    for module in wanted:
        folder.joinpath(f"{module}.yang").write_text(texts[module], encoding="utf-8")
        wanted += [other for other in IMPORTED.findall(texts[module]) if other not in wanted]
    ctx = context.Context(repository.FileRepository(str(folder), use_env=False))
    module = ctx.add_module(name, texts[name])
    ctx.validate()
    errors = [entry for entry in ctx.errors if error.is_error(error.err_level(entry[1]))]
    assert module is not None
    assert errors == []
    return module


def test_release_is_compared_in_the_modules_that_it_announces() -> None:
    assert set(ANNOUNCED) == {
        "Cisco-IOS-XR-crypto-act",
        "Cisco-IOS-XR-call-home-cfg",
        "Cisco-IOS-XR-shellutil-copy-act",
        "Cisco-IOS-XR-shellutil-delete-act",
        "Cisco-IOS-XR-infra-syslog-oper",
        "Cisco-IOS-XR-shellutil-filesystem-oper",
    }


def test_source_package_has_all_modules_of_the_release(vendor_modules: Mapping[str, str]) -> None:
    assert len(vendor_modules) >= 912
    assert ANNOUNCED.keys() <= vendor_modules.keys()


@pytest.mark.parametrize("name", sorted(ANNOUNCED))
def test_every_node_of_ours_is_the_vendors_at_that_revision(
    name: str, vendor_modules: Mapping[str, str], tmp_path: Path
) -> None:
    revision, file = ANNOUNCED[name]
    for folder in ("theirs", "ours"):
        (tmp_path / folder).mkdir()
    theirs = compiled(name, vendor_modules, tmp_path / "theirs")
    ours = compiled(name, {name: (YANG / file).read_text(encoding="utf-8")}, tmp_path / "ours")

    assert max(item.arg for item in theirs.search("revision")) == revision
    for keyword in ("namespace", "prefix"):
        assert substatement(ours, keyword) == substatement(theirs, keyword)
    expected, found = dict(shapes(theirs)), dict(shapes(ours))
    assert found, "no nodes to compare"
    assert {path: expected.get(path) for path in found} == found


@pytest.mark.parametrize("name", sorted(ANNOUNCED))
def test_descriptions_are_not_the_vendors(name: str, vendor_modules: Mapping[str, str], tmp_path: Path) -> None:
    _, file = ANNOUNCED[name]
    ours = compiled(name, {name: (YANG / file).read_text(encoding="utf-8")}, tmp_path)
    parts = [name, *(other for other in IMPORTED.findall(vendor_modules[name]) if other.startswith(name))]
    vendor = " ".join(" ".join(vendor_modules[part] for part in parts).split()).lower()
    texts = {" ".join(text.split()) for text in descriptions(ours)}
    assert len(texts) > 3
    assert [text for text in texts if len(text.split()) > 3 and text.rstrip(".").lower() in vendor] == []


def descriptions(statement: Any) -> Iterator[str]:
    for part in statement.substmts:
        if part.keyword == "description":
            yield str(part.arg)
        yield from descriptions(part)
