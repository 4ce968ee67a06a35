"""The two configuration lines of a trustpoint, typed at the CLI where no model carries them."""

from __future__ import annotations

from agent.model.errors import AgentError, OutcomeUnknown
from agent.model.outcome import Status
from agent.model.state import EnrollmentKind
from agent.model.steps import ConfigureTrustpoint
from agent.netconf.retry import Waits
from agent.remedy.commit.change import Change, holds
from agent.remedy.commit.configure import change_of, read_back
from agent.remedy.run import Run, Steps
from agent.remedy.skips import WindowClosed


def type_trustpoint(run: Run, step: ConfigureTrustpoint) -> Steps[None]:
    """Type the trustpoint at the CLI, commit, and read it back.

    Raises:
        ConsoleError, ReplyTimeout, SessionLost: it was refused or lost before the commit; nothing is committed.
        OutcomeUnknown: the commit was sent, and the running configuration cannot be read or does not have it.
    """
    change = change_of(step)
    yield run.started_event("configure", f"typed at the CLI: {change.line}")
    before, run.changed = run.changed, True
    run.undoable(step)
    try:
        yield from run.persist(
            "configure", lambda: _type(run, step), before_repeat=lambda: _once_more(run, change, before)
        )
        said = "committed"
    except OutcomeUnknown as error:
        yield from _read_after(run, change, error)
        said = "its answer was lost; the configuration was read back and is there"
    except AgentError:
        run.changed = before
        raise
    run.configured = True
    run.committed(step.enrollment)
    yield run.ended("configure", Status.DONE, said)
    yield from read_back(run, change)


def _type(run: Run, step: ConfigureTrustpoint) -> bool:
    lines = [f"crypto ca trustpoint {step.trustpoint}"]
    if step.replaces is not None and step.replaces.kind is not step.enrollment.kind:
        lines.append("no enrollment url" if step.replaces.kind is EnrollmentKind.URL else f"no {step.replaces.cli}")
    run.shell().console().configure([*lines, step.enrollment.cli])
    return True


def _read_after(run: Run, change: Change, error: OutcomeUnknown) -> Waits[None]:
    """See that the commit whose answer was lost took; it stays unknown where it did not, or that cannot be read."""
    try:
        said = None if (yield from _ran(run, change)) else "the running configuration does not show it"
    except AgentError as second:
        said = second.message
    if said is not None:
        raise OutcomeUnknown(f"{error.message}; {said}", hint=error.hint) from error


def _once_more(run: Run, change: Change, changed: bool) -> Waits[bool | None]:
    """As :func:`_ran`; *changed*: whether something was changed before these lines.

    Raises:
        WindowClosed: it is too late to begin with them.
    """
    ran = yield from _ran(run, change)
    if ran is None and not changed and run.window_closed():
        raise WindowClosed(run.plan.device)
    return ran


def _ran(run: Run, change: Change) -> Waits[bool | None]:
    """True where running has it; None where it has not, so that it is typed again."""
    return (yield from holds(run, change, there=False, session=run.session)) or None
