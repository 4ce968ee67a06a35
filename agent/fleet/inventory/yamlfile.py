"""YAML as an inventory needs it: plain data only, each key once, bounded, and for every value the line it stands on.

ruamel.yaml's own safe loader reads it, of YAML 1.2, whatever is installed: the C parser of ruamel.yaml.clib, which the
same class takes where it finds it, is of YAML 1.1, is three times faster, and gives other values and other errors.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError, SafeConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from agent.fleet.inventory.textfile import located, read_file
from agent.model.errors import InputError

__all__ = ["Document", "YAMLError", "problem", "read"]

_DEEPEST = 40
_LARGEST_TREE = 4_000_000
"""Nodes a document may have once its aliases are written out."""

_RAISED = (YAMLError, ValueError, RecursionError, AssertionError, AttributeError, LookupError, TypeError)
"""What ruamel.yaml raises: by intent the first, ``%YAML 1.3`` and other odd text bring the others."""

_QUOTED = re.compile(r"(?<=alias) '.*'|(?<=handle) '.*'", re.DOTALL)
"""In a message: words of the text, where a password that begins with ``*`` or ``!`` is taken for such a thing."""

_PLAIN = frozenset(
    f"tag:yaml.org,2002:{kind}" for kind in ("bool", "float", "int", "map", "merge", "null", "seq", "str", "timestamp")
)


@dataclass(frozen=True, slots=True)
class Document:
    """One file: a mapping, empty where the file is, and the nodes it was made from.

    ``data`` has the types of YAML 1.2: strings, numbers, booleans, dates, None, lists and mappings.
    """

    path: Path
    data: Mapping[Any, Any] = field(default_factory=dict)
    root: Node | None = None

    def line(self, keys: tuple[Any, ...]) -> int | None:
        """The line on which the value below *keys* begins, or the nearest one above it that there is."""
        node, line = self.root, None
        for key in keys:
            found = _below(node, str(key))
            if found is None:
                break
            line, node = found
        return line


def read(path: Path) -> Document:
    """Read *path*.

    Raises:
        InputError: it cannot be read, is no YAML, is no mapping, has a key twice, a tag that is no plain data, aliases
            that refer to themselves or swell; the message has the line and never a value, which may be a secret.
    """
    loader = YAML(typ="safe", pure=True)
    loader.Constructor = _Constructor
    # Reused anchors are YAML; ruamel's own parser warns of them.
    loader.composer.warn_double_anchors = False
    text = read_file(path)
    try:
        data, root = loader.load(text) or (None, None)
    except _RAISED as error:
        line, what = problem(error)
        raise InputError(located(path, line, what), hint="correct it") from error
    if data is None:
        return Document(path)
    if not isinstance(data, dict):
        raise InputError(f"{path}: this is no mapping of names to entries", hint="begin each entry with 'name:'")
    return Document(path, data, root)


def problem(error: Exception) -> tuple[int | None, str]:
    """The line, and in words what is wrong there, without any value: it may be a secret."""
    if isinstance(error, MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else None
        if isinstance(error, DuplicateKeyError):  # its text has both values
            return line, "a key is there twice"
        parts = ", ".join(part for part in (error.context, error.problem) if part)
        return line, parts if isinstance(error, _Refused) else f"no valid YAML: {_QUOTED.sub('', parts)}"
    if isinstance(error, RecursionError):
        return None, "the values are nested too deeply"
    if isinstance(error, ValueError):
        return None, "no valid YAML: a number or date cannot be read"
    if isinstance(error, YAMLError):
        return None, "no valid YAML: it has characters that YAML does not allow"
    return None, "no valid YAML: the parser cannot follow it"


class _Refused(MarkedYAMLError):
    """It is YAML, but not what an inventory may have."""


class _Constructor(SafeConstructor):
    """Checks the nodes before anything is made of them, and gives them back beside the data."""

    def construct_document(self, node: Node) -> tuple[Any, Node]:
        _weight(node, 0, {})
        return super().construct_document(node), node


def _weight(node: Node, depth: int, known: dict[int, tuple[int, int] | None]) -> tuple[int, int]:
    """How many nodes there are from *node* down with all aliases written out, and the levels below it; refuses what is
    no plain data. In *known* are those counted before, and None for those that *node* is in.

    Raises:
        _Refused: at the node that cannot be taken.
    """
    if node.tag not in _PLAIN:
        raise _refused(node, "a tag (!word) is not taken, only plain data is; a text that begins with ! has quotes")
    if isinstance(node, ScalarNode):
        return 1, 0
    if id(node) not in known:
        known[id(node)] = None
        if isinstance(node, MappingNode):
            _keys_once(node)
        below = [_weight(child, depth + 1, known) for child in _children(node)] if depth < _DEEPEST else []
        known[id(node)] = 1 + sum(nodes for nodes, _ in below), 1 + max((levels for _, levels in below), default=0)
    weight = known[id(node)]
    if weight is None:
        raise _refused(node, "this refers to itself")
    if weight[0] > _LARGEST_TREE:
        raise _refused(node, f"with its aliases written out this has more than {_LARGEST_TREE} values")
    if depth + weight[1] > _DEEPEST:
        raise _refused(node, f"the values are nested deeper than {_DEEPEST} levels")
    return weight


def _children(node: Node) -> list[Node]:
    if isinstance(node, MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, SequenceNode) else []


def _keys_once(node: MappingNode) -> None:
    lines: dict[tuple[str, str], int] = {}
    for key, _ in node.value:
        if not isinstance(key, ScalarNode):
            raise _refused(key, "a key is a list or a mapping")
        name = str(key.tag), key.value
        if name in lines:
            raise _refused(key, f"{key.value!r} is there twice, first on line {lines[name]}")
        lines[name] = key.start_mark.line + 1


def _refused(node: Node, text: str) -> _Refused:
    return _Refused(problem=text, problem_mark=node.start_mark)


def _below(node: Node | None, key: str) -> tuple[int, Node] | None:
    """The line and the node of *key* in *node*."""
    if isinstance(node, MappingNode):
        # What '<<' brought in comes before the mapping's own, which counts.
        for name, value in reversed(node.value):
            if isinstance(name, ScalarNode) and name.value == key:
                return name.start_mark.line + 1, value
    elif isinstance(node, SequenceNode) and key.isdigit() and int(key) < len(node.value):
        child = node.value[int(key)]
        return child.start_mark.line + 1, child
    return None
