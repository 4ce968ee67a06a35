"""Every error the agent raises.

::

    AgentError
    ├─ InputError            inventory, PEM, options: before any connection
    ├─ TransportError        ConnectError · HostKeyError · SSHNegotiationError · SSHAuthenticationError ·
    │                        LoginWithheld · SessionLost
    ├─ CapabilityMissing     what is missing, and which method would need it
    ├─ SchemaError           a payload the device's models do not allow (never sent)
    ├─ ProtocolError         the peer's bytes are no NETCONF: framing, XML, bounds
    ├─ RPCError              every <rpc-error> of one reply · LockDenied · AccessDenied
    ├─ ReplyTimeout          a read got no answer: safe to repeat
    ├─ OutcomeUnknown        a write was sent and its answer lost: read back first
    ├─ ConsoleError          the CLI over SSH refused a command, or did not answer as expected
    ├─ FileError             a file could not be put on the router, or did not arrive whole; or a report not be written
    ├─ JournalError          the journal cannot be written: nothing further may be begun
    ├─ Interrupted           cancelled by the user; what was under way is finished or undone
    ├─ PolicyRefused         the agent will not do this unasked (a foreign candidate, another enrollment)
    └─ TrustError            CertificateMissing · AnchorMismatch
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

__all__ = [
    "AccessDenied",
    "AgentError",
    "AnchorMismatch",
    "CapabilityMissing",
    "CertificateMissing",
    "ConnectError",
    "ConsoleError",
    "FileError",
    "HostKeyError",
    "InputError",
    "Interrupted",
    "JournalError",
    "LockDenied",
    "LoginWithheld",
    "OutcomeUnknown",
    "PolicyRefused",
    "ProtocolError",
    "RPCError",
    "ReplyTimeout",
    "RpcErrorInfo",
    "SSHAuthenticationError",
    "SSHNegotiationError",
    "SchemaError",
    "SessionLost",
    "TransportError",
    "TrustError",
]


_LONGEST = 2000


def shortened(text: str, longest: int = _LONGEST) -> str:
    """*text*, or its beginning and how much is left out: what a device wrote into a message has no bound of its own."""
    return text if len(text) <= longest else f"{text[:longest]}… ({len(text) - longest} characters more)"


class AgentError(Exception):
    """An expected failure: what happened, on which device, and what to do next.

    Attributes:
        message: one sentence in plain words, without the device's name, shortened to 2000 characters.
        device: the name the user gave the device, or None before one is known.
        hint: the next thing to do, or None where the message says it.
        logged_in: whether no session came of a connection whose login had succeeded.
    """

    kind: ClassVar[str] = "error"
    logged_in = False

    def __init__(self, message: str, *, device: str | None = None, hint: str | None = None) -> None:
        self.message = shortened(message)
        self.device = device
        self.hint = hint if hint is None else shortened(hint)
        super().__init__(self.message)

    def __str__(self) -> str:
        text = f"{self.device}: {self.message}" if self.device else self.message
        return f"{text} ({self.hint})" if self.hint else text


class InputError(AgentError):
    """An option, an inventory or a PEM file is wrong; found before any connection."""

    kind = "input"


class TransportError(AgentError):
    """The connection to the device failed."""

    kind = "transport"


class ConnectError(TransportError):
    """No NETCONF session could be opened: address, port, SSH, subsystem or hello.

    ``rate_limited`` is True where it failed the way IOS XR refuses more than 60 new SSH sessions a minute.
    """

    kind = "connect"

    def __init__(
        self, message: str, *, device: str | None = None, hint: str | None = None, rate_limited: bool = False
    ) -> None:
        super().__init__(message, device=device, hint=hint)
        self.rate_limited = rate_limited


class HostKeyError(TransportError):
    """The device's host key is unknown or not the one on record; nothing was sent to it."""

    kind = "host-key"


class SSHNegotiationError(TransportError):
    """The two sides have no SSH algorithm of one kind in common (RFC 4253 section 7.1); nothing was sent to log in.

    Attributes:
        what: the kind: ``key exchange``, ``host key``, ``encryption``, ``MAC`` or ``compression``.
        ours, theirs: what this side and the device offer of it, as named on the wire, in the order of preference;
            empty where it is not known.
    """

    kind = "negotiation"

    def __init__(
        self,
        message: str,
        *,
        device: str | None = None,
        hint: str | None = None,
        what: str = "",
        ours: Sequence[str] = (),
        theirs: Sequence[str] = (),
    ) -> None:
        super().__init__(message, device=device, hint=hint)
        self.what = what
        self.ours, self.theirs = tuple(ours), tuple(theirs)


class SSHAuthenticationError(TransportError):
    """The login failed: a key or password was refused, has expired, is not enough, or there was nothing to give.

    Attributes:
        refused: whether the device was given a key or password and did not take it, which a locking AAA server counts;
            False where nothing was given, or where it was taken and a further one is wanted.
        at_jump: whether it befell the jump host, and with it that one's credentials.
        methods: those that the server offered first, by their names on the wire.
    """

    kind = "authentication"

    def __init__(
        self, message: str, *, device: str | None = None, hint: str | None = None, refused: bool = False
    ) -> None:
        super().__init__(message, device=device, hint=hint)
        self.refused = refused
        self.at_jump = False
        self.methods: tuple[str, ...] = ()


