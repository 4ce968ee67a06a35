"""A plan is a claim about a state: before anything is written the state is read again, under the router's lock.

Where it is no longer what the plan saw, it is planned anew from what is there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from agent.model.errors import PolicyRefused
from agent.model.outcome import Status
from agent.model.plan import Intent, Plan, Skip
from agent.model.state import ConfigModel, Reading, State, TrustpointConfig
from agent.model.steps import ConfigureTrustpoint, Installation, Note, Step
from agent.model.unfinished import line_of
from agent.netconf import operations
from agent.netconf.query import Query, ask, ask_until_there
from agent.netconf.retry import Waits
from agent.remedy.commit.change import uncommitted
from agent.remedy.commit.leftover import same_elsewhere
from agent.remedy.commit.locks import BOTH, Wanted, acquire, discard
from agent.remedy.methods.registry import METHODS
from agent.remedy.observe import observation, reread
from agent.remedy.plan import plan
from agent.remedy.run import Run, Steps
from agent.remedy.skips import AS_APPROVED, Drifted, NoLongerPlanned
from agent.xr import trustpoint

_WHOSE = "find out who installed it; then push again with --replace, or use another --trustpoint"

Installing = ConfigureTrustpoint | Installation
"""The steps that need it: what follows them is done only where the root is proven, and harms nobody."""


def claim(run: Run, steps: Sequence[Step]) -> Steps[tuple[Step, ...]]:
    """Lock for the first of *steps*, read again what they were planned from; the steps that are to be taken now.

    No lock is taken where lines are to be typed at the CLI, whose commit a lock of ours would refuse, and none where
    the device has no candidate.

    Raises:
        NotCommitted: the session was lost.
        WindowClosed: it is too late, and nothing was changed yet.
        NoLongerPlanned: what is there by now leaves no plan, or Drifted: another than the approved one; PolicyRefused
            where this run changed something before.
        LockDenied, AgentError: as of :func:`agent.remedy.commit.locks.acquire` and of reading.
    """
    run.behind = None
    yield from run.alive()
    with uncommitted(run):
        return (yield from _claimed(run, steps))


def _claimed(run: Run, steps: Sequence[Step]) -> Steps[tuple[Step, ...]]:
    locks, seen = _targets(run, steps), run.plan.state
    queries = _queries(run, locks, whole=seen is None)
    if locks:
        yield run.started_event("lock", "running and candidate" if len(locks) > 1 else "running")
        readings = yield from acquire(run, Wanted(locks, queries))
        yield run.ended("lock", Status.DONE, (yield from _candidate_judged(run, locks, readings)))
    else:
        readings = yield from ask(run.session, queries, run.policy)
    pool = any(isinstance(step, Installation) and not METHODS[step.method].at_trustpoint for step in steps)
    state = yield from _now(run, seen, readings, pool=pool)
    following = planned(run, run.plan.intent, state)
    if seen is not None and not isinstance(following, Skip) and _acts(following.steps) != _acts(steps):
        # Who did that may have changed what else the plan stands on, such as the last contact.
        state = yield from _whole(run)
        following = planned(run, run.plan.intent, state)
    if run.exact and not run.changed and (isinstance(following, Skip) or _acts(following.steps) != _acts(steps)):
        said = _said(run, seen, state, "what was approved is not done")
        raise Drifted(f"drifted: {said}", hint=AS_APPROVED)
    if isinstance(following, Skip):
        refusal = PolicyRefused if run.changed else NoLongerPlanned
        raise refusal(_said(run, seen, state, following.reason), hint=following.hint)
    if _acts(following.steps):
        run.see_in_time()
    run.plan = replace(run.plan, state=state)
    if _acts(following.steps) == _acts(steps):
        return tuple(steps)
    run.plan = following
    run.evidence = following.present
    yield run.ended(
        "plan", Status.DONE, _said(run, seen, state, "planned anew" if following else "nothing is left to do")
    )
    return following.steps


def planned(run: Run, intent: Intent, state: State) -> Plan | Skip:
    """The plan for *intent* from *state*; an enrollment that this run itself configured may be replaced unasked.

    A certificate is removed only where the run's first plan said so.
    """
    made = plan(replace(intent, replace=intent.replace or run.is_own(state.config.value)), state)
    if isinstance(made, Skip):
        return made
    if made.clears is not None and not (run.clears and run.clears.held.same(made.clears.held)):
        reason = f"trustpoint {intent.trustpoint} holds {made.clears.held.described}, which this push was not to remove"
        return Skip(made.device, reason, _WHOSE, made.release, made.config_model)
    return replace(made, intent=intent)


def tidy(run: Run) -> Steps[None]:
    """Discard what an earlier push left in the candidate, where nothing else is to be done.

    Raises:
        AgentError: as of :func:`claim`.
    """
    yield from run.alive()
    if not run.session.capabilities.candidate or run.plan.config_model is ConfigModel.NONE:
        return
    with uncommitted(run):
        yield run.started_event("lock", "running and candidate")
        readings = yield from acquire(run, Wanted(BOTH, _queries(run, BOTH, whole=True)))
        yield run.ended("lock", Status.DONE, (yield from _candidate_judged(run, BOTH, readings)))


def _targets(run: Run, steps: Sequence[Step]) -> tuple[operations.Datastore, ...]:
    first = next((step for step in steps if isinstance(step, Installing)), None)
    if not run.session.capabilities.candidate or (
        isinstance(first, ConfigureTrustpoint) and first.model is ConfigModel.NONE
    ):
        return ()
    edits = any(isinstance(step, ConfigureTrustpoint) for step in steps) or run.log.unfinished() is not None
    return BOTH if edits else BOTH[:1]


def _queries(run: Run, locks: tuple[operations.Datastore, ...], *, whole: bool) -> list[Query[Any]]:
    """Running, certificate and where it is locked the candidate; with *whole* the state is read by other means."""
    schema, model, name = run.session.schema, run.plan.config_model, run.plan.intent.trustpoint
    beside = [trustpoint.config_query(schema, model, name)]
    if "candidate" in locks:
        beside.append(trustpoint.config_query(schema, model, name, datastore="candidate"))
    return beside if whole else [*beside, trustpoint.certificate_query(schema, name)]


def _candidate_judged(run: Run, locks: tuple[operations.Datastore, ...], readings: list[Reading[Any]]) -> Waits[str]:
    """What was found out about the candidate under the locks; an edit that was left in it is over now.

    Raises:
        Dirty: it holds somebody else's changes.
    """
    if "candidate" not in locks:
        return "held"
    running, candidate = readings[:2]
    name = run.plan.intent.trustpoint
    borrowed = "candidate" not in run.locks.held
    compared = running.answered and candidate.answered
    differs = compared and _settings(running) != _settings(candidate)
    left = run.log.unfinished()
    # What an earlier push left may be at another trustpoint, or not be seen by this model.
    elsewhere = borrowed or (left is not None and not (compared and left.trustpoint == name))
    if differs or (elsewhere and not same_elsewhere(run, name if compared else None)):
        where = name if differs else "others than trustpoint " + name
        yield from discard(run, f"it already differs from running at {where}", None)
    if left is not None and left.persist is None:
        run.log.end()
    if borrowed:
        return "held by the session's owner; the candidate is as running"
    if not compared:
        return "held; the candidate could not be compared with running"
    return f"held; candidate compared with running at trustpoint {name} only"


def _settings(reading: Reading[TrustpointConfig]) -> object:
    return reading.value.settings if reading.value else None


def _now(run: Run, seen: State | None, readings: list[Reading[Any]], *, pool: bool) -> Waits[State]:
    """The state by now; read as a whole where the plan does not say what it saw."""
    if seen is None:
        return (yield from _whole(run))
    config, certificate = readings[0], readings[-1]
    if certificate.answered and certificate.value is None and seen.certificate.value is not None:
        # It was there: an empty answer may be the device's way to say that it is busy.
        query = trustpoint.certificate_query(run.session.schema, run.plan.intent.trustpoint)
        certificate = yield from ask_until_there(run.session, query, run.policy)
    return (yield from reread(seen, config, certificate, ssh=run.ssh, trustpool=pool))


def _whole(run: Run) -> Waits[State]:
    intent = run.plan.intent
    return observation(run.session, intent.trustpoint, run.policy, ssh=run.ssh, trustpool=intent.has_bundle)


def _acts(steps: Sequence[Step]) -> list[Step]:
    return [step for step in steps if not isinstance(step, Note)]


def _said(run: Run, seen: State | None, now: State, then: str) -> str:
    """What differs from what the plan saw, and what follows."""
    if seen is None:
        return f"{then}, from the state that was read under the lock"
    differs = []
    before, after = line_of(seen.config.value), line_of(now.config.value)
    own = run.is_own(now.config.value)
    if before != after and not own:
        differs.append(f"trustpoint {now.trustpoint}: {after or 'not there'}, it was {before or 'not there'}")
    elif _settings(seen.config) != _settings(now.config) and not own:
        differs.append(f"trustpoint {now.trustpoint} has other settings")
    if seen.certificate.value != now.certificate.value:
        shown = now.certificate.value
        differs.append(f"its CA certificate is {shown.name if shown else 'gone'}")
    if seen.trustpool.value != now.trustpool.value:
        differs.append("the trustpool lists others")
    if own and not differs:
        return f"{then}, from what this push has configured"
    what = "; ".join(differs) or "the router is not as the plan saw it"
    return f"somebody changed it meanwhile ({what}): {then}"
