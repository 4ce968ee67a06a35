"""docs/orchestrators.md is true: its examples are run (two of them in tests/integrations), its names looked up."""

from __future__ import annotations

import inspect
import logging
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.integrations import nornir
from agent.simulator import Fault, FaultKind, rpc_error
from tests.docs.examples import TEXT, documented, printed
from tests.docs.pages import ROOT, commands
from tests.support import Lab, left_clean


@pytest.fixture
def agents_logger() -> Iterator[logging.Logger]:
    """The logger ``agent``, afterwards as it was."""
    logger = logging.getLogger("agent")
    level, handlers = logger.level, list(logger.handlers)
    yield logger
    logger.setLevel(level)
    logger.handlers[:] = handlers


def test_the_script_with_its_own_session_prints_what_the_page_says(lab: Lab, tmp_path: Path) -> None:
    device = lab.add(release="7.4.1", terminal_rpc="installs")
    found = printed("plain_ncclient.py", "127.0.0.1", str(device.port), str(device.ssh_port), lab=lab, home=tmp_path)
    assert found == documented("plain_ncclient.py")


def test_so_do_the_tasks_of_asyncio(lab: Lab, tmp_path: Path) -> None:
    device = lab.add(release="7.4.1", terminal_rpc="installs")
    where = f"127.0.0.1:{device.port}:{device.ssh_port}"
    assert printed("asyncio_push.py", where, lab=lab, home=tmp_path) == documented("asyncio_push.py")


def test_tasks_of_asyncio_that_are_cancelled_end_their_pushes_in_order(lab: Lab, tmp_path: Path) -> None:
    device = lab.add(terminal_rpc="installs")
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "known_hosts").write_text(lab.simulator.known_hosts())
    where = f"127.0.0.1:{device.port}:{device.ssh_port}"
    home = {"HOME": str(tmp_path), "XR_PASSWORD": lab.simulator.password, "PYTHONPATH": str(ROOT)}
    started: list[subprocess.Popen[str]] = []
    device.faults.append(Fault("edit-config", FaultKind.MEANWHILE, act=lambda: started[0].send_signal(signal.SIGINT)))
    with subprocess.Popen(
        [sys.executable, str(ROOT / "docs" / "examples" / "asyncio_push.py"), where],
        env={**os.environ, **home},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as run:
        started.append(run)
        said, _ = run.communicate(timeout=600)
    assert run.returncode
    assert said.startswith("127.0.0.1: failed, interrupted")
    assert left_clean(device)


def test_the_log_lines_are_as_the_page_says(
    lab: Lab, agents_logger: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    device = lab.add(terminal_rpc="installs")
    device.faults.append(Fault("lock", FaultKind.ERROR, rpc_error("lock-denied", info="<session-id>7</session-id>")))
    (block,) = [one for one in re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL) if "ContextFilter" in one]
    router = lab.target(device, label="r1.example")
    exec(compile(block, "orchestrators.md", "exec"), {"router": router})  # noqa: S102 - our own text
    (line,) = re.findall(r"^INFO run=.*$", TEXT, re.MULTILINE)
    assert line in capsys.readouterr().err.splitlines()


def test_the_options_of_each_task_are_the_ones_it_has() -> None:
    rows = dict(re.findall(r"^\| `(\w+)\(([^)]*)\)` \|", TEXT, re.MULTILINE))
    assert set(rows) == set(nornir.__all__)
    for name, said in rows.items():
        task, *options = inspect.signature(getattr(nornir, name)).parameters
        assert (task, [word.rstrip("=") for word in said.split(", ")]) == ("task", options)


def test_every_example_is_shown_and_every_command_is_an_example() -> None:
    scripts = {path.name for path in (ROOT / "docs" / "examples").glob("*.py")}
    said = [command.split() for command, _ in commands(TEXT)]
    assert {words[1].rpartition("/")[2] for words in said if words[0] == "python"} == scripts
    playbooks = {word for words in said if words[0] == "ansible-playbook" for word in words if word.endswith(".yaml")}
    assert playbooks == {path.name for path in (ROOT / "docs" / "examples").glob("ansible_*.yaml")}
    for link in re.findall(r"\]\(([^)#:]+)\)", TEXT):
        assert (ROOT / "docs" / link).exists(), link
