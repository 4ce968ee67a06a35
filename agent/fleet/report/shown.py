"""What every report shows alike: text made harmless and short, words by how they ended, the reason in one line."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from agent.fleet.results.record import DeviceRecord
from agent.fleet.results.structs import Error, Plan
from agent.fleet.window import timing
from agent.model.masking.redact import masked
from agent.model.masking.text import neutralise

# No character by Unicode and none that XML 1.0 can carry.
_NO_CHARACTER = re.compile("[\ufffe\uffff]")
PERMANENT = "import it into the trustpool, which lasts: xr-agent push with --bundle FILE --then trustpool"
LEGACY = "reached with legacy SSH algorithms"
NAME, TEXT = 256, 2000  # characters of a name, and of a sentence


class End(Enum):
    """How a router's word is to be taken; in the order in which somebody wants to read them."""

    BAD = "bad"
    DOUBT = "doubt"
    HELD = "held"
    AHEAD = "ahead"
    WELL = "well"


_ENDS = {
    "failed": End.BAD,
    "affected": End.BAD,
    "not-ready": End.BAD,
    "unknown": End.DOUBT,
    "doubtful": End.DOUBT,
    "skipped": End.HELD,
    "waiting": End.HELD,
    "planned": End.AHEAD,
}
RANK = {end: rank for rank, end in enumerate(End)}


def end(device: DeviceRecord) -> End:
    """How *device* ended; a word that is not known here goes by whether somebody has to look at the router.

    One that loses the root at its next reload is not done with, however well it ended.
    """
    if device.passing:
        return End.HELD
    return _ENDS.get(device.word, End.WELL if device.well else End.BAD)


def word(device: DeviceRecord) -> str:
    """How *device* ended in a word, and that a reload undoes it."""
    return f"{device.word} until a reload" if device.passing else device.word


def shown(value: object, limit: int = TEXT) -> str:
    """*value* as text in which nothing acts and no URL's password stands, cut at *limit* characters.

    Masked before it is cut, since half a password is no longer found.
    """
    text = masked(str(value))
    cut = len(text) - limit
    if cut > 0:
        text = f"{text[:limit]}… ({cut:,} more characters; the JSON report has them)"
    return _NO_CHARACTER.sub(lambda found: f"\\u{ord(found[0]):04x}", neutralise(text))


def method(device: DeviceRecord) -> str | None:
    """By which method, a plan's included."""
    found = device.method or (device.plain.method if isinstance(device.plain, Plan) else None)
    return found.value if found else None


def refusal(device: DeviceRecord) -> Error | None:
    """The error of *device*, or why a plan skipped it; as it came."""
    if device.error is None and isinstance(device.plain, Plan) and device.plain.skip is not None:
        return Error("skipped", device.plain.skip.reason, device.plain.skip.hint)
    return device.error


def why(device: DeviceRecord) -> Error | None:
    """What to know of *device* first: its refusal, else its first reason; as it came."""
    if (refused := refusal(device)) is not None:
        return refused
    left = device.renewal.value if device.renewal else None
    if device.passing:
        said = f"{device.word}, and a reload forgets the root"
        return Error("passing", "; ".join(filter(None, (said, left))), PERMANENT)
    if left is not None:
        return Error("renewal", f"{device.word}; {left}")
    return Error(device.word, device.reasons[0]) if device.reasons else None


def step_lines(device: DeviceRecord) -> list[str]:
    """The steps of *device* as sentences, ``commit done: committed``."""
    return [
        f"{shown(step.step, NAME)} {step.status.value}{': ' if step.detail else ''}{shown(step.detail)}"
        for step in device.steps
    ]


def seconds(began: datetime | None, ended: datetime | None) -> float | None:
    """How long it took, never below zero: a clock may have been set back between the two."""
    return max(0.0, (ended - began).total_seconds()) if began and ended else None


def span(took: float | None) -> str:
    """Seconds as people say them, ``0.4 s``, ``12 min 4 s``, ``3 h 5 min``, ``2 days``; empty for None."""
    if took is None:
        return ""
    return f"{took:.1f} s" if took < 60 else timing.shown(took)


def clock(value: datetime | None) -> str:
    """``2026-01-31 12:00:00 UTC``; empty for None."""
    return "" if value is None else f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def minute(value: datetime | None) -> str:
    """As :func:`clock`, to the minute."""
    return "" if value is None else f"{value.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def scalar(value: Any) -> str:
    """A plain value as a word: yes and no for booleans, a list's members joined, what is nested as JSON."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return shown(", ".join(scalar(part) for part in value))
    return shown(json.dumps(value) if isinstance(value, Mapping) else value)
