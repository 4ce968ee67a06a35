"""The CLI over SSH, for what no model carries: show commands, the two trustpoint lines, the actions."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

from agent.model.errors import AgentError, ConsoleError, InputError, OutcomeUnknown, ReplyTimeout, SessionLost
from agent.model.local.clock import Clock
from agent.model.pki.anchor import TrustAnchor
from agent.model.pki.certificate import Certificate
from agent.netconf.trace import Tap
from agent.xr.cli import terminal
from agent.xr.cli.listening import Said, Stop, one_line
from agent.xr.cli.prompts import offers_yes_or_no, surely_asks
from agent.xr.cli.terminal import Terminal

if TYPE_CHECKING:
    from agent.recording.recorder import Recorded
    from agent.ssh.connection import Connection

log = logging.getLogger(__name__)

# Paths and URLs as one plain word for the CLI and the router's shell: no blanks, quotes, globs, pipes, "?" or "!".
LONGEST_WORD = 400
_WORD = re.compile(rf"[A-Za-z0-9_./:@%+=~-]{{1,{LONGEST_WORD}}}")
# Trustpoint names without the characters that the CLI takes for itself.
_NAME = re.compile(r"[A-Za-z0-9_\-.:,@%+=$][A-Za-z0-9_\-.:,@#%+=$]{0,127}")
# No pattern looks at the same characters twice: a router may print megabytes of blanks. "syntax error", "Aborted" and
# "Error" are words of the admin plane of 64-bit XR. What stands indented or behind a field's name refuses nothing.
REFUSED = re.compile(
    r"^(?:[ \t]*+%.*(?:invalid input|incomplete command|ambiguous command|unrecognized command|not authorized).*"
    r"|(?:[^\s:%][^:\n]{0,60})?\b(?:command (?:is )?not authorized|not authorized to).*"
    r"|%?[ \t]?(?:command )?authorization failed.*"
    r"|syntax error\b.*|(?:aborted|error): .*)$",
    re.MULTILINE | re.IGNORECASE,
)
_UNAUTHORIZED = re.compile(
    r"not authorized|authorization failed|permission denied|access denied|not permitted", re.IGNORECASE
)
_CONFIG_REFUSED = re.compile(r"^[ \t]*+%.*$|^.*not authorized.*$", re.MULTILINE | re.IGNORECASE)
COMMIT_REFUSED = re.compile(r"^[ \t]*+%.*$|^.*failed to commit.*$", re.MULTILINE | re.IGNORECASE)
_NOTHING_NEW = re.compile(r"no configuration changes to commit", re.IGNORECASE)
_OTHERS_COMMITTED = re.compile(r"commits have occurred from other", re.IGNORECASE)
# Questions of commit that only say that it may take its time, and none that mentions anything else.
_TAKES_TIME = re.compile(r"\b(?:few minutes|some time|a while|take (?:long|several|some))", re.IGNORECASE)
_CONFIRM = re.compile(r"\bconfirm\b|\b(?:continue|proceed)\b", re.IGNORECASE)
_MORE_THAN_TIME = re.compile(
    r"other|anyway|reload|re-?start|reboot|reset|los[est]|traffic|disrupt|interrupt|down|outage|disconnect"
    r"|overwrit|replac|eras|delet|remov|destroy|clear|roll|revert",
    re.IGNORECASE,
)
_FAILING = re.compile(
    r"\A(?!.*\b(?:0|no|without) (?:fail|error))(?!.*succe)"
    r".*\b(?:fail|error|unable|cannot|could not|couldn't|not found|no such|denied|refused|timed out|time-?out"
    r"|invalid|unreachable|not (?:reachable|resolve|imported|installed|added))",
    re.IGNORECASE,
)
_OF_IMPORT = re.compile(
    r"import|trust ?p|bundle|certificate|pkcs|\bp7b|\bpem\b|url|uri\b|file|download|fetch|https?|tftp|s?ftp|scp"
    r"|server|host|connect|resolv|dns",
    re.IGNORECASE,
)
_REMARK = re.compile(r"\A\s*+(?:!+(?![!%]).*|end|\^|% Invalid input.*)?$", re.IGNORECASE)
_IMPORT_TAKES = 5.0  # a bundle is fetched and its certificates are checked one by one
_SHELL_SPEAKS = re.compile(r"\A(?:(?:\S{0,80}\b)?(?:cp|rm|sh|bash|ksh)\S{0,80}: |[ \t]*+%)")
_SHELL_ALONE = re.compile(
    r"\A\W*+(?:permission denied|operation not permitted|no such file or directory|no space left on device|disk full"
    r"|read-only file system|(?:\S+: )?command not found)\W*",
    re.IGNORECASE,
)


class Console:
    """A CLI session in exec mode over an authenticated SSH transport; netmiko underneath."""

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
        self.device = device
        self._timeout = timeout
        self._cli = Terminal(connection, device=device, timeout=timeout, tap=tap, recorded=recorded, clock=clock)

    @property
    def alive(self) -> bool:
        """Whether the session was alive when last heard of."""
        return self._cli.alive

    def show(self, command: str, *, timeout: float | None = None) -> str:
        """What an exec command prints, without echo, time stamp and prompt; never paged.

        Log lines that came among it are left out, but by ``show logging``.

        That there is no such thing (``% No such configuration item(s)``) is an answer as well.

        Raises:
            ConsoleError: the device does not know the command or the user may not use it (``unauthorized``).
            ReplyTimeout, SessionLost: no prompt came back.
            InputError: *command* cannot be typed.
        """
        logs = command.split()[1:2] != [] and "logging".startswith(command.split()[1][:7].lower())
        return self._exec(command, timeout, harmless=True, logs=logs)

    def configure(self, lines: Sequence[str]) -> None:
        """Enter configuration mode, type *lines*, commit, leave; on any failure before commit everything is aborted.

        Raises:
            ConsoleError: a line or the commit was refused (with ``show configuration failed``), or another session
                committed meanwhile; nothing is committed.
            OutcomeUnknown: the session was lost between commit and its prompt.
            ReplyTimeout, SessionLost: it was lost before commit; nothing is committed.
            InputError: a line cannot be typed; nothing was.
        """
        for line in lines:
            self._typeable(line)
        try:
            for line in ("configure terminal", *lines):
                self._enter(line)
            self._commit()
        except (ReplyTimeout, ConsoleError):
            self._abort()
            raise
        except BaseException:
            self.close()  # the router drops what is not committed
            raise
        self._leave()

    def authenticate(self, trustpoint: str, anchor: TrustAnchor, *, timeout: float | None = None) -> Certificate:
        """``crypto ca authenticate``: paste the anchor, compare what the device prints, accept only that.

        *timeout* is for each prompt, in seconds; the session's where none is given.

        Returns:
            The certificate as the device printed it before it was accepted (source ``console``).

        Raises:
            AnchorMismatch: it printed another certificate, or too little to tell; the answer was ``no``.
            PolicyRefused: the trustpoint has a certificate already; the answer was ``no``.
            ConsoleError: it asked something unknown, refused the certificate or the command, or ended early.
            ReplyTimeout, SessionLost: before ``yes`` was sent; nothing was installed.
            OutcomeUnknown: ``yes`` was sent and what followed was lost, or was a question that is not known.
            InputError: the trustpoint's name cannot be typed.
        """
        from agent.xr.cli.dialog import AuthenticateDialog

        if not _NAME.fullmatch(trustpoint):
            raise InputError(
                f"the trustpoint name {trustpoint!r} cannot be typed at the CLI",
                device=self.device,
                hint="the CLI takes | ; and a leading # for itself: use another --trustpoint",
            )
        try:
            return AuthenticateDialog(self._cli, trustpoint, anchor, timeout or self._timeout).run()
        except AgentError:
            raise
        except BaseException:
            self.close()  # no answer is given to an open question
            raise

    def import_bundle(self, url: str, *, clean: bool = False, timeout: float | None = None) -> str:
        """exec ``crypto ca trustpool import url [clean] URL``; returns what the device says.

        Raises:
            ConsoleError: it was refused or failed.
            OutcomeUnknown: the answer was lost, or took more than *timeout* seconds, else five times the session's.
            InputError: *url* cannot be typed; nothing was.
        """
        command = f"crypto ca trustpool import url {'clean ' if clean else ''}{self._word(url)}"
        try:
            said = self._exec(command, timeout or _IMPORT_TAKES * self._timeout)
        except (ReplyTimeout, SessionLost) as error:
            self.close()
            raise self._unknown(f"the import was begun and its answer lost: {error.message}", "trustpool") from error
        if any(import_fails(line, url) for line in said.splitlines()):
            raise self._error(f"the import failed: {one_line(said)}")
        return said

    def copy(self, source: str, destination: str) -> None:
        """``run cp``: needs root-lr or cisco-support.

        Raises:
            ConsoleError: refused (``unauthorized``) or failed.
            ReplyTimeout, SessionLost: no prompt came back.
            InputError: a path that is more than one plain word; nothing was typed.
        """
        self._run("run cp", self._word(source), self._word(destination))

    def remove(self, path: str) -> None:
        """``run rm -f``; errors as of :meth:`copy`."""
        self._run("run rm -f", self._word(path))

    def close(self) -> None:
        """End the CLI session; the SSH connection stays. Never raises."""
        self._cli.close()

    def _exec(self, line: str, timeout: float | None = None, *, harmless: bool = False, logs: bool = False) -> str:
        said = self._cli.command(self._typeable(line), timeout, harmless=harmless, logs=logs)
        if said.stop is not Stop.EXEC:
            self.close()
            raise self._error(f"'{line}' does not end at the exec prompt")
        if REFUSED.search(said.text):
            raise self._refusal(line, said.text)
        return said.text

    def _run(self, command: str, *paths: str) -> None:
        """A shell command that says nothing where all is well; noise of others is no failure of it."""
        line = " ".join((command, *paths))
        said = self._exec(line)
        if any(shell_fails(one, paths) for one in said.splitlines()):
            raise self._refusal(line, said)
        if said.strip():
            log.info("%s: '%s' said: %s", self.device, line, one_line(said))

    def _enter(self, line: str) -> None:
        said = self._cli.command(line)
        if _CONFIG_REFUSED.search(said.text):
            raise self._refusal(line, said.text)
        hidden = said.stop is Stop.EXEC and self._cli.prompts.may_hide_mode and not said.text.strip()
        if said.stop is not Stop.CONFIG and not hidden:
            raise self._error(f"'{line}' does not lead to configuration mode: {one_line(said.text)}")

    def _said(self, line: str, echo: str = "") -> Said:
        """What the router says to *line*, whatever that ends in."""
        self._cli.write(f"{line}\n")
        return self._cli.read(self._timeout, echo=echo, idle=terminal.IDLE)

    def _commit(self) -> None:
        self._cli.drain()
        said = self._after_commit("commit", echo="commit")
        if said.stop is Stop.QUESTION:
            said = self._answered(said)
        if COMMIT_REFUSED.search(said.text) and not _NOTHING_NEW.search(said.text):
            why = self._failed() or said.text
            raise self._error(f"the commit was refused: {one_line(why)}")

    def _after_commit(self, line: str, echo: str = "") -> Said:
        try:
            return self._said(line, echo)
        except (ReplyTimeout, SessionLost) as error:
            raise self._unknown(f"commit was typed and its answer lost: {error.message}") from error

    def _answered(self, asked: Said) -> Said:
        """What follows ``y`` where commit only says that it takes its time; once, and anything else gets ``no``."""
        if not only_takes_time(asked.text):
            self._decline(asked)
        said = self._after_commit("yes" if "yes" in asked.text.rpartition("\n")[2].lower() else "y")
        if said.stop is Stop.QUESTION:
            if _OTHERS_COMMITTED.search(said.text):
                self._decline(said)
            self._no()
            raise self._unknown(f"commit was confirmed, and the router then asked: {one_line(said.text)}")
        return said

    def _decline(self, said: Said) -> NoReturn:
        """``no`` to what commit asks."""
        self._no()
        if _OTHERS_COMMITTED.search(said.text):
            raise self._error("other sessions committed meanwhile; nothing was committed here", "safe to run again")
        if not surely_asks(said.text):
            raise self._unknown(f"commit printed what may be a question, and was answered no: {one_line(said.text)}")
        hint = "nothing was committed; commit at the router's console"
        raise self._error(f"commit asks, and was answered no: {one_line(said.text)}", hint)

    def _error(self, message: str, hint: str | None = None) -> ConsoleError:
        return ConsoleError(message, device=self.device, hint=hint)

    def _unknown(self, why: str, what: str = "configuration") -> OutcomeUnknown:
        return OutcomeUnknown(why, device=self.device, hint=f"read the {what} before anything else")

    def _failed(self) -> str:
        """What ``show configuration failed`` prints, without its remarks that are the same each time."""
        try:
            said = self._cli.command("show configuration failed").text
        except AgentError as error:
            log.info("%s: show configuration failed: %s", self.device, error.message)
            return ""
        return "\n".join(line for line in said.splitlines() if not _REMARK.match(line))

    def _leave(self) -> None:
        """Back to exec mode; what is committed stays so, however that ends."""
        try:
            said = self._said("end", echo="end")
        except (ReplyTimeout, SessionLost) as error:
            log.info(
                "%s: the CLI is closed, since it does not leave configuration mode: %s", self.device, error.message
            )
            self.close()
            return
        if said.stop is Stop.QUESTION:
            self._no()
        elif said.stop is not Stop.EXEC:
            self.close()

    def _abort(self) -> None:
        """Drop the uncommitted lines; a session that does not come back is closed, and the router drops them."""
        if not self.alive:
            self.close()
            return
        try:
            if self._cli.command("abort", min(self._timeout, 5.0)).stop is not Stop.EXEC:
                self.close()
        except AgentError as error:
            log.info("%s: the CLI is closed to abort the configuration: %s", self.device, error.message)
            self.close()

    def _no(self) -> None:
        """``no``, and on to a prompt; where none comes, the session is closed."""
        try:
            if self._said("no").stop is Stop.QUESTION:
                self._cli.interrupt()
        except (ReplyTimeout, SessionLost) as error:
            log.info("%s: the CLI is closed: %s", self.device, error.message)
            self.close()

    def _refusal(self, command: str, said: str) -> ConsoleError:
        unauthorized = _UNAUTHORIZED.search(said) is not None
        return ConsoleError(
            f"'{command}' was refused: {one_line(said)}",
            device=self.device,
            hint="the user lacks the task group for it" if unauthorized else None,
            unauthorized=unauthorized,
        )

    def _word(self, text: str) -> str:
        if not _WORD.fullmatch(text) or text.startswith("-"):
            raise InputError(
                f"{text!r} cannot be typed as one word at the CLI",
                device=self.device,
                hint=f"letters, digits and _ . / : @ % + = ~ - only, no longer than {LONGEST_WORD}",
            )
        return text

    def _typeable(self, line: str) -> str:
        """A line that arrives as it is typed: ``?`` asks for help, control characters edit or end the line."""
        if not line.strip() or not line.isascii() or not line.isprintable() or "?" in line or len(line) > 500:
            raise InputError(
                f"the line {line!r} cannot be typed at the CLI",
                device=self.device,
                hint="one line of printable ASCII without a question mark",
            )
        return line


def import_fails(line: str, url: str) -> bool:
    """Whether *line* is the import's own word that it failed: one with ``%``, or one about an import (assumed: H14)."""
    if line.lstrip().startswith("%"):
        return not re.search(r"succe|\b(?:0|no|without) (?:fail|error)", line, re.IGNORECASE)
    return _FAILING.match(line) is not None and (url in line or _OF_IMPORT.search(line) is not None)


def shell_fails(line: str, paths: Sequence[str]) -> bool:
    """Whether *line* is the shell's own word: it names its program or a path, or is an error of files alone."""
    if _SHELL_SPEAKS.match(line) or _SHELL_ALONE.fullmatch(line):
        return True
    return _FAILING.match(line) is not None and any(path in line for path in paths)


def only_takes_time(text: str) -> bool:
    """Whether the question that *text* ends in asks no more than to wait."""
    asks = surely_asks(text) or offers_yes_or_no(text)
    return bool(asks and _TAKES_TIME.search(text) and _CONFIRM.search(text) and not _MORE_THAN_TIME.search(text))
