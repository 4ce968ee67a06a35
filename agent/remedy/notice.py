"""Field notices as data: which releases, which fixes, which servers; one file each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from agent.model.errors import InputError
from agent.model.files import read_start

_BUNDLED = Path(__file__).parent / "notices" / "fn72290.json"
_LARGEST = 1 << 20
_SHAPE = 'an object with "name", "affected", "fixes", "servers" {host: day of its change} and "oldest" [major, minor]'


@dataclass(frozen=True, slots=True)
class Notice:
    """One field notice.

    Attributes:
        affected: releases on its list.
        fixes: defects whose fix cures a release on the list.
        servers: host names whose certificates changed their root, and since when (aware).
        oldest: the oldest release line it judges, e.g. (6, 0).
        related: defects whose fix is worth saying and cures nothing, with what it does.
    """

    name: str
    affected: frozenset[str]
    fixes: frozenset[str]
    servers: Mapping[str, datetime]
    oldest: tuple[int, int]
    related: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_file(cls, path: str | Path) -> Notice:
        """Read a notice in the form of ``agent/remedy/notices/fn72290.json``.

        Raises:
            InputError: the file cannot be read, or is not of that form.
        """
        data = read_start(path, _LARGEST + 1, hint="name a readable notice file")
        if len(data) > _LARGEST:
            raise InputError(f"{path}: no notice: larger than 1 MiB", hint=f"it is {_SHAPE}")
        try:
            return cls._of(json.loads(data))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
            raise InputError(f"{path}: no notice: {error!r}", hint=f"it is {_SHAPE}") from error

    @classmethod
    def _of(cls, data: Any) -> Notice:
        major, minor = data["oldest"]
        return cls(
            name=str(data["name"]),
            affected=frozenset(map(str, data["affected"])),
            fixes=frozenset(map(str, data["fixes"])),
            servers={str(host).lower(): _day(day) for host, day in data["servers"].items()},
            oldest=(int(major), int(minor)),
            related={str(defect): str(what) for defect, what in data.get("related", {}).items()},
        )

    def concerns(self, url: str) -> bool:
        """Whether *url* leads to one of the servers; text that is no URL is taken to, since it cannot be told."""
        host = _host(url)
        return host is None or host in self.servers

    def changed(self, url: str) -> datetime | None:
        """Since when the server of *url* has its new root; None for another server."""
        return self.servers.get(_host(url) or "")

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
    return Notice.from_file(_BUNDLED)


def _host(url: str) -> str | None:
    try:
        host = urlsplit(url).hostname
    except ValueError:
        return None
    return host.lower() if host else None


def _day(text: str) -> datetime:
    day = date.fromisoformat(text)
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
