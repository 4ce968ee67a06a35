"""What the packaging tests share: the project's folder, its setup.cfg, and fresh virtual environments."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Mapping
from configparser import ConfigParser
from pathlib import Path
from types import MappingProxyType

ROOT = Path(__file__).resolve().parents[2]
# What the console script does, for an environment where the project is on the path but not installed.
COMMAND = "import sys; from agent.cli.main import main; sys.exit(main())"
_SHIPPED = ("setup.cfg", "pyproject.toml", "README.md", "LICENSE", "Makefile", "agent", "scripts", "yang", "templates")


def setup_cfg() -> ConfigParser:
    """The project's setup.cfg, with references such as ``%(test)s`` resolved."""
    config = ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    return config


def lines(section: str, key: str) -> list[str]:
    """A setting of several lines, as a list."""
    return setup_cfg()[section][key].split("\n")[1:]


def copy(target: Path) -> Path:
    """A copy of what goes into a distribution, so that no build writes into the folder under test."""
    target.mkdir(parents=True)
    for name in _SHIPPED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target / name)
    return target


def clean_environment(**extra: str) -> dict[str, str]:
    """The environment without what a running pytest, coverage or caller puts there for its own Python."""
    ours = ("PYTEST_", "PYTHON", "COV_", "COVERAGE_", "VIRTUAL_ENV")
    return {key: value for key, value in os.environ.items() if not key.startswith(ours)} | extra


def run(
    *command: str | Path, cwd: Path, timeout: float = 120, environment: Mapping[str, str] = MappingProxyType({})
) -> str:
    """Standard output of a command that has to succeed; its whole output is in the failure otherwise."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=clean_environment(**environment),
        timeout=timeout,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def make_venv(folder: Path) -> Path:
    """A virtual environment without pip (that of the caller installs into it); its Python is returned."""
    venv.create(folder, clear=True, symlinks=True, with_pip=False)
    return folder / "bin" / "python"


def pip(python: Path, *arguments: str | Path, cwd: Path = ROOT) -> None:
    """Run the caller's pip for the environment of *python*."""
    run(
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "--quiet",
        "--disable-pip-version-check",
        *arguments,
        cwd=cwd,
        timeout=600,
    )
