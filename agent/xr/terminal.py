"""A CLI session as text: what is typed, and what comes back up to a prompt or a question; netmiko underneath.

The SSH transport comes authenticated, its host key checked as NETCONF's; netmiko's own connect is never used, since
its defaults accept unknown host keys.
"""

from __future__ import annotations

import codecs
import logging
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, Any

from agent.model.clock import Clock
from agent.model.errors import AgentError, ConsoleError, ReplyTimeout, SessionLost
from agent.netconf.ssh import Deadline
from agent.netconf.trace import Tap
from agent.xr.channel import close_channel, has_ended, open_channel

if TYPE_CHECKING:
    from paramiko import Channel, Transport

log = logging.getLogger(__name__)

QUIET = 2.0
"""Seconds without a further character after which a line that may be a question is taken for one."""

_importing = threading.Lock()
_OPEN_WAIT = 30.0
_SETTLE_WAIT = 5.0
_LINE_END_WAIT = 0.1
_WIDTH, _HEIGHT = 511, 1000
_LARGEST = 16 * 2**20
_AT_ONCE = 2**20
# What output ends in, a prompt with log lines over it or a question, is looked for in so many characters of its end.
_TAIL = 16384
# A log line that the router writes over the prompt, as in Cisco's own examples of this dialog.
_LOG_LINE = r"(?:[^\n]{0,60}:[ ]?(?:\d{4} )?[A-Z][a-z]{2}[ ]+\d{1,2} \d\d:\d\d[^\n]{0,200}%[A-Z0-9_]{2,}-[^\n]*\n)"
_ANY_PROMPT = re.compile(r"(?:^|\n)(?P<stem>[\w./:@-]{1,120})[#>] ?\Z", re.ASCII)
_SURELY_ASKED = re.compile(r"\?[ \t]*\[[^\]\n]{1,40}\][ \t]*[:?]?[ \t]*\Z")
_PERHAPS_ASKED = re.compile(r"[\]?:][ \t]*\Z")
_STAMP = re.compile(r"\s*[A-Z][a-z]{2} [A-Z][a-z]{2} +\d+ \d\d:\d\d:\d\d(?:\.\d+)?(?: \S+)?[ \t]*(?:\n|\Z)")


class Stop(Enum):
    """By what the router's words ended."""

    EXEC = "exec prompt"
    CONFIG = "configuration prompt"
    QUESTION = "question"
    MARK = "mark"


@dataclass(frozen=True, slots=True)
class Said:
    """What the router said: ``text`` without echo, time stamp and prompt, but with the question or mark itself."""

    text: str
    stop: Stop


