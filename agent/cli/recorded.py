"""A recording that a command makes of what passes while it works: its file, how it ends, and what is said of it."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from types import TracebackType
from typing import Self

import agent
from agent.cli.signals import whole
from agent.cli.view.streams import progress, say_warning
from agent.fleet.results.record import Result
from agent.fleet.results.structs import Record
from agent.model.device import Device, Secret
from agent.model.errors import AgentError, FileError, InputError, Interrupted
from agent.model.masking.text import counted
from agent.model.pki.anchor import TrustAnchor
from agent.recording.events import VERSION, Begin, End, How
from agent.recording.privacy.own import workers
from agent.recording.privacy.places import Kind
from agent.recording.privacy.standins import StandIns
from agent.recording.privacy.vocabulary import ordinary
from agent.recording.recorder import Recorder
from agent.recording.sanitiser import Sanitiser
from agent.recording.writing import Writer
from agent.ssh.settings.config import settings

_CLOSING, _SOON = 6.0, 0.5
"""Seconds in which sessions are to end that were told to; where the user interrupted nobody is kept waiting."""


class RecordingFile:
    """One recording, from its first line to its last; in a ``with`` statement, which ends it whatever happens.

    *anchor* is the certificate that the command may type at the CLI.

    Attributes:
        recorder: is to be told what passes.
        sanitised: whether stand-ins are in the place of what is nobody's business.

    Raises:
        InputError: the file is there already, or cannot be written.
    """

    def __init__(
        self,
        path: Path,
        command: str,
        device: Device,
        *,
        sanitise: bool,
        secrets: Iterable[Secret] = (),
        anchor: TrustAnchor | None = None,
    ) -> None:
        self.path, self.sanitised, self._device = path, sanitise, device
        secrets = (*device.secrets, *secrets)
        self._ordinary = any(map(ordinary, secrets))
        self._standins = _standins(device) if sanitise else None
        if self._standins is not None and anchor is not None:
            self._standins.know_certificate(ssl.PEM_cert_to_DER_cert(anchor.pem))
        made = datetime.now(UTC).isoformat(timespec="seconds")
        by = f"xr-agent {agent.__version__}"
        begin = Begin(version=VERSION, made=made, by=by, command=command, sanitised=self.sanitised)
        self._sanitiser = None if self._standins is None else Sanitiser(self._standins, secrets)
        self._writer = Writer(path, begin, self._sanitiser)
        self.recorder = Recorder(self._writer, secrets=secrets)
        self.how, self.why, self.release = How.FINISHED, "", ""
        self._ended = False

    @property
    def replaced(self) -> Mapping[str, int]:
        """How many different values of each kind have a stand-in."""
        return {} if self._standins is None else self._standins.counts

    def counts(self) -> str:
        """How much was recorded, in a line."""
        words = {"sessions": "session", "messages": "NETCONF message", "commands": "command", "files": "SFTP request"}
        passed = self.recorder.passed
        return ", ".join([*(counted(passed[name], word) for name, word in words.items()), f"{passed['bytes']:,} bytes"])

    def replacements(self) -> str:
        """How much was replaced, by kind, in a line."""
        return ", ".join(f"{number} of {kind}" for kind, number in self.replaced.items()) or "nothing"

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
            said = f"recorded: {self.counts()}; replaced: {self.replacements()}"
            progress().print(said, soft_wrap=True)
            self.advise()

    def advise(self) -> None:
        """Say what is to be done with the file, and what is wrong with it."""
        if not self.sanitised:
            hint = "keep it to yourself; without --no-sanitise one is made that may be given away"
            say_warning(f"{self.path}: nothing in it was replaced but passwords", hint=hint)
        if self._ordinary:
            said = "a password is a word that routers say anyway, and is masked only where passwords stand"
            say_warning(f"{self.path}: {said}", hint="see with 'recording show' whether it stands elsewhere")
        progress().print(f"look at it before it is sent: xr-agent recording show {self.path}", soft_wrap=True)

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
            if self.recorder.hangs:  # whoever asks for the file would hang as well
                raise self._failed(failure or TimeoutError())
            with self._writer:
                try:
                    self._writer.end(self._last)
                except Exception as error:  # a bug as well: what was recorded ends so, and what was done stays done
                    raise self._failed(error) from error
            if failure is not None:
                raise self._failed(failure) from failure

    def _last(self) -> End:
        end = End(at=self.recorder.at(), how=self.how, why=self.why or None, release=self.release or None)
        if self._sanitiser is None:
            return end
        known, why = self._sanitiser.standins, self._sanitiser.own(end.why)
        return End(at=end.at, how=end.how, why=why, release=end.release, replaced=known.counts, standins=known.standins)

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


def _standins(device: Device) -> StandIns:
    """Those of what is known ahead: how the router, the hosts on the way, their users and who works here are called."""
    found = StandIns(public=(TrustAnchor.bundled(),))
    found.know(Kind.USER, *workers())
    way: Device | None = device
    while way is not None:
        known = settings(way)
        found.know(Kind.HOST, *(name for name in (way.name, way.host, known.host) if not _is_address(name)))
        found.know(Kind.USER, way.username or "", known.username)
        way = known.device.jump
    return found


def _is_address(name: str) -> bool:
    """Whether *name* is an address, which is replaced by its form where it is anybody's."""
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _described(error: Exception) -> str:
    """A failure of the recording: where it happened, and not what it says, which may quote the router."""
    if isinstance(error, AgentError):
        return error.message
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    import traceback

    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"a bug in xr-agent: {type(error).__name__} at {Path(frame.filename).name}:{frame.lineno}"
