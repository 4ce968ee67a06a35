"""One channel with the netconf subsystem of a replay."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import asyncssh

from agent.simulator.netconf.framing import Deframer, FramingError, enframe
from agent.simulator.replay.meaning import BASE, Asked, NoRequest, of_rpc
from agent.simulator.replay.playback import Playback

_ID = re.compile(r"(<(?:[\w.-]+:)?rpc-reply\b[^>]*?\smessage-id\s*=\s*)(?:\"[^\"]*\"|'[^']*')")
_SESSION = re.compile(r"(<(?:[\w.-]+:)?session-id>\s*)(\d{1,10})")
_CLOSE = (f"{{{BASE}}}close-session", (), "", ())
_BASE_11 = "urn:ietf:params:netconf:base:1.1"
_MORE = 1000
"""The number of a session that was not recorded is that of one that was, and so far from it."""


class NetconfReplay(asyncssh.SSHServerSession[bytes]):
    """Answers what is asked one after the other, in the order in which it came."""

    def __init__(self, playback: Playback, abort: Any) -> None:
        self._playback, self._abort = playback, abort
        self._channel: Any = None
        self._frames = Deframer()
        self._hello = ""
        self._greeted = False
        self._waiting: deque[tuple[float, str]] = deque()
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, chan: Any) -> None:
        self._channel = chan

    def subsystem_requested(self, subsystem: str) -> bool:
        """Only NETCONF, where it was recorded."""
        return subsystem == "netconf" and bool(self._playback.transcript.hellos)

    def session_started(self) -> None:
        found = self._playback.hello()
        if found is not None and found.answer is not None:
            more = self._playback.again * _MORE
            self._hello = _SESSION.sub(lambda hit: f"{hit[1]}{_other(int(hit[2]), more)}", found.answer.text, count=1)
            self._begin(self._greet(asyncio.get_running_loop().time() + found.answer.after))
        elif found is not None and (found.lost or found.ends):
            self._abort()

    def data_received(self, data: bytes, datatype: int | None) -> None:
        """Take what came; the first message is the client's hello."""
        now = asyncio.get_running_loop().time()
        try:
            for message in self._frames.messages(data):
                if self._greeted:
                    self._waiting.append((now, message.decode("utf-8", "replace")))
                else:
                    self._greeted = True
                    self._frames.chunked = _BASE_11.encode() in message and _BASE_11 in self._hello
        except FramingError:
            self._abort()
            return
        if self._task is None:
            self._begin(self._work())

    def connection_lost(self, exc: Exception | None) -> None:
        if self._task is not None:
            self._task.cancel()

    def _begin(self, work: Any) -> None:
        self._task = asyncio.get_running_loop().create_task(self._done(work))

    async def _done(self, work: Any) -> None:
        try:
            await work
            await self._work()
        finally:
            self._task = None

    async def _greet(self, when: float) -> None:
        await self._playback.pause(when)
        self._channel.write(enframe(self._hello.encode("utf-8", "surrogatepass"), chunked=False))

    async def _work(self) -> None:
        while self._waiting and not self._channel.is_closing():
            await self._answer(*self._waiting.popleft())

    async def _answer(self, came: float, text: str) -> None:
        try:
            message_id, asked = of_rpc(text)
        except NoRequest:
            self._abort()
            return
        playback = self._playback
        found = playback.answer(asked, playback.transcript.rpcs)
        if found is None:
            closes = asked.key == _CLOSE
            self._send(_reply(message_id, "<ok/>" if closes else _refusal(playback, asked)))
            if closes:
                self._channel.exit(0)
            return
        if found.answer is not None:
            await playback.pause(came + found.answer.after)
            own = quoteattr(message_id or "")
            self._send(playback.spoken(_ID.sub(lambda hit: f"{hit[1]}{own}", found.answer.text, count=1)))
        elif found.ends and asked.reads:
            self._send(_reply(message_id, _refusal(playback, asked)))
        elif found.lost or found.ends:
            self._abort()

    def _send(self, text: str) -> None:
        if not self._channel.is_closing():
            self._channel.write(enframe(text.encode("utf-8", "surrogatepass"), self._frames.chunked))


def _other(number: int, more: int) -> int:
    """A session-id that far from *number*, within the 32 bits that it may have."""
    return number + more if number + more < 1 << 32 else number - more


def _reply(message_id: str | None, inner: str) -> str:
    return f"<rpc-reply xmlns={quoteattr(BASE)} message-id={quoteattr(message_id or '')}>{inner}</rpc-reply>"


def _refusal(playback: Playback, asked: Asked) -> str:
    return (
        "<rpc-error><error-type>application</error-type><error-tag>operation-failed</error-tag>"
        f"<error-severity>error</error-severity><error-message>{escape(playback.lacks(asked))}</error-message></rpc-error>"
    )
