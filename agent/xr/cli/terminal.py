"""A CLI session as text: what is typed, and what comes back up to a prompt or a question."""

from __future__ import annotations

import codecs
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from agent.model.errors import AgentError, ConnectError, ConsoleError, ReplyTimeout, SessionLost
from agent.model.local.clock import Clock
from agent.netconf.trace import Tap
from agent.ssh.connection import Deadline
from agent.xr.cli.listening import Listener, Said, Stop, one_line
from agent.xr.cli.prompts import Prompts

if TYPE_CHECKING:
    from agent.recording.recorder import Recorded
    from agent.ssh.connection import Connection

log = logging.getLogger(__name__)

IDLE = 2.0
"""Seconds without a further character after which a line that may be a question is taken for one, and a prompt that
something was printed over is asked for again."""

_OPEN_WAIT = 30.0
_SETTLE_WAIT = 5.0
_LINE_END_WAIT = 0.1
LARGEST = 16 * 2**20
_OVER = 0.001
_LINE_END = re.compile(r"\r{1,3}\n|\n\r|\r")
_CONTROL = re.compile(r"\x1b\[[0-9;?]{0,20}[A-Za-z]|\x1b[=>78]|\x07")
_CONTROL_BEGUN = re.compile(r"\x1b(?:\[[0-9;?]{0,20})?\Z")


