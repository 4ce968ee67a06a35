"""The folder ``yang/``: its variants, and releases.json, which leads from module, revision and release to one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from scripts.release import text
from scripts.release.nodes import Module, Node, own, paths, shapes

INDEX = "releases.json"


@dataclass(eq=False)
class Variant:
    """One set of nodes of a module: as read, and the revisions that have it, each with the releases it is known of."""

    about: str
    module: Module
    served: dict[str, list[str]] = field(default_factory=dict)

    @property
    def first(self) -> str:
        """Its first revision, by which the file is called."""
        return min(self.served)

    @property
    def earliest(self) -> list[int]:
        """The first release that has it, as a number; none: behind all others."""
        return min((number(one) for served in self.served.values() for one in served), default=[1 << 31])


@dataclass(frozen=True)
class Added:
    """What became of one module of a release.

    Attributes:
        new: whether its nodes were not known before; else the file had them.
        changed: the nodes that differ from those of the same path known so far, whose description was taken over.
        rivals: other files that serve the same revision, which a hello cannot tell from this one.
    """

    module: str
    revision: str
    file: str
    new: bool
    changed: tuple[str, ...]
    rivals: tuple[str, ...]


class Library:
    """``yang/`` as it is on disk, and as it shall be."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        listed = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        self._about = str(listed["about"])
        self.releases = [str(one) for one in listed["releases"]]
        self._modules = {
            name: [_loaded(folder / file, served) for file, served in entry["files"].items()]
            for name, entry in listed["modules"].items()
        }

    def add(self, release: str, module: Module) -> Added:
        """Note that *release* has *module*, which is cut to what is used."""
        if release not in self.releases:
            self.releases = sorted((*self.releases, release), key=number)
        variants = self._modules.setdefault(module.name, [])
        nodes = shapes(module.nodes)
        fitting = next((one for one in variants if shapes(one.module.nodes) == nodes), None)
        changed: tuple[str, ...] = ()
        chosen = fitting
        if chosen is None:
            known = self._known(module)
            changed = tuple(path for path, shape in nodes.items() if path in known and known[path].shape != shape)
            chosen = Variant(self._described(module), _with_descriptions(module, known))
        _serve(variants, chosen, module.revision, release)
        variants[:] = [one for one in (*variants, *([] if fitting else [chosen])) if one.served]
        files = dict(_named(variants))
        rivals = [file for file, one in files.items() if one is not chosen and module.revision in one.served]
        file = next(file for file, one in files.items() if one is chosen)
        return Added(module.name, module.revision, file, fitting is None, changed, tuple(rivals))

    def serves(self, module: str, revision: str) -> bool:
        """Whether the nodes of that revision are known, of whichever release."""
        return any(revision in one.served for one in self._modules.get(module, ()))

    def unwritten(self) -> list[tuple[str, str]]:
        """File and path of each description that is still to be written by hand; ``/`` is the module itself."""
        found = []
        for variants in self._modules.values():
            for file, one in _named(variants):
                said = {"/": one.about, **{path: node.description or "" for path, node in paths(one.module.nodes)}}
                found += [(file, path) for path, words in said.items() if words.startswith(text.UNWRITTEN)]
        return found

    def files(self) -> Mapping[str, str]:
        """Every file of the folder that this looks after, with its text as it shall be."""
        written = {file: _text(file, variants) for variants in self._modules.values() for file, _ in _named(variants)}
        return {**written, INDEX: self._index()}

    def save(self) -> list[Path]:
        """Bring the folder to what :meth:`files` says; what was written or removed."""
        wanted, touched = self.files(), []
        for path in sorted(self._folder.glob("*.yang")):
            if path.name not in wanted:
                path.unlink()
                touched.append(path)
        return touched + [path for file, words in wanted.items() if write(path := self._folder / file, words)]

    def _known(self, module: Module) -> dict[str, Node]:
        """The nodes of all variants by path: those of the nearest older revision first, then of the nearest newer."""
        variants = sorted(self._modules[module.name], key=lambda one: (one.first, one.earliest))
        older = [one for one in variants if one.first <= module.revision]
        newer = [one for one in variants if one.first > module.revision]
        return {path: node for one in (*reversed(newer), *older) for path, node in paths(one.module.nodes)}

    def _described(self, module: Module) -> str:
        variants = self._modules[module.name]
        return variants[-1].about if variants else f"{text.UNWRITTEN}: what the module is for, as in the other files."

    def _index(self) -> str:
        lines = [f' "about": {json.dumps(self._about)},', ' "releases": [']
        lines += [",\n".join(f"  {_row(list(line))}" for _, line in groupby(self.releases, key=_line)) + "],"]
        lines += [' "modules": {']
        return "\n".join(["{", *lines, ",\n".join(self._entries()) + "}}", ""])

    def _entries(self) -> Iterator[str]:
        for name, variants in sorted(self._modules.items()):
            files = [
                f'    "{file}": {{\n'
                + ",\n".join(f'     "{revision}": [{_row(served)}]' for revision, served in sorted(one.served.items()))
                for file, one in sorted(_named(variants))
            ]
            namespace = variants[0].module.namespace
            yield f'  "{name}": {{\n   "namespace": "{namespace}",\n   "files": {{\n' + "},\n".join(files) + "}}}"


