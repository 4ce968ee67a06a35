"""Another client at the device: a session under the rules of all others, without a connection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from agent.simulator.datastores.datastores import Datastores
from agent.simulator.datastores.rpcerrors import Refusal
from agent.simulator.datastores.trustpoints import Home
from agent.simulator.device.operstate import State

_FIRST = 9001


class Device(Protocol):
    """The device such a session is at."""

    config: Datastores
    home: Home
    state: State
    other_sessions: dict[str, str]

    def post(self, work: Callable[[], None], /) -> None:
        """Run *work* in the simulator's thread and wait for it."""

    def enrollment(self, name: str) -> str | None:
        """The running enrollment of a trustpoint."""

    def kill(self, session: str, *, by: str) -> None:
        """End a session by another."""


class OtherSession:
    """A session of *user*; it is listed with the others, holds locks as they do and ends when it is killed.

    Every method but :meth:`authenticate` and :meth:`clear`, which are about certificates, is one NETCONF operation, and
    raises :class:`Refusal` where the server answers with an rpc-error. Without a lock nothing keeps it out of the
    candidate but the lock of others.
    """

    def __init__(self, device: Device, user: str) -> None:
        self._device, self._config = device, device.config
        self.session_id = str(next(n for n in range(_FIRST, _FIRST + 1000) if str(n) not in device.other_sessions))
        device.other_sessions[self.session_id] = user

    @property
    def alive(self) -> bool:
        """Whether the session was neither ended nor killed."""
        return self.session_id in self._device.other_sessions

    def lock(self, target: str = "candidate") -> None:
        """Lock a datastore."""
        self._do(lambda: self._config.lock(target, self.session_id))

    def unlock(self, target: str = "candidate") -> None:
        """Give the lock back."""
        self._do(lambda: self._config.unlock(target, self.session_id))

    def edit(self, name: str, enrollment: str) -> None:
        """Put a trustpoint into the candidate, or give it another enrollment."""
        home = self._device.home
        self._do(lambda: self._config.edit([home.edit(name, home.enroll(enrollment))], "merge", self.session_id))

    def remove(self, name: str) -> None:
        """Take a trustpoint out of the candidate."""
        self._do(lambda: self._config.edit([self._device.home.edit(name, remove=True)], "merge", self.session_id))

    def discard(self) -> None:
        """Discard the candidate's changes, whoever made them."""
        self._do(lambda: self._config.discard(self.session_id))

    def commit(self) -> None:
        """Commit the candidate, whoever edited it."""
        self._do(lambda: self._config.commit(self.session_id))

    def commit_on_trial(self, timeout: float = 600.0, persist: str | None = None) -> None:
        """Commit the candidate until *timeout* seconds of the device's clock have passed."""
        self._do(lambda: self._config.commit_confirmed(self.session_id, timeout=timeout, persist=persist))

    def confirm(self, persist: str) -> None:
        """Confirm a commit on trial, by its persist-id."""
        self._do(lambda: self._config.confirm(self.session_id, persist))

    def cancel(self, persist: str | None = None) -> None:
        """Take a commit on trial back; without *persist* it must be this session's own."""
        self._do(lambda: self._config.cancel(self.session_id, persist))

    def authenticate(self, name: str, pem: str) -> None:
        """Give a configured trustpoint a certificate, in place of the one it has."""

        def install() -> None:
            enrollment = self._device.enrollment(name)
            if enrollment is None:
                raise Refusal("operation-failed", "Trustpoint not found")
            self._device.state.install(name, pem, enrollment)

        self._do(install)

    def clear(self, name: str) -> None:
        """Take a trustpoint's certificate away, if it has one."""
        self._do(lambda: self._device.state.certificates.pop(name, None))

    def kill(self, session: str) -> None:
        """End another session, and with it its locks."""
        self._do(lambda: self._device.kill(session, by=self.session_id))

    def end(self) -> None:
        """End this session as by close-session."""
        self._do(lambda: self._device.kill(self.session_id, by=""))

    def _do(self, work: Callable[[], object]) -> None:
        """Run *work* in the simulator's thread, where nothing else happens meanwhile."""

        def run() -> None:
            if not self.alive:
                raise ConnectionResetError(f"session {self.session_id} has ended")
            work()

        self._device.post(run)
