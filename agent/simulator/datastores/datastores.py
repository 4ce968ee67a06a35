"""Running and candidate: edit-config with its operations (RFC 6241 section 7.2), commits, discard, locks."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from lxml import etree

from agent.simulator.datastores.rpcerrors import Refusal, lock_refused, unknown_element
from agent.simulator.datastores.yangmodels import Model
from agent.simulator.personas.behaviour import Behaviour

_OPERATION = "{urn:ietf:params:xml:ns:netconf:base:1.0}operation"
_OVERTAKEN = "One or more commits have occurred from other configuration sessions"
_LOCKED = "Configuration Namespace is locked by another agent"
_UNDERWAY = "A trial commit is underway"
_ONGOING = "There is an ongoing confirmed commit."


@dataclass
class Trial:
    """A confirmed commit that waits for its confirmation (RFC 6241 section 8.4).

    Without *persist* it ends with its session. ``until`` is when it is taken back, by the datastores' clock.
    """

    before: list[etree._Element]
    session: str
    persist: str | None
    until: float


class Datastores:
    """The configuration of one device.

    Trees are never changed once they are in a datastore, since running and candidate share them until one is edited.
    Where another session committed it is ``overtaken``: the candidate has to be discarded before it can be committed.
    *models* are its configuration modules by namespace; *translate* makes elements of another form into edits of
    those, such as CLI text, and leaves the rest as it is.
    """

    def __init__(
        self,
        models: Mapping[str, Model],
        *,
        behaviour: Behaviour = Behaviour(),  # noqa: B008 - it is frozen
        translate: Callable[[etree._Element], Iterable[etree._Element]] = lambda node: (node,),
    ) -> None:
        self._models = models
        self._behaviour = behaviour
        self._translate = translate
        self._running: list[etree._Element] = []
        self.candidate: list[etree._Element] = []
        self.locks: dict[str, str] = {}
        self.trial: Trial | None = None
        self.clock: Callable[[], float] = time.monotonic
        self.commits = self.rollbacks = 0
        self.overtaken = self._unnoticed = False
        self._committer: str | None = None

    @property
    def running(self) -> list[etree._Element]:
        """The running configuration; a trial commit whose time is over is taken back when it is looked at."""
        self._expire()
        return self._running

    @running.setter
    def running(self, nodes: list[etree._Element]) -> None:
        self._running = nodes

    @property
    def dirty(self) -> bool:
        """Whether the candidate differs from running."""
        running = self.running  # first, since a trial that ends by then takes the candidate with it
        return _differ(self.candidate, running)

    def get(self, name: str) -> list[etree._Element]:
        """The top-level elements of a datastore."""
        return self.candidate if name == "candidate" else self.running

    def lock(self, target: str, session: str) -> None:
        """Lock *target* for *session*, or refuse."""
        holder = self.locks.get(target, self._committer)
        if holder is not None:
            raise lock_refused("lock-denied", _number(holder))
        behaviour = self._behaviour
        if target == "running" and self._pending(session) and behaviour.trial_lock != "granted":
            holder = session if behaviour.trial_lock_names_asker or self.trial is None else self.trial.session
            message = _UNDERWAY if behaviour.trial_lock == "in-use" else _ONGOING
            raise lock_refused(behaviour.trial_lock, holder, message)
        if target == "candidate" and self.dirty and not self._unnoticed and behaviour.dirty_lock != "granted":
            raise lock_refused(behaviour.dirty_lock, "0")
        self.locks[target] = session

    def unlock(self, target: str, session: str) -> None:
        """Give the lock back; an uncommitted candidate is discarded with it, unless the server leaves it."""
        if self.locks.get(target) != session:
            raise Refusal("operation-failed", "The lock is not held by this session")
        del self.locks[target]
        if target == "candidate" and self._behaviour.unlock_discards:
            self.discard()

    def leave(self, session: str) -> None:
        """The session ended: its locks end, and with them its changes."""
        for target in [target for target, holder in self.locks.items() if holder == session]:
            self.unlock(target, session)
        if self.trial is not None and self.trial.persist is None and self.trial.session == session:
            self.take_back()

    def writable(self, session: str) -> None:
        """Refuse a change while another session holds the candidate."""
        self._unlocked("candidate", session, self._behaviour.locked)

    def _unlocked(self, target: str, session: str, tag: str) -> None:
        holder = self._holder(target, session)
        if holder != session:
            raise Refusal(tag, "Datastore locked", info=f"<session-id>{_number(holder)}</session-id>")

    def _holder(self, target: str, session: str) -> str:
        """Who keeps *session* out of *target*: who commits, else who locked it; itself where nobody does."""
        return self._committer or self.locks.get(target, session)

    @contextmanager
    def committing(self, session: str, persist: str | None = None, *, typed: bool = False) -> Iterator[bool]:
        """While a commit is served both datastores are *session*'s, as if it had locked them.

        It is given whether the commit is served at all, or refused at once because somebody else stands in its way.
        What it commits is *typed* where it comes from the CLI, which has a candidate of its own.
        """
        try:
            self._committable(session, persist)
            if not typed:
                self._unlocked("candidate", session, "in-use")
        except Refusal:
            yield False
            return
        self._committer = session
        try:
            yield True
        finally:
            self._committer = None

    def idle(self, session: str) -> None:
        """Refuse what changes a trial while another session's commit is served."""
        if self._committer not in (None, session):
            raise Refusal("in-use", _LOCKED)

    def edit(
        self, content: Iterable[etree._Element], default: str, session: str, error_option: str | None = None
    ) -> None:
        """Apply a ``<config>`` to the candidate, wholly or not at all."""
        if error_option == "rollback-on-error" and not self._behaviour.rollback_on_error:
            raise Refusal(self._behaviour.error_option, kind="protocol")
        self.writable(session)
        self.candidate = self._edited(self.candidate, content, default)
        self._unnoticed = False

    def with_edit(self, *edits: etree._Element) -> list[etree._Element]:
        """The running configuration with *edits* merged into it."""
        return self._edited(self.running, edits, "merge")

    def _edited(
        self, nodes: Iterable[etree._Element], content: Iterable[etree._Element], default: str
    ) -> list[etree._Element]:
        root = etree.Element("root")
        root.extend(copy.deepcopy(node) for node in nodes)
        for node in content:
            if isinstance(node.tag, str):
                for edit in self._translate(node):
                    self._apply(root, edit, default, [])
        return list(root)

    def validate(self, nodes: Iterable[etree._Element] | None = None) -> None:
        """Check *nodes*, the candidate unless they are given, against the modules."""
        for node in self.candidate if nodes is None else nodes:
            wrong = self._models[etree.QName(node).namespace or ""].wrong(node)
            if wrong:
                raise Refusal("invalid-value", wrong, path=f"/{etree.QName(node).localname}")

    def commit(self, session: str, persist: str | None = None) -> None:
        """Make the candidate the running configuration; *persist* is that of a trial which goes on."""
        self._committable(session, persist)
        self._unlocked("candidate", session, "in-use")
        if self.overtaken:
            raise Refusal("operation-failed", info=f"<commit-failure>{_OVERTAKEN}: 0x41866c00</commit-failure>")
        if not self.dirty and self.trial is None and not self._behaviour.commits_nothing:
            raise Refusal("operation-failed", "No configuration changes to commit")
        self.validate()
        if not self._pending(session, persist):
            self.trial = None
        self.commits += self.dirty
        self.running = list(self.candidate)
        self._unnoticed = False

    def commit_confirmed(
        self, session: str, *, timeout: float, persist: str | None, persist_id: str | None = None
    ) -> None:
        """Make the candidate the running configuration until *timeout* seconds have passed without a confirmation.

        A follow-up, for which *persist_id* names the trial where that has one, extends it: what is then taken back is
        all since the first.
        """
        self._expire()
        before = self.trial.before if self.trial is not None else self.running
        trial = Trial(before, session, persist, self.clock() + timeout + self._behaviour.late)
        try:
            self.commit(session, persist_id)
        except Refusal as refusal:
            if self.trial is None and refusal.tag in self._behaviour.refused_trial_pends:
                self.trial = trial
            raise
        self.trial = trial

    def confirm(self, session: str, persist: str) -> None:
        """The confirming commit of any session that knows *persist*."""
        self._expire()
        known = self.trial is not None and self.trial.persist == persist
        if not known and self._behaviour.wrong_persist == "granted":
            self.commit(session)
            return
        if not known and self.trial is not None and self._behaviour.wrong_persist == "in-use":
            raise Refusal("in-use", _UNDERWAY)
        self._known_trial(persist)
        try:
            if self._behaviour.confirm_commits:
                self.commit(session, persist)
        finally:
            self.trial = None

    def cancel(self, session: str, persist: str | None) -> None:
        """Take a confirmed commit back."""
        trial = self._known_trial(persist)
        if persist is None and trial.session != session:
            raise Refusal("invalid-value", kind="protocol")
        if self._behaviour.running_lock_binds_trial:
            self._unlocked("running", session, "in-use")
        if self._behaviour.running_lock_voids_cancel and self.locks.get("running") == session:
            self.trial = None
        else:
            self.take_back()

    def _known_trial(self, persist: str | None) -> Trial:
        self._expire()
        if self.trial is None or self.trial.persist != persist:
            raise Refusal("invalid-value", kind="protocol", info="<bad-element>persist-id</bad-element>")
        return self.trial

    def _expire(self) -> None:
        if self.trial is not None and self.clock() >= self.trial.until:
            self.time_out()

    def time_out(self) -> None:
        """The time of a trial, if there is one, is over."""
        bound = self._behaviour.running_lock_binds_trial and "running" in self.locks
        if bound and self.trial is not None and self.trial.persist is not None:
            self.trial = None
        else:
            self.take_back()

    def take_back(self) -> None:
        """What was running before the trial commit is so again; the candidate follows unless somebody changed it."""
        trial, self.trial = self.trial, None
        if trial is None:
            return
        unchanged = not _differ(self.candidate, self._running)
        self._running = trial.before
        self.rollbacks += 1
        self._unnoticed = unchanged and not self._behaviour.rollback_resets_candidate
        if unchanged and not self._unnoticed:
            self.candidate = list(self._running)

    def _pending(self, session: str, persist: str | None = None) -> bool:
        """Whether somebody's confirmed commit stands in the way of *session*, which may know its *persist*."""
        self._expire()
        if self.trial is None:
            return False
        return self.trial.persist != persist if self.trial.persist is not None else self.trial.session != session

    def type(self, edits: Iterable[etree._Element], session: str) -> None:
        """Commit edits made at the CLI, which has a candidate of its own."""
        self._committable(session)
        made = self.with_edit(*edits)
        self.validate(made)
        self.replace(made)
        self.commits += 1

    def replace(self, nodes: list[etree._Element]) -> None:
        """Make *nodes* the running configuration; the candidate follows unless somebody changed it."""
        follows = not self.dirty
        self.running = nodes
        if follows:
            self.discard()

    def _committable(self, session: str, persist: str | None = None) -> None:
        if self._holder("running", session) != session:
            raise Refusal("in-use", _LOCKED)
        if self._pending(session, persist) and self._behaviour.trial_commit != "granted":
            raise Refusal(self._behaviour.trial_commit, _UNDERWAY)

    def discard(self, session: str | None = None) -> None:
        """Make the running configuration the candidate; *session* is whose rpc asks for it, if one does."""
        if session is not None and (self._behaviour.guards_discard or self._committer):
            self.writable(session)
        self.overtaken = self._unnoticed = False
        self.candidate = list(self.running)

    def _apply(self, parent: etree._Element, node: etree._Element, inherited: str, above: list[str]) -> None:
        name = etree.QName(node)
        path = [*above, name.localname]
        model = self._known(node, path)
        operation = node.get(_OPERATION, inherited)
        there = _match(parent, node, model.key(path))
        if operation in ("delete", "remove"):
            _take_away(parent, there, operation, path)
            return
        if operation == "create" and there is not None:
            raise Refusal("data-exists", path="/" + "/".join(path))
        if there is not None and operation == "replace":
            parent.remove(there)
            there = None
        if there is None:
            there = etree.SubElement(parent, node.tag, nsmap={None: name.namespace})  # type: ignore[dict-item]
        if not len(node):
            there.text = (node.text or "").strip() or None
        for child in node.iterchildren("*"):
            self._apply(there, child, "merge" if operation in ("create", "replace") else operation, path)
        if not above and not len(there):
            parent.remove(there)

    def _known(self, node: etree._Element, path: list[str]) -> Model:
        namespace = etree.QName(node).namespace
        model = self._models.get(namespace or "")
        if model is None:
            raise Refusal("unknown-namespace", kind="protocol", info=f"<bad-namespace>{namespace}</bad-namespace>")
        if model.node(path) is None:
            raise unknown_element(path[-1])
        return model


