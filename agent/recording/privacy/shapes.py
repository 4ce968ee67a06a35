"""Values that are known by their form alone: addresses in all spellings, names of hosts, e-mail addresses, serials.

A stand-in has the form of what it stands for: as many digits, an address of the same kind, the same separators.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from agent.recording.privacy.table import Draw
from agent.recording.privacy.vocabulary import PUBLIC_ADDRESSES, folded

Span = tuple[int, int, str]
Offer = tuple[int, int, str | Callable[[], str]]
"""What could be replaced, and by what: that is made, and remembered, only where nothing else has the place."""

V4 = re.compile(r"(?<![\d.])(\d{1,3})([.-])(\d{1,3})\2(\d{1,3})\2(\d{1,3})(?!\d|\2\d)")
V6 = re.compile(
    r"(?<![0-9A-Fa-f:.])[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:]{1,60}(?:(?<=:)\d{1,3}(?:\.\d{1,3}){3})?(?![0-9A-Za-z_:]|\.\d)"
)
MAC = re.compile(
    r"(?<![0-9A-Za-z])(?<![0-9A-Fa-f][:.-])(?:[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}"
    r"|[0-9A-Fa-f]{2}([:-])(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2})(?![0-9A-Za-z]|[:.-][0-9A-Fa-f])"
)
REVERSED = re.compile(
    r"(?i)(?<![\w.-])(?:((?:\d{1,3}\.){1,4})in-addr\.arpa|((?:[0-9a-f]\.){1,32})ip6\.arpa)(?![\w-]|\.\w)"
)
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
TOP = (
    "com net org edu gov mil int info biz io cloud dev local lan corp internal intranet intra home private test example"
    " invalid localdomain eu de uk fr nl be lu ch at it es pt ie no se dk fi pl cz sk hu ro bg gr tr ru ua us ca mx"
    " br ar cl co au nz jp kr cn tw hk sg my th id in za il sa ae"
)
_HOST = rf"(?:{_LABEL}\.)+(?:{'|'.join(TOP.split())})"
FQDN = re.compile(rf"(?i)(?<![\w.@%-])(?:{_LABEL}\.){{1,12}}(?:{'|'.join(TOP.split())})(?![\w-]|\.[a-z0-9])")
URL = re.compile(
    r"(?i)\b[a-z][a-z0-9+.-]{1,20}://(?:([^\s/@:<>\"']{1,64})(?::[^\s/@<>\"']{0,256})?@)?(\[[^\]\s]{2,60}\]|[\w.-]{1,253})"
)
EMAIL = re.compile(
    r"(?<![\w.+%-])([A-Za-z0-9_][A-Za-z0-9_.+-]{0,63})@((?:[A-Za-z0-9_-]{1,63}\.){0,12}[A-Za-z0-9_-]{1,63})(?!\w)"
)
SERIAL = re.compile(r"(?<![A-Za-z0-9])[A-Z]{3}[0-4]\d(?:0[1-9]|[1-4]\d|5[0-3])[A-Z0-9]{4}(?![A-Za-z0-9])")
NET = re.compile(r"(?i)(?<![\w.])(?:[0-9a-f]{2}\.)(?:[0-9a-f]{4}\.){3,9}[0-9a-f]{2}(?![\w.])")
SSH_KEY = re.compile(r"\b(?:ssh-(?:rsa|dss|ed25519)|ecdsa-sha2-\S{5,20})[ \t]+AAAA([0-9A-Za-z+/]{20,}={0,2})")
_A_RELEASE = re.compile(r"(?i)(?:version|release|label|revision|\bv)[\"'=:>\s]{0,4}\Z")
_MOST_V4 = 2**32


def v4(text: str) -> IPv4Address | None:
    """*text* as an address, also with zeros ahead of a number; None where it is not four numbers of one."""
    found = V4.fullmatch(text)
    numbers = [int(number) for number in found.group(1, 3, 4, 5)] if found else [256]
    return IPv4Address(bytes(numbers)) if max(numbers) < 256 else None


def says_nothing(address: IPv4Address | IPv6Address) -> bool:
    """Whether *address* is nobody's: a mask, this machine, none, a group."""
    if address.is_unspecified or address.is_loopback or address.is_multicast:
        return True
    if isinstance(address, IPv6Address):
        return int(address) < 256 or address == IPv6Address("fe80::")
    return any(_all_ones_then_zeros(bits) for bits in (int(address), int(address) ^ (_MOST_V4 - 1)))


