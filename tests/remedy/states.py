"""States to plan and judge from, made for the tests (SYNTHETIC)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from agent.model.method import Method
from agent.model.pki.anchor import TrustAnchor
from agent.model.pki.bundle import Bundle
from agent.model.pki.certificate import CONSOLE, Certificate, Evidence
from agent.model.state import (
    Access,
    AuthorizationState,
    ConfigModel,
    DeviceTime,
    Enrollment,
    EnrollmentKind,
    Licensing,
    PoolEntry,
    ReadBy,
    Reading,
    RegistrationState,
    Software,
    State,
    TransportType,
    TrustpointConfig,
)

ANCHOR = TrustAnchor.bundled()
NOW = datetime(2026, 11, 1, tzinfo=UTC)
LAST = DeviceTime("Oct 22 2026 10:00:00 UTC", datetime(2026, 10, 22, 10, tzinfo=UTC))
DEADLINE = DeviceTime("Dec 21 2026 10:00:00 UTC", datetime(2026, 12, 21, 10, tzinfo=UTC))

ACCESS = Access(
    config_model=ConfigModel.UM_CRYPTO,
    authenticate=True,
    renew_auth=True,
    candidate=True,
    validate=True,
    enrollments=frozenset((EnrollmentKind.TERMINAL, EnrollmentKind.URL)),
    import_url=True,
    import_clean=True,
    copy=True,
    register_token=True,
    methods=(Method.TRUSTPOOL, Method.RPC, Method.DIALOG),
    refusals=((Method.FILE, "rpc ca-authenticate takes no file-path here (25.2.1 and later)"),),
    trustpoint_state=ReadBy.YANG,
    licensing_state=ReadBy.YANG,
    evidence=Evidence.FINGERPRINT,
)
LICENSING = Licensing(
    registration=RegistrationState.COMPLETE,
    authorization=AuthorizationState.AUTHORIZED,
    last_comm_success=False,
    last_comm_time=LAST,
    deadline=DEADLINE,
    fail_message="Fail to send out Call Home HTTP message",
    transport=TransportType.CALLHOME,
    url="https://tools.cisco.com/its/service/oddce/services/DDCEService",
)
CERTIFICATE = Certificate(
    ANCHOR.subject,
    ANCHOR.issuer,
    ANCHOR.not_before,
    ANCHOR.not_after,
    serial=ANCHOR.serial,
    sha1=ANCHOR.sha1,
    source="crypto-cepki-oper",
)
BUNDLE = Bundle(b"a bundle", frozenset({ANCHOR.sha256}), ".p7b")
"""Its bytes do not matter to a plan."""
LISTED = PoolEntry(replace(CERTIFICATE, source=CONSOLE), "Downloaded")
OLD_ROOT = Certificate(
    subject=replace(ANCHOR.subject, attributes=frozenset({("CN", "quovadis root ca 2")}), text="CN=QuoVadis Root CA 2")
)


def state(
    *,
    certificate: Certificate | None = None,
    enrollment: Enrollment | None = None,
    licence: Licensing | None = LICENSING,
    release: str | None = "7.4.1",
    fixes: frozenset[str] = frozenset(),
    access: Access = ACCESS,
    **changes: Any,
) -> State:
    """An affected 7.4.1 router without the trustpoint, changed as said."""
    config = None if enrollment is None else TrustpointConfig("Trustpool", enrollment)
    built = State(
        device="r1",
        trustpoint="Trustpool",
        access=access,
        config=Reading(config, "um-crypto-cfg"),
        certificate=Reading(certificate, "crypto-cepki-oper"),
        licensing=Reading(licence, "infra-smartlicense-oper") if licence else Reading(missing="no licensing model"),
        software=Reading(Software(release, fixes), "install-oper") if release else Reading(missing="no release"),
        trustpool=Reading((), CONSOLE),
        cli=None,
    )
    return replace(built, **changes)


TERMINAL = Enrollment(EnrollmentKind.TERMINAL)
