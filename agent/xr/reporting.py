"""Usage reports of policy-based licensing: ``/plat-smart-license/summary/reporting`` of smart-license-platform-oper."""

from __future__ import annotations

from agent.model.state import Reporting
from agent.netconf.query import Query
from agent.netconf.yang.schema import Schema
from agent.xr.licensing import device_time
from agent.xr.tree import Tree, queried, text, walk

OPER = "Cisco-IOS-XR-smart-license-platform-oper"
_PATH = "plat-smart-license/summary/reporting"


def query(schema: Schema) -> Query[Reporting]:
    """When usage was last reported and is due next; no value: nothing is shown."""
    return queried(schema, "reporting", (OPER, f"/{_PATH}/last"), _read, "filter-reporting", lacking="shows reporting")


def _read(tree: Tree) -> Reporting | None:
    shown = walk(tree, _PATH)
    last, following = device_time(text(shown, "last")), device_time(text(shown, "next"))
    return Reporting(last, following) if last or following else None
