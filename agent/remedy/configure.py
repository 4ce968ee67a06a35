"""Commit the trustpoint: lock, edit, validate, commit, unlock; whatever fails, candidate and locks are given back."""

from __future__ import annotations

import logging
from contextlib import ExitStack

from agent.model.errors import (
    AgentError,
    LockDenied,
    OutcomeUnknown,
    PolicyRefused,
    RPCError,
    SessionLost,
    TransportError,
)
from agent.model.outcome import Event, Status
from agent.model.plan import ConfigureTrustpoint
from agent.model.state import Reading, TrustpointConfig
from agent.netconf import operations
from agent.netconf.retry import Disposition, classify
from agent.netconf.session import Pending
from agent.remedy.run import Run, Steps
from agent.xr import cliread, trustpoint
from agent.xr.query import Query, ask_until_there

log = logging.getLogger(__name__)

_TARGETS: tuple[operations.Datastore, ...] = ("running", "candidate")
_REDOS = 2
_NO_HOLDER = (None, "0")


def configure(run: Run, step: ConfigureTrustpoint) -> Steps[None]:
    """Bring the trustpoint into the running configuration.

    Raises:
        LockDenied, PolicyRefused: the candidate is somebody else's.
        RPCError, SchemaError: the device or its models refuse the change; nothing was committed.
        OutcomeUnknown: the commit's answer was lost and the configuration could not be read back.
    """
    for redo in range(_REDOS + 1):
        try:
            yield from _transaction(run, step)
            yield from _confirm(run, step)
            return
        except RPCError as error:
            if classify(error) is not Disposition.REDO or redo == _REDOS:
                raise
            run.retries += 1
            yield Event(run.plan.device, "commit", Status.RETRY, "another session committed in between; edited again")


def _transaction(run: Run, step: ConfigureTrustpoint) -> Steps[None]:
    with ExitStack() as undo:
        yield run.started_event("lock", "running and candidate")
        detail = yield from run.persist("lock", lambda: _lock(run, step, undo))
        yield run.ended("lock", Status.DONE, detail)
        yield run.started_event("edit-config", step.diff()[-1].lstrip("+ "))
        discard = undo.enter_context(ExitStack())
        discard.callback(_discard, run)
        yield from run.persist("edit-config", lambda: _edit(run, step))
        yield run.ended(
            "edit-config", Status.DONE, f"{step.model.value}; validated" if _validates(run) else step.model.value
        )
        yield run.started_event("commit")
        said = yield from _commit(run, step)
        discard.pop_all()
        run.changed = run.configured = True
        yield run.ended("commit", Status.DONE, said)


def _lock(run: Run, step: ConfigureTrustpoint, undo: ExitStack) -> str:
    """Both locks, and whether somebody left this trustpoint changed in the candidate; all in flight together."""
    session, schema = run.session, run.session.schema
    held: list[operations.Datastore] = []
    undo.callback(_unlock, run, held)
    locks = [(target, operations.send_lock(session, target)) for target in _TARGETS]
    queries = [
        trustpoint.config_query(schema, step.model, step.trustpoint, datastore=name)
        for name in ("candidate", "running")
    ]
    reads = [query.send(session) for query in queries]
    refused = _granted(locks, held)
    if refused is None:
        return _compare(run, step, queries, reads)
    for pending in reads:
        _forget(pending)
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
    locks: list[tuple[operations.Datastore, Pending]], held: list[operations.Datastore]
) -> tuple[operations.Datastore, AgentError] | None:
    """Collect the answers; *held* has a target from the moment its lock may have been granted."""
    refused: tuple[operations.Datastore, AgentError] | None = None
    for target, pending in locks:
        held.append(target)
        try:
            pending.result()
        except RPCError as error:
            held.remove(target)
            refused = refused or (target, error)
        except AgentError as error:
            refused = refused or (target, error)
    return refused


def _compare(
    run: Run, step: ConfigureTrustpoint, queries: list[Query[TrustpointConfig]], reads: list[Pending | None]
) -> str:
    candidate, running = (query.read(pending) for query, pending in zip(queries, reads, strict=True))
    if candidate.missing is not None or running.missing is not None:
        return "held; the candidate could not be compared with running"
    if _settings(candidate) != _settings(running):
        _foreign(run, f"it already differs from running at trustpoint {step.trustpoint}", None)
    return f"held; candidate compared with running at trustpoint {step.trustpoint} only"


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


def _validates(run: Run) -> bool:
    return run.session.capabilities.validate