def _all_ones_then_zeros(bits: int) -> bool:
    inverted = bits ^ (_MOST_V4 - 1)
    return inverted & (inverted + 1) == 0


def like_release(text: str, start: int, end: int) -> bool:
    """Whether four numbers are rather those of a release or a package."""
    if text[end : end + 1].isalpha() or re.match(r"-(?:r\d|\d+[._])", text[end : end + 8]):
        return True
    return text[start - 1 : start].isalpha() or _A_RELEASE.search(text[max(0, start - 24) : start]) is not None


def make_v4(address: IPv4Address, draw: Draw, wider: int) -> IPv4Address:
    """Another, each number with as many digits; zeros at its end stay, as those of a network do, while any are left.

    The first number is one that routers rarely have, so that what is learned later is hardly ever a stand-in.
    """
    numbers, bits = list(address.packed), draw(4)
    network = 4 if wider > 2 else len(address.packed.rstrip(b"\0"))
    rare = {1: (6, 7), 2: (21, 22, 26, 28, 29, 30, 33, 55), 3: tuple(range(240, 255))}
    full = {1: (6, 7, 3, 4, 9), 2: tuple(n for n in range(11, 100) if n != 10), 3: (*range(240, 255), 214, 215)}
    for at, number in enumerate(numbers[:network]):
        digits = len(str(number))
        if at == 0:
            pool = (full if wider else rare)[digits]
        else:
            pool = {1: tuple(range(1, 10)), 2: tuple(range(10, 100)), 3: tuple(range(100, 255))}[digits]
        if wider > 1:
            pool = tuple(range(1, 255)) if at else tuple(range(1, 224))
        numbers[at] = pool[bits[at] % len(pool)]
    return IPv4Address(bytes(numbers))


def make_v6(address: IPv6Address, draw: Draw, wider: int) -> IPv6Address:
    """Another of the same scope, its groups with as many digits, zeros where there were zeros."""
    groups = [int.from_bytes(address.packed[at : at + 2], "big") for at in range(0, 16, 2)]
    bits = draw(16)
    for at, group in enumerate(groups):
        drawn = int.from_bytes(bits[2 * at : 2 * at + 2], "big")
        digits = len(f"{group:x}") + (1 if wider and group else 0)
        if group and at == 0:
            groups[0] = _first(group, drawn)
        elif wider > 1:  # of the same form there is none left
            groups[at] = drawn
        elif group:
            groups[at] = _of_digits(min(digits, 4), drawn)
    return IPv6Address(b"".join(group.to_bytes(2, "big") for group in groups))


def _first(group: int, drawn: int) -> int:
    for prefix, mask in ((0xFE80, 0xFFC0), (0xFC00, 0xFE00), (0x2000, 0xE000)):
        if group & mask == prefix:
            keep = 0xFFC0 if prefix == 0xFE80 else 0xFF00 if prefix == 0xFC00 else 0xF000
            return group if prefix == 0xFE80 else group & keep | drawn & ~keep & 0xFFFF
    return _of_digits(len(f"{group:x}"), drawn) if group < 0x1000 else group & 0xF000 | drawn & 0xFFF


def _of_digits(digits: int, drawn: int) -> int:
    low = 1 << 4 * (digits - 1)
    return low + drawn % ((1 << 4 * digits) - low)


def make_mac(value: bytes, draw: Draw, wider: int) -> bytes:
    """Another, of one station or of a group as well, administered locally, so that no maker has it."""
    del wider
    drawn = bytearray(draw(len(value)))
    drawn[0] = drawn[0] & 0xFC | 0x02 | value[0] & 1
    return bytes(drawn)


def make_number(value: bytes, draw: Draw, wider: int) -> bytes:
    """Other bytes with digits where the hex of *value* has digits, and letters for letters; zeros ahead stay."""
    shown, drawn = value.hex(), draw(2 * len(value) + wider)
    ahead = len(shown) - len(shown.lstrip("0"))
    made = [
        "0" if at < ahead else _digit(char, drawn[at], first=at == ahead) for at, char in enumerate(shown)
    ]  # the first bit stays, which is the sign of an INTEGER
    return bytes.fromhex("".join(made)) + drawn[2 * len(value) :]


