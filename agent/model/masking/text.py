"""Text from a device, made fit for a terminal: nothing in it may act, and no secret in it may show."""

from __future__ import annotations

from collections.abc import Mapping

from agent.model.masking.redact import MASK, Redactor, masked, names_a_secret, spelled

_REDACTOR = Redactor()


def neutralise(text: str, *, lines: bool = False) -> str:
    """*text* with every control character spelled out, ESC as ``\\x1b``; line feeds stay where *lines* is set.

    Passwords inside URLs (``scheme://user:password@``) are masked as well.
    """
    return masked(spelled(text, lines=lines))


def without_secrets(tree: object, *, below: bool = False) -> object:
    """Decoded or raw data with the values of secret leaves replaced by ``***``.

    A leaf is secret when its name, or a container's it stands in, speaks of a password, secret, key or token;
    configuration as text inside another leaf is masked line by line.
    """
    if isinstance(tree, Mapping):
        return {
            name: without_secrets(value, below=below or names_a_secret(name)) if not name.startswith("@") else value
            for name, value in tree.items()
        }
    if isinstance(tree, list | tuple):
        return [without_secrets(value, below=below) for value in tree]
    if isinstance(tree, str):
        return MASK if below and tree else _REDACTOR.text(tree)
    return tree


def counted(number: int, noun: str) -> str:
    """``1 router``, ``1,204 routers``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
