"""The routers of an inventory, in its order: nornir's files or plugins, a CSV file, or a list of hosts.

``docs/inventory.md`` shows each form. Everything in it is checked before the first router is reached: what is wrong is
an InputError with file, line and router, so that no push begins with half an inventory.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from agent.fleet.inventory.entry import KEY, NETCONF_PORT, OURS, BadValue, Entry, mapping, nearest, only
from agent.fleet.inventory.sheet import Line, read_csv, read_list
from agent.fleet.inventory.target import Target
from agent.fleet.inventory.textfile import located, read_file, read_stream
from agent.model.errors import InputError
from agent.model.local.stdin import standard_input
from agent.model.masking.redact import Redactor
from agent.model.masking.text import neutralise

if TYPE_CHECKING:
    from nornir.core.inventory import Defaults, Group, Host, Inventory

    from agent.fleet.inventory.yamlfile import Document

_STDIN = "standard input"
_SIMPLE = "SimpleInventory"
_HOST, _GROUP, _DEFAULTS = "host", "group", "defaults"
_MISPLACED = dict.fromkeys((*OURS, KEY), f"our settings stand below data: {KEY}:")
"""Of our keys where only nornir's may stand."""
_DEEPEST = 40


def load(source: str, *, stdin: BinaryIO | None = None, port: int = NETCONF_PORT) -> list[Target]:
    """The routers that *source* names.

    Args:
        source: ``-`` for a list of hosts on *stdin* (default: the process's), or a file: ``.txt`` such a list, ``.csv``
            a table, ``.yaml`` or ``.yml`` nornir's hosts with groups and defaults beside it; or its folder.
        port: the NETCONF port of routers whose entry gives none, by which doubles are found.

    Raises:
        InputError: it cannot be read or used, has no router, or one twice.
    """
    if source == "-":
        return _listed(read_list(read_stream(stdin or standard_input(), _STDIN), _STDIN), _STDIN, port)
    path = Path(source)
    if (path / "hosts.yaml").is_file():
        path /= "hosts.yaml"
    match path.suffix.lower():
        case ".txt":
            return _listed(read_list(read_file(path), source), source, port)
        case ".csv":
            return _listed(read_csv(read_file(path), path), source, port)
        case ".yaml" | ".yml":
            origin, inventory = simple_inventory(path, _beside(path, "groups"), _beside(path, "defaults"))
            return _targets(inventory, origin, path.absolute().parent, port)
    hint = ".yaml for nornir's hosts, .csv for a table, .txt for a list, or - for a list on standard input"
    raise InputError(f"{source}: its ending does not tell what it is", hint=hint)


