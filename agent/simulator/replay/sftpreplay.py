"""SFTP of a replay: requests get the recorded answers, and a file is read as it was written here."""

from __future__ import annotations

import asyncio
import posixpath
import stat
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import asyncssh
from asyncssh import SFTPAttrs, SFTPName

from agent.recording.events import Entry, Files
from agent.simulator.replay.meaning import of_files
from agent.simulator.replay.playback import Playback

_FAILURE = 4  # draft-ietf-secsh-filexfer-02 section 7


@dataclass(slots=True)
class OpenFile:
    """A handle."""

    path: str
    wrote: bool = False


class SftpReplay(asyncssh.SFTPServer):
    """One SFTP session."""

    def __init__(self, channel: Any, playback: Playback) -> None:
        super().__init__(channel)
        self._playback = playback
        self._contents: dict[str, bytearray] = {}

    async def _asked(self, request: str, path: str) -> Files:
        """What was answered; a refusal is raised.

        Raises:
            asyncssh.SFTPError: it was refused, or there is no answer.
        """
        playback, asked = self._playback, of_files(request, path)
        came = asyncio.get_running_loop().time()
        found = playback.answer(asked, playback.transcript.files)
        if found is None or found.answer is None:
            raise asyncssh.SFTPError(_FAILURE, playback.lacks(asked))
        await playback.pause(came + found.answer.took)
        if found.answer.refused is not None:
            raise asyncssh.SFTPError(found.answer.code or _FAILURE, playback.spoken(found.answer.refused))
        return found.answer

    async def open(self, path: bytes, pflags: int, attrs: SFTPAttrs) -> object:
        """A handle."""
        await self._asked("open", path.decode())
        return OpenFile(path.decode())

    def close(self, file_obj: object) -> None:
        """Nothing is kept per handle."""

    async def read(self, file_obj: Any, offset: int, size: int) -> bytes:
        """Bytes of a file as it was written here: what was read then is not recorded."""
        content = self._contents.get(file_obj.path)
        if not offset or content is None:
            await self._asked("read", file_obj.path)
        if content is None:
            raise asyncssh.SFTPError(_FAILURE, "the content of files is not recorded")
        return bytes(content[offset : offset + size])

    async def write(self, file_obj: Any, offset: int, data: bytes) -> int:
        """Into how many parts it is cut means nothing: the recorded answer is the whole file's."""
        if not file_obj.wrote:
            await self._asked("write", file_obj.path)
        file_obj.wrote = True
        content = self._contents.setdefault(file_obj.path, bytearray())
        content[offset : offset + len(data)] = data
        return len(data)

    async def stat(self, path: bytes) -> Any:
        answer = await self._asked("stat", path.decode())
        entry = next(iter(answer.entries), Entry(posixpath.basename(path.decode())))
        return _attributes(entry, self._size(path.decode(), entry.size))

    lstat = stat

    async def fstat(self, file_obj: Any) -> Any:
        return await self.stat(file_obj.path.encode())

    def _size(self, path: str, recorded: int | None) -> int | None:
        """Of a file that was written whole then, how much was written here."""
        content = self._contents.get(path)
        whole = self._playback.transcript.written.get(of_files("write", path).key[1:])
        return len(content) if content is not None and recorded == whole else recorded

    async def setstat(self, path: bytes, attrs: SFTPAttrs) -> None:
        await self._asked("setstat", path.decode())

    async def scandir(self, path: bytes) -> AsyncIterator[SFTPName]:
        for entry in (await self._asked("list", path.decode())).entries:
            name = self._playback.spoken(entry.name).encode()
            yield SFTPName(name, name, _attributes(entry, entry.size))

    async def remove(self, path: bytes) -> None:
        await self._asked("remove", path.decode())
        self._contents.pop(path.decode(), None)

    def realpath(self, path: bytes) -> bytes:
        return posixpath.normpath(posixpath.join(b"/", path))


def _attributes(entry: Entry, size: int | None) -> SFTPAttrs:
    mode = stat.S_IFDIR | 0o755 if entry.folder else stat.S_IFREG | 0o600
    return SFTPAttrs(size=size, permissions=mode, uid=0, gid=0, atime=0, mtime=0)
