"""Text of a file or of standard input, read within bounds: whatever the name stands for, nothing waits or swells."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

from agent.model.errors import InputError

LARGEST = 16 * 1024 * 1024
"""Bytes an inventory file may have; about 100,000 routers."""


def read_file(path: Path) -> str:
    """The UTF-8 text of a regular file, without a byte order mark.

    Raises:
        InputError: it is missing, unreadable, no regular file (a FIFO would be waited for), too large, or no text.
    """
    try:
        # Not blocking, so that opening a FIFO without a writer returns; the kind is asked of what was opened.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise InputError(f"{path} is no regular file", hint="name a file, or give a list of hosts with -i -")
            return read_stream(file, str(path))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}", hint="name a readable file") from error
    except ValueError as error:
        raise InputError(f"{str(path)!r} is no file name") from error


def read_stream(stream: BinaryIO, name: str) -> str:
    """The UTF-8 text of *stream*, which messages call *name*.

    Raises:
        InputError: it is larger than :data:`LARGEST`, or no text.
    """
    content = stream.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise InputError(f"{name} is larger than {LARGEST // 1024 // 1024} MiB", hint="split it")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(f"{name}, line {line}: this is no UTF-8 text", hint="save it as UTF-8") from error
    if "\0" in text:
        raise InputError(f"{name} is no text: it has NUL bytes")
    return text


def located(file: Path | str, line: int | None, text: str) -> str:
    """*text* behind the place that it is about."""
    return f"{file}, line {line}: {text}" if line else f"{file}: {text}"
