"""Both locks, and whether the candidate is ours to use; waited for within a bound, and the holder named."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from dataclasses import replace

from agent.model.errors import AgentError, LockDenied, PolicyRefused, RPCError
from agent.model.outcome import Status
from agent.model.state import ConfigModel, Reading, TrustpointConfig
from agent.netconf import operations
from agent.netconf.monitoring import holder
from agent.netconf.session import Pending
from agent.remedy.run import Run, Steps
from agent.xr import trustpoint
from agent.xr.query import Query

log = logging.getLogger(__name__)

_TARGETS: tuple[operations.Datastore, ...] = ("running", "candidate")
_NO_HOLDER = (None, "0")
_ENDLESS = 10**6
_LONGEST_WAIT = 5.0


def lock(run: Run, model: ConfigModel, name: str, undo: ExitStack) -> Steps[str]:
    """Lock running and candidate; *undo* gives both back. Returns what was found out about the candidate.

    Raises:
        LockDenied: somebody holds one for longer than the caution's lock_wait; the hint names the session.
        PolicyRefused: the candidate holds somebody else's changes.
    """
    held: list[operations.Datastore] = []
    undo.callback(_unlock, run, held)
    patient = replace(run.policy, attempts=_ENDLESS, deadline=run.caution.lock_wait, longest=_LONGEST_WAIT)
    try:
        return (yield from run.persist("lock", lambda: _lock(run, model, name, held), policy=patient))
    except LockDenied as error:
        if error.session_id in _NO_HOLDER:
            raise
        who = holder(run.session, str(error.session_id))
        if not run.caution.kill_lock_holder:
            error.hint = f"{who} holds it: ask whoever that is, wait longer (--lock-wait), or use --kill-lock-holder"
            raise
    yield run.started_event("kill-session", f"{who} holds the lock, and --kill-lock-holder asks for it")
    log.warning("%s: %s holds the lock and is killed", run.plan.device, who)
    operations.kill_session(run.session, who.session_id)
    yield run.ended("kill-session", Status.DONE, str(who))
    yield run.started_event("lock", "running and candidate")
    return (yield from run.persist("lock", lambda: _lock(run, model, name, held)))


def _lock(run: Run, model: ConfigModel, name: str, held: list[operations.Datastore]) -> str:
    """Both locks and the trustpoint in both datastores, all in flight together."""
    session, schema = run.session, run.session.schema
    run.locked = True
    locks = [(target, operations.send_lock(session, target)) for target in _TARGETS]
    queries = [
        trustpoint.config_query(schema, model, name, datastore=datastore) for datastore in ("candidate", "running")
    ]
    reads = [query.send(session) for query in queries]
    refused = _granted(run, locks, held)
    if refused is None:
        return _compare(run, name, queries, reads)
    for pending in reads:
        forget(pending)
    _unlock(run, held)
    run.settle()
    target, error = refused
    if target == "candidate" and _dirty(error):
        _foreign(run, "its lock is refused and no session is named as the holder", error)
        # A lock that is refused for another reason than a dirty candidate is refused again, and then waited for.
    raise error


def _dirty(error: AgentError) -> bool:
    """Whether a refused lock of the candidate means uncommitted changes: no session holds it, yet it is not given.

    RFC 6241 section 7.5 asks for lock-denied; netconfd answers resource-denied.
    """
    if isinstance(error, LockDenied):
        return error.session_id in _NO_HOLDER
    return isinstance(error, RPCError) and "resource-denied" in error.tags


def _granted(
    run: Run, locks: list[tuple[operations.Datastore, Pending]], held: list[operations.Datastore]
) -> tuple[operations.Datastore, AgentError] | None:
    """Collect the answers; *held* has a target from the moment its lock may have been granted."""
    refused: tuple[operations.Datastore, AgentError] | None = None
    for target, pending in locks:
        held.append(target)
        try:
            pending.result()
        except RPCError as error:
            if _ours(run, error):
                continue
            held.remove(target)
            _give_back(run, target, error)
            refused = refused or (target, error)
        except AgentError as error:
            refused = refused or (target, error)
    return refused


def _ours(run: Run, error: RPCError) -> bool:
    """Whether this session holds the lock, by a try whose answer did not say so; who lends one may hold it as well."""
    return run.session.owned and isinstance(error, LockDenied) and error.session_id == run.session.session_id


def _give_back(run: Run, target: operations.Datastore, error: RPCError) -> None:
    """Unlock where the refusal does not say that another holds it: it proves as little as an ok."""
    if not isinstance(error, LockDenied) and run.session.connected:
        forget(operations.send_unlock(run.session, target))


def _compare(run: Run, name: str, queries: list[Query[TrustpointConfig]], reads: list[Pending | None]) -> str:
    candidate, running = (query.read(pending) for query, pending in zip(queries, reads, strict=True))
    if candidate.missing is not None or running.missing is not None:
        return "held; the candidate could not be compared with running"
    if _settings(candidate) != _settings(running):
        _foreign(run, f"it already differs from running at trustpoint {name}", None)
    return f"held; candidate compared with running at trustpoint {name} only"


def _settings(reading: Reading[TrustpointConfig]) -> object:
    return reading.value.settings if reading.value else None


def _foreign(run: Run, how: str, cause: AgentError | None) -> None:
    """Somebody else's uncommitted change: discard it if the user said so, else refuse."""
    if not run.plan.intent.discard_foreign:
        raise PolicyRefused(
            f"the candidate holds uncommitted changes of somebody else: {how}",
            device=run.plan.device,
            hint="commit or discard them there, or use --discard-foreign",
        ) from cause
    log.warning("%s: discarding the uncommitted changes of somebody else", run.plan.device)
    operations.discard_changes(run.session)


def _unlock(run: Run, held: list[operations.Datastore]) -> None:
    """Give back what is held, without waiting: the answers are read beside the next step's.

    A lock ends with its session, so a lost session holds none.
    """
    if not run.session.connected:
        return
    run.locked = False
    run.loose += [(f"unlock {target}", operations.send_unlock(run.session, target)) for target in reversed(held)]
    held.clear()


def forget(pending: Pending | None) -> None:
    """Take an answer that no longer matters off the wire."""
    if pending is not None:
        try:
            pending.result()
        except AgentError as error:
            log.debug("not needed any more: %s", error.message)
