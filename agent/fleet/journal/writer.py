"""One thread writes for all: what its callers bring in the meantime is committed, and synced to disk, at once."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from queue import Empty, Queue
from typing import Any, TypeVar

from agent.model.errors import JournalError

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

_MOST = 2000
_SOON = 0.1
"""Seconds that entries nobody waits for may stay in memory."""


@dataclass(slots=True)
class _Entry:
    work: Work[Any]
    done: Future[Any] | None


class Writer:
    """Carries out work on *connection*, in the order in which it is brought; safe to call from any thread.

    At most *most* entries wait; whoever brings another one waits as well. After the first failure nothing more is
    written: every later call raises, so that nobody goes on unrecorded.
    """

    def __init__(self, connection: sqlite3.Connection, *, most: int = _MOST) -> None:
        self._connection = connection
        self._queue: Queue[_Entry | None] = Queue(most)  # None is the last that comes
        self._bringing = threading.Lock()
        self._closed = False
        self._failure: str | None = None
        self._said = False
        self._thread = threading.Thread(target=self._run, name="xr-agent-journal", daemon=True)
        self._thread.start()

    def do(self, work: Work[T]) -> T:
        """What *work* gives, if no cursor, once it is on disk, and with it all that was brought before.

        Raises:
            JournalError: it could not be written.
        """
        done: Future[T] = Future()
        self._bring(_Entry(work, done))
        return done.result()

    def soon(self, work: Work[object]) -> None:
        """Have *work* carried out without waiting for it; where it fails, the next call of anybody says so.

        Raises:
            JournalError: the journal could not be written before.
        """
        self._bring(_Entry(work, None))

    def close(self) -> None:
        """Write what is waiting, and end.

        Raises:
            JournalError: something could not be written, and nobody was told yet.
        """
        with self._bringing:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._thread.join()
        self._connection.close()
        if self._failure is not None and not self._said:
            raise self._error()

    def _bring(self, entry: _Entry) -> None:
        # Under the lock, so that nothing comes behind the None. Waiting for a place in it is short: there is one who
        # takes out until that None, whatever fails.
        with self._bringing:
            if self._failure is not None:
                raise self._error()
            if self._closed:
                raise ValueError("the journal is closed")
            self._queue.put(entry)

    def _run(self) -> None:
        batch: Sequence[_Entry] = ()
        reason: str | None = "its writer ended"
        try:
            while batch := self._next():
                self._commit(batch)
            reason = None
        except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
            raise
        except sqlite3.DatabaseError as error:
            reason = str(error)
        finally:
            if reason is not None:
                self._refuse(batch, reason)

    def _next(self) -> Sequence[_Entry]:
        """All that waits, as soon as somebody waits for it or the time is over; nothing where it is the end."""
        first = self._queue.get()
        if first is None:
            return ()
        batch, until = [first], time.monotonic() + _SOON
        with suppress(Empty):
            urgent = False
            while len(batch) < self._queue.maxsize:
                urgent = urgent or batch[-1].done is not None
                entry = self._queue.get(timeout=0 if urgent else max(0.0, until - time.monotonic()))
                if entry is None:
                    self._queue.put(None)  # for the next look; there is room, since nobody else puts any more
                    break
                batch.append(entry)
        return batch

    def _commit(self, batch: Sequence[_Entry]) -> None:
        """Carry *batch* out in one transaction, which an error undoes."""
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            results = [entry.work(self._connection) for entry in batch]
        for entry, result in zip(batch, results, strict=True):
            if entry.done is not None:
                # A cursor stays in this thread: where it ends it resets a statement, which may be in use again.
                entry.done.set_result(None if isinstance(result, sqlite3.Cursor) else result)

    def _refuse(self, batch: Sequence[_Entry], reason: str) -> None:
        """Tell *reason* to everybody who waits, and until the end to everybody who comes."""
        self._failure = reason
        for entry in chain(batch, iter(self._queue.get, None)):
            if entry.done is not None:
                entry.done.set_exception(self._error())

    def _error(self) -> JournalError:
        self._said = True
        return JournalError(
            f"the journal cannot be written: {self._failure}; nothing further is begun",
            hint="see to its disk; then resume the run",
        )
