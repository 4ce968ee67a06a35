"""What one entry of an inventory says about a router, checked and typed; pure: it knows no file and no nornir.

No error quotes a value but a host, windows that overlap, or outside ``data`` what is nearly a port: what stands at a
wrong place may be a secret, and the line is said.

Nornir's entries (a host, a group, the defaults) say it in three places, the first of which counts:

1. ``data: xr_agent:``, our own keys: :data:`OURS`;
2. ``connection_options: netconf:``, as nornir_netconf has it: hostname, port, username, password;
3. the entry's own hostname, port, username, password, platform.

Within each place the host counts before its groups, a near group before a farther one, the defaults come last; key by
key. What ``port`` of an entry itself means depends on who wrote it: see :meth:`Entry.target`.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from agent.fleet.inventory.command import Command
from agent.fleet.inventory.reference import Place, Reference
from agent.fleet.inventory.target import Target
from agent.fleet.window.windows import Window, windows
from agent.fleet.window.zone import Zone
from agent.model.address import Endpoint, no_port
from agent.model.errors import InputError
from agent.model.masking.redact import masked, names_a_secret
from agent.model.masking.text import neutralise
from agent.model.method import Method
from agent.model.plan import Intent

A = TypeVar("A")
T = TypeVar("T")

NETCONF_PORT, _SSH_PORT = 830, 22

_DATA = "data"
KEY = "xr_agent"
"""The name under an entry's ``data`` below which our settings are."""

_HINTS = {
    "port": "write netconf_port or ssh_port",
    **dict.fromkeys(("hostname", "username", "platform"), "this key of nornir's stands in the entry itself"),
}
_BLANKS = str.maketrans("\t\r\n", "   ")
_COMMENTS = ("#", ";", "!", "//")
_SWITCHES = {"true": True, "yes": True, "false": False, "no": False}
_DEEPEST = 40
_MOST_VALUES = 100_000