def _take_away(parent: etree._Element, there: etree._Element | None, operation: str, path: list[str]) -> None:
    if there is not None:
        parent.remove(there)
    elif operation == "delete":
        raise Refusal("data-missing", path="/" + "/".join(path))


def _match(parent: etree._Element, node: etree._Element, key: str | None) -> etree._Element | None:
    """The instance in *parent* that *node* is about: by name, for a list entry by its key."""
    same = [child for child in parent if child.tag == node.tag]
    if key is None:
        return same[0] if same else None
    wanted = _leaf(node, key)
    if wanted is None:
        raise Refusal("missing-element", kind="protocol", info=f"<bad-element>{key}</bad-element>")
    return next((child for child in same if _leaf(child, key) == wanted), None)


def _leaf(node: etree._Element, name: str) -> str | None:
    text = node.findtext(f"{{*}}{name}")
    return None if text is None else text.strip()


def _number(session: str) -> str:
    """A session as NETCONF names it: 0 is none of its own (RFC 6241 section 7.5)."""
    return session if session.isdigit() else "0"


def _differ(one: list[etree._Element], other: list[etree._Element]) -> bool:
    return one != other and [_text(node) for node in one] != [_text(node) for node in other]


def _text(node: etree._Element) -> bytes:
    return etree.tostring(node, method="c14n")
