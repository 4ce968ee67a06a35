"""docs/support.md is what the code says, not what somebody typed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_table_is_the_one_that_is_generated() -> None:
    code = "import runpy; print(runpy.run_path('scripts/support_table.py')['table'](), end='')"
    made = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert made == (ROOT / "docs" / "support.md").read_text(encoding="utf-8")


def test_every_group_of_devices_has_a_line() -> None:
    table = (ROOT / "docs" / "support.md").read_text(encoding="utf-8")
    groups = json.loads((ROOT / "yang" / "hellos.json").read_text(encoding="utf-8"))["groups"]
    assert sum(line.startswith("| **") for line in table.splitlines()) == len(groups)
