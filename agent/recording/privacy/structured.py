"""Finds what is known by its form, and gives it a stand-in of that form."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from ipaddress import IPv4Address, IPv6Address

from agent.recording.privacy import shapes
from agent.recording.privacy.names import Names
from agent.recording.privacy.places import Kind
from agent.recording.privacy.shapes import Offer
from agent.recording.privacy.vocabulary import public_host

_NUMBER = re.compile(r"(?<![\d.xX])\d{7,39}(?![\d.])")
_NAMED = (
    (shapes.FQDN, Kind.HOST),
    (shapes.SERIAL, Kind.SERIAL),
    (shapes.NET, Kind.ADDRESS),
    (shapes.SSH_KEY, Kind.KEY),
)
_GROUPS = tuple(map(bytes.fromhex, ("01005e", "0180c2", "01000c", "3333")))  # that everybody sends to
_REVISION = re.compile(r"\d{4}-\d\d-\d\d")


class Structured:
    """The scanners of one recording."""

    def __init__(self, names: Names) -> None:
        self._names, self._table = names, names.table

    def spans(self, text: str, *, fresh: bool) -> Iterator[Offer]:
        """What *text* has of such values; they may overlap, those that come first count."""
        if "arpa" in text.lower():
            yield from self._reversed(text, fresh=fresh)
        if "://" in text:
            yield from self._urls(text, fresh=fresh)
        if "@" in text:
            yield from self._emails(text, fresh=fresh)
        yield from self._macs_and_v6s(text, fresh=fresh)
        yield from self._v4s(text, fresh=fresh)
        for pattern, kind in _NAMED:
            for found in pattern.finditer(text):
                if kind is not Kind.HOST or _private_host(found.group()):
                    yield (
                        *found.span(pattern.groups),
                        partial(self._names.named, kind, found[pattern.groups], fresh=fresh),
                    )
        yield from self._numbers(text)

    def _macs_and_v6s(self, text: str, *, fresh: bool) -> Iterator[Offer]:
        for found in shapes.MAC.finditer(text):
            yield *found.span(), partial(self._mac, found.group(), fresh=fresh)
        for found in shapes.V6.finditer(text):
            if (place := shapes.v6_at(text, *found.span())) is not None and not shapes.says_nothing(place[2]):
                yield place[0], place[1], partial(self._v6, text[place[0] : place[1]], place[2], fresh=fresh)

    def address(self, text: str, *, fresh: bool = False) -> str | None:
        """The stand-in of *text* where that is an address; itself where it says nothing."""
        found: IPv4Address | IPv6Address | None = shapes.v4(text) if re.fullmatch(r"[\d.]+", text) else shapes.v6(text)
        if found is None:
            return None
        if shapes.says_nothing(found):
            return text
        return (
            self._v4(text, found, fresh=fresh) if isinstance(found, IPv4Address) else self._v6(text, found, fresh=fresh)
        )

    def kind(self, shown: str) -> Kind | None:
        """As what *shown* was found."""
        digits = re.sub("[^0-9A-Fa-f]", "", shown)
        shown = shown.partition("@")[0]
        values = (shown, shapes.v4(shown) if shapes.V4.fullmatch(shown) else shapes.v6(shown))
        number = bytes.fromhex(digits) if len(digits) % 2 == 0 else b""
        kinds = (self._names.kind(value) for value in (*values, number) if value is not None)
        return next(filter(None, kinds), None)

    def _v4s(self, text: str, *, fresh: bool) -> Iterator[Offer]:
        for found in shapes.V4.finditer(text):
            address = shapes.v4(found.group())
            if address is None or shapes.says_nothing(address):
                continue
            # With hyphens, beside letters or behind "version" only what is known as an address.
            if address in self._table or not (found[2] == "-" or shapes.like_release(text, *found.span())):
                yield *found.span(), partial(self._v4, found.group(), address, fresh=fresh)

    def _v4(self, shown: str, address: IPv4Address, *, fresh: bool) -> str:
        standin = self._of_v4(address, fresh=fresh)
        separator = "-" if "-" in shown else "."
        parts = zip(str(standin).split("."), shown.split(separator), strict=True)
        return separator.join(new.zfill(len(old)) if old.startswith("0") else new for new, old in parts)

    def _of_v4(self, address: IPv4Address, *, fresh: bool) -> IPv4Address:
        standin = self._table.of(address, shapes.make_v4, fresh=fresh)
        self._names.note(address, Kind.ADDRESS)
        return standin

    def _v6(self, shown: str, address: IPv6Address, *, fresh: bool) -> str:
        standin = self._of_v6(address, fresh=fresh)
        if address.ipv4_mapped is not None and "." not in shown:
            return (
                f"{shown[: shown.lower().rindex('ffff:') + 5]}{standin.packed[12:14].hex()}:{standin.packed[14:].hex()}"
            )
        return shapes.v6_spelled(shown, standin)

    def _of_v6(self, address: IPv6Address, *, fresh: bool) -> IPv6Address:
        if address.ipv4_mapped is not None:
            return IPv6Address(address.packed[:12] + self._of_v4(address.ipv4_mapped, fresh=fresh).packed)
        standin = self._table.of(address, shapes.make_v6, fresh=fresh)
        self._names.note(address, Kind.ADDRESS)
        return standin

    def _mac(self, shown: str, *, fresh: bool) -> str:
        value = bytes.fromhex(re.sub("[:.-]", "", shown))
        if value in (bytes(6), b"\xff" * 6) or value.startswith(_GROUPS):
            return shown
        standin = self._table.of(value, shapes.make_mac, fresh=fresh)
        self._names.note(value, Kind.MAC)
        return shapes.hex_spelled(shown, standin)

    def _urls(self, text: str, *, fresh: bool) -> Iterator[Offer]:
        for found in shapes.URL.finditer(text):
            if found[1]:
                yield *found.span(1), partial(self._names.named, Kind.USER, found[1], fresh=fresh)
            host = found[2].rstrip(".")
            yield found.start(2), found.start(2) + len(host), partial(self._host, host, fresh=fresh)

    def _host(self, shown: str, *, fresh: bool) -> str:
        if public_host(shown):
            return shown
        standin = self.address(shown.strip("[]"), fresh=fresh)
        if standin is not None:
            return f"[{standin}]" if shown.startswith("[") else standin
        return shown if shown.startswith("[") else self._names.named(Kind.HOST, shown, fresh=fresh)

    def _emails(self, text: str, *, fresh: bool) -> Iterator[Offer]:
        for found in shapes.EMAIL.finditer(text):
            yield *found.span(), partial(self._email, *found.groups(), fresh=fresh)

    def _email(self, local: str, domain: str, *, fresh: bool) -> str:
        shown = f"{local}@{domain}"
        if _REVISION.match(domain) or shapes.public_email(shown) or public_host(domain):
            return shown
        host = self._host(domain, fresh=fresh)
        kind = Kind.EMAIL if "." in domain and self.address(domain) is None else Kind.USER
        return f"{self._names.named(kind, local, fresh=fresh)}@{host}"

    def _reversed(self, text: str, *, fresh: bool) -> Iterator[Offer]:
        for found in shapes.REVERSED.finditer(text):
            group = 1 if found[1] else 2
            start, end = found.start(group), found.end(group) - 1
            if group == 2 or max(map(int, text[start:end].split("."))) < 256:
                yield start, end, partial(self._backwards, text[start:end].split(".")[::-1], fresh=fresh, v4=group == 1)

    def _backwards(self, parts: list[str], *, fresh: bool, v4: bool) -> str:
        if v4:
            address = IPv4Address(bytes([*map(int, parts), *bytes(4 - len(parts))]))
            made = str(self._of_v4(address, fresh=fresh)).split(".")
        else:
            made = list(
                self._of_v6(IPv6Address(bytes.fromhex("".join(parts).ljust(32, "0"))), fresh=fresh).packed.hex()
            )
        return ".".join(made[: len(parts)][::-1])

    def _numbers(self, text: str) -> Iterator[Offer]:
        """Known addresses and serial numbers as one decimal number."""
        for found in _NUMBER.finditer(text):
            if (standin := self._names.number(int(found.group()))) is not None:
                yield *found.span(), str(standin)


def _private_host(name: str) -> bool:
    return not public_host(name) and any(map(str.isalpha, name.rpartition(".")[0]))
