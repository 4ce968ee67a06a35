"""Bring a release into ``yang/``: ``python -m scripts.release RELEASE FOLDER``, or ``make release``.

FOLDER holds the release's YANG modules, with what they import, and its hello messages as ``capabilities-PLATFORM.xml``,
as YangModels/yang has them below ``vendor/cisco/xr``. Written are the variants, releases.json and hellos.json of
``yang/`` and docs/support.md. A second run changes nothing. Exit code 1: something is left to do, and is named; what
the folder tells is written all the same.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from scripts.release import hellos
from scripts.release.library import write
from scripts.release.update import Update

ROOT = Path(__file__).resolve().parents[2]


def main(arguments: list[str] | None = None) -> int:
    """Do it, say what was done and what is left to do; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m scripts.release", description=str(__doc__).partition("\n\n")[0])
    parser.add_argument("release", metavar="RELEASE", type=_release, help="as it is called, e.g. 26.3.1")
    parser.add_argument("folder", metavar="FOLDER", type=_folder, help="its YANG modules and hello messages")
    given = parser.parse_args(arguments)
    yang = ROOT / "yang"
    done = Update.of(given.release, given.folder, yang)
    touched = done.library.save()
    if write(yang / hellos.FILE, done.hellos):
        touched.append(yang / hellos.FILE)
    # Late, since the agent reads yang/ when it is first asked and keeps that.
    from scripts import support_table

    if write(support_table.TARGET, support_table.table()):
        touched.append(support_table.TARGET)
    for line in _report(done, touched):
        print(line)
    for problem in done.problems:
        print(f"left to do: {problem}", file=sys.stderr)
    return 1 if done.problems else 0


def _report(done: Update, touched: list[Path]) -> Iterator[str]:
    yield f"{done.release}: modules: {len(done.added)}, hellos: {done.heard}"
    for one in done.added:
        yield f"  {one.module}@{one.revision}: {'new variant' if one.new else 'the nodes of'} {one.file}"
    yield from (f"note: {remark}" for remark in done.remarks)
    yield from (f"{'wrote' if path.exists() else 'removed'} {path.relative_to(ROOT)}" for path in touched)
    if not touched:
        yield "nothing changed"


def _release(given: str) -> str:
    if not re.fullmatch(r"\d+\.\d+\.\d+", given):
        raise argparse.ArgumentTypeError(f"{given!r} is no release such as 26.3.1")
    return given


def _folder(given: str) -> Path:
    path = Path(given)
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"{given} is no folder")
    return path


if __name__ == "__main__":
    sys.exit(main())
