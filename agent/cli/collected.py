"""A syslog collector's text, from a file or stdin, plain or gzipped."""

from __future__ import annotations

import gzip
import io
import stat
import sys
import zlib
from pathlib import Path
from typing import BinaryIO, TextIO, cast

from agent.model.errors import InputError
from agent.xr.syslog import Affected, scan

_GZIP = b"\x1f\x8b"
_HINT = "name a readable file, or - for stdin"


class _Counting(io.RawIOBase):
    """A stream that knows how far it was read, and whether its end came by an error."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.read_so_far = 0
        self.broken: Exception | None = None

    def read(self, size: int = -1) -> bytes:
        try:
            data: bytes | None = self._stream.read(size)
        except (OSError, EOFError, zlib.error) as error:
            self.broken = error
            return b""
        if data is None:  # what a stream gives that somebody has set not to wait
            self.broken = BlockingIOError("it has nothing to read yet, and does not wait")
            return b""
        self.read_so_far += len(data)
        return data


def affected_hosts(path: Path) -> tuple[dict[str, Affected], InputError | None]:
    """The affected hosts, and the error that ended the reading early, if one did: what was found before it counts.

    The text has no bound, and may come out of a named pipe for days; only the memory that it takes has one.

    Raises:
        InputError: the file cannot be opened or read, or is a device.
    """
    raw = standard_input() if str(path) == "-" else _opened(path)
    with raw:
        text = io.BufferedReader(cast("io.RawIOBase", raw)) if not hasattr(raw, "peek") else raw
        try:
            zipped = text.peek(2)[:2] == _GZIP
        except OSError as error:
            raise InputError(f"{path}: {error.strerror or error}", hint=_HINT) from error
        counting = _Counting(cast("BinaryIO", gzip.GzipFile(fileobj=text) if zipped else text))
        hosts = scan(cast("BinaryIO", counting))
    if counting.broken is None:
        return hosts, None
    return hosts, InputError(
        f"{path}: damaged or cut off after {counting.read_so_far} bytes of text: {counting.broken}",
        hint="what was found up to there is listed",
    )


def _opened(path: Path) -> BinaryIO:
    try:
        if stat.S_ISCHR(path.stat().st_mode) or stat.S_ISBLK(path.stat().st_mode):
            raise InputError(f"{path}: it is a device, not a file", hint=_HINT)
        return path.open("rb")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}", hint=_HINT) from error


def standard_input() -> BinaryIO:
    """Standard input as bytes.

    Raises:
        InputError: it is closed.
    """
    # A process that was started without one has None there.
    stdin: TextIO | None = sys.stdin
    if stdin is None or stdin.closed:
        raise InputError("-: standard input is closed", hint="name a readable file")
    return stdin.buffer
