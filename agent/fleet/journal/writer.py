"""One thread writes for all: what its callers bring in the meantime is committed, and synced to disk, at once."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from agent.model.errors import JournalError

log = logging.getLogger(__name__)

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

_MOST = 2000
"""Entries that may wait; whoever brings another one waits as well."""

_SOON = 0.1
"""Seconds that entries nobody waits for may stay in memory."""


@dataclass(slots=True)
class _Entry:
    work: Work[Any]
    done: Future[Any] | None


class Writer:
    """Carries out work on *connection*, in the order in which it is brought; safe to call from any thread.

    After the first failure nothing more is written: every later call raises, so that nobody goes on unrecorded.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._queue: deque[_Entry] = deque()
        self._batch: list[_Entry] = []
        self._urgent = 0
        self._changed = threading.Condition()
        self._closing = False
        self._failure: str | None = None
        self._said = False
        self._thread = threading.Thread(target=self._run, name="xr-agent-journal", daemon=True)
        self._thread.start()

    def do(self, work: Work[T]) -> T:
        """What *work* gives, once it is on disk, and with it all that was brought before.

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
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join()
        self._connection.close()
        if self._failure is not None and not self._said:
            raise self._error()

    def _bring(self, entry: _Entry) -> None:
        with self._changed:
            self._changed.wait_for(lambda: len(self._queue) < _MOST or self._failure is not None or self._closing)
            if self._failure is not None:
                raise self._error()
            if self._closing:
                raise ValueError("the journal is closed")
            self._queue.append(entry)
            self._urgent += entry.done is not None
            if self._urgent or len(self._queue) in (1, _MOST):
                self._changed.notify_all()

    def _run(self) -> None:
        try:
            while self._next():
                self._commit()
        finally:
            self._fail("its writer ended" if not self._closing or self._batch else None)

    def _next(self) -> bool:
        """Take all that waits, as soon as somebody waits for it; whether there is anything, and else it is the end."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._queue) or self._closing)
            self._changed.wait_for(lambda: bool(self._urgent) or self._closing or len(self._queue) >= _MOST, _SOON)
            self._batch = list(self._queue)
            self._queue.clear()
            self._urgent = 0
            self._changed.notify_all()
        return bool(self._batch)

    def _commit(self) -> None:
        """Carry the batch out in one transaction."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            results = [entry.work(self._connection) for entry in self._batch]
            self._connection.execute("COMMIT")
        except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
            raise
        except sqlite3.DatabaseError as error:
            log.debug("the journal is not written any more", exc_info=error)
            if self._connection.in_transaction:
                with suppress(sqlite3.DatabaseError):  # the failure is told already; closing undoes as well
                    self._connection.execute("ROLLBACK")
            self._fail(str(error))
            return
        batch, self._batch = self._batch, []
        for entry, result in zip(batch, results, strict=True):
            if entry.done is not None:
                entry.done.set_result(result)

    def _fail(self, reason: str | None) -> None:
        """Tell *reason* to everybody who waits, and from now on to everybody who comes; None: it was a clean end."""
        with self._changed:
            self._failure = self._failure or reason
            waiting = [*self._batch, *self._queue]
            self._batch = []
            self._queue.clear()
            self._urgent = 0
            self._changed.notify_all()
        for entry in waiting:
            if entry.done is not None:
                entry.done.set_exception(self._error())

    def _error(self) -> JournalError:
        self._said = True
        return JournalError(
            f"the journal cannot be written: {self._failure}; nothing further is begun",
            hint="see to its disk; then resume the run",
        )
