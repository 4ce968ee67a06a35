"""The JSON Schemas of the package, as checks."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

from jsonschema import Draft202012Validator

from agent.fleet.results import objects


@cache
def schema(name: str) -> Any:
    """The schema *name*, itself checked."""
    loaded = json.loads(files("agent.cli").joinpath("schemas", f"{name}.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(loaded)
    return loaded


def check(name: str, value: object) -> None:
    """Raise ValidationError where *value*, as JSON has it, is not as the schema *name* says."""
    validator = Draft202012Validator(schema(name), format_checker=Draft202012Validator.FORMAT_CHECKER)
    validator.validate(objects.plain(value))
