"""How a value is spelled within other text: percent signs, entities of XML, hex and base64, undone and done again."""

from __future__ import annotations

import base64
import html
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate

from agent.recording.privacy.shapes import Span, hex_spelled

ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9A-Fa-f]{1,6}|amp|lt|gt|quot|apos);")
_PERCENT = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_WITH_PERCENT = re.compile(r"(?<![\w.~+%@:-])[\w.~+@:-]*%[0-9A-Fa-f]{2}[\w.~+%@:-]*")
BLOB = re.compile(
    r"(?:[A-Za-z0-9+/]{40,100}[ \t]*(?:(?:\r?\n|&#1[03];)[ \t]*)+)+[A-Za-z0-9+/]{1,100}={0,2}"  # each blank one way
)
BASE64 = re.compile(r"[A-Za-z0-9+/_-]{4,}={0,2}")
_GAP = r"(?:[ \t]+(?:\r?\n[ \t]*)?|\r?\n[ \t]*)"
_DUMP = re.compile(rf"[0-9A-Fa-f]{{4,}}(?:{_GAP}[0-9A-Fa-f]{{4,}})*(?:{_GAP}[0-9A-Fa-f]{{2,3}})?")
_LEAST_DUMPED = 34
"""Digits; any certificate has more."""
HEX = re.compile(
    r"(?<![0-9A-Za-z])[0-9A-Fa-f]{2}([ :.-])[0-9A-Fa-f]{2}(?:\1[0-9A-Fa-f]{2})+(?![0-9A-Za-z])"
    r"|(?<![0-9A-Za-z])[0-9A-Fa-f]{4}(?:([ :.-])[0-9A-Fa-f]{4})(?:\2[0-9A-Fa-f]{4})*(?![0-9A-Za-z])|[0-9A-Fa-f]{6,}"
)
_URL_SAFE = str.maketrans("-_", "+/")
_FROM_URL_SAFE = str.maketrans("+/", "-_")
Change = Callable[[bytes], bytes | None]
"""What becomes of decoded bytes; None where nothing does."""


@dataclass(frozen=True, slots=True)
class View:
    """A text as it reads once it is decoded, and from which characters each of its characters was decoded."""

    text: str
    sources: list[str]
    escape: Callable[[str, str], str]

    def outer(self, start: int, spans: Iterable[Span]) -> Iterator[Span]:
        """What *spans* of the decoded text are in the encoded one, which begins at *start*."""
        done, at = 0, start
        for first, last, new in spans:
            at += sum(map(len, self.sources[done:first]))
            old = self.sources[first:last]
            length = sum(map(len, old))
            spelled = (self.escape(char, old[number] if number < len(old) else "") for number, char in enumerate(new))
            yield at, at + length, "".join(spelled)
            done, at = last, at + length


def entities(text: str) -> View:
    """*text* without the entities of XML."""
    decoded: list[str] = []
    sources: list[str] = []
    done = 0
    for found in ENTITY.finditer(text):
        decoded += [text[done : found.start()], html.unescape(found.group())]
        sources += [*text[done : found.start()], found.group()]
        done = found.end()
    return View("".join((*decoded, text[done:])), [*sources, *text[done:]], _entity)


def _entity(char: str, source: str) -> str:
    if source.startswith("&#"):
        return f"&#x{ord(char):x};" if source[2] in "xX" else f"&#{ord(char)};"
    return html.escape(char)


def percents(text: str) -> View:
    """*text* without percent-encoding (RFC 3986 section 2.1), whose bytes are UTF-8."""
    decoded: list[str] = []
    sources: list[str] = []
    done = 0
    for found in _PERCENT.finditer(text):
        chars = bytes.fromhex(found.group().replace("%", "")).decode("utf-8", "surrogateescape")
        decoded += [text[done : found.start()], chars]
        sources += text[done : found.start()]
        at = found.start()
        for char in chars:
            width = 3 * len(char.encode("utf-8", "surrogateescape"))
            sources.append(text[at : at + width])
            at += width
        done = found.end()
    return View("".join((*decoded, text[done:])), [*sources, *text[done:]], _percent)


def _percent(char: str, source: str) -> str:
    if source.startswith("%"):
        return "".join(f"%{byte:02X}" for byte in char.encode("utf-8", "surrogateescape"))
    return char


def with_percents(text: str) -> Iterator[tuple[int, str]]:
    """The words of *text* that are percent-encoded, and where each begins."""
    if "%" in text:
        yield from ((found.start(), found.group()) for found in _WITH_PERCENT.finditer(text))


