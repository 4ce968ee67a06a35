"""The action plugin of xr_trust_root, which the module of that name documents."""

from __future__ import annotations

from typing import Any

from ansible_collections.xr_agent.trust.plugins.modules.xr_trust_root import DOCUMENTATION
from ansible_collections.xr_agent.trust.plugins.plugin_utils import controller


class ActionModule(controller.ControllerAction):
    """The root is there, or in check mode what would be done for it."""

    def run(self, tmp: None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The task's result."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        host = self.host(task_vars or {}, DOCUMENTATION, files=("anchor", "bundle"))
        return {**result, **controller.tasks.root(host, check=self._task.check_mode)}
