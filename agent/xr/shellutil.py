"""Files on the router by its own models: rpc ``copy``, rpc ``delete``, and what a folder holds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from agent.netconf import operations
from agent.netconf.payload import Payload, rendered, rendered_once
from agent.netconf.query import Query
from agent.netconf.session import Session
from agent.netconf.yang.schema import Schema
from agent.xr.tree import Tree, entries, queried, text

COPY = "Cisco-IOS-XR-shellutil-copy-act"
DELETE = "Cisco-IOS-XR-shellutil-delete-act"
DIR = "Cisco-IOS-XR-shellutil-dir-oper"
_SIZE = "/dir/nodes/node/dir-paths/dir-path/directory/content/size"
# Of "dir" and "ls -l": the size stands ahead of the date, whatever is before it.
_ROW = re.compile(r".{0,120}?[ \t](\d{1,18})[ \t]{1,20}(?:[A-Z][a-z]{2}[ \t]|\d{4}-\d\d-\d\d).{0,80}[ \t](\S{1,300})")
_LISTED = re.compile(r"^(?:Directory of |[ \t]*\d{1,18} (?:k?bytes|bytes) total|total \d)", re.MULTILINE)
_ABSENT = re.compile(r"no such file or directory", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Listed:
    """A file as a listing shows it; ``size`` in bytes, None where that cannot be read."""

    size: int | None


Found = tuple[Listed, ...]
"""The files of one name in a folder of each node; empty where it is seen that there is none."""


def can_copy(schema: Schema) -> bool:
    """Whether rpc ``copy`` is there (6.6.2 and later)."""
    return schema.has(COPY, "/copy/input/sourcename")


def can_delete(schema: Schema) -> bool:
    """Whether rpc ``delete`` is there (6.6.2 and later)."""
    return schema.has(DELETE, "/delete/input/name")


def can_list(schema: Schema) -> bool:
    """Whether a model lists what is in a folder (6.8.1 to 6.9.2, 7.4.1 and later)."""
    return schema.has(DIR, _SIZE)


def longest_source(schema: Schema) -> int | None:
    """The most characters of what rpc ``copy`` copies; None where the model has no bound."""
    return schema.longest(COPY, "/copy/input/sourcename")


def of_url(url: str) -> tuple[str, str]:
    """*url* as rpc ``copy`` takes it (H67): file system ``http:``, and ``//host/path`` for the name in that."""
    scheme, _, rest = url.partition(":")
    return f"{scheme}:", rest


def copy_request(
    schema: Schema, source: tuple[str, str], destination: tuple[str, str], vrf: str | None = None
) -> Payload:
    """The body of rpc ``copy``, checked against the device's model; both places as file system and name in it.

    Raises:
        SchemaError: the device's model does not allow it.
    """
    body = rendered(
        "rpc-copy",
        source_system=source[0],
        source_name=source[1],
        destination_system=destination[0],
        destination_name=destination[1],
        vrf=vrf,
    )
    schema.validate(body, module=COPY)
    return body


def copy(session: Session, source: tuple[str, str], destination: tuple[str, str], vrf: str | None = None) -> str:
    """Copy a file; returns what the device says of it, which proves nothing.

    Whether the rpc takes /tmp as a file system is unconfirmed (H9).

    Raises:
        SchemaError, RPCError, OutcomeUnknown: as of :func:`copy_request` and
            :meth:`agent.netconf.pending.Pending.result`.
    """
    schema = session.schema
    reply = operations.action(session, copy_request(schema, source, destination, vrf), operation="copy")
    return text(schema.decode(reply.root, module=COPY), "response") or ""


def delete(session: Session, path: str) -> str:
    """Delete the file *path*, its file system ahead of it (H69); returns what the device says, which proves nothing.

    Raises:
        SchemaError, RPCError, OutcomeUnknown: as of :func:`copy`.
    """
    schema = session.schema
    body = rendered_once("rpc-delete", name=path)
    schema.validate(body, module=DELETE)
    reply = operations.action(session, body, operation="delete")
    return text(schema.decode(reply.root, module=DELETE), "response") or ""


def file_query(schema: Schema, folder: str, name: str) -> Query[Found]:
    """The file *name* of *folder* (``harddisk:``, ``/tmp``) on any node (H68); no value: no folder is shown."""

    def read(tree: Tree) -> Found | None:
        folders = list(_folders(tree))
        if not folders:
            return None
        files = (one for folder in folders for one in entries(folder, "content"))
        return tuple(Listed(_bytes(text(one, "size"))) for one in files if text(one, "name") == name)

    return queried(schema, f"files of {folder}", (DIR, _SIZE), read, "filter-dir", lacking="lists files", folder=folder)


def of_text(printed: str, name: str) -> Found | None:
    """The same of what ``dir`` or ``ls -l`` prints (H70); None where that neither lists nor says that there is none."""
    rows = (_ROW.fullmatch(line.rstrip()) for line in printed.splitlines())
    found = tuple(Listed(_bytes(row[1])) for row in rows if row and row[2].rpartition("/")[2] == name)
    return found if found or _LISTED.search(printed) or _ABSENT.search(printed) else None


def _folders(tree: Tree) -> Iterator[Tree]:
    for node in entries(tree, "dir/nodes/node"):
        for path in entries(node, "dir-paths/dir-path"):
            yield from entries(path, "directory")


def _bytes(shown: str | None) -> int | None:
    return int(shown) if shown and shown.isascii() and shown.isdigit() and len(shown) < 20 else None
