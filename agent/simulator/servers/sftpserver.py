"""SFTP on the simulated router's files."""

from __future__ import annotations

import posixpath
import stat
from collections.abc import AsyncIterator
from typing import Any

import asyncssh
from asyncssh import SFTPAttrs, SFTPName
from asyncssh.constants import FXF_APPEND, FXF_CREAT, FXF_EXCL, FXF_TRUNC, FXF_WRITE

from agent.simulator.device.disk import Disk


class SftpServer(asyncssh.SFTPServer):
    """One SFTP session; errors of the disk (OSError) become the protocol's status codes."""

    def __init__(self, channel: Any, disk: Disk) -> None:
        super().__init__(channel)
        self._disk = disk
        self._abort = channel.get_connection().abort

    def open(self, path: bytes, pflags: int, attrs: SFTPAttrs) -> object:
        """A handle is the file's path."""
        if not pflags & (FXF_WRITE | FXF_APPEND):
            self._disk.read(path.decode())
            return self._disk.path(path.decode())
        there = self._disk.writable(path.decode(), new=bool(pflags & FXF_EXCL))
        new = there not in self._disk.files
        if new and not pflags & FXF_CREAT:
            raise asyncssh.SFTPNoSuchFile("No such file")
        if new or pflags & FXF_TRUNC:
            self._disk.files[there] = b""
        return there

    def close(self, file_obj: object) -> None:
        """Nothing is kept per handle."""

    def read(self, file_obj: object, offset: int, size: int) -> bytes:
        """Bytes of a file; none at its end."""
        return self._disk.read(str(file_obj))[offset : offset + size]

    def write(self, file_obj: object, offset: int, data: bytes) -> int:
        if "drop" in self._disk.faults:
            self._abort()
        self._disk.write(str(file_obj), offset, data)
        return len(data)

    def stat(self, path: bytes) -> Any:
        there = self._disk.path(path.decode())
        if there in self._disk.folders:
            return SFTPAttrs(size=0, permissions=stat.S_IFDIR | 0o755, uid=0, gid=0, atime=0, mtime=0)
        size = len(self._disk.read(there))
        return SFTPAttrs(size=size, permissions=stat.S_IFREG | 0o600, uid=0, gid=0, atime=0, mtime=0)

    lstat = stat

    def fstat(self, file_obj: object) -> Any:
        return self.stat(str(file_obj).encode())

    def setstat(self, path: bytes, attrs: SFTPAttrs) -> None:
        """Permissions are taken and forgotten."""
        self.stat(path)

    def fsetstat(self, file_obj: object, attrs: SFTPAttrs) -> None:
        """The same by handle."""

    async def scandir(self, path: bytes) -> AsyncIterator[SFTPName]:
        folder = self._disk.path(path.decode())
        if folder not in self._disk.folders:
            raise asyncssh.SFTPNoSuchFile("No such file")
        for one in [*self._disk.files, *self._disk.folders]:
            if posixpath.dirname(one) == folder and one != folder:
                name = posixpath.basename(one)
                yield SFTPName(name.encode(), name.encode(), self.stat(one.encode()))

    def remove(self, path: bytes) -> None:
        self._disk.remove(path.decode())

    def rename(self, oldpath: bytes, newpath: bytes) -> None:
        """Move a file onto a name that is free."""
        self._disk.writable(newpath.decode(), new=True)
        self.posix_rename(oldpath, newpath)

    def posix_rename(self, oldpath: bytes, newpath: bytes) -> None:
        """Move a file onto a name, free or not."""
        there = self._disk.writable(newpath.decode())
        self._disk.files[there] = self._disk.read(oldpath.decode())
        self._disk.remove(oldpath.decode())

    def realpath(self, path: bytes) -> bytes:
        return self._disk.path(path.decode()).encode()

    def mkdir(self, path: bytes, *_: SFTPAttrs) -> None:
        """Folders are fixed."""
        raise asyncssh.SFTPPermissionDenied("Permission denied")

    rmdir = mkdir

    def symlink(self, oldpath: bytes, newpath: bytes) -> None:
        """There are no links."""
        raise asyncssh.SFTPOpUnsupported("not supported")

    link = readlink = symlink  # type: ignore[assignment] # refused as well, whatever their arguments
