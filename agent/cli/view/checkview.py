"""A check of one router: its points, and what they mean for each method."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from rich.console import Group, RenderableType
from rich.text import Text

from agent.cli.view.render import cell, columns, word
from agent.fleet.results.structs import CheckMethod, CheckPoint
from agent.model.check import Check, MethodPoint, Point, Standing

T = TypeVar("T", MethodPoint, CheckMethod, CheckPoint)


def check_view(found: Check) -> RenderableType:
    """The points, then the methods."""
    ways = [one.method.value for one in found.methods if one.standing is Standing.OK]
    by = f" by {', '.join(ways)}" if ways else ""
    head = Text.assemble(
        cell(found.device, "bold"),
        " ",
        word(found.readiness.value),
        cell(f"{by} · release {found.release or 'unknown'}"),
    )
    points = columns(("point", "", "detail"), [(cell(one.topic.value), *_row(one)) for one in found.points])
    methods = columns(("method", "", "detail"), _methods(found.methods))
    return Group(head, points, Text(), methods)


def together(found: Iterable[T]) -> list[tuple[T, ...]]:
    """Those together of which the same is said."""
    groups: dict[object, list[T]] = {}
    for one in found:
        groups.setdefault((one.standing, one.detail, one.hint), []).append(one)
    return [tuple(group) for group in groups.values()]


def _methods(found: Iterable[MethodPoint]) -> list[tuple[Text, ...]]:
    return [(cell(", ".join(one.method.value for one in group)), *_row(group[0])) for group in together(found)]


def _row(one: Point | MethodPoint) -> tuple[Text, Text]:
    own = one.own if isinstance(one, Point) else None
    said = f"{one.detail}: {own}" if own else one.detail
    return word(one.standing.value.replace("-", " ")), cell(f"{said}; next: {one.hint}" if one.hint else said)
