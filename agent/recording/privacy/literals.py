"""Names that are known, found wherever they stand: one pattern for all of them, by their common beginnings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from agent.recording.privacy.vocabulary import common, distinctive, folded

Tree = dict[str, "Tree"]
_END = ""
_DEEPEST = 50


class Literals:
    """Finds names in folded text, the longest first; short ones and parts of common words as words of their own."""

    def __init__(self) -> None:
        self._within: set[str] = set()
        self._alone: set[str] = set()
        self._patterns: list[re.Pattern[str]] | None = []

    def add(self, names: Iterable[str]) -> None:
        """Look for *names* as well, folded; not for those that are said where no name is meant."""
        for name in names:
            chosen = self._within if distinctive(name) else self._alone
            if name not in chosen and not common(name):
                chosen.add(name)
                self._patterns = None

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Where a name stands in *text*."""
        if self._patterns is None:
            self._patterns = [re.compile(pattern) for pattern in self._built()]
        low = folded(text)
        for pattern in self._patterns:
            yield from (found.span() for found in pattern.finditer(low))

    def _built(self) -> Iterator[str]:
        if self._within:
            yield _pattern(self._within)
        if self._alone:
            yield rf"(?<![a-z0-9]){_pattern(self._alone)}(?![a-z0-9])"


def _pattern(names: Iterable[str]) -> str:
    tree: Tree = {}
    for name in names:
        at = tree
        for char in name:
            at = at.setdefault(char, {})
        at[_END] = {}
    return _alternatives(tree)


def _alternatives(tree: Tree, depth: int = 0) -> str:
    if depth > _DEEPEST:  # hundreds of names, each the beginning of the next: no pattern nests so deep
        return f"(?:{'|'.join(map(re.escape, sorted(_below(tree), key=len, reverse=True)))})"
    branches = []
    for first, after in sorted(tree.items(), reverse=True):  # the end comes last: the longest is tried first
        said, below = re.escape(first), after
        while len(below) == 1 and _END not in below:
            ((char, below),) = below.items()
            said += re.escape(char)
        branches.append(said + _alternatives(below, depth + 1) if below and below != {_END: {}} else said)
    return branches[0] if len(branches) == 1 else f"(?:{'|'.join(branches)})"


def _below(tree: Tree) -> Iterator[str]:
    """All that is in *tree*, without going down by calls."""
    left = [("", tree)]
    while left:
        said, at = left.pop()
        for char, after in at.items():
            if char == _END:
                yield said
            else:
                left.append((said + char, after))
