"""The running release and the fixes in it: Cisco-IOS-XR-install-oper ``/install/version`` and ``/install/fixes``."""

from __future__ import annotations

import re

from agent.netconf.query import Query
from agent.netconf.yang.schema import Schema
from agent.xr.tree import Tree, entries, queried, text

OPER = "Cisco-IOS-XR-install-oper"
_RELEASE = re.compile(r"\d+\.\d+\.\d+(?:\.\d+[A-Z]+)?")
"""An engineering build keeps its suffix, as in 7.5.2.10I: it comes before the release, and is not it."""


def release_query(schema: Schema) -> Query[str]:
    """The release, e.g. ``7.3.2``, from ``/install/version/label``."""
    node = (OPER, "/install/version/label")
    return queried(schema, "release", node, _release, "filter-install-version", lacking="shows the release")


def fixes_query(schema: Schema) -> Query[frozenset[str]]:
    """The defects (``CSC…``) that active packages fix, from ``/install/fixes/active/fixes/ddts``."""
    node = (OPER, "/install/fixes/active/fixes/ddts")
    return queried(schema, "fixes", node, _fixes, "filter-install-fixes", lacking="lists fixes")


def _release(tree: Tree) -> str | None:
    label = text(tree, "install/version/label")
    found = _RELEASE.search(label or "")
    return found.group() if found else label


def _fixes(tree: Tree) -> frozenset[str]:
    listed = entries(tree, "install/fixes/active/fixes")
    return frozenset(ddts for entry in listed if (ddts := text(entry, "ddts")))
