"""Files that appear whole or not at all, in a place that was looked at before the run."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from io import TextIOBase
from pathlib import Path

from agent.fleet.report.shown import shown
from agent.model.errors import FileError, InputError


def see(path: Path, what: str, read: Mapping[str, Path] | None = None) -> None:
    """Find out before a run whether *what* it makes can be written to *path*; nothing is left there.

    *read*: the files that the run goes by, by the options that name them; none of them is written over.

    Raises:
        InputError: it cannot.
    """
    place = Path(os.path.realpath(path))
    try:
        for option, other in (read or {}).items() if place.exists() else ():
            if other.exists() and other.samefile(place):
                said = f"the {what} {shown(path)} would take the place of what {option} names"
                raise InputError(said, hint="name another file")
        if _is_other(path):
            raise InputError(f"the {what} {shown(path)} is no file", hint="name one")
        if place.is_dir():
            raise InputError(f"the {what} {shown(path)} is a folder", hint="name a file in it")
        if not place.parent.is_dir():
            raise InputError(f"the {what}'s folder {shown(place.parent)} does not exist", hint="make it first")
        with _fresh(place):
            pass
    except OSError as error:
        raise InputError(
            f"no {what} can be written to the folder {shown(place.parent)}: {error.strerror or error}",
            hint="choose another folder",
        ) from error


def write(path: Path, what: str, content: Callable[[TextIOBase], object], *, hint: str) -> None:
    """Write *what*, as *content* puts it into a file, to *path* in place of what is there.

    Raises:
        FileError: the file could not be written; what was at *path* is as it was.
    """
    place = Path(os.path.realpath(path))
    try:
        if _is_other(path):
            raise FileError(f"the {what} {shown(path)} was not written: it is no file", hint=hint)
        with _fresh(place) as (out, fresh):
            content(out)
            out.flush()
            os.fsync(out.fileno())
            fresh.replace(place)
    except OSError as error:
        raise FileError(f"the {what} {shown(path)} was not written: {error.strerror or error}", hint=hint) from error


def _is_other(path: Path) -> bool:
    """Whether a device, a pipe or a socket is there, in whose place a file would be put."""
    return path.exists() and not (path.is_file() or path.is_dir())


@contextmanager
def _fresh(path: Path) -> Iterator[tuple[TextIOBase, Path]]:
    """A new file beside *path* and its name, gone at the end unless it was renamed by then."""
    fresh = path.with_name(f".xr-agent-{secrets.token_hex(8)}.tmp")
    try:
        # Not tempfile: its files are for their owner only, while a report is for whoever the umask lets read.
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace", newline="") as out:
            yield out, fresh
    finally:
        fresh.unlink(missing_ok=True)
