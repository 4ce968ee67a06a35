"""What was read from a device; each reading says where it came from, or why it is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Generic, TypeVar

from agent.model.method import Method
from agent.model.pki.certificate import Certificate, Evidence

if TYPE_CHECKING:
    from agent.model.pki.anchor import TrustAnchor

T = TypeVar("T")
S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Reading(Generic[T]):
    """A value with its source, or no value with the reason.

    ``source`` is ``module@revision``, with `` (nearest)`` behind it where an older variant stood in, or ``console``.
    ``missing`` is None exactly when the reading was answered; ``value`` may then still be None: the device has none.
    ``empty``: the answer was an empty ``<data/>``, as "nothing there", "provider down" and "not allowed" all look.
    ``passing``: what is missing may be there later, by what the errors ask for that are its reason.
    ``notes``: what stands in for what the device did not say, and what could not be read, a sentence each.
    """

    value: T | None = None
    source: str | None = None
    missing: str | None = None
    empty: bool = False
    notes: tuple[str, ...] = ()
    passing: bool = False

    @property
    def answered(self) -> bool:
        """Whether the device was asked and answered."""
        return self.missing is None

    def absent(self, nothing: str) -> str:
        """Why there is no value, in words; *nothing* where the device answered, which an empty answer leaves open."""
        return self.missing or (f"{nothing}, or this user may not read it" if self.empty else nothing)

    def part(self, pick: Callable[[T], S | None]) -> Reading[S]:
        """What *pick* takes of the value, with the same source or reason."""
        return Reading(None if self.value is None else pick(self.value), self.source, self.missing, self.empty)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Stands in decoded data for a leaf that is there and has no value of its type: ``text`` as sent, ``why``."""

    text: str
    why: str

    def __str__(self) -> str:
        return self.text


class ConfigModel(Enum):
    """The YANG model by which trustpoints are configured, best first."""

    UM_CRYPTO = "um-crypto-cfg"
    CEPKI_CRYPTO_CA = "crypto-cepki-cfg:crypto-ca"
    CEPKI_CRYPTO_CEPKI = "crypto-cepki-cfg:crypto-cepki"
    CLI = "cli-cfg"
    NONE = "none"

    @property
    def module(self) -> str | None:
        """The YANG module's full name, or None for ``NONE``."""
        return None if self is ConfigModel.NONE else f"Cisco-IOS-XR-{self.value.partition(':')[0]}"


class EnrollmentKind(Enum):
    """How a trustpoint gets its CA certificate."""

    TERMINAL = "terminal"
    URL = "url"
    LOCAL = "local"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Enrollment:
    """A trustpoint's enrollment; ``url`` is set for kind URL only."""

    kind: EnrollmentKind
    url: str | None = None

    @property
    def cli(self) -> str:
        """The configuration line, e.g. ``enrollment url http://ca.example``."""
        if self.kind is EnrollmentKind.NONE:
            return "no enrollment"
        return f"enrollment url {self.url}" if self.kind is EnrollmentKind.URL else f"enrollment {self.kind.value}"


@dataclass(frozen=True, slots=True)
class TrustpointConfig:
    """The running configuration of one trustpoint; ``settings`` has everything, as decoded by the model."""

    name: str
    enrollment: Enrollment
    settings: Mapping[str, object] = field(default_factory=dict, hash=False)

    @property
    def further(self) -> dict[str, object]:
        """What it has besides its name and its enrollment; of what was read as CLI text, the other lines."""
        lines = self.settings.get("lines", ())
        others = [line for line in lines if not str(line).startswith("enrollment ")] if isinstance(lines, tuple) else []
        named = ("name", "trustpoint-name", "enrollment", "lines")
        rest = {name: value for name, value in self.settings.items() if name not in named}
        return {**rest, "lines": others} if others else rest


class RegistrationState(Enum):
    """``registration-state`` of Cisco-IOS-XR-infra-smartlicense-oper."""

    NOT_REGISTERED = "not-registered"
    COMPLETE = "complete"
    IN_PROGRESS = "in-progress"
    RETRY = "retry"
    FAILED = "failed"
    NOT_SUPPORTED = "not-supported"


class AuthorizationState(Enum):
    """``authorization-state`` of Cisco-IOS-XR-infra-smartlicense-oper."""

    NONE = "none"
    EVAL = "eval"
    EVAL_EXPIRED = "eval-expired"
    AUTHORIZED = "authorized"
    AUTHORIZED_RESERVATION = "authorized-reservation"
    OUT_OF_COMPLIANCE = "out-of-compliance"
    AUTHORIZATION_EXPIRED = "authorization-expired"
    NOT_AUTHORIZED = "authorization-not-authorized"


class TransportType(Enum):
    """``transport-type`` of Cisco-IOS-XR-infra-smartlicense-oper, spelled as the model does."""

    INVALID = "invalid"
    NOT_USED = "not-used"
    CALLHOME = "callhome"
    SMART = "smart"
    CSLU = "clsu"
    OFF = "transport-off"


