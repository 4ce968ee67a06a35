"""The command with a terminal to ask on, and how what other processes do is waited for."""

from __future__ import annotations

import os
import pty
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress

from tests.cli.lab import COMMAND


def until(true: Callable[[], bool]) -> None:
    """Wait for something that is sure to come."""
    end = time.monotonic() + 600
    while not true():
        if time.monotonic() > end:
            raise AssertionError("it did not come")
        time.sleep(0.01)


def answered(words: list[str], environment: dict[str, str], question: bytes, answer: str) -> tuple[int, str, bytes]:
    """The command with stdin and stderr on a terminal: exit code, what was on it, and stdout."""
    master, slave = pty.openpty()
    environment = {**os.environ, **environment, "TERM": "dumb", "COLUMNS": "100"}
    process = subprocess.Popen([*COMMAND, *words], stdin=slave, stderr=slave, stdout=subprocess.PIPE, env=environment)
    os.close(slave)
    seen = b""
    try:
        with suppress(OSError):  # the terminal ends with its last user
            while question not in seen:
                seen += os.read(master, 4096)
            os.write(master, answer.encode())
            while True:
                seen += os.read(master, 4096)
        stdout, _ = process.communicate(timeout=600)
    finally:
        process.kill()
        process.wait()
        os.close(master)
    assert question in seen
    return process.returncode, seen.decode(), stdout
