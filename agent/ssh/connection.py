"""An authenticated SSH connection to a device: socket, jump host, host key, user; every failure by its name."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

import paramiko
from paramiko.packet import Packetizer
from paramiko.pkey import UnknownKeyType

from agent.model.device import Device, Secret
from agent.model.errors import ConnectError, InputError, SSHAuthenticationError, TransportError
from agent.ssh.peer import Service, not_forwarded, of_jump
from agent.ssh.settings.config import Settings, settings

log = logging.getLogger(__name__)
# What ends a connection is raised by its name; without a handler Python prints paramiko's errors to stderr besides.
_paramiko_log = logging.getLogger("agent.ssh.paramiko")
_paramiko_log.addHandler(logging.NullHandler())

E = TypeVar("E", bound=BaseException)

_CLOSE_WAIT = 5.0
_FIRST_WORDS = 256
_KEY = "publickey"
_NOT_SSH = "; or the port is not SSH's"
_LIMIT_WORDS = (b"rate limit", b"exceeded")  # "Exceeded MaxStartups" is OpenSSH's, which jump hosts run


class Deadline:
    """Seconds left of a cap that several steps share."""

    def __init__(self, seconds: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds = seconds
        self._clock = clock
        self._end = clock() + seconds

    def left(self) -> float:
        """Seconds left, at least a millisecond so that a socket never turns non-blocking."""
        return max(0.001, self._end - self._clock())


class _Socket(socket.socket):
    """A TCP connection that keeps the first that the peer said, by which a refusal differs from another protocol."""

    heard = b""

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        data = super().recv(bufsize, flags)
        if len(self.heard) < _FIRST_WORDS:
            self.heard += data[:_FIRST_WORDS]
        return data


class _Packets(Packetizer):
    """paramiko's packets without a thread for the time-out of the handshake, which is waited for by a deadline."""

    def start_handshake(self, timeout: float) -> None:
        pass


class Connection:
    """An authenticated SSH transport with everything below it: socket and jump hosts end with it."""

    def __init__(self, transport: paramiko.Transport, below: ExitStack) -> None:
        self.transport = transport
        self._below = below

    def close(self) -> None:
        """Close at once and for good; closing again does nothing."""
        _close(self.transport)
        self._below.close()


def open_ssh(device: Device, deadline: Deadline, service: Service) -> Connection:
    """Connect, check the host key, log in; *service* is what for, which decides what a failure advises.

    Raises:
        ConnectError, HostKeyError, SSHAuthenticationError: by what failed.
        InputError: an SSH configuration or key file that cannot be read.
    """
    made = _settings(device, service)
    with ExitStack() as undo:
        sock = _socket(made, deadline, undo)
        undo.callback(sock.close)
        transport = _handshake(made, sock, deadline)
        undo.callback(_close, transport)
        shown = transport.get_remote_server_key()
        made.check.verify(shown.get_name(), shown.asbytes())
        with _named(made):
            _authenticate(made, transport, deadline)
        if device.keepalive:
            transport.set_keepalive(device.keepalive)
        return Connection(transport, undo.pop_all())


def _close(transport: paramiko.Transport) -> None:
    """Close without paramiko's wait: its reader polls every 100 ms, and wakes at once when the socket is shut.

    No cycle is left of it: of a fleet's sessions hundreds would pile up, 70 kB each, before the collector finds them.
    """
    sock = transport.sock
    if isinstance(sock, socket.socket):
        try:
            sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            log.debug("the socket was shut already")
    transport.close()
    # close() returns at once where the peer hung up first, with the thread still on its way out.
    if transport.is_alive() and transport is not threading.current_thread():
        transport.join(_CLOSE_WAIT)
    if not transport.is_alive():
        transport.saved_exception = None
        vars(transport).pop("_handler_table", None)  # its values are bound to the transport, and its thread is gone


@dataclass(frozen=True, slots=True)
class _Settings(Settings):
    """The same, and what the connection is for."""

    service: Service = Service.NETCONF


def _settings(device: Device, service: Service) -> _Settings:
    found = settings(device)
    return _Settings(**{field.name: getattr(found, field.name) for field in fields(found)}, service=service)