def with_entities(text: str) -> Iterator[tuple[int, str]]:
    """The texts and attributes in *text* that have entities, and where each begins."""
    done = 0
    while (found := ENTITY.search(text, done)) is not None:
        before = max(text.rfind("<", done, found.start()), text.rfind(">", done, found.start()))
        start, ends = max(before + 1, done), "<>"
        if before >= 0 and text[before] == "<":  # within a tag: the attribute alone
            quote = max(text.rfind('"', before, found.start()), text.rfind("'", before, found.start()))
            start, ends = (quote + 1, text[quote]) if quote >= 0 else (start, ends)
        end = min((at for at in (text.find(char, found.end()) for char in ends) if at >= 0), default=len(text))
        yield start, text[start:end]
        done = end


ENCODED = ((with_entities, entities), (with_percents, percents))
"""Where text is encoded, and how it is read."""


class Parts:
    """Parts of a text as one text, each in lines of its own, so that what is looked for in all is looked for once."""

    def __init__(self, parts: Iterable[tuple[int, str]]) -> None:
        found = list(parts)
        self._starts = [start for start, _ in found]
        self.text = _BETWEEN.join(part for _, part in found)
        self._ends = list(accumulate(len(part) + len(_BETWEEN) for _, part in found))

    def __bool__(self) -> bool:
        return bool(self._starts)

    def outer(self, spans: Iterable[Span]) -> Iterator[Span]:
        """What *spans* of this text are in the one that it is of."""
        for start, end, new in spans:
            at = bisect_right(self._ends, start)
            begin = self._ends[at - 1] if at else 0
            if end <= self._ends[at] - len(_BETWEEN):
                yield self._starts[at] + start - begin, self._starts[at] + end - begin, new


_BETWEEN = "\n\0\n"


def dumps(text: str) -> Iterator[re.Match[str]]:
    """The hex digits in *text* that go on over blanks and line ends."""
    for found in _DUMP.finditer(text):
        if found.end() - found.start() >= _LEAST_DUMPED <= sum(char in _DIGITS for char in found.group()):
            yield found


def hex_changed(shown: str, change: Change) -> str | None:
    """*shown*, hex digits however they are separated, with its bytes as *change* makes them; both halves are tried."""
    digits = [at for at, char in enumerate(shown) if char in _DIGITS]
    for first in (0, 1):
        used = digits[first : len(digits) - (len(digits) - first) % 2]
        if len(used) < 6:
            return None
        data = bytes.fromhex("".join(shown[at] for at in used))
        new = change(data)
        if new is not None and new != data:
            begin, end = used[0], used[-1] + 1
            return shown[:begin] + hex_spelled(shown[begin:end], new) + shown[end:]
    return None


_DIGITS = frozenset("0123456789abcdefABCDEF")


def base64_changed(shown: str, change: Change) -> str | None:
    """*shown*, base64 of either alphabet, wrapped or not, with its bytes as *change* makes them.

    It may begin in the middle of a group, where other letters stand ahead of it.
    """
    places = [at for at, char in enumerate(shown) if char in _ALPHABET]
    if "&" in shown or not places:
        return None
    run = "".join(shown[at] for at in places)
    for first in range(4):
        chars = run[first:]
        if len(chars) < 4:
            return None
        made = _changed(chars, change)
        if made is not None:
            whole = run[:first] + made
            if len(whole) != len(run):
                return whole
            filled = list(shown)
            for at, char in zip(places, whole, strict=True):
                filled[at] = char
            return "".join(filled)
    return None


_ALPHABET = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_")


def _changed(chars: str, change: Change) -> str | None:
    """Base64 without its padding, changed; None where nothing is."""
    last = chars[-1] if len(chars) % 4 == 1 else ""
    chars = chars.removesuffix(last)
    standard = chars.translate(_URL_SAFE)
    data = base64.b64decode(standard + "=" * (-len(standard) % 4))
    new = change(data)
    if new is None or new == data:
        return None
    coded = base64.b64encode(new).decode().rstrip("=")
    if len(new) == len(data):  # the bits behind the last byte stay as they were
        coded = coded[:-1] + _with_rest(coded[-1], standard[-1], len(standard) % 4)
    safe = coded if "+" in chars or "/" in chars else coded.translate(_FROM_URL_SAFE) if chars != standard else coded
    as_was = (
        old if char == one else other for char, other, one, old in zip(coded, safe, standard, chars, strict=False)
    )
    return "".join(as_was) + safe[len(chars) :] + last


_ORDER = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def _with_rest(new: str, old: str, chars: int) -> str:
    unused = {2: 0b1111, 3: 0b11}.get(chars, 0)
    return _ORDER[_ORDER.index(new) & ~unused | _ORDER.index(old) & unused]