@dataclass(frozen=True, slots=True)
class DeviceTime:
    """A time as a device wrote it; ``moment`` is aware, or None where the format or its zone cannot be read."""

    text: str
    moment: datetime | None = None

    def newer_than(self, other: DeviceTime | None) -> bool:
        """Whether this is certainly later than *other*, a time of the same device; False where that cannot be said."""
        if other is None:
            return True
        return self.moment is not None and other.moment is not None and self.moment > other.moment


@dataclass(frozen=True, slots=True)
class Entitlement:
    """One licence in use: its name or tag, how many, and the model's ``enforce-mode``, e.g. ``in-compliance``."""

    name: str
    count: int | None = None
    status: str | None = None


@dataclass(frozen=True, slots=True)
class Licensing:
    """Smart licensing as one device reports it; what it does not report is None.

    Attributes:
        last_comm_success: ``last-comm-status-success`` of the authorization in force.
        fail_message, fail_time: of the authorization, else of the registration.
        deadline: ``comm-deadline-time``.
        evaluation_left: seconds of the evaluation period left.
        policy_based: Smart Licensing Using Policy: no registration, judged by reporting.
    """

    registration: RegistrationState | None = None
    authorization: AuthorizationState | None = None
    last_comm_success: bool | None = None
    last_comm_time: DeviceTime | None = None
    next_comm_time: DeviceTime | None = None
    deadline: DeviceTime | None = None
    fail_message: str | None = None
    fail_time: DeviceTime | None = None
    transport: TransportType | None = None
    url: str | None = None
    proxy: str | None = None
    evaluation_in_use: bool | None = None
    evaluation_expired: bool | None = None
    evaluation_left: int | None = None
    smart_account: str | None = None
    virtual_account: str | None = None
    entitlements: tuple[Entitlement, ...] = ()
    policy_based: bool = False


@dataclass(frozen=True, slots=True)
class Software:
    """The running release and the defects fixed in it (``CSC…`` identifiers)."""

    release: str | None = None
    fixes: frozenset[str] = frozenset()


class ReadBy(Enum):
    """How something on a device can be read."""

    YANG = "yang"
    CONSOLE = "console"
    NONE = "none"


FILES = ("space", "copy", "list", "delete")
"""What models may do with files."""


@dataclass(frozen=True, slots=True)
class Access:
    """What a device announces makes possible; decided by modules, revisions and nodes alone.

    Attributes:
        config_model: by which the trustpoint is configured.
        authenticate: whether rpc ``ca-authenticate`` is there; file_path: whether it takes ``file-path``.
        clear_certificates: whether rpc ``ca-clear-certificates`` is there.
        import_url, import_clean: whether rpc ``ca-trustpool-import-url`` and ``-clean`` are there.
        longest_url: the most characters of an import's URL; None for no bound. longest_source: of what ``copy`` copies.
        copy, delete: whether those rpcs of shellutil-copy-act and -delete-act are there.
        lists_files, shows_space: whether shellutil-dir-oper shows what a folder holds, -filesystem-oper what is free.
        renew_auth, register_token: whether those rpcs of smart-license-act are there.
        candidate, validate: NETCONF capabilities.
        enrollments: the enrollment kinds the config model can set.
        methods: those that these allow, in order of preference; DIALOG and TRUSTPOOL count on the CLI over SSH.
        refusals: why each of the other methods is not possible.
        trustpoint_state, licensing_state: how those are read.
        evidence: the best by which a certificate can be proven.
        reasons: what is missing or stands in for it, one sentence each.
    """

    config_model: ConfigModel = ConfigModel.NONE
    authenticate: bool = False
    renew_auth: bool = False
    candidate: bool = False
    validate: bool = False
    enrollments: frozenset[EnrollmentKind] = frozenset()
    reasons: tuple[str, ...] = ()
    file_path: bool = False
    clear_certificates: bool = False
    import_url: bool = False
    import_clean: bool = False
    longest_url: int | None = None
    longest_source: int | None = None
    copy: bool = False
    delete: bool = False
    lists_files: bool = False
    shows_space: bool = False
    register_token: bool = False
    methods: tuple[Method, ...] = ()
    refusals: tuple[tuple[Method, str], ...] = ()
    trustpoint_state: ReadBy = ReadBy.NONE
    licensing_state: ReadBy = ReadBy.NONE
    evidence: Evidence = Evidence.NONE

    @property
    def files(self) -> tuple[str, ...]:
        """Which of :data:`FILES` the device's models do."""
        there = (self.shows_space, self.copy, self.lists_files, self.delete)
        return tuple(word for word, has in zip(FILES, there, strict=True) if has)


@dataclass(frozen=True, slots=True)
class PoolEntry:
    """One certificate of the trustpool's list.

    Attributes:
        origin: the heading it stands under, e.g. ``Downloaded``, or None.
        trustpoint: the trustpoint whose certificate it is where the list says so (H32): then it is no import.
    """

    certificate: Certificate
    origin: str | None = None
    trustpoint: str | None = None


