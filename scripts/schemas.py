"""Write agent/cli/schemas/*.json: what the output of each command looks like, made of the types of its results."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec

from agent.fleet.journal import history
from agent.fleet.planfile.content import PlanFile
from agent.fleet.report.exports import Report
from agent.fleet.results.notification import Notification
from agent.fleet.results.observed import Show
from agent.fleet.results.record import Router
from agent.fleet.results.structs import Assess, Check, Finding, Plan, Poll, Push, Record, Support, Syslog
from agent.recording import events

WIDTH = 120
FOLDER = Path(__file__).resolve().parents[1] / "agent" / "cli" / "schemas"
KINDS: dict[str, tuple[type, ...]] = {
    "assess": (Assess,),
    "check": (Check,),
    "finding": (Finding,),
    "history": (history.Run, Router, history.RouterTrail),
    "notification": (Notification,),
    "plan": (Plan,),
    "planfile": (PlanFile,),
    "poll": (Poll,),
    "push": (Push,),
    "record": (Record,),
    "recording": get_args(events.AnyEvent),
    "report": (Report,),
    "show": (Show,),
    "support": (Support,),
    "syslog": (Syslog,),
}
TITLES = {
    "history": "What the journal has: a run, a router of a run (history RUN), or that with every step (--device)",
    "recording": "One line of a recording: the first is a begin, the last an end",
}
# What no type says: a push that did not end well has an error, any other has none.
_WELL = {"properties": {"outcome": {"enum": ["remedied", "unchanged"]}}}
FURTHER: dict[str, dict[str, Any]] = {
    "push": {
        "if": _WELL,
        "then": {"properties": {"error": {"type": "null"}}},
        "else": {"properties": {"error": {"type": "object"}}},
    }
}


def schemas() -> Iterator[tuple[str, str]]:
    """The name of each file and its content."""
    for name, kinds in KINDS.items():
        refs, parts = msgspec.json.schema_components(kinds, ref_template="#/$defs/{name}")
        title = TITLES.get(name) or parts[kinds[0].__name__]["description"].rstrip(".")
        for part in parts.values():
            _close(part)
        whole = parts.pop(kinds[0].__name__) if len(kinds) == 1 else {"oneOf": list(refs)}
        made = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title, **whole}
        yield f"{name}.json", _lines(made | FURTHER.get(name, {}) | {"$defs": parts}) + "\n"


def _close(part: dict[str, Any]) -> None:
    """Say of an object that it has all its members, but for those that a type leaves unset, and no others."""
    for word in ("title", "description"):  # a class's, which is for the reader of its code
        part.pop(word, None)
    if "properties" in part:
        members, needed = part["properties"], part.pop("required", ())
        part["required"] = [name for name, member in members.items() if name in needed or "default" in member]
        part["additionalProperties"] = False
        for member in members.values():
            member.pop("default", None)
            member.get("anyOf", []).sort(key=lambda one: one == {"type": "null"})


def _lines(value: Any, indent: int = 0) -> str:
    """*value* as JSON in which all stands on one line that fits there."""
    line = json.dumps(value)
    if len(line) + indent < WIDTH or not isinstance(value, dict | list):
        return line
    pairs = value.items() if isinstance(value, dict) else (("", one) for one in value)
    inner = [f"{json.dumps(name) + ': ' if name else ''}{_lines(one, indent + 1)}" for name, one in pairs]
    begin, end = "{}" if isinstance(value, dict) else "[]"
    return begin + ",".join(f"\n{' ' * (indent + 1)}{one}" for one in inner) + f"\n{' ' * indent}{end}"


if __name__ == "__main__":
    for file, content in schemas():
        (FOLDER / file).write_text(content, encoding="utf-8")
