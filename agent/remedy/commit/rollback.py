"""Roll back what a push committed where it could not prove the certificate: that, and nothing of anybody else's."""

from __future__ import annotations

import logging

from agent.model.errors import AgentError, AnchorMismatch, OutcomeUnknown, SessionLost
from agent.model.outcome import Event, Status
from agent.model.pki.certificate import Evidence
from agent.model.state import ConfigModel, Enrollment, EnrollmentKind, Reading, TrustpointConfig
from agent.model.steps import ConfigureTrustpoint
from agent.netconf.payload import Payload
from agent.netconf.retry import Waits
from agent.netconf.yang.schema import Schema
from agent.remedy.commit.change import Change, begun_anew, not_committed, running, uncommitted
from agent.remedy.commit.configure import change_of, commit
from agent.remedy.commit.locks import BOTH, Wanted, acquire
from agent.remedy.run import PUSH, Run, Steps
from agent.remedy.steps.verify import certificate, judge
from agent.xr import trustpoint

log = logging.getLogger(__name__)


def restore(run: Run) -> Steps[None]:
    """Give the trustpoint what it had before this run; what cannot be restored is said in the outcome's steps.

    Only what this run committed, and as it committed it, is rolled back, under the router's locks: a trustpoint that
    somebody has changed since, or that holds a certificate by now, is left alone, and the device then is in doubt.
    """
    first = run.undo
    if first is None or not run.configured:
        return
    with run.unbroken():
        try:
            yield from begun_anew(run, lambda: _restore(run, first))
        except AgentError as error:
            log.warning("%s: the trustpoint's configuration was not restored: %s", run.plan.device, error.message)
            if run.current not in ("undo", PUSH):
                lost = isinstance(error, OutcomeUnknown)
                yield run.ended(run.current, Status.UNKNOWN if lost else Status.FAILED, error.message)
            yield _left(run, f"trustpoint {first.trustpoint} may keep '{first.enrollment.cli}': {error.message}")


def _left(run: Run, said: str, status: Status = Status.FAILED) -> Event:
    """It was not restored; what may be left becomes part of the outcome."""
    run.left = said
    return run.ended("undo", status, said)


def _restore(run: Run, first: ConfigureTrustpoint) -> Steps[None]:
    if first.model is ConfigModel.NONE:
        run.give_back()  # a lock of ours would refuse the commit at the CLI
    else:
        yield from run.alive()
        with uncommitted(run):
            yield from acquire(run, Wanted(BOTH))
    with uncommitted(run):
        reading = yield from _now(run, first)
    now, name = reading.value, first.trustpoint
    if reading.missing is not None:
        yield _left(run, f"trustpoint {name} may keep '{first.enrollment.cli}': {reading.missing}")
    elif (now.enrollment if now else None) == first.before:
        run.undone = f"the configuration of trustpoint {name} was read back and is as before"
        yield run.ended("undo", Status.SKIPPED, "the configuration is as before")
    elif not run.is_own(now):
        said = f"trustpoint {name} was changed by somebody else meanwhile; it is left as it is"
        yield _left(run, said, Status.SKIPPED)
    elif (stays := (yield from _holds_certificate(run))) is not None:
        yield _left(run, stays, Status.SKIPPED)
    elif run.evidence is not Evidence.NONE:
        yield run.ended("undo", Status.SKIPPED, f"the root is there by now, by {run.evidence.value}")
    elif now is not None:
        yield from _undo(run, first, now.enrollment)
        run.changed = run.configured = bool(run.left)


def _holds_certificate(run: Run) -> Waits[str | None]:
    """Why the trustpoint is not taken away under a certificate; the anchor's makes the run a success after all."""
    stays = f"trustpoint {run.plan.intent.trustpoint} stays, since whether it holds a certificate"
    try:
        reading = yield from certificate(run)
        if run.clears is not None and run.clears.held.same(reading.value):
            return None  # it was there before, and so was what it stands under
        found = judge(run, reading)
    except AnchorMismatch as error:
        return f"{error.message}; the trustpoint stays as it is"
    except SessionLost as error:
        raise not_committed(run, error) from error
    except AgentError as error:
        return f"{stays} could not be read: {error.message}"
    if found is not None:
        run.proven(found)
    elif reading.value is not None or reading.missing is not None:
        return f"{stays} cannot be told: {reading.missing or 'the device shows too little of it'}"
    return None


def _undo(run: Run, first: ConfigureTrustpoint, now: Enrollment) -> Steps[None]:
    if first.model is ConfigModel.NONE:
        yield run.started_event("undo", f"typed at the CLI: trustpoint {first.trustpoint} as before")
        (yield from run.cli()).console().configure(_lines(first, now))
        reading = yield from _now(run, first)
        if (reading.value.enrollment if reading.value else None) != first.before:
            yield _left(run, f"trustpoint {first.trustpoint} is not as before")
            return
    else:
        # Written by the model that the device has, also where the plan of the next method was another.
        yield from commit(run, _change(first, now))
    said = f"the configuration of trustpoint {first.trustpoint}"
    run.undone = f"undone: {said} was read back and is as before"
    yield run.ended("undo", Status.DONE, f"{said} is as before")


def _change(first: ConfigureTrustpoint, now: Enrollment) -> Change:
    name, model, old = first.trustpoint, first.model, first.before

    def content(schema: Schema) -> Payload:
        if old is not None and old.kind is not EnrollmentKind.NONE:
            return trustpoint.config_edit(schema, model, name, old, replaces=now)
        return trustpoint.config_undo(schema, model, name, now, whole=first.creates)

    return Change(name, model, now, old, content, f"trustpoint {name} as before")


def _lines(first: ConfigureTrustpoint, now: Enrollment) -> list[str]:
    old = first.before
    undone = trustpoint.undo_lines(first.trustpoint, now, whole=first.creates)
    return undone if old is None or old.kind is EnrollmentKind.NONE else [*undone, f" {old.cli}"]


def _now(run: Run, first: ConfigureTrustpoint) -> Waits[Reading[TrustpointConfig]]:
    return running(run, change_of(first), there=False, session=run.session)