def _digit(char: str, drawn: int, *, first: bool) -> str:
    if char in "abcdef":
        return "abcdef"[drawn % 6]
    if first:
        pool = "1234567" if char < "8" else "89"
        return pool[drawn % len(pool)]
    return str(drawn % 10)


def make_word(value: str, draw: Draw, wider: int) -> str:
    """Another word: letters for letters, digits for digits, as many bytes of UTF-8; longer where all are taken."""
    drawn = draw(3 * (len(value) + wider))
    numbers = [int.from_bytes(drawn[at : at + 3], "big") for at in range(0, len(drawn), 3)]
    made = "".join(_letter(char, number) for char, number in zip(value, numbers, strict=False))
    return made + "".join(_letter(value[-1], number) for number in numbers[len(value) :])


def _letter(char: str, number: int) -> str:
    if char.isascii():
        return str(number % 10) if char.isdigit() else chr(ord("a") + number % 26)
    if ord(char) < 0x800:
        return chr(0xE0 + number % 23)
    return chr(0x4E00 + number % 20000) if ord(char) < 0x10000 else chr(0x20000 + number % 40000)


def v6_spelled(shown: str, standin: IPv6Address) -> str:
    """*standin* as *shown* spells another with zeros in the same groups."""
    if "." in shown:
        ahead = v6_spelled(shown[: shown.rindex(":")] + ":1:1", standin)
        return ":".join([*ahead.split(":")[:-2], str(IPv4Address(standin.packed[12:]))])
    head, gap, tail = shown.partition("::")
    parts = [part.split(":") if part else [] for part in (head, tail)]
    groups = [f"{int.from_bytes(standin.packed[at : at + 2], 'big'):x}" for at in range(0, 16, 2)]
    if any(group != "0" for group in groups[len(parts[0]) : 8 - len(parts[1])]):
        return str(standin)
    first, last = groups[: len(parts[0])], groups[8 - len(parts[1]) :] if parts[1] else []
    like = [_like(new, old) for new, old in zip([*first, *last], [*parts[0], *parts[1]], strict=True)]
    return ":".join(like[: len(first)]) + gap + ":".join(like[len(first) :])


def _like(new: str, old: str) -> str:
    new = new.zfill(len(old)) if old.startswith("0") and len(old) > 1 else new
    return new.upper() if old.upper() == old and old.lower() != old else new


def v6(text: str) -> IPv6Address | None:
    """*text* as an address of version 6; None where it is none, or rather bytes with colons between them."""
    if text.count(":") < 2 or re.fullmatch(r"(?:[0-9A-Fa-f]{2}:)+[0-9A-Fa-f]{2}", text):
        return None
    try:
        return IPv6Address(text)
    except AddressValueError:
        return None


def hex_spelled(shown: str, standin: bytes) -> str:
    """The digits of *standin* in the place of those of *shown*, with its separators and in its case."""
    made = standin.hex() if shown.lower() == shown else standin.hex().upper()
    digits = iter(made[sum(char in _HEX for char in shown) % 2 :])
    return "".join(next(digits) if char in _HEX else char for char in shown) + "".join(digits)


_HEX = frozenset("0123456789abcdefABCDEF")


def public_email(text: str) -> bool:
    """Whether *text* is an address that Cisco's own texts have."""
    return folded(text) in PUBLIC_ADDRESSES


def v6_at(text: str, start: int, end: int) -> tuple[int, int, IPv6Address] | None:
    """The address between *start* and *end* of *text*, without a colon or the end of a word that stands beside it."""
    while start < end:
        shown = text[start:end]
        if shown[0] == ":" and shown[1:2] != ":":
            start += 1
        elif shown[-1] == ":" and shown[-2:-1] != ":":
            end -= 1
        elif start and text[start - 1].isalnum():
            start = text.index(":", start) + 1
        else:
            address = v6(shown)
            return (start, end, address) if address is not None else None
    return None
