"""A program of the user's, run without a shell: it ends within its time, or is killed with all that it began."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import threading
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile

from agent.model.errors import InputError
from agent.model.local.user import variables

_LOOK = 50
"""Milliseconds between two looks at whether a silent program ended, or its time is over."""
_PIECE = 1 << 16
PATIENCE = 2.0
"""Seconds in which one that was killed, or has closed its stdout, is gone."""
_BY_HAND = "run it by hand: what it says is neither kept nor shown"


def run(
    words: Sequence[str],
    over: Callable[[], bool],
    *,
    given: bytes = b"",
    most: int = 0,
    without: Collection[str] = (),
) -> bytes:
    """Run a program, *given* on its stdin, to its end; the first *most* bytes of its stdout.

    All else that it says is lost. It has no terminal, and none of the environment variables *without*. What it leaves
    behind when it ended well goes on. A KeyboardInterrupt kills it as well, whenever it comes.

    Raises:
        InputError: it cannot be run, or did not end well; nothing of what it said is repeated.
        TimeoutError: its time was *over*, which is asked every few hundredths of a second; it was killed.
    """
    if threading.current_thread() is not threading.main_thread():
        return _run(words, over, given, most, without)
    left = threading.Event()
    # An interrupt is raised in the main thread alone, where it might come between the start and its being known.
    with ThreadPoolExecutor(1) as pool:
        try:
            return pool.submit(_run, words, lambda: left.is_set() or over(), given, most, without).result()
        finally:
            left.set()


def _run(words: Sequence[str], over: Callable[[], bool], given: bytes, most: int, without: Collection[str]) -> bytes:
    if over():
        raise TimeoutError  # it would only be killed
    process = _started(words, given, without)
    try:
        said = _said(process, over, most)
    except BaseException:
        kill(process)
        raise
    finally:
        if process.stdout is not None:
            process.stdout.close()
    if process.returncode:
        del said  # which the error would keep
        raise InputError(f"{name(words)} {ended(process.returncode)}", hint=_BY_HAND)
    return said


def name(words: Sequence[str]) -> str:
    """How messages call a program: by its file's name, without its arguments."""
    return Path(words[0]).name or words[0]


def unrunnable(words: Sequence[str], error: OSError) -> InputError:
    """That a program cannot be run, by the system's *error*."""
    hint = "name a program that is on the PATH, or by its whole path"
    if isinstance(error, PermissionError):
        hint = "see that it is a program that you may run: chmod +x"
    return InputError(f"{name(words)} cannot be run: {error.strerror or type(error).__name__}", hint=hint)


def _started(words: Sequence[str], given: bytes, without: Collection[str]) -> subprocess.Popen[bytes]:
    environment = {variable: value for variable, value in variables().items() if variable not in without}
    try:
        with TemporaryFile(prefix="xr-agent-") if given else Path(os.devnull).open("rb") as stdin:
            if given:
                stdin.write(given)
                stdin.seek(0)
            return subprocess.Popen(  # noqa: S603 - the user's own words, and no shell
                list(words),
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                env=environment,
                start_new_session=True,
            )
    except OSError as error:
        raise unrunnable(words, error) from None


def _said(process: subprocess.Popen[bytes], over: Callable[[], bool], most: int) -> bytes:
    """The beginning of its stdout, all of which is read; a child that keeps it open is not waited for."""
    if process.stdout is None:
        raise AssertionError("its stdout is a pipe")
    stream, said = process.stdout.fileno(), bytearray()
    os.set_blocking(stream, False)
    poller = select.poll()  # select() knows no more than 1024 files
    poller.register(stream, select.POLLIN)
    closed = False
    while True:
        ended = process.poll() is not None  # asked first, so that the last of what it said is there
        piece = None if closed else _piece(stream)
        if piece:
            said += piece[: most - len(said)]
        elif piece is not None:
            closed = True
            poller.unregister(stream)
        if ended and (not piece or len(said) >= most):
            return bytes(said)
        if not ended and over():
            raise TimeoutError
        if not piece:
            poller.poll(_LOOK)


def _piece(stream: int) -> bytes | None:
    """What is there to be read, nothing where the stream was closed, None where nothing has come."""
    try:
        return os.read(stream, _PIECE)
    except BlockingIOError:
        return None


def kill(process: subprocess.Popen[bytes]) -> None:
    """End a program that leads a session of its own, with all that it began."""
    if process.returncode is None:  # until it is waited for, its number is nobody else's
        with suppress(PermissionError, ProcessLookupError):  # that of sudo(8) is another user's
            os.killpg(process.pid, signal.SIGKILL)
        with suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE)


def ended(status: int) -> str:
    """How a program ended, in words."""
    return f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
