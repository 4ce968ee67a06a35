"""Which stand-in is whose: one-to-one, drawn by a key that is the recording's own and is never written down."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address
from itertools import count
from typing import TypeAlias, TypeVar

Value: TypeAlias = str | bytes | IPv4Address | IPv6Address
V = TypeVar("V", str, bytes, IPv4Address, IPv6Address)
Draw: TypeAlias = Callable[[int], bytes]
"""Bytes, as many as are asked for, that look like chance."""

_TRIES = 100


class Table:
    """The stand-ins of one recording by what they stand for; nothing of it shows in a repr."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._standin: dict[Value, Value] = {}
        self._owner: dict[Value, Value] = {}
        self._moved: dict[Value, Value] = {}
        self.changes = self.collisions = 0
        self.sizes: set[int] = set()

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def __contains__(self, value: object) -> bool:
        """Whether *value* is known, as what is replaced."""
        return value in self._standin or value in self._moved

    def given(self, value: Value) -> bool:
        """Whether *value* is a stand-in."""
        return value in self._owner

    def known(self, value: Value) -> Value:
        """The stand-in of *value*, which has one."""
        moved = self._moved.get(value)
        return self._standin[value] if moved is None else moved

    def give(self, standin: Value) -> None:
        """Take *standin* for one, of a value that nobody knows any more."""
        self._owner.setdefault(standin, standin)

    def drawn(self, *what: bytes) -> Draw:
        """The bytes that belong to *what* in this recording."""
        seed = b"".join(len(part).to_bytes(4, "big") + part for part in (self._key, *what))
        return hashlib.shake_256(seed).digest

    def of(self, value: V, make: Callable[[V, Draw, int], V], *, fresh: bool = False) -> V:
        """The stand-in of *value*, made by *make* of it, of bytes and of the number of the try where it is new.

        A stand-in is its own. Only where the text is known to be *fresh* from the router one that is alike is another
        value: then both get new ones.
        """
        if (moved := self._moved.get(value)) is not None:
            return moved  # type: ignore[return-value]  # of one type by construction
        if (known := self._standin.get(value)) is not None:
            return known  # type: ignore[return-value]
        owner = self._owner.get(value)
        if owner is not None and not fresh:
            return value
        standin = self._free(value, make)
        self._put(value, standin)
        if owner is not None:
            self._put(owner, self._free(owner, make))  # type: ignore[arg-type,type-var]
            del self._owner[value]
            self.collisions += 1
        return standin

    def settle(self, value: bytes, standin: bytes) -> None:
        """Make *standin* that of *value*; one that it had before leads there."""
        before = self._standin.get(value)
        if before == standin:
            return
        if before is not None:
            del self._owner[before]
            self._moved[before] = standin
        self._put(value, standin)

    def _put(self, value: Value, standin: Value) -> None:
        self._standin[value] = standin
        self._owner[standin] = value
        self.changes += 1
        if not isinstance(value, str):
            self.sizes.add(len(_packed(value)))

    def _free(self, value: V, make: Callable[[V, Draw, int], V]) -> V:
        said = _packed(value)
        for number in count():
            made = make(value, self.drawn(type(value).__name__.encode(), said, b"%d" % number), number // _TRIES)
            if made != value and made not in self._owner and made not in self._standin and made not in self._moved:
                return made
        raise AssertionError  # count() does not end


def _packed(value: Value) -> bytes:
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape")
    return value if isinstance(value, bytes) else value.packed
