"""Whatever a router prints or answers beside NETCONF ends in a value or a typed error, within a bound."""

from __future__ import annotations

import asyncio
import re
import struct
from collections.abc import Callable
from typing import Any

import asyncssh
import pytest

import agent
from agent.model.errors import AgentError, ConsoleError, FileError, ReplyTimeout, SessionLost
from agent.model.local.clock import Clock as RouterClock
from agent.xr import callhome
from agent.xr.cli import console, dialog, show, terminal
from tests.xr.routers import ACCEPT, PRINTED, REQUEST, Cli, Routers
from tests.xr.test_files import DATA, PATH

ANCHOR = agent.TrustAnchor.bundled()
AUTHENTICATE = "crypto ca authenticate Trustpool"
MANY = 200_000

# --- the CLI ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["show version", AUTHENTICATE])
def test_output_without_end_is_given_up_at_a_bound(
    routers: Routers, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setattr(terminal, "LARGEST", 2**20)
    router = routers.add(commands={command: Cli.flood})
    with router.ssh() as ssh:
        cli = ssh.console()
        with pytest.raises(ConsoleError, match="printed more than 1 MiB"):
            cli.show(command) if command == "show version" else cli.authenticate("Trustpool", ANCHOR)
        assert not cli.alive


@pytest.mark.parametrize(
    "question", [f"{'really ' * 10_000}sure? [yes/no]: ", "Why? " * 1000, "\x1b]0;owned\x07Sure? [yes/no]: ", "\x00?"]
)
def test_a_question_is_quoted_in_part(routers: Routers, question: str) -> None:
    async def script(cli: Cli) -> None:
        await cli.ask(question)

    router = routers.add(commands={AUTHENTICATE: script})
    with router.ssh() as ssh:
        with pytest.raises(AgentError) as raised:
            ssh.console().authenticate("Trustpool", ANCHOR)
        assert len(raised.value.message) < 1000
    assert not router.installed


@pytest.mark.parametrize(
    "between", ["\x1b[2J\x1b[1;1H", "\x00", "\x9b31m", "\r\r", "\x08\x08\x08", "\x1b]8;;http://x\x07"]
)
def test_control_characters_in_what_is_printed_do_not_make_another_certificate_the_anchor(
    routers: Routers, between: str
) -> None:
    async def script(cli: Cli) -> None:
        cli.say(REQUEST)
        await cli.paste()
        cli.say(PRINTED.replace("DF717E", f"AF717E{between}").replace("Subject", f"{between}Subject"))
        await cli.accept(ACCEPT)

    router = routers.add(commands={AUTHENTICATE: script})
    with router.ssh() as ssh, pytest.raises(AgentError):
        ssh.console().authenticate("Trustpool", ANCHOR)
    assert not router.installed


# Text in which a pattern that looks at the same characters again and again would take hours.
TEDIOUS = {
    "lines": "\n" * MANY,
    "blanks": " " * MANY + "x",
    "blanks in a field": "Registration:\n Status: a" + " " * MANY + "x",
    "blanks after a word": "Trustpool: a" + " " * MANY + "x",
    "tabs": "License Authorization:\n  Status: AUTHORIZED" + "\t" * MANY + "x",
    "words": "sh" * MANY,
    "signs": "%" * MANY,
    "questions": "? [" * MANY,
    "colons": ":" * MANY,
    "numbers": "1." * MANY,
    "commas": "Subject: CN=a" + "," * MANY,
    "names": "Subject: " + "/CN" * MANY,
    "usage": "a  " * MANY + "1 AUTHORIZED",
    "hex": "SHA1 Fingerprint: " + "AF" * MANY,
    "quit": "quit on a line by itself " * (MANY // 20) + "x",
}
READERS: dict[str, Callable[[str], object]] = {
    "certificates": lambda text: show.certificates(text, "Trustpool"),
    "printed": show.printed_certificate,
    "trustpool": show.trustpool,
    "version": show.version,
    "fixes": show.fixes,
    "config": lambda text: show.trustpoint_config(text, "Trustpool"),
    "clock": show.clock,
    "urls": callhome.of_text,
    "licensing": show.licensing,
    **{
        name: pattern.search
        for module in (console, dialog)
        for name, pattern in vars(module).items()
        if isinstance(pattern, re.Pattern)
    },
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("text", TEDIOUS)
def test_no_text_keeps_a_parser_busy(reader: str, text: str) -> None:
    READERS[reader](TEDIOUS[text])


# --- SFTP ------------------------------------------------------------------------------------------------------------


def packet(kind: int, body: bytes) -> bytes:
    return struct.pack(">IB", len(body) + 1, kind) + body


STATUS, HANDLE, ATTRIBUTES = 101, 102, 105


class Babbling(asyncssh.SFTPServer):
    """Answers requests that nobody made, without end."""

    async def stat(self, path: bytes) -> Any:
        number = 1 << 20
        while not self.channel.is_closing():
            self.channel.write(packet(STATUS, struct.pack(">II", number, 0)) * 100)
            number += 1
            await asyncio.sleep(0)


class Answering(asyncssh.SFTPServer):
    """Answers the request for a file's size by bytes of its own."""

    number = 4  # behind open, write, close and chmod
    kind = ATTRIBUTES
    answer = b""

    async def stat(self, path: bytes) -> Any:
        self.channel.write(packet(self.kind, struct.pack(">I", self.number) + self.answer))
        await asyncio.Event().wait()


class Endless(Answering):
    """Says that a file has four thousand million further attributes."""

    answer = struct.pack(">II", 0x80000000, 0xFFFFFFFF)


class Empty(Answering):
    """Says of a file nothing at all."""


class Illegible(Answering):
    """Refuses in no encoding."""

    kind = STATUS
    answer = struct.pack(">II", 4, 2) + b"\xff\xfe"


class Misnamed(Answering):
    """Gives a handle for a size."""

    kind = HANDLE
    answer = struct.pack(">I", 0xFFFFFFFF)


class Huge(asyncssh.SFTPServer):
    """Announces an answer of four gigabytes."""

    async def stat(self, path: bytes) -> Any:
        self.channel.write(b"\xff" * 8)
        await asyncio.Event().wait()


class Wordy(asyncssh.SFTPServer):
    """Refuses with a sentence without end that acts on a terminal."""

    async def stat(self, path: bytes) -> Any:
        raise asyncssh.SFTPFailure("\x1b[2J no" * 100_000)


class Spilling(asyncssh.SFTPServer):
    """Gives more than it was asked for."""

    async def read(self, file_obj: Any, offset: int, size: int) -> bytes:
        return b"x" * (size + 100_000)


@pytest.mark.parametrize("server", [Babbling, Endless, Empty, Illegible, Misnamed, Huge, Wordy, Spilling])
def test_sftp_that_answers_what_no_server_answers_is_left(routers: Routers, server: type[asyncssh.SFTPServer]) -> None:
    router = routers.add(sftp=server)
    with router.ssh(timeout=2.0, clock=RouterClock()) as ssh:
        files = ssh.files()
        with pytest.raises((FileError, SessionLost, ReplyTimeout)) as raised:
            files.put(DATA, PATH)
        assert len(str(raised.value)) < 5000
        if server in (Babbling, Illegible, Misnamed, Huge):
            assert not files.alive  # nothing it says is to be believed
