"""What the device knows beside its configuration: certificates, and the licensing agent that needs one of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from agent.simulator.device.bundles import digest
from agent.simulator.personas.persona import Persona

_FAILED = (
    "Communications failure with the Cisco Smart Software Manager (CSSM) : Fail to send out Call Home HTTP message"
)
_SERVERS = ("tools.cisco.com", "smartreceiver.cisco.com")
# Defect CSCvx87275: these releases leave a prefix out.
_WITHOUT_PREFIX = ("7.0.1", "7.0.2", "7.1.1", "7.1.2", "7.1.3", "7.2.0", "7.2.1", "7.2.2", "7.3.1")


class State:
    """The operational state; tests may set any of it.

    Attributes:
        certificates: trustpoint → PEM of its CA; lasting: the trustpoints whose certificate a reload keeps.
        trustpool: one entry for each import that was made, with the PEMs it brought; a reload keeps them.
        built_in: the PEMs that came with the software.
        authenticates: how often a trustpoint got its certificate; forgotten: how many of those a reload took.
        clears: how often a trustpoint's certificate was removed.
        imports: how often something was imported into the trustpool.
        contacts: how often the licensing server was reached.
        answers: return-codes that renew-auth and register-id-token give before they do their work.
        tokens: every token that came in by register-id-token.
        syslog: (time, mnemonic without ``%``, text) of the buffer, oldest first.
        last_contact, last_success: when the licensing server was last reached, and whether it was at the last try.
    """

    def __init__(self, persona: Persona, clock: Callable[[], float] = time.monotonic) -> None:
        self.persona, self._clock = persona, clock
        self._under_way: tuple[float, datetime] | None = None
        self.certificates = {"Trustpool": persona.certificate} if persona.certificate else {}
        self.lasting: set[str] = set()
        self.trustpool: list[tuple[str, ...]] = []
        self.built_in = list(persona.built_in)
        self.answers: list[str] = []
        self.tokens: list[str] = []
        self.registration = "not-supported" if persona.policy else persona.registration
        self.authorization = "none" if persona.policy else persona.authorization
        self.transport = "clsu" if persona.policy else persona.transport
        self.url = "" if persona.policy else persona.url
        self.authenticates = self.clears = self.imports = self.forgotten = self.renewals = self.contacts = 0
        self._last_contact = datetime.now(UTC).replace(microsecond=0) - timedelta(days=40)
        self._last_success = self.trusts
        prefix = "" if persona.release in _WITHOUT_PREFIX and "CSCvx87275" not in persona.fixes else "LICENSE-"
        self.syslog = [
            (self.now() - timedelta(days=days), f"{prefix}SMART_LIC-3-COMM_FAILED", _FAILED)
            for days in ((2, 1) if not self._last_success else ())
        ]

    def now(self) -> datetime:
        """The device's clock."""
        return datetime.now(UTC) + timedelta(seconds=self.persona.clock_offset)

    @property
    def trusts(self) -> bool:
        """Whether the licensing server's certificate is accepted."""
        if self.persona.contact is not None:
            return self.persona.contact
        if not any(server in self.url for server in _SERVERS):
            return True
        root = digest(self.persona.server_root)
        return any(digest(pem) == root for pem in self.trusted())

    def trusted(self) -> list[str]:
        """Every CA certificate on the device: of trustpoints, imported and built in."""
        imported = [pem for bundle in self.trustpool for pem in bundle]
        return [*self.certificates.values(), *imported, *self.built_in]

    def install(self, name: str, pem: str, enrollment: str) -> None:
        """A trustpoint got its CA certificate."""
        self._reach()
        self.certificates[name] = pem
        self.authenticates += 1
        kind = enrollment if enrollment in ("terminal", "local") else "url"
        (self.lasting.add if kind in self.persona.keeps else self.lasting.discard)(name)

    def reload(self) -> None:
        """The device starts anew; a contact that was under way comes no more."""
        self._reach()
        self._under_way = None
        before = len(self.certificates)
        self.certificates = {name: pem for name, pem in self.certificates.items() if name in self.lasting}
        self.forgotten += before - len(self.certificates)

    @property
    def last_contact(self) -> datetime:
        self._reach()
        return self._last_contact

    @property
    def last_success(self) -> bool:
        self._reach()
        return self._last_success

    def _reach(self) -> None:
        """Make the contact that is under way, if its time has come: whoever looks finds it made then."""
        if self._under_way is not None and self._clock() >= self._under_way[0]:
            (_, when), self._under_way = self._under_way, None
            self.contact(when)

    def contact(self, when: datetime | None = None) -> None:
        """Talk to the licensing server, now or as if it were that time."""
        self._last_success = self.trusts
        if self._last_success:
            self.contacts += 1
            when = when or self.now()
            # A device's clock moves on between two contacts; here both may fall into one second.
            self._last_contact = max(when.replace(microsecond=0), self._last_contact + timedelta(seconds=1))

    def renew(self, after: float = 0.0) -> str:
        """The return-code of renew-auth or renew-id; contact comes *after* seconds, unless one is under way already."""
        if self.answers:
            return self.answers.pop(0)
        if self.registration != "complete":
            return "notregistered"
        self.renewals += 1
        self._reach()
        if after:
            self._under_way = self._under_way or (self._clock() + after, self.now() + timedelta(seconds=after))
            return "success"
        self.contact()
        return "success" if self.last_success else "commsend"

    def register(self, token: str, *, force: bool) -> str:
        """The return-code of register-id-token."""
        self.tokens.append(token)
        if self.answers:
            return self.answers.pop(0)
        if self.persona.policy:
            return "notsupported"
        if self.registration == "complete" and not force:
            return "alreadyregistered"
        self.contact()
        if not self.last_success:
            self.registration = "retry"
            return "commsend"
        self.registration, self.authorization = "complete", "authorized"
        return "success"

    @property
    def fail_message(self) -> str | None:
        """Why the last contact failed, if it did."""
        return None if self.last_success else _FAILED


def shown(moment: datetime) -> str:
    """A time as the device writes it."""
    return moment.strftime("%b %d %Y %H:%M:%S UTC")


def moment_of(when: datetime) -> str:
    """A time as in a syslog line: ``Feb 22 10:00:07.962``."""
    return f"{when:%b} {when.day:2} {when:%H:%M:%S}.{when.microsecond // 1000:03}"