def _edit(run: Run, step: ConfigureTrustpoint) -> None:
    """Edit, and validate behind it without waiting; both answers are read before anything else is sent."""
    session = run.session
    content = trustpoint.config_edit(
        session.schema, step.model, step.trustpoint, step.enrollment, replaces=step.replaces
    )
    edit = operations.send_edit_config(session, content)
    validate = operations.send_validate(session) if _validates(run) else None
    try:
        edit.result()
    except AgentError:
        _forget(validate)
        raise
    if validate is not None:
        validate.result()


def _commit(run: Run, step: ConfigureTrustpoint) -> Steps[str]:
    def committed() -> str | None:
        return "committed; seen in running" if _is_running(run, step) else None

    def commit() -> str:
        try:
            operations.commit(run.session)
        except RPCError as error:
            if classify(error) is not Disposition.SUCCESS:
                raise
            return "nothing was left to commit"
        return "committed"

    run.changed = True  # from here on until an answer says otherwise
    try:
        return (yield from run.persist("commit", commit, before_repeat=committed))
    except OutcomeUnknown as error:
        yield Event(run.plan.device, "commit", Status.UNKNOWN, f"{error.message}; reading the configuration back")
        if _reread(run, step, error):
            return "its answer was lost; the configuration was read back and is there"
        run.changed = False
        raise TransportError(
            "the commit's answer was lost; the configuration was read back and is as before",
            device=run.plan.device,
            hint="run push again",
        ) from error
    except RPCError:
        run.changed = False
        raise


def _reread(run: Run, step: ConfigureTrustpoint, error: OutcomeUnknown) -> bool:
    try:
        run.alive()
        return _is_running(run, step)
    except AgentError as second:
        raise OutcomeUnknown(
            f"the commit's answer was lost, and the configuration could not be read back: {second.message}",
            device=run.plan.device,
            hint=f"read trustpoint {step.trustpoint} before anything else",
        ) from error


def _running(run: Run, step: ConfigureTrustpoint) -> Reading[TrustpointConfig]:
    """The committed trustpoint: by the model, else over the CLI where that is at hand."""
    query = trustpoint.config_query(run.session.schema, step.model, step.trustpoint)
    reading = ask_until_there(run.alive(), query, run.policy)
    if reading.missing is not None and run.ssh is not None:
        return cliread.config(run.ssh, step.trustpoint)
    return reading


def _is_running(run: Run, step: ConfigureTrustpoint) -> bool:
    reading = _running(run, step)
    if reading.missing is not None:
        raise SessionLost(reading.missing, device=run.plan.device)
    return reading.value is not None and reading.value.enrollment == step.enrollment


def _confirm(run: Run, step: ConfigureTrustpoint) -> Steps[None]:
    """Read the committed trustpoint back, beside the unlocks: a server's ok to a commit proves as little as any.

    Debian's netconfd 2.13 answers ok to a commit that follows a validate, and commits nothing.
    """
    yield run.started_event("read back", "configuration")
    reading = _running(run, step)
    run.settle()
    if reading.value is None or reading.value.enrollment != step.enrollment:
        shown = reading.missing or (f"'{reading.value.enrollment.cli}'" if reading.value else "no such trustpoint")
        raise OutcomeUnknown(
            f"the commit was answered with ok, but the running configuration shows {shown}",
            device=run.plan.device,
            hint=f"on the router: show running-config crypto ca trustpoint {step.trustpoint}",
        )
    yield run.ended("read back", Status.DONE, f"running has '{step.enrollment.cli}'")


def _discard(run: Run) -> None:
    if not run.session.connected:
        return  # the device discards and unlocks by itself when the session ends (RFC 6241 sections 7.5 and 8.3.4.2)
    try:
        operations.discard_changes(run.session)
    except AgentError as error:
        log.warning("%s: the candidate may still hold the change: %s", run.plan.device, error.message)


def _unlock(run: Run, held: list[operations.Datastore]) -> None:
    """Give back what is held, without waiting: the answers are read beside the next step's.

    A lock ends with its session, so a lost session holds none.
    """
    if not held or not run.session.connected:
        return
    run.loose += [(f"unlock {target}", operations.send_unlock(run.session, target)) for target in reversed(held)]
    held.clear()


def _forget(pending: Pending | None) -> None:
    """Take an answer that no longer matters off the wire."""
    if pending is not None:
        try:
            pending.result()
        except AgentError as error:
            log.debug("not needed any more: %s", error.message)
