"""The authenticate dialog at the CLI, and the two configuration lines where no model carries them."""

from __future__ import annotations

from agent.model.errors import AgentError, ConsoleError, OutcomeUnknown, SessionLost
from agent.model.outcome import Status
from agent.model.pki.certificate import Evidence
from agent.model.plan import ConfigureTrustpoint, Dialog
from agent.model.state import Enrollment, EnrollmentKind
from agent.netconf.retry import Waits
from agent.remedy.run import Run, Steps
from agent.remedy.steps.verify import came_meanwhile, despite, needless, prove
from agent.xr.cli import readings as cliread

_NEXT = "on the router: show crypto ca trustpool, show crypto ca certificates {name}"


def type_trustpoint(run: Run, step: ConfigureTrustpoint) -> Steps[None]:
    """Type the trustpoint at the CLI, commit, and read it back.

    Raises:
        ConsoleError: the router refused it; nothing is committed.
        OutcomeUnknown: the commit was sent, and the running configuration cannot be read or does not have it.
    """
    yield run.started_event("configure", f"typed at the CLI: {step.diff()[-1].lstrip('+ ')}")
    before, run.changed = run.changed, True
    run.undoable(step)
    try:
        yield from run.persist("configure", lambda: _type(run, step), before_repeat=lambda: _typed(run, step))
        said = "committed"
    except ConsoleError:
        run.changed = before
        raise
    except OutcomeUnknown as error:
        yield from _read_after(run, step, error)
        said = "its answer was lost; the configuration was read back and is there"
    run.configured = True
    run.committed(step.enrollment)
    yield run.ended("configure", Status.DONE, said)
    yield run.started_event("read back", "configuration")
    reading = cliread.config((yield from run.cli()), step.trustpoint)
    if reading.value is None or reading.value.enrollment != step.enrollment:
        shown = f"'{reading.value.enrollment.cli}'" if reading.value else reading.absent("no such trustpoint")
        raise OutcomeUnknown(
            f"the commit went through, but the running configuration shows {shown}",
            device=run.plan.device,
            hint=f"on the router: show running-config crypto ca trustpoint {step.trustpoint}",
        )
    run.committed(step.enrollment, reading.value)
    yield run.ended("read back", Status.DONE, f"running has '{step.enrollment.cli}'")


def _read_after(run: Run, step: ConfigureTrustpoint, error: OutcomeUnknown) -> Waits[None]:
    """See that the commit whose answer was lost took.

    Raises:
        OutcomeUnknown: it did not, or that cannot be read.
    """
    try:
        said = None if (yield from _typed(run, step)) else "the running configuration does not show it"
    except AgentError as second:
        said = second.message
    if said is not None:
        raise OutcomeUnknown(f"{error.message}; {said}", device=run.plan.device, hint=error.hint) from error


def dialog(run: Run, step: Dialog) -> Steps[None]:
    """Answer ``crypto ca authenticate``; only the anchor is accepted, and what the device then shows is the proof.

    Raises:
        AnchorMismatch: the device printed another certificate, and got ``no``; never repeated.
        ConsoleError: the dialog went another way than any known; it was left.
        CertificateMissing, OutcomeUnknown: as of :func:`agent.remedy.steps.verify.prove`.
    """

    def answer() -> Evidence | None:
        run.shell().console().authenticate(step.trustpoint, step.anchor)
        return None

    def seen() -> Waits[Evidence | None]:
        run.release()  # as of rpc ca-authenticate
        return needless(run, step.trustpoint, step.anchor)

    yield run.started_event("dialog", f"crypto ca authenticate {step.trustpoint}")
    (yield from run.cli()).console()  # until the first prompt a wish to end breaks it off
    with run.unbroken():
        found = yield from came_meanwhile(run, step.trustpoint, step.anchor)
        if found is not None:
            run.proven(found)
            yield run.ended("dialog", Status.SKIPPED, f"{step.anchor.name} came in meanwhile")
            return
        run.changed = run.acted = True
        try:
            yield from run.persist("dialog", answer, before_repeat=seen)
            said = Status.DONE, "the certificate that the router printed is the anchor; answered yes"
            after = "the dialog was ended with yes"
        except OutcomeUnknown as error:
            said, after = (Status.UNKNOWN, f"{error.message}; reading the certificate back"), error.message
        except ConsoleError as error:
            if not (yield from despite(run, step.trustpoint, step.anchor, error)):
                raise
            said, after = (Status.UNKNOWN, f"{error.message}; yet the certificate is there"), error.message
        run.settle()
        yield run.ended("dialog", *said)
        yield from prove(run, step.trustpoint, step.anchor, after=after, hint=_NEXT.format(name=step.trustpoint))
    run.persistent = False


def _type(run: Run, step: ConfigureTrustpoint) -> bool:
    lines = [f"crypto ca trustpoint {step.trustpoint}"]
    if step.replaces is not None and step.replaces.kind is not step.enrollment.kind:
        lines.append(f"no {_head(step.replaces)}")
    run.shell().console().configure([*lines, step.enrollment.cli])
    return True


def _typed(run: Run, step: ConfigureTrustpoint) -> Waits[bool | None]:
    """True where running has it; None where it has not, so that it is typed again."""
    reading = cliread.config((yield from run.cli()), step.trustpoint)
    if reading.missing is not None:
        raise SessionLost(reading.missing, device=run.plan.device)
    return True if reading.value is not None and reading.value.enrollment == step.enrollment else None


def _head(enrollment: Enrollment) -> str:
    return "enrollment url" if enrollment.kind is EnrollmentKind.URL else enrollment.cli
