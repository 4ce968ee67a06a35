"""A recording as types, one JSON object a line: first :class:`Begin`, last :class:`End`, between them what passed.

The schema in ``agent/cli/schemas/recording.json`` is made of them. Times (``at``) are seconds since the recording
began, by a clock that is never set; sessions are numbered from 1 in the order in which they were opened, over all
channels.
"""

from __future__ import annotations

import base64
import re
from enum import Enum
from typing import Annotated, TypeAlias

from msgspec import Meta, Struct

from agent.model.telemetry.direction import Direction

FORMAT = "xr-agent recording"
VERSION = 1


class Way(Enum):
    """On which kind of channel a session is."""

    NETCONF = "netconf"
    CLI = "cli"
    SFTP = "sftp"
    PROBE = "probe"


class How(Enum):
    """How a recording ended."""

    FINISHED = "finished"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


Seconds = Annotated[float, Meta(ge=0)]
Ordinal = Annotated[int, Meta(ge=1)]
Piece = tuple[Seconds, Annotated[int, Meta(ge=1)]]
Names = tuple[str, ...]


class Event(Struct, frozen=True, tag_field="event"):
    """One line."""


class Begin(Event, frozen=True, tag="begin", kw_only=True):
    """The first line.

    Attributes:
        made: when, in UTC, ISO 8601.
        by: the program and its version.
        command: what was recorded: ``record``, ``push``.
        sanitised: whether stand-ins are in the place of what is nobody's business.
        source: in a corpus: where it is from, in a sentence.
    """

    format: str = FORMAT
    version: int
    made: str
    by: str
    command: str
    sanitised: bool
    source: str = ""


class Opened(Event, frozen=True, tag="opened", kw_only=True):
    """A session was opened, or was tried to be.

    Attributes:
        banner: lines ahead of the identification, and what the server says before the login.
        server: the identification, such as ``SSH-2.0-Cisco-2.0``.
        kex, host_algorithms, ciphers, macs: what the server offers (RFC 4253 section 7.1), names as on the wire.
        methods: the login methods that it offers, by their names on the wire.
        host_key: the kind of key that it showed, such as ``ssh-rsa``; the key itself is not recorded.
        failed: where there is no session, why.
    """

    at: Seconds
    session: Ordinal
    way: Way
    banner: Names = ()
    server: str | None = None
    kex: Names = ()
    host_algorithms: Names = ()
    ciphers: Names = ()
    macs: Names = ()
    methods: Names = ()
    host_key: str | None = None
    failed: str | None = None


class Message(Event, frozen=True, tag="message", kw_only=True):
    """One NETCONF message without its framing; the first received one of a session is its hello."""

    at: Seconds
    session: Ordinal
    direction: Direction
    text: str


class Terminal(Event, frozen=True, tag="terminal", kw_only=True):
    """What was typed, or what was printed until something was typed again, with line ends as they came.

    Attributes:
        text: what is UTF-8; else ``base64`` has the bytes.
        pieces: of what was printed: when each piece came, and how many bytes of UTF-8 (or of ``base64``'s) it had.
    """

    at: Seconds
    session: Ordinal
    direction: Direction
    text: str | None = None
    base64: str | None = None
    pieces: tuple[Piece, ...] = ()

    @property
    def data(self) -> bytes:
        """The bytes as they passed."""
        return base64.b64decode(self.base64) if self.base64 is not None else (self.text or "").encode()


class Entry(Struct, frozen=True):
    """A file or folder as SFTP names it; *size* in bytes where the router says it."""

    name: str
    folder: bool = False
    size: int | None = None


class Files(Event, frozen=True, tag="files", kw_only=True):
    """One request over SFTP and its answer.

    Attributes:
        request: ``stat``, ``list``, ``open``, ``read``, ``write``, ``remove``, ``setstat``.
        entries: what was answered to ``stat`` and ``list``.
        size: of ``read`` and ``write``: bytes; the content is not recorded.
        refused: the error's words, with its number in ``code`` (draft-ietf-secsh-filexfer-02 section 7).
    """

    at: Seconds
    session: Ordinal
    request: str
    path: str
    took: Seconds = 0.0
    entries: tuple[Entry, ...] = ()
    size: int | None = None
    refused: str | None = None
    code: int | None = None


class Closed(Event, frozen=True, tag="closed", kw_only=True):
    """A session ended; *lost* is why, where it was not this side that ended it."""

    at: Seconds
    session: Ordinal
    lost: str | None = None


class End(Event, frozen=True, tag="end", kw_only=True):
    """The last line, written when all is known that was to be replaced.

    Attributes:
        release: what the router said its release is.
        replaced: how many different values of each kind have a stand-in.
        standins: the stand-ins of each kind, never what they stand for.
    """

    at: Seconds
    how: How
    why: str | None = None
    release: str | None = None
    replaced: dict[str, int] = {}
    standins: dict[str, Names] = {}


# The content of a data element of that namespace is text (RFC 6022 section 3.1.2), and no element is in it.
_MODULE = re.compile(
    r"\s*(?:<\?[^>]*>\s*)?<[^<>]*rpc-reply[^<>]*>\s*<(?:([\w.-]+):)?data(?=\s)"
    r"[^<>]*?\sxmlns(?(1):\1)\s*=\s*[\"']urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring[\"']"
    r"[^<>]*>[^<]*<(?:!\[CDATA\[|/(?(1)\1:)data\s*>)"
)


def has_module(text: str) -> bool:
    """Whether a NETCONF message is the answer to get-schema: a published module, whose words ``password`` and ``key``
    name no secret, nor others anything private."""
    return _MODULE.match(text) is not None


Passed: TypeAlias = Opened | Message | Terminal | Files | Closed
AnyEvent: TypeAlias = Begin | Passed | End


def terminal(at: float, session: int, direction: Direction, data: bytes, pieces: tuple[Piece, ...] = ()) -> Terminal:
    """The event of *data*, as text where it is UTF-8."""
    try:
        return Terminal(at=at, session=session, direction=direction, text=data.decode(), pieces=pieces)
    except UnicodeDecodeError:
        coded = base64.b64encode(data).decode()
        return Terminal(at=at, session=session, direction=direction, base64=coded, pieces=pieces)


def with_data(event: Terminal, data: bytes) -> Terminal:
    """*event* with other bytes, each of its pieces at its time and as long in proportion; none is empty."""
    if data == event.data:
        return event
    whole, done, before = sum(size for _, size in event.pieces), 0, 0
    pieces: list[Piece] = []
    for at, size in event.pieces:
        before += size
        end = round(len(data) * before / whole)
        if end > done:
            pieces.append((at, end - done))
            done = end
    return terminal(event.at, event.session, event.direction, data, tuple(pieces))
