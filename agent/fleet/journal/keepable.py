"""What may be kept for good: JSON values without a secret in them."""

from __future__ import annotations

import json
from collections.abc import Mapping

from agent.fleet.inventory.reference import Reference
from agent.model.device import Secret
from agent.model.errors import InputError
from agent.model.masking.redact import MASK, masked, names_a_secret

_PUBLIC = frozenset({"settings.key", "settings.host_key"})
"""Options whose name says key, and whose value is the path of one, or a public one."""


def stored(text: str) -> str:
    """*text* as UTF-8 can carry it, with the passwords of its URLs masked."""
    return masked(text).encode("utf-8", "backslashreplace").decode("utf-8")


def kept(value: object, where: str) -> str:
    """*value* as one line of JSON, the passwords of its URLs masked.

    Raises:
        TypeError: it, or something in it, is no JSON value, is a :class:`Secret`, or stands under a name such as
            ``password`` and is no reference; *where* begins the path that the error gives, the value is not repeated.
        ValueError: a number is infinite or none.
    """
    return json.dumps(_plain(value, where), separators=(",", ":"), allow_nan=False)


def _plain(value: object, where: str) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        secret = where not in _PUBLIC and names_a_secret(where.rpartition(".")[2])
        if secret and value != MASK and not _is_reference(value):
            raise TypeError(f"{where} is a text that is no reference: a secret is kept nowhere")
        return masked(value)
    if isinstance(value, Mapping):
        if not all(isinstance(name, str) for name in value):
            raise TypeError(f"{where} has a name that is no text")
        return {name: _plain(below, f"{where}.{name}") for name, below in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(below, where) for below in value]
    if isinstance(value, Secret):
        raise TypeError(f"{where} is a Secret: keep the reference to it")
    raise TypeError(f"{where} is a {type(value).__name__}, no JSON value")


def _is_reference(text: str) -> bool:
    try:
        Reference.parse(text)
    except InputError:
        return False
    return True
