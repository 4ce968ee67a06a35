"""Text from a device, made fit for a terminal: nothing in it may act, and no secret in it may show."""

from __future__ import annotations

import re
from collections.abc import Mapping

_SECRET = re.compile(r"password|passphrase|secret|key-string|idtoken|id-token")
# It starts at "://", not at the scheme: a megabyte of letters before it would be scanned once for each letter.
_USERINFO = re.compile(r"(?P<head>://[^\s/@:]*):[^\s/@]+@")
_MASK = "***"


def _acts(character: str) -> bool:
    """Whether a terminal obeys *character* instead of showing it: C0, C1, DEL, line separators, bidi controls."""
    code = ord(character)
    return (
        code < 0x20
        or 0x7F <= code <= 0x9F
        or code in (0x061C, 0x200E, 0x200F, 0x2028, 0x2029, 0xFEFF)
        or 0x202A <= code <= 0x202E
        or 0x2066 <= code <= 0x2069
        or 0xD800 <= code <= 0xDFFF
    )


def _spelled(character: str) -> str:
    return f"\\x{ord(character):02x}" if ord(character) < 0x100 else f"\\u{ord(character):04x}"


def neutralise(text: str, *, lines: bool = False) -> str:
    """*text* with every control character spelled out, ESC as ``\\x1b``; line feeds stay where *lines* is set.

    Passwords inside URLs (``scheme://user:password@``) are masked as well.
    """
    safe = "".join(
        _spelled(character) if _acts(character) and not (lines and character == "\n") else character
        for character in text
    )
    return masked(safe)


def masked(text: str) -> str:
    """*text* with the password of every URL in it replaced by ``***`` (RFC 3986 section 3.2.1)."""
    return _USERINFO.sub(rf"\g<head>:{_MASK}@", text) if "://" in text else text


def without_secrets(tree: object, *, below: bool = False) -> object:
    """Decoded or raw data with the values of secret leaves replaced by ``***``.

    A leaf is secret when its name, or a container's it stands in, speaks of a password, passphrase, secret or token.
    """
    if isinstance(tree, Mapping):
        return {
            name: without_secrets(value, below=below or bool(_SECRET.search(name.rpartition(":")[2].lower())))
            if not name.startswith("@")
            else value
            for name, value in tree.items()
        }
    if isinstance(tree, list | tuple):
        return [without_secrets(value, below=below) for value in tree]
    if isinstance(tree, str):
        return _MASK if below and tree else masked(tree)
    return tree
