"""The way to an SSH connection: socket, jump host, host key, user; every failure by its name."""

from __future__ import annotations

import socket
import threading
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import asyncssh

from agent.model.device import Device
from agent.model.errors import (
    AgentError,
    ConnectError,
    SSHAuthenticationError,
    TransportError,
)
from agent.ssh.connection import Connection, Deadline
from agent.ssh.login import Login
from agent.ssh.loop import EventLoop, event_loop
from agent.ssh.peer.negotiation import nothing_in_common, offered, signatures, taken
from agent.ssh.peer.service import Service, not_forwarded, of_jump
from agent.ssh.proxy import ProxyCommand
from agent.ssh.refusal import METHODS
from agent.ssh.settings.config import Settings, settings
from agent.ssh.settings.localuser import STAND_IN

if TYPE_CHECKING:
    from agent.recording.recorder import Recorder

_NOT_SSH = "; or the port is not SSH's"
_LIMIT_WORDS = (b"rate limit", b"exceeded")  # "Exceeded MaxStartups" is OpenSSH's, which jump hosts run
_CLOSED_EARLY = "_exchange_identification:"  # by which ssh(1) in a ProxyCommand says the same
_UNBOUNDED = 2**31 - 1
_NO_RECORDS: tuple[tuple[()], ...] = ((),) * 7
_NEVER = 2.0**31
_BY_HAND = "run the ProxyCommand of the SSH configuration by hand"


def open_ssh(
    device: Device,
    deadline: Deadline,
    service: Service,
    recorder: Recorder | None = None,
    *,
    known: Settings | None = None,
) -> Connection:
    """Connect, check the host key, log in; *service* is what for, which decides what a failure advises.

    The login has ``device.login_timeout`` of its own, which *deadline* does not count. *recorder* is told of a failure.
    *known* are the settings of *device* where they were asked for already.

    Raises:
        ConnectError, HostKeyError, SSHNegotiationError, SSHAuthenticationError: by what failed.
        InputError: an SSH configuration or key file that cannot be used.
    """
    opening = _Opening(known or settings(device), deadline, service)
    try:
        return opening.connection()
    except AgentError as error:
        if recorder is not None:
            from agent.recording.events import Way

            recorder.session(device, opening.login.greeting(), Way(service.value)).closed(error.message)
        raise