class LoginWithheld(TransportError):
    """Nothing was sent: the same credential was refused before, and a further refusal might lock an account.

    Attributes:
        retry_in: seconds after which it is tried again all the same; None where it is not.
    """

    kind = "login-withheld"

    def __init__(
        self, message: str, *, device: str | None = None, hint: str | None = None, retry_in: float | None = None
    ) -> None:
        super().__init__(message, device=device, hint=hint)
        self.retry_in = retry_in


class SessionLost(TransportError):
    """An open session ended under a request that changes nothing; safe to repeat on a new session."""

    kind = "session-lost"


class CapabilityMissing(AgentError):
    """The device does not announce what the chosen method needs."""

    kind = "capability"


class SchemaError(AgentError):
    """A payload that the device's models do not allow, or data they do not describe; nothing was sent."""

    kind = "schema"


class ProtocolError(AgentError):
    """The peer sent bytes that are no NETCONF: framing, XML, encoding, or a reply over the stated bound."""

    kind = "protocol"


@dataclass(frozen=True, slots=True)
class RpcErrorInfo:
    """One ``<rpc-error>`` with all its fields (RFC 6241 section 4.3); absent ones are None.

    ``info`` holds the error-info as XML text, ``session_id`` the holder named by lock-denied.
    """

    type: str | None = None
    tag: str | None = None
    severity: str | None = None
    app_tag: str | None = None
    path: str | None = None
    message: str | None = None
    info: str | None = None
    session_id: str | None = None

    @property
    def is_error(self) -> bool:
        """Whether it is more than a warning; an absent severity counts as an error."""
        return self.severity != "warning"

    def __str__(self) -> str:
        parts = [self.tag or "rpc-error", self.message, f"at {self.path}" if self.path else None, self.app_tag]
        return " · ".join(part for part in parts if part)


class RPCError(AgentError):
    """The device answered with one or more ``<rpc-error>``; ``errors`` has all of them, warnings included."""

    kind = "rpc-error"

    def __init__(
        self,
        errors: Sequence[RpcErrorInfo],
        *,
        operation: str = "rpc",
        device: str | None = None,
        hint: str | None = None,
    ) -> None:
        self.errors = tuple(errors)
        self.operation = operation
        said = "; ".join(str(error) for error in self.errors if error.is_error) or "an unnamed error"
        super().__init__(f"{operation} was refused: {said}", device=device, hint=hint)

    @property
    def tags(self) -> frozenset[str]:
        """The error-tags of the errors proper, warnings left out."""
        return frozenset(error.tag for error in self.errors if error.is_error and error.tag)


class LockDenied(RPCError):
    """Another session holds the lock; ``session_id`` names it where the device said so ('0': not a NETCONF session)."""

    kind = "lock-denied"

    @property
    def session_id(self) -> str | None:
        """The holder's session-id, from error-info."""
        return next((error.session_id for error in self.errors if error.session_id), None)


class AccessDenied(RPCError):
    """The user's task groups or NACM rules do not allow the operation."""

    kind = "access-denied"


class ReplyTimeout(AgentError):
    """A request that changes nothing got no answer in time; safe to repeat."""

    kind = "timeout"


UNANSWERED = (ReplyTimeout, SessionLost, ProtocolError)
"""A request that changes nothing got no usable answer: another session may be asked."""


class OutcomeUnknown(AgentError):
    """A request that changes something was sent and its answer lost; read the state back before anything else."""

    kind = "outcome-unknown"


class ConsoleError(AgentError):
    """The CLI refused a command, asked something unknown, or did not answer in time; what it had begun was ended.

    ``unauthorized`` is True where the user lacks the task group for the command.
    """

    kind = "console"

    def __init__(
        self, message: str, *, device: str | None = None, hint: str | None = None, unauthorized: bool = False
    ) -> None:
        super().__init__(message, device=device, hint=hint)
        self.unauthorized = unauthorized


class FileError(AgentError):
    """A file could not be put on the router, did not arrive as it was sent, or could not be removed.

    Or, with no device named, a report could not be written on this machine.
    """

    kind = "file"


class JournalError(AgentError):
    """The journal cannot be written, so nothing further is begun: no write goes to a router unrecorded."""

    kind = "journal"


class Interrupted(AgentError):
    """The user wants the work to end; it ended at the next point where nothing is half done."""

    kind = "interrupted"


class PolicyRefused(AgentError):
    """The agent will not do this unless the user asks for it by the option that the hint names."""

    kind = "refused"


class TrustError(AgentError):
    """The device's trust store is not what it should be after the action."""

    kind = "trust"


class CertificateMissing(TrustError):
    """The action answered ok, and the certificate is not there."""

    kind = "certificate-missing"


class AnchorMismatch(TrustError):
    """The device holds another certificate than the anchor; never retried."""

    kind = "anchor-mismatch"
