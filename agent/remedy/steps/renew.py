"""Register, or renew the licence authorization, and wait until the device says that it reached the server again."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from agent.model.errors import AgentError, Interrupted, OutcomeUnknown
from agent.model.outcome import Event, Status, Waiting
from agent.model.pki.certificate import Evidence
from agent.model.state import DeviceTime, Licensing, Reading
from agent.model.steps import Register, RenewAuthorization
from agent.netconf.query import Behind, awaited, settle
from agent.netconf.retry import Waits
from agent.netconf.session import Session
from agent.netconf.yang.schema import Schema
from agent.remedy.run import Run, Steps
from agent.xr import licensing
from agent.xr.licensing import Answer

_INTERVALS = (0.5, 1.0, 2.0, 5.0)
_LOOKS = (3.0, 6.0, 3.0)
"""Seconds between two looks for a contact, the last from then on: one early, the others when it may be there, since
routers take ten to thirty."""
_REGISTER = "register-id-token"
_BY_HAND = "the root is there all the same: on the router license smart renew auth, or watch it with poll"
_UNSEEN = "interrupted before a newer contact was seen: watch it with poll"


def renew(run: Run, step: RenewAuthorization) -> Steps[None]:
    """Call rpc renew-auth, then wait for a newer contact.

    The root is proven by now, so whatever the licensing agent answers is reported and fails nothing.
    """
    yield run.started_event("renew-auth")
    first = Behind(licensing.query(run.session.schema))
    status, detail = yield from _call(run, "renew-auth", partial(licensing.renew, behind=first.send))
    yield run.ended("renew-auth", status, f"{detail}; {_BY_HAND}" if status is Status.FAILED else detail)
    if status in (Status.DONE, Status.UNKNOWN):
        yield run.started_event("contact", f"up to {step.wait:g} s")
        try:
            seen = yield from _contact(run, step, first)
        except Interrupted:
            yield run.ended("contact", Status.SKIPPED, _UNSEEN)
            return
        if seen is None:
            yield run.ended("contact", Status.UNKNOWN, f"no newer contact within {step.wait:g} s; watch it with poll")
        else:
            yield run.ended("contact", Status.DONE, f"last contact succeeded at {seen.text}")


def register(run: Run, step: Register) -> Steps[None]:
    """Call rpc register-id-token, where the root is proven; never before, since the device could not reach the server.

    As with a renewal, what the licensing agent answers is reported and fails nothing.
    """
    token = step.token
    if run.evidence is Evidence.NONE or token is None:
        raise AssertionError("a token is used only where the root is proven")
    yield run.started_event(_REGISTER)
    run.changed = True
    status, detail = yield from _call(run, _REGISTER, partial(licensing.register, token=token))
    yield run.ended(_REGISTER, status, detail)


def _call(run: Run, name: str, rpc: Callable[[Session, Schema], tuple[Answer, str]]) -> Steps[tuple[Status, str]]:
    """The rpc, repeated while the agent is busy: such an answer changed nothing."""
    code = ""
    for number, wait in enumerate((*_INTERVALS, None), 1):
        try:
            session = yield from run.alive()
            answer, code = rpc(session, session.schema)
        except OutcomeUnknown as error:
            return Status.UNKNOWN, error.message
        except Interrupted:
            raise
        except AgentError as error:
            return Status.FAILED, error.message
        if answer is Answer.SUCCESS:
            return Status.DONE, "success"
        if answer is Answer.TRUST:
            return Status.FAILED, f"{code}: the device still does not trust the server"
        if answer is not Answer.RETRY or wait is None:
            return (
                (Status.SKIPPED, f"{code}: the licensing agent does not do that here")
                if answer is Answer.PERMANENT
                else (Status.FAILED, f"{code} after {number} tries")
            )
        yield run.retried(name, code)
        yield from run.policy.pause(wait, Waiting.BUSY, code)
    raise AssertionError("the last wait is None")


def _contact(run: Run, step: RenewAuthorization, first: Behind[Licensing]) -> Steps[DeviceTime | None]:
    end = run.policy.clock() + step.wait
    waits = iter(_LOOKS)
    wait = next(waits)
    looks = _Looks()
    while True:
        try:
            session = yield from run.alive()
            reading = (yield from first.reading(session, run.policy)) or (yield from looks.look(run, session))
        except Interrupted:
            raise
        except AgentError as error:
            yield Event(run.plan.device, "contact", Status.RETRY, error.message)
        else:
            value = None if reading is None else reading.value
            if value is not None and (seen := _newer(value, step.newer_than)) is not None:
                return seen
        if run.policy.clock() + wait > end:
            return None
        if all(pending.answered() for _, pending in run.loose):
            run.settle()  # nothing is kept of them meanwhile
        yield from run.pause(wait, Waiting.CONTACT)
        wait = next(waits, wait)


class _Looks:
    """One look after the other at the same licensing state."""

    def __init__(self) -> None:
        self._last: bytes | None = None

    def look(self, run: Run, session: Session) -> Waits[Reading[Licensing] | None]:
        """What the device shows; None where it is word for word what it showed at the look before."""
        query = licensing.query(session.schema)
        sent = query.send(session)
        yield from awaited(sent, Waiting.CONTACT)
        last, self._last = self._last, None if sent is None else sent.digest()
        if last is not None and last == self._last:
            return None
        return (yield from settle(session, query, sent, run.policy))


def _newer(licence: Licensing, before: DeviceTime | None) -> DeviceTime | None:
    last = licence.last_comm_time
    return last if licence.last_comm_success and last is not None and last.newer_than(before) else None
