"""What goes to stdout: one result, or many as they come, as objects or tables."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import TypeVar

from rich.console import RenderableType

from agent.cli.signals import whole
from agent.cli.view.streams import console
from agent.fleet.results import objects

T = TypeVar("T")


def emit(form: str, made: Callable[[], object], view: Callable[[], RenderableType]) -> None:
    """Put one result on stdout, as an object or as a table."""
    if form == "table":
        console(sys.stdout).print(view())
    else:
        print(objects.dump(made(), form))


def emit_all(
    form: str,
    found: Iterable[T],
    made: Callable[[T], object],
    views: Callable[[Iterable[T]], Iterable[RenderableType]],
    *,
    width: int | None = None,
) -> None:
    """Put all that was *found* on stdout, each as it comes: an array or a line of what is *made* of each, or tables.

    *width*: that of the tables, where it is another than the terminal's.
    """
    if form == "table":
        screen = console(sys.stdout)
        screen.width = width or screen.width
        for view in views(found):
            screen.print(view)
        return
    out = Objects(form)
    for one in found:
        out.add(made(one))
    out.end()


class Objects:
    """Objects on stdout as they come: for ``json`` one array, for ``jsonl`` a line each.

    None is kept, and the array is whole however the command ends.
    """

    def __init__(self, form: str) -> None:
        self._form = form
        self._begun = False

    def add(self, item: object) -> None:
        text = objects.dump(item, self._form)
        if self._form == "jsonl":
            print(text, flush=True)
            return
        with whole():
            print(",\n" if self._begun else "[\n", "  ", text.replace("\n", "\n  "), sep="", end="", flush=True)
            self._begun = True

    @property
    def closing(self) -> str:
        """What makes of it by now a whole array."""
        if self._form == "jsonl":
            return ""
        return "\n]\n" if self._begun else "[]\n"

    def end(self) -> None:
        print(self.closing, end="", flush=True)
