"""One router as the user names it: address, credentials, and how its host key is judged."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from agent.model.address import valid_host
from agent.model.errors import InputError
from agent.model.local.clock import Clock
from agent.model.local.files import read_start

_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class Secret:
    """A value that never shows itself: not in repr, str, formatting or pickles; only :meth:`reveal` gives it.

    Raises:
        InputError: it is no text that could be sent, as what an environment variable has in another coding than UTF-8.
    """

    __slots__ = ("_value",)
    LONGEST = 4096
    """Bytes of a secret that is the first line of something."""

    def __init__(self, value: str) -> None:
        if not _sendable(value):
            del value  # which the error would keep
            raise InputError("a password or secret is no text in UTF-8", hint="give it in UTF-8")
        self._value = value

    @classmethod
    def from_env(cls, name: str) -> Secret:
        """The value of the environment variable *name*.

        Raises:
            InputError: the variable is unset or empty, or is no text in UTF-8.
        """
        value = os.environ.get(name)
        if not value:
            raise InputError(f"the environment variable {name} is not set", hint=f"export {name}=…")
        try:
            return cls(value)
        finally:
            del value

    @classmethod
    def from_file(cls, path: str | Path) -> Secret:
        """The first line of a file, without its line end.

        Raises:
            InputError: the file cannot be read, is empty, or its first line is longer than 4096 bytes or no text.
        """
        found = cls.first_line(read_start(path, cls.LONGEST + 2))
        if found is None:
            raise InputError(
                f"{path}: its first line is no secret",
                hint="1 to 4096 bytes of UTF-8 on the first line, without control characters",
            )
        return found

    @classmethod
    def first_line(cls, data: bytes) -> Secret | None:
        """The first line of *data*, without its line end; None where it is none of 1 to 4096 bytes, or no text.

        That is no error here, since errors keep what they were made from.
        """
        line = data.partition(b"\n")[0].rstrip(b"\r")
        try:
            value = line.decode("utf-8")
        except UnicodeDecodeError:
            return None
        return cls(value) if 0 < len(line) <= cls.LONGEST and not _CONTROL.search(value) else None

    def reveal(self) -> str:
        """The value itself; call it where the value is handed over, nowhere else."""
        return self._value

    def __repr__(self) -> str:
        return "Secret('***')"

    def __reduce__(self) -> str:
        raise TypeError("a Secret is not pickled: pass a reference to it and resolve it where it is used")


def _sendable(value: str) -> bool:
    """Whether it can be coded; the error of what cannot is caught here, since it keeps the value."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class HostKeys:
    """How a host key is judged: an unknown key is refused, a changed key always.

    Attributes:
        known_hosts: the OpenSSH file; None means ``UserKnownHostsFile`` of the SSH configuration, else
            ``~/.ssh/known_hosts``.
        pinned: the one acceptable key: ``SHA256:…`` as ``ssh-keygen -l`` prints it, or ``ssh-ed25519 AAAA…``.
        accept_new: store the key of a host without any entry, and go on.
    """

    known_hosts: Path | None = None
    pinned: str | None = None
    accept_new: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """What a server asks for at the login besides a password, such as a one-time code; *text* is its own prompt.

    Attributes:
        device: how messages call who asks.
        echo: whether the answer may be seen while it is typed.
    """

    device: str
    text: str
    echo: bool


@dataclass(frozen=True, slots=True)
class Device:
    """What is needed to open a NETCONF session.

    Attributes:
        host: a name or an address and nothing besides; ``Endpoint`` reads ``user@host:port``.
        ssh_port: where the CLI and SFTP are, for what NETCONF does not do.
        timeout: seconds one operation may take.
        open_timeout: seconds from the first packet to the device's hello, the login left out.
        login_timeout: seconds that the login may take, for AAA servers that are slow to answer.
        legacy_ssh: whether SHA-1, CBC and DSS are offered as well, behind what is offered by default.
        clock: what the time-outs go by.
        keepalive: seconds between SSH keepalives; 0 for none.
        jump: the SSH host to go through, itself a device (port 22); it is never sent this device's password.
        ssh_config: an OpenSSH client configuration; None means ``~/.ssh/config`` where it exists.
        ask: asks a person what the login wants besides the password, and gives the answer, or None; called in the
            thread that connects. Without it such a question ends the login.
        use_agent: whether ssh-agent and the user's default keys are offered where neither key nor password is given.
    """

    host: str
    port: int = 830
    ssh_port: int = 22
    username: str | None = None
    password: Secret | None = None
    key_file: Path | None = None
    key_passphrase: Secret | None = None
    use_agent: bool = True
    host_keys: HostKeys = field(default_factory=HostKeys)
    jump: Device | None = None
    ssh_config: Path | None = None
    timeout: float = 60.0
    open_timeout: float = 30.0
    login_timeout: float = 30.0
    legacy_ssh: bool = False
    keepalive: int = 30
    label: str | None = None
    ask: Callable[[Question], str | None] | None = field(default=None, repr=False, compare=False)
    clock: Clock = field(default_factory=Clock, repr=False, compare=False)

    def __post_init__(self) -> None:
        valid_host(self.host)
        for port in (self.port, self.ssh_port):
            if not 0 < port < 65536:
                raise InputError(f"port {port} is outside 1..65535", device=self.host)

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """All that it takes to log in to it and to its jump hosts."""
        own = (self.password, self.key_passphrase)
        return (*(secret for secret in own if secret is not None), *(self.jump.secrets if self.jump else ()))

    @property
    def name(self) -> str:
        """How messages call the device."""
        return self.label or self.host

    @property
    def address(self) -> str:
        """``host:port``, with brackets around an IPv6 address."""
        return f"{self._bracketed}:{self.port}"

    @property
    def place(self) -> str:
        """The address as messages call it that have the name in front: of one that is called by its host ``port 830``,
        of one that is called by host and port ``it``."""
        if self.name == self.address:
            return "it"
        return f"port {self.port}" if self.name in (self.host, self._bracketed) else self.address

    def placed(self, said: str, by: str = "") -> str:
        """*said* behind :attr:`place` and the way there, *by*, where either has anything to say."""
        where = f"{'' if self.name == self.address else self.place} {by}".strip()
        return f"{where}: {said}" if where else said

    @property
    def _bracketed(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host
