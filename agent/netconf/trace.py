"""What passes between here and a device, for those who want to see it; without a trace none of it is kept.

And what ncclient is not to log of it, which logs every message of a session that somebody else owns.
"""

from __future__ import annotations

import errno
import logging
import os
import stat
import threading
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any, ClassVar, Self, TypeAlias

from agent.model.device import Device, Secret
from agent.model.errors import InputError
from agent.model.masking.redact import Redactor, spelled
from agent.model.telemetry.direction import Direction

log = logging.getLogger(__name__)

_HINT = "name a new file, or one of your own"


class Channel(Enum):
    """On which connection a message passed."""

    NETCONF = "netconf"
    CLI = "cli"


@dataclass(frozen=True, slots=True)
class Message:
    """One NETCONF message without its framing, or what was typed or printed at the CLI up to a prompt.

    Attributes:
        session_id: of the NETCONF session, None ahead of the device's hello and at the CLI.
        text: with ``***`` for the device's own password and passphrase, for what elements named password, secret, key,
            token and the like hold, for passwords in configuration lines, and for those in URLs.
    """

    device: str
    channel: Channel
    direction: Direction
    session_id: str | None
    text: str


Trace: TypeAlias = Callable[[Message], object]
"""Whatever takes messages, from several threads; what it raises ends the session that it was told of."""


class Tap:
    """One connection's end of a trace."""

    def __init__(self, trace: Trace, device: Device, channel: Channel) -> None:
        redactor = Redactor(device.secrets)
        self._redacted = redactor.xml if channel is Channel.NETCONF else redactor.text
        self._trace, self._device, self._channel = trace, device.name, channel

    def sent(self, text: str, session_id: str | None = None) -> None:
        """This is about to be sent."""
        self._tell(Direction.SENT, text, session_id)

    def received(self, text: str, session_id: str | None = None) -> None:
        """This came."""
        self._tell(Direction.RECEIVED, text, session_id)

    def _tell(self, direction: Direction, text: str, session_id: str | None) -> None:
        self._trace(Message(self._device, self._channel, direction, session_id, self._redacted(text)))


class TraceFile:
    """A trace as text that is safe to look at: a line with time, device, session and direction, the message below it.

    The file is appended to and readable by its owner alone. The message is indented, so that no device can write a
    line of another. *secrets*, besides those of the device, are masked wherever they stand. Where the disk is full,
    the trace ends with one warning in the log, and the work goes on.

    Raises:
        InputError: the file cannot be opened, is a symbolic link, no plain file, or another user's.
    """

    def __init__(
        self,
        path: str | Path,
        secrets: Iterable[Secret] = (),
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.path = Path(path)
        self._known = Redactor(secrets).known
        self._clock = clock
        self._lock = threading.Lock()
        self._file: int | None = _opened(self.path)

    def __call__(self, message: Message) -> None:
        """Write *message* down. Never raises."""
        text = spelled(self._known(message.text), lines=True).replace("\n", "\n  ")
        session = spelled(message.session_id or "-")
        failure = None
        with self._lock:
            time = self._clock().astimezone(UTC).isoformat(timespec="milliseconds")
            head = f"{time} {spelled(message.device)} {message.channel.value} {session} {message.direction.value}"
            record = f"{head}\n  {text}\n".encode()
            try:
                while self._file is not None and record:
                    record = record[os.write(self._file, record) :]
            except OSError as error:
                self._end()
                failure = error
        if failure is not None:
            log.warning("%s: the trace ends here: %s", self.path, failure.strerror or failure)

    def close(self) -> None:
        """End the trace; what comes later is not written. Closing again does nothing."""
        with self._lock:
            self._end()

    def _end(self) -> None:
        if self._file is not None:
            file, self._file = self._file, None
            os.close(file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _opened(path: Path) -> int:
    """A descriptor to append to a file that nobody else can read; nothing is followed, and nothing is waited for."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        file = os.open(path, flags, 0o600)
        with ExitStack() as undo:
            undo.callback(os.close, file)
            found = os.fstat(file)
            if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
                why = "it is another user's" if stat.S_ISREG(found.st_mode) else "it is no plain file"
                raise InputError(f"{path}: no trace can be written there: {why}", hint=_HINT)
            os.fchmod(file, 0o600)
            undo.pop_all()
    except OSError as error:
        why = "it is a symbolic link" if error.errno == errno.ELOOP else error.strerror or str(error)
        raise InputError(f"{path}: no trace can be written there: {why}", hint=_HINT) from error
    return file


class Unlogged:
    """Keeps ncclient from logging anything of the session of *transport*, until :meth:`end`; several may, at once."""

    _lock = threading.Lock()
    _all: ClassVar[tuple[Unlogged, ...]] = ()

    def __init__(self, transport: Any) -> None:
        self.transport = transport
        with self._lock:
            Unlogged._all = (*self._all, self)
            for name in list(logging.root.manager.loggerDict):
                if name.partition(".")[0] == "ncclient":
                    logging.getLogger(name).addFilter(_may_be_logged)

    def end(self) -> None:
        """Let it log again, unless another suppresses it; ending again does nothing."""
        with self._lock:
            Unlogged._all = tuple(one for one in self._all if one is not self)


def _may_be_logged(record: logging.LogRecord) -> bool:
    """A filter that stays on each of ncclient's loggers once it is needed.

    To take a filter from a logger while another thread logs can make that logger pass over the next filter.
    """
    session = getattr(record, "session", None)
    return session is None or all(one.transport is not session for one in Unlogged._all)
