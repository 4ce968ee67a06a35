"""Trustpoints as the CLI spells them and as XML: in the best model the device has, or in one that only the CLI sees.

Releases before 6.7.2 carry trustpoints in no model. Their configuration then is kept in the shape of um-crypto-cfg
under a namespace of the simulator's own, which no NETCONF answer shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from lxml import etree

from agent.simulator.datastores.grammar import understand
from agent.simulator.datastores.yangmodels import Model

CONSOLE = "urn:xr-agent:simulator:console"
_NC = "urn:ietf:params:xml:ns:netconf:base:1.0"
PREFIX = "Cisco-IOS-XR-"


class ConsoleModel:
    """The model of what only the CLI sees; in place of a :class:`Model`."""

    namespace = CONSOLE

    def node(self, path: list[str]) -> Any:
        """Every node but ``local`` is there: the releases concerned do not know it."""
        return None if path[-1] == "local" else path

    def key(self, path: list[str]) -> str | None:
        """The key of the one list."""
        return "trustpoint-name" if path[-2:] == ["trustpoints", "trustpoint"] else None

    def wrong(self, root: etree._Element) -> str | None:
        """Nothing is."""
        return None


@dataclass(frozen=True)
class Trustpoint:
    """One trustpoint's configuration, as far as the simulator knows it."""

    enrollment: str | None = None
    crl_optional: bool = False
    vrf: str | None = None
    description: str | None = None

    def lines(self, spelling: str = "terminal") -> list[str]:
        """The lines below ``crypto ca trustpoint NAME``."""
        kind = {None: [], "terminal": [spelling], "local": ["local"]}.get(self.enrollment, [f"url {self.enrollment}"])
        return [
            *([f" description {self.description}"] if self.description else []),
            *([" crl optional true"] if self.crl_optional else []),
            *([f" vrf {self.vrf}"] if self.vrf else []),
            *(f" enrollment {one}" for one in kind),
        ]


@dataclass(frozen=True)
class Home:
    """Where a device keeps trustpoints: the path from the root to the list, and its key."""

    model: Any
    path: tuple[str, ...]
    key: str

    @property
    def local(self) -> bool:
        """Whether ``enrollment local`` exists."""
        leaf = [*self.path, "enrollment", "local"]
        return self.key == "trustpoint-name" and self.model.node(leaf) is not None

    def edit(self, name: str, *inner: etree._Element, remove: bool = False) -> etree._Element:
        """The top-level element of an edit of one trustpoint."""
        root = node = etree.Element(self._tag(self.path[0]), nsmap={None: self.model.namespace})  # type: ignore[dict-item] # None is the default
        for step in self.path[1:]:
            node = etree.SubElement(node, self._tag(step))
        if remove:
            node.set(f"{{{_NC}}}operation", "remove")
        etree.SubElement(node, self._tag(self.key)).text = name
        node.extend(inner)
        return root

    def enroll(self, how: str | None) -> etree._Element:
        """The edit that makes *how* (terminal, local, a URL, None for none) the enrollment."""
        element = etree.Element(self._tag("enrollment"))
        if self.key == "name":
            self._leaf(element, "url", how)
            return element
        for kind in ("terminal", "local", "url"):
            wanted = kind == (how if how in ("terminal", "local") else "url" if how else None)
            if kind != "local" or self.local:
                self._leaf(element, kind, (how if kind == "url" else "") if wanted else None)
        return element

    def set(self, leaf: str, value: str | None) -> etree._Element:
        """The edit of ``vrf``, ``description`` or ``crl``; None takes it away."""
        holder = {"crl": ("crl", "optional"), "vrf": ("vrf-table", "vrf") if self.key == "name" else ("vrf",)}
        *above, last = holder.get(leaf, (leaf,))
        root = node = etree.Element("root")
        for step in above:
            node = etree.SubElement(node, self._tag(step))
        self._leaf(node, last, value)
        return root[0]

    def _leaf(self, parent: etree._Element, name: str, value: str | None) -> None:
        leaf = etree.SubElement(parent, self._tag(name))
        if value is None:
            leaf.set(f"{{{_NC}}}operation", "remove")
        else:
            leaf.text = value or None

    def _tag(self, name: str) -> str:
        return f"{{{self.model.namespace}}}{name}"


