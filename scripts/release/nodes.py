"""Schema nodes as pyang reads them from a module: what a variant of ``yang/`` is compared and written by.

Patterns and conditions (must, when, if-feature, status) are not among what a node is: ``yang/`` leaves them out.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from pyang import context, error, repository

DATA = frozenset(("container", "list", "leaf", "leaf-list", "choice", "case", "rpc", "input", "output"))


class Unreadable(Exception):
    """A module, or a node of it, cannot be read; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Type:
    """A type down to YANG's built-in one.

    Attributes:
        limits: range or length, pairs of the lowest and the highest; empty: what the built-in type allows.
        words: of an enumeration or of bits, each with its value or position.
        counted: the words whose value the module leaves to be counted; two types are equal without that.
        digits: fraction-digits of decimal64.
        members: of a union.
    """

    name: str
    limits: tuple[tuple[int | str, int | str], ...] = ()
    words: tuple[tuple[str, int], ...] = ()
    counted: frozenset[str] = field(default=frozenset(), compare=False)
    digits: int | None = None
    members: tuple[Type, ...] = ()


@dataclass(frozen=True, slots=True)
class Shape:
    """What one schema node is, without its name and what is below it; None or empty where it is not stated."""

    keyword: str
    config: bool | None = None
    key: str | None = None
    presence: bool = False
    mandatory: bool = False
    defaults: tuple[str, ...] = ()
    units: str | None = None
    least: str | None = None
    most: str | None = None
    by_user: bool = False
    type: Type | None = None


@dataclass(frozen=True, slots=True)
class Node:
    """A schema node with its name, what it is, its description, and the nodes below it in the module's order."""

    name: str
    shape: Shape
    description: str | None
    below: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True)
class Module:
    """A module as read; ``revision`` is the newest that it states."""

    name: str
    namespace: str
    prefix: str
    revision: str
    description: str | None
    nodes: tuple[Node, ...]

    def with_nodes(self, nodes: tuple[Node, ...]) -> Module:
        """The same with other nodes."""
        return replace(self, nodes=nodes)


def read(path: Path, folder: Path | None = None) -> Module:
    """The module in the file at *path*, with what it imports and includes from *folder* itself.

    Raises:
        Unreadable: it is no module, or does not compile.
    """
    return _compiled(path.name, _words_of(path), folder)


# Without a folder a module is what its text says, and all of yang/ is read for each release.
@cache
def own(name: str, words: str) -> Module:
    """The module that a file of ``yang/`` holds, which imports nothing."""
    return _compiled(name, words, None)


def _words_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise Unreadable(f"{path.name} cannot be read: {error}") from error


def _compiled(name: str, words: str, folder: Path | None) -> Module:
    ctx = context.Context(repository.FileRepository(str(folder or os.devnull), use_env=False, no_path_recurse=True))
    statement = ctx.add_module(name, words)
    ctx.validate()
    wrong = [
        f"{Path(position.ref).name}:{position.line}: {error.err_to_str(code, given)}"
        for position, code, given in ctx.errors
        if error.is_error(error.err_level(code))
    ]
    if statement is None or statement.keyword != "module" or wrong:
        raise Unreadable(f"{name} cannot be read: {'; '.join(wrong[:3]) or 'it is no module'}")
    revisions = [str(one.arg) for one in statement.search("revision")]
    if not revisions:
        raise Unreadable(f"{name} states no revision")
    return Module(
        name=str(statement.arg),
        namespace=str(_said(statement, "namespace")),
        prefix=str(_said(statement, "prefix")),
        revision=max(revisions),
        description=_said(statement, "description"),
        nodes=tuple(_nodes(statement)),
    )


def removed_nodes(path: Path) -> set[str]:
    """The names of the nodes that a module of deviations declares not supported, without what is above them.

    Raises:
        Unreadable: it is no module.
    """
    ctx = context.Context(repository.FileRepository(str(path.parent), use_env=False, no_path_recurse=True))
    statement = ctx.add_module(path.name, _words_of(path))
    if statement is None:
        raise Unreadable(f"{path.name} cannot be read")
    return {
        str(one.arg).rpartition("/")[2].rpartition(":")[2]
        for one in statement.search("deviation")
        if any(deviate.arg == "not-supported" for deviate in one.search("deviate"))
    }


def paths(nodes: tuple[Node, ...], above: str = "") -> Iterator[tuple[str, Node]]:
    """Every node with its path, parents first."""
    for node in nodes:
        here = f"{above}/{node.name}"
        yield here, node
        yield from paths(node.below, here)


