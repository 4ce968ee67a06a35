"""The schemas that are shipped are made of the types of the results, and leave nothing open."""

from __future__ import annotations

import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.schemas import schema

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "agent/cli/schemas").iterdir()}


def test_the_schemas_are_those_that_are_generated() -> None:
    made = runpy.run_path(str(ROOT / "scripts" / "schemas.py"))["schemas"]
    assert dict(made()) == SHIPPED  # else: python scripts/schemas.py
    assert dict(made()) == SHIPPED


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_an_object_has_all_its_members_and_no_others(name: str) -> None:
    found = list(objects(schema(name.removesuffix(".json"))))
    assert found
    for one in found:
        assert one["additionalProperties"] is False
        assert set(one["properties"]) - set(one["required"]) <= {"anchor_present"}


def objects(tree: Any) -> Iterator[dict[str, Any]]:
    """Every object with members of its own in a schema, but for its conditions."""
    if isinstance(tree, dict):
        if tree.get("type") == "object" and "properties" in tree:
            yield tree
        tree = [value for name, value in tree.items() if name not in ("if", "then", "else")]
    if isinstance(tree, list):
        for value in tree:
            yield from objects(value)
