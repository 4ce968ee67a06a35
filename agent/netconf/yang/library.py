"""The project's ``yang/`` folder: which file has the nodes of a module's revision on a release."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from agent.model.local.resources import directory
from agent.netconf.yang.capability import Capabilities


class Match(Enum):
    """How well a variant is known to be the device's."""

    EXACT = "exact"
    NEAREST = "nearest"
    DEVICE = "device"


@dataclass(frozen=True, slots=True)
class Variant:
    """The nodes of one module on one device.

    ``path`` is a file of ``yang/``, which serves every revision with the same nodes, or one that the device sent;
    ``note`` says of a nearest one why it is not exact and what stands in.
    """

    module: str
    revision: str
    namespace: str
    path: Path
    match: Match = Match.EXACT
    note: str = field(default="", compare=False)

    @property
    def source(self) -> str:
        """``module@revision``, with how it was matched behind it unless exactly."""
        suffix = "" if self.match is Match.EXACT else f" ({self.match.value})"
        return f"{self.module}@{self.revision}{suffix}"


@cache
def _index() -> Mapping[str, Any]:
    """By module its namespace, and its files with their revisions and the releases of each."""
    modules: dict[str, Any] = json.loads((directory("yang") / "releases.json").read_text(encoding="utf-8"))["modules"]
    return modules


def _files(module: str, revision: str) -> dict[Path, Collection[str]]:
    """The files that serve *revision*, each with the releases on which it does."""
    files = _index()[module]["files"].items() if known(module) else ()
    return {directory("yang") / name: listed[revision] for name, listed in files if revision in listed}


def known(module: str) -> bool:
    """Whether ``yang/`` has the module at all."""
    return module in _index()


@lru_cache(maxsize=64)
def possible_releases(capabilities: Capabilities) -> frozenset[str] | None:
    """The releases whose known modules agree best with what the hello announces; None where it announces none of them.

    Platforms of one release differ, so the releases that agree with the most modules count, not only perfect ones.
    """
    announced = capabilities.modules.values()
    served = (_files(module.name, module.revision or "").values() for module in announced)
    score = Counter(release for files in served for releases in files for release in releases)
    best = max(score.values(), default=0)
    return frozenset(release for release, points in score.items() if points == best) or None


@lru_cache(maxsize=1024)
def exact(module: str, revision: str, releases: frozenset[str] | None) -> Variant | None:
    """The variant known to be this revision's; None where there is none, or *releases* do not tell several apart."""
    files = _files(module, revision)
    fitting = [path for path, served in files.items() if releases and releases.intersection(served)] or [*files]
    return _variant(module, revision, fitting[0]) if len(fitting) == 1 else None


def _variant(module: str, revision: str, path: Path) -> Variant:
    return Variant(module, revision, _index()[module]["namespace"], path)


def nearest(module: str, revision: str | None) -> Variant:
    """The variant that stands in where none is known exactly: that of the nearest older revision, else the oldest.

    Of two variants of one revision it is the one with fewer nodes, since using a node that is missing is worse than
    doing without one that is there.
    """
    ordered = sorted({one for listed in _index()[module]["files"].values() for one in listed})
    older = [one for one in ordered if revision is None or one <= revision]
    chosen = older[-1] if older else ordered[0]
    smallest = min(_files(module, chosen), key=lambda path: path.stat().st_size)
    stands_in = "the nearest older revision" if older else "the oldest revision that is known"
    if chosen == revision:
        stands_in = f"{smallest.name}, which has fewer nodes,"
    variant = _variant(module, revision or chosen, smallest)
    return replace(variant, match=Match.NEAREST, note=f"{inexact(module, revision)}: {stands_in} stands in")


def inexact(module: str, revision: str | None) -> str:
    """Why the nodes of *revision* are not known exactly."""
    if revision is None:
        return f"{module} is announced without a revision"
    files = sorted(path.name for path in _files(module, revision))
    if len(files) > 1:
        return f"{module}@{revision} has variants that the hello does not tell apart ({', '.join(files)})"
    return f"{module}@{revision} is not known"
