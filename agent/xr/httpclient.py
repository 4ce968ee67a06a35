"""The router's HTTP client: ``/http/client/secure-verify-peer`` of um-http-client-cfg."""

from __future__ import annotations

from agent.netconf.payload import Element, template
from agent.netconf.schema import Schema
from agent.xr.query import Query
from agent.xr.tree import walk

CFG = "Cisco-IOS-XR-um-http-client-cfg"


def query(schema: Schema) -> Query[bool]:
    """Whether the client verifies its peer's certificate; True where nothing is configured."""
    if not schema.has(CFG, "/http/client/secure-verify-peer/disable"):
        return Query("peer verification", missing="no model of this device has peer verification (um-http-client-cfg)")

    def decode(data: Element) -> bool:
        tree = schema.decode(data, module=CFG)
        return "disable" not in walk(tree, "http/client/secure-verify-peer")

    return Query("peer verification", schema.source(CFG), lambda: template("filter-http-client"), decode, config=True)