def shapes(nodes: tuple[Node, ...]) -> Mapping[str, Shape]:
    """What each node is, by its path: two modules with equal ones allow and show the same."""
    return {path: node.shape for path, node in paths(nodes)}


def cut(nodes: tuple[Node, ...], use: tuple[str, ...], leave: tuple[str, ...], above: str = "") -> tuple[Node, ...]:
    """The subtrees with their roots in *use*, without those in *leave*, and what is around them.

    Raises:
        Unreadable: there is a node among them that cannot be written down in ``yang/``.
    """
    found: list[Node] = []
    for node in nodes:
        here = f"{above}/{node.name}"
        if here in leave:
            continue
        inside = any(here == root or here.startswith(f"{root}/") for root in use)
        below = cut(node.below, use, leave, here)
        if not inside and not below:
            continue
        if node.shape.keyword not in DATA or (node.shape.type and node.shape.type.name not in _WRITABLE):
            kind = node.shape.type.name if node.shape.type else node.shape.keyword
            raise Unreadable(f"{here} is of a kind that yang/ has not had so far: {kind}")
        if not inside:
            kept = {one.name: one for one in below}
            keys = (node.shape.key or "").split()
            below = tuple(kept.get(one.name, one) for one in node.below if one.name in kept or one.name in keys)
        found.append(Node(node.name, node.shape, node.description, below))
    return tuple(found)


_WRITABLE = frozenset(("string", "boolean", "empty", "enumeration", "bits", "binary", "decimal64", "union")).union(
    f"{sign}int{size}" for sign in ("", "u") for size in (8, 16, 32, 64)
)


def _nodes(statement: Any) -> Iterator[Node]:
    for child in getattr(statement, "i_children", ()):
        # pyang makes an input and an output for every rpc, stated or not.
        if child.keyword in {"input", "output"} and not child.i_children:
            continue
        name = str(child.arg or child.keyword)
        yield Node(name, _shape(child), _said(child, "description"), tuple(_nodes(child)))


def _said(statement: Any, keyword: str) -> str | None:
    found = statement.search_one(keyword)
    return None if found is None else str(found.arg)


def _shape(node: Any) -> Shape:
    typed = node.search_one("type")
    return Shape(
        keyword=str(node.keyword),
        config=getattr(node, "i_config", None),
        key=_said(node, "key"),
        presence=node.search_one("presence") is not None,
        mandatory=_said(node, "mandatory") == "true",
        defaults=tuple(str(one.arg) for one in node.search("default")),
        units=_said(node, "units"),
        least=_said(node, "min-elements"),
        most=_said(node, "max-elements"),
        by_user=_said(node, "ordered-by") == "user",
        type=None if typed is None else _type(typed, node),
    )


def _type(typed: Any, node: Any) -> Type:
    spec = typed.i_type_spec
    if spec is not None and spec.name == "leafref" and getattr(node, "i_leafref_ptr", None):
        target = node.i_leafref_ptr[0]
        return _type(target.search_one("type"), target)
    chain = list(_chain(typed))
    last = chain[-1]
    digits = next((one.search_one("fraction-digits") for one in chain if one.search_one("fraction-digits")), None)
    listed = next((one for one in chain if one.search("enum") or one.search("bit")), None)
    words, counted = ((), frozenset[str]()) if listed is None else _words(listed, spec)
    return Type(
        name=str(last.arg),
        limits=_limits(spec),
        words=words,
        counted=counted,
        digits=None if digits is None else int(digits.arg),
        members=tuple(_type(one, node) for one in last.search("type")),
    )


def _chain(typed: Any) -> Iterator[Any]:
    """The type statement, that of its typedef, and so on to the built-in type."""
    yield typed
    while (typedef := getattr(typed, "i_typedef", None)) is not None:
        typed = typedef.search_one("type")
        yield typed


def _limits(spec: Any) -> tuple[tuple[int | str, int | str], ...]:
    while spec is not None:
        for pairs in (getattr(spec, "ranges", None), getattr(spec, "lengths", None)):
            if pairs:
                return tuple((low, high if high is not None else low) for low, high in pairs)
        spec = spec.base
    return ()


def _words(listed: Any, spec: Any) -> tuple[tuple[tuple[str, int], ...], frozenset[str]]:
    kind, value = ("enum", "value") if listed.search("enum") else ("bit", "position")
    while not hasattr(spec, f"{kind}s"):
        spec = spec.base
    words = tuple((str(name), int(number)) for name, number in getattr(spec, f"{kind}s"))
    return words, frozenset(str(one.arg) for one in listed.search(kind) if one.search_one(value) is None)
