"""The fuzz targets, a fixed number of runs of each; ``make fuzz`` runs them for longer."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz import readers

ROOT = readers.HERE.parent.parent
RUNS = {"reply": 1500, "console": 1000, "files": 3000}


def fuzz(target: str, folder: Path, *options: str, code: str = "") -> subprocess.CompletedProcess[str]:
    head = ["-c", code] if code else ["-m", "tests.fuzz.run"]
    # Without atheris this fails, as it should: a CI that cannot fuzz must not pass.
    return subprocess.run(
        [sys.executable, *head, target, str(folder), *options], cwd=ROOT, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("target", readers.TARGETS)
def test_nothing_that_is_mutated_raises_more_than_errors_of_the_tree(target: str, tmp_path: Path) -> None:
    done = fuzz(target, tmp_path, f"-runs={RUNS[target]}", "-seed=1")
    assert done.returncode == 0, done.stderr[-4000:]
    ran = re.search(r"number_of_executed_units: (\d+)", done.stderr)
    assert ran is not None
    assert int(ran.group(1)) >= RUNS[target]
    assert not list(tmp_path.glob("crash-*"))


def test_a_bug_is_found_and_its_input_kept(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from tests.fuzz import readers, run\n"
        "def bug(data):\n"
        "    if b'SHA1' in data:\n"
        "        raise ValueError('planted')\n"
        "readers.TARGETS['console'] = (bug,)\n"
        "run.main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])\n"
    )
    done = fuzz("console", tmp_path, "-runs=1000", "-seed=1", code=code)
    assert done.returncode != 0
    assert "ValueError: planted" in done.stderr + done.stdout
    assert list(tmp_path.glob("crash-*"))


@pytest.mark.parametrize("target", readers.TARGETS)
def test_the_corpus_ends_well_without_any_fuzzer(target: str) -> None:
    files = [*readers.corpus(target)]
    assert files
    for path in files:
        for reader in readers.TARGETS[target]:
            reader(path.read_bytes())
