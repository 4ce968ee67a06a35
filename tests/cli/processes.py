"""The command with a terminal to ask on, and how what other processes do is waited for."""

from __future__ import annotations

import http.client
import os
import pty
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from agent.simulator import Device
from tests.cli.lab import COMMAND, VARIABLE, Fleet, Lab
from tests.support import eventually

_READ = ("0", "63")
"""The number of read(2) on x86-64, and on AArch64 and RISC-V."""


def until(true: Callable[[], bool]) -> None:
    """Wait for something that is sure to come."""
    assert eventually(true), "it did not come"


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
            until(lambda: process.poll() is not None or _reads_stdin(process.pid))
            if answer is None:
                process.send_signal(signal.SIGINT)
            elif process.poll() is None:
                os.write(master, answer.encode())
            with suppress(OSError):
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


def at_terminal(lab: Lab, words: list[str], question: bytes, answer: str | None) -> tuple[int, str]:
    """A command with a terminal, whose question is answered, or interrupted: exit code, what was on the terminal."""
    code, seen, _ = answered(
        words,
        {VARIABLE: lab.simulator.password, "COLUMNS": "200"},
        question,
        None if answer is None else f"{answer}\n",
    )
    return code, seen


def asked_to_apply(lab: Lab, device: Device, answer: str | None) -> tuple[int, str, str]:
    """A push that asks on a terminal and is answered, or interrupted: exit code, stdout, what was on the terminal."""
    words = ["push", *lab.words(device), "--format", "json"]
    code, seen, stdout = answered(words, {VARIABLE: lab.simulator.password}, b"[y/N]: ", answer)
    return code, stdout.decode(), seen


def served(process: subprocess.Popen[str]) -> list[str]:
    """What ``simulate`` says up to when its routers can be reached."""
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("Ctrl-C ends it"):
            return lines
    raise AssertionError(process.communicate())


def said(process: subprocess.Popen[str], words: str) -> str:
    """The first line on stderr with these words."""
    assert process.stderr is not None
    for line in process.stderr:
        if words in line:
            return line
    raise AssertionError(f"{words!r} was not said")


def resumed(fleet: Fleet) -> str:
    """What a resumed push that ends well says on stderr."""
    with fleet.started("push", "--resume", "last", "--yes", inventory=False) as process:
        _, stderr = process.communicate(timeout=600)
    assert process.returncode == 0, stderr
    return str(stderr)


def metrics(port: int) -> str:
    """What a poll's endpoint for Prometheus says."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    try:
        connection.request("GET", "/metrics")
        return connection.getresponse().read().decode()
    finally:
        connection.close()
