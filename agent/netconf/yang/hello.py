"""A device's first message (RFC 6241 section 8.1), read once for all devices that send the same but for session-id."""

from __future__ import annotations

import hashlib
import re
import threading

from agent.model.errors import ProtocolError
from agent.netconf.payload import NETCONF_NS, parse, qname

# A positive number of 32 bits (session-id-type in RFC 6241, appendix C).
_SESSION_ID = re.compile(r"[1-9][0-9]{0,9}")
_NAME = b"session-id"
_WRITTEN = re.compile(rb"session-id\s*>\s*([1-9][0-9]{0,9})\s*</(?:[\w.-]{1,60}:)?session-id")
_MOST, _LARGEST = 64, 2**20
"""Messages whose announcement is kept, and the bytes of the largest; of a router the longest known has 180 KB."""

_announced: dict[bytes, tuple[str, ...]] = {}
_adding = threading.Lock()


def read(message: bytes, *, device: str | None = None) -> tuple[tuple[str, ...], str]:
    """The capabilities that a hello announces, in its order, and its session-id.

    Devices that announce the same in the same words share one tuple: such a hello is neither parsed nor kept again.

    Raises:
        ProtocolError: it is no hello, or its session-id none from 1 to 4294967295.
    """
    written = _written(message)
    key = None if written is None else _digest(message, written)
    announced = _announced.get(key) if key is not None else None
    if written is not None and announced is not None:
        return announced, _valid(written[1].decode(), device)
    hello = parse(message, device=device)
    if hello.tag != qname(NETCONF_NS, "hello"):
        why = "a hello without NETCONF's namespace" if hello.tag == "hello" else f"{hello.tag!r}, not with a hello"
        raise ProtocolError(f"the session begins with {why}", device=device)
    uris = hello.iter(qname(NETCONF_NS, "capability"))
    announced = tuple((uri.text or "").strip() for uri in uris if uri.text)
    number = _valid((hello.findtext(qname(NETCONF_NS, "session-id")) or "").strip(), device)
    if key is not None:
        with _adding:
            if len(_announced) >= _MOST:
                _announced.clear()
            announced = _announced.setdefault(key, announced)
    return announced, number


def _valid(number: str, device: str | None) -> str:
    if not _SESSION_ID.fullmatch(number) or int(number) >= 1 << 32:
        said = f"its hello has no session-id from 1 to 4294967295 (RFC 6241 section 8.1): {number!r}"
        raise ProtocolError(said, device=device)
    return number


def _written(message: bytes) -> re.Match[bytes] | None:
    """Where its session-id stands, if that can be told without parsing it.

    Where the name stands in it twice, and there is such an element with a number in it, these are its two tags: any
    other digits there make another number, and nothing else of it another.
    """
    if len(message) > _LARGEST or message.count(_NAME) != 2:
        return None
    return _WRITTEN.search(message)


def _digest(message: bytes, written: re.Match[bytes]) -> bytes:
    """Of all but the number; its place counts, so that nothing can stand for what was ahead of it or behind it."""
    view = memoryview(message)
    digest = hashlib.sha256(b"%d " % written.start(1))
    digest.update(view[: written.start(1)])
    digest.update(view[written.end(1) :])
    return digest.digest()