class BadValue(Exception):
    """A value that cannot be used: *path* leads to it from the top of its entry."""

    def __init__(self, message: str, *path: object, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.path = tuple(map(str, path))  # YAML's keys are not all texts
        self.hint = hint

    def below(self, *path: str) -> BadValue:
        """The same, seen from further up."""
        return BadValue(self.message, *path, *self.path, hint=self.hint)


Layer = dict[str, Any]
"""What one place says: fields of a :class:`Target` by name, read; none where it says nothing."""


def parsed(said: Mapping[str, Any], names: Mapping[str, str], folder: Path, *path: str) -> Layer:
    """The values of *said*, which *path* leads to, that *names* knows; paths of files are relative to *folder*.

    Raises:
        BadValue: a value cannot be used.
    """
    values: Layer = {}
    readers = _READERS_OF_DATA if path[:1] == (_DATA,) else _READERS
    for key, name in names.items():
        if (value := said.get(key)) is not None:
            try:
                values[name] = readers[name](value, folder)
            except BadValue as error:
                raise error.below(*path, key) from None
    try:
        return _spread(values, values["host"]) if "host" in values else values
    except BadValue as error:
        raise error.below(*path, next(key for key, name in names.items() if name == "host")) from None


def target_of(said: Layer, name: str, groups: tuple[str, ...], data: Mapping[str, str]) -> Target:
    """The router *name*, which is read as its host where nothing else is said.

    Raises:
        BadValue: the name cannot be used.
    """
    if mark := next((mark for mark in _COMMENTS if _text(name, "a name").startswith(mark)), None):
        raise BadValue(f"the name {name!r} begins with {mark}, as a comment does", hint="call the router otherwise")
    if "host" not in said:
        said = _spread(said, _endpoint(name))
    return Target(name, groups=groups, data=data, **said)


@dataclass(frozen=True, slots=True)
class Entry:
    """What a host, a group or the defaults say.

    ``layers``: by place, the first of which counts; ``data``: the further values, by the top key they stand under, each
    with its dotted name.
    """

    layers: tuple[Layer, ...] = ({}, {}, {})
    data: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @classmethod
    def parse(cls, said: Mapping[str, Any], folder: Path) -> Entry:
        """An entry as nornir's ``dict()`` gives it.

        Raises:
            BadValue: a value cannot be used, or a key of ours is unknown.
        """
        data = {str(key): value for key, value in mapping(said, "data").items()}
        if misspelt := next(filter(_like_ours, data), None):
            raise BadValue(f"the key {misspelt!r} is unknown", "data", misspelt, hint=f"did you mean {KEY}?")
        only(mapping(said, "data", KEY), OURS, "data", KEY, hints=_HINTS)
        return cls(
            tuple(parsed(mapping(said, *path), names, folder, *path) for path, names in _PLACES),
            {key: flat(key, value) for key, value in data.items() if key != KEY},
        )

    def over(self, far: Entry) -> Entry:
        """This, and where it says nothing what *far* says; a value of ``data`` counts with all below it."""
        layers = ({**below, **above} for above, below in zip(self.layers, far.layers, strict=True))
        return Entry(tuple(layers), {**far.data, **self.data} if self.data else far.data)

    def target(self, name: str, groups: tuple[str, ...], data: Mapping[str, str]) -> Target:
        """The router *name* of which the three places say this.

        nornir's ``port`` is whatever the plugin makes of it that its user has: 22 is SSH's and 830 NETCONF's. Any other
        is NETCONF's where the SSH port is said, SSH's where the NETCONF port is said, and refused where neither is.

        Raises:
            BadValue: it cannot be told which port is meant, or as of :func:`target_of`.
        """
        ours, netconf, others = self.layers
        port = ours.get("port") or netconf.get("port")
        ssh_port, plain = ours.get("ssh_port"), others.get("port")
        if plain == _SSH_PORT or (plain != NETCONF_PORT and port):
            ssh_port = ssh_port or plain
        elif plain == NETCONF_PORT or ssh_port:
            port = port or plain
        elif plain:
            hint = f"say data: {KEY}: netconf_port or ssh_port"
            raise BadValue(f"port {plain} may be that of NETCONF or that of SSH", "port", hint=hint)
        said = {**others, **netconf, **ours, "port": port, "ssh_port": ssh_port}
        return target_of(said, name, groups, data)


def mapping(said: Mapping[Any, Any], *path: str) -> Mapping[Any, Any]:
    """The mapping that *path* leads to, empty where there is none.

    Raises:
        BadValue: something else is there, or on the way.
    """
    found = said
    for number, key in enumerate(path, 1):
        below = found.get(key, {})
        if below is None:
            return {}
        if not isinstance(below, Mapping):
            raise BadValue(f"{key} is no mapping", *path[:number], hint="write its keys below it, indented")
        found = below
    return found


def only(said: Mapping[Any, Any], known: Iterable[str], *path: str, hints: Mapping[str, str] | None = None) -> None:
    """See that *said*, which *path* leads to, has no other keys than those *known*.

    Raises:
        BadValue: of the first that is unknown; its hint is that of *hints*, else names the nearest known one.
    """
    names = set(known)
    strange = next((key for key in said if key not in names), None)
    if strange is None:
        return
    if not isinstance(strange, str):
        raise BadValue(f"the key {strange!r} is no text", *path, strange, hint="put it in quotes")
    near = nearest(strange, names)
    hint = f"did you mean {near}?" if near else f"one of {', '.join(sorted(names))}"
    raise BadValue(f"the key {strange!r} is unknown", *path, strange, hint=(hints or {}).get(strange, hint))


def nearest(word: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The one of *known* that *word* is most like, if it is like any."""
    names = list(known)
    spellings = (word, word.lower().replace("-", "_"))
    return next((found[0] for one in spellings if (found := difflib.get_close_matches(one, names, 1, cutoff))), None)


def _spread(said: Layer, where: Endpoint) -> Layer:
    """*said* with the host of *where*, and with its user and port, which must not be said otherwise."""
    made = {**said, "host": where.host}
    for name, value in (("username", where.user), ("port", where.port)):
        if value is None:
            continue
        if said.get(name) not in (None, value):
            raise BadValue(f"the {name} in the host is another than the one beside it", hint="say it once")
        made[name] = value
    return made


def router_name(text: str) -> str:
    """What a router is called that has no name besides where it is, *text*: as that is written, without the user."""
    if "://" in text:
        return str(_endpoint(text))
    return text.rpartition("@")[2]


def flat(name: str, value: object) -> dict[str, str]:
    """*value* as text by dotted names, the entries of a list by their number.

    Left out is what has no value, and what stands under a name that speaks of a secret.

    Raises:
        BadValue: it is nested too deeply, too large, or has control characters.
    """
    found = {}
    for number, (path, text) in enumerate(_leaves(value, (name,))):
        if number == _MOST_VALUES:
            raise BadValue(f"this has more than {_MOST_VALUES} values", "data", name)
        if text is None or any(map(names_a_secret, path)):
            continue
        safe = text.translate(_BLANKS)
        if not safe.isprintable() and neutralise(safe) != masked(safe):
            raise BadValue("the value has control characters", "data", *path)
        found[".".join(path)] = masked(text)
    return found


def _leaves(value: object, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str | None]]:
    if len(path) > _DEEPEST:
        raise BadValue(f"the values are nested deeper than {_DEEPEST} levels", "data", *path)
    if isinstance(value, Mapping):
        yield path, None
        for key, one in value.items():
            yield from _leaves(one, (*path, str(key)))
    elif isinstance(value, list | tuple | set | frozenset):
        yield path, None
        for number, one in enumerate(one for one in value if one is not None):
            yield from _leaves(one, (*path, str(number)))
    elif value is not None:
        yield path, str(value).lower() if isinstance(value, bool) else str(value)


@lru_cache(1024)
def _like_ours(key: str) -> bool:
    return key != KEY and nearest(key, (KEY,), 0.85) is not None


def _text(value: object, what: str = "the value") -> str:
    if not isinstance(value, str):
        raise BadValue(f"{what} is no text", hint="put it in quotes")
    if not value or not value.isprintable() or value != value.strip():
        fault = "is empty" if not value.strip() else "has control characters or blanks at its ends"
        raise BadValue(f"{what} {fault}", hint="leave the key out where there is no value")
    return value


def _by(parse: Callable[[A], T], given: A) -> T:
    """What *parse* makes of it; what it refuses is a value that cannot be used."""
    try:
        return parse(given)
    except InputError as error:
        raise BadValue(error.message, hint=error.hint) from error


def _endpoint(value: object) -> Endpoint:
    return _by(Endpoint.parse, _text(value, "a host"))


def _port(value: object, *, quoting: bool = True) -> int:
    number = int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 6 else value
    if not isinstance(number, int) or isinstance(number, bool) or not 0 < number < 65536:
        raise BadValue(no_port(value if quoting else None, "this"))
    return number


def _seconds(value: object) -> float:
    number = math.nan if isinstance(value, bool) else _number(value)
    if not 0 < number < math.inf:
        raise BadValue("this is no number of seconds above 0")
    return number


def _number(value: object) -> float:
    try:
        return float(value) if isinstance(value, int | float | str) else math.nan
    except (ValueError, OverflowError):
        return math.nan


def _switch(value: object) -> bool:
    found = _SWITCHES.get(value.lower()) if isinstance(value, str) else value
    if not isinstance(found, bool):
        raise BadValue("this is neither true nor false")
    return found


def _reference(value: object, folder: Path) -> Reference:
    reference = _by(Reference.parse, str(value))
    _text(reference.name, "a reference")
    if reference.place is Place.FILE:
        return Reference(Place.FILE, str(_path(reference.name, folder)))
    if reference.place is Place.EXEC:
        return Reference(Place.EXEC, Command.parse(reference.name).beside(folder))
    return reference


def _path(value: object, folder: Path) -> Path:
    try:
        return folder / Path(_text(value, "a path")).expanduser()
    except RuntimeError as error:
        raise BadValue("the path begins with ~ and there is no such home") from error


def _jump(value: object) -> str:
    text = _text(value, "a jump host")
    for part in text.split(","):
        _by(partial(Endpoint.parse, quoting=False), _text(part.strip(), "a host"))
    return text


def _method(value: object) -> Method:
    text = _text(value, "a method")
    try:
        return Method(text)
    except ValueError as error:
        raise BadValue("this is no method", hint=f"one of {', '.join(one.value for one in Method)}") from error


def _trustpoint(value: object) -> str:
    return _usable(_text(value, "a trustpoint"))


@lru_cache(256)
def _usable(name: str) -> str:
    try:
        return Intent(trustpoint=name).trustpoint
    except InputError as error:
        raise BadValue("this trustpoint name cannot be used", hint=error.hint) from error


def _window(value: object) -> tuple[Window, ...]:
    texts = value if isinstance(value, list) else [value]
    return _by(windows, tuple(_text(one, "a window") for one in texts))


def _zone(value: object) -> Zone:
    return _by(Zone.parse, _text(value, "a time zone"))


def _anywhere(reader: Callable[[object], Any]) -> Callable[[object, Path], Any]:
    return lambda value, _: reader(value)


_READERS: Mapping[str, Callable[[object, Path], Any]] = {
    "host": _anywhere(_endpoint),
    "port": _anywhere(_port),
    "ssh_port": _anywhere(_port),
    "username": _anywhere(_text),
    "password": _reference,
    "key_file": _path,
    "key_passphrase": _reference,
    "jump": _anywhere(_jump),
    "login_timeout": _anywhere(_seconds),
    "legacy_ssh": _anywhere(_switch),
    "platform": _anywhere(_text),
    "trustpoint": _anywhere(_trustpoint),
    "method": _anywhere(_method),
    "window": _anywhere(_window),
    "tz": _anywhere(_zone),
}
"""What an entry may say, by the field of a :class:`Target`: a further key is a line here and such a field."""

_PORT_OF_DATA = _anywhere(partial(_port, quoting=False))
_READERS_OF_DATA = {**_READERS, "port": _PORT_OF_DATA, "ssh_port": _PORT_OF_DATA}
"""The same for what stands under ``data``, of which nothing is quoted."""

SHEET = MappingProxyType({"key" if name == "key_file" else name: name for name in _READERS})
"""The columns of a CSV file, each with its field."""

_NORNIR = MappingProxyType({name: name for name in ("port", "username", "password", "platform")} | {"hostname": "host"})
_NETCONF = MappingProxyType({key: name for key, name in _NORNIR.items() if key != "platform"})

OURS = MappingProxyType(
    {
        "netconf_port" if name == "port" else column: name
        for column, name in SHEET.items()
        if name not in ("host", "username", "platform")
    }
)
"""Our settings, likewise: all that is not nornir's alone."""

_PLACES: tuple[tuple[tuple[str, ...], Mapping[str, str]], ...] = (
    ((_DATA, KEY), OURS),
    (("connection_options", "netconf"), _NETCONF),
    ((), _NORNIR),
)
"""Where in an entry what is said, each key with its field."""
