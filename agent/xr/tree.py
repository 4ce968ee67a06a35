"""Asking by a model, and reading the answer as :meth:`agent.netconf.yang.schema.Schema.decode` gives it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeVar

from agent.model.errors import SchemaError
from agent.model.state import Unreadable
from agent.netconf.payload import Element, rendered_once
from agent.netconf.query import Query
from agent.netconf.yang.schema import Schema

Tree = Mapping[str, object]
"""Decoded data: nested mappings and lists."""

T = TypeVar("T")


def queried(
    schema: Schema,
    what: str,
    node: tuple[str, str],
    read: Callable[[Tree], T | None],
    subtree: str,
    *,
    lacking: str,
    config: bool = False,
    **values: str,
) -> Query[T]:
    """A query by the filter template *subtree* with its *values*, of whose decoded answer *read* makes the value.

    It is sent only where the device has the *node* (module and path); *lacking* says what else none of its models does,
    as ``shows licensing``.
    """
    module, path = node
    if not schema.has(module, path):
        short = module.removeprefix("Cisco-IOS-XR-")
        return Query(what, missing=f"no model of this device {lacking} ({short})")

    def decode(data: Element) -> T | None:
        return read(schema.decode(data, module=module))

    return Query(what, schema.source(module), partial(rendered_once, subtree, **values), decode, config)


def at(tree: Tree, path: str) -> object:
    """What stands at *path* (names separated by ``/``), None where any part of it is absent."""
    found: object = tree
    for step in path.strip("/").split("/"):
        found = found.get(step) if isinstance(found, dict) else None
    return found


def walk(tree: Tree, path: str) -> Tree:
    """The mapping at *path*, empty where it is absent."""
    found = at(tree, path)
    return found if isinstance(found, Mapping) else {}


def entries(tree: Tree, path: str) -> list[Tree]:
    """The entries of the list at *path*, none where it is absent."""
    found = at(tree, path)
    return [entry for entry in found if isinstance(entry, Mapping)] if isinstance(found, list) else []


def text(tree: Tree, path: str) -> str | None:
    """The string leaf at *path* without surrounding blanks; None where absent or blank."""
    value = at(tree, path)
    return value.strip() or None if isinstance(value, str) else None


def number(tree: Tree, path: str) -> int | None:
    """The integer leaf at *path*."""
    value = at(tree, path)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def yes(tree: Tree, path: str) -> bool | None:
    """The leaf at *path* of the enumeration yes/no."""
    return {"yes": True, "no": False}.get(text(tree, path) or "")


def readable(tree: Tree, *names: str) -> None:
    """Insist on these leaves where taking one that cannot be read for one that is absent would be wrong.

    Raises:
        SchemaError: one of them is there and cannot be read.
    """
    for name in names:
        value = tree.get(name)
        if isinstance(value, Unreadable):
            raise SchemaError(f"its {name} cannot be read: {value.why}")
