"""Text from a device, made fit for a terminal: nothing in it may act, and no secret in it may show."""

from __future__ import annotations

import re
from collections.abc import Mapping

_SECRET = re.compile(r"password|passphrase|secret|key-string|idtoken|id-token")
_USERINFO = re.compile(r"(?P<head>[A-Za-z][A-Za-z0-9+.-]{0,40}://[^\s/@:]*):[^\s/@]+@")
_MASK = "***"
# What a terminal obeys instead of showing it: C0, DEL and C1, line separators, bidi controls; and halves of characters.
_ACTS = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


def _spelled(character: str) -> str:
    return f"\\x{ord(character):02x}" if ord(character) < 0x100 else f"\\u{ord(character):04x}"


def neutralise(text: str, *, lines: bool = False) -> str:
    """*text* with every control character spelled out, ESC as ``\\x1b``; line feeds stay where *lines* is set.

    Passwords inside URLs (``scheme://user:password@``) are masked as well.
    """
    safe = _ACTS.sub(lambda found: "\n" if lines and found.group() == "\n" else _spelled(found.group()), text)
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
