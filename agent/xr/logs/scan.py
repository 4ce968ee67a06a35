"""A collector's text, line by line: which hosts lost the licensing server, and which have it again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import BinaryIO

from agent.xr.logs.fields import Columns, in_json, is_log
from agent.xr.logs.header import NODE, Header, header
from agent.xr.logs.multiline import blocks
from agent.xr.logs.signature import Message, Signatures
from agent.xr.logs.stamp import DAY, MONTHS, Stamp

_LONGEST = 1 << 16
"""How much of a line is looked at on either side of a message."""
_FIRST = 200
_BLANK = re.compile(rb"\n[ \t\r]*(?=\n)")
_BLANKS = b" \t\r\n\xef\xbb\xbf"
MOST_HOSTS = 100_000
"""How many hosts a scan keeps apart; what further ones say is counted under one name."""
OTHERS = "(further hosts)"
UNKNOWN = "unknown"

_MONTH = rf"(?:{'|'.join(MONTHS)})"
_DATE = (
    rf"{DAY}(?:\d{{4}}[-/.]\d\d[-/.]\d\d[T _,\t]|{_MONTH}[a-z]{{0,6}}+\.?[ -]{{1,2}}\d\d?[ ,-]|\d{{8}}T\d{{4}}"
    rf"|\d\d?[-/ .](?:{_MONTH}|\d\d?)[-/ .]\d{{2,4}}[ :T,\t]|\d{{4}}[ -]{_MONTH}"
    r"|\d{10}(?:\.\d+|\d{3}|\d{6})?[ \t,;|])"
)
_PLAIN = (
    rf"[*.\[(\"']{{0,2}}+{_DATE}|(?:\d{{1,7}}+ )?<\d{{1,3}}>|\d{{1,2}} (?:-|\d{{4}}-\d\d-\d\dT)\S* \S"
    rf"|(?:\d{{1,12}}+: ?)?+(?:[^\s,;|]{{1,255}}+ (?:\d{{1,12}}+: ?)?+)??{NODE}|%[A-Z0-9_]++-"
    r"|[\w./-]{1,48}+\[\d{1,9}\]: |(?:time|ts|timestamp|date|level|host|hostname)=\S"
    rf"|(?:[^\s,;|]{{1,255}}+ [*.]?|(?:[^\n,;\t|]{{0,255}}+[,;\t|]){{1,6}}?\"?){_DATE}"
    rf"|[^\s:]{{1,255}}+:(?:\d{{1,9}}+:)?+[*.]?(?:{_DATE}|<\d{{1,3}}>|{NODE})"
)
_JSON = r"(?:data: |\x1e)?+[\[, ]{0,3}+\{[ \t]*+\""


class _Text:
    """What the first line of a text tells about all of it, and which of its lines have a form that is known."""

    def __init__(self, first: str, signatures: Signatures) -> None:
        self.signatures = signatures
        self.columns = Columns(first, signatures)
        self.buffers = 0  # headings of `show logging`: with more than one, lines without a host are of several devices
        forms = [_PLAIN]
        if self.columns.delimiter is not None:
            forms = [rf"[^\n{re.escape(self.columns.delimiter)}]*+{re.escape(self.columns.delimiter)}"]
        elif not re.match(_JSON, first) or is_log(first):  # an object is no record of a log for being JSON
            forms.insert(0, _JSON)
        self._known = re.compile(rf"\n(?:{'|'.join(forms)})".encode())

    def understood(self, piece: _Piece) -> int:
        """How many lines of *piece* are understood, told cheaply by how they begin."""
        self.buffers += piece.text.count(b"Log Buffer (", piece.start, piece.end)
        end = piece.end - piece.text.endswith(b"\n", 0, piece.end)
        return len(self._known.findall(piece.text, piece.start - 1, end))

    def overlooked(self, piece: _Piece, line: int) -> bool:
        """Whether the line at *line* of the whole text, which has a message, was not counted as understood."""
        at = line - piece.base - 1
        return at >= piece.start - 1 and piece.text[at : at + 1] == b"\n" and not self._known.match(piece.text, at)


@dataclass
class Affected:
    """What a text has of one host: the messages with their counts, the first and last time seen.

    Attributes:
        recovered: the server was reached after the last of them.
        restored: when that was.
    """

    host: str
    first: Stamp | None = None
    last: Stamp | None = None
    counts: dict[str, int] = field(default_factory=dict)
    recovered: bool = False
    restored: Stamp | None = None

    def saw(self, mnemonic: str, when: Stamp | None) -> None:
        """Count one message; times that can be compared are, others stand in the order of the text."""
        self.counts[mnemonic] = self.counts.get(mnemonic, 0) + 1
        if when is not None and (self.first is None or when.earlier(self.first)):
            self.first = when
        if when is not None and (self.last is None or not when.earlier(self.last)):
            self.last = when
        if not (when is not None and self.restored is not None and when.earlier(self.restored)):
            self.recovered = False

    def reached(self, when: Stamp | None) -> None:
        """The server was reached at *when*."""
        if when is not None and self.restored is not None and when.earlier(self.restored):
            return
        self.restored = when
        self.recovered = not (when is not None and self.last is not None and when.earlier(self.last))


@dataclass
class Findings:
    """What the texts that were scanned have.

    Attributes:
        lines, understood: how many lines there were, blank ones left out, and how many of them have a known form.
        utility: how many messages are about the Cisco Smart License Utility, and so about no loss.
        first_line: the beginning of the first line, for whoever asks why nothing was understood.
    """

    lines: int = 0
    understood: int = 0
    utility: int = 0
    first_line: str = ""
    _hosts: dict[str, Affected] = field(default_factory=dict)

    @property
    def hosts(self) -> dict[str, Affected]:
        """The hosts that lost the server, also those that reached it again, in the order seen."""
        return {name: host for name, host in self._hosts.items() if host.counts}

    def saw(self, message: Message, name: str, when: Stamp | None, *, alone: bool) -> None:
        """Count one message of the host *name*; *alone*: no other host has this name."""
        if message.utility and not message.reached:
            self.utility += 1
            return
        if name not in self._hosts and len(self._hosts) >= MOST_HOSTS:
            name = OTHERS
        host = self._hosts.setdefault(name, Affected(name))
        if not message.reached:
            host.saw(message.mnemonic, when)
        elif alone and name != OTHERS:
            host.reached(when)


def scan(stream: BinaryIO, signatures: Signatures, into: Findings | None = None, *, unknown: str = UNKNOWN) -> Findings:
    """Look for *signatures* in a collector's text, and add what is found to *into*.

    *unknown* names hosts that have no name.

    Lines of plain text, JSON or CSV, ended by newlines or with octet counts; undecodable bytes are passed over. Memory
    does not grow with the text, only with the hosts, of which :data:`MOST_HOSTS` are kept apart.
    """
    findings = Findings() if into is None else into
    text: _Text | None = None
    done: tuple[int, int] = (-1, -1)  # the record looked at last, and what it said
    said: set[str] = set()
    for piece in _pieces(stream):
        if text is None:
            first = _line(piece.text[: piece.end].lstrip(_BLANKS)[:_LONGEST].partition(b"\n")[0])
            findings.first_line = findings.first_line or first[:_FIRST]
            text = _Text(first, signatures)
        lines = piece.lines()
        findings.lines += lines
        findings.understood += text.understood(piece) if lines else 0
        for message in signatures.messages(piece.text, piece.start, piece.end):
            found, place = _header(piece, message, text)
            if place != done:
                findings.understood += text.overlooked(piece, place[0]) if place[0] != done[0] else 0
                done, said = place, set()
            if message.mnemonic not in said:
                said.add(message.mnemonic)
                findings.saw(
                    message,
                    found.host or unknown,
                    found.time,
                    alone=found.host is not None or (text.buffers <= 1 and not found.sent),
                )
    return findings


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of the text: what is to be looked at stands from *start* to *end*; *base* is where ``text`` began."""

    text: bytes
    start: int
    end: int
    base: int

    def lines(self) -> int:
        """How many lines begin in it that are not blank."""
        newlines = self.text.count(b"\n", self.start - 1, self.end) - self.text.endswith(b"\n", 0, self.end)
        if self.text.find(b"\n\n", self.start - 1, self.end) < 0 and self.text.find(b"\n\r\n", self.start - 1) < 0:
            return newlines
        return newlines - len(_BLANK.findall(self.text, self.start - 1, self.end))


