"""Running and candidate: edit-config with its operations (RFC 6241 section 7.2), commit, discard, locks."""

from __future__ import annotations

import copy
from collections.abc import Mapping

from lxml import etree

from agent.simulator.errors import Refusal, lock_denied, unknown_element
from agent.simulator.models import Model

_OPERATION = "{urn:ietf:params:xml:ns:netconf:base:1.0}operation"


class Datastores:
    """The configuration of one device; *models* are its configuration modules by namespace."""

    def __init__(self, models: Mapping[str, Model], *, grants_dirty_lock: bool = False) -> None:
        self._models = models
        self._grants_dirty_lock = grants_dirty_lock
        self.running: list[etree._Element] = []
        self.candidate: list[etree._Element] = []
        self.locks: dict[str, str] = {}
        self.candidate_owner: str | None = None
        self.commits = 0

    @property
    def dirty(self) -> bool:
        """Whether the candidate differs from running."""
        return _text(self.candidate) != _text(self.running)

    def get(self, name: str) -> list[etree._Element]:
        """The top-level elements of a datastore."""
        return self.candidate if name == "candidate" else self.running

    def lock(self, target: str, session: str) -> None:
        """Lock *target* for *session*, or refuse."""
        if target in self.locks:
            raise lock_denied(self.locks[target])
        if target == "candidate" and self.dirty and not self._grants_dirty_lock:
            raise lock_denied("0")
        self.locks[target] = session

    def unlock(self, target: str, session: str) -> None:
        """Give the lock back; an uncommitted candidate is discarded with it."""
        if self.locks.get(target) != session:
            raise Refusal("operation-failed", "The lock is not held by this session")
        del self.locks[target]
        if target == "candidate":
            self.discard()

    def leave(self, session: str) -> None:
        """The session ended: its locks end, and with them its changes."""
        for target in [target for target, holder in self.locks.items() if holder == session]:
            self.unlock(target, session)

    def writable(self, session: str) -> None:
        """Refuse a change while another session holds the candidate."""
        holder = self.locks.get("candidate", session)
        if holder != session:
            raise Refusal("in-use", "Datastore locked", info=f"<session-id>{holder}</session-id>")

    def edit(self, content: etree._Element, default: str, session: str) -> None:
        """Apply a ``<config>`` to the candidate, wholly or not at all."""
        self.writable(session)
        before = copy.deepcopy(self.candidate)
        root = etree.Element("root")
        root.extend(self.candidate)
        try:
            for node in content:
                if isinstance(node.tag, str):
                    self._apply(root, node, default, [])
        except Refusal:
            self.candidate = before
            raise
        self.candidate = copy.deepcopy(list(root))

    def validate(self) -> None:
        """Check the candidate against the modules."""
        for node in self.candidate:
            wrong = self._models[etree.QName(node).namespace or ""].wrong(node)
            if wrong:
                raise Refusal("invalid-value", wrong, path=f"/{etree.QName(node).localname}")

    def commit(self, session: str) -> None:
        """Make the candidate the running configuration."""
        holder = self.locks.get("running", session)
        if holder != session:
            raise Refusal("in-use", "Configuration Namespace is locked by another agent")
        self.writable(session)
        if not self.dirty:
            raise Refusal("operation-failed", "No configuration changes to commit")
        self.validate()
        self.running = copy.deepcopy(self.candidate)
        self.commits += 1

    def discard(self) -> None:
        """Make the running configuration the candidate."""
        self.candidate = copy.deepcopy(self.running)

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
    found = next((child for child in node if etree.QName(child).localname == name), None)
    return None if found is None else (found.text or "").strip()


def _text(nodes: list[etree._Element]) -> list[bytes]:
    return [etree.tostring(node, method="c14n") for node in nodes]
