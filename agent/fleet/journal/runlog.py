"""The journal's side of a run under way: what is written before and after each write to a router."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal, Self

from agent.fleet.journal import rows as journalrows
from agent.fleet.journal.keepable import kept, stored
from agent.fleet.journal.runlock import RunLock
from agent.fleet.journal.writer import Writer
from agent.fleet.results.objects import plain
from agent.fleet.results.record import DeviceRecord, Result, RunState
from agent.model.errors import JournalError
from agent.model.outcome import Event, Status
from agent.model.pki.anchor import TrustAnchor
from agent.model.unfinished import Unfinished
from agent.remedy.lease import writeahead

Now = Callable[[], datetime]

_READS = frozenset({"lease", "read back", "contact"})
"""The steps that change nothing on the router; every other one that starts is taken for a write."""

_UNCHANGED = _READS | {"lock", "edit-config"}
"""The steps after which the router is as it was, as far as a plan looks."""

_BEGUN = """
    UPDATE device SET word = 'doubtful', well = 0, batch = ?, began = ?, ended = NULL, address = NULL, release = NULL,
        method = NULL, evidence = NULL, deadlines = '[]', reasons = '[]', error = NULL, plain = '{}',
        legacy_ssh = 0
    WHERE id = ?"""
_ENDED = """
    UPDATE device SET word = ?, well = ?, began = coalesce(?, began), ended = ?, address = ?, release = ?, method = ?,
        evidence = ?, deadlines = ?, reasons = ?, error = ?, plain = ?, legacy_ssh = ?
    WHERE id = ?"""
_STEP = "INSERT INTO step (device, attempt, time, step, status, detail) VALUES (?, ?, ?, ?, ?, ?)"
_SEEN = {
    "before": "UPDATE device SET before = coalesce(before, ?) WHERE id = ?",
    "held": """
        UPDATE device SET before = json_insert(
            json_insert(coalesce(before, '{}'), '$.held', json('[]')), '$.held[#]', json(?)
        ) WHERE id = ?""",
    "after": "UPDATE device SET after = ? WHERE id = ?",
}
_UNFINISHED_CHANGE = "UPDATE device SET unfinished = ? WHERE id = ?"
_CLOSED = "UPDATE attempt SET state = ?, ended = ? WHERE run = ? AND number = ?"
_UNFINISHED = (RunState.RUNNING, RunState.LOST)


def written(time: datetime) -> str:
    """*time* as the journal has it."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds")


