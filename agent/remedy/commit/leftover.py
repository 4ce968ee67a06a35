"""Tell an edit that an earlier push left in the candidate from somebody else's, by the write-ahead log."""

from __future__ import annotations

from typing import TypeAlias

from agent.model.errors import AgentError, Interrupted
from agent.model.state import ConfigModel, TrustpointConfig
from agent.model.unfinished import Unfinished, line_of
from agent.netconf import operations
from agent.netconf.payload import Element, local_name
from agent.netconf.query import ask
from agent.netconf.retry import Waits
from agent.remedy.run import Run
from agent.xr import trustpoint

Canonical: TypeAlias = tuple[str, str, tuple["Canonical", ...]]

_KEYS = frozenset({"name", "trustpoint-name"})


def ours(run: Run) -> Waits[bool]:
    """Whether all that the candidate has beyond running is what an earlier push, or this one before, was at.

    That takes both datastores as a whole, which is read only where something was left unfinished.

    Raises:
        Interrupted: it was cancelled before they were compared.
    """
    left = run.log.unfinished()
    model = run.plan.config_model
    if left is None or model is ConfigModel.NONE:
        return False
    session = run.session
    queries = [
        trustpoint.config_query(session.schema, model, left.trustpoint, datastore=store)
        for store in ("candidate", "running")
    ]
    try:
        candidate, running = yield from ask(session, queries, run.policy)
        if not (candidate.answered and running.answered):
            return False
        return _is_left(left, candidate.value, running.value) and same_elsewhere(run, left.trustpoint)
    except Interrupted:
        raise
    except AgentError:
        return False  # what cannot be compared is not ours


def same_elsewhere(run: Run, name: str | None) -> bool:
    """Whether candidate and running are the same but for trustpoint *name*, if any; reads both as a whole.

    Raises:
        AgentError: they cannot be read.
    """
    flying = [operations.send_get_all(run.session, store) for store in ("candidate", "running")]
    whole = [pending.result().data for pending in flying]
    one, other = (() if data is None else _without(data, name)[2] for data in whole)
    return one == other


def _is_left(left: Unfinished, candidate: TrustpointConfig | None, running: TrustpointConfig | None) -> bool:
    """Whether the candidate's trustpoint is what was wanted then, and its other settings are running's."""
    further = running.further if running else {}
    return line_of(candidate) == left.wanted and (candidate is None or candidate.further == further)


def _without(element: Element, name: str | None) -> Canonical:
    """The element in a form that compares, less trustpoint *name* and what is empty without it."""
    children = [child for child in element if not _is_trustpoint(child, name)]
    below = [_without(child, name) for child in children]
    kept = [made for child, made in zip(children, below, strict=True) if made[1] or made[2] or not len(child)]
    return str(element.tag), (element.text or "").strip(), tuple(sorted(kept))


def _is_trustpoint(element: Element, name: str | None) -> bool:
    return local_name(element) == "trustpoint" and any(
        local_name(leaf) in _KEYS and (leaf.text or "").strip() == name for leaf in element
    )
