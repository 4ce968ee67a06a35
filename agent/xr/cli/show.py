"""What ``show`` commands print of certificates, software and configuration, parsed into the types the models fill.

What was not seen is None, never guessed. Licensing has a file of its own: :mod:`agent.xr.cli.showlicense`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from agent.model.pki.certificate import CONSOLE, Certificate, normal_hex, normal_serial
from agent.model.pki.names import DistinguishedName
from agent.model.state import Enrollment, EnrollmentKind, PoolEntry, Software, TrustpointConfig
from agent.xr.cli.showlicense import licensing as licensing
from agent.xr.licensing import device_time

_FIELDS = {
    "serial": "(?:certificate )?serial number",
    "subject": "subject(?: name)?",
    "issuer": "issued by|issuer(?: name)?",
    "start": "validity start|valid from|start date",
    "end": "validity end|valid to|end date",
    "sha1": "sha-?1 fingerprint|fingerprint(?: sha1)?",
}
_DIGITS = re.compile(r"[0-9A-Fa-f:. -]+")
_FIELD = re.compile(r"^[ \t]{0,20}([A-Za-z][A-Za-z0-9 /-]{0,40}?)[ \t]*:[ \t]*(.*)$")
_CA = re.compile(r"^[ \t]*(?:trusted )?(?:ca|root) certificate", re.IGNORECASE)
_OTHER_CERTIFICATE = re.compile(r"^[ \t]*(?:router|general purpose|rsa|id|identity) certificate", re.IGNORECASE)
_TRUSTPOINT = re.compile(r"^[ \t]*trustpoint[ \t]*:[ \t]*(\S+)", re.IGNORECASE)
_POOL = re.compile(r"^[ \t]*trustpool[ \t]*:(.*)$", re.IGNORECASE)
_RULE = re.compile(r"^[ \t]*[=\-*]{5,}[ \t]*$")
_VERSION = re.compile(r"cisco ios xr software.{0,80}?version +(\d+\.\d+\.\d+(?:\.\d+[A-Z]+)?)", re.IGNORECASE)
_LABEL = re.compile(
    r"^[ \t]*+(?:label|version)[ \t]*+:[ \t]*+(\d+\.\d+\.\d+(?:\.\d+[A-Z]+)?)", re.IGNORECASE | re.MULTILINE
)
_DEFECT = re.compile(r"\bCSC[a-z]{2}\d{5}\b")
# What is printed where there is no such configuration or certificate, and what stands around it.
_NOTHING = re.compile(
    r"^[ \t]*(?:%? ?no\b|!|(?:trustpoint|trustpool)[ \t]*:|crypto ca trustpoint\b"
    r"|(?:[a-z]{1,20} ){0,3}certificates?[ \t:]*$|.*\b(?:not found|not configured|does not exist|not exist)\b)",
    re.IGNORECASE | re.MULTILINE,
)


def certificates(text: str, trustpoint: str) -> Certificate | None:
    """The CA certificate of *trustpoint* in ``show crypto ca certificates [NAME]``; None: it shows none."""
    own: list[str] = []
    inside = named = False
    for line in text.splitlines():
        heading = _TRUSTPOINT.match(line)
        if heading:
            named = True
            inside = heading.group(1) == trustpoint
        elif inside and _OTHER_CERTIFICATE.match(line):
            inside = False
        elif inside:
            own.append(line)
    return next((entry.certificate for entry in _blocks(own if named else text.splitlines())), None)


def printed_certificate(text: str) -> Certificate | None:
    """The certificate that ``crypto ca authenticate`` prints before it asks whether to accept.

    None where it did not print a SHA-1 fingerprint: nothing less tells which certificate is about to be accepted.
    """
    found = [entry.certificate for entry in _blocks(text.splitlines())]
    return found[0] if len(found) == 1 and found[0].sha1 else None


def trustpool(text: str) -> tuple[PoolEntry, ...]:
    """Every certificate of ``show crypto ca trustpool``, with the heading it stands under."""
    return tuple(_blocks(text.splitlines()))


def says_nothing(text: str) -> bool:
    """Whether *text*, in which nothing was found, says that nothing is there; other words say something else."""
    return not text.strip() or _NOTHING.search(text) is not None


def version(text: str) -> Software | None:
    """The release from ``show version``."""
    found = _VERSION.search(text) or _LABEL.search(text)
    return Software(found.group(1)) if found else None


def fixes(text: str) -> frozenset[str]:
    """Defects (``CSC…``) named by active packages in ``show install active``, as the names of SMUs carry them (H35)."""
    return frozenset(_DEFECT.findall(text))


def trustpoint_config(text: str, name: str) -> TrustpointConfig | None:
    """Trustpoint *name* in ``show running-config`` or in CLI text of cli-cfg; None: it is not there."""
    block = _block(text, name)
    if block is None:
        return None
    enrollment = Enrollment(EnrollmentKind.NONE)
    for line in block:
        words = line.split()
        if words[:1] == ["enrollment"]:
            enrollment = _enrollment(words[1:]) or enrollment
    return TrustpointConfig(name, enrollment, {"lines": tuple(block)} if block else {})


def clock(text: str) -> datetime | None:
    """The time of ``show clock``, aware; None where the zone is not UTC or GMT, since other names are ambiguous."""
    return next(filter(None, (_moment(line.strip().lstrip("*.")) for line in text.splitlines())), None)


def _moment(shown: str | None) -> datetime | None:
    time = device_time(shown)
    return time.moment if time else None


def _blocks(lines: list[str]) -> Iterator[PoolEntry]:
    """Each certificate with the heading above it; a certificate begins anew where a field repeats."""
    origin: str | None = None
    trustpoint: str | None = None
    fields: dict[str, list[str]] = {}
    current, margin = None, 0
    for line in [*lines, "CA certificate"]:
        pool = _POOL.match(line)
        point = _TRUSTPOINT.match(line) if not fields or _indent(line) < max(margin, 1) else None
        key, value = _field(line)
        if pool or point or _CA.match(line) or (key is not None and key in fields):
            if (made := _certificate(fields)) is not None:
                yield PoolEntry(made, origin, trustpoint)
            fields, current = {}, None
        if pool or point:
            origin = (pool.group(1).strip() or None) if pool else None
            trustpoint = point.group(1) if point else None
        elif key is not None:
            fields[key] = [value] if value else []
            current, margin = key, _indent(line)
        elif current is not None:
            said = "" if _RULE.match(line) else line.strip()
            if said and _indent(line) > margin and _goes_on(current, fields[current], said):
                fields[current].append(said)
            elif fields[current] and not fields[current][-1].endswith(","):
                current = None  # something else; within a value that goes on it is noise


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _goes_on(name: str, parts: list[str], line: str) -> bool:
    """Whether *line*, which is indented below field *name*, is of its value: dates are whole where they begin."""
    if name in ("start", "end"):
        return not parts
    return name in ("subject", "issuer") or not parts or _DIGITS.fullmatch(line) is not None


def _field(line: str) -> tuple[str | None, str]:
    if (found := _FIELD.match(line)) is None:
        return None, ""
    said = " ".join(found[1].lower().split())
    name = next((name for name, words in _FIELDS.items() if re.fullmatch(words, said)), None)
    return name, found[2].strip() if name else ""


def _certificate(fields: dict[str, list[str]]) -> Certificate | None:
    shown = {name: _joined(name, parts) for name, parts in fields.items() if parts}
    subject, issuer = shown.get("subject"), shown.get("issuer")
    sha1 = normal_hex(shown.get("sha1", "")) or ""
    sha1 = sha1 if len(sha1) == 40 else ""
    if not (subject or sha1):
        return None
    return Certificate(
        subject=DistinguishedName.parse(subject) if subject else None,
        issuer=DistinguishedName.parse(issuer) if issuer else None,
        not_before=_moment(shown.get("start")),
        not_after=_moment(shown.get("end")),
        serial=normal_serial(shown.get("serial", "")),
        sha1=sha1 or None,
        source=CONSOLE,
    )


def _joined(name: str, parts: list[str]) -> str:
    """One value of several lines: names are lists of attributes, the rest goes on where it was cut."""
    if name in ("subject", "issuer"):
        return ",".join(part.rstrip(",") for part in parts)
    return "".join(parts) if name in ("sha1", "serial") else " ".join(parts)


def _block(text: str, name: str) -> list[str] | None:
    """The lines of one trustpoint, without indentation.

    A ``!`` at the margin ends it, or where there is none any line that is not indented; else that is noise.
    """
    block: list[str] | None = None
    marked = re.search(r"^![ \t]*\r?$", text, re.MULTILINE) is not None
    for line in text.splitlines():
        words = line.split()
        if words[:3] == ["crypto", "ca", "trustpoint"] and line[:1] == "c":
            block = [] if words[3:] == [name] else block
            if words[3:] != [name] and block is not None:
                return block
        elif block is not None and words:
            if not line[:1].isspace():
                if not marked or words == ["!"]:
                    return block
            elif words != ["!"]:
                block.append(" ".join(words))
    return block


def _enrollment(words: list[str]) -> Enrollment | None:
    """Where the certificate comes from; None for what else there is to enrollment, such as its retries."""
    if words == ["terminal"] or words == ["url", "terminal"]:
        return Enrollment(EnrollmentKind.TERMINAL)
    if words == ["local"]:
        return Enrollment(EnrollmentKind.LOCAL)
    if words[:1] == ["url"] and len(words) > 1:
        return Enrollment(EnrollmentKind.URL, words[1])
    return None
