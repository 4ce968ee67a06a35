"""Virtual environments of contestants, kept in ``.venvs``: a peer's, and that of the agent as of another revision."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import venv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Place:
    """Where a contestant runs: its Python, and the folder with its code."""

    python: Path
    folder: Path

    def module(self, name: str) -> list[str]:
        """The command that runs a module there, in that folder.

        Raises:
            SystemExit: there is no such module.
        """
        if not (self.folder / f"{name.replace('.', '/')}.py").exists():
            raise SystemExit(f"{self.folder.name} has no {name}")
        return [str(self.python), "-m", name]


def ours() -> Place:
    """This Python and this code."""
    return Place(Path(sys.executable), ROOT)


def peer(name: str, requirements: Sequence[str]) -> Place:
    """This code, beside *requirements* in place of the agent's."""
    return Place(_environment(ROOT / ".venvs" / name, requirements), ROOT)


def revision(name: str) -> Place:
    """The code of a git revision, with its own dependencies.

    Raises:
        SystemExit: git knows no such revision.
    """
    asked = ["git", "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"]
    found = subprocess.run(asked, stdout=subprocess.PIPE, text=True, check=False, cwd=ROOT)
    commit = found.stdout.strip()
    if not commit:
        raise SystemExit(f"{name!r} is no revision of this repository")
    folder = ROOT / ".venvs" / f"revision-{commit[:12]}"
    source = folder / "source"
    python = _environment(folder / "venv", ["--editable", str(source)], lambda: _unpack(commit, source))
    return Place(python, source)


def _unpack(commit: str, folder: Path) -> None:
    asked = ["git", "archive", commit]
    packed = subprocess.run(asked, stdout=subprocess.PIPE, check=True, cwd=ROOT)
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
        archive.extractall(folder, filter="data")


def _environment(folder: Path, requirements: Sequence[str], prepare: Callable[[], None] = lambda: None) -> Path:
    """The Python of an environment, which is made when it is not there, or was made for something else."""
    python, record = folder / "bin" / "python", folder / "requirements.txt"
    content = "\n".join([f"# {sys.version}", *requirements, ""])
    if not record.is_file() or record.read_text(encoding="utf-8") != content:
        prepare()
        venv.create(folder, clear=True, symlinks=True, with_pip=False)
        quiet = ("--quiet", "--disable-pip-version-check")
        pip = [sys.executable, "-m", "pip", "--python", str(python), "install", *quiet]
        subprocess.run([*pip, *requirements], check=True)
        record.write_text(content, encoding="utf-8")
    return python
