"""The running release and the fixes in it: Cisco-IOS-XR-install-oper ``/install/version`` and ``/install/fixes``."""

from __future__ import annotations

import re

from agent.netconf.payload import Element, template
from agent.netconf.query import Query
from agent.netconf.yang.schema import Schema
from agent.xr.tree import entries, text, walk

OPER = "Cisco-IOS-XR-install-oper"
_RELEASE = re.compile(r"\d+\.\d+\.\d+(?:\.\d+[A-Z]+)?")
"""An engineering build keeps its suffix, as in 7.5.2.10I: it comes before the release, and is not it."""


def release_query(schema: Schema) -> Query[str]:
    """The release, e.g. ``7.3.2``, from ``/install/version/label``."""
    if not schema.has(OPER, "/install/version/label"):
        return Query("release", missing="no model of this device shows the release (install-oper)")

    def decode(data: Element) -> str | None:
        label = text(walk(schema.decode(data, module=OPER), "install/version"), "label")
        found = _RELEASE.search(label or "")
        return found.group() if found else label

    return Query("release", schema.source(OPER), lambda: template("filter-install-version"), decode)


def fixes_query(schema: Schema) -> Query[frozenset[str]]:
    """The defects (``CSC…``) that active packages fix, from ``/install/fixes/active/fixes/ddts``."""
    if not schema.has(OPER, "/install/fixes/active/fixes/ddts"):
        return Query("fixes", missing="no model of this device lists fixes (install-oper)")

    def decode(data: Element) -> frozenset[str]:
        listed = entries(schema.decode(data, module=OPER), "install/fixes/active/fixes")
        return frozenset(ddts for entry in listed if (ddts := text(entry, "ddts")))

    return Query("fixes", schema.source(OPER), lambda: template("filter-install-fixes"), decode)
