"""Commands as words: which of a mode's commands a line means, abbreviated as one likes, or where it goes wrong."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Pattern = str
"""Words; ``<name>`` stands for any one, ``<rest>`` for all that follow."""


@dataclass(frozen=True)
class Command:
    """A line understood: its full words, and what stood for ``<…>``."""

    pattern: Pattern
    arguments: tuple[str, ...]
    text: str


class NoCommand(Exception):
    """*line* is none; *column* is where it goes wrong, None where it only ends too early."""

    def __init__(self, line: str, column: int | None) -> None:
        super().__init__(line)
        self.line, self.column = line, column


def understand(line: str, patterns: Mapping[Pattern, object] | Sequence[Pattern]) -> Command:
    """The first of *patterns* that *line* fits.

    Raises:
        NoCommand: none fits.
    """
    found = list(re.finditer(r"\S+", line))
    words = [one.group() for one in found]
    deepest = 0
    for pattern in patterns:
        depth, arguments, full = _fit(words, pattern.split())
        if arguments is not None:
            return Command(pattern, tuple(arguments), " ".join(full))
        deepest = max(deepest, depth)
    raise NoCommand(line, found[deepest].start() if deepest < len(words) else None)


def _fit(words: list[str], wanted: list[str]) -> tuple[int, list[str] | None, list[str]]:
    """How many words fit; the arguments if all do and nothing is missing; the words in full."""
    arguments: list[str] = []
    full: list[str] = []
    for depth, word in enumerate(wanted):
        if depth >= len(words):
            return depth, None, full
        if word == "<rest>":
            return len(words), [*arguments, " ".join(words[depth:])], [*full, *words[depth:]]
        if word.startswith("<"):
            arguments.append(words[depth])
            full.append(words[depth])
        elif word.startswith(words[depth].lower()):
            full.append(word)
        else:
            return depth, None, full
    return len(wanted), arguments if len(words) == len(wanted) else None, full
