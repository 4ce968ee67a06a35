"""Field notices as data: which releases, which fixes, which servers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

_BUNDLED = Path(__file__).parent / "notices" / "fn72290.json"


@dataclass(frozen=True, slots=True)
class Notice:
    """One field notice.

    Attributes:
        affected: releases on its list.
        fixes: defects whose fix cures a release on the list.
        servers: host names whose certificates changed their root.
        oldest: the oldest release line it judges, e.g. (6, 0).
    """

    name: str
    affected: frozenset[str]
    fixes: frozenset[str]
    servers: frozenset[str]
    oldest: tuple[int, int]

    def concerns(self, url: str) -> bool:
        """Whether *url* leads to one of the servers; text that is no URL is taken to, since it cannot be told."""
        host = urlsplit(url).hostname
        return host is None or host.lower() in self.servers

    def too_old(self, release: str) -> bool:
        """Whether *release* is older than the notice judges; True as well for what is no release number."""
        try:
            major, minor = (int(part) for part in release.split(".")[:2])
        except ValueError:
            return True
        return (major, minor) < self.oldest


@cache
def bundled_notice() -> Notice:
    """FN72290: the withdrawal of QuoVadis Root CA 2."""
    data = json.loads(_BUNDLED.read_text(encoding="utf-8"))
    return Notice(
        name=data["name"],
        affected=frozenset(data["affected"]),
        fixes=frozenset(data["fixes"]),
        servers=frozenset(data["servers"]),
        oldest=(data["oldest"][0], data["oldest"][1]),
    )
