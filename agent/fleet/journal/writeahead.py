"""An :class:`Unfinished` change as JSON has it: in the lease of its router, and in the journal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from agent.model.unfinished import Unfinished

_SHOWN = 8


def plain(change: Unfinished) -> dict[str, Any]:
    """*change* as a JSON object; the persist-id, which is no secret, in full."""
    return {
        "trustpoint": change.trustpoint,
        "before": change.before,
        "wanted": change.wanted,
        "persist": change.persist,
        "until": None if change.until is None else change.until.isoformat(),
        "seconds": change.seconds,
    }


def parsed(text: str) -> Unfinished:
    """The change of an object that :func:`plain` made.

    Raises:
        ValueError: it is no such object.
    """
    try:
        found = json.loads(text)
    except RecursionError:
        raise ValueError("JSON that is nested too deep") from None
    if not isinstance(found, Mapping):
        raise ValueError("it is no JSON object")
    trustpoint, until = _text(found, "trustpoint"), _text(found, "until")
    if not trustpoint:
        raise ValueError("it names no trustpoint")
    end = None if until is None else datetime.fromisoformat(until)
    if end is not None and end.tzinfo is None:
        raise ValueError("its time has no zone")
    before, wanted, persist = (_text(found, name) for name in ("before", "wanted", "persist"))
    return Unfinished(trustpoint, before, wanted, persist, end, _seconds(found.get("seconds")))


def _seconds(value: object) -> float | None:
    """How long a trial lasts; None where an earlier version did not say."""
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or not value > 0):
        raise ValueError("its seconds are no time")
    return value


def _text(found: Mapping[str, Any], name: str) -> str | None:
    if name not in found:
        raise ValueError(f"it has no {name}")
    value = found[name]
    if value is not None and not isinstance(value, str):
        raise ValueError(f"its {name} is no text")
    (value or "").encode()  # what no JSON text of ours has: half a surrogate pair
    return value


def shown(change: Unfinished) -> dict[str, Any]:
    """What of :func:`plain` is for people and reports: of the persist-id its beginning, which tells it from others."""
    persist = change.persist
    if persist is not None and len(persist) > _SHOWN:
        persist = f"{persist[:_SHOWN]}…"
    return {name: value for name, value in plain(change).items() if name != "seconds"} | {"persist": persist}
