"""What comes by stdin: a file, or what somebody types; a process that was started without one has None there."""

from __future__ import annotations

import sys
from typing import BinaryIO, TextIO, cast

from agent.model.errors import InputError


def standard_input() -> BinaryIO:
    """Standard input as bytes.

    Raises:
        InputError: it is closed.
    """
    if not _is_open():
        raise InputError("-: standard input is closed", hint="name a readable file")
    return sys.stdin.buffer


def at_terminal() -> bool:
    """Whether somebody types there."""
    return _is_open() and sys.stdin.isatty()


def _is_open() -> bool:
    stdin = cast("TextIO | None", sys.stdin)
    return stdin is not None and not stdin.closed
