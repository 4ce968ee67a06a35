"""The file systems of a router and what is free in them: by ``/file-system`` of shellutil-filesystem-oper, else by
``show filesystem``."""

from __future__ import annotations

import re
from collections.abc import Iterable

from agent.model.check import FileSystem
from agent.model.errors import AgentError, Interrupted
from agent.model.pki.certificate import CONSOLE
from agent.model.state import Reading
from agent.netconf.payload import Element, template
from agent.netconf.query import Query
from agent.netconf.yang.schema import Schema
from agent.xr.cli.sshport import Ssh
from agent.xr.tree import Tree, entries, text

OPER = "Cisco-IOS-XR-shellutil-filesystem-oper"
_COMMAND = "show filesystem"
# Size, free, type, flags, and the names it goes by; of the network's there are neither size nor free space.
_ROW = re.compile(r"[ \t*]*(\d{1,18}|-)[ \t]+(\d{1,18}|-)[ \t]+[\w-]{1,40}[ \t]+[\w-]{1,20}[ \t]+(\S.{0,400})")
_PREFIX = re.compile(r"[\w/.-]{1,100}:")

FileSystems = tuple[FileSystem, ...]


def query(schema: Schema) -> Query[FileSystems]:
    """All file systems of all nodes, by their model."""
    if not schema.has(OPER, "/file-system/node/file-system/free"):
        return Query(
            "file systems", missing="no model of this device shows its file systems (shellutil-filesystem-oper)"
        )

    def decode(data: Element) -> FileSystems:
        nodes = entries(schema.decode(data, module=OPER), "file-system/node")
        return _distinct(_of_model(entry) for node in nodes for entry in entries(node, "file-system"))

    return Query("file systems", schema.source(OPER), lambda: template("filter-filesystem"), decode)


def by_cli(ssh: Ssh) -> Reading[FileSystems]:
    """The same over the CLI.

    Raises:
        Interrupted: it was cancelled.
    """
    try:
        shown = of_text(ssh.console().show(_COMMAND))
    except Interrupted:
        raise
    except AgentError as error:
        return Reading(source=CONSOLE, missing=f"{_COMMAND}: {error.message}")
    return Reading(shown, CONSOLE) if shown else Reading(source=CONSOLE, missing=f"{_COMMAND}: not understood")


def of_text(text: str) -> FileSystems:
    """The rows of ``show filesystem``; lines that are none are passed over."""
    rows = (_ROW.fullmatch(line.rstrip()) for line in text.splitlines())
    return _distinct(_made(row[3], row[1], row[2]) for row in rows if row)


def _of_model(entry: Tree) -> FileSystem | None:
    """Bytes are numbers by the newer revision, and text by the older."""
    size, free = ("" if (value := entry.get(name)) is None else str(value) for name in ("size", "free"))
    return _made(text(entry, "prefixes") or "", size, free)


def _made(prefixes: str, size: str, free: str) -> FileSystem | None:
    names = tuple(_PREFIX.findall(prefixes))
    return FileSystem(names, _bytes(size), _bytes(free)) if names else None


def _bytes(shown: str) -> int | None:
    shown = shown.strip()
    return int(shown) if shown.isascii() and shown.isdigit() and len(shown) < 20 else None


def _distinct(found: Iterable[FileSystem | None]) -> FileSystems:
    """Each once; of several nodes with one of the same name that with the least room comes first."""
    seen = dict.fromkeys(one for one in found if one is not None)
    return tuple(sorted(seen, key=lambda one: (one.prefixes, one.free is None, one.free)))
