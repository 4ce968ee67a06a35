"""The command with a terminal to ask on, and how what other processes do is waited for."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tests.cli.lab import COMMAND

_READ = ("0", "63")
"""The number of read(2) on x86-64, and on AArch64 and RISC-V."""


def until(true: Callable[[], bool]) -> None:
    """Wait for something that is sure to come."""
    end = time.monotonic() + 600
    while not true():
        if time.monotonic() > end:
            raise AssertionError("it did not come")
        time.sleep(0.01)


def answered(
    words: list[str], environment: dict[str, str], question: bytes, answer: str | None
) -> tuple[int, str, bytes]:
    """The command with stdin and stderr on a terminal: exit code, what was on it, and stdout.

    What it asks with *question* is answered, or interrupted where *answer* is None: once it reads, since what is typed
    before may be thrown away, and a signal that comes between the question and the read waits for the read's end.
    """
    master, slave = pty.openpty()
    seen = b""
    with subprocess.Popen(
        [*COMMAND, *words],
        stdin=slave,
        stderr=slave,
        stdout=subprocess.PIPE,
        env={**os.environ, "COLUMNS": "100", **environment, "TERM": "dumb"},
        start_new_session=True,
    ) as process:
        os.close(slave)
        try:
            with suppress(OSError):  # the terminal ends with its last user
                while question not in seen:
                    seen += os.read(master, 4096)
                until(lambda: _reads_stdin(process.pid) or process.poll() is not None)
                if answer is None:
                    process.send_signal(signal.SIGINT)
                else:
                    os.write(master, answer.encode())
                while True:
                    seen += os.read(master, 4096)
            stdout, _ = process.communicate(timeout=600)
        finally:
            process.kill()
            os.close(master)
    assert question in seen
    return process.returncode, seen.decode(), stdout


def _reads_stdin(pid: int) -> bool:
    """Whether the process waits in read(2) of its file 0."""
    number, file, *_ = (*Path(f"/proc/{pid}/syscall").read_text(encoding="ascii").split(), "", "")
    return number in _READ and file == "0x0"
