"""The protocol operations (RFC 6241 section 7) as the agent uses them, each over a :class:`Session`."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Literal

from agent.netconf.payload import Element, Payload, parse, payload_of, rendered_once, template
from agent.netconf.pending import Pending, Reply
from agent.netconf.session import Session

Datastore = Literal["running", "candidate"]


def send_get(session: Session, subtree: Element | Payload, *, what: str = "") -> Pending:
    """``<get>`` with a subtree filter of one top-level element, since XR may answer several with nothing."""
    return session.send(_filtered("get", subtree), operation=f"get {what}".strip(), again=True)


def send_get_config(
    session: Session, subtree: Element | Payload, *, source: str = "running", what: str = ""
) -> Pending:
    """``<get-config>`` of *source* with a subtree filter."""
    return session.send(_filtered(f"get-config.{source}", subtree), operation=f"get-config {what}".strip(), again=True)


def send_get_all(session: Session, source: Datastore) -> Pending:
    """``<get-config>`` of the whole of *source*, without a filter."""
    body = template(f"get-config.{source}")
    body.remove(body[-1])
    return session.send(body, operation=f"get-config of the whole {source}", again=True)


def send_lock(session: Session, target: Datastore) -> Pending:
    """``<lock>``; a lock changes no data, so a lost answer is no lost write: unlock is its undo."""
    return session.send(rendered_once(f"lock.{target}"), operation=f"lock {target}")


def send_unlock(session: Session, target: Datastore) -> Pending:
    """``<unlock>``."""
    return session.send(rendered_once(f"unlock.{target}"), operation=f"unlock {target}")


def send_edit_config(session: Session, content: Element | Payload) -> Pending:
    """``<edit-config>`` of the candidate, rolled back as a whole on any error where the device offers that.

    ``error-option`` may be sent only where :rollback-on-error is announced (RFC 6241 section 8.5); without it a refused
    edit may stand in the candidate in part, which is discarded.
    """
    body = _composed("edit-config", content, rollback=session.capabilities.rollback_on_error)
    return session.send(body, operation="edit-config", writes=True)


def send_validate(session: Session) -> Pending:
    """``<validate>`` of the candidate; it may follow an edit-config that is not answered yet."""
    return session.send(rendered_once("validate"), operation="validate", again=True)


def send_commit(session: Session) -> Pending:
    """``<commit>``; its result is OutcomeUnknown where the answer is lost."""
    return session.send(rendered_once("commit"), operation="commit", writes=True)


def send_commit_confirmed(session: Session, *, persist: str, timeout: int) -> Pending:
    """A ``<commit>`` that the device takes back after *timeout* seconds (RFC 6241 section 8.4).

    It outlasts its session: whoever knows *persist* confirms or cancels it.
    """
    body = template("commit.confirmed", confirm_timeout=str(timeout), persist=persist)
    return session.send(body, operation="commit", writes=True)


def send_confirm(session: Session, *, persist: str) -> Pending:
    """The ``<commit>`` that makes the confirmed one last."""
    return session.send(template("commit.confirming", persist_id=persist), operation="confirm", writes=True)


def cancel_commit(session: Session, *, persist: str) -> Reply:
    """``<cancel-commit>``: the device takes the confirmed commit back now; OutcomeUnknown where its answer is lost."""
    return session.call(template("cancel-commit", persist_id=persist), operation="cancel-commit", writes=True)


def kill_session(session: Session, session_id: str) -> Reply:
    """``<kill-session>`` of another session, which loses its locks and uncommitted changes."""
    return session.call(template("kill-session", session_id=session_id), operation="kill-session", writes=True)


def send_discard_changes(session: Session) -> Pending:
    """``<discard-changes>``."""
    return session.send(rendered_once("discard-changes"), operation="discard-changes")


def discard_changes(session: Session) -> Reply:
    """``<discard-changes>``: the candidate becomes the running configuration again."""
    return send_discard_changes(session).result()


def action(
    session: Session,
    body: Element | Payload,
    *,
    operation: str,
    unlogged: bool = False,
    behind: Callable[[Session], object] = lambda _: None,
) -> Reply:
    """An rpc of the device's own models that changes its state; OutcomeUnknown where its answer is lost.

    *behind* sends what is to be read behind it, before its answer is waited for.
    """
    with session.together():
        sent = session.send(body, operation=operation, writes=True, unlogged=unlogged)
        behind(session)
    return sent.result()


def _filtered(operation: str, subtree: Element | Payload) -> Payload:
    return _asked(operation, payload_of(subtree))


@lru_cache(maxsize=1024)
def _asked(operation: str, subtree: Payload) -> Payload:
    """A read, made once, since a fleet is asked the same over and over."""
    return _composed(operation, subtree)


def _composed(operation: str, content: Element | Payload, **values: bool) -> Payload:
    """The template *operation* with *content* in its last element."""
    body = template(operation, **values)
    body[-1].append(parse(payload_of(content)))
    return payload_of(body)
