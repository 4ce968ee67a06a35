"""The rows of the HTML report, made one at a time; what the page says of them all is counted while they pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from agent.fleet.report.shown import (
    LEGACY,
    NAME,
    RANK,
    End,
    clock,
    end,
    method,
    refusal,
    scalar,
    seconds,
    shown,
    span,
    why,
    word,
)
from agent.fleet.report.summary import Counting, Summary, upcoming
from agent.fleet.report.timeline import Deadlines, Timeline
from agent.fleet.results.objects import plain
from agent.fleet.results.record import DeviceRecord
from agent.fleet.results.structs import Error, Plan
from agent.model.pki.certificate import Evidence

_NOTE, _MANY, _ATTENTION = 240, 200, 200
# Members of ``plain`` that a row has besides, or that are longer than a fact.
_TOLD = frozenset({"device", "address", "release", "outcome", "verdict", "method", "evidence"})
_LONG = frozenset({"steps", "reasons", "warnings", "diff"})

_Row = dict[str, Any]


class Rows:
    """*devices* as rows; to be iterated once, and only then is the rest of it complete.

    Attributes:
        words: how many routers ended in each word, with how the word is to be taken.
        columns: the names of the members that at least one row has.
        attention: the first rows that need a look, for a reader without scripts.
    """

    def __init__(self, devices: Iterable[DeviceRecord], now: datetime) -> None:
        self._devices = devices
        self._now = now
        self._deadlines, self._counting = Deadlines(now), Counting(now)
        self._words: Counter[tuple[str, End]] = Counter()
        self.columns: set[str] = set()
        self.attention: list[_Row] = []

    def __iter__(self) -> Iterator[_Row]:
        for device in self._devices:
            row = self._row(device)
            self._words[row["word"], end(device)] += 1
            self._counting.add(device)
            self.columns |= row.keys()
            if not device.well and len(self.attention) < _ATTENTION:
                self.attention.append(row)
            yield row

    @property
    def summary(self) -> Summary:
        """What was counted."""
        return self._counting.summary

    @property
    def words(self) -> list[tuple[str, End, int]]:
        """Word, how it is to be taken, how many; the worst first."""
        return [
            (word, taken, count)
            for (word, taken), count in sorted(self._words.items(), key=lambda item: (RANK[item[0][1]], item[0][0]))
        ]

    @property
    def timeline(self) -> Timeline | None:
        """The deadlines of those in need."""
        return self._deadlines.timeline()

    def _row(self, device: DeviceRecord) -> _Row:
        said = why(device)
        took = seconds(device.began, device.ended)
        row: _Row = {
            "device": shown(device.device, NAME),
            "word": shown(word(device), NAME),
            "end": end(device).value,
            "rank": RANK[end(device)],
            "look": not device.well,
            "note": shown(said.message, _NOTE) if said else None,
            "address": _name(device.address),
            "release": _name(device.release),
            "method": _name(method(device)),
            "evidence": None if device.evidence is Evidence.NONE else _name(device.evidence and device.evidence.value),
            "batch": _name(device.batch),
            "error": _error(refusal(device)),
            "reasons": _lines(device.reasons),
            "steps": [[shown(step.step, NAME), step.status.value, shown(step.detail)] for step in device.steps[:_MANY]],
            "lines": _lines(device.plain.diff if isinstance(device.plain, Plan) and device.plain.skip is None else ()),
            "facts": _facts(device),
            "took": took,
            "span": span(took),
            **self._due(device),
        }
        return {name: value for name, value in row.items() if value is not None and value not in ("", [])}

    def _due(self, device: DeviceRecord) -> _Row:
        """The deadlines, the one that matters next, and by what to sort."""
        # What a router passed that has the root by now is past: it concerns nobody any more.
        open_ = [deadline for deadline in device.deadlines.items() if device.in_need or deadline[1] >= self._now]
        if not open_:
            return {}
        due = sorted(open_, key=lambda deadline: deadline[1])
        ahead = upcoming(device, self._now) or due[-1]
        count = self._deadlines.add if device.in_need else None
        return {
            "deadlines": [
                [
                    words(name),
                    f"{when.astimezone(UTC):%Y-%m-%d}",
                    _away(when - self._now),
                    count(name, when).value if count else "",
                ]
                for name, when in due
            ],
            "next": f"{words(ahead[0])} {_away(ahead[1] - self._now)}",
            "due": round(due[0][1].timestamp()),
        }


def words(name: str) -> str:
    """A member's name as words: ``comm failed``."""
    return shown(name, NAME).replace("_", " ")


def _name(value: str | None) -> str | None:
    return None if value is None else shown(value, NAME)


def _lines(lines: Iterable[Any]) -> list[str]:
    held = list(lines)
    rest = [f"… and {len(held) - _MANY} more"] if len(held) > _MANY else []
    return [shown(line) for line in held[:_MANY]] + rest


def _error(error: Error | None) -> list[str | None] | None:
    if error is None:
        return None
    return [shown(error.kind, NAME), shown(error.message), shown(error.hint) if error.hint else None]


def _facts(device: DeviceRecord) -> list[list[str]]:
    """What else is known, as names and values."""
    told = plain(device.plain) if device.plain else {}
    known: Mapping[str, Any] = {
        "address": device.address,
        "release": device.release,
        "method": method(device),
        "evidence": device.evidence and device.evidence.value,
        "batch": device.batch,
        "site": device.site,
        "groups": list(device.groups),
        "ssh": LEGACY if device.legacy_ssh else None,
        "began": clock(device.began),
        "ended": clock(device.ended),
        **{name: value for name, value in told.items() if name not in _TOLD | _LONG and not isinstance(value, Mapping)},
    }
    return [
        [words(name), scalar(value)] for name, value in known.items() if value is not None and value not in ("", [])
    ]


def _away(distance: timedelta) -> str:
    """Whole days from now, ``in 49 days`` or ``11 days ago``."""
    days = abs(distance).days
    far = "less than a day" if days == 0 else "1 day" if days == 1 else f"{days:,} days"
    return f"{far} ago" if distance < timedelta(0) else f"in {far}"
