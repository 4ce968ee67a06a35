"""What the device knows beside its configuration: certificates, and the licensing agent that needs one of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from agent.model.anchor import TrustAnchor
from agent.simulator.persona import Persona

_FAILED = (
    "Communications failure with the Cisco Smart Software Manager (CSSM) : Fail to send out Call Home HTTP message"
)
_SERVERS = ("tools.cisco.com", "smartreceiver.cisco.com")


@dataclass
class State:
    """The operational state; tests may set any of it.

    ``certificates`` maps a trustpoint to the PEM of its CA; ``answers`` are return-codes that renew-auth gives
    before it does its work.
    """

    persona: Persona
    certificates: dict[str, str] = field(default_factory=dict)
    answers: list[str] = field(default_factory=list)
    last_contact: datetime = field(
        default_factory=lambda: datetime.now(UTC).replace(microsecond=0) - timedelta(days=40)
    )
    last_success: bool = False
    authenticates: int = 0
    renewals: int = 0

    def __post_init__(self) -> None:
        if self.persona.certificate:
            self.certificates["Trustpool"] = self.persona.certificate
        self.last_success = self.trusts

    @property
    def trusts(self) -> bool:
        """Whether the licensing server's certificate is accepted."""
        if self.persona.contact is not None:
            return self.persona.contact
        if not any(server in self.persona.url for server in _SERVERS):
            return True
        root = TrustAnchor.bundled().sha256
        return any(TrustAnchor.from_pem(pem).sha256 == root for pem in self.certificates.values())

    def contact(self) -> None:
        """Talk to the licensing server now."""
        self.last_success = self.trusts
        if self.last_success:
            now = datetime.now(UTC).replace(microsecond=0)
            # A device's clock moves on between two contacts; here both may fall into one second.
            self.last_contact = max(now, self.last_contact + timedelta(seconds=1))

    def renew(self) -> str:
        """The return-code of renew-auth or renew-id."""
        if self.answers:
            return self.answers.pop(0)
        if self.persona.registration != "complete":
            return "notregistered"
        self.renewals += 1
        self.contact()
        return "success" if self.last_success else "commsend"

    @property
    def fail_message(self) -> str | None:
        """Why the last contact failed, if it did."""
        return None if self.last_success else _FAILED


def shown(moment: datetime) -> str:
    """A time as the device writes it."""
    return moment.strftime("%b %d %Y %H:%M:%S UTC")