def _socket(settings: _Settings, deadline: Deadline, undo: ExitStack) -> Any:
    device = settings.device
    if device.jump is not None:
        try:
            outer = open_ssh(device.jump, deadline, Service.JUMP)
        except TransportError as error:
            raise of_jump(error, device.jump, device)  # noqa: B904 - it is the same error
        undo.callback(outer.close)
        with _named(settings, f"through the jump host {device.jump.name}"):
            return outer.transport.open_channel(
                "direct-tcpip", (settings.host, settings.port), ("127.0.0.1", 0), timeout=deadline.left()
            )
    if settings.proxy_command:
        with _named(settings, "through ProxyCommand"):
            return paramiko.ProxyCommand(settings.proxy_command)
    try:
        sock = socket.create_connection((settings.host, settings.port), timeout=deadline.left())
    except socket.gaierror as error:
        raise ConnectError(
            f"its name cannot be resolved: {error.strerror}",
            device=device.name,
            hint="check the name, or give the address",
        ) from error
    except TimeoutError as error:
        raise ConnectError(
            f"no answer from {device.address} within {deadline.seconds:g} s",
            device=device.name,
            hint=settings.service.unanswered,
        ) from error
    except OSError as error:
        # Where the reset comes before connect() returns, it is connect() that fails by it.
        reset = isinstance(error, (ConnectionResetError, ConnectionAbortedError))
        raise ConnectError(
            f"{device.address}: {error.strerror or error}",
            device=device.name,
            hint=f"{settings.service.limit}{_NOT_SSH}" if reset else settings.service.unreachable(device),
            rate_limited=reset,
        ) from error
    # Without it Nagle's algorithm and delayed ACK cost 40 ms at several points of the SSH handshake.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    return _Socket(fileno=sock.detach())


def _handshake(settings: _Settings, sock: Any, deadline: Deadline) -> paramiko.Transport:
    with _named(settings), _refused_early(settings, sock):
        transport = paramiko.Transport(sock, packetizer_class=_Packets)
        transport.set_log_channel(_paramiko_log.name)
        transport.banner_timeout = transport.handshake_timeout = deadline.left()
        transport.auth_timeout = transport.channel_timeout = deadline.left()
        options = transport.get_security_options()
        options.key_types = settings.check.algorithms(options.key_types)
        # As OpenSSH does since 10.0; and paramiko compares the MACs of the others byte by byte, in Python.
        options.ciphers = sorted(options.ciphers, key=lambda name: "-gcm@" not in name)
        try:
            ended = threading.Event()
            transport.start_client(event=ended)  # its own time-out goes by the wall clock, which may be set back
            in_time = settings.device.clock.wait(ended, deadline.left(), message="handshake")
            if not transport.is_active():
                raise transport.get_exception() or paramiko.SSHException("the negotiation failed")
            if not in_time:
                raise ConnectError(
                    f"{settings.device.address}: the SSH handshake did not end within {deadline.seconds:g} s",
                    device=settings.device.name,
                    hint="it is busy or hangs; try again, or give a longer --open-timeout",
                )
        except BaseException:
            _close(transport)
            raise
        return transport


@contextmanager
def _named(settings: _Settings, via: str = "") -> Iterator[None]:
    """Give every failure of paramiko its name in the error tree."""
    device, service = settings.device, settings.service
    where = f"{device.address} {via}".strip()
    try:
        yield
    except paramiko.AuthenticationException as error:
        raise SSHAuthenticationError(
            f"{service.who} refused the login: {error}",
            device=device.name,
            hint=service.login,
            refused=True,
        ) from error
    except paramiko.ChannelException as error:
        hint = not_forwarded(error.code, service, device)
        raise ConnectError(f"{where}: {error.text}", device=device.name, hint=hint) from error
    except (paramiko.SSHException, EOFError, OSError) as error:
        said = str(error) or type(error).__name__
        hint = f"check the connection to it {via}" if via else service.unreachable(device)
        raise ConnectError(f"{where}: SSH failed: {said}", device=device.name, hint=hint) from error


@contextmanager
def _refused_early(settings: _Settings, sock: Any) -> Iterator[None]:
    """Tell how a device refuses one more SSH session, a reset or no banner, from a port that is not SSH's.

    From the login on nothing counts as such a refusal: a password is not sent twice.
    """
    device, service = settings.device, settings.service
    proxied = "; or the ProxyCommand failed" if settings.proxy_command else ""
    try:
        yield
    except (paramiko.SSHException, EOFError, OSError) as error:
        said = str(error) or type(error).__name__
        heard = getattr(sock, "heard", b"")
        if "banner" in said.lower():
            limited = not heard or any(word in heard.lower() for word in _LIMIT_WORDS)
            raise ConnectError(
                f"{device.address} sent no SSH banner: {said}",
                device=device.name,
                hint=f"{service.limit}{_NOT_SSH}{proxied}"
                if limited
                else f"it speaks another protocol: {service.unreachable(device)}",
                rate_limited=limited,
            ) from error
        if not isinstance(error, (EOFError, ConnectionError)):
            raise
        raise ConnectError(
            f"{device.address}: the SSH handshake failed: {said}",
            device=device.name,
            hint=f"{service.limit}{proxied}",
            rate_limited=True,
        ) from error


