"""Files that the user names: read within a bound of bytes, and of silence where they are pipes."""

from __future__ import annotations

import os
import select
from pathlib import Path

from agent.model.errors import InputError

SILENCE = 30.0
_PIECE = 1 << 16


def read_start(path: str | Path, most: int, *, hint: str = "name a readable file") -> bytes:
    """The first *most* bytes of a file; whoever wants to know of more asks for one byte more than is allowed.

    A pipe, as of the shell's ``<(command)``, is read until its writer closes it; one that nobody writes to is empty.

    Raises:
        InputError: it cannot be opened or read, or nothing came out of a pipe for 30 seconds.
    """
    data = bytearray()
    try:
        # Without waiting, since to open a named pipe would wait for a writer for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            while len(data) < most:
                piece = file.read(min(_PIECE, most - len(data)))
                if piece:
                    data += piece
                elif piece is not None:
                    break
                elif not select.select([file], [], [], SILENCE)[0]:
                    said = f"{path}: nothing came for {SILENCE:g} s"
                    raise InputError(said, hint="end what writes to it, or name a file")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}", hint=hint) from error
    except ValueError as error:
        raise InputError(f"{str(path)!r} is no file name: {error}", hint=hint) from error
    return bytes(data)
