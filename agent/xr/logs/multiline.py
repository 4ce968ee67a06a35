"""Records of several lines made records of one: JSON laid out for reading, and the longer forms of journalctl."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import chain
from typing import BinaryIO

from agent.xr.logs.fields import decoded

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
    first = _first(head.replace(newline, b"\n"))
    text = (block.replace(newline, b"\n") for block in chain([bytes(head)], iter(partial(stream.read, _BLOCK), b"")))
    if _VERBOSE.match(first) or _EXPORT.match(first):
        return _made_objects(text)
    if _OBJECTS.match(first):
        line = first.decode("utf-8", "replace")
        ends = decoded(line, line.find("{"))[1]
        return _with_texts(text if ends else _laid_out(text))
    return text


def _first(head: bytes | bytearray) -> bytes:
    """The first line that tells something; none where all are blank or journalctl's own."""
    lines = (bytes(line).strip(b" \t\r\xef\xbb\xbf") for line in head.split(b"\n"))
    return next((line for line in lines if line and not line.startswith(b"-- ")), b"")


def _laid_out(raw: Iterable[bytes]) -> Iterator[bytes]:
    """JSON objects, alone or in an array, one a line: its newlines, and what stands between them, is left out."""
    depth, left = 0, b""
    quoted = between = False
    for block in raw:
        made: list[bytes] = []
        text, left = left + block, b""
        for found in _TOKEN.finditer(text):
            token = found.group()
            if token == b"\\":
                left = token
                continue
            if token == b"\n":
                quoted = False  # no string goes on in another line
                token = b" " if depth else b"\n" if between else b""
                between = between and depth > 0
            elif depth == 0 and token != b"{":
                token = token.strip(b" \t\r[],\x1e")
                between = between or bool(token)
            elif token == b'"':
                quoted = not quoted
            elif token in (b"{", b"}") and not quoted:
                depth += 1 if token == b"{" else -1
                if not depth:
                    token, between = b"}\n", False
            made.append(token)
        yield b"".join(made)
    yield left


def _with_texts(raw: Iterable[bytes]) -> Iterator[bytes]:
    """Lines of JSON in which a message that journalctl wrote as an array of its bytes is a text."""
    left = b""
    for block in raw:
        text = left + block
        end = text.rfind(b"\n") + 1
        if not end and len(text) > _BLOCK:  # no array is as long
            end = len(text)
        left = text[end:]
        yield _read(text[:end])
    yield _read(left)


def _read(text: bytes) -> bytes:
    return _BYTES.sub(_as_text, text) if b'"MESSAGE"' in text else text


def _as_text(found: re.Match[bytes]) -> bytes:
    numbers = [int(number) for number in re.findall(rb"\d+", found.group(2))]
    if max(numbers) > 255:
        return found.group()
    return found.group(1) + json.dumps(bytes(numbers).decode("utf-8", "backslashreplace")).encode()


def _made_objects(raw: Iterable[bytes]) -> Iterator[bytes]:
    """journalctl --output=verbose and export: a record's fields stand in lines of their own; made an object of JSON."""
    record: dict[str, str] = {}
    left = b""
    for block in chain(raw, [b"\n\n"]):
        made: list[bytes] = []
        *lines, left = (left + block).split(b"\n")
        if len(left) > _BLOCK:
            lines.append(left)
            left = b""
        for line in lines:
            heading = _VERBOSE.match(line)
            if record and (heading or not line.strip() or _EXPORT.match(line)):
                made.append(json.dumps(record).encode() + b"\n")
                record = {}
            if heading:
                record["time"] = heading["time"].decode()
            elif field := _FIELD.match(line):
                record.setdefault(field[1].decode(), field[2][:_LONGEST].decode("utf-8", "backslashreplace"))
        yield b"".join(made)
