"""What goes to stdout: one result, or many as they come, as objects or tables."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable

from rich.console import RenderableType

from agent.cli.signals import whole
from agent.cli.view.streams import console
from agent.fleet.results import objects


def emit(form: str, made: Callable[[], object], view: Callable[[], RenderableType]) -> None:
    """Put one result on stdout, as an object or as a table."""
    if form == "table":
        console(sys.stdout).print(view())
    else:
        print(objects.dump(made(), form))


def emit_all(form: str, made: Callable[[], Iterable[object]], views: Callable[[], Iterable[RenderableType]]) -> None:
    """Put many results on stdout, each as it comes: an array, a line for each, or tables."""
    if form == "table":
        screen = console(sys.stdout)
        for view in views():
            screen.print(view)
        return
    out = Objects(form)
    for one in made():
        out.add(one)
    out.end()


class Objects:
    """Objects on stdout as they come: for ``json`` one array, for ``jsonl`` a line each.

    None is kept, and the array is whole however the command ends.
    """

    def __init__(self, form: str) -> None:
        self._form = form
        self._begun = False

    def add(self, item: object) -> None:
        """One more, for the reader at once."""
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
        """Nothing more comes."""
        print(self.closing, end="", flush=True)
