"""SSH servers that answer as a script says: a CLI for odd prompts, SFTP for odd disks. All they say is SYNTHETIC."""

from __future__ import annotations

import asyncio
import contextlib
import math
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import asyncssh

import agent
from agent.model.device import Device as Target
from agent.simulator.device.silence import Silence
from tests.support import Clock, DeviceClock

STEM = "RP/0/RP0/CPU0:router"
STAMP = "Mon Nov 23 21:35:00.123 UTC\n"
REQUEST = 'Enter the base 64 encoded certificate.\nEnd with a blank line or the word "quit" on a line by itself\n\n'
ACCEPT = "Do you accept this certificate? [yes/no]: "
PRINTED = """Serial Number  : 0A:01:42:80:00:00:01:45:23:C8:44:B5:00:00:00:02
Subject:
        CN=IdenTrust Commercial Root CA 1,O=IdenTrust,C=US
Issued By      :
        CN=IdenTrust Commercial Root CA 1,O=IdenTrust,C=US
Validity Start : 18:12:23 UTC Thu Jan 16 2014
Validity End   : 18:12:23 UTC Mon Jan 16 2034
SHA1 Fingerprint:
        DF717EAA4AD94EC9558499602D48DE5FBCF03A25

"""
OTHER = PRINTED.replace("DF717E", "AF717E")
INVALID = "                 ^\n% Invalid input detected at '^' marker.\n"


class Interrupted(Exception):
    """Ctrl-C was typed."""


class Hung(Exception):
    """The router hung up."""


Script = Callable[["Cli"], Awaitable[None]]


@dataclass
class Router:
    """What one router says and what was done to it.

    Attributes:
        commands: what a command prints, or a script of it; what is not listed is invalid input.
        commit: what commit prints, or a script of it; the lines count as committed where it neither refuses nor asks.
        typed: every line that was typed, but those of a certificate; answers: what questions got.
        installed: certificates that were accepted.
        shells, logins: how many sessions there were at the CLI, and how many tries to log in.
        silent: whatever is begun says the banner and no more; refuses: so many sessions are answered by hanging up.
    """

    folder: Path
    commands: dict[str, str | Script] = field(default_factory=dict)
    commit: str | Script = ""
    banner: str = ""
    echoes: bool = True
    sftp: type[asyncssh.SFTPServer] | None = asyncssh.SFTPServer
    shell: bool = True
    silent: bool = False
    refuses: int = 0
    port: int = 0
    host_key: str = ""
    typed: list[str] = field(default_factory=list)
    answers: list[tuple[str, str]] = field(default_factory=list)
    pasted: list[str] = field(default_factory=list)
    installed: list[str] = field(default_factory=list)
    running: list[str] = field(default_factory=list)
    aborted: int = 0
    shells: int = 0
    logins: int = 0
    connections: list[asyncssh.SSHServerConnection] = field(default_factory=list)
    known_hosts: Path = Path()
    silence: Silence = field(default_factory=Silence)
    time: Clock = field(default_factory=Clock)

    def target(self, **changes: Any) -> Target:
        """How to reach it; time-outs pass where it says that it is silent, and at once."""
        return replace(
            Target(
                "127.0.0.1",
                ssh_port=self.port,
                username="admin",
                password=agent.Secret("admin"),
                host_keys=agent.HostKeys(self.known_hosts),
                label="router",
                timeout=60.0,
                open_timeout=60.0,
                clock=DeviceClock(self.silence, self.time),
            ),
            **changes,
        )

    def ssh(self, **changes: Any) -> agent.Ssh:
        """A way in that nobody has used yet."""
        return agent.Ssh(self.target(**changes))

    @property
    def at_prompt(self) -> bool:
        """Whether the last thing that happened at the CLI is a prompt in exec mode."""
        return self.mode == "exec"

    mode: str = ""


