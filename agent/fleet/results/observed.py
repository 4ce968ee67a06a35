"""What was read from one device, as ``show`` prints it; types like those of :mod:`agent.fleet.results.structs`."""

from __future__ import annotations

from typing import Annotated, Any

from agent.fleet.results.structs import Error, Moment, Printed, Texts, about
from agent.model.method import Method
from agent.model.pki.certificate import Evidence
from agent.model.state import AuthorizationState, ConfigModel, EnrollmentKind, ReadBy, RegistrationState, TransportType

Source = Annotated[str | None, about("module@revision, with (nearest) or (device) behind it")]
Missing = Annotated[str | None, about("why nothing could be read; null where the device answered")]
Notes = Annotated[Texts, about("what stands in for what the router did not say, and what could not be read")]


class Read(Printed, frozen=True, kw_only=True):
    """Where a reading came from, or why there is none."""

    source: Source = None
    missing: Missing = None
    notes: Notes = ()


class Access(Printed, frozen=True, kw_only=True):
    """What the device announces makes possible."""

    config_model: ConfigModel
    authenticate: bool
    clear_certificates: Annotated[bool, about("whether push --replace can remove another certificate")]
    renew_auth: bool
    candidate: bool
    validate: bool
    enrollments: tuple[EnrollmentKind, ...]
    methods: Annotated[tuple[Method, ...], about("in order of preference, as the models allow them")]
    trustpoint_state: ReadBy
    licensing_state: ReadBy
    evidence: Evidence
    reasons: Texts


class Trustpoint(Read, frozen=True, kw_only=True):
    """The configuration of the trustpoint."""

    name: str
    enrollment: Annotated[str | None, about("the configuration line")] = None
    settings: Annotated[dict[str, Any] | None, about("the configuration as the model decodes it, secrets masked")] = (
        None
    )


class Certificate(Printed, frozen=True, kw_only=True):
    """A certificate as the device shows it; all null where it shows none."""

    subject: str | None = None
    issuer: str | None = None
    not_before: Moment | None = None
    not_after: Moment | None = None
    serial: str | None = None
    sha1: str | None = None
    pem: str | None = None


class PoolCertificate(Certificate, frozen=True, kw_only=True):
    """One certificate of the trustpool."""

    origin: Annotated[str | None, about("the heading it stands under, e.g. Built-In")] = None


class TrustpointCertificate(Certificate, frozen=True, kw_only=True):
    """The CA certificate of the trustpoint; all null where the device shows none."""

    source: Source = None
    missing: Missing = None
    notes: Notes = ()


class Entitlement(Printed, frozen=True):
    """One licence in use."""

    name: str
    count: int | None = None
    status: str | None = None


class Licensing(Read, frozen=True, kw_only=True):
    """Licensing in full, all null where the device shows none; times as the device wrote them."""

    registration: RegistrationState | None = None
    authorization: AuthorizationState | None = None
    last_comm_success: bool | None = None
    last_comm_time: str | None = None
    next_comm_time: str | None = None
    deadline: str | None = None
    fail_message: str | None = None
    fail_time: str | None = None
    transport: TransportType | None = None
    url: str | None = None
    proxy: str | None = None
    evaluation_in_use: bool | None = None
    evaluation_expired: bool | None = None
    evaluation_left: Annotated[int | None, about("seconds")] = None
    smart_account: str | None = None
    virtual_account: str | None = None
    entitlements: tuple[Entitlement, ...] = ()
    policy_based: bool | None = None


class Software(Read, frozen=True, kw_only=True):
    """What runs on the device."""

    release: str | None = None
    fixes: Annotated[Texts, about("defects fixed in it")] = ()


class Trustpool(Read, frozen=True, kw_only=True):
    """The certificates that every trustpoint may go by."""

    certificates: tuple[PoolCertificate, ...] | None = None


class Transport(Read, frozen=True, kw_only=True):
    """Where licensing messages go by configuration."""

    kind: TransportType | None = None
    urls: Annotated[
        Texts,
        about(
            "where the transport in use sends licensing data: of Call Home the addresses in force, its default included"
        ),
    ] = ()
    proxy: str | None = None
    vrf: str | None = None
    reservation: bool | None = None


class Signature(Printed, frozen=True):
    """A message by which the device says that it lost the licensing server, from its own buffer."""

    mnemonic: str
    count: int
    first: str | None = None
    last: str | None = None


class Logged(Read, frozen=True, kw_only=True):
    """What the device's own log buffer says of the licensing server."""

    signatures: tuple[Signature, ...] | None = None


class Clock(Read, frozen=True, kw_only=True):
    """How the device's clock goes."""

    offset_s: Annotated[float | None, about("the device's clock minus this machine's, seconds")] = None


class Verification(Read, frozen=True, kw_only=True):
    """Whether the device checks the certificate of its peer in one way."""

    on: bool | None = None


class Reporting(Read, frozen=True, kw_only=True):
    """Smart Licensing Using Policy: when usage was reported, as the device wrote it."""

    last: str | None = None
    next: str | None = None


class Show(Printed, frozen=True, kw_only=True):
    """Everything that was read from one device; only device, address and error where it could not be read."""

    device: str
    address: str | None = None
    release: str | None = None
    access: Access | None = None
    trustpoint: Trustpoint | None = None
    certificate: TrustpointCertificate | None = None
    licensing: Licensing | None = None
    software: Software | None = None
    trustpool: Trustpool | None = None
    transport: Transport | None = None
    syslog: Logged | None = None
    clock: Clock | None = None
    peer_verification: Annotated[
        Verification | None,
        about(
            "off: the HTTP client accepts any certificate; null: not known, as below 7.5.2, where the configuration "
            "hides it"
        ),
    ] = None
    host_verification: Annotated[
        Verification | None, about("off: the HTTP client accepts a certificate of any host; null: not known")
    ] = None
    name_validation: Annotated[
        Verification | None,
        about("off: TLS applications accept a certificate of any name, which 26.3.1 can be told to; null: not known"),
    ] = None
    reporting: Reporting | None = None
    cli: Annotated[str | None, about("null where the CLI over SSH is at hand, else why not")] = None
    error: Error | None = None
