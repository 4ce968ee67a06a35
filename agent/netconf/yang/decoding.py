"""Replies as plain typed values, by a compiled model; what cannot be read costs itself alone, and is said."""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import Any

from yangson.schemanode import AnyContentNode, LeafListNode, LeafNode, ListNode

from agent.model.state import Unreadable
from agent.netconf.payload import Element, serialize
from agent.netconf.yang.compiled import Model
from agent.netconf.yang.values import NotOfType, plain, read

_MOST_NOTES = 20


def decoded(model: Model, data: Element) -> tuple[dict[str, Any], list[str]]:
    """What :meth:`agent.netconf.yang.schema.Schema.decode` says, and the notes: a sentence for each unreadable leaf."""
    top = model.schema
    own = [child for child in data if str(child.tag).startswith(f"{{{model.namespace}}}")]
    if own and model.child(top, own[0].tag) is None:
        top = model.output(str(own[0].tag)) or top
    reading = _Reading(model)
    tree: dict[str, Any] = {}
    for child in own:
        reading.add(tree, child, top, "")
    return tree, reading.notes()


@cache
def _shape(bases: tuple[type, ...]) -> type | None:
    """Which of those that are read in their own way a class of nodes is, None for containers and the like."""
    return next((one for one in (ListNode, LeafListNode, LeafNode, AnyContentNode) if one in bases), None)


class _Reading:
    """One reply on its way to values."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._unread: Counter[str] = Counter()

    def notes(self) -> list[str]:
        """Each thing that was not read, with how often; the first twenty."""
        said = [text if count == 1 else f"{text} ({count} times)" for text, count in self._unread.items()]
        rest = len(said) - _MOST_NOTES
        return [*said[:_MOST_NOTES], f"{rest} further leaves could not be read"] if rest > 0 else said

    def add(self, into: dict[str, Any], element: Element, parent: Any, path: str) -> None:
        """Put *element* under its name into its parent's mapping; what the model lacks is left out.

        A container that stands twice is one; a leaf that does is unreadable unless it says the same.
        """
        node = self._model.child(parent, element.tag)
        if node is None:
            return
        name = str(node.name)
        path = f"{path}/{name}"
        shape = _shape(type(node).__mro__)
        if shape is ListNode:
            into.setdefault(name, []).append(self._children(element, node, path, {}))
        elif shape is LeafListNode:
            into.setdefault(name, []).append(self._leaf(element, node, path))
        elif shape is LeafNode:
            value = self._leaf(element, node, path)
            if name in into and into[name] != value:
                value = self._unreadable(path, element, "twice, and not the same")
            into[name] = value
        elif shape is AnyContentNode:
            into[name] = "".join(serialize(child).decode() for child in element) or element.text or ""
        else:
            self._children(element, node, path, into.setdefault(name, {}))

    def _children(self, element: Element, node: Any, path: str, into: dict[str, Any]) -> dict[str, Any]:
        if (element.text or "").strip():
            self._unread[f"{self._model.module}: {path} has text, where elements are expected"] += 1
        for child in element:
            self.add(into, child, node, path)
        return into

    def _leaf(self, element: Element, node: Any, path: str) -> Any:
        try:
            return plain(*read(node.type, element))
        except NotOfType as error:
            return self._unreadable(path, element, str(error))

    def _unreadable(self, path: str, element: Element, why: str) -> Unreadable:
        self._unread[f"{self._model.module}: {path} cannot be read: {why}"] += 1
        return Unreadable(element.text or "", why)
