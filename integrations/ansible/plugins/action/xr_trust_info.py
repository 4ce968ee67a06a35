"""The action plugin of xr_trust_info, which the module of that name documents."""

from __future__ import annotations

from typing import Any

from ansible_collections.xr_agent.trust.plugins.modules.xr_trust_info import DOCUMENTATION
from ansible_collections.xr_agent.trust.plugins.plugin_utils import controller


class ActionModule(controller.ControllerAction):
    """Whether the router has the root."""

    def run(self, tmp: None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The task's result."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        host = self.host(task_vars or {}, DOCUMENTATION, files=("anchor",))
        return {**result, **controller.tasks.info(host)}
