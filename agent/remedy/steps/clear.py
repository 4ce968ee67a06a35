"""Remove the certificate that stands where the anchor is to be, and say loudly where nothing took its place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from agent.model.errors import (
    UNANSWERED,
    AgentError,
    OutcomeUnknown,
    PolicyRefused,
    RPCError,
    TransportError,
    TrustError,
    shortened,
)
from agent.model.outcome import Event, Status, Wait, Waiting
from agent.model.pki.certificate import Certificate, Evidence
from agent.model.state import Reading
from agent.model.steps import ClearCertificates
from agent.netconf.query import EMPTY_WAITS
from agent.netconf.retry import Waits
from agent.remedy.run import Run, Steps
from agent.remedy.steps.verify import READ, certificate, judge, look_behind, reopen, untold
from agent.xr import trustpoint

CLEAR = "clear"
"""What an outcome's steps call it."""
BY_HAND = "on the router: clear crypto ca certificates {}; then push again"
"""What takes the rpc's place where it is missing or refused (H72)."""
_LONGEST = 1000
"""Characters of what went wrong, which a device may have worded, ahead of what is lost by it."""
_YET = f"{READ}; it may go yet, so wait, then push again, which reads first"


@dataclass(frozen=True, slots=True)
class _Answer:
    """How the rpc ended: in words, and the refusal or the loss that made it uncertain; None for an ok."""

    said: str
    error: AgentError | None = None


def clear(run: Run, step: ClearCertificates) -> Steps[bool]:
    """Remove the certificate that *step* names and no other; whether the anchor came in meanwhile, which stays.

    No lock covers certificates, so it is looked at once more before. The rpc is repeated only where it was refused in
    passing and the certificate is still there: one whose answer was lost may yet take what is brought by then.

    Raises:
        PolicyRefused: another certificate is there by now, or none can be seen; nothing was removed.
        RPCError, TrustError: the device does not remove it, and it is still there.
        OutcomeUnknown: it may be gone, or go yet, or what came in its place cannot be told.
        AnchorMismatch: somebody put another one in its place.
    """
    yield run.started_event(CLEAR, f"{step.held.described} from trustpoint {step.trustpoint}")
    run.behind = None  # what was read behind a commit may be over by now
    reading = yield from _seen(run, lambda shown: shown is not None)
    if reading.value is None and untold(reading) is None:
        yield run.ended(CLEAR, Status.SKIPPED, f"{step.held.name} is gone already")
        return False
    if not step.held.same(reading.value):
        return (yield from _another(run, step, reading))
    answer = yield from _sent(run, step)
    reading = yield from _settled(run, step, answer)
    run.clears = None
    if reading.value is not None:
        return (yield from _another(run, step, reading))
    status = Status.UNKNOWN if answer.error else Status.DONE
    yield run.ended(CLEAR, status, f"{answer.said}; {step.held.name} is gone")
    return False


def _another(run: Run, step: ClearCertificates, reading: Reading[Certificate]) -> Steps[bool]:
    """Something else is there than what was to go: the anchor, or what nobody asked this run to remove."""
    shown, anchor = reading.value, run.plan.intent.anchor
    found = None if shown is None else shown.proves(anchor)
    if found not in (None, Evidence.NONE):
        run.proven(found)
        yield run.ended(CLEAR, Status.SKIPPED, f"{anchor.name} came in meanwhile")
        return True
    if run.removed is not None:
        judge(run, reading)
        said = f"{step.held.name} is gone, and trustpoint {step.trustpoint} shows too little of what took its place"
        raise OutcomeUnknown(said, hint=READ.format(step.trustpoint))
    by_now = shown.described if shown else untold(reading)
    raise PolicyRefused(
        f"trustpoint {step.trustpoint} is no longer seen to hold {step.held.described}: {by_now}; nothing was removed",
        hint="find out who changed it, then push again",
    )


