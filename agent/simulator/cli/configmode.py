"""Configuration mode, as far as trustpoints need it: a candidate of its own, committed into the same datastores.

The questions at ``commit`` and ``end`` and the text of a failed commit are IOS XR's as netmiko and others quote them;
that of a locked configuration is put together from the message that NETCONF gives.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from agent.simulator.cli.tty import Terminal
from agent.simulator.datastores import trustpoints
from agent.simulator.datastores.grammar import NoCommand
from agent.simulator.datastores.rpcerrors import Refusal
from agent.simulator.device.simdevice import Device

_OTHERS = """\
One or more commits have occurred from other configuration sessions since this session started or since the last \
commit was made from this session. You can use the 'show configuration commit changes' command to browse the changes.
"""
_PROCEED = "Do you wish to proceed with this commit anyway? [no]: "
_UNCOMMITTED = "Uncommitted changes found, commit them before exiting(yes/no/cancel)? [cancel]:"
_FAILED = (
    "% Failed to commit one or more configuration items during a pseudo-atomic operation. All changes made have been "
    "reverted. Please issue 'show configuration failed [inheritance]' from this session to view the errors"
)
_LOCKED = (
    "% Failed to commit .. As an error (Unknown) encountered during commit operation. Changes may not have been "
    "committed: 'CfgMgr' detected the 'warning' condition 'Configuration Namespace is locked by another agent.'"
)
_SEMANTIC = """\
!! SEMANTIC ERRORS: This configuration was rejected by
!! the system due to semantic errors. The individual
!! errors with each failed configuration command can be
!! found below.
"""


class Shell(Protocol):
    """The CLI session that the mode is one of.

    Attributes:
        name: of the session, as locks and commits have it; config: the mode one is in, None outside configuration.
    """

    device: Device
    terminal: Terminal
    name: str
    config: ConfigMode | None

    async def ask(self, question: str) -> str:
        """The answer to *question*."""

    async def obey(self, line: str) -> None:
        """One command line."""

    def refuses(self, command: str) -> bool:
        """Whether the user may not do it."""

    def complain(self, column: int | None) -> None:
        """Say where a line goes wrong."""


class ConfigMode:
    """From ``configure`` to ``end``, ``abort`` or the last ``exit``."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._device = shell.device
        self._seen = self._device.config.commits
        self._failed = ""
        self._typing = trustpoints.Typing(self._device.home)

    @property
    def mode(self) -> str:
        """What the prompt says."""
        return "config" if self._typing.name is None else "config-trustp"

    def handlers(self) -> dict[str, Callable[..., Awaitable[str | None]]]:
        """The commands beside configuration itself."""
        return {
            "commit": self._commit,
            "commit label <rest>": self._commit,
            "commit comment <rest>": self._commit,
            "abort": self._abort,
            "end": self._end,
            "root": self._root,
            "exit": self._exit,
            "show configuration": self._pending,
            "show configuration failed": self._show_failed,
            "do <rest>": self._do,
        }

    def take(self, line: str) -> None:
        """A line of configuration."""
        self._device.typed.append(" ".join(line.split()))
        if self._shell.refuses(" ".join(line.split())):
            self._shell.terminal.write("% This command is not authorized\n")
            return
        try:
            self._typing.take(line)
        except NoCommand as wrong:
            self._shell.complain(wrong.column)

    async def _commit(self, *_: str) -> str | None:
        config = self._device.config
        if not self._typing.edits:
            return "% No configuration changes to commit."
        asks = self._device.persona.commit_asks
        if asks is not None and await self._shell.ask(asks) not in ("", "y", "yes"):
            return None
        if config.commits != self._seen:
            self._shell.terminal.write(_OTHERS)
            if await self._shell.ask(_PROCEED) not in ("y", "yes"):
                return None
        if self._device.persona.commit_error:
            self._failed = "\n".join(
                [_SEMANTIC, *self._typing.lines[:-1], f"!!% {self._device.persona.commit_error}", "!", "end"]
            )
            return _FAILED
        try:
            config.type(self._typing.edits, self._shell.name)
        except Refusal as refusal:
            return _LOCKED if "locked" in refusal.message else f"{_FAILED}\n{refusal.message}"
        self._seen = config.commits
        self._typing = trustpoints.Typing(self._device.home, self._typing.name)
        return None

    async def _abort(self) -> None:
        self._shell.config = None

    async def _end(self) -> str | None:
        if not self._typing.edits:
            self._shell.config = None
            return None
        answer = await self._shell.ask(_UNCOMMITTED)
        if answer in ("n", "no"):
            self._shell.config = None
        elif answer in ("y", "yes"):
            said = await self._commit()
            if not self._typing.edits:
                self._shell.config = None
            return said
        return None

    async def _root(self) -> None:
        self._typing.name = None

    async def _exit(self) -> str | None:
        if self._typing.name is None:
            return await self._end()
        self._typing.name = None
        return None

    async def _pending(self) -> str:
        return "\n".join(["Building configuration...", "!! IOS XR Configuration", *self._typing.lines, "end", ""])

    async def _show_failed(self) -> str | None:
        return self._failed or None

    async def _do(self, line: str) -> None:
        """An exec command from here."""
        mode, self._shell.config = self._shell.config, None
        try:
            await self._shell.obey(line)
        finally:
            self._shell.config = mode