class RunLog:
    """A run that this process carries out, and what happens to its routers: it has the run's lock until it is closed.

    Left without :meth:`close`, as by an error, the run is ``lost`` and may be resumed. It is safe to call from any
    thread, useless after a fork. What is said to be durable is synced to disk before the call returns. Every call
    raises JournalError once something could not be written; whoever gets it begins nothing further. After the end of
    the run it raises ValueError.

    Attributes:
        unkept: what came of routers and could not be written any more, by their names: nobody but this process knows.
    """

    def __init__(
        self, writer: Writer, run: str, key: int, attempt: int, ids: Mapping[str, int], now: Now, lock: RunLock
    ) -> None:
        self.run = run
        self._writer = writer
        self._key = key
        self._attempt = attempt
        self._ids = ids
        self._now = now
        self._lock = lock
        self._closed = threading.Event()
        self.unkept: dict[str, DeviceRecord] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._closed.is_set():
            self._release(ended=False)

    def begun(self, device: str, batch: str | None = None) -> None:
        """*device* is in doubt from now until :meth:`ended`; durable. What came of an earlier attempt is forgotten, its
        steps are not."""
        self._write(_BEGUN, batch and stored(batch), self._time(), self._id(device))

    def event(self, event: Event) -> None:
        """Keep a step's line; durable where it is the start of a step that may change the router, else soon."""
        row = (self._attempt, self._time(), stored(event.step), event.status.value, stored(event.detail))
        changes = event.status is Status.STARTED and event.step not in _READS
        self._write(_STEP, self._id(event.device), *row, durable=changes)

    def state(self, device: str, which: Literal["before", "held", "after"], seen: Mapping[str, Any]) -> None:
        """Keep what was *seen* on the router: of ``before`` the first that is given, of ``after`` the last.

        ``held`` is a certificate that is to be removed: each goes into a list in ``before``, for the way back.

        Raises:
            TypeError: it is not JSON, or has a secret in it.
        """
        self._write(_SEEN[which], kept(seen, which), self._id(device), durable=False)

    def unfinished(self, device: str, change: Unfinished | None) -> None:
        """Keep what is begun at the configuration of *device* until None says that its end is known; a change is
        durable, the end follows soon."""
        told = None if change is None else kept(writeahead.plain(change), "unfinished")
        self._write(_UNFINISHED_CHANGE, told, self._id(device), durable=change is not None)

    def ended(self, result: Result, anchor: TrustAnchor) -> None:
        """What came of a router; durable. *anchor* is what was wanted."""
        record = result.record(anchor)
        try:
            self._write(_ENDED, *_columns(record, self._time()), self._id(result.device))
        except JournalError:
            self.unkept[result.device] = record
            raise

    def doubtful(self) -> list[str]:
        """The routers that were begun, in this attempt or an earlier one, and of which nothing came yet."""
        return self._names("word = 'doubtful'")

    def proven(self) -> list[str]:
        """The routers that ended well: remedied, unchanged, or whatever nobody has to look at; those left out whose
        licence is still to be renewed."""
        owed = self.unrenewed()
        return [name for name in self._names("well = 1") if name not in owed]

    def left(self) -> list[str]:
        """All others in the inventory's order: those not begun, those skipped, those not ended well or not renewed.

        So that one that fails again and again, and stops the run by that, does not keep the others from their turn.
        """
        done = set(self.proven())
        others = [name for name in self._names("word NOT IN ('doubtful', 'waiting', 'skipped')") if name not in done]
        return [*self._names("word = 'waiting'"), *self._names("word = 'skipped'"), *others]

    def unrenewed(self) -> frozenset[str]:
        """The routers that have, or may have, the root by this run, and were left before the licence was renewed."""
        self._open()
        return self._writer.do(lambda db: journalrows.unrenewed(db, self._key))

    def written_to(self) -> frozenset[str]:
        """The routers that this run may have changed, in whichever attempt."""
        harmless = sorted(_UNCHANGED)
        marks = ", ".join("?" * len(harmless))
        begun = f"step.device = device.id AND status = 'started' AND step NOT IN ({marks})"
        query = f"SELECT DISTINCT name FROM device JOIN step ON {begun} WHERE run = ?"  # noqa: S608 - our own text
        self._open()
        return self._writer.do(lambda db: frozenset(row[0] for row in db.execute(query, (*harmless, self._key))))

    def close(self, state: RunState) -> None:
        """The run ended so; durable, and with it all that was brought before. Others may then resume it.

        Raises:
            JournalError: that could not be written, so the run stays ``lost``.
        """
        if state in _UNFINISHED:
            raise ValueError(f"a run does not end {state.value}")
        self._open()
        ended = False
        try:
            self._write(_CLOSED, state.value, self._time(), self._key, self._attempt)
            ended = True
        finally:
            self._release(ended=ended)

    def _release(self, *, ended: bool) -> None:
        self._closed.set()
        self._lock.release(remove=ended)

    def _id(self, device: str) -> int:
        if device not in self._ids:
            raise ValueError(f"{device} is no router of run {self.run}")
        return self._ids[device]

    def _time(self) -> str:
        return written(self._now())

    def _write(self, statement: str, *values: object, durable: bool = True) -> None:
        self._open()
        (self._writer.do if durable else self._writer.soon)(lambda db: db.execute(statement, values))

    def _open(self) -> None:
        if self._closed.is_set():
            raise ValueError(f"run {self.run} is closed")

    def _names(self, which: str) -> list[str]:
        """Read by the writer, so after all that was brought before."""
        query = f"SELECT name FROM device WHERE run = ? AND {which} ORDER BY place"  # noqa: S608 - our own text
        self._open()
        return self._writer.do(lambda db: [row[0] for row in db.execute(query, (self._key,))])


def _columns(record: DeviceRecord, now: str) -> tuple[object, ...]:
    """The values of ``_ENDED``, the device's id left out."""
    return (
        record.word,
        record.well,
        written(record.began) if record.began else None,
        written(record.ended) if record.ended else now,
        record.address,
        record.release,
        record.method and record.method.value,
        record.evidence and record.evidence.value,
        kept([[name, written(when)] for name, when in record.deadlines.items()], "deadlines"),
        kept(record.reasons, "reasons"),
        kept(plain(record.error), "error") if record.error else None,
        kept(plain(record.plain), "result"),
        record.legacy_ssh,
    )
