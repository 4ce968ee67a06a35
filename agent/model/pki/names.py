"""Distinguished names as devices and libraries spell them."""

from __future__ import annotations

import re
from dataclasses import dataclass

_SEPARATOR = re.compile(r"(?<!\\)[,/]\s*(?=[A-Za-z0-9.]+\s*=)")


@dataclass(frozen=True, slots=True)
class DistinguishedName:
    """A distinguished name as a set of (attribute type, value), so that order, blanks and case do not matter.

    Devices write ``CN=a,O=b``, ``cn=a, o=b`` or ``/C=US/O=b/CN=a`` for one and the same name.
    """

    attributes: frozenset[tuple[str, str]]
    text: str

    @classmethod
    def parse(cls, text: str) -> DistinguishedName:
        """Read any of the usual spellings; text without ``=`` becomes a name without attributes."""
        parts = (part.partition("=") for part in _SEPARATOR.split(text.strip().lstrip("/")))
        attributes = frozenset(
            (kind.strip().upper(), " ".join(value.replace("\\", "").split()).casefold())
            for kind, equals, value in parts
            if equals
        )
        return cls(attributes, text.strip())

    def same(self, other: DistinguishedName) -> bool:
        """Whether both name the same entity; a name without attributes equals none."""
        return bool(self.attributes) and self.attributes == other.attributes

    @property
    def common_name(self) -> str | None:
        """The CN as written, if there is one."""
        found = re.search(r"(?i)\bCN\s*=\s*((?:\\.|[^,/\\])+)", self.text)
        return found.group(1).strip() if found else None

    def __str__(self) -> str:
        return self.text