class Terminal:
    """A session at the CLI, never paged, lines as wide as XR lets them be.

    Attributes:
        device: how messages call the device.
        timeout: seconds until a prompt counts as missing, where nothing else is said.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        device: str,
        timeout: float = 60.0,
        tap: Tap | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._clock = clock or Clock()
        self._tap = tap
        self._untold = ""
        self.device = device
        self.timeout = timeout
        self._stem = self._rest = ""
        self._exec = _ANY_PROMPT
        self._config: re.Pattern[str] | None = None
        wait = min(timeout, _OPEN_WAIT)
        try:
            _import_netmiko()
            with self._mapped("being opened"):
                self._driver = _driver_class()(open_channel(transport, _shell, wait, self._clock), timeout)
        except SessionLost as error:
            if has_ended(transport):
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
        channel = self._driver.remote_conn
        return channel is not None and not channel.closed and not channel.eof_received

    def write(self, text: str) -> None:
        """Type *text*.

        Raises:
            SessionLost: there is nobody to read it.
        """
        if self._tap is not None:
            self._tap.sent(text.removesuffix("\n"))
        with self._mapped("being typed to"):
            self._driver.write_channel(text)

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
        quiet: float | None = None,
    ) -> Said:
        """What comes until a prompt, a question in brackets or *mark*; nothing counts before *echo* has come.

        *maybe* is a mark, and a line that ends like a question is one, when *quiet* seconds pass behind it; without
        *quiet*, when *timeout* passes: output comes in pieces, and a piece may end anywhere.

        Raises:
            ReplyTimeout: none of them came; the next read begins with what did.
            ConsoleError: more came than any command prints; the session is closed.
            SessionLost: the session ended.
        """
        deadline = Deadline(timeout, clock=self._clock.now)
        said, left = self._rest, timeout
        self._rest = ""
        while True:
            if echo and echo in said:
                said, echo = said.partition(echo)[2], ""
            found = None if echo else self._stop(said, mark)
            if found is not None:
                self._tell()
                return found
            perhaps = None if echo else _perhaps(said, maybe)
            if left <= 0.001:
                self._rest = said
                raise ReplyTimeout(
                    f"the CLI gave no prompt within {timeout:g} s",
                    device=self.device,
                    hint="the router is busy or asks something: look at its console, or give a longer time-out",
                )
            more = self._receive(min(quiet, left) if perhaps and quiet is not None else left)
            if not more and perhaps is not None:
                self._tell()
                return Said(_unstamped(said), perhaps)
            said += more
            self._bound(said)
            left = deadline.left()

    def command(self, line: str, timeout: float | None = None) -> Said:
        """Type one line and read up to the prompt; a question is answered by Ctrl-C.

        Raises:
            ConsoleError: it asks something.
            ReplyTimeout: no prompt came; the line was interrupted, or the session is closed.
            SessionLost: the session ended.
        """
        self.drain()
        self.write(f"{line}\n")
        try:
            said = self.read(self.timeout if timeout is None else timeout, echo=line)
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
        self._driver.end()

    def _prepare(self, wait: float) -> None:
        """Learn the prompt from the answer to a command: a banner may look like one."""
        said = self.read(wait)
        if said.stop is Stop.EXEC:
            self.write("terminal length 0\n")
            said = self.read(wait, echo="terminal length 0")
        if said.stop is not Stop.EXEC:
            raise ConsoleError(f"the router asks at login: {one_line(said.text)}", device=self.device)
        self._learn(self._stem)
        self.command("terminal width 0", wait)

    def _learn(self, stem: str) -> None:
        self._exec = re.compile(rf"(?:^|\n){re.escape(stem)}[#>] ?{_LOG_LINE}*\Z")
        # In configuration mode XR cuts the prompt's host name short.
        self._config = re.compile(
            rf"(?:^|\n){re.escape(stem[:31])}[^\n#]{{0,80}}\(config[^)\n]{{0,80}}\)# ?{_LOG_LINE}*\Z"
        )

    def _stop(self, said: str, mark: re.Pattern[str] | None) -> Said | None:
        """What *said* certainly ends in."""
        tail = said[-_TAIL:]
        before = len(said) - len(tail)
        if found := self._exec.search(tail):
            self._stem = found.groupdict().get("stem", "")
            return Said(_unstamped(said[: before + found.start()]), Stop.EXEC)
        if self._config is not None and (found := self._config.search(tail)):
            return Said(_unstamped(said[: before + found.start()]), Stop.CONFIG)
        if mark and mark.search(tail):
            return Said(_unstamped(said), Stop.MARK)
        if _SURELY_ASKED.search(tail):
            return Said(_unstamped(said), Stop.QUESTION)
        return None

    def _bound(self, said: str) -> None:
        if len(said) > _LARGEST:
            self.close()
            raise ConsoleError(f"the router printed more than {_LARGEST >> 20} MiB", device=self.device)

    def _receive(self, wait: float) -> str:
        """What comes within *wait* seconds; nothing where nothing does."""
        with self._mapped("being read"):
            said: str = self._driver.receive(wait)
        if self._tap is not None:
            self._untold += said
        return said

    def _tell(self) -> None:
        """Let the trace know what came, as a whole: a piece may end in the middle of what is to be masked."""
        if self._tap is not None and self._untold:
            self._tap.received(self._untold)
        self._untold = ""

    @contextmanager
    def _mapped(self, doing: str) -> Iterator[None]:
        """Give every failure of netmiko and paramiko its name in the error tree."""
        from netmiko.exceptions import NetmikoBaseException
        from paramiko import SSHException

        try:
            yield
        except (NetmikoBaseException, SSHException, EOFError, OSError) as error:
            raise SessionLost(
                f"the CLI session ended while {doing}", device=self.device, hint="connect again"
            ) from error


def _perhaps(said: str, maybe: re.Pattern[str] | None) -> Stop | None:
    """What *said* ends in if nothing follows."""
    tail = said[-_TAIL:]
    if maybe and maybe.search(tail):
        return Stop.MARK
    return Stop.QUESTION if _PERHAPS_ASKED.search(tail) else None


def one_line(text: str) -> str:
    """*text* on one line, its end where it is long: there the router says what is wrong."""
    return " ".join(text.split())[-400:]


def _unstamped(text: str) -> str:
    """Without the time stamp that XR prints before a command's output, and the empty lines around that output."""
    stamp = _STAMP.match(text)
    return (text[stamp.end() :] if stamp else text).strip("\n")