def lists(pool: Iterable[PoolEntry], anchor: TrustAnchor, *, own: bool = False) -> bool:
    """Whether *anchor* is known to be in a trustpool's list; with *own* not counting what a trustpoint has there."""
    return any(entry.certificate.proven(anchor) for entry in pool if not (own and entry.trustpoint))


@dataclass(frozen=True, slots=True)
class LicensingTransport:
    """Where licensing messages go by configuration, for releases without licensing state.

    Attributes:
        kind: None where the configuration does not say.
        urls: every http(s) address that is configured for it.
        reservation: whether licence reservation is configured.
        call_home: the http(s) addresses that Call Home sends licensing data to, see :mod:`agent.xr.callhome`; None
            where its configuration was not shown.
    """

    kind: TransportType | None = None
    urls: tuple[str, ...] = ()
    proxy: str | None = None
    vrf: str | None = None
    reservation: bool = False
    call_home: tuple[str, ...] | None = None

    def destinations(self, running: TransportType | None = None) -> tuple[str, ...]:
        """Where messages go by the transport that is *running*, else the configured one; all where neither tells."""
        kind = running or self.kind
        if kind is TransportType.CALLHOME and self.call_home is not None:
            return self.call_home
        if kind in (TransportType.SMART, TransportType.CSLU):
            return self.urls
        return tuple(dict.fromkeys((*(self.call_home or ()), *self.urls)))


@dataclass(frozen=True, slots=True)
class Signature:
    """One of the syslog messages by which a device says that it lost the licensing server.

    ``mnemonic`` as ``SMART_LIC-3-COMM_FAILED``, whatever facility prefix it came with; times as shown.
    """

    mnemonic: str
    count: int
    first: DeviceTime | None = None
    last: DeviceTime | None = None


@dataclass(frozen=True, slots=True)
class Reporting:
    """Smart Licensing Using Policy: when usage was last reported, and when it is due next."""

    last: DeviceTime | None = None
    next: DeviceTime | None = None


_FORGOTTEN = (EnrollmentKind.TERMINAL, EnrollmentKind.URL)


@dataclass(frozen=True, slots=True)
class State:
    """Everything ``observe`` read from one device, for one trustpoint.

    Attributes:
        trustpool: the trustpool's certificates; only the CLI shows them.
        transport: configured, where the licensing state does not tell.
        syslog: signatures in the device's own buffer, one of each mnemonic.
        clock_offset: the device's clock minus ours.
        peer_verification: whether the HTTP client checks its peer's certificate; False where it is switched off.
        host_verification: whether the HTTP client compares the name in that certificate with the host.
        name_validation: whether TLS applications validate the name of their peer, which 26.3.1 can switch off.
        reporting: for policy-based licensing.
        cli: None where the CLI over SSH is at hand, else why not.
        sftp: why no file can be put on the device by SFTP; None where nothing speaks against it.
        space: why there is no room for one, likewise.
    """

    device: str
    trustpoint: str
    access: Access
    config: Reading[TrustpointConfig]
    certificate: Reading[Certificate]
    licensing: Reading[Licensing]
    software: Reading[Software]
    trustpool: Reading[tuple[PoolEntry, ...]] = Reading(missing="not read")
    transport: Reading[LicensingTransport] = Reading(missing="not read")
    syslog: Reading[tuple[Signature, ...]] = Reading(missing="not read")
    clock_offset: Reading[timedelta] = Reading(missing="not read")
    peer_verification: Reading[bool] = Reading(missing="not read")
    host_verification: Reading[bool] = Reading(missing="not read")
    name_validation: Reading[bool] = Reading(missing="not read")
    reporting: Reading[Reporting] = Reading(missing="not read")
    cli: str | None = "there is no SSH access to the CLI"
    sftp: str | None = None
    space: str | None = None

    @property
    def release(self) -> str | None:
        """The running release, e.g. ``7.3.2``, where it could be read."""
        return self.software.value.release if self.software.value else None

    def keeps(self, anchor: TrustAnchor) -> bool | None:
        """Whether *anchor* is still there after a reload; None where it is not there, or no source says.

        False: it is under the trustpoint by an enrollment that a reload forgets, and the trustpool is not seen to have
        it.
        """
        if lists(self.trustpool.value or (), anchor, own=True):
            return True
        shown, config = self.certificate.value, self.config.value
        if shown is None or config is None or not shown.proven(anchor):
            return None
        return False if config.enrollment.kind in _FORGOTTEN else None

    @property
    def hidden(self) -> str | None:
        """That the device showed nothing at all, as to a user who may read nothing; None where it showed something."""
        software = self.software.value
        shown = any(one.value is not None for one in (self.config, self.certificate, self.licensing))
        if shown or (software and (software.release or software.fixes)):
            return None
        if not (self.config.empty and self.certificate.empty):
            return None
        return (
            "the device answers with nothing at all, neither configuration nor state: this user may not be allowed to "
            "read it (task groups crypto and config-services, NACM)"
        )