def _sent(run: Run, step: ClearCertificates) -> Steps[_Answer]:
    """The rpc, and how it was answered.

    Raises:
        OutcomeUnknown: the answer was lost, and no other session can be had to see what became of it.
    """
    name = step.trustpoint

    def send() -> _Answer:
        run.changed, run.removed, run.bare = True, step.held, True
        trustpoint.clear(run.session, name, behind=lambda session: look_behind(run, session))
        return _Answer("answered ok")

    def needless() -> Waits[_Answer | None]:
        run.behind = None
        run.release()  # no source says that a router does it under a lock, be it ours
        reading = yield from certificate(run)
        if step.held.same(reading.value):
            return None
        if reading.value is None and (why := untold(reading)) is not None:
            said = f"it was refused, and whether the certificate is gone cannot be told: {why}"
            raise OutcomeUnknown(said, hint=_YET.format(name))
        return _Answer("refused", OutcomeUnknown("it was refused, and the certificate is gone"))

    try:
        return (yield from run.persist(CLEAR, send, before_repeat=needless))
    except OutcomeUnknown as error:
        run.behind = None
        yield from reopen(run, error)
        return _Answer(error.message, error)
    except RPCError as error:
        run.behind = None
        return _Answer(error.message, error)


def _settled(run: Run, step: ClearCertificates, answer: _Answer) -> Steps[Reading[Certificate]]:
    """What the trustpoint shows behind the rpc: nothing, or what somebody put there; errors as of :func:`clear`."""
    name, held, error = step.trustpoint, step.held, answer.error
    try:
        reading = yield from _seen(run, lambda shown: not held.same(shown))
    except (TransportError, RPCError, *UNANSWERED) as second:
        said = f"{answer.said}, and trustpoint {name} could not be read back: {second.message}"
        raise OutcomeUnknown(said, hint=_YET.format(name)) from second
    run.settle()
    if held.same(reading.value):
        if isinstance(error, OutcomeUnknown):
            said = f"{answer.said}; trustpoint {name} still holds {held.described}"
            raise OutcomeUnknown(said, hint=_YET.format(name))
        run.removed, run.bare = None, False
        run.plan = replace(run.plan, fallbacks=())  # no other method would get it removed either
        if error is not None:
            error.hint = error.hint or BY_HAND.format(name)
            raise error
        said = f"{CLEAR} was answered with ok, but trustpoint {name} still holds {held.described}"
        raise TrustError(said, hint=BY_HAND.format(name))
    if error is not None and reading.value is None and (why := untold(reading)) is not None:
        said = f"{answer.said}; whether {held.described} is gone cannot be told: {why}"
        raise OutcomeUnknown(said, hint=_YET.format(name))
    return reading


def _seen(run: Run, wanted: Callable[[Certificate | None], bool]) -> Waits[Reading[Certificate]]:
    """The certificate as it was read behind the last write, and again a few times while it is not as *wanted*."""
    reading = yield from certificate(run, behind=True)
    for wait in EMPTY_WAITS:
        if reading.missing is not None or wanted(reading.value):
            break
        yield Wait(wait, Waiting.CERTIFICATE, breakable=False)
        reading = yield from certificate(run)
    return reading


def bare(run: Run, error: AgentError) -> Event:
    """Say in *error*, and as a step, that the trustpoint lost its certificate for nothing, and which way leads back."""
    lost, name, device = run.removed, run.plan.intent.trustpoint, run.plan.device
    if lost is None:
        raise AssertionError("nothing was removed")
    word = "may have lost" if run.clears else "has lost"
    said = f"trustpoint {name} {word} {lost.described} by this push, and {run.plan.intent.anchor.name} is not there"
    if lost.pem:
        way = f"xr-agent history --device {device} --pem >old.pem"
    else:
        way = "get that certificate as old.pem, since the router showed no PEM of it"
    error.message = f"{shortened(error.message, _LONGEST)}; {said}"
    error.hint = "; ".join(
        [*([error.hint] if error.hint else []), f"the way back: {way}, then push again with --anchor old.pem --replace"]
    )
    return run.ended("old certificate", Status.FAILED, said)
