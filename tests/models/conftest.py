"""Real vendor modules: those of IOS XR 6.6.3, as the PyPI source package ``ydk-models-cisco-ios-xr`` carries them.

The package is looked for in ``$XR_AGENT_YDK_SDIST`` (a file), then in pytest's cache, then fetched there by pip once
(33 MB). It is read as it is, never built, installed or unpacked by us, and none of it is in this project.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import NoReturn

import pytest

PACKAGE, VERSION = "ydk-models-cisco-ios-xr", "6.6.3"
SDIST = f"{PACKAGE}-{VERSION}.tar.gz"
SHA256 = "a7c2ca84fb56593e7725867ef2bf83418f5097a4c5b5707edb4047b8ea513ddf"
FOLDER = "ydk/models/cisco_ios_xr/_yang"

STUB_BACKEND = f'''
"""pip wants the metadata of a source package even to download it; this answers in place of the package's own code."""
from pathlib import Path


class Legacy:
    def prepare_metadata_for_build_wheel(self, metadata_directory, config_settings=None):
        name = "{PACKAGE.replace("-", "_")}-{VERSION}.dist-info"
        folder = Path(metadata_directory, name)
        folder.mkdir()
        folder.joinpath("METADATA").write_text("Metadata-Version: 2.1\\nName: {PACKAGE}\\nVersion: {VERSION}\\n")
        return name


__legacy__ = Legacy()
'''


def give_up(why: str) -> NoReturn:
    """Fails where the run counts (CI), else skips and says how to have the test run."""
    message = f"the vendor modules of IOS XR {VERSION} are not to be had: {why}"
    if os.environ.get("CI", "").lower() in {"1", "true", "yes"}:
        pytest.fail(message, pytrace=False)
    pytest.skip(f"{message}. Put the file where XR_AGENT_YDK_SDIST says (pypi.org/project/{PACKAGE}/{VERSION}/#files).")


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def download(folder: Path) -> None:
    """Has pip fetch the source package into *folder*, from whatever index the user's pip is set to.

    pip asks the build backend ``setuptools.build_meta`` for metadata, which would run the package's ``setup.py``;
    without build isolation the backend is imported by way of PYTHONPATH, so that a stub comes first.
    """
    with tempfile.TemporaryDirectory(prefix="ydk-") as scratch:
        backend = Path(scratch, "backend", "setuptools")
        backend.mkdir(parents=True)
        backend.joinpath("__init__.py").touch()
        backend.joinpath("build_meta.py").write_text(STUB_BACKEND, encoding="utf-8")
        target = Path(scratch, "target")
        options = ["--quiet", "--no-deps", "--no-build-isolation", "--use-pep517", "--no-binary", PACKAGE]
        try:
            run = subprocess.run(
                [sys.executable, "-m", "pip", "download", *options, "--dest", str(target), f"{PACKAGE}=={VERSION}"],
                env={**os.environ, "PYTHONPATH": str(backend.parent), "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
                capture_output=True,
                text=True,
                timeout=600,
                check=False,
            )
        except subprocess.TimeoutExpired:
            give_up("pip download did not end within 600 s")
        if run.returncode:
            give_up(f"pip download ended with {run.returncode}: {run.stderr.strip()[-400:]}")
        # Renamed into place, so that several test processes may do this at once.
        complete = folder / f"{SDIST}.{os.getpid()}"
        complete.write_bytes(target.joinpath(SDIST).read_bytes())
        complete.replace(folder / SDIST)


@pytest.fixture(scope="session")
def vendor_sdist(pytestconfig: pytest.Config) -> Path:
    """The source package as a file of the known digest."""
    named = os.environ.get("XR_AGENT_YDK_SDIST")
    if named:
        path = Path(named)
        if not path.is_file():
            give_up(f"XR_AGENT_YDK_SDIST names {named}, which is no file")
    else:
        folder = pytestconfig.rootpath / ".pytest_cache" / "d" / "ydk"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / SDIST
        if not path.is_file() or digest(path) != SHA256:
            download(folder)
    found = digest(path)
    if found != SHA256:
        pytest.fail(f"{path} is not {SDIST}: its SHA-256 is {found}", pytrace=False)
    return path


@pytest.fixture(scope="session")
def vendor_modules(vendor_sdist: Path) -> Mapping[str, str]:
    """Every module and submodule of the release: name → YANG text, read in one pass over the archive."""
    texts: dict[str, str] = {}
    with tarfile.open(vendor_sdist, "r|gz") as archive:
        for member in archive:
            path = PurePosixPath(member.name)
            if member.isfile() and path.suffix == ".yang" and str(path.parent).endswith(FOLDER):
                file = archive.extractfile(member)
                assert file is not None
                texts[path.stem] = file.read().decode("utf-8")
    return MappingProxyType(texts)
