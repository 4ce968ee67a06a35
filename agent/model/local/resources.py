"""Where the files that ship with the package are: ``yang/``, ``templates/``, and what stands in the package itself."""

from __future__ import annotations

from functools import cache
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[2]


@cache
def directory(name: str) -> Path:
    """The folder *name* (``yang``, ``templates``, ``remedy``), in the wheel's package or beside it in a source tree.

    Raises:
        FileNotFoundError: the installation is incomplete.
    """
    for candidate in (_PACKAGE / name, _PACKAGE.parent / name):
        if candidate.is_dir():
            return candidate
    raise FileNotFoundError(f"the folder {name!r} is missing beside {_PACKAGE}: reinstall xr-trust-agent")
