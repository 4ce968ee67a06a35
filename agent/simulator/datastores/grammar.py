"""Commands as words: which of a mode's commands a line means, abbreviated as one likes, or where it goes wrong."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """A line understood: its full words, and what stood for ``<…>``."""

    pattern: str
    arguments: tuple[str, ...]
    text: str


class NoCommand(Exception):
    """*line* is none; *column* is where it goes wrong, None where it only ends too early."""

    def __init__(self, line: str, column: int | None) -> None:
        super().__init__(line)
        self.line, self.column = line, column


def understand(line: str, patterns: Iterable[str]) -> Command:
    """The first of *patterns* that *line* fits: words, ``<name>`` for any one, ``<rest>`` for all that follow.

    Raises:
        NoCommand: none fits.
    """
    found = list(re.finditer(r"\S+", line))
    words = [one.group() for one in found]
    deepest = 0
    for pattern in patterns:
        wanted = pattern.split()
        full, arguments = _fit(words, wanted)
        if len(words) == len(full) >= len(wanted):
            return Command(pattern, tuple(arguments), " ".join(full))
        deepest = max(deepest, len(full))
    raise NoCommand(line, found[deepest].start() if deepest < len(words) else None)


def _fit(words: list[str], wanted: list[str]) -> tuple[list[str], list[str]]:
    """The words in full, as far as they fit, and the arguments among them."""
    full: list[str] = []
    arguments: list[str] = []
    for word, given in zip(wanted, words, strict=False):
        if word == "<rest>":
            rest = words[len(full) :]
            return [*full, *rest], [*arguments, " ".join(rest)]
        if word.startswith("<"):
            arguments.append(given)
            full.append(given)
        elif word.startswith(given.lower()):
            full.append(word)
        else:
            break
    return full, arguments
