"""The observer of what passes: whoever has a session tells it, and it has that written down elsewhere, behind them.

What is told goes to a thread of its own. There passwords are masked and the event is written, so that neither a slow
disk nor a bug of what writes keeps a router waiting or ends its session.
"""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Callable, Iterable
from queue import SimpleQueue
from typing import Any, TypeAlias

from msgspec import structs

from agent.model.device import Device, Secret
from agent.model.masking.redact import Redactor
from agent.model.telemetry.direction import Direction
from agent.recording.events import (
    Closed,
    Files,
    Message,
    Opened,
    Passed,
    Piece,
    Terminal,
    Way,
    terminal,
)
from agent.recording.masking import without_secrets
from agent.recording.privacy.vocabulary import ordinary

_Told: TypeAlias = tuple[Passed, Redactor]

_WRITING = 600.0
"""Seconds in which what came is to be written; masking a large recording takes its time."""


class Recorder:
    """Takes what passes of several sessions, from several threads; none of that raises, nor waits.

    Arguments:
        write: is given each event, in one thread.
        secrets: are masked besides those of each device.
        clock: seconds, never set back.

    Attributes:
        failure: what *write* raised, since when nothing is written.
        hangs: whether *write* had not come back in time at the end.
        passed: how much was written: ``sessions``, ``messages``, ``commands`` (lines typed), ``files`` (requests over
            SFTP), ``bytes`` of all of it as text.
    """

    def __init__(
        self,
        write: Callable[[Passed], object],
        *,
        secrets: Iterable[Secret] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.failure: Exception | None = None
        self.hangs = False
        self.passed = dict.fromkeys(("sessions", "messages", "commands", "files", "bytes"), 0)
        self._write, self._secrets, self._clock, self._begun = write, tuple(secrets), clock, clock()
        self._changed = threading.Condition()
        self._queue: SimpleQueue[_Told | None] = SimpleQueue()
        self._open: set[Recorded] = set()
        self._sessions = 0
        self._ended = False
        self._thread = threading.Thread(target=self._written, name="xr-agent-recorder", daemon=True)
        self._thread.start()

    def at(self) -> float:
        """Seconds since the recording began."""
        return round(max(0.0, self._clock() - self._begun), 6)

    def session(self, device: Device, greeting: Opened, way: Way) -> Recorded:
        """One session with *device* that is there, or does not come to be; *greeting* is what its server said ahead."""
        redactor = Redactor(one for one in (*device.secrets, *self._secrets) if not ordinary(one))
        return Recorded(self, structs.replace(greeting, at=self.at(), way=way), redactor)

    def end(self, seconds: float) -> None:
        """Take what passes until each session has ended, at most so many *seconds*; then all is written.

        Where nothing can be written for long, that is a failure, and who is waiting goes on.
        """
        with self._changed:
            self._changed.wait_for(lambda: not self._open, seconds)
            left = list(self._open)
        for session in left:
            session.closed()
        with self._changed:
            self._ended = True
        self._queue.put(None)
        self._thread.join(_WRITING)
        if self._thread.is_alive():
            self.hangs = True
            self.failure = self.failure or TimeoutError(errno.ETIMEDOUT, "the file system takes nothing")

    def tell(self, session: Recorded, event: Passed) -> None:
        """*event* of *session*, which has its number from its first one."""
        with self._changed:
            if self._ended or session.ended:
                return
            if not session.number:
                self._sessions += 1
                session.number = self._sessions
                self._open.add(session)
                self._put(session, session.greeting)
            self._put(session, event)
            if isinstance(event, Closed):
                session.ended = True
                self._open.discard(session)
                self._changed.notify_all()

    def refused(self, session: Recorded, why: str) -> None:
        """*session* did not come to be."""
        with self._changed:
            if not (self._ended or session.ended):
                session.ended = True
                self._sessions += 1
                session.number = self._sessions
                self._put(session, structs.replace(session.greeting, failed=why))

    def _put(self, session: Recorded, event: Passed) -> None:
        self._queue.put((structs.replace(event, session=session.number), session.redactor))

    def _written(self) -> None:
        while (told := self._queue.get()) is not None:
            if self.failure is not None:
                continue
            event, redactor = told
            try:
                masked = without_secrets(event, redactor)
                self._write(masked)
                self._count(masked)
            except Exception as error:  # noqa: BLE001 - the work that is recorded goes on; it is told at the end
                self.failure = error

    def _count(self, event: Passed) -> None:
        match event:
            case Opened():
                self.passed["sessions"] += 1
            case Message():
                self.passed["messages"] += 1
                self.passed["bytes"] += len(event.text.encode())
            case Terminal():
                self.passed["commands"] += event.direction is Direction.SENT
                self.passed["bytes"] += len(event.data)
            case Files():
                self.passed["files"] += 1


class Recorded:
    """One session of a recording, for whoever speaks there. After its end it takes nothing more.

    Attributes:
        number: of the session; 0 before anything passed.
    """

    def __init__(self, recorder: Recorder, greeting: Opened, redactor: Redactor) -> None:
        self.number, self.ended = 0, False
        self.greeting, self.redactor = greeting, redactor
        self._recorder = recorder
        self._printing = threading.Lock()  # the recording may end in another thread while something is printed
        self._printed = bytearray()
        self._pieces: list[Piece] = []

    def at(self) -> float:
        """Seconds since the recording began."""
        return self._recorder.at()

    def sent(self, text: str) -> None:
        """A NETCONF message is about to be sent."""
        self._message(Direction.SENT, text)

    def received(self, text: str) -> None:
        """A NETCONF message came."""
        self._message(Direction.RECEIVED, text)

    def typed(self, data: bytes) -> None:
        """*data* is about to be typed; for one thread, as :meth:`printed`."""
        self._flush()
        self._tell(terminal(self.at(), 1, Direction.SENT, data))

    def printed(self, data: bytes) -> None:
        """*data* was printed; told as a whole when something is typed again, or the session ends."""
        if data:
            with self._printing:
                self._printed += data
                self._pieces.append((self.at(), len(data)))

    def answered(self, request: str, path: str, begun: float, **answer: Any) -> None:
        """What came of a request over SFTP that was sent at *begun*; *answer* as of :class:`Files`."""
        self._tell(Files(at=begun, session=1, request=request, path=path, took=round(self.at() - begun, 6), **answer))

    def closed(self, lost: str | None = None) -> None:
        """It ended; *lost*: why, where that was not meant. Where nothing had passed by then it never came to be."""
        self._flush()
        if lost is not None and not self.number:
            self._recorder.refused(self, lost)
        else:
            self._tell(Closed(at=self.at(), session=1, lost=lost))

    def _message(self, direction: Direction, text: str) -> None:
        self._tell(Message(at=self.at(), session=1, direction=direction, text=text))

    def _flush(self) -> None:
        with self._printing:
            data, pieces = bytes(self._printed), tuple(self._pieces)
            self._printed.clear()
            self._pieces.clear()
        if data:
            self._tell(terminal(pieces[-1][0], 1, Direction.RECEIVED, data, pieces))

    def _tell(self, event: Passed) -> None:
        self._recorder.tell(self, event)
