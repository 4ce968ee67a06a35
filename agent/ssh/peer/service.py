"""What is at the other end of an SSH connection, and what to check where it fails: each kind fails in its own way."""

from __future__ import annotations

from enum import Enum

from agent.model.device import Device
from agent.model.errors import SSHAuthenticationError, TransportError


class Service(Enum):
    """What a connection is for."""

    NETCONF = "netconf"
    CLI = "cli"
    JUMP = "jump"

    @property
    def who(self) -> str:
        """The host, as messages call it that have its name in front."""
        return "it" if self is Service.JUMP else "the device"

    def unreachable(self, device: Device) -> str:
        """What to check where nothing answers as it should."""
        return {
            Service.NETCONF: f"check the address, and 'ssh server netconf port {device.port}' and "
            "'netconf-yang agent ssh' on the router",
            Service.CLI: "check the address and --ssh-port, and 'ssh server v2' on the router",
            Service.JUMP: "check the jump host's address and port, and its SSH server",
        }[self]

    @property
    def unanswered(self) -> str:
        """What to check where nothing answers at all."""
        return f"check routes and filters between here and the {'jump host' if self is Service.JUMP else 'router'}"

    @property
    def limit(self) -> str:
        """How it limits new sessions, and what to do then."""
        if self is Service.JUMP:
            return "it may limit new sessions (MaxStartups of OpenSSH): wait a minute, then try again"
        return "IOS XR takes 60 new SSH sessions a minute by default: wait a minute, then try again"

    @property
    def login(self) -> str:
        """What to check where a login was refused."""
        return _JUMP_KEY if self is Service.JUMP else "check user, key and password"

    @property
    def key(self) -> str:
        """What to give where there was nothing to log in with."""
        if self is Service.JUMP:
            return _JUMP_KEY
        return "give --key, --password-env or --ask-password, or load a key into ssh-agent"

    @property
    def password(self) -> str:
        """What to give where a key is not asked for; a jump host is never given a password."""
        if self is Service.JUMP:
            return "let it take a key of this user: a jump host is sent no password"
        return "give --password-env, --password-file or --ask-password"


_JUMP_KEY = (
    "the router's password and --key are not for it: load its key into ssh-agent, or name it by IdentityFile in the "
    "SSH configuration"
)
_JUMP = "the jump host "
_PROHIBITED, _UNREACHED = 1, 2  # RFC 4254 section 5.1


def of_jump(error: TransportError, jump: Device, device: Device) -> TransportError:
    """*error*, which befell *jump* on the way to *device*, as one of that device which names the jump host.

    Of a chain it names the host that it befell.
    """
    if not error.message.startswith(_JUMP):
        error.message = f"{_JUMP}{jump.name}: {error.message}"
    error.device = device.name
    if isinstance(error, SSHAuthenticationError):
        error.at_jump = True
    return error


def not_forwarded(code: int, service: Service, device: Device) -> str:
    """What to check where a jump host opens no connection to *device*, by the *code* of its refusal."""
    if code == _PROHIBITED:
        return "the jump host does not forward there: AllowTcpForwarding and PermitOpen of its SSH server"
    if code == _UNREACHED:
        return f"the jump host cannot reach it: {service.unreachable(device)}"
    return "the jump host refused it: look at its log"