def number(release: str) -> list[int]:
    """The parts of a release, to compare by."""
    return [int(part) for part in release.split(".")]


def write(path: Path, words: str) -> bool:
    """Write *words* to *path* where it does not hold them; whether it was written."""
    if path.is_file() and path.read_text(encoding="utf-8") == words:
        return False
    path.write_text(words, encoding="utf-8")
    return True


def _loaded(path: Path, served: dict[str, Any]) -> Variant:
    module = own(path.name, path.read_text(encoding="utf-8"))
    return Variant(module.description or "", module, {revision: list(of) for revision, of in served.items()})


def _serve(variants: list[Variant], chosen: Variant, revision: str, release: str) -> None:
    """Have *chosen* alone serve the revision on the release; a revision of no release gives way to one of a release."""
    for one in variants:
        for known, releases in list(one.served.items()):
            if release in releases and not (one is chosen and known == revision):
                releases.remove(release)
                if not releases:
                    del one.served[known]
            elif known == revision and not releases and one is not chosen:
                del one.served[known]
    chosen.served[revision] = sorted({*chosen.served.get(revision, ()), release}, key=number)


def _with_descriptions(module: Module, known: Mapping[str, Node]) -> Module:
    def described(nodes: tuple[Node, ...], above: str) -> tuple[Node, ...]:
        return tuple(
            Node(
                node.name,
                node.shape,
                known[path].description if (path := f"{above}/{node.name}") in known else text.unwritten(path),
                described(node.below, path),
            )
            for node in nodes
        )

    return module.with_nodes(described(module.nodes, ""))


def _named(variants: list[Variant]) -> Iterator[tuple[str, Variant]]:
    """Each variant with its file's name: a letter behind the revision marks the second of those that begin with it."""
    ordered = sorted(variants, key=lambda one: (one.first, one.earliest))
    for first, group in groupby(ordered, key=lambda one: one.first):
        for letter, one in zip("abcdefghijklmnopqrstuvwxyz", group, strict=False):
            yield f"{one.module.name}@{first}{'' if letter == 'a' else f'-{letter}'}.yang", one


def _text(file: str, variants: list[Variant]) -> str:
    named = dict(_named(variants))
    one = named[file]
    module = one.module
    said = {path: node.description for path, node in paths(module.nodes)}
    note = _note(file, named)
    return text.module(module.name, module.namespace, module.prefix, one.about, one.first, note, module.nodes, said)


def _note(file: str, named: Mapping[str, Variant]) -> str:
    """What the revision statement says: which revisions have these nodes, and which other file shares one of them."""
    one = named[file]
    others = sorted(revision for revision in one.served if revision != one.first)
    same = f"; they are the same in {', '.join(others)}." if others else ", and the only one."
    beware = "".join(
        f" Beware: {other} has other nodes under revision {', '.join(shared)}, on other releases."
        for other, variant in named.items()
        if variant is not one and (shared := sorted(one.served.keys() & variant.served.keys()))
    )
    return f"The first revision with exactly these nodes{same}{beware}"


def _row(releases: list[str]) -> str:
    return ", ".join(f'"{one}"' for one in releases)


def _line(release: str) -> list[int]:
    return number(release)[:2]
