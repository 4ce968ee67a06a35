"""Smart licensing: ``/smart-agent/licensing`` of infra-smartlicense-oper, and the rpcs of smart-license-act.

Usage reports of policy-based licensing: ``/plat-smart-license/summary/reporting`` of smart-license-platform-oper.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from enum import Enum
from typing import TypeVar

from agent.model.device import Secret
from agent.model.errors import (
    AgentError,
    OutcomeUnknown,
    ReplyTimeout,
    RPCError,
    RpcErrorInfo,
    SchemaError,
    SessionLost,
)
from agent.model.masking.redact import Redactor
from agent.model.state import (
    AuthorizationState,
    DeviceTime,
    Entitlement,
    Licensing,
    RegistrationState,
    Reporting,
    TransportType,
    Unreadable,
)
from agent.netconf import operations
from agent.netconf.payload import Element, Payload, rendered_once, template
from agent.netconf.query import Query
from agent.netconf.session import Session
from agent.netconf.yang.schema import Schema
from agent.xr.logs.stamp import MONTHS
from agent.xr.tree import Tree, at, entries, number, queried, text, walk, yes

OPER = "Cisco-IOS-XR-infra-smartlicense-oper"
PLATFORM = "Cisco-IOS-XR-smart-license-platform-oper"
ACT = "Cisco-IOS-XR-smart-license-act"
_REGISTER = "register-id-token"
_STATE = "smart-agent/licensing/state/state-info"
_REPORTING = "plat-smart-license/summary/reporting"

_DATE = r"(?:[A-Z][a-z]{2} )?(?P<month>[A-Z][a-z]{2}) (?P<day>\d{1,2})"
_YEAR, _CLOCK, _UTC = r"(?P<year>\d{4})", r"(?P<clock>\d\d:\d\d:\d\d)", "(?:UTC|GMT|Z)"
_FORMS = (
    re.compile(rf"{_DATE} {_YEAR} {_CLOCK} {_UTC}"),
    re.compile(rf"{_DATE} {_CLOCK} {_YEAR} {_UTC}"),
    re.compile(rf"{_DATE} {_CLOCK} {_UTC} {_YEAR}"),
    re.compile(rf"{_CLOCK}(?:\.\d+)? {_UTC} {_DATE} {_YEAR}"),
)

E = TypeVar("E", bound=Enum)


class Answer(Enum):
    """What a licensing rpc's return-code means for the next step."""

    SUCCESS = "success"
    RETRY = "retry"
    TRUST = "trust"
    PERMANENT = "permanent"
    OTHER = "other"


_CODES = {
    Answer.RETRY: "commsend registrationinprogress commretry authrenewinprogress idcertrenewinprogress"
    " cryptoinitnotcompleted ipctimeout OperationInProgress ErrorOkTryAgain",
    Answer.TRUST: "certinvalid certexpired signcertverificationfailed cryptorootcaimportfailed"
    " couldnotvalidatetrustchain certificatemismatch",
    Answer.PERMANENT: "notsupported notenabled commdisabled notregistered standby NoURL",
}


_FAILURES = {
    RegistrationState.RETRY: "registration/registration-retry/registration-info",
    RegistrationState.FAILED: "registration/registration-failed",
}


def classify(status: str | None, code: str | None) -> Answer:
    """What operation-status and return-code of a licensing rpc mean; an unlisted code of a failure is OTHER.

    Which of them pass by themselves is told by their names (H55)."""
    if status == "success" and code in (None, "success"):
        return Answer.SUCCESS
    return next((answer for answer, codes in _CODES.items() if code in codes.split()), Answer.OTHER)


def device_time(shown: str | None) -> DeviceTime | None:
    """A time string of a device; its moment is known only where date, time and UTC are all certain.

    The model gives no format (H57). CLI samples read ``Feb 22 10:00:07 2022 UTC`` and ``Oct 12 2018 21:21:27 UTC``,
    those of certificates and of the clock ``18:12:23 UTC Thu Jan 16 2014``.
    """
    if not shown:
        return None
    text = " ".join(shown.split())
    found = next(filter(None, (form.fullmatch(text) for form in _FORMS)), None)
    if found is None:
        return DeviceTime(shown)
    try:
        month, day = MONTHS.index(found["month"]) + 1, int(found["day"])
        return DeviceTime(shown, datetime.fromisoformat(f"{found['year']}-{month:02}-{day:02}T{found['clock']}+00:00"))
    except ValueError:
        return DeviceTime(shown)


def query(schema: Schema) -> Query[Licensing]:
    """The licensing state in full; no value: the device answered with nothing."""

    def read(tree: Tree) -> Licensing | None:
        state = walk(tree, _STATE)
        return licensing(state) if state else None

    node = (OPER, f"/{_STATE}/registration/registration-state")
    return queried(schema, "licensing", node, read, "filter-licensing", lacking="shows licensing")


def reporting_query(schema: Schema) -> Query[Reporting]:
    """When usage was last reported and is due next; no value: nothing is shown."""

    def read(tree: Tree) -> Reporting | None:
        last, following = (device_time(text(tree, f"{_REPORTING}/{when}")) for when in ("last", "next"))
        return Reporting(last, following) if last or following else None

    node = (PLATFORM, f"/{_REPORTING}/last")
    return queried(schema, "reporting", node, read, "filter-reporting", lacking="shows reporting")


