"""YANG models as yangson compiles them: complete before they are shared, and validating for one thread at a time.

yangson makes the patterns of a schema at the first validation, keeps there what each ``when`` came to, and keeps the
last refusal in its types; all of that is shared by whoever uses the model.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import threading
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from yangson import DataModel
from yangson.enumerations import ContentType, ValidationScope
from yangson.instance import RootNode
from yangson.instvalue import ArrayValue, ObjectValue
from yangson.schemanode import (
    AnyContentNode,
    CaseNode,
    ChoiceNode,
    GroupNode,
    InternalNode,
    RpcActionNode,
    SequenceNode,
    TerminalNode,
)

from agent.model.errors import SchemaError
from agent.netconf.payload import NETCONF_NS, Element, local_name, qname
from agent.netconf.yang.fetched import LIBRARY
from agent.netconf.yang.library import Variant
from agent.netconf.yang.values import RAISED, NotOfType, read, said

_OPERATION = qname(NETCONF_NS, "operation")
_UNSENT = "nothing was sent"


class Model:
    """One compiled module; may be shared by any number of threads."""

    def __init__(self, compiled: DataModel, module: str) -> None:
        self.module = module
        self.schema: Any = compiled.schema
        self._data = compiled.schema_data
        self._validating = threading.Lock()
        self._namespaces = {
            about.main_module[0]: about.xml_namespace
            for about in self._data.modules.values()
            if about.main_module == about.yang_id
        }
        self.namespace = self._namespaces[module]
        self._children: dict[Any, Mapping[str, Any]] = {}
        self._found: dict[str, Any] = {}
        self._complete(self.schema)

    def _complete(self, node: Any) -> None:
        """Make what else the first use would make: the children by their tags, and the patterns of each tree."""
        if isinstance(node, InternalNode):
            self._children[node] = self._tags(node)
            for child in node.children:
                self._complete(child)
            # Only roots make their patterns, and those of all data below them.
            if node is self.schema or isinstance(node.parent, RpcActionNode):
                value = ObjectValue()
                RootNode(value, node, self._data, value.timestamp)

    def _tags(self, node: Any) -> dict[str, Any]:
        """The children by their tags in XML; choices, cases and groups are passed through, as in data."""
        found: dict[str, Any] = {}
        for child in node.children:
            if isinstance(child, ChoiceNode | CaseNode) or type(child) is GroupNode:
                found |= self._tags(child)
            else:
                found[qname(self._namespaces[child.ns], child.name)] = child
        return found

    def child(self, node: Any, tag: object) -> Any:
        """The schema node of an element *tag* below *node*, names compared with their namespace; None if there is none.

        Comments and processing instructions have tags that are no str, and no schema node.
        """
        tags = self._children.get(node)
        return tags.get(tag) if tags is not None and isinstance(tag, str) else None

    def find(self, path: str) -> Any:
        """The schema node at *path* (names of the module's own namespace, separated by ``/``), or None."""
        if path not in self._found:
            node = self.schema
            for name in path.strip("/").split("/"):
                node = self.child(node, qname(self.namespace, name))
            self._found[path] = node
        return self._found[path]

    def longest(self, path: str) -> int | None:
        """The most characters that the string at *path* may have; None where there is no bound, or no such string."""
        length = getattr(getattr(self.find(path), "type", None), "length", None)
        return None if length is None else int(length.intervals[-1][-1])

    def output(self, tag: str) -> Any:
        """The output node of the first rpc that has a child *tag* there, or None."""
        for rpc in self.schema.children:
            if isinstance(rpc, RpcActionNode) and self.child(node := rpc.get_child("output"), tag) is not None:
                return node
        return None

    def validate(self, payload: Element) -> None:
        """Check configuration, or the body of an rpc; what is marked for removal is checked for existence only.

        Raises:
            SchemaError: with the path and what is wrong there.
        """
        node = self.child(self.schema, payload.tag)
        local = local_name(payload)
        if node is None:
            raise SchemaError(f"{self.module} has no {local}", hint=_UNSENT)
        try:
            if isinstance(node, RpcActionNode):
                top, at = node.get_child("input"), f"/{local}"
                value = self._object(payload, top, f"/{local}")
            else:
                top, at, value = self.schema, "", ObjectValue()
                self._add(value, payload, node, f"/{local}")
            with self._validating:
                try:
                    RootNode(value, top, self._data, value.timestamp).validate(ValidationScope.all, ContentType.all)
                except TypeError as error:  # yangson cannot tell of a choice
                    lacking = "; ".join(_lacks(top, value, at)) or said(error)
                    raise SchemaError(f"{self.module} does not allow it: {lacking}", hint=_UNSENT) from error
        except RAISED as error:
            raise SchemaError(f"{self.module} does not allow it: {said(error)}", hint=_UNSENT) from error

    def _object(self, element: Element, node: Any, path: str) -> ObjectValue:
        value = ObjectValue()
        for child in element:
            here = f"{path}/{local_name(child)}"
            found = self.child(node, child.tag)
            if found is None:
                raise SchemaError(f"{self.module} has no {here}", hint=_UNSENT)
            if child.get(_OPERATION) not in ("remove", "delete"):
                self._add(value, child, found, here)
        return value

    def _add(self, value: ObjectValue, element: Element, node: Any, path: str) -> None:
        """Put the element's value under its name into that of its parent, both as yangson has them."""
        name = node.iname()
        if isinstance(node, AnyContentNode):
            raise SchemaError(f"{self.module} says nothing of what stands in {path}", hint=_UNSENT)
        if name in value and not isinstance(node, SequenceNode):
            raise SchemaError(f"{self.module} does not allow {path} twice", hint=_UNSENT)
        try:
            made = read(node.type, element)[1] if isinstance(node, TerminalNode) else self._object(element, node, path)
        except NotOfType as error:
            raise SchemaError(f"{path}: {error}", hint=_UNSENT) from error
        if isinstance(node, SequenceNode):
            value.setdefault(name, ArrayValue()).append(made)
        else:
            value[name] = made


def model(variant: Variant) -> Model:
    """The model of a variant, compiled once in the process.

    Raises:
        SchemaError: yangson cannot compile it.
    """
    with _choosing:
        slot = slot_of(variant.path, variant.module, variant.namespace)
    return slot.model(variant)


class _Slot:
    """A model's place: threads that need the same wait for one compiler, those that need another do not."""

    def __init__(self) -> None:
        self._compiling = threading.Lock()
        self._model: Model | None = None
        self._refused: str | None = None

    def model(self, variant: Variant) -> Model:
        """The model; a refusal is remembered as well, since a fleet may bring the same module a thousand times."""
        with self._compiling:
            self._model = self._model or self._made(variant)
            return self._model

    def _made(self, variant: Variant) -> Model:
        if self._refused is not None:
            raise SchemaError(self._refused)
        try:
            return compile_module(variant.path, variant.module, variant.namespace)
        except (OSError, *RAISED) as error:
            refused = f"{variant.path.name} cannot be compiled: {said(error)}"
            if not isinstance(error, OSError):  # which may pass
                self._refused = refused
            raise SchemaError(refused) from error


_choosing = threading.Lock()


@lru_cache(maxsize=128)
def slot_of(_path: Path, _module: str, _namespace: str) -> _Slot:
    return _Slot()


def compile_module(path: Path, module: str, namespace: str) -> Model:
    folder = path.parent
    described = folder / LIBRARY
    if described.exists():  # a device's own modules, with what they import
        return Model(DataModel(described.read_text(encoding="utf-8"), (str(folder),)), module)
    revision = path.stem.partition("@")[2][: len("2020-01-31")]
    listed = {"name": module, "revision": revision, "namespace": namespace, "conformance-type": "implement"}
    library = json.dumps({"ietf-yang-library:modules-state": {"module-set-id": "", "module": [listed]}})
    with tempfile.TemporaryDirectory(prefix="xr-agent-") as plain:
        # yangson finds a file by module@revision only; a second variant of a revision has another name.
        shutil.copy(path, Path(plain, f"{module}@{revision}.yang"))
        return Model(DataModel(library, (plain,)), module)


def _lacks(node: Any, value: Any, path: str) -> Iterator[str]:
    """What is mandatory in *value* of *node*, and in what is below, and not there; conditions are not judged."""
    absent = ", ".join(_absent(node, value))
    if absent:
        yield f"{path} lacks {absent}"
    for child in node.data_children():
        if isinstance(child, InternalNode) and child.iname() in value:
            below = value[child.iname()]
            for one in below if isinstance(child, SequenceNode) else [below]:
                yield from _lacks(child, one, f"{path}/{child.name}")


def _absent(node: Any, value: Any) -> Iterator[str]:
    for child in node.children:
        if getattr(child, "when", None) is not None:
            continue
        if isinstance(child, ChoiceNode):
            case = next((one for one in child.children if any(name in value for name in _names(one))), None)
            if isinstance(case, CaseNode):
                yield from _absent(case, value)
            elif case is None and child.mandatory:
                yield f"one of {', '.join(name.rpartition(':')[2] for name in _names(child))}"
        elif type(child) is GroupNode:
            yield from _absent(child, value)
        elif isinstance(child, TerminalNode | InternalNode) and child.mandatory and child.iname() not in value:
            yield child.name


def _names(node: Any) -> list[str]:
    """By which names the data of *node* stand in that of its parent: a case has several."""
    inside = isinstance(node, ChoiceNode | CaseNode) or type(node) is GroupNode
    return [name for child in node.children for name in _names(child)] if inside else [node.iname()]
