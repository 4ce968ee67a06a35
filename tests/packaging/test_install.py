"""The files beside the code are found however the project is installed, from any working directory."""

from __future__ import annotations

import json
import site
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from scripts.man import commands, words
from tests.packaging.project import COMMAND, ROOT, copy, lines, make_venv, pip, run

_ASK = """
import json, agent
from agent.model.pki.anchor import TrustAnchor
from agent.model.local.resources import directory
print(json.dumps({
    "agent": agent.__file__,
    "yang": str(directory("yang")),
    "templates": str(directory("templates")),
    "anchor": TrustAnchor.bundled().sha256,
}))
"""
_IDENTRUST_SHA256 = "5D56499BE4D2E08BCFCAD08A3E38723D50503BDE706948E42F55603019E528AE"


@dataclass(frozen=True)
class Installed:
    """One way of installation: the Python that has it, its extra environment, and the folders expected."""

    python: Path
    package: Path
    resources: Path
    environment: dict[str, str]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = copy(tmp_path_factory.mktemp("build") / "project")
    (source / ".venv").symlink_to(Path(sys.executable).parents[1])
    ready = ("--assume-old", ".venv/.ready")
    run("make", *ready, "wheel", cwd=source, timeout=600, environment={"MAKEFLAGS": ""})
    (built,) = (source / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module", params=["wheel", "editable", "source tree"])
def installed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("environment").resolve()
    python = make_venv(folder / "venv")
    (packages,) = (folder / "venv" / "lib").glob("python*/site-packages")
    package = resources = copy(folder / "project")
    environment: dict[str, str] = {}
    if request.param == "wheel":
        pip(python, "install", "--no-deps", request.getfixturevalue("wheel"))
        package, resources = packages, packages / "agent"
    elif request.param == "editable":
        pip(python, "install", "--no-deps", "--editable", package)
    else:
        environment["PYTHONPATH"] = str(package)
    # The libraries come from the running environment; its .pth files, this project's own among them, are not read.
    (packages / "libraries.pth").write_text("\n".join(site.getsitepackages()) + "\n", encoding="utf-8")
    return Installed(python, package / "agent", resources, environment)


def test_shipped_files_are_found(installed: Installed, tmp_path: Path) -> None:
    answer = json.loads(run(installed.python, "-c", _ASK, cwd=tmp_path, environment=installed.environment))

    assert answer == {
        "agent": str(installed.package / "__init__.py"),
        "yang": str(installed.resources / "yang"),
        "templates": str(installed.resources / "templates"),
        "anchor": _IDENTRUST_SHA256,
    }


def test_command_runs(installed: Installed, tmp_path: Path) -> None:
    if installed.environment:
        command: list[str | Path] = [installed.python, "-c", COMMAND]
    else:
        command = [installed.python.with_name("xr-agent")]

    assert "0.1.0" in run(*command, "--version", cwd=tmp_path, environment=installed.environment)


def test_wheel_has_every_file(wheel: Path) -> None:
    expected = {f"agent/{folder}/{name}" for folder in ("yang", "templates") for name in _files(ROOT / folder)}
    expected |= {f"agent/{name}" for name in _files(ROOT / "agent")}

    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}

    pages = {name for name in names if ".data/" in name}
    assert names - pages == expected
    assert {name.partition(".data/data/")[2] for name in pages} == {
        f"share/man/man1/{words(context).replace(' ', '-')}.1" for context, _ in commands()
    }


def test_it_comes_from_where_git_keeps_it(tmp_path: Path) -> None:
    """As README has it, with a folder in place of a server."""
    source = copy(tmp_path / "project")
    for given in (
        ("init", "--quiet"),
        ("add", "."),
        ("-c", "user.name=x", "-c", "user.email=x@y", "commit", "-qm", "x"),
    ):
        run("git", *given, cwd=source)
    python = make_venv(tmp_path / "venv")
    pip(python, "install", "--no-deps", f"git+file://{source}")
    (packages,) = (tmp_path / "venv" / "lib").glob("python*/site-packages")
    (packages / "libraries.pth").write_text("\n".join(site.getsitepackages()) + "\n", encoding="utf-8")
    assert "0.1.0" in run(python.with_name("xr-agent"), "--version", cwd=tmp_path)


def test_an_extra_of_what_is_installed_needs_no_index_that_has_it(wheel: Path, tmp_path: Path) -> None:
    """What hints say, such as pip install 'xr-trust-agent[keyring]': the package itself is on no index."""
    python = make_venv(tmp_path / "venv")
    pip(python, "install", "--no-deps", wheel)
    (packages,) = (tmp_path / "venv" / "lib").glob("python*/site-packages")
    (packages / "libraries.pth").write_text("\n".join(site.getsitepackages()) + "\n", encoding="utf-8")
    pip(python, "install", "--no-index", "xr-trust-agent[keyring]")


def test_wheel_names_the_license(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (license_file,) = [name for name in archive.namelist() if name.endswith("/LICENSE")]
        text = archive.read(license_file).decode()

    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_package_list_equals_the_folders() -> None:
    code = {path.parent for path in (ROOT / "agent").rglob("*.py")}
    named = {".".join(folder.relative_to(ROOT).parts) for folder in code}

    assert sorted(lines("options", "packages")) == sorted(named | {"agent.yang", "agent.templates"})


def test_every_package_has_its_init() -> None:
    code = {path.parent for path in (ROOT / "agent").rglob("*.py")}

    assert [str(folder) for folder in sorted(code) if not (folder / "__init__.py").is_file()] == []


def _files(folder: Path) -> list[str]:
    """What the agent may open at run time: all but the pages for readers of the source."""
    return [
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".md" and "__pycache__" not in path.parts
    ]