def load_nornir(config: Path, *, port: int = NETCONF_PORT) -> list[Target]:
    """The routers of the inventory that a nornir configuration names: of any inventory plugin that is installed.

    Only the inventory is taken, transform function included; logging and runner of the configuration are not. Key
    files and ``file:`` references are relative to *config*'s folder.

    Raises:
        InputError: nornir cannot load it, or as for :func:`load`.
    """
    from agent.fleet.inventory.yamlfile import YAMLError, problem, read

    said = read(config).data
    from nornir.core.exceptions import PluginAlreadyRegistered, PluginNotRegistered

    try:
        origin, inventory = _configured(config, said)
    except YAMLError as error:
        line, what = problem(error)
        raise InputError(f"{config}: in a file that it names, line {line or '?'}: {what}") from error
    except (PluginAlreadyRegistered, PluginNotRegistered, ImportError) as error:
        hint = "install the package that brings the plugin, e.g. nornir-netbox or nornir-ansible"
        raise InputError(f"{config}: {error}", hint=hint) from error
    except BadValue as error:
        raise InputError(f"{config}: {'.'.join(error.path)}: {error.message}", hint=error.hint) from error
    # nornir checks nothing itself: a wrong option, file or answer ends in whatever its plugin's Python raises.
    except (OSError, LookupError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        what = Redactor().text(f"{type(error).__name__}: {error}")
        raise InputError(f"{config}: nornir cannot load this inventory: {what}", hint="try it in nornir") from error
    return _targets(inventory, origin, config.absolute().parent, port)


def _configured(config: Path, said: Mapping[Any, Any]) -> tuple[_Origin, Inventory]:
    """The inventory of nornir's configuration *said*; what nornir would read by a parser of its choice is read here."""
    wanted = mapping(said, "inventory")
    if wanted.get("plugin", _SIMPLE) != _SIMPLE:
        from nornir import InitNornir

        others = {name: said[name] for name in ("core", "ssh", "user_defined") if name in said}
        runner = {"plugin": "threaded", "options": {}}
        made = InitNornir(inventory=wanted, logging={"enabled": False}, runner=runner, **others)
        return _Origin(config), made.inventory
    origin, inventory = simple_inventory(*_files(mapping(said, "inventory", "options")))
    if wanted.get("transform_function"):
        from nornir.core.plugins.inventory import TransformFunctionRegister

        TransformFunctionRegister.auto_register()
        transform = TransformFunctionRegister.get_plugin(wanted["transform_function"])
        for host in inventory.hosts.values():
            transform(host, **(wanted.get("transform_function_options") or {}))
    return origin, inventory


def _files(options: Mapping[Any, Any]) -> tuple[Path, Path | None, Path | None]:
    """The files of hosts, groups and defaults that SimpleInventory's *options* name, or that it takes by default."""
    names = {"host_file": "hosts.yaml", "group_file": "groups.yaml", "defaults_file": "defaults.yaml"}
    only(options, {*names, "encoding"}, "inventory", "options")
    if str(options.get("encoding", "utf-8")).lower().replace("_", "-") not in ("utf-8", "utf8"):
        raise BadValue("only UTF-8 is read", "inventory", "options", "encoding", hint="save the files as UTF-8")
    hosts, *others = (Path(options.get(key, name)).expanduser() for key, name in names.items())
    groups, defaults = (path if os.path.lexists(path) else None for path in others)
    return hosts, groups, defaults


@dataclass(frozen=True, slots=True)
class _Origin:
    """Where the entries of a nornir inventory come from, for messages: the files they were read from, by kind."""

    file: Path
    documents: Mapping[str, Document] = field(default_factory=dict)

    def place(self, kind: str, path: tuple[str, ...]) -> tuple[Path, int | None]:
        document = self.documents.get(kind)
        return (document.path, document.line(path)) if document else (self.file, None)

    def refusal(self, kind: str, name: str, error: BadValue) -> InputError:
        """*error* of the entry *name* with its place; a host is a device, a group is named in the message."""
        file, line = self.place(kind, error.path if kind == _DEFAULTS else (name, *error.path))
        text = f"group {name}: {error.message}" if kind == _GROUP else error.message
        device = neutralise(name) if kind == _HOST else None
        return InputError(located(file, line, text), device=device, hint=error.hint)


def simple_inventory(hosts: Path, groups_file: Path | None, defaults_file: Path | None) -> tuple[_Origin, Inventory]:
    """Nornir's SimpleInventory, where what nornir passes over in silence is refused.

    Its plugin would read the files once more, by the parser that happens to be installed, so its objects are made here
    from what was read, as it makes them.
    """
    from nornir.core.inventory import Defaults, Group, Groups, Host, Hosts, Inventory

    from agent.fleet.inventory.yamlfile import Document, read

    documents = {_HOST: _no_other_kind(read(hosts))}
    for kind, path in ((_GROUP, groups_file), (_DEFAULTS, defaults_file)):
        documents[kind] = read(path) if path is not None else Document(hosts)
    origin = _Origin(hosts, documents)
    defaults = Defaults(**_said(origin, _DEFAULTS, "", documents[_DEFAULTS].data))
    groups = Groups({name: Group(name, **said, defaults=defaults) for name, said in _entries(origin, _GROUP)})
    made = Hosts({name: Host(name, **said, defaults=defaults) for name, said in _entries(origin, _HOST)})
    _join(origin, _GROUP, groups, groups)
    _join(origin, _HOST, made, groups)
    return origin, Inventory(hosts=made, groups=groups, defaults=defaults)


def _join(origin: _Origin, kind: str, elements: Mapping[str, Host | Group], groups: Mapping[str, Group]) -> None:
    """Put nornir's objects where *elements* have the names of their groups."""
    from nornir.core.inventory import ParentGroups

    for name, element in elements.items():
        above = [str(group) for group in element.groups]
        for number, group in enumerate(above):
            if group not in groups:
                near = nearest(group, groups)
                hint = f"did you mean {near}?" if near else "groups stand in groups.yaml beside the hosts"
                missing = BadValue(f"the group {group!r} is not defined", "groups", str(number), hint=hint)
                raise origin.refusal(kind, name, missing)
        element.groups = ParentGroups([groups[group] for group in above])


def _beside(hosts: Path, stem: str) -> Path | None:
    """The file that goes with *hosts*, by either ending of YAML."""
    found = [path for ending in (".yaml", ".yml") if os.path.lexists(path := hosts.with_name(stem + ending))]
    if len(found) > 1:
        raise InputError(f"both {found[0]} and {found[1].name} are there", hint="remove one")
    return found[0] if found else None


def _no_other_kind(hosts: Document) -> Document:
    """*hosts*, unless it is a nornir configuration or an Ansible inventory, which have the same ending."""
    names, everyone = set(hosts.data), hosts.data.get("all")
    if "inventory" in names and names <= {"inventory", "runner", "logging", "ssh", "core", "user_defined"}:
        raise InputError(f"{hosts.path} is a nornir configuration", hint="give it with --nornir-config")
    if isinstance(everyone, Mapping) and everyone.keys() & {"hosts", "children"}:
        hint = "give a nornir configuration that uses nornir-ansible with --nornir-config"
        raise InputError(f"{hosts.path} is an Ansible inventory", hint=hint)
    return hosts


def _entries(origin: _Origin, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, said in origin.documents[kind].data.items():
        if not isinstance(name, str):
            raise origin.refusal(kind, str(name), BadValue(f"the name {name!r} is no text", hint="put it in quotes"))
        yield name, _said(origin, kind, name, said)


def _said(origin: _Origin, kind: str, name: str, said: object) -> dict[str, Any]:
    """An entry as the arguments of nornir's class for it; an empty one says nothing."""
    from nornir.core.inventory import ConnectionOptions, Defaults, InventoryElement

    known = Defaults.schema() if kind == _DEFAULTS else InventoryElement.schema()
    try:
        entry = dict(mapping({name: said}, name))
        only(entry, known, hints=_MISPLACED)
        mapping(entry, "data")
        options = {}
        for connection in mapping(entry, "connection_options"):
            path = "connection_options", connection
            only(one := mapping(entry, *path), ConnectionOptions.schema(), *path, hints=_MISPLACED)
            options[connection] = ConnectionOptions(**one)
        groups = entry.get("groups") or []
        if not isinstance(groups, list) or not all(isinstance(group, str) for group in groups):
            raise BadValue("groups is no list of names", "groups", hint="write groups: [one, another]")
    except BadValue as error:
        raise origin.refusal(kind, name, error) from error
    return {**entry, "connection_options": options}


class _Merge:
    """Entries with what they inherit; what several routers inherit is made once."""

    def __init__(self, inventory: Inventory, origin: _Origin, folder: Path) -> None:
        self._origin = origin
        self._folder = folder
        self._chains: dict[int, tuple[Group, ...] | None] = {}
        self._inherited: dict[tuple[int, ...], tuple[Entry, dict[str, str]]] = {}
        self._defaults = self._entry(_DEFAULTS, "", inventory.defaults)
        self._groups = {id(group): self._entry(_GROUP, name, group) for name, group in inventory.groups.items()}

    def target(self, name: str, host: Host) -> Target:
        """The router *name*, of which *host* is the entry.

        Raises:
            InputError: its entry, or one that it inherits from, cannot be used.
        """
        own = self._entry(_HOST, str(name), host)
        try:
            chain = self._chain(host, 0)
            inherited, data = self._from(chain)
            entry = own.over(inherited)
            if own.data:
                data = _flat(entry)
            return entry.target(name, tuple(group.name for group in chain), data)
        except BadValue as error:
            raise self._origin.refusal(_HOST, str(name), error) from error

    def _entry(self, kind: str, name: str, element: Host | Group | Defaults) -> Entry:
        try:
            return Entry.parse(element.dict(), self._folder)
        except BadValue as error:
            raise self._origin.refusal(kind, name, error) from error

    def _from(self, chain: tuple[Group, ...]) -> tuple[Entry, dict[str, str]]:
        key = tuple(id(group) for group in chain)
        if key not in self._inherited:
            entry = Entry()
            for group in chain:
                if id(group) not in self._groups:
                    self._groups[id(group)] = self._entry(_GROUP, group.name, group)
                entry = entry.over(self._groups[id(group)])
            entry = entry.over(self._defaults)
            self._inherited[key] = entry, _flat(entry)
        return self._inherited[key]

    def _chain(self, element: Host | Group, depth: int) -> tuple[Group, ...]:
        """The groups of *element* in nornir's order (``extended_groups``): each group, then those it is in itself.

        nornir follows the same group again on every way that leads to it, and without end where it is its own parent.
        """
        if depth > _DEEPEST:
            raise BadValue(f"groups are nested deeper than {_DEEPEST} levels", "groups")
        chain: dict[int, Group] = {}
        for group in element.groups:
            if id(group) not in self._chains:
                self._chains[id(group)] = None
                self._chains[id(group)] = self._chain(group, depth + 1)
            above = self._chains[id(group)]
            if above is None:
                raise BadValue(f"the group {group.name!r} is its own parent", "groups")
            for one in (group, *above):
                chain.setdefault(id(one), one)
        return tuple(chain.values())


def _flat(entry: Entry) -> dict[str, str]:
    return {name: text for below in entry.data.values() for name, text in below.items()}


def _targets(inventory: Inventory, origin: _Origin, folder: Path, port: int) -> list[Target]:
    merge = _Merge(inventory, origin, folder)
    targets = [merge.target(name, host) for name, host in inventory.hosts.items()]
    return _distinct(targets, origin.file, lambda name: origin.place(_HOST, (name,))[1], port)


def _listed(lines: Iterator[Line], source: str, port: int) -> list[Target]:
    """The routers of *lines*, each name once."""
    known: dict[str, Line] = {}
    for line in lines:
        first = known.setdefault(line.target.name, line)
        if first is not line:
            text = f"the name is there already, on line {first.number}"
            hint = "give each router once, under a name of its own"
            raise InputError(located(source, line.number, text), device=line.target.name, hint=hint)
    return _distinct([line.target for line in known.values()], source, lambda name: known[name].number, port)


def _distinct(targets: list[Target], source: Path | str, line: Callable[[str], int | None], port: int) -> list[Target]:
    """*targets*, unless there is none, or two are one router: two pushes at once would wait for each other's lock."""
    if not targets:
        raise InputError(f"{source} has no router", hint="add one")
    names: dict[tuple[str, int, str | None], str] = {}
    for target in targets:
        first = names.setdefault((_canonical(target.host), target.port or port, target.jump), target.name)
        if first != target.name:
            text = f"{first} has the same address, {target.host} port {target.port or port}"
            raise InputError(located(source, line(target.name), text), device=target.name, hint="give each router once")
    return targets


def _canonical(host: str) -> str:
    """A name or address in the one spelling by which it is compared."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return host.lower().rstrip(".")
