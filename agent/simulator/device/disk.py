"""The router's file systems: one for SFTP, the CLI and the rpcs.

Faults, by word: ``full`` no room; ``quota`` the same, and the space that is shown does not tell; ``denied`` no right
to write; ``corrupt`` what is written differs by a bit; ``vanish`` a file is gone when an rpc or a command wants it,
though it could be read back before; ``stuck`` nothing can be removed; ``kept`` rpc delete says that it did, and the
file stays; ``drop`` the connection ends in the middle of a write.
"""

from __future__ import annotations

import errno
import posixpath

_PLACES = {"harddisk:": "/misc/disk1", "disk0:": "/misc/scratch"}
_HOME = "/misc/scratch"
_SIZES = {"harddisk:": 6_004_539_392, "disk0:": 2_369_216_512}


class Disk:
    """Files by their absolute path; folders are fixed.

    Attributes:
        files: path → content; empty when the device is new.
        faults: the words above; a test may change them at any time.
    """

    folders = ("/", "/misc", "/misc/disk1", "/misc/scratch", "/tmp")  # noqa: S108 - the simulated router's

    def __init__(self, faults: tuple[str, ...] = ()) -> None:
        self.files: dict[str, bytes] = {}
        self.faults = set(faults)

    def space(self) -> list[tuple[str, int, int]]:
        """The prefix, the size and the free bytes of each file system."""
        used = {
            prefix: sum(len(data) for path, data in self.files.items() if path.startswith(f"{folder}/"))
            for prefix, folder in _PLACES.items()
        }
        full = "full" in self.faults
        return [(prefix, size, 0 if full else size // 2 - used[prefix]) for prefix, size in _SIZES.items()]

    @staticmethod
    def path(name: str) -> str:
        """The absolute path of *name*: ``/harddisk:/x``, ``harddisk:x``, ``/misc/disk1/x`` and so on."""
        bare = name.lstrip("/")
        for place, folder in _PLACES.items():
            if bare.startswith(place):
                return posixpath.normpath(f"{folder}/{bare.removeprefix(place).lstrip('/')}")
        return posixpath.normpath(posixpath.join(_HOME, name)).replace("//", "/")

    def writable(self, name: str, *, new: bool = False) -> str:
        """The path of a file that is about to be written; *new* if it must not be there yet.

        Raises:
            OSError: no such folder, no right, or it is there already.
        """
        path = self.path(name)
        if posixpath.dirname(path) not in self.folders:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory")
        if "denied" in self.faults:
            raise PermissionError(errno.EACCES, "Permission denied")
        if path in self.folders or (new and path in self.files):
            raise FileExistsError(errno.EEXIST, "File exists")
        return path

    def write(self, path: str, offset: int, data: bytes) -> None:
        """Put *data* at *offset* of a file from :meth:`writable`.

        Raises:
            OSError: no room; as much as half of it was written.
        """
        full = bool(self.faults & {"full", "quota"})
        data = data[: len(data) // 2] if full else data
        if "corrupt" in self.faults and data:
            data = bytes([data[0] ^ 1]) + data[1:]
        held = self.files.get(path, b"").ljust(offset, b"\0")
        self.files[path] = held[:offset] + data + held[offset + len(data) :]
        if full:
            raise OSError(errno.ENOSPC, "No space left on device")

    def read(self, name: str) -> bytes:
        """The content of a file.

        Raises:
            OSError: there is none.
        """
        try:
            return self.files[self.path(name)]
        except KeyError:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory") from None

    def use(self, name: str) -> bytes:
        """The same for a command or an rpc: here a file may have vanished."""
        if "vanish" in self.faults:
            self.files.pop(self.path(name), None)
        return self.read(name)

    def remove(self, name: str) -> None:
        """Take a file away.

        Raises:
            OSError: there is none, or it cannot be removed.
        """
        path = self.path(name)
        if path in self.files and "stuck" in self.faults:
            raise PermissionError(errno.EACCES, "Permission denied")
        self.read(name)
        del self.files[path]

    def listing(self, name: str) -> list[tuple[str, int]] | None:
        """The names and sizes of the files in a folder; None for no such folder."""
        folder = self.path(name)
        if folder not in self.folders:
            return None
        found = ((posixpath.split(path), len(data)) for path, data in sorted(self.files.items()))
        return [(base, size) for (above, base), size in found if above == folder]

    def copy(self, source: str, destination: str) -> int:
        """Copy a file, onto a name or into a folder; returns its size.

        Raises:
            OSError: as of :meth:`use` and :meth:`put`.
        """
        return self.put(self.use(source), destination, posixpath.basename(self.path(source)))

    def put(self, data: bytes, destination: str, name: str) -> int:
        """Write a file, onto a name or as *name* into a folder; returns its size.

        Raises:
            OSError: as of :meth:`writable` and :meth:`write`.
        """
        target = self.path(destination)
        if target in self.folders:
            target = posixpath.join(target, name)
        target = self.writable(target)
        self.files[target] = b""
        self.write(target, 0, data)
        return len(data)

    def reload(self) -> None:
        """Empty /tmp, as a reload does."""
        for path in [path for path in self.files if path.startswith("/tmp/")]:  # noqa: S108 - the simulated router's
            del self.files[path]
