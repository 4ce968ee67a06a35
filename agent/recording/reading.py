"""A recording's file as events: what can be read of it, and an error with its line where somebody changed its form."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import msgspec

from agent.model.errors import InputError
from agent.recording.events import FORMAT, VERSION, AnyEvent, Begin, End, Passed

MOST = 256 * 2**20
LONGEST_LINE = 64 * 2**20
_PIECE = 1 << 16
_BEGINS = b'{"event":"begin"'
_MAGIC = b"\x1f\x8b"
_MADE_BY = "name a file that 'xr-agent record' or 'push --record' wrote"
_AS_WRITTEN = "record again; a recording is replayed as it was written"
_VERSION = re.compile(rb'"version":\s*(\d{1,9})\b')
_decoder: msgspec.json.Decoder[AnyEvent] = msgspec.json.Decoder(AnyEvent)


@dataclass(frozen=True, slots=True)
class Recording:
    """What a file holds.

    Attributes:
        events: what passed, in the order of the file.
        end: None where the recording was not ended, or its end is cut off.
        cut_off: why the file ends before that, in a sentence; None where it does not.
    """

    path: Path
    begin: Begin
    events: tuple[Passed, ...]
    end: End | None = None
    cut_off: str | None = None


def read(path: str | Path) -> Recording:
    """The recording in *path*; one that was cut off is read as far as it goes.

    Raises:
        InputError: it cannot be read, is no recording, of a newer version, changed in its form, or too large.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            return _recording(path, _Lines(path, file))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}", hint="name a readable file") from error


def _recording(path: Path, lines: _Lines) -> Recording:
    numbered = enumerate(lines, start=1)
    begin: Begin | None = None
    events: list[Passed] = []
    end: End | None = None
    for number, line in numbered:
        if begin is None:
            begin = _begin(path, line)
            continue
        if end is not None:
            raise _changed(path, number, "something follows the end")
        event = _event(path, number, line)
        if isinstance(event, Begin):
            raise _changed(path, number, "a second beginning")
        if isinstance(event, End):
            end = event
        else:
            events.append(event)
    if begin is None:
        why = "it is empty" if not lines.cut_off else lines.cut_off if lines.may_begin else "it is no recording"
        raise InputError(f"{path}: {why}", hint=_MADE_BY)
    cut_off = lines.cut_off or (None if end else "the recording was not ended")
    return Recording(path, begin, tuple(events), end, cut_off)


def _begin(path: Path, line: bytes) -> Begin:
    version = _VERSION.search(line)
    if FORMAT.encode() not in line or version is None:
        raise InputError(f"{path}: it is no recording", hint=_MADE_BY)
    if int(version[1]) > VERSION:
        raise InputError(
            f"{path}: a recording of version {int(version[1])}; this xr-agent reads up to {VERSION}",
            hint="use the xr-agent that wrote it, or a newer one",
        )
    event = _event(path, 1, line)
    if not isinstance(event, Begin) or event.format != FORMAT or event.version < 1:
        raise InputError(f"{path}: it is no recording", hint=_MADE_BY)
    return event


def _event(path: Path, number: int, line: bytes) -> AnyEvent:
    try:
        return _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _changed(path, number, str(error)) from error


def _changed(path: Path, number: int, why: str) -> InputError:
    return InputError(f"{path}, line {number}: {why}", hint=_AS_WRITTEN)


class _Lines(Iterable[bytes]):
    """The lines of a file, plain or compressed by gzip in one or several members; a last one without its end is none.

    Attributes:
        cut_off: after the last line: why the file ends too soon.
        may_begin: whether what is left behind the last line can be the beginning of a recording.
    """

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self.cut_off: str | None = None
        self.may_begin = True
        self._path, self._file = path, file

    def __iter__(self) -> Iterator[bytes]:
        rest, total = b"", 0
        for piece in self._pieces():
            total += len(piece)
            if total > MOST:
                raise InputError(f"{self._path}: more than {MOST >> 20} MiB", hint="record one router a file")
            *whole, rest = (rest + piece).split(b"\n") if b"\n" in piece else (rest + piece,)
            yield from whole
            if len(rest) > LONGEST_LINE:
                raise InputError(f"{self._path}: a line of more than {LONGEST_LINE >> 20} MiB", hint=_MADE_BY)
        if rest:
            first = b"".join(rest[: 4 * len(_BEGINS)].split())[: len(_BEGINS)]
            self.may_begin = _BEGINS.startswith(first)
            self.cut_off = self.cut_off or "it is cut off in the middle of a line"

    def _pieces(self) -> Iterator[bytes]:
        first = self._file.read(_PIECE)
        if not first.startswith(_MAGIC):
            while first:
                yield first
                first = self._file.read(_PIECE)
            return
        unpacker, packed = _unpacker(), first
        try:
            while packed:
                yield unpacker.decompress(packed, _PIECE)
                packed = unpacker.unconsumed_tail
                if unpacker.eof:
                    packed = unpacker.unused_data or self._file.read(_PIECE)
                    unpacker = _unpacker() if packed else unpacker
                packed = packed or self._file.read(_PIECE)
            # What the unpacker holds back although nothing more comes in.
            yield unpacker.flush()
        except zlib.error as error:
            self.cut_off = f"it is damaged: {error}"
        if not unpacker.eof:
            self.cut_off = self.cut_off or "it is cut off"


def _unpacker() -> zlib._Decompress:
    return zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
