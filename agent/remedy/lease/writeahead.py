"""An :class:`Unfinished` change as JSON has it: in the lease of its router, and in the journal."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Annotated, Any, TypeVar

from msgspec import Meta, ValidationError, convert

from agent.model.unfinished import Unfinished

T = TypeVar("T")

_SHOWN = 8


@dataclass(frozen=True, slots=True)
class _Kept:
    """What must be there, and of which type."""

    trustpoint: Annotated[str, Meta(min_length=1)]
    before: str | None
    wanted: str | None
    persist: str | None
    until: Annotated[datetime, Meta(tz=True)] | None
    seconds: Annotated[float, Meta(gt=0)] | None = None  # an earlier version did not say


def plain(change: Unfinished) -> dict[str, Any]:
    """*change* as a JSON object; the persist-id, which is no secret, in full."""
    return {**asdict(change), "until": None if change.until is None else change.until.isoformat()}


def converted(text: str | bytes, kind: type[T]) -> T:
    """JSON *text* as the dataclass *kind*, further keys passed over; ValueError where a field is not of its type."""
    try:
        return convert(json.loads(text), kind)
    except (ValidationError, RecursionError) as error:
        raise ValueError(str(error)) from error


def parsed(text: str) -> Unfinished:
    """The change of an object that :func:`plain` made.

    Raises:
        ValueError: it is no such object.
    """
    found = asdict(converted(text, _Kept))
    for value in found.values():
        str(value).encode()  # what no JSON text of ours has: half a surrogate pair
    return Unfinished(**found)


def shown(change: Unfinished) -> Unfinished:
    """*change* for people and reports: of the persist-id only its beginning, which tells it from others."""
    persist = change.persist
    return change if persist is None or len(persist) <= _SHOWN else replace(change, persist=f"{persist[:_SHOWN]}…")
