"""Certificates as the CLI prints them (H33).

``sha1`` follows Cisco's community document 4572533, ``attributes`` the command reference of earlier releases, whose
fingerprint here is the SHA-1 one for want of another.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from agent.model.pki.anchor import TrustAnchor

RULE = "=" * 58


def certificate(anchor: TrustAnchor, style: str, fingerprint: str | None = None) -> list[str]:
    """The lines about one certificate; an empty *fingerprint* leaves that one out, None is the right one."""
    serial = ":".join(anchor.serial[start : start + 2] for start in range(0, len(anchor.serial), 2))
    fingerprint = anchor.sha1 if fingerprint is None else fingerprint
    older = style == "attributes"
    lines = [
        f"  Serial {'n' if older else 'N'}umber  : {serial}",
        "  Subject:",
        f"        {anchor.subject}",
        f"  Issued By{' :' if older else '      :'}",
        f"        {anchor.issuer}",
        f"  Validity Start : {when(anchor.not_before)}",
        f"  Validity End   : {when(anchor.not_after)}",
    ]
    if not fingerprint:
        return lines
    if not older:
        return [*lines, "  SHA1 Fingerprint:", f"         {fingerprint}"]
    pairs = " ".join(fingerprint[start : start + 2] for start in range(0, len(fingerprint), 2))
    return [*lines, "Certificate has the following attributes:", f"  Fingerprint: {pairs}"]


def section(heading: str, pems: Iterable[str], style: str) -> list[str]:
    """A heading and the CA certificates below it; nothing where there are none."""
    lines = []
    for pem in pems:
        lines += ["CA certificate", *certificate(TrustAnchor.from_pem(pem), style), ""]
    return [heading, RULE, *lines] if lines else []


def when(moment: datetime) -> str:
    """``18:12:23 UTC Thu Jan 16 2014``."""
    return f"{moment:%H:%M:%S} UTC {moment:%a %b} {moment.day} {moment.year}"
