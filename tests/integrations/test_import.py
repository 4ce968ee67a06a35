"""What an orchestrator does not use it does not load."""

from __future__ import annotations

import subprocess
import sys


def modules_after(statement: str) -> set[str]:
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def test_import_agent_alone_loads_no_orchestrator_and_no_library() -> None:
    loaded = modules_after("import agent")
    assert not loaded & {"agent.integrations", "agent.fleet", "agent.model", "nornir", "ncclient", "lxml", "logging"}


def test_the_names_for_logging_load_no_library() -> None:
    loaded = modules_after("import agent; agent.bound; agent.ContextFilter")
    assert "agent.model.telemetry.context" in loaded
    assert not {name.partition(".")[0] for name in loaded} & {"nornir", "ncclient", "lxml", "paramiko", "yangson"}


def test_the_nornir_tasks_need_neither_the_connection_plugin_nor_the_command_line() -> None:
    loaded = modules_after("import agent.integrations.nornir")
    assert "nornir.core.task" in loaded
    assert not {name.partition(".")[0] for name in loaded} & {"nornir_netconf", "click", "rich", "asyncssh", "netmiko"}


def test_the_ansible_tasks_need_neither_ansible_nor_the_command_line() -> None:
    loaded = modules_after("import agent.integrations.ansible.tasks")
    assert not {name.partition(".")[0] for name in loaded} & {"ansible", "nornir", "click", "rich"}
