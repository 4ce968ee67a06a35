"""A recording as what was asked and what was answered, channel by channel."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from agent.model.errors import InputError
from agent.model.telemetry.direction import Direction
from agent.recording.events import Closed, Files, How, Message, Opened, Passed, Terminal, Way
from agent.recording.reading import Recording
from agent.simulator.replay.answers import Answers, Recorded
from agent.simulator.replay.meaning import Asked, Key, of_files, of_line, of_rpc

T = TypeVar("T")

INTERRUPT = "\x03"
OPENED = Asked(("opened",), "a session", reads=True)
_HELLO = re.compile(r"<(?:[\w.-]+:)?hello[\s>]")
_REPLY_ID = re.compile(r"<(?:[\w.-]+:)?rpc-reply\b[^>]*?\smessage-id\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")
_ONLY_READS = "record"
"""The command that changes nothing, whatever it asks."""
_PUSH = "push"
_HEAD = 4096
_INSTALLED = "Cisco-IOS-XR-install-oper install/version"
_RELEASE = r"(\d+\.\d+\.\d+(?:\.\d+[A-Z]+)?)"
_LABEL = re.compile(rf"<(?:[\w.-]+:)?label>\s*{_RELEASE}")
_VERSION = re.compile(rf"\bIOS XR Software, Version {_RELEASE}")
_LINE = re.compile(r"\x03|[^\x03\r\n]*(?:\r\n|\r|\n)")


@dataclass(frozen=True, slots=True)
class Reply:
    """A message, and how many seconds after its request it came."""

    text: str
    after: float


@dataclass(slots=True)
class Printed:
    """What came on a terminal behind what was *typed*: *data*, and how much of it after how many seconds.

    Attributes:
        session, number: where it stands in ``Transcript.sessions``.
    """

    typed: str = ""
    session: int = 0
    number: int = 0
    data: bytes = b""
    pieces: list[tuple[float, int]] = field(default_factory=list)


class Typing:
    """What is typed as lines, in whatever parts it comes."""

    def __init__(self) -> None:
        self._rest = ""
        self._returned = False

    def lines(self, text: str) -> Iterator[str]:
        """The lines that *text* ends, without their ends; Ctrl-C is one as well."""
        if self._returned and text.startswith("\n"):
            text = text[1:]
        self._rest += text
        while (found := _LINE.match(self._rest)) is not None:
            self._rest = self._rest[found.end() :]
            self._returned = not self._rest and found.group().endswith("\r")
            yield found.group() if found.group() == INTERRUPT else found.group().rstrip("\r\n")


@dataclass(slots=True)
class Cli:
    """One session: what was printed at first, then each line with what was printed behind it."""

    said: list[Recorded[Printed]]
    typing: Typing = field(default_factory=Typing)


class Transcript:
    """All of a recording that can be asked for again.

    Attributes:
        hellos: of each NETCONF session, in their order; sessions: the same of the CLI.
        rpcs, lines, files: the answers.
        changes: how many changes were asked for.
        written: how many bytes were written over SFTP, by the request's key.
        releases: what the answers say of the release.
        opened: what is known of the servers, by the way; the first that a session was opened with, else the first.

    Raises:
        InputError: what was sent is no request; the error has its line.
    """

    def __init__(self, recording: Recording) -> None:
        self.name = recording.path.name
        self.hellos: list[Recorded[Reply]] = []
        self.sessions: list[Cli] = []
        self.rpcs: Answers[Reply] = Answers()
        self.lines: Answers[Printed] = Answers()
        self.files: Answers[Files] = Answers()
        self.changes = 0
        self.written: dict[Key, int] = {}
        self.releases: set[str] = set()
        self.opened: dict[Way, Opened] = {}
        self._recording = recording
        self._netconf: dict[int, Recorded[Reply]] = {}
        self._flying: dict[int, dict[str | None, Recorded[Reply]]] = {}
        self._cli: dict[int, Cli] = {}
        # The beginning is line 1.
        for number, event in enumerate(recording.events, start=2):
            try:
                self._take(event)
            except ValueError as error:  # of a request, or of what stands in base64
                raise InputError(
                    f"{recording.path}, line {number}: {error}",
                    hint="record again; a recording is replayed as it was written",
                ) from error
        self._end()

    @property
    def whole(self) -> bool:
        """Whether nothing is missing at the end."""
        end = self._recording.end
        return end is not None and end.how is How.FINISHED and self._recording.cut_off is None

    @property
    def greeted(self) -> bool:
        """Whether a hello of the router is there."""
        return any(one.answer for one in self.hellos)

    @property
    def why(self) -> str:
        """Why the recording ends where it ends."""
        end = self._recording.end
        if self._recording.cut_off or end is None:
            return self._recording.cut_off or "it was not ended"
        return end.why or f"it {'was ' if end.how is How.INTERRUPTED else ''}{end.how.value}"

    @property
    def only_reads(self) -> bool:
        """Whether it was no push, and nothing in it changes a router."""
        return self._recording.begin.command != _PUSH and not self.changes

    def _take(self, event: Passed) -> None:
        match event:
            case Opened():
                self._opens(event)
            case Message(direction=Direction.SENT):
                self._asks(event)
            case Message():
                self._answers(event)
            case Terminal():
                self._terminal(event)
            case Files():
                self._file(event)
            case Closed():
                self._closes(event)

    def _recorded(self, asked: Asked, at: float, answer: T | None = None) -> Recorded[T]:
        if self._recording.begin.command == _ONLY_READS:
            asked = replace(asked, changes=False)
        made = Recorded(asked, at, self.changes, answer)
        self.changes += asked.changes
        return made

    # --- one kind of event ---------------------------------------------------------------------------------------

    def _opens(self, event: Opened) -> None:
        known = self.opened.get(event.way)
        if known is None or (known.failed and not event.failed):
            self.opened[event.way] = event
        if event.failed:
            return
        if event.way is Way.NETCONF:
            self._netconf[event.session] = self._recorded(OPENED, event.at)
            self.hellos.append(self._netconf[event.session])
        if event.way is Way.CLI:
            self._session(event.session, event.at)

    def _session(self, number: int, at: float) -> Cli:
        if number not in self._cli:
            self._cli[number] = Cli([self._recorded(OPENED, at, Printed(session=len(self.sessions)))])
            self.sessions.append(self._cli[number])
        return self._cli[number]

    def _asks(self, event: Message) -> None:
        if _HELLO.search(event.text[:_HEAD]):
            return
        message_id, asked = of_rpc(event.text)
        made: Recorded[Reply] = self._recorded(asked, event.at)
        self.rpcs.add(made)
        self._flying.setdefault(event.session, {})[message_id] = made

    def _answers(self, event: Message) -> None:
        hello = self._netconf.get(event.session)
        if hello is None and event.session not in self._flying:
            hello = self._netconf[event.session] = self._recorded(OPENED, event.at)
            self.hellos.append(hello)
        if hello is not None and hello.answer is None:
            hello.answer, hello.until = Reply(event.text, event.at - hello.at), event.at
            return
        flying = self._flying.get(event.session, {})
        found = _REPLY_ID.search(event.text[:_HEAD])
        message_id = (found[1] or found[2]) if found else next(iter(flying), None)
        asked = flying.pop(message_id, None)
        if asked is not None:
            asked.answer, asked.until = Reply(event.text, max(0.0, event.at - asked.at)), event.at
            if _INSTALLED in asked.asked.label:
                self.releases.update(_LABEL.findall(event.text))

    def _terminal(self, event: Terminal) -> None:
        session = self._session(event.session, event.at)
        if event.direction is Direction.SENT:
            for line in session.typing.lines(event.data.decode("utf-8", "replace")):
                place = session.said[0].answer.session if session.said[0].answer else 0
                printed = Printed(line, place, len(session.said))
                made = self._recorded(of_line(line), event.at, printed)
                session.said.append(made)
                self.lines.add(made)
            return
        last = session.said[-1]
        if last.answer is not None:
            last.answer.pieces += _pieces(event, last.at)
            last.answer.data += event.data
            last.until = event.at
            if last.asked.label == "'show version'":
                self.releases.update(_VERSION.findall(event.text or ""))

    def _file(self, event: Files) -> None:
        asked = of_files(event.request, event.path)
        made = self._recorded(asked, event.at, event)
        made.until = event.at + event.took
        self.files.add(made)
        if event.request == "write" and event.size and not event.refused:
            path = asked.key[1:]
            self.written[path] = self.written.get(path, 0) + event.size

    def _closes(self, event: Closed) -> None:
        for one in self._last(event.session):
            one.lost = event.lost is not None
        for there in (self._flying, self._netconf, self._cli):
            there.pop(event.session, None)

    def _last(self, session: int) -> list[Recorded[Any]]:
        """What has no answer in *session*, else what was asked last at its CLI."""
        flying, hello = self._flying.get(session), self._netconf.get(session)
        if flying:
            return list(flying.values())
        if hello is not None:
            return [hello] if hello.answer is None else []
        return self._cli[session].said[-1:] if session in self._cli else []

    def _end(self) -> None:
        """What nobody knows the answer to, since the recording ends before it."""
        for session in () if self.whole else {*self._flying, *self._netconf, *self._cli}:
            for one in self._last(session):
                one.ends = True


def _pieces(event: Terminal, begun: float) -> list[tuple[float, int]]:
    """How much of what was printed came how many seconds after *begun*; all of it at once where that is not known."""
    pieces = event.pieces or ((event.at, len(event.data)),)
    return [(max(0.0, at - begun), size) for at, size in pieces]
