"""The project's ``yang/`` folder: which file has the nodes of a module's revision on a release."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cache, lru_cache
from pathlib import Path

from agent.model.errors import CapabilityMissing
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


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    revisions: Mapping[str, frozenset[str]]


@cache
def _index() -> Mapping[str, tuple[str, tuple[_File, ...]]]:
    folder = directory("yang")
    listed = json.loads((folder / "releases.json").read_text(encoding="utf-8"))["modules"]
    return {
        module: (
            about["namespace"],
            tuple(
                _File(folder / file, {revision: frozenset(releases) for revision, releases in revisions.items()})
                for file, revisions in about["files"].items()
            ),
        )
        for module, about in listed.items()
    }


def known(module: str) -> bool:
    """Whether ``yang/`` has the module at all."""
    return module in _index()


def possible_releases(capabilities: Capabilities) -> frozenset[str] | None:
    """The releases whose known modules agree best with what the hello announces; None where it announces none of them.

    Platforms of one release differ, so the releases that agree with the most modules count, not only perfect ones.
    """
    return _possible(capabilities.uris)


@lru_cache(maxsize=64)
def _possible(uris: frozenset[str]) -> frozenset[str] | None:
    """The same for the URIs of a hello, since most devices of a fleet announce what others do."""
    score: dict[str, int] = {}
    for name, module in Capabilities.from_uris(uris).modules.items():
        for file in _index().get(name, ("", ()))[1]:
            for release in file.revisions.get(module.revision or "", ()):
                score[release] = score.get(release, 0) + 1
    best = max(score.values(), default=0)
    return frozenset(release for release, points in score.items() if points == best) if best else None


def candidates(module: str, revision: str, releases: frozenset[str] | None) -> list[Path]:
    """The files that serve *revision*; several only where *releases* do not tell its variants apart."""
    files = [file for file in _index().get(module, ("", ()))[1] if revision in file.revisions]
    if len(files) > 1 and releases:
        fitting = [file for file in files if file.revisions[revision] & releases]
        files = fitting or files
    return [file.path for file in files]


def exact(module: str, revision: str, path: Path) -> Variant:
    """The variant that *path* holds, known to be this revision's."""
    return Variant(module, revision, _index()[module][0], path)


def nearest(module: str, revision: str | None, *, strict: bool, device: str | None = None) -> Variant:
    """The variant that stands in where none is known exactly: that of the nearest older revision, else the oldest.

    Of two variants of one revision it is the one with fewer nodes, since using a node that is missing is worse than
    doing without one that is there.

    Raises:
        CapabilityMissing: *strict* forbids it.
    """
    namespace, files = _index()[module]
    why = _inexact(module, revision)
    if strict:
        raise CapabilityMissing(why, device=device, hint="without --strict-models the nearest older variant stands in")
    ordered = sorted({one for file in files for one in file.revisions})
    older = [one for one in ordered if revision is None or one <= revision]
    chosen = older[-1] if older else ordered[0]
    fitting = [file.path for file in files if chosen in file.revisions]
    smallest = min(fitting, key=lambda path: path.stat().st_size)
    stands_in = "the nearest older revision" if older else "the oldest revision that is known"
    if chosen == revision:
        stands_in = f"{smallest.name}, which has fewer nodes,"
    return Variant(module, revision or chosen, namespace, smallest, Match.NEAREST, f"{why}: {stands_in} stands in")


def _inexact(module: str, revision: str | None) -> str:
    """Why the nodes of *revision* are not known exactly."""
    if revision is None:
        return f"{module} is announced without a revision"
    files = [file.path.name for file in _index()[module][1] if revision in file.revisions]
    if len(files) > 1:
        return f"{module}@{revision} has variants that the hello does not tell apart ({', '.join(sorted(files))})"
    return f"{module}@{revision} is not known"
