"""The next method, where one was refused or brought no certificate: planned anew from what is there by then."""

from __future__ import annotations

from dataclasses import replace

from agent.model.errors import (
    AgentError,
    CapabilityMissing,
    CertificateMissing,
    ConnectError,
    ConsoleError,
    FileError,
    Interrupted,
    LockDenied,
    RPCError,
    SchemaError,
)
from agent.model.method import Method
from agent.model.outcome import Status
from agent.model.pki.certificate import Evidence
from agent.model.plan import Plan, Skip
from agent.model.state import Access
from agent.netconf.retry import Disposition, Waits, classify
from agent.remedy.commit.claim import planned
from agent.remedy.methods.registry import METHODS
from agent.remedy.observe import observation
from agent.remedy.run import Run, Steps

_ANOTHER_MAY = (CertificateMissing, ConsoleError, FileError, SchemaError, CapabilityMissing, ConnectError)
"""Errors that say: this method is not open here. Locks, other certificates and lost answers are not among them."""


def fall_back(run: Run, error: AgentError) -> Steps[Plan | None]:
    """The plan of the next method that is offered, or None; a plan without steps means that nothing is left to do.

    Each method that is not offered after all goes into the outcome's steps with its reason, and into the hint of
    *error* with what would help.

    Raises:
        Interrupted: the run was cancelled before the next method was tried.
    """
    if run.evidence is not Evidence.NONE or not _may_go_on(error):
        return None  # the certificate is there, or the error is one that no other method cures
    refused = [
        f"no method that needs {one.way} could follow: {one.detail}{f' ({one.hint})' if one.hint else ''}"
        for one in run.plan.tried
        if not one.works
    ]
    for place, method in enumerate(run.plan.fallbacks):
        following = yield from _planned(run, method)
        if isinstance(following, Plan):
            yield run.retried("method", f"{run.plan.method.value} did not do; {method.value} next")
            return replace(following, fallbacks=run.plan.fallbacks[place + 1 :])
        yield run.ended(f"method {method.value}", Status.SKIPPED, following.reason)
        cure = f" ({following.hint})" if following.hint else ""
        refused.append(f"method {method.value}, which would have followed, was not possible: {following.reason}{cure}")
    error.hint = "; ".join([*refused, *([error.hint] if error.hint else [])]) or None
    return None


def _may_go_on(error: AgentError) -> bool:
    if isinstance(error, RPCError) and not isinstance(error, LockDenied):
        return classify(error) in (Disposition.PERMANENT, Disposition.NEXT_MODEL, Disposition.ONCE)
    return isinstance(error, _ANOTHER_MAY)


def _planned(run: Run, method: Method) -> Waits[Plan | Skip]:
    intent = replace(run.plan.intent, method=method)
    try:
        run.policy.check()  # where the preflight opened the CLI nothing below may have to wait
        if METHODS[method].needs_cli(intent, run.plan.state.access if run.plan.state else Access()):
            (yield from run.cli()).console()
        session = yield from run.alive()
        state = yield from observation(session, intent.trustpoint, run.policy, ssh=run.ssh, trustpool=intent.has_bundle)
    except Interrupted as error:
        said = f"interrupted before method {method.value} was tried"
        raise Interrupted(said, hint=error.hint) from error
    except AgentError as error:
        return Skip(run.plan.device, error.message, error.hint)
    return planned(run, intent, state)
