"""A certificate that says nothing of whose it is: one with the same fields, kinds and lengths, and other values.

It is made in the DER of the original (ITU-T X.690), so that all that is printed of it has the same form. Its key and
its signature are drawn: nobody has the private key, and the signature proves nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_INTEGER, _BITS, _OCTETS, _OID, _SEQUENCE, _SET = 0x02, 0x03, 0x04, 0x06, 0x30, 0x31
_STRINGS = {
    0x0C: "utf-8",
    0x12: "ascii",
    0x13: "ascii",
    0x14: "latin-1",
    0x16: "ascii",
    0x1A: "ascii",
    0x1E: "utf-16-be",
}
_CONSTRUCTED = 0x20
_EC = bytes.fromhex("2a8648ce3d0201")
_RSA = bytes.fromhex("2a864886f70d010101")
_COUNTRY = bytes.fromhex("550406")
_KEY_IDENTIFIERS = frozenset(map(bytes.fromhex, ("551d0e", "551d23")))
_CURVES = {
    bytes.fromhex("2a8648ce3d030107"): "SECP256R1",
    bytes.fromhex("2b81040022"): "SECP384R1",
    bytes.fromhex("2b81040023"): "SECP521R1",
}
_START = re.compile(rb"\x30(?:\x82..|\x81.)\x30(?:\x82..|\x81.)(?:\xa0\x03\x02\x01[\0-\2])?\x02", re.DOTALL)

Text = Callable[[str], str]
Number = Callable[[bytes], bytes]
Drawn = Callable[..., Callable[[int], bytes]]
"""Of what it is drawn for, bytes; then how many."""


@dataclass(frozen=True, slots=True)
class _Node:
    """One value of DER: its tag, and where its content is in the whole."""

    tag: int
    start: int
    end: int


def certificates_in(data: bytes) -> Iterator[tuple[int, int]]:
    """Where certificates are in *data*, whatever is around them."""
    done = 0
    while (found := _START.search(data, done)) is not None:
        end = _certificate_end(data, found.start())
        if end is not None:
            yield found.start(), end
        done = found.start() + 1 if end is None else end


def _certificate_end(data: bytes, start: int) -> int | None:
    try:
        whole = _node(data, start, len(data))
        tbs, algorithm, signature = _children(data, whole)
        parts = _fields(data, tbs)
        good = (algorithm.tag, signature.tag, len(parts) >= 6) == (_SEQUENCE, _BITS, True)
        return whole.end if good and parts[0].tag == _INTEGER and parts[5].tag == _SEQUENCE else None
    except ValueError:
        return None


def imitated(der: bytes, *, text: Text, number: Number, drawn: Drawn) -> bytes:
    """*der*, one certificate, with other values.

    Args:
        text: what takes the place of a string; it is cut or filled where it is not as long.
        number: what takes the place of the serial number.
        drawn: bytes for keys, identifiers and the signature, the same for the same.
    """
    return _Imitation(der, text, number, drawn).made()


class _Imitation:
    def __init__(self, der: bytes, text: Text, number: Number, drawn: Drawn) -> None:
        self._der, self._made = der, bytearray(der)
        self._text, self._number, self._drawn = text, number, drawn

    def made(self) -> bytes:
        tbs, _, signature = _children(self._der, _node(self._der, 0, len(self._der)))
        serial, _, issuer, _, subject, key, *rest = _fields(self._der, tbs)
        shown = self._of(serial)
        self._put(serial, self._number(shown.lstrip(b"\0")).rjust(len(shown), b"\0"))
        for name in (issuer, subject):
            self._name(name)
        self._key(key)
        for node in rest:
            if node.tag == 0xA3:
                for extension in _children(self._der, _children(self._der, node)[0]):
                    self._extension(extension)
            else:  # unique identifiers
                self._put(node, b"\0" + self._random(node, node.end - node.start - 1))
        self._signature(signature)
        return bytes(self._made)

    def _of(self, node: _Node) -> bytes:
        return self._der[node.start : node.end]

    def _put(self, node: _Node, new: bytes) -> None:
        length = node.end - node.start
        self._made[node.start : node.end] = new[:length].ljust(length, b"x")

    def _random(self, node: _Node, length: int) -> bytes:
        return self._drawn(b"der", self._of(node))(length)

    def _name(self, name: _Node) -> None:
        for relative in _children(self._der, name):
            for pair in _children(self._der, relative):
                kind, value = _children(self._der, pair)
                if self._of(kind) != _COUNTRY:
                    self._string(value)

    def _string(self, node: _Node) -> None:
        """Another text in the same characters, as long."""
        coding = _STRINGS.get(node.tag, "latin-1")
        try:
            shown = self._of(node).decode(coding)
        except UnicodeDecodeError:
            shown, coding = self._of(node).decode("latin-1"), "latin-1"
        self._put(node, self._text(shown).encode(coding, "replace"))

    def _key(self, key: _Node) -> None:
        algorithm, bits = _children(self._der, key)
        kind, *parameters = _children(self._der, algorithm)
        if self._of(kind) == _RSA:
            inner = _node(self._der, bits.start + 1, bits.end)
            self._modulus(_children(self._der, inner)[0])
        elif self._of(kind) == _EC and (point := self._point(bits, parameters)) is not None:
            self._put(bits, b"\0" + point)
        else:
            self._put(bits, b"\0" + self._random(bits, bits.end - bits.start - 1))

    def _modulus(self, node: _Node) -> None:
        """An odd number of as many bits."""
        old = self._of(node)
        ahead = len(old) - len(old.lstrip(b"\0"))
        new = bytearray(self._random(node, len(old)))
        first = old[ahead].bit_length()
        new[:ahead] = bytes(ahead)
        new[ahead] = new[ahead] & (1 << first) - 1 | 1 << first - 1
        new[-1] |= 1
        self._put(node, bytes(new))

    def _point(self, bits: _Node, parameters: list[_Node]) -> bytes | None:
        """Another point of the same curve in the same form; None where the curve is not known."""
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        name = _CURVES.get(self._of(parameters[0])) if parameters else None
        if name is None:
            return None
        curve: ec.EllipticCurve = getattr(ec, name)()
        secret = int.from_bytes(self._random(bits, 16), "big") + 1
        compressed = self._der[bits.start + 1] != 4
        form = PublicFormat.CompressedPoint if compressed else PublicFormat.UncompressedPoint
        return ec.derive_private_key(secret, curve).public_key().public_bytes(Encoding.X962, form)

    def _extension(self, extension: _Node) -> None:
        kind, *_, value = _children(self._der, extension)
        if self._of(kind) in _KEY_IDENTIFIERS:
            self._identifiers(_node(self._der, value.start, value.end))
        else:
            self._any(value)

    def _identifiers(self, node: _Node) -> None:
        """The identifier of a key is the same in the subject's certificates and in those that it issued."""
        if node.tag in (_OCTETS, 0x80):
            self._put(node, self._random(node, node.end - node.start))
        elif node.tag == 0x82:
            shown = self._of(node)
            self._put(node, self._number(shown.lstrip(b"\0")).rjust(len(shown), b"\0"))
        else:
            for child in _children(self._der, node) if node.tag & _CONSTRUCTED else ():
                self._identifiers(child) if child.tag in (0x80, 0x82) else self._any(child)

    def _any(self, node: _Node) -> None:
        """Texts and bytes within *node*; what has a meaning of its own stays."""
        if node.tag & _CONSTRUCTED:
            children = _children(self._der, node)
            if node.tag == _SEQUENCE and len(children) == 2 and children[0].tag == _OID and children[1].tag in _STRINGS:
                children = [] if self._of(children[0]) == _COUNTRY else children[1:]
            for child in children:
                self._any(child)
        elif node.tag in _STRINGS or node.tag in (0x81, 0x82, 0x86):
            self._string(node)
        elif node.tag == 0x87:
            self._put(node, self._number(self._of(node)))
        elif node.tag == _OCTETS:
            try:
                inner = _node(self._der, node.start, node.end)
                whole = inner.end == node.end
            except ValueError:
                whole = False
            if whole:
                self._any(_node(self._der, node.start, node.end))
            else:
                self._put(node, self._random(node, node.end - node.start))

    def _signature(self, bits: _Node) -> None:
        try:
            numbers = _children(self._der, _node(self._der, bits.start + 1, bits.end))
            pair = len(numbers) == 2 and all(node.tag == _INTEGER for node in numbers)
        except ValueError:
            pair = False
        if not pair:
            self._put(bits, b"\0" + self._random(bits, bits.end - bits.start - 1))
            return
        for node in _children(self._der, _node(self._der, bits.start + 1, bits.end)):
            self._modulus(node)


def _fields(data: bytes, tbs: _Node) -> list[_Node]:
    """The fields of a TBSCertificate (RFC 5280 section 4.1) from the serial number on."""
    fields = _children(data, tbs)
    return fields[1:] if fields and fields[0].tag == 0xA0 else fields


def _children(data: bytes, node: _Node) -> list[_Node]:
    found: list[_Node] = []
    at = node.start
    while at < node.end:
        found.append(_node(data, at, node.end))
        at = found[-1].end
    return found


def _node(data: bytes, at: int, end: int) -> _Node:
    """The value that begins at *at* and ends before *end*.

    Raises:
        ValueError: it is cut off, or none of DER.
    """
    if at + 2 > end:
        raise ValueError("it is cut off")
    tag, length = data[at], data[at + 1]
    start = at + 2
    if length & 0x80:
        size = length & 0x7F
        if not 0 < size < 5 or start + size > end:
            raise ValueError("its length is none")
        length = int.from_bytes(data[start : start + size], "big")
        start += size
    if start + length > end:
        raise ValueError("it is cut off")
    return _Node(tag, start, start + length)