class _Opening:
    """One connection on its way; *login* hears what its server says."""

    def __init__(self, known: Settings, deadline: Deadline, service: Service) -> None:
        self._settings = known
        self._device, self._service, self._deadline = self._settings.device, service, deadline
        self._loop: EventLoop = event_loop()
        self._algorithms = offered(self._settings)
        self.login = Login(self._settings, service)
        self._proxy: ProxyCommand | None = None
        self._outer: Connection | None = None

    def connection(self) -> Connection:
        with ExitStack() as undo:
            way = self._way(undo)
            try:
                ssh = self._reached(way)
            except BaseException:
                self._loop.soon(self._give_up, way.get("sock"))
                raise
            self.login.waited_for_no_more()
            made = Connection(self._device, ssh, self.login, undo.pop_all())
            made.proxied = self._proxy is not None or (self._outer is not None and self._outer.proxied)
            if (said := self.login.offer) is not None:
                made.legacy = tuple(name for kind, name in taken(said, self._algorithms).items() if name in kind.legacy)
            return made

    # --- below SSH -----------------------------------------------------------------------------------------------

    def _way(self, undo: ExitStack) -> dict[str, Any]:
        """What asyncssh goes by: a jump host, a command, or a socket."""
        device, options = self._device, self._settings
        if device.jump is not None:
            waits = max(device.login_timeout, device.jump.login_timeout)
            jump = replace(device.jump, login_timeout=waits, ask=device.jump.ask or device.ask)
            try:
                outer = open_ssh(jump, self._deadline, Service.JUMP)
            except TransportError as error:
                raise of_jump(error, jump, device)  # noqa: B904 - it is the same error
            undo.callback(outer.close)
            self._outer = outer
            return {"tunnel": outer.ssh}
        if options.proxy_command:
            self._proxy = self._commanded(options.proxy_command)
            undo.callback(self._proxy.close)
            return {"sock": self._proxy.sock}
        return {"sock": self._socket()}

    def _commanded(self, command: str) -> ProxyCommand:
        try:
            return ProxyCommand(command)
        except OSError as error:
            by, hint = (f" by {error.filename}", "mend SHELL in the environment") if error.filename else ("", None)
            said = f"the ProxyCommand cannot be run{by}: {error.strerror or error}"
            raise ConnectError(said, device=self._device.name, hint=hint) from error

    def _socket(self) -> socket.socket:
        device, service = self._device, self._service
        try:
            sock = socket.create_connection((self._settings.host, self._settings.port), timeout=self._deadline.left())
        except socket.gaierror as error:
            raise ConnectError(
                f"its name cannot be resolved: {error.strerror}",
                device=device.name,
                hint="check the name, or give the address",
            ) from error
        except TimeoutError as error:
            raise ConnectError(
                f"no answer from {device.place} within {self._deadline.seconds:g} s",
                device=device.name,
                hint=service.unanswered,
            ) from error
        except OSError as error:
            # Where the reset comes before connect() returns, it is connect() that fails by it.
            reset = isinstance(error, (ConnectionResetError, ConnectionAbortedError))
            raise ConnectError(
                device.placed(error.strerror or str(error)),
                device=device.name,
                hint=f"{service.limit}{_NOT_SSH}" if reset else service.unreachable(device),
                rate_limited=reset,
            ) from error
        sock.setblocking(False)
        return sock

    # --- SSH -----------------------------------------------------------------------------------------------------

    def _options(self) -> dict[str, Any]:
        """What asyncssh would find for itself, in files and in the environment, is given to it here: as nothing."""
        return dict(
            config=None,
            username=self._settings.username,
            client_factory=lambda login=self.login: login,
            known_hosts=_NO_RECORDS,
            host_key_alias=self._settings.check.alias,
            client_keys=None,
            agent_path=None,
            x509_trusted_certs=None,
            x509_trusted_cert_paths=[],
            gss_host=None,
            host_based_auth=False,
            preferred_auth=METHODS,
            signature_algs=signatures(self._settings),
            compression_algs=["none"],
            utf8_decode_errors="replace",
            connect_timeout=None,
            login_timeout=0,
            keepalive_interval=self._device.keepalive,
            keepalive_count_max=_UNBOUNDED,
            rekey_seconds=_NEVER,
            **self._algorithms,
        )

    def _reached(self, way: dict[str, Any]) -> asyncssh.SSHClientConnection:
        done = threading.Event()
        try:
            with STAND_IN.here():
                return self._loop.run(self._connect(way, done), self._waited, done)
        except TimeoutError as error:
            raise self._late() from error
        except asyncssh.ChannelOpenError as error:
            self._see_that_the_jump_host_is_there(error)
            jump = self._device.jump
            hint = not_forwarded(error.code, self._service, self._device)
            by = f"through the jump host {jump.name if jump else ''}"
            raise ConnectError(self._device.placed(error.reason, by), device=self._device.name, hint=hint) from error
        except (asyncssh.Error, EOFError, OSError, ValueError, UnicodeError) as error:
            self._see_that_the_jump_host_is_there(error)
            failure = self._failure(error)
            raise failure from (None if isinstance(failure, SSHAuthenticationError) else error)

    def _give_up(self, sock: socket.socket | None) -> None:
        """End what nobody waits for any more, in the loop's thread; one whose login had succeeded by then, too."""
        if not self.login.abort() and sock is not None:
            sock.close()

    async def _connect(self, way: dict[str, Any], done: threading.Event) -> asyncssh.SSHClientConnection:
        try:
            return await asyncssh.connect(self._settings.host, self._settings.port, **self._options(), **way)
        finally:
            try:
                await self.login.ended_asking()
            finally:
                done.set()
                self.login.news.set()

    def _waited(self, done: threading.Event) -> bool:
        """Wait until it is open or has failed: for the handshake, then, by a time of its own, for the login."""
        login, clock = self.login, self._device.clock
        while not login.begun and not done.is_set():
            if not clock.wait(login.news, self._deadline.left(), message="handshake"):
                return False
            login.news.clear()
        with self._deadline.stopped():
            own = Deadline(self._device.login_timeout, clock=clock.now)
            while not done.is_set():
                if login.question is not None:
                    with own.stopped():
                        self._ask()
                elif not clock.wait(login.news, own.left(), message="login"):
                    return False
                login.news.clear()
        return True

    def _ask(self) -> None:
        """Have a person answer what the server asks."""
        asked, self.login.question = self.login.question, None
        if asked is None:
            return
        question, answered = asked
        answer = None
        try:
            answer = self._device.ask(question) if self._device.ask else None
        finally:
            self._loop.soon(answered, answer)

    # --- failures ------------------------------------------------------------------------------------------------

    def _see_that_the_jump_host_is_there(self, error: Exception) -> None:
        """Raise a ConnectError where *error* came by the end of the connection to the jump host."""
        jump, outer = self._device.jump, self._outer
        if jump is not None and outer is not None and not outer.alive:
            raise ConnectError(
                f"the jump host {jump.name} ended the connection",
                device=self._device.name,
                hint="see to the jump host, then try again",
            ) from error

    def _late(self) -> AgentError:
        device = self._device
        if self.login.begun:
            return SSHAuthenticationError(
                f"{self._service.who} gave no answer to the login within {device.login_timeout:g} s",
                device=device.name,
                hint="its AAA server is slow or down; give a longer --login-timeout",
            )
        return ConnectError(
            device.placed(f"the SSH handshake did not end within {self._deadline.seconds:g} s"),
            device=device.name,
            hint="it is busy or hangs; try again, or give a longer --open-timeout",
        )

    def _failure(self, error: Exception) -> AgentError:
        """What *error* of asyncssh's means here."""
        device, login, service = self._device, self.login, self._service
        said = _said(error)
        if login.refused is not None:
            return login.refused
        if login.begun:
            ended = isinstance(error, (asyncssh.ConnectionLost, EOFError, OSError))
            return login.failure("" if ended else said)
        if login.offer is not None:
            common = nothing_in_common(login.offer, self._algorithms, device, service)
            if common is not None:
                return common
        return self._refused_early(error, said)

    def _refused_early(self, error: Exception, said: str) -> ConnectError:
        """Tell how a device refuses one more SSH session, a reset or no banner, from a port that is not SSH's.

        From the login on nothing counts as such a refusal: a password is not sent twice.
        """
        device, service, heard = self._device, self._service, self.login.heard
        via, proxied = f"through the jump host {device.jump.name}" if device.jump else "", ""
        ended = isinstance(error, (asyncssh.ConnectionLost, EOFError, ConnectionError))
        if self._proxy is not None:
            via, proxied = "through ProxyCommand", "; or the ProxyCommand failed"
            how = self._proxy.failure() if ended else None
            says = self._proxy.says()
            if how is not None and _CLOSED_EARLY not in says:
                failed = device.placed(f"the ProxyCommand {how}, it says: {says}")
                return ConnectError(failed, device=device.name, hint=_BY_HAND)
            said = f"{said}; the command says: {says}"
        if self.login.offer is None:
            limited = not heard or any(word in heard.lower() for word in _LIMIT_WORDS)
            return ConnectError(
                f"{f'{device.place} {via}'.strip()} sent no SSH banner: {said}",
                device=device.name,
                hint=f"{service.limit}{_NOT_SSH}{proxied}"
                if limited
                else f"it speaks another protocol: {service.unreachable(device)}",
                rate_limited=limited,
            )
        return ConnectError(
            device.placed(f"the SSH handshake failed: {said}", via),
            device=device.name,
            hint=f"{service.limit}{proxied}" if ended else service.unreachable(device),
            rate_limited=ended,
        )


def _said(error: Exception) -> str:
    text = error.reason if isinstance(error, asyncssh.DisconnectError | asyncssh.ChannelOpenError) else str(error)
    return text or type(error).__name__
