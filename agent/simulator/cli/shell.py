"""The CLI on the SSH port: exec mode, the admin plane of 32-bit XR, and the refusals of that of 64-bit XR.

``Invalid input`` with its marker, the time before each command's output and the prompts are IOS XR's; the texts of
other errors are the simulator's own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial
from inspect import isawaitable
from typing import Any

from agent.simulator.cli import authdialog, configmode, licences, shows
from agent.simulator.cli.tty import Closed, Interrupted, Terminal
from agent.simulator.cli.vty import Handler, Vty
from agent.simulator.datastores.grammar import Command, NoCommand, understand
from agent.simulator.datastores.rpcerrors import Refusal
from agent.simulator.device import actions
from agent.simulator.device.faults import Fault, FaultKind
from agent.simulator.device.operstate import moment_of
from agent.simulator.device.simdevice import Device

UNAUTHORIZED = "% This command is not authorized"
_PROMPT_ROOM = 39
_CONFD = "root connected from 127.0.0.1 using console on {}\n{}^\nsyntax error: unknown argument"


class Shell(Vty):
    """What is typed, and the mode it is typed in."""

    def __init__(self, device: Device, terminal: Terminal, drop: Callable[[], None]) -> None:
        super().__init__(device, terminal, drop)
        self.admin = False
        self.config: configmode.ConfigMode | None = None
        self.timestamps = device.persona.timestamps

    async def run(self) -> None:
        """Prompt and obey until the session ends."""
        self.terminal.write("\n\n\n")
        line = "login"
        while not self.ended:
            try:
                line = await self.terminal.line(self.prompt, self.logs("prompt") if line.strip() else "")
                await self.obey(line)
            except Interrupted:
                continue

    @property
    def prompt(self) -> str:
        """``RP/0/RP0/CPU0:NAME#``; in configuration mode name and ``(mode)`` have 39 characters, so the name is cut."""
        card = "RSP0" if (self.device.persona.platform or "").startswith("asr9k") else "RP0"
        name, mode = self.device.name, "(admin)" if self.admin else ""
        if self.config is not None:
            mode = f"({self.config.mode})"
            name = name[: _PROMPT_ROOM - len(mode)]
        return f"RP/0/{card}/CPU0:{name}{mode}#"

    async def obey(self, line: str) -> None:
        """One command line."""
        if not line.strip() or line.strip().startswith("!"):
            return
        handlers = self.handlers()
        try:
            command = understand(line, handlers)
        except NoCommand as error:
            self.configure(line, error)
            return
        if not self.allowed(command.text):
            return
        fault = self.device.cli_fault(command.text)
        if fault is not None and await self.strike(fault):
            return
        await self.perform(handlers[command.pattern], command)
        if self.config is not None and self.config.over:
            self.config = None
        if fault is not None and fault.kind is FaultKind.DROP_AFTER:
            self.leave()

    def allowed(self, command: str) -> bool:
        """Whether the user may do it, who is told otherwise; it is noted either way."""
        self.device.typed.append(command)
        if any(command.startswith(beginning) for beginning in self.device.persona.forbidden):
            self.terminal.write(f"{UNAUTHORIZED}\n")
            return False
        return True

    def configure(self, line: str, unknown: NoCommand) -> None:
        """Take a line of configuration, or say where the line goes wrong."""
        try:
            if self.config is None:
                raise unknown
            if self.allowed(" ".join(line.split())):
                self.config.typing.take(line)
        except NoCommand as wrong:
            if wrong.column is None:
                self.terminal.write("% Incomplete command.\n")
            else:
                marker = " " * (len(self.prompt) + wrong.column) + "^"
                self.terminal.write(f"{marker}\n% Invalid input detected at '^' marker.\n")

    async def perform(self, handler: Handler, command: Command) -> None:
        """Print the time and what the command answers."""
        if self.timestamps and not command.pattern.startswith(("terminal", "exit", "end", "abort", "root")):
            now = self.device.state.now()
            self.terminal.write(f"{now:%a} {moment_of(now)} UTC\n")
        try:
            said = handler(*command.arguments)
            if isawaitable(said):
                said = await said
        except Refusal as refusal:
            said = f"% {refusal.message}"
        except OSError as error:
            said = f"% {error.strerror}"
        self.terminal.write("".join(f"{line}\n" for line in self.device.persona.noise))
        if said:
            half = len(said.partition("\n")[0]) // 2
            await self.terminal.page(said[:half] + self.logs("output") + said[half:])

    async def strike(self, fault: Fault) -> bool:
        """Whether the fault took the command's place."""
        match fault.kind:
            case FaultKind.SILENT:
                await self.terminal.hang()
            case FaultKind.DROP_BEFORE:
                self.leave()
                return True
            case FaultKind.RAW | FaultKind.ERROR:
                self.terminal.write(fault.data.decode() or "% Operation failed\n")
                return True
            case FaultKind.EMPTY:
                return True
            case FaultKind.DELAY:
                await self.rest(fault.seconds)
        return False

    def handlers(self) -> dict[str, Handler]:
        """The commands of the mode one is in."""
        if self.config is not None:
            return {**self.config.handlers(), "do <rest>": self._do}
        shows, plane = licences.commands(self.device), self.device.persona.admin_plane
        if self.admin:
            leave = partial(setattr, self, "admin", False)
            return {**(shows if plane else {}), "exit": leave, "end": leave}
        return {**self.exec_handlers(), **{f"admin {words}" if plane else words: show for words, show in shows.items()}}

    def exec_handlers(self) -> dict[str, Handler]:
        """The commands of exec mode."""
        device = self.device
        return {
            **shows.commands(device),
            "terminal length <lines>": self._length,
            "terminal width <columns>": lambda _: None,
            "terminal monitor": lambda: None,
            "terminal exec prompt no-timestamp": partial(setattr, self, "timestamps", False),
            **dict.fromkeys(("exit", "quit", "logout"), partial(setattr, self, "ended", True)),
            "admin": partial(setattr, self, "admin", True),
            **({} if device.persona.admin_plane else {"admin <rest>": self._confd}),
            "configure": self._configure,
            "configure terminal": self._configure,
            "crypto ca authenticate <name>": lambda name: authdialog.authenticate(self, name),
            "crypto ca trustpool import url clean <url>": lambda url: actions.import_bundle(device, url, clean=True),
            "crypto ca trustpool import url <url>": lambda url: actions.import_bundle(device, url),
            "dir <folder>": self._dir,
            "run cp <source> <destination>": self._copy,
            "run ls -l <path>": self._ls,
            "run rm -f <path>": self._remove,
            "show md5 file <path>": self._md5,
        }

    def _length(self, lines: str) -> str | None:
        if not lines.isdigit():
            return "% Invalid input detected"
        self.terminal.length = int(lines)
        return None

    def _confd(self, rest: str) -> str:
        """The admin plane of 64-bit XR, another CLI, which knows nothing of licences."""
        return _CONFD.format(self.device.name, "-" * len(rest.split()[0]))

    def _configure(self) -> None:
        self.config = configmode.ConfigMode(self)

    async def _do(self, line: str) -> None:
        """An exec command from configuration mode."""
        mode, self.config = self.config, None
        try:
            await self.obey(line)
        finally:
            self.config = mode

    def _dir(self, folder: str) -> str:
        files = self.device.disk.listing(folder)
        if files is None:
            return f"%Error: {folder}: no such file or directory"
        rows = (f"{n:>6} -rw-r--r--. 1 {size:>8} Nov 29 08:00 {name}" for n, (name, size) in enumerate(files, 11))
        size, free = next(((size, free) for prefix, size, free in self.device.disk.space() if prefix in folder), (0, 0))
        return "\n".join(["", f"Directory of {folder}", *rows, "", f"{size} bytes total ({free} bytes free)"])

    def _ls(self, path: str) -> str:
        try:
            size = len(self.device.disk.read(path))
        except OSError as error:
            return f"ls: cannot access '{path}': {error.strerror}"
        return f"-rw-r--r-- 1 root root {size} Nov 29 08:00 {path}"

    def _copy(self, source: str, destination: str) -> str | None:
        """As the router's own shell says it."""
        try:
            self.device.disk.copy(source, destination)
        except OSError as error:
            return f"cp: cannot copy '{source}' to '{destination}': {error.strerror}"
        return None

    def _remove(self, path: str) -> str | None:
        try:
            self.device.disk.remove(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            return f"rm: cannot remove '{path}': {error.strerror}"
        return None

    def _md5(self, path: str) -> str:
        return hashlib.md5(self.device.disk.use(path)).hexdigest()  # noqa: S324 - what routers print


async def serve(device: Device, stdin: Any, stdout: Any) -> None:
    """A shell, or the one command that was asked for in its place."""
    channel = stdout.channel
    terminal = Terminal(stdin, stdout)
    device.silence.opened(channel, terminal)
    shell = Shell(device, terminal, channel.get_connection().abort)
    command = channel.get_command()
    try:
        if command is None:
            await shell.run()
        else:
            terminal.length = 0
            await shell.obey(command)
    except (Closed, Interrupted):
        pass
    terminal.flush()
    if not channel.is_closing():
        channel.exit(0)
