"""Records of several lines made records of one: JSON laid out for reading, and the longer forms of journalctl."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import BinaryIO, Protocol

_BLOCK = 1 << 20
_LONGEST = 1 << 16
# journalctl --output=json-sse and json-seq (RFC 7464) put these before each object.
_LEAD = rb"(?:data: |\x1e)?"
_OBJECTS = re.compile(_LEAD + rb"[ \t]*(?:\[[ \t]*)?\{[ \t]*(?:\"|\Z)|\[[ \t]*\Z")
_VERBOSE = re.compile(rb"(?P<time>[A-Z][a-z]{2} \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\S* \S+) \[s=[0-9a-f]+;")
_EXPORT = re.compile(rb"__CURSOR=")
_FIELD = re.compile(rb"[ \t]*([A-Z_][A-Z0-9_]{0,63})=(.*)\Z", re.DOTALL)
# A field that is no UTF-8 text, or has control characters, is an array of its bytes in the JSON of journalctl.
_BYTES = re.compile(rb'("MESSAGE"\s*+:\s*+)\[(\s*+\d{1,3}\s*+(?:,\s*+\d{1,3}\s*+)*+)\]')
_TOKEN = re.compile(rb'\\.|["{}\n]|\\\Z|[^"\\{}\n]+', re.DOTALL)


class _Form(Protocol):
    def fed(self, text: bytes) -> bytes:
        """What *text*, which goes on where the last one ended, makes of whole records."""

    def ended(self) -> bytes:
        """What is left at the end."""


def blocks(stream: BinaryIO) -> Iterator[bytes]:
    """The text of *stream* in blocks as they come, each record in a line of its own; how it begins tells its form.

    Lines that end by a carriage return or by NUL alone, as some senders frame them, end by a newline.
    """
    head = bytearray()
    while len(head) < _LONGEST and (block := stream.read(_BLOCK)):
        head += block
        if b"\n" in block and _first(head.rpartition(b"\n")[0]):
            break
    newline = next((end for end in (b"\r", b"\0") if b"\n" not in head and end in head), b"\n")
    block = bytes(head)
    form = _form(_first(block.replace(newline, b"\n")))
    while block:
        text = block.replace(newline, b"\n")
        yield text if form is None else form.fed(text)
        block = stream.read(_BLOCK)
    if form is not None:
        yield form.ended()


def _first(head: bytes | bytearray) -> bytes:
    """The first line that tells something; none where all are blank or journalctl's own."""
    lines = (bytes(line).strip(b" \t\r\xef\xbb\xbf") for line in head.split(b"\n"))
    return next((line for line in lines if line and not line.startswith(b"-- ")), b"")


def _form(first: bytes) -> _Form | None:
    if _VERBOSE.match(first) or _EXPORT.match(first):
        return _Fields()
    if _OBJECTS.match(first) is None:
        return None
    return _Texts(_Layout() if _goes_on(first) else None)


def _goes_on(line: bytes) -> bool:
    """Whether the object that begins in *line* does not end in it."""
    text = line.decode("utf-8", "replace")
    start = text.find("{")
    try:
        json.JSONDecoder().raw_decode(text, start)
    except (ValueError, RecursionError):
        return True
    return False


class _Layout:
    """JSON objects, alone or in an array, one a line: its newlines, and what stands between them, is left out."""

    def __init__(self) -> None:
        self._depth = 0
        self._quoted = self._between = False
        self._left = b""

    def fed(self, text: bytes) -> bytes:
        made: list[bytes] = []
        text, self._left = self._left + text, b""
        for found in _TOKEN.finditer(text):
            token = found.group()
            if token == b"\\":
                self._left = token
            elif token == b"\n":
                self._newline(made)
            elif self._depth == 0 and token != b"{":
                token = token.strip(b" \t\r[],\x1e")
                self._between = self._between or bool(token)
                made.append(token)
            else:
                self._within(token, made)
        return b"".join(made)

    def ended(self) -> bytes:
        return self._left

    def _newline(self, made: list[bytes]) -> None:
        self._quoted = False  # no string goes on in another line
        if self._depth:
            made.append(b" ")
        elif self._between:
            made.append(b"\n")
            self._between = False

    def _within(self, token: bytes, made: list[bytes]) -> None:
        made.append(token)
        if token == b'"':
            self._quoted = not self._quoted
        elif token == b"{" and not self._quoted:
            self._depth += 1
        elif token == b"}" and not self._quoted:
            self._depth -= 1
            if not self._depth:
                made.append(b"\n")
                self._between = False


class _Texts:
    """Lines of JSON in which a message that journalctl wrote as an array of its bytes is a text."""

    def __init__(self, layout: _Layout | None) -> None:
        self._layout = layout
        self._left = b""

    def fed(self, text: bytes) -> bytes:
        text = self._left + (self._layout.fed(text) if self._layout else text)
        end = text.rfind(b"\n") + 1
        if not end and len(text) > _BLOCK:  # no array is as long
            end = len(text)
        self._left = text[end:]
        return self._read(text[:end])

    def ended(self) -> bytes:
        return self._read(self._left + (self._layout.ended() if self._layout else b""))

    @staticmethod
    def _read(text: bytes) -> bytes:
        return _BYTES.sub(_as_text, text) if b'"MESSAGE"' in text else text


def _as_text(found: re.Match[bytes]) -> bytes:
    numbers = [int(number) for number in re.findall(rb"\d+", found.group(2))]
    if max(numbers) > 255:
        return found.group()
    return found.group(1) + json.dumps(bytes(numbers).decode("utf-8", "backslashreplace")).encode()


class _Fields:
    """journalctl --output=verbose and export: a record's fields stand in lines of their own; made an object of JSON."""

    def __init__(self) -> None:
        self._left = b""
        self._record: dict[str, str] = {}

    def fed(self, text: bytes) -> bytes:
        lines = (self._left + text).split(b"\n")
        self._left = lines.pop()
        if len(self._left) > _BLOCK:
            lines.append(self._left)
            self._left = b""
        return b"".join(self._line(line) for line in lines)

    def ended(self) -> bytes:
        return self._line(self._left) + self._made()

    def _line(self, line: bytes) -> bytes:
        heading = _VERBOSE.match(line)
        if heading is not None or not line.strip():
            made = self._made()
            if heading is not None:
                self._record["time"] = heading["time"].decode()
            return made
        made = self._made() if _EXPORT.match(line) else b""
        field = _FIELD.match(line)
        if field is not None:
            self._record.setdefault(field[1].decode(), field[2][:_LONGEST].decode("utf-8", "backslashreplace"))
        return made

    def _made(self) -> bytes:
        record, self._record = self._record, {}
        return json.dumps(record).encode() + b"\n" if record else b""