class Terminal:
    """A session at the CLI, never paged, lines as wide as XR lets them be.

    Attributes:
        device: how messages call the device.
        timeout: seconds until a prompt counts as missing, where nothing else is said.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        device: str,
        timeout: float = 60.0,
        tap: Tap | None = None,
        recorded: Recorded | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._tap, self._recorded = tap, recorded
        self._untold = self._begun = ""
        self.device = device
        self.timeout = timeout
        self._clock = clock or Clock()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = self._head = ""
        self.prompts = Prompts()
        wait = min(timeout, _OPEN_WAIT)
        try:
            self._channel = connection.channel(seconds=wait, timeout=timeout)
        except AgentError as error:
            if recorded is not None:
                recorded.closed(error.message)
            if not isinstance(error, ConnectError | ReplyTimeout):
                raise
            raise ConsoleError(
                "the router gives no CLI over SSH", device=device, hint="on the router: ssh server v2, and line default"
            ) from error
        try:
            self._prepare(wait)
        except BaseException:
            self.close()
            raise

    @property
    def alive(self) -> bool:
        """Whether the session was alive when last heard of."""
        return not self._channel.ended

    def write(self, text: str) -> None:
        """Type *text*.

        Raises:
            SessionLost: there is nobody to read it.
        """
        if self._tap is not None:
            self._tap.sent(text.removesuffix("\n"))
        if self._recorded is not None:
            self._recorded.typed(text.encode())
        with self._mapped("being typed to"):
            self._channel.sendall(text.encode())

    def drain(self) -> None:
        """Throw away what came unasked, such as log lines.

        Raises:
            SessionLost: the session has ended.
        """
        self._rest = ""
        self._receive(0.0)

    def read(
        self,
        timeout: float,
        *,
        echo: str = "",
        mark: re.Pattern[str] | None = None,
        maybe: re.Pattern[str] | None = None,
        idle: float | None = None,
        harmless: bool = False,
        logs: bool = False,
    ) -> Said:
        """What comes until a prompt, a question in brackets or *mark*; nothing counts before *echo* has come.

        *maybe* is a mark, and a line that ends like a question is one, when *idle* seconds pass behind it; without
        *idle*, when *timeout* passes: output comes in pieces, and a piece may end anywhere.

        A prompt that something was printed over is asked for by a lone newline, once. Where no prompt shows, that is
        done only before a time-out, and only after a line that is *harmless*: one that asks nothing to which a newline
        would be an answer. With *logs* the text keeps its log lines.

        Raises:
            ReplyTimeout: none of them came; the next read begins with what did.
            ConsoleError: more came than any command prints; the session is closed.
            SessionLost: the session ended.
        """
        listener = Listener(self.prompts, self._rest, echo=echo, mark=mark, maybe=maybe, logs=logs)
        deadline, late = Deadline(timeout, clock=self._clock.now), False
        self._rest = ""
        while (found := listener.stop()) is None:
            if late:
                self._rest = listener.said
                raise ReplyTimeout(
                    f"the CLI gave no prompt within {timeout:g} s",
                    device=self.device,
                    hint="the router is busy or asks something: look at its console, or give a longer time-out",
                )
            more = self._receive(min(IDLE if idle is None else idle, deadline.left()))
            late = deadline.left() <= _OVER
            if more:
                listener.hear(more)
                self._bound(listener.said)
            elif (found := listener.pause(long=late or idle is not None)) is not None:
                break
            elif listener.wants_newline(anyway=harmless and late):
                self.write("\n")
                more_time = max(deadline.left(), min(timeout, _SETTLE_WAIT))
                deadline, late = Deadline(more_time, clock=self._clock.now), False
        self._head = listener.head
        self._tell()
        return found

    def command(self, line: str, timeout: float | None = None, *, harmless: bool = False, logs: bool = False) -> Said:
        """Type one line and read up to the prompt, as :meth:`read` does; a question is answered by Ctrl-C.

        Raises:
            ConsoleError: it asks something.
            ReplyTimeout: no prompt came; the line was interrupted, or the session is closed.
            SessionLost: the session ended.
        """
        self.drain()
        self.write(f"{line}\n")
        try:
            said = self.read(self.timeout if timeout is None else timeout, echo=line, harmless=harmless, logs=logs)
        except ReplyTimeout:
            self.interrupt()
            raise
        if said.stop is Stop.QUESTION:
            self.interrupt()
            raise ConsoleError(
                f"'{line}' asks: {one_line(said.text)}", device=self.device, hint="type it at the router's console"
            )
        return said

    def interrupt(self) -> None:
        """Ctrl-C, and back to a prompt; where that does not come, the session is closed. Never raises."""
        try:
            self.drain()
            self.write("\x03")
            stop = self.read(min(self.timeout, _SETTLE_WAIT)).stop
        except AgentError as error:
            log.info("%s: the CLI is closed, since it does not come back to its prompt: %s", self.device, error.message)
            self.close()
            return
        if stop is Stop.QUESTION:
            log.info("%s: the CLI is closed, since Ctrl-C does not end its questions", self.device)
            self.close()

    def close(self) -> None:
        """End the CLI session; the SSH connection stays. Never raises."""
        self._tell()
        if self._recorded is not None:
            self._recorded.closed()
        self._channel.close()

    def _prepare(self, wait: float) -> None:
        """Learn the prompt from the answer to a command: a banner may look like one."""
        said = self.read(wait)
        if said.stop is Stop.EXEC:
            self.write("terminal length 0\n")
            said = self.read(wait, echo="terminal length 0", harmless=True)
        if said.stop is not Stop.EXEC:
            raise ConsoleError(f"the router asks at login: {one_line(said.text)}", device=self.device)
        self.prompts = Prompts(self._head)
        self.command("terminal width 0", wait, harmless=True)

    def _bound(self, said: str) -> None:
        if len(said) > LARGEST:
            self.close()
            raise ConsoleError(f"the router printed more than {LARGEST >> 20} MiB", device=self.device)

    def _receive(self, wait: float) -> str:
        """What comes within *wait* seconds; nothing where nothing does."""
        with self._mapped("being read"):
            said = self._heard(wait)
            while said.endswith("\r"):  # half a line end; the rest follows at once, or there is none
                more = self._heard(_LINE_END_WAIT)
                if not more:
                    break
                said += more
        said = _LINE_END.sub("\n", said)
        if self._tap is not None:
            self._untold += said
        said = self._begun + said
        begun = _CONTROL_BEGUN.search(said)
        self._begun = begun.group() if begun else ""
        return _CONTROL.sub("", said.removesuffix(self._begun))

    def _heard(self, wait: float) -> str:
        """What comes within *wait* seconds, as it comes; a character may come in two parts."""
        data = self._channel.recv(wait)
        if self._recorded is not None:
            self._recorded.printed(data)
        return self._decoder.decode(data)

    def _tell(self) -> None:
        """Let the trace know what came, as a whole: a piece may end in the middle of what is to be masked."""
        if self._tap is not None and self._untold:
            self._tap.received(self._untold)
        self._untold = ""

    @contextmanager
    def _mapped(self, doing: str) -> Iterator[None]:
        """Give the end of the session its name in the error tree."""
        try:
            yield
        except (EOFError, OSError) as error:
            said = f"the CLI session ended while {doing}"
            if self._recorded is not None:
                self._recorded.closed(said)
            raise SessionLost(said, device=self.device, hint="connect again") from error
