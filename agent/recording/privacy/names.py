"""The values that have a stand-in, by kind; names word by word, so that one within another is the same everywhere."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address

from agent.recording.privacy.literals import Literals
from agent.recording.privacy.places import Kind
from agent.recording.privacy.shapes import TOP, Span, make_word
from agent.recording.privacy.table import Table, Value
from agent.recording.privacy.vocabulary import folded, words

_WORD = re.compile(r"[^\W_]{2,}")
_NO_HOST = re.compile(r"[\d.]+")
"""What a simulated router is called by its release; addresses have stand-ins of their own."""
_TOP = re.compile(rf"\.(?:{'|'.join(TOP.split())})$")


class Names:
    """What has a stand-in, and which; one letter or digit alone is left as it is."""

    def __init__(self, key: bytes) -> None:
        self.table = Table(key)
        self.within: Callable[[str], Iterable[Span]] = lambda _: ()
        self._kinds: dict[Value, Kind] = {}
        self._texts: dict[str, str] = {}
        self._literals = Literals()
        self._secrets: tuple[str, ...] = ()
        self._secret = re.compile("(?!)")
        self._collisions = 0

    @property
    def state(self) -> tuple[int, int, int]:
        """Another as soon as something else is replaced than before."""
        return len(self._kinds), self.table.changes, len(self._secrets)

    def standins(self) -> dict[str, tuple[str, ...]]:
        """The stand-ins by the kind of what they stand for."""
        found: dict[str, set[str]] = {}
        for value, kind in self._kinds.items():
            found.setdefault(kind.value, set()).add(self._shown(value))
        return {kind: tuple(sorted(values)) for kind, values in sorted(found.items())}

    def _shown(self, value: Value) -> str:
        if isinstance(value, str):
            return self._texts[value]
        standin = self.table.known(value)
        return standin.hex() if isinstance(standin, bytes) else str(standin)

    def note(self, value: Value, kind: Kind) -> None:
        """*value* has a stand-in in the table; nothing happens where it is a stand-in itself."""
        if value in self.table:
            self._kinds.setdefault(value, kind)

    def kind(self, value: Value) -> Kind | None:
        """As what *value* is known."""
        return self._kinds.get(folded(value) if isinstance(value, str) else value)

    def of_kind(self, kind: Kind) -> tuple[str, ...]:
        """The names, folded, that are known as of *kind*."""
        return tuple(value for value, known in self._kinds.items() if known is kind and isinstance(value, str))

    def give(self, standins: Iterable[str]) -> None:
        """Take *standins*, as :meth:`standins` shows them, for what stands in place of something already."""
        for standin in standins:
            for read in (IPv4Address, IPv6Address, bytes.fromhex):
                with suppress(ValueError):
                    self.table.give(read(standin))
            for word in _WORD.findall(folded(standin)):
                self.table.give(word)

    def hide(self, secrets: Iterable[str]) -> None:
        """Put asterisks in the place of *secrets*, which are counted nowhere, as they are written."""
        self._secrets = tuple(sorted({*self._secrets, *secrets}, key=len, reverse=True))
        self._secret = re.compile("|".join(map(re.escape, self._secrets)) or "(?!)")

    def hidden(self, text: str) -> Iterator[Span]:
        """The secrets in *text*."""
        for found in self._secret.finditer(text) if self._secrets else ():
            yield *found.span(), "*" * len(found.group())

    def named(self, kind: Kind, shown: str, within: Iterable[Span] = (), *, fresh: bool = False) -> str:
        """The stand-in of the name *shown*, which from now on is replaced elsewhere; *within* has one already."""
        if kind is Kind.HOST and _NO_HOST.fullmatch(shown):
            return shown
        if kind is Kind.BANNER:
            return self._banner(shown, within, fresh=fresh)
        value = folded(shown)
        made = self._made(shown, within, fresh=fresh)
        if value not in self._kinds and made != shown:
            self._kinds[value] = kind
            self._keep(value, folded(made))
            if kind is Kind.HOST and "." in value:
                self._parts(value)
        if self.table.collisions != self._collisions:
            self._again()
            return self._made(shown, within)
        return made

    def _parts(self, value: str) -> None:
        """The labels of a name of a host are names as well, except the last ones."""
        for label in _TOP.sub("", value).split("."):
            made = self._words(label)
            if made != label and label not in self._texts:
                self._keep(label, made)

    def _banner(self, shown: str, within: Iterable[Span], *, fresh: bool) -> str:
        """Word by word: each that is no common one is learned, since the whole is said nowhere else."""

        def change(word: str) -> str:
            value = folded(word)
            if value in words():
                return word
            made = self._word(word, fresh)
            if made != word and value not in self._kinds:
                self._kinds[value] = Kind.BANNER
                self._keep(value, folded(made))
            return made

        return self._around(shown, within, change)

    def _keep(self, value: str, made: str) -> None:
        self._texts[value] = made
        self._texts.setdefault(made, made)
        self._literals.add((value, made))
        if " " in value:  # as forms of HTML encode it
            self._keep(value.replace(" ", "+"), made.replace(" ", "+"))

    def _again(self) -> None:
        self._collisions = self.table.collisions
        for value, made in list(self._texts.items()):
            if value != made:
                self._keep(value, folded(self._made(value, self.within(value))))

    def _made(self, shown: str, within: Iterable[Span], *, fresh: bool = False) -> str:
        top = _TOP.search(folded(shown))
        end = top.start() if top else len(shown)
        return self._around(shown[:end], within, lambda word: self._word(word, fresh)) + shown[end:]

    def _around(self, shown: str, within: Iterable[Span], change: Callable[[str], str]) -> str:
        parts, done = [], 0
        for start, end, new in [*within, (len(shown), len(shown), "")]:
            parts += [_WORD.sub(lambda found: change(found.group()), shown[done:start]), new]
            done = end
        return "".join(parts)

    def _words(self, shown: str) -> str:
        return _WORD.sub(lambda found: self._word(found.group(), False), shown)

    def _word(self, word: str, fresh: bool) -> str:
        return _cased(self.table.of(folded(word), make_word, fresh=fresh), word)

    def spans(self, text: str) -> Iterator[Span]:
        """The names in *text*, wherever they stand."""
        for start, end in self._literals.spans(text):
            shown = text[start:end]
            yield start, end, _cased(self._texts[folded(shown)], shown)

    def packed(self, data: bytes) -> bytes | None:
        """*data* with the addresses and numbers in it that are known as bytes; None where there are none."""
        made = bytearray(data)
        at, found = 0, False
        sizes = sorted((size for size in self.table.sizes if 4 <= size <= len(data)), reverse=True)
        if len(data) not in sizes and data.isascii() and data.decode().isprintable():
            return None
        while sizes and at <= len(data) - sizes[-1]:
            step = 1
            for size in sizes:
                standin = self._of_bytes(data[at : at + size])
                if standin is not None:
                    made[at : at + size] = standin
                    step, found = size, True
                    break
            at += step
        return bytes(made) if found else None

    def number(self, number: int) -> int | None:
        """The stand-in of an address or a serial number that is spelled as one *number*; None where it is none."""
        for size in (4, 16, (number.bit_length() + 7) // 8):
            if number.bit_length() <= 8 * size:
                standin = self._of_bytes(number.to_bytes(size, "big"))
                if standin is not None:
                    return int.from_bytes(standin, "big")
        return None

    def _of_bytes(self, data: bytes) -> bytes | None:
        value: Value = data
        if len(data) in (4, 16) and value not in self.table:
            value = IPv4Address(data) if len(data) == 4 else IPv6Address(data)
        if value not in self.table:
            return None
        standin = self.table.known(value)
        packed = standin if isinstance(standin, bytes) else standin.packed  # type: ignore[union-attr]
        return packed if len(packed) == len(data) else None


def _cased(new: str, shown: str) -> str:
    if shown.islower():
        return new
    return "".join(
        upper if at < len(shown) and shown[at].isupper() and len(upper := char.upper()) == 1 else char
        for at, char in enumerate(new)
    )
