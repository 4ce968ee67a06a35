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
from typing import BinaryIO, cast

from agent.model.errors import InputError

DAMAGE = (
    OSError,
    EOFError,
    RuntimeError,
    NotImplementedError,
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
    tarfile.TarError,
)
"""What reading raises where a text is damaged, cut off, encrypted, or packed by a method that is not read."""

_HEAD = 512
_DEEPEST = 4
_TAR = slice(257, 262)
_ZIP = b"PK\x03\x04"
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


def texts(stream: BinaryIO, name: str, depth: int = _DEEPEST) -> Iterator[tuple[str, BinaryIO]]:
    """The text in *stream*, or every text of an archive, with its name; to be read before the next one is asked for.

    Raises:
        InputError: it is in a form that is not read, which the message names; or packed more often than four times.
        DAMAGE: its beginning is damaged.
    """
    head = _Head(stream)
    start = head.start
    for mark, form, hint in _UNREAD:
        if start.startswith(mark):
            raise InputError(f"{name}: it is {form}, which is not read", hint=hint)
    unpacked = next((make for mark, make in _packers() if start.startswith(mark)), None)
    if depth == 0:
        raise InputError(f"{name}: packed more than {_DEEPEST} times", hint="unpack it first")
    if unpacked is not None:
        with unpacked(_buffered(head)) as inner:
            yield from texts(inner, name, depth - 1)
    elif start.startswith(_ZIP):
        yield from _zipped(head, stream, name, depth)
    elif start[_TAR] == b"ustar":
        yield from _tarred(head, name, depth)
    else:
        encoding = next((encoding for mark, encoding in _MARKS if start.startswith(mark)), None)
        yield name, cast("BinaryIO", head if encoding is None else _Transcoded(head, encoding))


def _packers() -> tuple[tuple[bytes, Callable[[BinaryIO], BinaryIO]], ...]:
    return (
        (b"\x1f\x8b", lambda stream: cast("BinaryIO", gzip.GzipFile(fileobj=stream))),
        (b"BZh", lambda stream: cast("BinaryIO", bz2.BZ2File(stream))),
        (b"\xfd7zXZ\0", lambda stream: cast("BinaryIO", lzma.LZMAFile(stream, format=lzma.FORMAT_XZ))),
        (b"\x28\xb5\x2f\xfd", _zstandard),
    )


def _zstandard(stream: BinaryIO) -> BinaryIO:
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd

    return cast("BinaryIO", _Zstandard(cast("BinaryIO", zstd.ZstdFile(stream)), zstd.ZstdError))


class _Zstandard(io.RawIOBase):
    """A stream whose library's own error is one of :data:`DAMAGE`."""

    def __init__(self, stream: BinaryIO, error: type[Exception]) -> None:
        self._stream, self._error = stream, error

    def read(self, size: int = -1) -> bytes:
        try:
            return self._stream.read(size)
        except self._error as error:
            raise OSError(str(error)) from error


def _zipped(head: _Head, stream: BinaryIO, name: str, depth: int) -> Iterator[tuple[str, BinaryIO]]:
    if not stream.seekable():
        raise InputError(f"{name}: a zip archive is not read from a pipe or another archive", hint="name the file")
    stream.seek(head.at)
    with zipfile.ZipFile(stream) as archive:
        for member in archive.infolist():
            if not member.is_dir():
                with archive.open(member) as inner:
                    yield from texts(cast("BinaryIO", inner), f"{name}: {member.filename}", depth - 1)


def _tarred(head: _Head, name: str, depth: int) -> Iterator[tuple[str, BinaryIO]]:
    with tarfile.open(fileobj=_buffered(head), mode="r|") as archive:
        for member in archive:
            inner = archive.extractfile(member) if member.isfile() else None
            if inner is not None:
                yield from texts(cast("BinaryIO", inner), f"{name}: {member.name}", depth - 1)


def _buffered(head: _Head) -> BinaryIO:
    return cast("BinaryIO", io.BufferedReader(head))


class _Head(io.RawIOBase):
    """A stream whose beginning was looked at.

    Attributes:
        start: its first 512 bytes, or all of it.
        at: where it began, where that can be told.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.at = stream.tell() if stream.seekable() else 0
        start = b""
        while len(start) < _HEAD and (piece := _some(stream.read(_HEAD - len(start)))):
            start += piece
        self.start = self._left = start

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if not self._left:
            return _some(self._stream.read(size))
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