class Cli:
    """One session at the CLI."""

    def __init__(self, router: Router, process: asyncssh.SSHServerProcess[str]) -> None:
        self.router, self._process = router, process
        self._received = self._sent = 0
        self._waiting = False
        self.rests_until = 0.0
        router.silence.opened(process.channel, self)
        self._ahead = ""
        self._pending: list[str] = []

    @property
    def closing(self) -> bool:
        """Whether the client has left."""
        return self._process.is_closing()

    async def flood(self) -> None:
        """Print without end, as fast as it is read."""
        while not self.closing:
            self.say("x" * 65536)
            await self._process.stdout.drain()

    def at_rest(self, *, typed: int, read: int, now: float) -> bool:
        waits = self._waiting and self._received == typed
        return (waits or now < self.rests_until) and self._sent == read

    async def rest(self, seconds: float) -> None:
        """Say nothing for so long, by the clock of those who wait for it."""
        self.rests_until = self.router.time.now + seconds
        while self.router.time.now < self.rests_until:  # noqa: ASYNC110 - a clock tells nobody that it moved
            await asyncio.sleep(0.005)

    def say(self, text: str) -> None:
        sent = text.replace("\n", "\r\n")
        self._sent += len(sent.encode())
        self._process.stdout.write(sent)

    def drop(self) -> None:
        """The connection ends without a word."""
        for connection in self.router.connections:
            connection.abort()
        raise Hung

    def hang_up(self) -> None:
        """The session ends, the connection stays."""
        self._process.exit(0)
        raise Hung

    async def hang(self) -> None:
        """Nothing more is said; Ctrl-C still works."""
        while True:
            await self.line()

    async def line(self) -> str:
        while "\n" not in self._ahead:
            if "\x03" in self._ahead:
                self._ahead = self._ahead.partition("\x03")[2]
                raise Interrupted
            self._waiting = True
            more = await self._process.stdin.read(4096)
            self._waiting = False
            if not more:
                raise Hung
            self._received += len(more.encode())
            self._ahead += more
        line, _, self._ahead = self._ahead.partition("\n")
        if self.router.echoes:
            self.say(f"{line}\n")
        return line

    async def ask(self, question: str) -> str:
        self.router.mode = "question"
        self.say(question)
        answer = await self.line()
        self.router.answers.append((question, answer))
        return answer

    async def paste(self) -> str:
        """Lines up to a blank one or ``quit``."""
        self.router.mode = "paste"
        lines = []
        while (line := await self.line()) not in ("", "quit"):
            lines.append(line)
        self.router.pasted.append("\n".join(lines) + "\n")
        return self.router.pasted[-1]

    async def accept(self, question: str = ACCEPT) -> None:
        """Ask whether the certificate pasted last is to be installed."""
        if await self.ask(question) in ("yes", "y"):
            self.router.installed.append(self.router.pasted[-1] if self.router.pasted else "fetched")

    async def serve(self) -> None:
        self.router.shells += 1
        self.say(self.router.banner)
        with contextlib.suppress(Hung, asyncssh.Error, ConnectionError):
            if self.router.refuses:
                self.router.refuses -= 1
                self.drop()
            while True:
                try:
                    await self._turn()
                except Interrupted:
                    self.say("^C\n")

    async def _turn(self) -> None:
        router = self.router
        router.mode = "config" if self._pending or router.mode == "config" else "exec"
        self.say(f"\n{STEM}(config)#" if router.mode == "config" else f"\n{STEM}#")
        line = await self.line()
        router.typed.append(line)
        if not line:
            return
        self.say(STAMP)
        if router.mode == "config":
            await self._configure(line)
        elif line in router.commands:
            await self._answer(router.commands[line])
        elif line == "configure terminal":
            router.mode = "config"
        elif not line.startswith("terminal "):
            self.say(INVALID)

    async def _answer(self, answer: str | Script) -> None:
        if isinstance(answer, str):
            self.say(answer)
        else:
            await answer(self)

    async def _configure(self, line: str) -> None:
        router = self.router
        if line in router.commands:
            await self._answer(router.commands[line])
        elif line == "commit":
            before = len(router.answers)
            await self._answer(router.commit)
            refused = isinstance(router.commit, str) and router.commit.startswith("%")
            if not refused and (len(router.answers) == before or router.answers[-1][1] in ("yes", "y")):
                router.running += self._pending
                self._pending = []
        elif line == "abort":
            self._pending, router.mode = [], "exec"
            router.aborted += 1
        elif line == "end":
            if (
                self._pending
                and await self.ask("Uncommitted changes found, commit them before exiting(yes/no/cancel)? [cancel]:")
                == "yes"
            ):
                router.running += self._pending
            self._pending, router.mode = [], "exec"
        else:
            self._pending.append(line)


