"""Usage reports of policy-based licensing: ``/plat-smart-license/summary/reporting`` of smart-license-platform-oper."""

from __future__ import annotations

from agent.model.state import Reporting
from agent.netconf.payload import Element, template
from agent.netconf.query import Query
from agent.netconf.yang.schema import Schema
from agent.xr.licensing import device_time
from agent.xr.tree import text, walk

OPER = "Cisco-IOS-XR-smart-license-platform-oper"
_PATH = "plat-smart-license/summary/reporting"


def query(schema: Schema) -> Query[Reporting]:
    """When usage was last reported and is due next; no value: nothing is shown."""
    if not schema.has(OPER, f"/{_PATH}/last"):
        return Query("reporting", missing="no model of this device shows reporting (smart-license-platform-oper)")

    def decode(data: Element) -> Reporting | None:
        shown = walk(schema.decode(data, module=OPER), _PATH)
        last, following = device_time(text(shown, "last")), device_time(text(shown, "next"))
        return Reporting(last, following) if last or following else None

    return Query("reporting", schema.source(OPER), lambda: template("filter-reporting"), decode)
