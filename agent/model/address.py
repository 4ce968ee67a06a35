"""Where a router or a jump host is, as people write it; read in one way wherever it is written."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address, ip_interface
from urllib.parse import unquote

from agent.model.errors import InputError

FORMS = "[user@]host[:port], an IPv6 address with a port in brackets"

_NAME = re.compile(r"\w[\w.-]{0,252}")
_PORTS = range(1, 65536)
_USUAL = (22, 830)
_MEANT_AS_A_PORT = re.compile(r"(?=.{1,5}\Z)(?:[0-9]+[Ool]?[0-9]*|[Ool][0-9]+)")
_TOO_LONG_FOR_A_PORT = 100_000


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A host, and the user and the port where they are said."""

    host: str
    user: str | None = None
    port: int | None = None

    @classmethod
    def parse(cls, text: str, *, quoting: bool = True) -> Endpoint:
        """``[user@]host[:port]``, or the same as a URL: ``ssh://[user@]host[:port]``, which OpenSSH takes as well.

        An error quotes what is no port as of :func:`no_port`, without *quoting* never.

        Raises:
            InputError: it is anything else; what stands before an ``@`` is not repeated, since it may be a password.
        """
        scheme, url, rest = text.rpartition("://")
        if url and scheme.lower() != "ssh":
            raise InputError("this is a URL of another scheme than ssh", hint=f"write {FORMS}")
        user, at, where = (rest.removesuffix("/") if url else rest).rpartition("@")
        if at:
            user = _user(user, encoded=bool(url))
        name, port = _split(where, brackets=bool(url))
        return cls(valid_host(name), user or None, _port(port, quoting=quoting) if port is not None else None)

    def __str__(self) -> str:
        shown = f"[{self.host}]" if ":" in self.host and self.port else self.host
        return f"{shown}:{self.port}" if self.port else shown


def _split(where: str, *, brackets: bool) -> tuple[str, str | None]:
    """Host and port, unread; an IPv6 address has *brackets* around it where there may be a port, in a URL always."""
    if where.startswith("["):
        name, closed, rest = where[1:].partition("]")
        if not closed or ":" not in name or not (rest == "" or rest.startswith(":")):
            raise InputError(f"{where!r} is no {FORMS}")
        return name, rest[1:] if rest else None
    if where.count(":") == 1:
        name, _, port = where.partition(":")
        return name, port
    if brackets and ":" in where:
        raise InputError(f"{where!r} is no host of a URL", hint="an IPv6 address has brackets around it there")
    return where, None


def valid_host(text: str) -> str:
    """*text*, which is a name or an address and nothing besides.

    Raises:
        InputError: it has a prefix length, a port, brackets or a path, or is an address that is none.
    """
    if ":" in text:
        good = _is(IPv6Address, text)
    elif not any(character.isalpha() for character in text):
        good = _is(IPv4Address, text)  # a resolver takes 10.1 for 10.0.0.1, and 010 for 8
    else:
        good = _NAME.fullmatch(text) is not None
    if not good:
        shown = text.rpartition("@")[2]
        raise InputError(f"{shown!r} is no host name or address", hint=_instead(shown))
    return text


def _is(kind: type[IPv4Address] | type[IPv6Address], text: str) -> bool:
    try:
        address = kind(text)
    except AddressValueError:
        return False
    if address.is_unspecified or address.is_multicast:  # no one router; a connection to 0.0.0.0 goes to this machine
        return False
    return text.isprintable() and " " not in text  # what follows the % of a zone is not looked at


def _instead(text: str) -> str:
    """What to write, which is known where only a prefix length or a netmask is too much."""
    with suppress(ValueError):
        if "/" in text:
            return f"write {ip_interface(text).ip}, without what follows it"
    return "write a name such as r1.example.net, or an address"


def _user(text: str, *, encoded: bool) -> str:
    if ":" in text:
        raise InputError("there is a password before the @", hint="give it as a reference, apart from the host")
    user = unquote(text) if encoded else text
    if not user or user.startswith("-") or not user.isprintable() or " " in user:
        raise InputError("there is no user before the @", hint=f"write {FORMS}")
    return user


def at_port(port: int) -> str:
    """The port behind what is said of a host, where it is another than usual (SSH's, or NETCONF's by RFC 6242): two
    routers may be behind one address."""
    return "" if port in _USUAL else f" at port {port}"


def no_port(value: object, otherwise: str) -> str:
    """That *value* is no port, in words: quoted where it is a number or a text of at most five digits, as ``70000``.

    One O, o or l may stand for a digit, as in ``83O``. Anything else, as a number of six digits, is called *otherwise*,
    for it may be a secret in the wrong place.
    """
    if isinstance(value, str):
        meant = _MEANT_AS_A_PORT.fullmatch(value) is not None
    else:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        meant = number and -_TOO_LONG_FOR_A_PORT < value < _TOO_LONG_FOR_A_PORT  # type: ignore[operator]
    return f"{value if meant else otherwise} is no port in 1..65535"


def _port(text: str, *, quoting: bool) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 6 and int(text) in _PORTS):
        raise InputError(no_port(text if quoting else None, "what follows the host"), hint=f"write {FORMS}")
    return int(text)