def _pieces(stream: BinaryIO) -> Iterator[_Piece]:
    """Whole lines, as many at once as are read; of a line without end, :data:`_LONGEST` before what is looked at."""
    kept, seen, base = b"\n", 1, 0
    for block in chain(filter(None, blocks(stream)), (b"",)):
        text = kept + block
        end = text.rfind(b"\n", seen) + 1 if block else len(text)
        if end <= seen:
            if len(text) - seen <= 2 * _LONGEST and block:
                kept = text
                continue
            end = max(seen, len(text) - _LONGEST) if block else len(text)
        if end > seen:
            yield _Piece(text, seen, end, base)
        cut = end - 1 if text[end - 1 : end] == b"\n" else max(0, end - _LONGEST)
        kept, seen, base = text[cut:], end - cut, base + cut


def _header(piece: _Piece, message: Message, text: _Text) -> tuple[Header, tuple[int, int]]:
    """The header of *message*, and which record that is."""
    first = max(0, message.start - _LONGEST)
    begin = max(piece.text.rfind(b"\n", first, message.start) + 1, first)
    before = _line(piece.text[begin : message.start])
    place = piece.base + begin
    if "{" in before or text.columns.names or any(delimiter in before for delimiter in ",;\t|"):
        last = message.end + _LONGEST
        until = piece.text.find(b"\n", message.end, last)
        line = before + _line(piece.text[message.start : until if until >= 0 else last])
        within = in_json(line, len(before), text.signatures) if "{" in before else None
        if within is not None:
            return within[0], (place, 1 + within[1])
        listed = text.columns.in_line(line, len(before))
        if listed is not None:
            return listed, (place, 0)
    priority = piece.text.rfind(b"<", begin, message.start)
    return header(before), (place, piece.base + max(priority, begin))


def _line(text: bytes) -> str:
    return text.decode("utf-8", "backslashreplace")
