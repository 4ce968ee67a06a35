"""docs/orchestrators.md is true: its examples are run (two of them in tests/integrations), its names looked up."""

from __future__ import annotations

import inspect
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.integrations import nornir
from agent.simulator import Fault, FaultKind, rpc_error
from tests.docs.examples import ROOT, TEXT, commands, documented, printed
from tests.support import Lab


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
    assert {command.split()[1].rpartition("/")[2] for command in commands()} == scripts
    for link in re.findall(r"\]\(([^)#:]+)\)", TEXT):
        assert (ROOT / "docs" / link).exists(), link
