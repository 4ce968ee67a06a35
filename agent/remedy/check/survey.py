"""All that check, show, assess and plan may read of a router, each by every way that leads to it, for a recording."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from agent.model.errors import AgentError, InputError, Interrupted, LoginWithheld, SessionLost, SSHAuthenticationError
from agent.model.method import Storage
from agent.model.state import Reading, State
from agent.netconf.monitoring import holder
from agent.netconf.query import ask
from agent.netconf.retry import Policy, Waits, at_once
from agent.netconf.session import Session
from agent.remedy import read
from agent.remedy.notices.folder import bundled
from agent.remedy.observe import observation
from agent.xr import filesystems

if TYPE_CHECKING:
    from agent.xr.cli.console import Console
    from agent.xr.cli.sshport import Ssh

_NOT_TRIED = "not tried, since the login was refused"


class Survey:
    """Reads all of it, by NETCONF, the CLI and SFTP; what fails is kept, and the next is read all the same.

    *name* is the trustpoint's; *tell* is told what is read.

    Attributes:
        release: what the router says that its release is.
        unread: what could not be read, and why; what no model of it has was not asked for.
        failed: why there was no NETCONF session, or why a session was lost for good; the first of these.
    """

    def __init__(self, name: str, policy: Policy, tell: Callable[[str], object]) -> None:
        self._name, self.policy, self._tell = name, policy, tell
        self.release: str | None = None
        self.unread: list[str] = []
        self.failed: AgentError | None = None

    def steps(
        self, first: Callable[[], Waits[Session]], again: Callable[[], Waits[Session]], ssh: Ssh | None
    ) -> Waits[None]:
        """Read it; *first* has the steps that open a session, *again* those that open it once more where it was lost.

        Raises:
            InputError: a key, known_hosts or SSH configuration file that cannot be used.
            Interrupted: it was cancelled.
        """
        with ExitStack() as stack:
            session: Session | None = None
            for what, reads in (
                ("state", self._state),
                ("file systems", self._file_systems),
                ("sessions", self._sessions),
            ):
                try:
                    if session is None or not session.connected:
                        session = stack.enter_context((yield from (first if session is None else again)()))
                    self._tell(f"NETCONF: {what}")
                    yield from reads(session)
                except AgentError as error:
                    self._unread_by(f"NETCONF: {what}", error)
                    if session is None:
                        break
            if ssh is not None:
                yield from self._by_ssh(ssh)

    def _by_ssh(self, ssh: Ssh) -> Waits[None]:
        failed = self.failed
        # A second refusal may lock the account.
        if isinstance(failed, LoginWithheld) or (isinstance(failed, SSHAuthenticationError) and failed.refused):
            self.unread.append(f"CLI and SFTP: {_NOT_TRIED}")
            return
        yield from ssh.opening()
        for what, reads in (("CLI", self._cli), ("SFTP", self._files)):
            self._tell(what)
            try:
                reads(ssh)
            except AgentError as error:
                self._unread_by(what, error)

    def _state(self, session: Session) -> Waits[None]:
        state = yield from observation(session, self._name, self.policy, judged_by=bundled().signatures)
        self.release = state.software.value.release if state.software.value else None
        for what, reading in _readings(state):
            self._see(f"NETCONF: {what}", reading)

    def _file_systems(self, session: Session) -> Waits[None]:
        (reading,) = yield from ask(session, [filesystems.query(session.schema)], self.policy)
        self._see("NETCONF: file systems", reading)

    def _sessions(self, session: Session) -> Waits[None]:
        """Who is logged in, which a push asks where somebody holds a lock."""
        yield from at_once(lambda: holder(session, session.session_id or ""))

    def _cli(self, ssh: Ssh) -> None:
        console = ssh.console()
        for what, reading in read.everything(ssh, self._name, self.policy.now):
            self.policy.check()
            self._see(f"CLI: {what}", reading)
            if what == "release" and self.release is None and reading.value is not None:
                self.release = reading.value.release
            if not console.alive:
                console = self._again(ssh)

    def _again(self, ssh: Ssh) -> Console:
        try:
            return ssh.console()
        except Interrupted:
            raise
        except AgentError as error:
            raise SessionLost(f"the session was lost, and does not come back: {error.message}") from error

    def _files(self, ssh: Ssh) -> None:
        files = ssh.files()
        for storage in Storage:
            self.policy.check()
            if files.exists(storage.folder):
                files.names(storage.folder)

    def _see(self, what: str, reading: Reading[Any]) -> None:
        """A reading that a model or the CLI has, and did not give."""
        if reading.missing is not None and reading.source is not None:
            self.unread.append(f"{what}: {reading.missing}")

    def _unread_by(self, what: str, error: AgentError) -> None:
        if isinstance(error, InputError | Interrupted):
            raise error
        self.unread.append(f"{what}: {error.message}")
        if what.startswith("NETCONF") or isinstance(error, SessionLost):
            self.failed = self.failed or error


def _readings(state: State) -> Iterator[tuple[str, Reading[Any]]]:
    for one in fields(state):
        if isinstance(reading := getattr(state, one.name), Reading):
            yield one.name.replace("_", " "), reading
