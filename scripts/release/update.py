"""What a release's folder adds to ``yang/``, worked out before anything is written."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from scripts.release import hellos, nodes
from scripts.release.hellos import Captured
from scripts.release.library import Added, Library
from scripts.release.nodes import Module

USED = Path(__file__).with_name("used.toml")


@dataclass
class Update:
    """The folder ``yang/`` as it shall be.

    Attributes:
        hellos: the text of hellos.json.
        heard: how many hellos the folder has.
        remarks: what is worth knowing.
        problems: what is left to do, or was not in the folder.
    """

    release: str
    library: Library
    hellos: str
    heard: int
    added: list[Added]
    remarks: list[str]
    problems: list[str]

    @classmethod
    def of(cls, release: str, folder: Path, yang: Path) -> Update:
        """Work it out for the modules and hellos of *release* in *folder*."""
        used = _used()
        library = Library(yang)
        captured = hellos.captured(folder, used)
        found, problems = _modules(folder, used)
        added = [library.add(release, module) for module in found.values() if module.nodes]
        listed = (yang / hellos.FILE).read_text(encoding="utf-8")
        done = cls(
            release=release,
            library=library,
            hellos=hellos.merged(listed, release, captured.hellos),
            heard=len(captured.hellos),
            added=added,
            remarks=[*_remarks(added), *_elsewhere(folder, used)],
            problems=problems,
        )
        done.remarks += [] if captured.hellos else [f"no hello is there: xr-agent support will not know {release}"]
        done._compare(captured, found, folder)
        done.problems += captured.wrong
        done.problems += [f"{file}: describe {path}" for file, path in library.unwritten()]
        return done

    def _compare(self, captured: Captured, found: Mapping[str, Module], folder: Path) -> None:
        """Note what hellos announce that the folder does not have, or has in another revision."""
        announced: dict[tuple[str, str], list[str]] = {}
        for hello in captured.hellos:
            for name, revision in hello.modules.items():
                announced.setdefault((name, revision), []).append(hello.platform)
            if not hello.modules:
                self.remarks.append(f"the hello of {hello.platform} announces none of the modules")
        for (name, revision), platforms in sorted(announced.items()):
            there = found.get(name)
            if there is not None and there.revision == revision:
                continue
            who = ", ".join(platforms)
            if not revision:
                self.problems.append(f"{who}: {name} is announced without a revision")
            elif there is None and not (folder / f"{name}.yang").is_file():
                self.problems.append(f"{name}@{revision}, announced by {who}, is not in the folder")
            elif there is not None:
                said = f"{who}: {name}@{revision} is announced, the folder has {there.revision}"
                known = self.library.serves(name, revision)
                (self.remarks if known else self.problems).append(
                    f"{said}; its nodes are known of another release" if known else said
                )


def _used() -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    """By module: the roots of the subtrees that are used, and of those that are left out."""
    listed = tomllib.loads(USED.read_text(encoding="utf-8"))
    return {name: (tuple(one["use"]), tuple(one.get("except", ()))) for name, one in sorted(listed.items())}


def _modules(
    folder: Path, used: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]
) -> tuple[dict[str, Module], list[str]]:
    """The modules of *folder* cut to what is used, and what cannot be read."""
    found, problems = {}, []
    for name, (use, leave) in used.items():
        path = folder / f"{name}.yang"
        if not path.is_file():
            continue
        try:
            whole = nodes.read(path, folder)
            found[name] = whole.with_nodes(nodes.cut(whole.nodes, use, leave))
        except nodes.Unreadable as error:
            problems.append(f"{name}: {error}")
    return found, problems


def _remarks(added: list[Added]) -> Iterator[str]:
    for one in added:
        if one.changed:
            yield f"{one.file}: read again whether the descriptions are still true of {', '.join(one.changed)}"
        if one.rivals:
            others = ", ".join(one.rivals)
            yield f"{one.module}@{one.revision} has other nodes in {others}, on other releases"


def _elsewhere(folder: Path, used: Mapping[str, object]) -> Iterator[str]:
    """Modules of single platforms, which are not what the release as a whole has."""
    for path in sorted(folder.glob("*/*.yang")):
        if path.stem in used:
            yield f"{path.relative_to(folder)} is not read: releases.json holds one revision of a module for a release"