def _authenticate(settings: _Settings, transport: paramiko.Transport, deadline: Deadline) -> None:
    """Offer keys, then the password; a key that is accepted in part (key *and* password wanted) goes on to what the
    device still wants."""
    transport.auth_timeout = deadline.left()
    wanted, refused = _offer_keys(settings, transport)
    if transport.is_authenticated():
        return
    password = settings.device.password
    if password is not None:
        try:
            further = transport.auth_password(settings.username, password.reveal())
        except (paramiko.SSHException, EOFError, OSError) as error:
            raise _forgetting(error) from None
        if further:
            raise _accepted_in_part(settings, ["a key", "the password"] if wanted else ["the password"], further)
        return
    if wanted:
        raise _accepted_in_part(settings, ["a key"], wanted)
    raise SSHAuthenticationError(
        f"{settings.service.who} accepted no key of {settings.username}"
        if refused
        else "there is no key and no password",
        device=settings.device.name,
        hint=settings.service.key,
        refused=refused is not None,
    ) from refused


def _offer_keys(
    settings: _Settings, transport: paramiko.Transport
) -> tuple[list[str], paramiko.AuthenticationException | None]:
    """What is wanted besides a key that was accepted in part, and the refusal of the last key that was not."""
    wanted: list[str] = []
    refused: paramiko.AuthenticationException | None = None
    with closing(_keys(settings)) as keys:
        for key in keys:
            try:
                wanted = transport.auth_publickey(settings.username, key)
                if _KEY not in wanted:
                    break
            except paramiko.BadAuthenticationType as error:
                refused = error
                break
            except paramiko.AuthenticationException as error:
                refused = error
                if not transport.is_active():
                    raise
    return wanted, refused


def _accepted_in_part(settings: _Settings, given: list[str], wanted: list[str]) -> SSHAuthenticationError:
    """What the device took, and what it wants besides, by the names of RFC 4252 section 5."""
    if settings.service is Service.JUMP:
        hint = settings.service.key
    elif "a key" not in given and _KEY in wanted:
        hint = "give a key with --key, or load one into ssh-agent"
    elif "the password" not in given and {"password", "keyboard-interactive"} & set(wanted):
        hint = "give the password as well: --password-env, --password-file or --ask-password"
    elif _KEY in wanted:
        hint = "give the other key with --key, or load it into ssh-agent"
    else:
        hint = "it cannot be given here: let this user log in with a key, a password or both"
    taken = f"{settings.service.who} accepted {' and '.join(given)} of {settings.username}"
    return SSHAuthenticationError(
        f"{taken}, and wants {', '.join(wanted)} as well",
        device=settings.device.name,
        hint=hint,
    )


def _forgetting(error: E) -> E:
    """*error* without the frames it came through and the errors below it: their local variables hold a secret."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


def _keys(settings: _Settings) -> Generator[paramiko.PKey, None, None]:
    device = settings.device
    for path in settings.key_files:
        explicit = device.key_file is not None
        if explicit or path.exists():
            yield from _load(path, device.key_passphrase, required=explicit)
    if settings.agent_path:
        agent = paramiko.Agent()
        try:
            yield from agent.get_keys()
        finally:
            agent.close()
    for path in settings.default_key_files:
        if path.exists():
            yield from _load(path, device.key_passphrase, required=False)


def _load(path: Path, passphrase: Secret | None, *, required: bool) -> Iterator[paramiko.PKey]:
    # The stubs ask for str; cryptography, to which paramiko hands it on, takes bytes only.
    load: Any = paramiko.PKey.from_path
    try:
        yield load(str(path), passphrase.reveal().encode() if passphrase else None)
    except (OSError, ValueError, TypeError, paramiko.SSHException, UnknownKeyType) as error:
        if required:
            raise InputError(
                f"{path}: the key cannot be used: {error}", hint="check file and passphrase"
            ) from _forgetting(error)
        log.info("%s: passed over, the key cannot be used: %s", path, type(error).__name__)
