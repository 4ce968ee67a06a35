"""The agent works inside other orchestrators, on the ncclients that they pin, and on the oldest libraries it asks for.

Each environment is a real one, resolved by pip from the bounds in setup.cfg, and is kept in ``.venvs/``.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.packaging.project import COMMAND, ROOT, lines, make_venv, pip, run

_SESSION = tuple(f"tests/netconf/test_{name}.py" for name in ("session", "connect", "borrow"))


@dataclass(frozen=True)
class Environment:
    """What is installed beside the bounds of setup.cfg, and which tests run there."""

    name: str
    pins: tuple[str, ...]
    tests: tuple[str, ...] = _SESSION
    demo: bool = False  # the demo as well: it uses every library at once


ENVIRONMENTS = (
    Environment("ncclient-0.6.15", ("ncclient==0.6.15",)),  # nornir-netconf asks for < 0.7
    Environment("ncclient-0.7.0", ("ncclient==0.7.0",)),  # NAPALM's junos-eznc
    Environment("ncclient-newest", ("ncclient",)),
    Environment(
        "nornir-netconf",
        (*lines("options.extras_require", "nornir"), "nornir-utils"),  # whose print_result a Nornir user looks at
        tests=("tests/integrations/nornir", *_SESSION),
    ),
    Environment("napalm", (*lines("options.extras_require", "napalm"),), tests=("tests/integrations/napalm",)),
    Environment(
        "ansible-pyats",  # which ask for nothing that differs, so one installation is enough
        (*lines("options.extras_require", "ansible"), *lines("options.extras_require", "pyats")),
        tests=("tests/integrations/ansible", "tests/integrations/pyats"),
    ),
    Environment(
        "oldest",
        tuple(bound.replace(">=", "==") for bound in lines("options", "install_requires")),
        tests=("tests/model", "tests/netconf"),
        demo=True,
    ),
)


@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=lambda environment: environment.name)
def test_runs_on(environment: Environment) -> None:
    python = _prepare(environment)

    output = run(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *environment.tests, cwd=ROOT, timeout=600)

    assert " passed" in output.splitlines()[-1], output
    assert "skipped" not in output.splitlines()[-1], output
    if environment.demo:
        run(python, "-c", COMMAND, "demo", cwd=ROOT)


def test_every_orchestrator_has_its_environment() -> None:
    run = {test for environment in ENVIRONMENTS for test in environment.tests}
    folders = {path.parent.relative_to(ROOT).as_posix() for path in ROOT.glob("tests/integrations/*/test_*.py")}

    assert folders
    assert folders <= run


def test_oldest_names_every_bound() -> None:
    pins = ENVIRONMENTS[-1].pins

    assert [pin for pin in pins if pin.count("==") != 1] == []
    assert any(pin.startswith("ncclient==") for pin in pins)


def _prepare(environment: Environment) -> Path:
    """The environment's Python; it is made anew when what it is to hold has changed, and upgraded otherwise."""
    folder = ROOT / ".venvs" / environment.name
    wanted = [*environment.pins, *lines("options", "install_requires"), *lines("options.extras_require", "test")]
    record = folder / "requirements.txt"
    content = "\n".join([f"# {sys.version}", *wanted, ""])
    python = folder / "bin" / "python"
    if not record.is_file() or record.read_text(encoding="utf-8") != content:
        python = make_venv(folder)
        pip(python, "install", *wanted)
        record.write_text(content, encoding="utf-8")
    elif not any("==" in pin for pin in environment.pins):
        pip(python, "install", "--upgrade", *environment.pins)
    return python
