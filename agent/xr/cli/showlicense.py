"""``show license status|all|summary`` of IOS XR, parsed tolerantly: sections, and what stands below them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from agent.model.state import (
    AuthorizationState,
    DeviceTime,
    Entitlement,
    Licensing,
    RegistrationState,
    TransportType,
)
from agent.xr.licensing import device_time

_SECTIONS = {
    "registration": "registration",
    "license authorization": "authorization",
    "export authorization key": "other",
    "utility": "other",
    "transport": "transport",
    "evaluation period": "evaluation",
    "license usage": "usage",
    "product information": "other",
    "agent version": "other",
    "usage reporting": "reporting",
    "account information": "account",
    "smart licensing using policy": "policy",
    "license using policy": "policy",
}
_LINE = re.compile(r"^([ \t]*)([A-Za-z][A-Za-z0-9 /()\-]{0,60}?)[ \t]*:(.*)$")
_ON = re.compile(r"^([A-Za-z][A-Za-z \-]*?) on (.+)$")
_USAGE = re.compile(
    r"^[ \t]{0,4}(\S(?:.{0,58}?\S)?)[ \t]{2,}(?:\(?(\S{1,80}?)\)?[ \t]{2,})?(\d{1,9})[ \t]+([A-Z][A-Z _]{2,40})[ \t]*$"
)
# A heading of ``show license usage``: the licence, and its tag.
_LICENSE = re.compile(r"(\S.{0,80}) \([^()\s]{1,80}\)[ \t]{0,8}:?[ \t]{0,8}\Z")
_REGISTRATION = {
    "UNREGISTERED": RegistrationState.NOT_REGISTERED,
    "REGISTERED": RegistrationState.COMPLETE,
    "REGISTERING": RegistrationState.IN_PROGRESS,
    "REGISTRATION IN PROGRESS": RegistrationState.IN_PROGRESS,
    "REGISTRATION PENDING": RegistrationState.IN_PROGRESS,
    "REGISTRATION FAILED": RegistrationState.FAILED,
    "REGISTRATION EXPIRED": RegistrationState.NOT_REGISTERED,
    "RETRYING": RegistrationState.RETRY,
    "REGISTRATION RETRYING": RegistrationState.RETRY,
    "REGISTRATION RETRY": RegistrationState.RETRY,
    "NOT REGISTERED": RegistrationState.NOT_REGISTERED,
    "NOT SUPPORTED": RegistrationState.NOT_SUPPORTED,
    "NOT APPLICABLE": RegistrationState.NOT_SUPPORTED,
}
_POLICY = re.compile(
    r"^[ \t]*(?:smart licensing|license) using policy(?: is|:)?[ \t]+(enabled|disabled)\b", re.IGNORECASE
)
_AUTHORIZATION = {
    "AUTHORIZED": AuthorizationState.AUTHORIZED,
    "AUTHORIZED - RESERVED": AuthorizationState.AUTHORIZED_RESERVATION,
    "AUTHORIZED RESERVATION": AuthorizationState.AUTHORIZED_RESERVATION,
    "OUT OF COMPLIANCE": AuthorizationState.OUT_OF_COMPLIANCE,
    "AUTHORIZATION EXPIRED": AuthorizationState.AUTHORIZATION_EXPIRED,
    "EVAL MODE": AuthorizationState.EVAL,
    "EVALUATION MODE": AuthorizationState.EVAL,
    "EVAL EXPIRED": AuthorizationState.EVAL_EXPIRED,
    "EVALUATION EXPIRED": AuthorizationState.EVAL_EXPIRED,
    "NOT AUTHORIZED": AuthorizationState.NOT_AUTHORIZED,
    "NO LICENSES IN USE": AuthorizationState.NONE,
}
_TRANSPORT = {
    "CALLHOME": TransportType.CALLHOME,
    "CALL HOME": TransportType.CALLHOME,
    "SMART": TransportType.SMART,
    "CSLU": TransportType.CSLU,
    "OFF": TransportType.OFF,
    "TRANSPORT OFF": TransportType.OFF,
    "NOT USED": TransportType.NOT_USED,
}
_OUTCOMES = {"SUCCEEDED": True, "SUCCESS": True, "FAILED": False, "FAIL": False}
_AS_OF = re.compile(r"[ \t]{2,}As of .*")


@dataclass
class _Seen:
    """Lines by section: keys in lower case; what came first stays."""

    sections: dict[str, dict[str, str]] = field(default_factory=dict)
    usage: dict[str, Entitlement] = field(default_factory=dict)
    policy: bool = False

    def get(self, section: str, *keys: str) -> str | None:
        found = self.sections.get(section, {})
        return next((found[key] for key in keys if found.get(key)), None)

    def entitlements(self) -> Iterator[Entitlement]:
        """What is in use: rows of a table, or sections of their own with count and status."""
        yield from self.usage.values()
        for section, said in self.sections.items():
            found = _LICENSE.match(section)
            if found and re.fullmatch("[0-9]{1,9}", said.get("count", "")):
                yield Entitlement(found[1], int(said["count"]), said.get("status") or None)


def licensing(*texts: str) -> Licensing | None:
    """Licensing from ``show license status|all|summary`` (any of them, more is better).

    None where no text holds anything that is known.
    """
    seen = _Seen()
    for text in texts:
        _read(text, seen)
    if not seen.sections:
        return None
    outcome, attempt = _dated(seen.get("authorization", "last communication attempt"))
    failed, failed_at = _failure(seen)
    url = seen.get("transport", "url", "registration url", "cslu address")
    return Licensing(
        registration=_registration(_status(seen, "registration")),
        authorization=_AUTHORIZATION.get(_status(seen, "authorization")),
        last_comm_success=_OUTCOMES.get(outcome.upper()),
        last_comm_time=device_time(attempt),
        next_comm_time=device_time(seen.get("authorization", "next communication attempt")),
        deadline=device_time(seen.get("authorization", "communication deadline")),
        fail_message=failed,
        fail_time=failed_at,
        transport=_TRANSPORT.get((seen.get("transport", "type") or "").upper()),
        url=url if url and "://" in url else None,
        proxy=_given(seen.get("transport", "proxy", "address", "proxy address")),
        evaluation_in_use=_yes(seen.get("evaluation", "evaluation mode", "evaluation period in use")),
        evaluation_left=_seconds(seen.get("evaluation", "evaluation period remaining")),
        smart_account=_account(seen, "smart account"),
        virtual_account=_account(seen, "virtual account"),
        entitlements=tuple(seen.entitlements()),
        policy_based=seen.policy or _status(seen, "policy") == "ENABLED",
    )


def _read(text: str, seen: _Seen) -> None:
    section = ""
    reason = -1  # how far the failure reason is indented whose text stands on lines of its own
    for line in text.splitlines():
        indent = len(line) - len(line.lstrip())
        if reason >= 0 and line.strip():
            if indent > reason:
                failure = seen.sections[section]
                failure["failure reason"] = f"{failure['failure reason']} {line.strip()}".strip()
                continue
            reason = reason if indent == 0 and not (_begins(line) or _LINE.match(line)) else -1  # noise ends nothing
        if (policy := _POLICY.match(line)) is not None:
            seen.policy = seen.policy or policy.group(1).lower() == "enabled"
        elif (heading := _begins(line)) is not None:
            section = heading
        elif (found := _LINE.match(line)) is None:
            _usage(line, seen)
        elif section and section != "other":
            key, value = _words(found.group(2)), found.group(3).strip()
            if key == "failure reason" and key not in seen.sections.get(section, {}):
                reason = indent
            seen.sections.setdefault(section, {}).setdefault(key, value)


def _begins(line: str) -> str | None:
    """The section that *line* begins: one of those known, or whatever else is a heading at the margin."""
    if line.rstrip().endswith(":") and _LICENSE.match(line):
        return line
    found = _LINE.match(line)
    if found is None:
        return _SECTIONS.get(_words(line))
    if found.group(3).strip():
        return None
    indent = len(found.group(1))
    return _SECTIONS.get(_words(found.group(2)), "other" if indent == 0 else None) if indent < 3 else None


def _words(text: str) -> str:
    return " ".join(text.lower().split())


def _registration(status: str) -> RegistrationState | None:
    """``UNREGISTERED - REGISTRATION FAILED`` and the like: where the second is not known, the first stands.

    So of ``REGISTERED - SPECIFIC LICENSE RESERVATION``: a reservation is a registration of its own.
    """
    first, _, second = status.partition(" - ")
    return _REGISTRATION.get(second, _REGISTRATION.get(first))


def _usage(line: str, seen: _Seen) -> None:
    found = _USAGE.match(line)
    if found and found.group(1).lower() != "license":
        seen.usage.setdefault(found.group(1), Entitlement(found.group(1), int(found.group(3)), found.group(4).strip()))


def _status(seen: _Seen, section: str) -> str:
    """The status in capitals, without the time that may stand behind it."""
    shown = _dated(seen.get(section, "status"))[0]
    return " - ".join(part.strip() for part in shown.upper().split("-") if part.strip())


def _failure(seen: _Seen) -> tuple[str | None, DeviceTime | None]:
    for section in ("authorization", "registration"):
        if reason := seen.get(section, "failure reason"):
            attempts = ("last communication attempt", "initial registration", "last renewal attempt")
            return reason, device_time(_dated(seen.get(section, *attempts))[1])
    return None, None


def _dated(shown: str | None) -> tuple[str, str | None]:
    """What is shown, and the time that stands behind it: ``FAILED on Feb 22 10:00:07 2022 UTC``."""
    words = " ".join((shown or "").split())
    found = _ON.match(words)
    return (found.group(1), found.group(2)) if found else (words, None)


def _given(shown: str | None) -> str | None:
    return shown if shown and shown.strip("<>").lower() not in ("none", "not configured", "empty", "not set") else None


def _account(seen: _Seen, which: str) -> str | None:
    shown = seen.get("registration", which) or seen.get("account", which)
    return _given(_AS_OF.sub("", shown) if shown else None)


def _yes(shown: str | None) -> bool | None:
    word = (shown or "").upper()
    return True if word.startswith(("IN USE", "YES")) else False if word.startswith(("NOT IN USE", "NO")) else None


def _seconds(shown: str | None) -> int | None:
    """``89 days, 0 hours, 3 minutes, 12 seconds``."""
    units = {"day": 86400, "hour": 3600, "minute": 60, "second": 1}
    found = re.findall(r"(\d{1,6}) (day|hour|minute|second)s?\b", (shown or "").lower())
    return sum(int(count) * units[unit] for count, unit in found) if found else None
