"""Where a secret is, in place of it: an environment variable, a file, the system's keyring, a program that says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Any, Self

from agent.fleet.inventory.command import Command, Stop, commands, env_names
from agent.model.device import Secret
from agent.model.errors import InputError

_FORMS = "env:NAME, file:PATH, keyring:SERVICE/USERNAME or exec:COMMAND"
_NOBODY: Mapping[str, str] = MappingProxyType({})


class Place(Enum):
    """The kinds of places."""

    ENV = "env"
    FILE = "file"
    KEYRING = "keyring"
    EXEC = "exec"
    ASKED = "asked"


_asked: dict[str, Secret] = {}
"""Secrets that the user typed: they stay in this process, and references to them are good in it only."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A secret's place; it may be shown, logged and sent to another process, the secret may not."""

    place: Place
    name: str

    def __post_init__(self) -> None:
        if self.place is Place.ENV:
            env_names.add(self.name)

    def __reduce__(self) -> tuple[Any, ...]:  # so that it is made anew where it travels to
        return type(self), (self.place, self.name)

    @classmethod
    def parse(cls, text: str) -> Self:
        """``env:NAME``, ``file:PATH``, ``keyring:SERVICE/USERNAME`` or ``exec:COMMAND``.

        Raises:
            InputError: it is none of these; the text is not repeated, since it may be the secret itself.
        """
        kind, colon, name = text.partition(":")
        if kind == Place.EXEC.value and colon:
            Command.parse(name)
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

    def look(self, *, ask: bool = True) -> None:
        """See before any router that it can be read; of a program that is asked for each, or now is not to be asked,
        only that there is one.

        Raises:
            InputError: as of :meth:`resolve`.
        """
        if self.place is Place.EXEC and ((command := Command.parse(self.name)).each or not ask):
            command.find()
        else:
            self.resolve()

    def resolve(self, router: Mapping[str, str] = _NOBODY, stop: Stop | None = None) -> Secret:
        """The secret, read now; a program is run once for all who ask within some minutes.

        *router*: name and host of the router whose secret it is, which a program's arguments may name; *stop*: a
        cancellation, which ends a program at once.

        Raises:
            InputError: it is not there, or cannot be read.
            Interrupted: it was cancelled.
        """
        match self.place:
            case Place.ENV:
                return Secret.from_env(self.name)
            case Place.FILE:
                return Secret.from_file(self.name)
            case Place.KEYRING:
                return _from_keyring(self.name)
            case Place.EXEC:
                return commands.secret(Command.parse(self.name).of(router), stop)
            case Place.ASKED if self.name in _asked:
                return _asked[self.name]
        raise InputError(
            "a password that was typed is known in that process only", hint="use env:, file:, keyring: or exec:"
        )

    def __str__(self) -> str:
        return f"{self.place.value}:{self.name}"


def _from_keyring(name: str) -> Secret:
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError as error:
        hint = "pip install 'xr-trust-agent[keyring]'"
        raise InputError("the package keyring is not installed", hint=hint) from error
    service, _, username = name.rpartition("/")
    try:
        value = keyring.get_password(service, username)
    except KeyringError as error:
        raise InputError(
            f"the keyring cannot be read: {error}", hint="unlock it, or use env:, file: or exec:"
        ) from error
    if not value:
        raise InputError(
            f"the keyring has no password of {username} for {service}", hint=f"keyring set {service} {username}"
        )
    return Secret(value)
