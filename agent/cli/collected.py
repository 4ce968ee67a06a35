"""A syslog collector's text, from a file or stdin, plain or gzipped."""

from __future__ import annotations

import gzip
import io
import sys
import zlib
from pathlib import Path
from typing import BinaryIO, cast

from agent.model.errors import InputError
from agent.xr.syslog import Affected, scan

_GZIP = b"\x1f\x8b"


class _Counting(io.RawIOBase):
    """A stream that knows how far it was read, and whether its end came by an error."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.read_so_far = 0
        self.broken: Exception | None = None

    def read(self, size: int = -1) -> bytes:
        try:
            data = self._stream.read(size)
        except (OSError, EOFError, zlib.error) as error:
            self.broken = error
            return b""
        self.read_so_far += len(data)
        return data


def affected_hosts(path: Path) -> tuple[dict[str, Affected], InputError | None]:
    """The affected hosts, and the error that ended the reading early, if one did: what was found before it counts.

    Raises:
        InputError: the file cannot be opened.
    """
    try:
        raw = sys.stdin.buffer if str(path) == "-" else path.open("rb")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}", hint="name a readable file, or - for stdin") from error
    with raw:
        text = io.BufferedReader(cast("io.RawIOBase", raw)) if not hasattr(raw, "peek") else raw
        zipped = text.peek(2)[:2] == _GZIP
        counting = _Counting(cast("BinaryIO", gzip.GzipFile(fileobj=text) if zipped else text))
        hosts = scan(cast("BinaryIO", counting))
    if counting.broken is None:
        return hosts, None
    return hosts, InputError(
        f"{path}: damaged or cut off after {counting.read_so_far} bytes of text: {counting.broken}",
        hint="what was found up to there is listed",
    )