def home(models: Mapping[str, Model]) -> Home:
    """The best place a device with *models* (by module name) has."""
    path = ("crypto", "ca", "trustpoint", "trustpoints", "trustpoint")
    native = ("certificate-authority", "trustpoints", "trustpoint")
    for module, below, key in (
        ("um-crypto-cfg", path, "trustpoint-name"),
        ("crypto-cepki-cfg", ("crypto-ca", *native), "name"),
        ("crypto-cepki-cfg", ("crypto-cepki", *native), "name"),
    ):
        model = models.get(PREFIX + module)
        if model is not None and model.node(list(below)) is not None:
            return Home(model, below, key)
    return Home(ConsoleModel(), path, "trustpoint-name")


def read(nodes: Iterable[etree._Element]) -> dict[str, Trustpoint]:
    """The trustpoints in a datastore, whichever model they are in."""
    found = {}
    for node in nodes:
        for entry in node.iter("{*}trustpoint"):
            key = entry.findtext("{*}trustpoint-name") or entry.findtext("{*}name")
            if key is not None:
                found[key] = Trustpoint(
                    _enrollment(entry),
                    entry.find("{*}crl/{*}optional") is not None,
                    entry.findtext("{*}vrf") or entry.findtext("{*}vrf-table/{*}vrf"),
                    entry.findtext("{*}description"),
                )
    return found


def _enrollment(trustpoint: etree._Element) -> str | None:
    for kind in ("terminal", "local"):
        if trustpoint.find(f"{{*}}enrollment/{{*}}{kind}") is not None:
            return kind
    url = trustpoint.findtext("{*}enrollment/{*}url")
    return None if url is None else url.strip()


def text(nodes: Iterable[etree._Element], spelling: str = "terminal", only: str | None = None) -> str:
    """Trustpoints as the running configuration shows them."""
    shown = []
    for name, trustpoint in sorted(read(nodes).items()):
        if only in (None, name):
            shown += [f"crypto ca trustpoint {name}", *trustpoint.lines(spelling), "!"]
    return "\n".join(shown)


class Typing:
    """Configuration being typed: which trustpoint the lines are about, and the edits they make.

    Attributes:
        name: the trustpoint whose mode one is in, None at the top.
        edits: what was typed, as XML.
    """

    def __init__(self, where: Home, name: str | None = None) -> None:
        self._home = where
        self.name = name
        self._typed: dict[str, list[str]] = {}
        self.edits: list[etree._Element] = []

    @property
    def lines(self) -> list[str]:
        """The same as ``show configuration`` shows it."""
        return [line for head, below in self._typed.items() for line in (head, *below, "!")]

    def take(self, line: str) -> None:
        """One line.

        Raises:
            NoCommand: the device does not know it; nothing was taken.
        """
        if not line.strip() or line.strip().startswith("!"):
            return
        inside = [one for one in _INSIDE if self._home.local or one != "enrollment local"] if self.name else []
        command = understand(line, [*inside, _TRUSTPOINT, f"no {_TRUSTPOINT}"])
        if command.pattern in inside:
            edit = _INSIDE[command.pattern](self._home, *command.arguments)
            self.edits.append(self._home.edit(str(self.name), edit))
            self._typed.setdefault(f"crypto ca trustpoint {self.name}", []).append(f" {command.text}")
            return
        removes, (name,) = command.pattern.startswith("no "), command.arguments
        self.name = None if removes else name
        self.edits.append(self._home.edit(name, remove=removes))
        self._typed.setdefault(command.text, [])


_TRUSTPOINT = "crypto ca trustpoint <name>"
_INSIDE: Mapping[str, Callable[..., etree._Element]] = {
    "enrollment terminal": lambda home: home.enroll("terminal"),
    "enrollment url terminal": lambda home: home.enroll("terminal"),
    "enrollment local": lambda home: home.enroll("local"),
    "enrollment url <url>": lambda home, url: home.enroll(url),
    "no enrollment": lambda home: home.enroll(None),
    "no enrollment <rest>": lambda home, _: home.enroll(None),
    "crl optional": lambda home: home.set("crl", ""),
    "crl optional true": lambda home: home.set("crl", ""),
    "no crl optional": lambda home: home.set("crl", None),
    "no crl optional true": lambda home: home.set("crl", None),
    "vrf <name>": lambda home, name: home.set("vrf", name),
    "no vrf": lambda home: home.set("vrf", None),
    "no vrf <rest>": lambda home, _: home.set("vrf", None),
    "description <rest>": lambda home, text: home.set("description", text),
    "no description": lambda home: home.set("description", None),
    "no description <rest>": lambda home, _: home.set("description", None),
}
"""A trustpoint's own mode: each line, and the edit it makes."""
