"""In CI a test that would be skipped fails, so that a missing server or package cannot go unseen."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.packaging.project import ROOT, clean_environment

_SKIPS = {
    "mark": "import pytest\n@pytest.mark.skip(reason='no server')\ndef test_it(): pass\n",
    "call": "import pytest\ndef test_it(): pytest.skip('no server')\n",
    "fixture": ("import pytest\n@pytest.fixture\ndef server(): pytest.skip('no server')\ndef test_it(server): pass\n"),
    "module": "import pytest\npytest.skip('no server', allow_module_level=True)\n",
}


def _pytest(folder: Path, source: str, ci: str) -> subprocess.CompletedProcess[str]:
    (folder / "conftest.py").write_text((ROOT / "tests" / "no_skip.py").read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "test_it.py").write_text(source, encoding="utf-8")
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rs", "--rootdir", str(folder), str(folder)],
        cwd=folder,
        env=clean_environment(CI=ci),
        timeout=600,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("source", _SKIPS.values(), ids=_SKIPS)
def test_skip_fails_in_ci(source: str, tmp_path: Path) -> None:
    done = _pytest(tmp_path, source, ci="true")

    assert done.returncode != 0, done.stdout
    assert "nothing may be skipped in CI" in done.stdout
    assert "no server" in done.stdout


@pytest.mark.parametrize("source", _SKIPS.values(), ids=_SKIPS)
def test_skip_is_a_skip_elsewhere(source: str, tmp_path: Path) -> None:
    done = _pytest(tmp_path, source, ci="")

    assert done.returncode in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}, done.stdout
    assert "1 skipped" in done.stdout


def test_expected_failure_is_no_skip(tmp_path: Path) -> None:
    source = "import pytest\n@pytest.mark.xfail(strict=True)\ndef test_it(): assert False\n"

    assert "1 xfailed" in _pytest(tmp_path, source, ci="true").stdout
