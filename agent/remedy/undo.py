"""Restore the trustpoint's configuration where a push changed it and could not prove the certificate."""

from __future__ import annotations

import logging

from agent.model.errors import AgentError
from agent.model.outcome import Event, Status
from agent.model.plan import ConfigureTrustpoint
from agent.model.state import ConfigModel, Enrollment, EnrollmentKind, Reading, TrustpointConfig
from agent.netconf.payload import Element
from agent.netconf.schema import Schema
from agent.remedy.configure import Change, change, running
from agent.remedy.run import Run, Steps
from agent.xr import cliread, trustpoint

log = logging.getLogger(__name__)

_OWN = {"trustpoint-name", "name", "enrollment"}


def restore(run: Run) -> Steps[None]:
    """Give the trustpoint what it had before this run; what cannot be restored is said in the outcome's steps.

    A trustpoint that somebody else has changed since is left alone, and so is one that is as before.
    """
    first = run.undo
    if first is None or not run.configured:
        return
    with run.unbroken():
        try:
            yield from _restore(run, first)
        except AgentError as error:
            log.warning("%s: the trustpoint's configuration was not restored: %s", run.plan.device, error.message)
            yield _left(run, f"trustpoint {first.trustpoint} may keep '{first.enrollment.cli}': {error.message}")


def _left(run: Run, said: str) -> Event:
    """It was not restored; what may be left becomes part of the outcome."""
    run.left = said
    return run.ended("undo", Status.FAILED, said)


def _restore(run: Run, first: ConfigureTrustpoint) -> Steps[None]:
    reading = _now(run, first)
    now = reading.value.enrollment if reading.value else None
    if reading.missing is not None:
        yield _left(run, f"trustpoint {first.trustpoint} may keep '{first.enrollment.cli}': {reading.missing}")
    elif now is None or now == first.replaces:
        yield run.ended("undo", Status.SKIPPED, "the configuration is as before")
    elif first.creates and not _only_ours(reading):
        said = f"trustpoint {first.trustpoint} has further settings by now; it is left as it is"
        yield run.ended("undo", Status.SKIPPED, said)
    else:
        yield from _undo(run, first, now)
        run.changed = run.configured = bool(run.left)


def _undo(run: Run, first: ConfigureTrustpoint, now: Enrollment) -> Steps[None]:
    if first.model is ConfigModel.NONE:
        yield run.started_event("undo", f"typed at the CLI: trustpoint {first.trustpoint} as before")
        run.shell().console().configure(_lines(first, now))
        reading = cliread.config(run.shell(), first.trustpoint)
        if (reading.value.enrollment if reading.value else None) != _before(first):
            yield _left(run, f"trustpoint {first.trustpoint} is not as before")
            return
    else:
        # Written by the model that the device has, also where the plan of the next method was another.
        yield from change(run, _change(first, now))
    yield run.ended("undo", Status.DONE, f"the configuration of trustpoint {first.trustpoint} is as before")


def _change(first: ConfigureTrustpoint, now: Enrollment) -> Change:
    name, model, old = first.trustpoint, first.model, _before(first)

    def content(schema: Schema) -> Element:
        if old is not None and old.kind is not EnrollmentKind.NONE:
            return trustpoint.config_edit(schema, model, name, old, replaces=now)
        return trustpoint.config_undo(schema, model, name, now, whole=first.creates)

    return Change(name, model, old, content, f"trustpoint {name} as before")


def _before(first: ConfigureTrustpoint) -> Enrollment | None:
    """The enrollment that was there; None for no trustpoint."""
    if first.creates:
        return None
    return first.replaces or Enrollment(EnrollmentKind.NONE)


def _lines(first: ConfigureTrustpoint, now: Enrollment) -> list[str]:
    old = _before(first)
    undone = trustpoint.undo_lines(first.trustpoint, now, whole=first.creates)
    return undone if old is None or old.kind is EnrollmentKind.NONE else [*undone, f" {old.cli}"]


def _now(run: Run, first: ConfigureTrustpoint) -> Reading[TrustpointConfig]:
    if first.model is ConfigModel.NONE:
        return cliread.config(run.shell(), first.trustpoint)
    return running(run, first.trustpoint, first.model, there=False)


def _only_ours(reading: Reading[TrustpointConfig]) -> bool:
    """Whether the trustpoint holds nothing but what this run gave it."""
    if reading.value is None:
        return False
    settings = reading.value.settings
    lines = settings.get("lines", ())  # where it was read as CLI text
    typed = all(str(line).startswith("enrollment ") for line in lines) if isinstance(lines, tuple) else False
    return set(settings) <= {*_OWN, "lines"} and typed
