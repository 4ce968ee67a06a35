"""Where a secret is, in place of the secret: an environment variable, a file, or the system's keyring."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Self

from agent.model.device import Secret
from agent.model.errors import InputError

_FORMS = "env:NAME, file:PATH or keyring:SERVICE/USERNAME"


class Place(Enum):
    """The kinds of places."""

    ENV = "env"
    FILE = "file"
    KEYRING = "keyring"
    ASKED = "asked"


_asked: dict[str, Secret] = {}
"""Secrets that the user typed: they stay in this process, and references to them are good in it only."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A secret's place; it may be shown, logged and sent to another process, the secret may not."""

    place: Place
    name: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """``env:NAME``, ``file:PATH`` or ``keyring:SERVICE/USERNAME``.

        Raises:
            InputError: it is none of these; the text is not repeated, since it may be the secret itself.
        """
        kind, colon, name = text.partition(":")
        places = {place.value: place for place in Place if place is not Place.ASKED}
        if kind not in places or not colon or not name or (kind == "keyring" and not all(name.rpartition("/"))):
            raise InputError("a secret is given as a reference, never by itself", hint=f"write {_FORMS}")
        return cls(places[kind], name)

    @classmethod
    def asked(cls, secret: Secret) -> Self:
        """A secret that the user typed, kept in this process."""
        name = str(len(_asked) + 1)
        _asked[name] = secret
        return cls(Place.ASKED, name)

    def resolve(self) -> Secret:
        """The secret, read now.

        Raises:
            InputError: it is not there, or cannot be read.
        """
        match self.place:
            case Place.ENV:
                return Secret.from_env(self.name)
            case Place.FILE:
                return Secret.from_file(self.name)
            case Place.KEYRING:
                return _from_keyring(self.name)
            case Place.ASKED if self.name in _asked:
                return _asked[self.name]
        raise InputError("a password that was typed is known in that process only", hint="use env:, file: or keyring:")

    def __str__(self) -> str:
        return f"{self.place.value}:{self.name}"


def _from_keyring(name: str) -> Secret:
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError as error:
        raise InputError("the package keyring is not installed", hint="pip install xr-trust-agent[keyring]") from error
    service, _, username = name.rpartition("/")
    try:
        value = keyring.get_password(service, username)
    except KeyringError as error:
        raise InputError(f"the keyring cannot be read: {error}", hint="unlock it, or use env: or file:") from error
    if not value:
        raise InputError(
            f"the keyring has no password of {username} for {service}", hint=f"keyring set {service} {username}"
        )
    return Secret(value)
