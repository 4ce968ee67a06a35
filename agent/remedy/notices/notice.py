"""A field notice as data: its root, its servers, which releases it names, and how its loss shows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

from agent.model.pki.anchor import TrustAnchor
from agent.xr.logs.signature import Signatures

RELEASE = re.compile(r"(0|[1-9]\d{0,3})\.(0|[1-9]\d{0,3})\.(0|[1-9]\d{0,3})")

Line = tuple[int, int]
"""A release line, e.g. (7, 3)."""


@dataclass(frozen=True, slots=True)
class PilingUp:
    """Releases on which imports into the trustpool that pile up do harm, and which."""

    releases: frozenset[str]
    effect: str


@dataclass(frozen=True, slots=True)
class Notice:
    """One field notice.

    Attributes:
        root: the certificate that its servers chain to.
        affected: releases on its list; None: it names all that it judges and that are not fixed.
        fixes: defects whose fix cures a release on the list.
        servers: host names whose certificates changed their root, and since when (aware).
        oldest: the oldest release line it judges, e.g. (6, 0).
        deadlines: after how many days without a contact a device degrades, and what it then reports.
        signatures: the log messages of a loss and of its end.
        untrusted: the mnemonics among them that tell of a peer whose certificate was not trusted.
        related: defects whose fix is worth saying and cures nothing, with what it does.
        first_fixed: the first release of a line that is fixed, one for each line that has one.
        fixed_since: the first release of the first line from which on every release is fixed; None: there is none.
        piling_up: releases that imports which pile up do harm to.
    """

    name: str
    root: TrustAnchor
    affected: frozenset[str] | None
    fixes: frozenset[str]
    servers: Mapping[str, datetime]
    oldest: Line
    deadlines: Mapping[str, int]
    signatures: Signatures
    untrusted: frozenset[str] = frozenset()
    related: Mapping[str, str] = field(default_factory=dict)
    first_fixed: frozenset[str] = frozenset()
    fixed_since: str | None = None
    piling_up: PilingUp | None = None

    def concerns(self, url: str) -> bool | None:
        """Whether *url* leads to one of the servers; None where it cannot be told.

        That is so of what is no URL, of an address that is no private one, and of another host of their domains.
        """
        host = _host(url)
        if host in self.servers:
            return True
        address = _address(host or "")
        if host is None or (address is not None and address.is_global):
            return None
        domains = (server.partition(".")[2] for server in self.servers)
        near = any("." in domain and f".{host}".endswith(f".{domain}") for domain in domains)
        return None if address is None and near else False

    def changed(self, url: str) -> datetime | None:
        """Since when the server of *url* has its new root; None for another server."""
        return self.servers.get(_host(url) or "")

    def too_old(self, release: str) -> bool:
        """Whether *release* is older than the notice judges."""
        number = release_number(release)
        return number is not None and number[:2] < self.oldest

    def lists(self, release: str) -> bool:
        """Whether *release* is affected by the word of the notice."""
        if self.affected is not None:
            return release in self.affected
        return release_number(release) is not None and not self.too_old(release) and self.fixed(release) is None

    def fixed(self, release: str) -> str | None:
        """The first fixed release that *release* is not older than; None where the notice does not make it fixed."""
        number = release_number(release)
        if number is None or (self.affected is not None and release in self.affected):
            return None
        if self.fixed_since is not None and number[:2] >= release_key(self.fixed_since)[:2]:
            return self.fixed_since if number >= release_key(self.fixed_since) else None
        first = next((one for one in self.first_fixed if release_key(one)[:2] == number[:2]), None)
        return first if first is not None and number >= release_key(first) else None


def release_number(release: str) -> tuple[int, int, str] | None:
    """What releases are compared by; None for what is no release number, such as an engineering build.

    A third number of two digits names a release that branched from the one of its first digit, as 7.3.15 did from
    7.3.1: it comes before 7.3.2. That is inferred from the numbers in use (H62), so the third part compares as text.
    """
    found = RELEASE.fullmatch(release)
    return (int(found[1]), int(found[2]), found[3]) if found else None


def release_key(release: str) -> tuple[int, int, str]:
    """As :func:`release_number`, of what is known to be one.

    Raises:
        ValueError: it is none.
    """
    number = release_number(release)
    if number is None:
        raise ValueError(f"{release} is no release")
    return number


def _host(url: str) -> str | None:
    try:
        host = urlsplit(url).hostname
    except ValueError:
        return None
    return host.lower().rstrip(".") or None if host else None


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None
