"""Which routers of an inventory a run is for."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Self

from agent.fleet.inventory.entry import nearest
from agent.fleet.inventory.target import Target
from agent.model.errors import InputError
from agent.model.masking.redact import names_a_secret

_NAMED = 6
_OWN = ("platform", "host")
"""What a router is asked for beside its data."""


@dataclass(frozen=True, slots=True)
class Filter:
    """What a router must be; without any word, every router is kept.

    Attributes:
        limit: names, or globs of names as in a shell; one of them must match, and none of those after ``!``.
        groups: it must be in one of them, be it by a parent group.
        where: key and value; all must be so. A key is ``platform``, ``host`` or the dotted name of a value in the
            router's data; a list has a value that stands in it.
    """

    limit: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    where: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, limit: str | None = None, groups: Sequence[str] = (), where: Sequence[str] = ()) -> Self:
        """What ``--limit NAME,GLOB``, ``--group NAME`` and ``--where KEY=VALUE`` say.

        Raises:
            InputError: a word is empty, as of a shell variable that is not set, or a ``--where`` has no ``=``.
        """
        words = tuple(word.strip() for word in limit.split(",")) if limit is not None else ()
        if not all(word.removeprefix("!") for word in words):
            raise InputError("--limit has an empty word", hint="--limit 'r1,core*,!core9'")
        if not all(groups):
            raise InputError("--group has no name", hint="--group core")
        pairs = tuple(text.partition("=") for text in where)
        if not all(key and equals for key, equals, _ in pairs):
            raise InputError("--where has no key and value", hint="--where site=London")
        return cls(words, tuple(groups), tuple((key, value) for key, _, value in pairs))

    def select(self, targets: Sequence[Target]) -> list[Target]:
        """Those of *targets* that are kept, in their order.

        Raises:
            InputError: none is, or one word of the filter matches no router at all, as a misspelt one does.
        """
        count = "1 router" if len(targets) == 1 else f"{len(targets)} routers"
        for word, hint in self._misspelt(targets):
            raise InputError(f"{word} of the {count} of the inventory", hint=hint)
        names = {target.name for target in targets}
        excluded = [word[1:] for word in self.limit if word.startswith("!")]
        wanted = [word for word in self.limit if not word.startswith("!")]
        named = (_matching(names, wanted) if wanted else names) - _matching(names, excluded)
        kept = [
            target
            for target in targets
            if target.name in named
            and (not self.groups or not set(self.groups).isdisjoint(target.groups))
            and all(value in _values(target, key) for key, value in self.where)
        ]
        if not kept:
            hint = "each of these words matches some, all together match none"
            raise InputError(f"{self} leaves none of the {count} of the inventory", hint=hint)
        return kept

    def _misspelt(self, targets: Sequence[Target]) -> Iterator[tuple[str, str]]:
        """Of each word that matches nothing, that it does so, and a hint."""
        names = {target.name for target in targets}
        for word in self.limit:
            bare = word.removeprefix("!")
            if not _matching(names, [bare]):
                yield f"--limit {word} matches none", _near(bare, names)
        groups = {group for target in targets for group in target.groups}
        for group in self.groups:
            if group not in groups:
                yield f"--group {group} matches none", _near(group, groups)
        for key, value in self.where:
            values = {text for target in targets for text in _values(target, key)}
            if value not in values:
                yield f"--where {key}=… matches none", _unlike(targets, key, value, values)

    def __str__(self) -> str:
        limit = [f"--limit {','.join(self.limit)}"] if self.limit else []
        groups = [f"--group {group}" for group in self.groups]
        return " ".join([*limit, *groups, *(f"--where {key}=…" for key, _ in self.where)])


def _matching(names: set[str], words: Sequence[str]) -> set[str]:
    """Those of *names* that one of *words* is, or matches; names in full are looked up, so thousands cost nothing."""
    found = names.intersection(words)
    for word in words:
        if any(character in word for character in "*?["):
            found.update(name for name in names if fnmatchcase(name, word))
    return found


def _values(target: Target, key: str) -> tuple[str, ...]:
    """What *target* has under *key*: nothing, one value, or those of a list."""
    if key in _OWN:
        value: str | None = getattr(target, key)
        return () if value is None else (value,)
    if key in target.data:
        return (target.data[key],)
    values: list[str] = []
    while (text := target.data.get(f"{key}.{len(values)}")) is not None:
        values.append(text)
    return tuple(values)


def _unlike(targets: Sequence[Target], key: str, value: str, values: Collection[str]) -> str:
    """Why no router has *value* under *key*: of ``data`` the keys are named, and never a value."""
    if any(map(names_a_secret, key.split("."))):
        return f"{key} names a secret: data below such names is left alone, and left out"
    if not values:
        return f"key: {_near(key, {*_OWN, *(name for target in targets for name in target.data)})}"
    if key in _OWN:
        return f"value of {key}: {_near(value, values)}"
    having = sum(bool(_values(target, key)) for target in targets)
    return f"{having} of them have {key}, each with another value; upper and lower case differ"


def _near(word: str, known: Collection[str]) -> str:
    near = nearest(word, known)
    if near:
        return f"did you mean {near}?"
    some = sorted(known)[:_NAMED]
    more = ", …" if len(known) > _NAMED else ""
    return f"there is {', '.join(some)}{more}" if some else "none has any"
