"""A recording that a command makes of what passes while it works: its file, how it ends, and what is said of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import agent
from agent.cli.signals import whole
from agent.cli.view.streams import errors, say_warning
from agent.fleet.results.record import Result
from agent.fleet.results.structs import Record
from agent.model.device import Device, Secret
from agent.model.errors import AgentError, FileError, InputError, Interrupted
from agent.recording.events import VERSION, Begin, End, How
from agent.recording.recorder import Recorder
from agent.recording.writing import Writer

_CLOSING, _SOON = 6.0, 0.5
"""Seconds in which sessions are to end that were told to; where the user interrupted nobody is kept waiting."""


class Tape:
    """One recording, from its first line to its last; in a ``with`` statement, which ends it whatever happens.

    Attributes:
        recorder: is to be told what passes.
        sanitised: whether stand-ins are in the place of what is nobody's business.

    Raises:
        InputError: the file is there already, or cannot be written.
    """

    def __init__(self, path: Path, command: str, device: Device, *, secrets: Iterable[Secret] = ()) -> None:
        self.path, self.sanitised, self._device = path, False, device
        made = datetime.now(UTC).isoformat(timespec="seconds")
        by = f"xr-agent {agent.__version__}"
        begin = Begin(version=VERSION, made=made, by=by, command=command, sanitised=self.sanitised)
        self._writer = Writer(path, begin, None)
        self.recorder = Recorder(self._writer, secrets=secrets)
        self.how, self.why, self.release = How.FINISHED, "", ""
        self._ended = False

    @property
    def replaced(self) -> Mapping[str, int]:
        """How many different values of each kind have a stand-in."""
        return {}

    def record(self, unread: Sequence[str]) -> Record:
        """What is said of it."""
        return Record(
            device=self._device.name,
            address=self._device.address,
            file=str(self.path),
            release=self.release or None,
            ended=self.how.value,
            why=self.why or None,
            sanitised=self.sanitised,
            replaced=dict(self.replaced),
            unread=tuple(unread),
            **self.recorder.passed,
        )

    def came(self, result: Result) -> None:
        """What is recorded had this *result*."""
        self.release, failure = result.release or "", result.failure
        if failure is not None:
            self.how, self.why = How.FAILED, failure.message
            if failure.kind == Interrupted.kind:
                self.how, self.why = How.INTERRUPTED, ""

    def finish(self) -> None:
        """End it, and say so; a failure of its own only warns, since something else was done."""
        try:
            self.end()
        except FileError as failed:
            say_warning(f"the recording: {failed.message}", hint=failed.hint)
        else:
            self.say_kept()

    def say_kept(self) -> None:
        """Say what is to be done with the file, and what is wrong with it."""
        if not self.sanitised:
            hint = "keep it to yourself; without --no-sanitise one is made that may be given away"
            say_warning(f"{self.path}: nothing in it was replaced but passwords", hint=hint)
        errors().print(f"look at it before it is sent: xr-agent recording show {self.path}", soft_wrap=True)

    def end(self) -> None:
        """Give the file its end and its name.

        Raises:
            FileError: it could not be written to its end; what is there is named.
        """
        if self._ended:
            return
        self._ended = True
        with whole():
            self.recorder.end(_SOON if self.how is How.INTERRUPTED else _CLOSING)
            failure = self.recorder.failure
            if failure is not None:
                self.how, self.why = How.FAILED, f"the recording itself failed: {_described(failure)}"
            with self._writer:
                try:
                    self._writer.end(self._last)
                except Exception as error:
                    raise self._failed(error) from error
            if failure is not None:
                raise self._failed(failure) from failure

    def _last(self) -> End:
        return End(at=self.recorder.at(), how=self.how, why=self.why or None, release=self.release or None)

    def _failed(self, error: Exception) -> FileError:
        if isinstance(error, InputError):
            return FileError(error.message, hint=error.hint)
        kept = next((path for path in (self._writer.part, self.path) if path.exists()), None)
        said = f"{self.path}: it is not whole, by {_described(error)}"
        where = f"what was recorded until then is in {kept}" if kept else None
        return FileError(said, hint=where)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it by what ended the block, where it was not; a file in which nothing would be is not left."""
        if self._ended:
            return
        self.recorder.end(_SOON)
        if not self.recorder.passed["sessions"]:
            self._writer.close()
            with suppress(OSError):
                self._writer.part.unlink()
            return
        if isinstance(error, KeyboardInterrupt):
            self.how = How.INTERRUPTED
        elif error is not None and self.how is How.FINISHED:
            self.how, self.why = How.FAILED, error.message if isinstance(error, AgentError) else type(error).__name__
        self.finish()


def _described(error: Exception) -> str:
    """A failure of the recording: where it happened, and not what it says, which may quote the router."""
    if isinstance(error, AgentError):
        return error.message
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    import traceback

    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"a bug in xr-agent: {type(error).__name__} at {Path(frame.filename).name}:{frame.lineno}"
