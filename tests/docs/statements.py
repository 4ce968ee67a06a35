"""What is said of routers and no router confirmed: where it is said, and the list of it in docs/hardware.md."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from agent.model.errors import InputError
from agent.recording.reading import read

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "hardware.md"
RECORDINGS = ROOT / "tests" / "recordings"

FROM_A_ROUTER = "a router: "
"""How the source of a recording begins that settles a statement; what a simulator or a document says settles none."""
NUMBER = re.compile(r"\bH[1-9]\d*\b")
DOUBTFUL = re.compile(r"\b(?:unconfirmed|assum(?:e|es|ed|ing|ptions?)|inferred)\b", re.IGNORECASE)
"""Words by which a statement owns that nobody saw it."""

_ROW = re.compile(r"^\| (H\d+) \|(.*)\|$", re.MULTILINE)
_STATE = re.compile(r"open|documented: \S.*|settled by ([\w.-]+)")
_FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_ENDS = re.compile(r"\n\s*\n|(?<=[.;])\s+|\n\s*(?:[-*]|\d+\.)\s|(?<!\\)\||\n\s+\w+: ")
"""A statement ends by a blank line, full stop or semicolon, list item, table cell, or the line of an attribute."""


@dataclass(frozen=True)
class Row:
    """A line of the list; *recording* settles it."""

    number: str
    cells: tuple[str, ...]
    state: str

    @property
    def recording(self) -> str | None:
        found = _STATE.fullmatch(self.state)
        return found[1] if found else None


def rows(page: str) -> list[Row]:
    """The lines of the list, in their order."""
    found = []
    for number, rest in _ROW.findall(page):
        *cells, state = (cell.strip() for cell in rest.split("|"))
        found.append(Row(number, tuple(cells), state))
    return found


def wrong(page: str, recordings: Path) -> list[str]:
    """What is wrong with the list itself, a sentence each."""
    listed = rows(page)
    said = [f"{row.number} is not the next number" for at, row in enumerate(listed, 1) if row.number != f"H{at}"]
    for row in listed:
        if len(row.cells) != 2 or not all(row.cells):
            said.append(f"{row.number} has no statement, or nothing that would settle it")
        if _STATE.fullmatch(row.state) is None:
            said.append(f"{row.number} is neither open, nor documented by something, nor settled: {row.state}")
        if row.recording:
            said += [
                f"{row.number} is settled by {row.recording}, {why}" for why in _unsettled(row.recording, recordings)
            ]
    return said


def _unsettled(name: str, recordings: Path) -> Iterator[str]:
    """Why the recording of that *name* settles nothing; no reason where it is one of a router."""
    try:
        source = read(recordings / f"{name}.rec").begin.source
    except InputError as error:
        yield f"which cannot be read: {error}"
    else:
        if not source.startswith(FROM_A_ROUTER):
            yield f"whose source is not {FROM_A_ROUTER!r}: {source}"


@cache
def texts(root: Path) -> tuple[tuple[str, str], ...]:
    """Each file that says something of routers, and its prose."""
    return tuple(_texts(root))


def _texts(root: Path) -> Iterator[tuple[str, str]]:
    for path in sorted([*root.glob("*.md"), *root.glob("docs/*.md")]):
        if path.name not in (PAGE.name, "CHANGELOG.md"):
            yield str(path.relative_to(root)), _FENCED.sub("", path.read_text(encoding="utf-8"))
    for path in sorted(root.glob("agent/**/*.py")):
        yield str(path.relative_to(root)), "\n\n".join(prose(path.read_text(encoding="utf-8")))
    for path in sorted(root.glob("templates/*.*")):
        yield str(path.relative_to(root)), path.read_text(encoding="utf-8")


def prose(source: str) -> Iterator[str]:
    """What a module says in words: strings of several words, as a whole, and comments that stand together."""
    tree = ast.parse(source)
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
        elif isinstance(node, ast.Constant) and id(node) not in parts and " " in str(node.value):
            yield str(node.value)
    yield from _comments(source)


def _comments(source: str) -> Iterator[str]:
    together: list[str] = []
    last = 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            if token.start[0] > last + 1:
                yield " ".join(together)
                together = []
            together.append(token.string.lstrip("# "))
            last = token.start[0]
    yield " ".join(together)


def unnumbered(text: str) -> list[str]:
    """The statements of *text* that own to be unseen and name no number."""
    statements = (" ".join(part.split()) for part in _ENDS.split(text) if part)
    return [one for one in statements if DOUBTFUL.search(one) and not NUMBER.search(one)]


def numbers(of: Iterable[str]) -> set[str]:
    """Every number that stands in one of the texts."""
    return {number for text in of for number in NUMBER.findall(text)}
