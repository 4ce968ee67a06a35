"""What is written where nobody may read any more: it is lost, and nothing ends by that."""

from __future__ import annotations

import io
import sys
from typing import Any

from agent.cli.stdio import plain

_STDOUT, _STDERR = 1, 2


class Unwritten(BrokenPipeError):
    """stdout takes no more, as where its disk is full: what was told is lost, as where nobody reads it."""


class _Stdout(io.FileIO):
    """A file whose errors on writing are all handled as those of a pipe that was closed."""

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise Unwritten(error.errno, error.strerror) from error


class _Heedless(io.FileIO):
    """A file whose errors on writing are nobody's: its reader went away, or its disk is full."""

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes


def know_stdout() -> None:
    """Let whoever writes to ``sys.stdout`` get a BrokenPipeError, by which runs end in order, whatever is wrong."""
    out = sys.stdout
    if isinstance(out, io.TextIOWrapper):
        lines = out.line_buffering or out.write_through
        below = io.BufferedWriter(_Stdout(_STDOUT, "w", closefd=False))
        sys.stdout = io.TextIOWrapper(below, out.encoding, out.errors, line_buffering=lines)


def outlive_stderr() -> None:
    """Let the process write to ``sys.stderr`` whatever becomes of it: it tells how the work goes, and is not the work.

    At the level of bytes, so that logging, rich, tracebacks and the interpreter's own last flush are all behind it.
    """
    try:
        raw = _Heedless(_STDERR, "w", closefd=False)
    except OSError:  # it was closed before the start, and Python has none
        return
    encoding = getattr(sys.stderr, "encoding", None)
    sys.stderr = io.TextIOWrapper(io.BufferedWriter(raw), encoding, plain.ERRORS, line_buffering=True)
