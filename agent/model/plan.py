"""What is wanted, what will be done about it, and why something will not."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from agent.model.anchor import TrustAnchor
from agent.model.certificate import Evidence
from agent.model.errors import InputError
from agent.model.state import ConfigModel, DeviceTime, Enrollment, EnrollmentKind

# The character set of trustpoint names in Cisco-IOS-XR-um-crypto-cfg.
_NAME = re.compile(r"[A-Za-z0-9_\-.:,@#%$+=|;]{1,128}")


class Method(Enum):
    """How a certificate gets into a device."""

    AUTO = "auto"
    RPC = "rpc"
    FILE = "file"
    DIALOG = "dialog"
    TRUSTPOOL = "trustpool"


@dataclass(frozen=True, slots=True)
class Intent:
    """The wish: *anchor* trusted under *trustpoint*.

    Attributes:
        enrollment_url: from where the router fetches the certificate itself, instead of terminal enrollment.
        replace: allow replacing an enrollment that is configured otherwise.
        discard_foreign: allow discarding a candidate that somebody else left dirty.
        renew: renew the licence authorization afterwards and wait for contact.
        contact_wait: seconds to wait for that contact.

    Raises:
        InputError: a trustpoint name or URL that XML or the CLI cannot carry.
    """

    anchor: TrustAnchor = field(default_factory=TrustAnchor.bundled)
    trustpoint: str = "Trustpool"
    method: Method = Method.AUTO
    enrollment_url: str | None = None
    replace: bool = False
    discard_foreign: bool = False
    renew: bool = True
    contact_wait: float = 60.0

    def __post_init__(self) -> None:
        name = self.trustpoint
        if not _NAME.fullmatch(name):
            raise InputError(
                f"the trustpoint name {name!r} cannot be used",
                hint="1 to 128 of the characters IOS XR takes: ASCII letters, digits and - _ . : , @ # % $ + = | ;",
            )
        url = self.enrollment_url
        if url is not None and (not url.isascii() or not url.isprintable() or " " in url or "://" not in url):
            raise InputError(f"the enrollment URL {url!r} cannot be used", hint="e.g. http://ca.example/root.pem")

    @property
    def enrollment(self) -> Enrollment:
        """The enrollment that the methods ``rpc`` and ``dialog`` configure."""
        if self.enrollment_url:
            return Enrollment(EnrollmentKind.URL, self.enrollment_url)
        return Enrollment(EnrollmentKind.TERMINAL)


@dataclass(frozen=True, slots=True)
class ConfigureTrustpoint:
    """Lock, edit, validate, commit, unlock: the trustpoint with its enrollment through *model*."""

    model: ConfigModel
    trustpoint: str
    enrollment: Enrollment
    replaces: Enrollment | None = None
    creates: bool = True

    def diff(self) -> list[str]:
        """The change as CLI lines, prefixed ``+``, ``-`` or blank."""
        head = f"{'+' if self.creates else ' '} crypto ca trustpoint {self.trustpoint}"
        gone = [f"-  {self.replaces.cli}"] if self.replaces else []
        return [head, *gone, f"+  {self.enrollment.cli}"]


@dataclass(frozen=True, slots=True)
class Authenticate:
    """rpc ``ca-authenticate``, repeated by policy with the state read before each repeat, then read back.

    ``fetches``: the device fetches the certificate from its enrollment url, which takes a while.
    """

    trustpoint: str
    anchor: TrustAnchor
    fetches: bool = False

    def diff(self) -> list[str]:
        """The action and the certificate expected from it."""
        return [
            f"> rpc ca-authenticate server-name={self.trustpoint}",
            f"+ CA certificate {self.anchor.name} sha1 {self.anchor.sha1}",
        ]


@dataclass(frozen=True, slots=True)
class RenewAuthorization:
    """rpc ``renew-auth``, then wait up to ``wait`` seconds for a successful contact newer than the one before."""

    wait: float
    newer_than: DeviceTime | None = None

    def diff(self) -> list[str]:
        """The action and what is awaited."""
        return [f"> rpc renew-auth, then up to {self.wait:g} s for a newer contact"]


@dataclass(frozen=True, slots=True)
class Note:
    """Something that will not be done although it might be expected, and why."""

    text: str

    def diff(self) -> list[str]:
        """The sentence as a comment."""
        return [f"# {self.text}"]


Step = ConfigureTrustpoint | Authenticate | RenewAuthorization | Note


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps for one device, in order; falsy when no step changes anything.

    ``present`` is the evidence by which the anchor was there before.
    """

    device: str
    intent: Intent
    method: Method
    config_model: ConfigModel
    steps: tuple[Step, ...] = ()
    release: str | None = None
    present: Evidence = Evidence.NONE

    def __bool__(self) -> bool:
        return any(not isinstance(step, Note) for step in self.steps)

    def diff(self) -> list[str]:
        """What will change, line by line; the comment ``# nothing to do`` when that is nothing."""
        lines = [line for step in self.steps for line in step.diff()]
        return lines if self else ["# nothing to do", *lines]


@dataclass(frozen=True, slots=True)
class Skip:
    """No plan for this device, with the reason and what would help; always falsy."""

    device: str
    reason: str
    hint: str | None = None
    release: str | None = None
    config_model: ConfigModel = ConfigModel.NONE

    def __bool__(self) -> bool:
        return False

    def diff(self) -> list[str]:
        """The reason as comments."""
        return [f"# skipped: {self.reason}", *([f"# {self.hint}"] if self.hint else [])]


class VerdictKind(Enum):
    """What ``assess`` says of a device."""

    AFFECTED = "affected"
    NOT_AFFECTED = "not-affected"
    REMEDIED = "remedied"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The judgement over one device.

    ``deadlines`` are aware datetimes under the keys ``comm_failed`` (30 days after the last contact),
    ``authorization_expired`` (90) and ``unregistered`` (365); empty where the last contact is not known.
    """

    device: str
    kind: VerdictKind
    reasons: tuple[str, ...]
    deadlines: tuple[tuple[str, datetime], ...] = ()
