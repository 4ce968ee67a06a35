"""Texts as log rotation and archives leave them: compressed, packed, or in UTF-16."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, BinaryIO, cast

from agent.model.errors import InputError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

DAMAGE = (
    OSError,
    EOFError,
    RuntimeError,
    NotImplementedError,
    zlib.error,
    lzma.LZMAError,
    zstd.ZstdError,
    zipfile.BadZipFile,
    tarfile.TarError,
)
"""What reading raises where a text is damaged, cut off, encrypted, or packed by a method that is not read."""

_HEAD = 512
_DEEPEST = 4
_TAR = slice(257, 262)
_ZIP = b"PK\x03\x04"
_PACKERS: tuple[tuple[bytes, Callable[[BinaryIO], Any]], ...] = (
    (b"\x1f\x8b", lambda stream: gzip.GzipFile(fileobj=stream)),
    (b"BZh", bz2.BZ2File),
    (b"\xfd7zXZ\0", partial(lzma.LZMAFile, format=lzma.FORMAT_XZ)),
    (b"\x28\xb5\x2f\xfd", zstd.ZstdFile),
)
_MARKS = (  # the longer ones first
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8-sig"),
)
_UNREAD = (
    (b"\x04\x22\x4d\x18", "compressed by lz4", "lz4 -dc FILE | xr-agent assess --syslog -"),
    (b"\x1f\x9d", "compressed by compress", "zcat FILE | xr-agent assess --syslog -"),
    (b"\x5d\0\0", "compressed in the old form of lzma", "xz --format=lzma -dc FILE | xr-agent assess --syslog -"),
    (b"LZIP", "compressed by lzip", "lzip -dc FILE | xr-agent assess --syslog -"),
    (b"\x89LZO", "compressed by lzop", "lzop -dc FILE | xr-agent assess --syslog -"),
    (b"\xff\x06\0\0sNaPpY", "compressed by snappy", "unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it first"),
    (b"Rar!\x1a\x07", "a rar archive", "unpack it first"),
    (b"PK\x05\x06", "an empty zip archive", "name a file with a log in it"),
    (b"LPKSHHRH", "a journal of systemd", "journalctl --file FILE -o short-iso | xr-agent assess --syslog -"),
    (b"ElfFile\0", "a Windows event log", "export it as text first"),
    (b"SQLite format 3", "an SQLite database", "export its messages as text first"),
    (b"PAR1", "a parquet file", "export its messages as text first"),
    (b"\xd4\xc3\xb2\xa1", "a packet capture", "export its messages as text first"),
    (b"\xa1\xb2\xc3\xd4", "a packet capture", "export its messages as text first"),
    (b"\x0a\x0d\x0d\x0a", "a packet capture", "export its messages as text first"),
)


Text = tuple[str, BinaryIO | InputError]
"""A text with its name; or why it is not read."""


def texts(stream: BinaryIO, name: str) -> Iterator[Text]:
    """The text in *stream*, or every text of an archive; each is to be read before the next one is asked for.

    Raises:
        DAMAGE: its beginning is damaged, or what holds an archive together.
    """
    yield from _texts(_Head(stream, at=stream.tell() if stream.seekable() else None), name, _DEEPEST)


def _texts(head: _Head, name: str, depth: int) -> Iterator[Text]:
    start = head.start
    unread = next(((form, hint) for mark, form, hint in _UNREAD if start.startswith(mark)), None)
    unpacked = next((make for mark, make in _PACKERS if start.startswith(mark)), None)
    if unread is not None:
        yield name, InputError(f"{name}: it is {unread[0]}, which is not read", hint=unread[1])
    elif depth == 0:
        yield name, InputError(f"{name}: packed more than {_DEEPEST} times", hint="unpack it first")
    elif unpacked is not None:
        with unpacked(_buffered(head)) as inner:
            yield from _texts(_Head(inner), name, depth - 1)
    elif start.startswith(_ZIP):
        yield from _zipped(head, name, depth)
    elif start[_TAR] == b"ustar":
        yield from _tarred(head, name, depth)
    else:
        encoding = next((encoding for mark, encoding in _MARKS if start.startswith(mark)), None)
        yield name, cast("BinaryIO", head if encoding is None else _Transcoded(head, encoding))


def _member(stream: BinaryIO, name: str, depth: int) -> Iterator[Text]:
    """One file of an archive, of which the others are read where this one is damaged."""
    try:
        with stream:
            yield from _texts(_Head(stream), name, depth - 1)
    except DAMAGE as error:
        yield name, InputError(f"{name}: damaged or cut off: {error}", hint="what the others have is listed")


def _zipped(head: _Head, name: str, depth: int) -> Iterator[Text]:
    if head.at is None:
        why = "a zip archive is not read from a pipe or another archive"
        yield name, InputError(f"{name}: {why}", hint="name the file")
        return
    head.stream.seek(head.at)
    with zipfile.ZipFile(head.stream) as archive:
        for member in archive.infolist():
            if member.is_dir():
                continue
            inner_name = f"{name}: {member.filename}"
            try:
                inner = archive.open(member)
            except DAMAGE as error:  # encrypted, or packed by a method that is not read
                yield inner_name, InputError(f"{inner_name}: it is not read: {error}", hint="unpack it first")
            else:
                yield from _member(cast("BinaryIO", inner), inner_name, depth)


def _tarred(head: _Head, name: str, depth: int) -> Iterator[Text]:
    with tarfile.open(fileobj=_buffered(head), mode="r|") as archive:
        for member in archive:
            inner = archive.extractfile(member) if member.isfile() else None
            if inner is not None:
                yield from _member(cast("BinaryIO", inner), f"{name}: {member.name}", depth)


def _buffered(head: _Head) -> BinaryIO:
    return cast("BinaryIO", io.BufferedReader(head))


class _Head(io.RawIOBase):
    """A stream whose beginning was looked at.

    Attributes:
        start: its first 512 bytes, or all of it.
        at: where it began, where one can go back to that.
    """

    def __init__(self, stream: BinaryIO, *, at: int | None = None) -> None:
        self.stream = stream
        self.at = at
        start = b""
        while len(start) < _HEAD and (piece := _some(stream.read(_HEAD - len(start)))):
            start += piece
        self.start = self._left = start

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if not self._left:
            return _some(self.stream.read(size))
        size = len(self._left) if size < 0 else size
        piece, self._left = self._left[:size], self._left[size:]
        return piece

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override] # any buffer will do
        piece = self.read(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)


class _Transcoded(io.RawIOBase):
    """A stream of text in another encoding, as UTF-8."""

    def __init__(self, stream: _Head, encoding: str) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(encoding)(errors="replace")

    def read(self, size: int = -1) -> bytes:
        while piece := self._stream.read(size):
            made = self._decoder.decode(piece)
            if made:
                return made.encode("utf-8", "replace")
        return self._decoder.decode(b"", final=True).encode("utf-8", "replace")


def _some(piece: bytes | None) -> bytes:
    """*piece* of a stream.

    Raises:
        BlockingIOError: the stream has been set not to wait, and has nothing yet.
    """
    if piece is None:
        raise BlockingIOError("it has nothing to read yet, and does not wait")
    return piece
