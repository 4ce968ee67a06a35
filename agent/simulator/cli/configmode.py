"""Configuration mode, as far as trustpoints need it: a candidate of its own, committed into the same datastores.

The questions at ``commit`` and ``end`` and the text of a failed commit are IOS XR's as netmiko and others quote them;
that of a locked configuration is put together from the message that NETCONF gives.
"""

from __future__ import annotations

from agent.simulator.cli.vty import Handler, Vty
from agent.simulator.datastores import trustpoints
from agent.simulator.datastores.rpcerrors import Refusal

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


class ConfigMode:
    """From ``configure`` to ``end``, ``abort`` or the last ``exit``, after which it is ``over``.

    ``typing`` takes the lines of configuration.
    """

    def __init__(self, vty: Vty) -> None:
        self._vty, self._device = vty, vty.device
        self.over = False
        self._seen = self._device.config.commits
        self._failed = ""
        self.typing = trustpoints.Typing(self._device.home)

    @property
    def mode(self) -> str:
        """What the prompt says."""
        return "config" if self.typing.name is None else "config-trustp"

    def handlers(self) -> dict[str, Handler]:
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
        }

    async def _commit(self, *_: str) -> str | None:
        config = self._device.config
        if not self.typing.edits:
            return "% No configuration changes to commit."
        asks = self._device.persona.commit_asks
        if asks is not None and await self._vty.ask(asks) not in ("", "y", "yes"):
            return None
        if config.commits != self._seen:
            self._vty.terminal.write(_OTHERS)
            if await self._vty.ask(_PROCEED) not in ("y", "yes"):
                return None
        if self._device.persona.commit_error:
            self._failed = "\n".join(
                [_SEMANTIC, *self.typing.lines[:-1], f"!!% {self._device.persona.commit_error}", "!", "end"]
            )
            return _FAILED
        try:
            with config.committing(self._vty.name, typed=True) as served:
                if served:
                    await self._vty.rest(self._device.draw("commit"))
                config.type(self.typing.edits, self._vty.name)
        except Refusal as refusal:
            return _LOCKED if "locked" in refusal.message else f"{_FAILED}\n{refusal.message}"
        self._seen = config.commits
        self.typing = trustpoints.Typing(self._device.home, self.typing.name)
        return None

    def _abort(self) -> None:
        self.over = True

    async def _end(self) -> str | None:
        answer = await self._vty.ask(_UNCOMMITTED) if self.typing.edits else "no"
        if answer in ("y", "yes"):
            said = await self._commit()
            self.over = not self.typing.edits
            return said
        self.over = answer in ("n", "no")
        return None

    def _root(self) -> None:
        self.typing.name = None

    async def _exit(self) -> str | None:
        if self.typing.name is None:
            return await self._end()
        self.typing.name = None
        return None

    def _pending(self) -> str:
        return "\n".join(["Building configuration...", "!! IOS XR Configuration", *self.typing.lines, "end", ""])

    def _show_failed(self) -> str | None:
        return self._failed or None
