"""The file systems of a router and what is free in them: ``/file-system`` of shellutil-filesystem-oper, and what
``show filesystem`` prints."""

from __future__ import annotations

import re
from collections.abc import Iterable

from agent.model.check import FileSystem
from agent.netconf.query import Query
from agent.netconf.yang.schema import Schema
from agent.xr.tree import Tree, entries, queried, text

OPER = "Cisco-IOS-XR-shellutil-filesystem-oper"
_FREE = "/file-system/node/file-system/free"
# Size, free, type, flags, and the names it goes by; of the network's there are neither size nor free space.
_ROW = re.compile(r"[ \t*]*(\d{1,18}|-)[ \t]+(\d{1,18}|-)[ \t]+[\w-]{1,40}[ \t]+[\w-]{1,20}[ \t]+(\S.{0,400})")
_PREFIX = re.compile(r"[\w/.-]{1,100}:")

FileSystems = tuple[FileSystem, ...]


def can_show(schema: Schema) -> bool:
    """Whether a model shows them (all captured devices that announce anything)."""
    return schema.has(OPER, _FREE)


def query(schema: Schema) -> Query[FileSystems]:
    """All file systems of all nodes; no value: none is shown."""
    what = "file systems"
    return queried(schema, what, (OPER, _FREE), _of_model, "filter-filesystem", lacking=f"shows its {what}")


def of_text(printed: str) -> FileSystems | None:
    """The rows of ``show filesystem``, None where there is none; lines that are none are passed over."""
    rows = (_ROW.fullmatch(line.rstrip()) for line in printed.splitlines())
    return _distinct(_made(row[3], row[1], row[2]) for row in rows if row)


def _of_model(tree: Tree) -> FileSystems | None:
    return _distinct(_entry(one) for node in entries(tree, "file-system/node") for one in entries(node, "file-system"))


def _entry(entry: Tree) -> FileSystem | None:
    """Bytes are numbers by the newer revision, and text by the older."""
    size, free = ("" if (value := entry.get(name)) is None else str(value) for name in ("size", "free"))
    return _made(text(entry, "prefixes") or "", size, free)


def _made(prefixes: str, size: str, free: str) -> FileSystem | None:
    names = tuple(_PREFIX.findall(prefixes))
    return FileSystem(names, _bytes(size), _bytes(free)) if names else None


def _bytes(shown: str) -> int | None:
    shown = shown.strip()
    return int(shown) if shown.isascii() and shown.isdigit() and len(shown) < 20 else None


def _distinct(found: Iterable[FileSystem | None]) -> FileSystems | None:
    """Each once; of several nodes with one of the same name that with the least room comes first."""
    seen = dict.fromkeys(one for one in found if one is not None)
    return tuple(sorted(seen, key=lambda one: (one.prefixes, one.free is None, one.free))) or None
