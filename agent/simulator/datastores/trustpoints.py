"""Trustpoints as the CLI spells them and as XML: in the best model the device has, or in one that only the CLI sees.

Releases before 6.7.2 carry trustpoints in no model. Their configuration then is kept in the shape of um-crypto-cfg
under a namespace of the simulator's own, which no NETCONF answer shows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lxml import etree

from agent.simulator.datastores.yangmodels import Model

CONSOLE = "urn:xr-agent:simulator:console"
_SETTINGS = ("enrollment", "crl", "vrf", "description")
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
        return self.key == "trustpoint-name" and self._has("enrollment", "local")

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
        names = holder.get(leaf, (leaf,))
        top = etree.Element(self._tag(names[0]))
        if len(names) == 2:
            self._leaf(top, names[1], value)
        elif value is None:
            top.set(f"{{{_NC}}}operation", "remove")
        else:
            top.text = value
        return top

    def _leaf(self, parent: etree._Element, name: str, value: str | None) -> None:
        leaf = etree.SubElement(parent, self._tag(name))
        if value is None:
            leaf.set(f"{{{_NC}}}operation", "remove")
        else:
            leaf.text = value or None

    def _has(self, *names: str) -> bool:
        return self.model.node([*self.path, *names]) is not None

    def _tag(self, name: str) -> str:
        return f"{{{self.model.namespace}}}{name}"


def home(models: Mapping[str, Model]) -> Home:
    """The best place a device with *models* (by module name) has."""
    um = models.get(f"{PREFIX}um-crypto-cfg")
    path = ("crypto", "ca", "trustpoint", "trustpoints", "trustpoint")
    if um is not None and um.node(list(path)) is not None:
        return Home(um, path, "trustpoint-name")
    native = models.get(f"{PREFIX}crypto-cepki-cfg")
    for root in ("crypto-ca", "crypto-cepki"):
        below = (root, "certificate-authority", "trustpoints", "trustpoint")
        if native is not None and native.node(list(below)) is not None:
            return Home(native, below, "name")
    return Home(ConsoleModel(), path, "trustpoint-name")


def read(nodes: Iterable[etree._Element]) -> dict[str, Trustpoint]:
    """The trustpoints in a datastore, whichever model they are in."""
    found = {}
    for node in nodes:
        for entry in node.iter("{*}trustpoint"):
            key = next((one for one in entry if etree.QName(one).localname in ("trustpoint-name", "name")), None)
            if key is not None:
                found[str(key.text)] = Trustpoint(
                    _enrollment(entry.find("{*}enrollment")),
                    entry.find("{*}crl/{*}optional") is not None,
                    entry.findtext("{*}vrf") or entry.findtext("{*}vrf-table/{*}vrf"),
                    entry.findtext("{*}description"),
                )
    return found


def _enrollment(element: etree._Element | None) -> str | None:
    for child in element if element is not None else ():
        name = etree.QName(child).localname
        if name in ("terminal", "local"):
            return name
        if name == "url":
            return (child.text or "").strip()
    return None


def text(nodes: Iterable[etree._Element], spelling: str = "terminal", only: str | None = None) -> str:
    """Trustpoints as the running configuration shows them."""
    shown = []
    for name, trustpoint in sorted(read(nodes).items()):
        if only in (None, name):
            shown += [f"crypto ca trustpoint {name}", *trustpoint.lines(spelling), "!"]
    return "\n".join(shown)


class BadLine(Exception):
    """A line of configuration that the device does not know; *word* is the number of the first wrong word."""

    def __init__(self, line: str, word: int, *, incomplete: bool = False) -> None:
        super().__init__(line)
        self.line, self.word, self.incomplete = line, word, incomplete


class Typing:
    """Configuration being typed: which trustpoint the lines are about, and the edits they make.

    Attributes:
        name: the trustpoint whose mode one is in, None at the top.
        lines: what was typed, as ``show configuration`` shows it; edits: the same as XML.
    """

    def __init__(self, where: Home) -> None:
        self._home = where
        self.name: str | None = None
        self.lines: list[str] = []
        self.edits: list[etree._Element] = []

    def take(self, line: str) -> None:
        """One line.

        Raises:
            BadLine: the device does not know it; nothing was taken.
        """
        words = line.split()
        if not words or words[0].startswith("!"):
            return
        if self.name is not None and self._inside(words):
            self._add(self.name, f" {' '.join(words)}")
            return
        removes = words[0] == "no"
        words = words[removes:]
        if self.name is not None and words and words[0] in _SETTINGS:
            raise BadLine(line, removes + 1, incomplete=len(words) == 1)
        wrong = _mismatch(words, ("crypto", "ca", "trustpoint"))
        if wrong is not None or len(words) > 4:
            raise BadLine(line, removes + (4 if wrong is None else wrong))
        if len(words) < 4:
            raise BadLine(line, removes + len(words), incomplete=True)
        if removes:
            self.lines += [f"no crypto ca trustpoint {words[3]}", "!"]
            self.edits.append(self._home.edit(words[3], remove=True))
            self.name = None
        else:
            self.name = words[3]
            self.edits.append(self._home.edit(self.name))
            self._add(self.name)

    def _add(self, name: str, line: str | None = None) -> None:
        head = f"crypto ca trustpoint {name}"
        if head not in self.lines:
            self.lines += [head, "!"]
        if line is not None:
            start = self.lines.index(head)
            end = self.lines.index("!", start)
            self.lines.insert(end, line)

    def _inside(self, words: Sequence[str]) -> bool:
        """Whether it is a line of the trustpoint's own mode; if so it is taken."""
        removes = words[0] == "no"
        edit = self._setting(list(words[removes:]), removes=removes)
        if edit is not None:
            self.edits.append(self._home.edit(str(self.name), edit))
        return edit is not None

    def _setting(self, words: list[str], *, removes: bool) -> etree._Element | None:
        match words:
            case ["enrollment", *_] if removes:
                return self._home.enroll(None)
            case ["enrollment", "terminal"] | ["enrollment", "url", "terminal"]:
                return self._home.enroll("terminal")
            case ["enrollment", "local"] if self._home.local:
                return self._home.enroll("local")
            case ["enrollment", "url", url]:
                return self._home.enroll(url)
            case ["crl", "optional"] | ["crl", "optional", "true"]:
                return self._home.set("crl", None if removes else "")
            case ["vrf", *name] if len(name) == 1 or removes:
                return self._home.set("vrf", None if removes else name[0])
            case ["description", *rest] if rest or removes:
                return self._home.set("description", None if removes else " ".join(rest))
        return None


def _mismatch(words: Sequence[str], wanted: Sequence[str]) -> int | None:
    """The number of the first word that is not as wanted; an abbreviation is."""
    return next(
        (n for n, (word, full) in enumerate(zip(words, wanted, strict=False)) if not full.startswith(word)), None
    )
