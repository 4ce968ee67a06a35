"""A syslog collector's text, from a file or stdin, as it is or packed."""

from __future__ import annotations

import io
import stat
from pathlib import Path
from typing import BinaryIO, cast

from agent.cli.input.unpack import DAMAGE, texts
from agent.model.errors import InputError
from agent.model.local.stdin import standard_input
from agent.model.masking.text import counted, without_secrets
from agent.xr.logs.scan import UNKNOWN, Findings, scan
from agent.xr.logs.signature import Signatures

_HINT = "name a readable file, or - for stdin"


class _Counting(io.RawIOBase):
    """A stream that knows how far it was read, and whether its end came by an error."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.read_so_far = 0
        self.broken: Exception | None = None

    def read(self, size: int = -1) -> bytes:
        try:
            data = self._stream.read(size)
        except DAMAGE as error:
            self.broken = error
            return b""
        self.read_so_far += len(data)
        return data


def affected_hosts(path: Path, signatures: Signatures) -> tuple[Findings, InputError | None]:
    """What the text says of its hosts by *signatures*, and the error that ended the reading early.

    What was found before it counts. The text has no bound, and may come out of a named pipe for days; only the memory
    that it takes has one.

    Raises:
        InputError: the file cannot be opened or read, is a device, or has no line whose form is known.
    """
    found = Findings()
    with standard_input() if str(path) == "-" else _opened(path) as stream:
        failure = _scanned(stream, path, found, signatures)
    if found.understood or found.hosts or found.utility:
        return found, failure
    if failure is not None:
        raise failure
    if not found.lines:
        raise InputError(f"{path}: there is no line in it", hint="name the file that the collector writes")
    raise InputError(
        f"{path}: none of {counted(found.lines, 'line')} was understood; "
        f"the first is: {without_secrets(found.first_line.strip())}",
        hint="write it with time and host before each message, or as JSON or CSV with named fields",
    )


def _scanned(stream: BinaryIO, path: Path, found: Findings, signatures: Signatures) -> InputError | None:
    """Scan all texts in *stream*; the first error of one of them, of which the others still count."""
    failure: InputError | None = None
    counting: _Counting | None = None
    try:
        for name, text in texts(stream, str(path)):
            if isinstance(text, InputError):
                failure = failure or text
                continue
            counting = _Counting(text)
            unknown = UNKNOWN if name == str(path) else f"{UNKNOWN} ({name})"
            scan(cast("BinaryIO", counting), signatures, found, unknown=unknown)
            if counting.broken is not None:
                failure = failure or _cut_off(name, counting.read_so_far, counting.broken)
    except DAMAGE as error:
        failure = failure or _cut_off(str(path), counting.read_so_far if counting else 0, error)
    return failure


def _cut_off(name: str, after: int, error: Exception) -> InputError:
    said = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    return InputError(
        f"{name}: damaged or cut off after {after} bytes of text: {said}", hint="what was found up to there is listed"
    )


def summary(found: Findings) -> str:
    """In a line: how much was read and understood, and what became of the hosts."""
    hosts = found.hosts.values()
    recovered = sum(host.recovered for host in hosts)
    said = f"{found.understood:,} of {counted(found.lines, 'line')} understood"
    said += f" · {counted(len(hosts) - recovered, 'host')} lost the server"
    if recovered:
        said += f" · {counted(recovered, 'host')} recovered"
    if found.utility:
        said += f" · {counted(found.utility, 'message')} about the Cisco Smart License Utility, no loss of the server"
    return said


def _opened(path: Path) -> BinaryIO:
    try:
        if stat.S_ISCHR(path.stat().st_mode) or stat.S_ISBLK(path.stat().st_mode):
            raise InputError(f"{path}: it is a device, not a file", hint=_HINT)
        return path.open("rb")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}", hint=_HINT) from error