def licensing(tree: Tree) -> Licensing:
    """Licensing from the decoded ``state-info``."""
    registered = _enum(RegistrationState, at(tree, "registration/registration-state"))
    authorized = _enum(AuthorizationState, at(tree, "authorization/authorization-state"))
    transport = _enum(TransportType, at(tree, "transport/transport-type"))
    # Of the authorizations only that of the state in force counts; three states carry one.
    contact = walk(tree, f"authorization/authorization-{authorized.value}/authorization-info") if authorized else {}
    failure = walk(tree, _FAILURES[registered]) if registered in _FAILURES else {}
    return Licensing(
        registration=registered,
        authorization=authorized,
        last_comm_success=yes(contact, "last-comm-status-success"),
        last_comm_time=device_time(text(contact, "last-comm-time")),
        next_comm_time=device_time(text(contact, "next-comm-time")),
        deadline=device_time(text(contact, "comm-deadline-time")),
        fail_message=text(contact, "fail-message") or text(failure, "fail-message"),
        fail_time=device_time(text(failure, "fail-time")),
        transport=transport,
        url=text(tree, "transport/url-settings/url-registration"),
        proxy=text(tree, "transport/proxy-info/address"),
        evaluation_in_use=yes(tree, "evaluation/eval-in-use"),
        evaluation_expired=yes(tree, "evaluation/eval-expired"),
        evaluation_left=number(tree, "evaluation/eval-period-left/time-left"),
        smart_account=text(tree, "registration/registration-complete/smart-account"),
        virtual_account=text(tree, "registration/registration-complete/virtual-account"),
        entitlements=_entitlements(tree),
        # Smart Licensing Using Policy knows no registration; the model then says that it is not supported.
        policy_based=registered is RegistrationState.NOT_SUPPORTED or transport is TransportType.CSLU,
    )


def renewal(schema: Schema, name: str = "renew-auth") -> bool:
    """Whether rpc *name* (renew-auth, renew-id) is there."""
    return schema.has(ACT, f"/{name}")


def renew(
    session: Session,
    schema: Schema,
    name: str = "renew-auth",
    *,
    behind: Callable[[Session], object] = lambda _: None,
) -> tuple[Answer, str]:
    """Call rpc renew-auth or renew-id; the device's verdict stands inside a successful rpc-reply.

    *behind* as of :func:`agent.netconf.operations.action`.

    Raises:
        SchemaError, RPCError, OutcomeUnknown: as of :meth:`agent.netconf.session.Pending.result`.
    """
    return _asked(session, schema, rendered_once(f"rpc-{name}"), name, behind=behind)


def register(session: Session, schema: Schema, token: Secret) -> tuple[Answer, str]:
    """Call rpc register-id-token; the token is in no message of an error or a log, even where the device says it.

    Raises:
        SchemaError: the model does not take the token.
        RPCError, OutcomeUnknown: as of :meth:`agent.netconf.session.Pending.result`; unknown as well where the answer
            is not as the model says.
    """
    body = _registration(schema, token)
    if body is None:
        raise SchemaError(
            "rpc register-id-token does not take this token", hint="1 to 255 characters, none of them a control"
        )
    hide = Redactor((token,)).known
    try:
        answer, code = _asked(session, schema, body, _REGISTER, unlogged=True)
        return answer, hide(code)
    except (RPCError, OutcomeUnknown, SchemaError) as error:
        failure = _unquoted(error, hide)
    # Raised out here, it brings along neither the errors below it nor their frames: both quote the token.
    raise failure


def _registration(schema: Schema, token: Secret) -> Element | None:
    """The rpc's body; None where the model does not allow it, since the error that says so quotes the token."""
    try:
        body = template(f"rpc-{_REGISTER}", id_token=token.reveal(), force=None)
        schema.validate(body, module=ACT)
    except SchemaError:
        return None
    return body


def _unquoted(error: AgentError, hide: Callable[[str], str]) -> AgentError:
    """What *error* says, without what it quotes of the rpc or its answer."""
    if isinstance(error, RPCError):
        said = [
            RpcErrorInfo(**{name: value and hide(value) for name, value in asdict(one).items()}) for one in error.errors
        ]
        return type(error)(said, operation=error.operation, device=error.device, hint=error.hint)
    if isinstance(error.__cause__, ReplyTimeout | SessionLost):
        return OutcomeUnknown(error.message, device=error.device, hint=error.hint)
    return OutcomeUnknown(
        f"{_REGISTER} was sent, and its answer cannot be read",
        device=error.device,
        hint="read the state before anything else",
    )


def _asked(
    session: Session,
    schema: Schema,
    body: Element | Payload,
    name: str,
    *,
    unlogged: bool = False,
    behind: Callable[[Session], object] = lambda _: None,
) -> tuple[Answer, str]:
    schema.validate(body, module=ACT)
    reply = operations.action(session, body, operation=name, unlogged=unlogged, behind=behind)
    response = walk(schema.decode(reply.root, module=ACT), "response")
    shown = (response.get("operation-status"), response.get("return-code"))
    status, code = (None if one is None else str(one).strip() or None for one in shown)
    # What the model does not list is no success, whatever stands beside it.
    unlisted = any(isinstance(one, Unreadable) for one in shown)
    return Answer.OTHER if unlisted else classify(status, code), code or status or "no return-code"


def _entitlements(tree: Tree) -> tuple[Entitlement, ...]:
    return tuple(
        Entitlement(name, number(entry, "count"), text(entry, "enforce-mode"))
        for entry in entries(tree, "usage")
        if (name := text(entry, "license-name") or text(entry, "short-name") or text(entry, "entitlement-tag"))
    )


def _enum(kind: type[E], word: object) -> E | None:
    try:
        return kind(word)
    except ValueError:
        return None
