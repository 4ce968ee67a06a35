"""One session at the CLI of a replay."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import asyncssh

from agent.simulator.replay.answers import Recorded
from agent.simulator.replay.meaning import Asked, of_line
from agent.simulator.replay.playback import Playback
from agent.simulator.replay.transcript import INTERRUPT, Cli, Printed, Typing

_READ = 4096


class CliReplay:
    """Prints what was printed behind each line.

    A line that followed in the recording on the one before has that answer; else it is looked for in the whole.
    """

    def __init__(self, playback: Playback, session: Cli, stdin: Any, stdout: Any, abort: Callable[[], object]) -> None:
        self._playback, self._stdin, self._stdout, self._abort = playback, stdin, stdout, abort
        self._typing = Typing()
        self._session, self._next = session, 1
        self._last = b""
        self._prompt = ""

    async def run(self) -> None:
        """Until the client leaves."""
        loop = asyncio.get_running_loop()
        opening = self._session.said[0]
        self._prompt = _last_line((opening.answer or Printed()).data)
        await self._print(opening, "", loop.time())
        while not self._stdout.channel.is_closing():
            try:
                data = await self._stdin.read(_READ)
            except (asyncssh.TerminalSizeChanged, asyncssh.BreakReceived, asyncssh.SignalReceived):
                continue
            if not data:
                return
            came = loop.time()
            for line in self._typing.lines(data.decode("utf-8", "replace")):
                await self._obey(line, came)

    async def _obey(self, line: str, came: float) -> None:
        asked = of_line(line)
        found = self._following(asked) or self._playback.answer(asked, self._playback.transcript.lines)
        if found is None:
            self._lack(line, asked)
        elif found.ends and not (found.answer or Printed()).data:
            if asked.reads:
                self._refuse(line, self._playback.lacks(asked))
            else:
                self._abort()
        else:
            await self._print(found, line, came)

    def _following(self, asked: Asked) -> Recorded[Printed] | None:
        """What was typed next in the recording, where it means the same and had its turn by no other way."""
        said = self._session.said
        found = said[self._next] if self._next < len(said) else None
        if found is None or found.used or found.asked.key != asked.key:
            return None
        self._playback.use(found, asked)
        return found

    async def _print(self, found: Recorded[Printed], line: str, came: float) -> None:
        printed, playback = found.answer or Printed(), self._playback
        self._session, self._next = playback.transcript.sessions[printed.session], printed.number + 1
        text = playback.spoken(printed.data.decode("utf-8", "surrogateescape"))
        if (typed := playback.spoken(printed.typed)) != line:
            text = text.replace(typed, line, 1)  # its echo
        data = text.encode("utf-8", "surrogateescape")
        self._last = data or self._last
        for after, size in printed.pieces if playback.recorded_timing else ():
            await playback.pause(came + after)
            self._stdout.write(data[:size])
            data = data[size:]
        self._stdout.write(data)
        if found.lost:
            self._abort()

    def _lack(self, line: str, asked: Asked) -> None:
        """What every CLI does with it, or that there is no answer."""
        prompt = self._shown()
        if line == INTERRUPT:
            self._say(f"^C\r\n{self._prompt}")
        elif not line.strip() and _last_line(self._last).endswith("#"):
            self._say(f"\r\n{prompt}")
        else:
            self._refuse(line, self._playback.lacks(asked))

    def _refuse(self, line: str, why: str) -> None:
        self._say(f"{line}\r\n% Invalid input detected at '^' marker: {why}\r\n{self._shown()}")

    def _say(self, text: str) -> None:
        self._last = text.encode()
        self._stdout.write(self._last)

    def _shown(self) -> str:
        """The prompt that shows now, else the one that showed at first."""
        last = _last_line(self._last)
        return last if last.endswith("#") else self._prompt


def _last_line(data: bytes) -> str:
    return data[-_READ:].decode("utf-8", "replace").replace("\r", "\n").rpartition("\n")[2]