def _shell(channel: Channel) -> None:
    channel.get_pty(term="vt100", width=_WIDTH, height=_HEIGHT)
    channel.invoke_shell()


def _import_netmiko() -> None:
    """Import netmiko in one thread only: its modules import each other in a circle, which breaks in two at once."""
    with _importing:
        import netmiko  # noqa: F401 - what is wanted of it is imported where it is used


@cache
def _channel_class() -> Callable[[Channel, float], Any]:
    """netmiko's channel, but woken by what comes; netmiko itself looks every 10 ms."""
    from netmiko.channel import SSHChannel
    from netmiko.exceptions import ReadException

    class Waiting(SSHChannel):
        def __init__(self, conn: Channel, timeout: float) -> None:
            super().__init__(conn, "utf-8")
            self._conn, self._timeout = conn, timeout
            # A character may come in two parts.
            self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
            self.wait = 0.0

        def write_channel(self, out_data: str) -> None:
            self._conn.settimeout(self._timeout)
            super().write_channel(out_data)

        def read_channel(self) -> str:
            # Only the first of netmiko's reads waits; it looks again where a line end came in half.
            wait, self.wait = self.wait, 0.0
            self._conn.settimeout(max(wait, 0.001))
            try:
                data = self._conn.recv(65536)
            except TimeoutError:
                return ""
            if not data:
                raise ReadException("the router closed the channel")
            while len(data) < _AT_ONCE and self._conn.recv_ready():
                data += self._conn.recv(65536)
            return self._decoder.decode(data)

    return Waiting


@cache
def _driver_class() -> Callable[[Channel, float], Any]:
    """netmiko's IOS XR driver on a channel that is open already; importing netmiko takes 0.2 s."""
    from netmiko.cisco.cisco_xr import CiscoXrSSH

    class Driver(CiscoXrSSH):
        """What netmiko knows of reading and typing; connecting, preparing and logging are not its part here.

        netmiko's own ``read_channel`` and ``write_channel`` log all that passes, secrets of the configuration included.
        """

        remote_conn_pre = None

        def __init__(self, channel: Channel, timeout: float) -> None:
            super().__init__(host="router", auto_connect=False, fast_cli=True)
            self.remote_conn = self._opened = channel
            self.channel = self._waiting = _channel_class()(channel, timeout)

        def receive(self, wait: float) -> str:
            self._waiting.wait = wait
            said = self._waiting.read_channel()
            while said.endswith("\r"):  # half a line end; the rest follows at once, or there is none
                self._waiting.wait = _LINE_END_WAIT
                more = self._waiting.read_channel()
                if not more:
                    break
                said += more
            return self.normalize_linefeeds(said)

        def write_channel(self, out_data: str) -> None:
            self._waiting.write_channel(out_data)

        def end(self) -> None:
            close_channel(self._opened)
            self.disconnect()  # takes netmiko's filter off its logger

        def cleanup(self, command: str = "") -> None:
            """Nothing is typed at the end: it would wait for answers."""

    return Driver