class _Silent(asyncssh.SSHServerSession[str]):
    """Begins whatever is wanted, and goes no further."""

    def __init__(self, router: Router) -> None:
        self._router = router
        router.shells += 1

    def connection_made(self, chan: asyncssh.SSHServerChannel[str]) -> None:
        self._channel = chan
        self._sent: int | None = None
        self._router.silence.opened(chan, self)

    rests_until = -math.inf

    def at_rest(self, *, typed: int, read: int, now: float) -> bool:
        return self._sent == read

    def pty_requested(self, *terminal: object) -> bool:
        return True

    def shell_requested(self) -> bool:
        return True

    def subsystem_requested(self, subsystem: str) -> bool:
        return True

    def session_started(self) -> None:
        self._channel.write(self._router.banner)
        self._sent = len(self._router.banner.encode())


class Mute:
    """Serves a channel on which nothing more is said, whatever is typed."""

    rests_until = -math.inf

    def at_rest(self, *, typed: int, read: int, now: float) -> bool:
        return True


class _Server(asyncssh.SSHServer):
    def __init__(self, router: Router) -> None:
        self._router = router

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._router.connections.append(conn)

    def password_auth_supported(self) -> bool:
        return True

    def session_requested(self) -> _Silent | bool:
        return self._router.silent and _Silent(self._router)

    def validate_password(self, username: str, password: str) -> bool:
        self._router.logins += 1
        return (username, password) == ("admin", "admin")


def _files(router: Router, sftp: type[asyncssh.SFTPServer], channel: asyncssh.SSHServerChannel[bytes]) -> Any:
    server: Any = sftp(channel, chroot=bytes(router.folder))
    server.router = router
    return server


class Routers:
    """A thread with an event loop that serves routers on 127.0.0.1; a context manager."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="routers")
        self._listeners: list[asyncssh.SSHAcceptor] = []
        self._routers: list[Router] = []
        self._thread.start()

    def add(self, **settings: Any) -> Router:
        """A further router; its disk is a folder of its own."""
        folder = self._folder / f"disk-{len(self._routers)}"
        (folder / "misc" / "disk1").mkdir(parents=True)
        router = Router(folder, known_hosts=self._folder / "known_hosts", **settings)
        self._routers.append(router)
        key = asyncssh.generate_private_key("ssh-ed25519")
        listener = asyncio.run_coroutine_threadsafe(self._listen(router, key), self._loop).result(600)
        self._listeners.append(listener)
        router.port = listener.get_port()
        name, public = key.export_public_key().decode().split()[:2]
        router.host_key = f"[127.0.0.1]:{router.port} {name} {public}"
        with router.known_hosts.open("a") as file:
            file.write(f"{router.host_key}\n")
        return router

    async def _listen(self, router: Router, key: asyncssh.SSHKey) -> asyncssh.SSHAcceptor:
        async def serve(process: asyncssh.SSHServerProcess[str]) -> None:
            await Cli(router, process).serve()
            if not process.is_closing():
                process.exit(0)

        sftp = None if router.silent else router.sftp
        return await asyncssh.create_server(
            lambda: _Server(router),
            "127.0.0.1",
            0,
            server_host_keys=[key],
            process_factory=serve if router.shell and not router.silent else None,
            sftp_factory=None if sftp is None else partial(_files, router, sftp),
            line_editor=False,
            compression_algs=None,
        )

    def call(self, function: Callable[[], object]) -> None:
        """Have *function* called in the servers' thread."""

        async def run() -> None:
            function()

        asyncio.run_coroutine_threadsafe(run(), self._loop).result(600)

    async def _end(self) -> None:
        for listener in self._listeners:
            listener.close()
        for router in self._routers:
            for connection in router.connections:
                connection.abort()
        for listener in self._listeners:
            await listener.wait_closed()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        for task in others:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await self._loop.shutdown_default_executor()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(600)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
