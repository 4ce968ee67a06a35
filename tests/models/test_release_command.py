"""The release command on real vendor modules: those of a release that is known add nothing and change nothing."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from agent.model.local.resources import directory
from scripts.release.library import Library
from scripts.release.update import Update

RELEASE = "6.6.3"
YANG = directory("yang")
NEEDED = re.compile(r"^\s*(?:import|include)\s+([\w.-]+)", re.MULTILINE)


def test_the_vendors_modules_of_a_known_release_change_nothing(
    vendor_modules: Mapping[str, str], tmp_path: Path
) -> None:
    yang = Path(shutil.copytree(YANG, tmp_path / "yang"))
    listed = json.loads((YANG / "releases.json").read_text(encoding="utf-8"))["modules"]
    folder = tmp_path / "release"
    folder.mkdir()
    wanted = [name for name in listed if name in vendor_modules]
    for name in wanted:
        folder.joinpath(f"{name}.yang").write_text(vendor_modules[name], encoding="utf-8")
        wanted += [other for other in NEEDED.findall(vendor_modules[name]) if other not in wanted]
    done = Update.of(RELEASE, folder, yang)
    assert done.problems == []
    assert len(done.added) == 6
    assert not any(one.new for one in done.added)
    assert done.library.save() == []
    assert Library(yang).files() == Library(YANG).files()
