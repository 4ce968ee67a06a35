"""What workers of a cluster can be asked to do in place of a router's job; they import it by its name."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial, wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

import agent
from agent.fleet.inventory.target import Target
from agent.fleet.results.record import Kind, Result
from agent.fleet.run.credential import Credential
from agent.fleet.run.job import Job
from agent.fleet.run.logins import turn
from agent.fleet.run.router import Hooks
from agent.model.errors import Interrupted, SSHAuthenticationError
from agent.model.outcome import Event, Failure, Status, Wait, Waiting
from agent.model.pki.bundle import Bundle
from agent.model.plan import Plan
from agent.model.state import ConfigModel
from agent.model.steps import Authenticate, ImportBundle
from agent.model.unfinished import Unfinished
from agent.netconf.retry import Waits, at_once, completed
from agent.simulator import QUOVADIS

ANCHOR = agent.TrustAnchor.bundled()
BUNDLE = Bundle.from_bytes((ANCHOR.pem + QUOVADIS * 250).encode())
JOB = Job(Kind.PLAN, intent=agent.Intent(bundle=BUNDLE))
SMALL = 4096
"""Bytes that a call or an answer may have; the bundle has half a million."""
EVENTS = 20

P = ParamSpec("P")
T = TypeVar("T")


def at_once_by(call: Callable[P, T]) -> Callable[P, Waits[T]]:
    """*call* as steps that wait for nothing, as a worker takes them."""

    @wraps(call)
    def steps(*args: P.args, **kwargs: P.kwargs) -> Waits[T]:
        return at_once(partial(call, *args, **kwargs))

    return steps


@at_once_by
def planned(job: Job, target: Target, hooks: Hooks | None = None) -> Result:
    """What a plan holds of a job, without a router."""
    intent = target.intent(job.intent)
    steps = (ImportBundle(intent.anchor, intent.bundle), Authenticate(intent.trustpoint, intent.anchor))
    plan = Plan(target.name, intent, agent.Method.TRUSTPOOL, ConfigModel.NONE, steps)
    return Result(target.name, job.kind, plan=plan)


@at_once_by
def wait_to_be_stopped(job: Job, target: Target, hooks: Hooks) -> bool:
    """Whether a cancellation reaches the call; the router is called as a folder, where it says that it began."""
    assert hooks.policy.stop is not None
    Path(target.host, target.name).touch()
    return hooks.policy.stop(60)


@at_once_by
def is_stopped(job: Job, target: Target, hooks: Hooks) -> bool:
    """Whether the call was cancelled before it began."""
    assert hooks.policy.stop is not None
    return hooks.policy.stop(0)


@at_once_by
def tell(job: Job, target: Target, hooks: Hooks) -> str:
    """Tell all that a log can be told."""
    assert hooks.log is not None
    hooks.log.state(target.name, "before", {"enrollment": None})
    for number in range(EVENTS):
        hooks.event(Event(target.name, str(number), Status.STARTED))
    hooks.log.unfinished(target.name, Unfinished("Trustpool", None, "enrollment terminal"))
    return "told"


class _Unreadable:
    """Pickled by a worker, and not to be read by the client, as what another version of the agent tells."""

    def __reduce__(self) -> tuple[object, ...]:
        return divmod, (1, 0)


@at_once_by
def tell_what_cannot_be_read(job: Job, target: Target, hooks: Hooks) -> None:
    assert hooks.log is not None
    hooks.log.state(target.name, "before", {"enrollment": _Unreadable()})


@at_once_by
def fail(job: Job, target: Target, hooks: Hooks) -> None:
    raise LookupError("no such thing")


@at_once_by
def log_in_and_end(job: Job, target: Target, hooks: Hooks) -> bool:
    """Whether it may log in; it ends without a word of how that went, as a call does whose worker dies."""
    return hooks.logins.begin((Credential("admin"),), target.name) is not None


@at_once_by
def refused(job: Job, target: Target, hooks: Hooks) -> None:
    """Log in, in vain."""
    with completed(turn(hooks.logins, (Credential("admin"),), target.name, hooks.policy), hooks.policy):
        raise SSHAuthenticationError("it refused the login", device=target.name, refused=True)


@at_once_by
def give_what_cannot_travel(job: Job, target: Target, hooks: Hooks) -> object:
    return threading.Lock()


def wait_for_contact(job: Job, target: Target, hooks: Hooks) -> Waits[Result]:
    """Be parked until it is cancelled."""
    wait = Wait(600, Waiting.CONTACT)
    hooks.on_wait(target.name, wait)
    try:
        yield wait
    except Interrupted as error:
        hooks.on_wait(target.name, None)
        return Result(target.name, job.kind, error=Failure.of(error))
    raise AssertionError("it was not cancelled")
