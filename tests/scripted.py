"""Recordings written by hand, for tests: SYNTHETIC, as no router said it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from agent.model.telemetry.direction import Direction
from agent.recording.events import (
    VERSION,
    Begin,
    Closed,
    End,
    Entry,
    Files,
    How,
    Message,
    Opened,
    Passed,
    Way,
    terminal,
)
from agent.recording.reading import Recording, read
from agent.recording.writing import Writer

BASE = "urn:ietf:params:xml:ns:netconf:base:1.0"
INSTALL = "http://cisco.com/ns/yang/Cisco-IOS-XR-install-oper"
PROMPT = "RP/0/RP0/CPU0:r7#"
HELLO = (
    f'<hello xmlns="{BASE}"><capabilities><capability>urn:ietf:params:netconf:base:1.0</capability>'
    "<capability>urn:ietf:params:netconf:capability:candidate:1.0</capability>"
    f"<capability>{INSTALL}?module=Cisco-IOS-XR-install-oper&amp;revision=2019-04-05</capability>"
    "</capabilities><session-id>7</session-id></hello>"
)
VERSION_FILTER = f'<install xmlns="{INSTALL}"><version><label/></version></install>'


def rpc(body: str, number: int = 1) -> str:
    return f'<rpc xmlns="{BASE}" message-id="{number}">{body}</rpc>'


def reply(inner: str, number: int = 1) -> str:
    return f'<rpc-reply xmlns="{BASE}" message-id="{number}">{inner}</rpc-reply>'


def get(subtree: str) -> str:
    return f'<get><filter type="subtree">{subtree}</filter></get>'


def label(release: str) -> str:
    """What is answered to :data:`VERSION_FILTER`."""
    return f'<data><install xmlns="{INSTALL}"><version><label>{release}</label></version></install></data>'


class Script:
    """Events one after the other, a tenth of a second apart."""

    def __init__(self, **opened: Any) -> None:
        self.events: list[Passed] = []
        self._opened = opened
        self._sessions = 0

    @property
    def now(self) -> float:
        return round(len(self.events) / 10, 1)

    def open(self, way: Way, **more: Any) -> int:
        self._sessions += 1
        said = {"methods": ("password",), **self._opened, **more}
        self.events.append(Opened(at=self.now, session=self._sessions, way=way, **said))
        return self._sessions

    def netconf(self, *pairs: tuple[str, str | None], hello: str = HELLO) -> Script:
        """A session with what was asked and answered; None where nothing was."""
        session = self.open(Way.NETCONF)
        self.said(session, Direction.RECEIVED, hello)
        for number, (asked, answered) in enumerate(pairs, start=101):
            self.said(session, Direction.SENT, rpc(asked, number))
            if answered is not None:
                self.said(session, Direction.RECEIVED, reply(answered, number))
        return self

    def said(self, session: int, direction: Direction, text: str) -> None:
        self.events.append(Message(at=self.now, session=session, direction=direction, text=text))

    def cli(self, *pairs: tuple[str, str], prompt: str = PROMPT) -> Script:
        """A session at the CLI; each answer is followed by the prompt, and the line's echo goes ahead of it."""
        session = self.open(Way.CLI)
        self.events.append(terminal(self.now, session, Direction.RECEIVED, f"\r\n\r\n{prompt}".encode()))
        for line in ("terminal length 0", "terminal width 0"):
            pairs = ((line, ""), *pairs) if line not in dict(pairs) else pairs
        for line, printed in sorted(pairs, key=lambda pair: not pair[0].startswith("terminal ")):
            self.events.append(terminal(self.now, session, Direction.SENT, f"{line}\n".encode()))
            text = f"{line}\r\n{printed}{prompt}"
            self.events.append(terminal(self.now, session, Direction.RECEIVED, text.encode()))
        return self

    def files(self, *requests: tuple[str, str], **answer: Any) -> Script:
        session = self.open(Way.SFTP)
        for request, path in requests:
            entries = (Entry(Path(path).name, folder=True),) if request == "stat" else ()
            said = {"entries": entries, **answer}
            self.events.append(Files(at=self.now, session=session, request=request, path=path, **said))
        return self

    def lost(self, session: int, why: str = "it was reset") -> Script:
        self.events.append(Closed(at=self.now, session=session, lost=why))
        return self

    def write(self, path: Path, *, ended: bool = True, **said: Any) -> Recording:
        """The file; *said* are members of the beginning or the end."""
        end = {name: said.pop(name) for name in ("how", "why", "release") if name in said}
        usual = {"version": VERSION, "made": "2026-03-01T10:00:00+00:00", "by": "a test", "sanitised": True}
        writer = Writer(path, Begin(**{"command": "push", **usual, **said}))
        for event in self.events:
            writer(event)
        if not ended:
            writer.close()
            return read(writer.part)
        writer.end(lambda: End(at=self.now, **{"how": How.FINISHED, **end}))
        return read(path)


def hello(uris: list[str], *, prefixed: bool = False) -> str:
    """A hello that announces these, as it is captured; with a namespace prefix for each element where *prefixed*."""
    mark = "nc:" if prefixed else ""
    name = "xmlns:nc" if prefixed else "xmlns"
    listed = "".join(f"<{mark}capability>{uri.replace('&', '&amp;')}</{mark}capability>" for uri in uris)
    return f'<{mark}hello {name}="{BASE}"><{mark}capabilities>{listed}</{mark}capabilities></{mark}hello>'
