"""What is written where nobody may read: on stderr it is lost and nothing ends by that, on stdout it is said."""

from __future__ import annotations

import io
import os
import sys
from typing import Any

from agent.cli.stdio import plain

_STDOUT, _STDERR = 1, 2


class _Heedless(io.FileIO):
    """A file whose errors on writing are nobody's: its reader went away, or its disk is full."""

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes


class _Told(io.FileIO):
    """A file whose first error on writing ends the command in a line; that nobody reads it any more is no error."""

    _lost = False

    def write(self, data: Any, /) -> int:
        if self._lost:  # what is left is flushed at the end of the process
            return memoryview(data).nbytes
        try:
            return super().write(data)
        except BrokenPipeError:
            raise
        except OSError as error:
            from agent.model.errors import FileError

            self._lost = True
            said = f"stdout cannot be written: {error.strerror or error}"
            raise FileError(
                said, hint="see to where it goes; of a run the journal has all: xr-agent history"
            ) from error


def outlive_closed() -> None:
    """Have the standard streams lead nowhere where they were closed before the start; stdin stays None, and is said.

    What is opened first would get their numbers, and what is told would be written into it.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free is this one
            if number:
                setattr(sys, name, open(number, "w", closefd=False))  # noqa: SIM115 - as it is open


def tell_of_stdout() -> None:
    """Have an error of ``sys.stdout`` end the command, below all that buffers."""
    made, raw = sys.stdout, io.BufferedWriter(_Told(_STDOUT, "w", closefd=False))
    unbuffered = getattr(made, "write_through", False)
    lines = made.isatty()
    sys.stdout = io.TextIOWrapper(raw, made.encoding, plain.ERRORS, line_buffering=lines, write_through=unbuffered)


def outlive_stderr() -> None:
    """Let the process write to ``sys.stderr`` whatever becomes of it: it tells how the work goes, and is not the work.

    At the level of bytes, so that logging, rich, tracebacks and the interpreter's own last flush are all behind it.
    """
    raw = _Heedless(_STDERR, "w", closefd=False)
    encoding = getattr(sys.stderr, "encoding", None)
    sys.stderr = io.TextIOWrapper(io.BufferedWriter(raw), encoding, plain.ERRORS, line_buffering=True)
