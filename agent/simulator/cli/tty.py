"""A terminal over SSH: echo, line editing as far as programs need it, and the pager."""

from __future__ import annotations

from typing import Any

import asyncssh

_MORE = " --More-- "
_INTERRUPT, _BACKSPACE, _KILL = "\x03", "\x08\x7f", "\x15"


class Interrupted(Exception):
    """Ctrl-C was typed."""


class Closed(Exception):
    """The client is gone."""


class Terminal:
    """What is typed in, what is printed out; ``length`` lines fit the screen, 0 for no pager."""

    length = 24
    rests_until = 0.0
    """Until when nothing is printed, by the clock of the datastores."""

    def __init__(self, stdin: Any, stdout: Any) -> None:
        self._stdin, self._stdout = stdin, stdout
        self._typed = ""
        self._printed = ""
        self._after_return = False
        self._received = self._sent = 0
        self._waiting = False

    def at_rest(self, *, typed: int, read: int, now: float) -> bool:
        """As of :class:`agent.simulator.device.silence.Resting`.

        Nothing is received or sent while input is waited for, but input that ends the wait.
        """
        waits = self._waiting and self._received == typed
        return (waits or now < self.rests_until) and self._sent == read

    def write(self, text: str) -> None:
        """Print *text*, at the latest when input is waited for; a newline is sent as the terminal needs it."""
        self._printed += text.replace("\n", "\r\n")

    def flush(self) -> None:
        """Send what was printed."""
        if self._printed and not self._stdout.channel.is_closing():
            self._sent += len(self._printed.encode())
            self._stdout.write(self._printed.encode())
        self._printed = ""

    async def line(self, prompt: str = "", behind: str = "") -> str:
        """Print *prompt* and what comes *behind* it unasked, and wait for a line, echoing it.

        Raises:
            Interrupted, Closed: by what came in its place.
        """
        self.write(prompt + behind)
        line = ""
        while True:
            char = await self._char()
            if char in "\r\n":
                self.write("\n")
                return line
            if char == _INTERRUPT:
                self.write("^C\n")
                raise Interrupted
            if char in _BACKSPACE:
                self.write("\b \b" if line else "")
                line = line[:-1]
            elif char == _KILL:
                self.write("\b \b" * len(line))
                line = ""
            elif char.isprintable():
                self.write(char)
                line += char

    async def page(self, text: str) -> None:
        """Print *text* as a whole, or screen by screen: a blank for the next, Return for a line, any other key ends."""
        lines = text.splitlines()
        room = self.length - 1
        while self.length and len(lines) > room:
            self.write("".join(f"{line}\n" for line in lines[:room]) + _MORE)
            lines = lines[room:]
            key = await self._char()
            self.write("\b" * len(_MORE) + " " * len(_MORE) + "\b" * len(_MORE))
            if key not in " \r\n":
                return
            room = self.length - 1 if key == " " else 1
        self.write("".join(f"{line}\n" for line in lines))

    async def hang(self) -> None:
        """Answer nothing until the client leaves."""
        while True:
            await self._char()

    async def _char(self) -> str:
        while True:
            while not self._typed:
                await self._fill()
            char, self._typed = self._typed[0], self._typed[1:]
            second = char == "\n" and self._after_return
            self._after_return = char == "\r"
            if not second:
                return char

    async def _fill(self) -> None:
        self.flush()
        self._waiting = True
        try:
            data = await self._stdin.read(4096)
        except (asyncssh.TerminalSizeChanged, asyncssh.BreakReceived, asyncssh.SignalReceived):
            return
        finally:
            self._waiting = False
        if not data:
            raise Closed
        self._received += len(data)
        self._typed += data.decode("latin-1")
