"""The inventories without inheritance: a CSV file with a header line, and a list of hosts."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from agent.fleet.inventory.entry import SHEET, BadValue, flat, nearest, parsed, router_name, target_of
from agent.fleet.inventory.target import Target
from agent.fleet.inventory.textfile import located
from agent.model.errors import InputError
from agent.model.masking.redact import masked

_COLUMNS = ("name", *SHEET, "groups")
_OTHER_WORDS = {
    **dict.fromkeys(("address", "fqdn", "hostname", "ip", "ip_address", "mgmt_ip", "primary_ip"), "host"),
    **dict.fromkeys(("login", "user"), "username"),
    "netconf_port": "port",
    **dict.fromkeys(("identity_file", "key_file", "private_key", "ssh_key"), "key"),
    **dict.fromkeys(("jump_host", "jumphost", "proxy_jump", "proxyjump"), "jump"),
    **dict.fromkeys(("time_zone", "timezone"), "tz"),
    **dict.fromkeys(("change_window", "maintenance_window"), "window"),
}
"""What others call our columns: taken for a value of the user's own, such a column would go unheeded."""
_LIKENESS = 0.75


@dataclass(frozen=True, slots=True)
class Line:
    """A router, and the line on which it stands."""

    target: Target
    number: int


def read_csv(text: str, path: Path) -> Iterator[Line]:
    """The routers of a CSV file (RFC 4180); columns that are not ours go to the router's data.

    Raises:
        InputError: the header or a line cannot be used; the error has the line.
    """
    lines = _Lines(text)
    rows = csv.reader(lines, strict=True)
    header: list[str] | None = None
    try:
        for row in rows:
            lines.between = True
            if not any(cell.strip() for cell in row):
                continue
            if header is None:
                header = _header([cell.strip() for cell in row])
                continue
            if len(row) != len(header):
                raise BadValue(f"{len(row)} fields where the header has {len(header)}", hint="quote fields with commas")
            if [cell.strip() for cell in row] == header:
                raise BadValue("the header once more", hint="leave it out; one table has one header")
            said = {name: cell.strip() for name, cell in zip(header, row, strict=True) if cell.strip()}
            yield Line(_row(said, path.absolute().parent, f"{path}, line {lines.number}"), lines.number)
    except BadValue as error:
        raise InputError(located(path, lines.number, error.message), hint=error.hint) from error
    except csv.Error as error:
        raise InputError(located(path, lines.number, f"no valid CSV: {error}"), hint="correct it") from error


class _Lines:
    """The lines of a table without its comments: lines that begin with ``#`` where a row might begin.

    A row whose first field is in quotes is no comment, nor is a line inside of a quoted field.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self.number = 0
        self.between = True

    def __iter__(self) -> Iterator[str]:
        for line in StringIO(self._text, newline=""):
            self.number += 1
            if not (self.between and line.lstrip().startswith("#")):
                self.between = False
                yield line


def read_list(text: str, name: str) -> Iterator[Line]:
    """The routers of a list: a host a line as ``Endpoint`` reads it, the rest of a line after ``#`` is a comment.

    A router's name is its host, with the port where one is given.

    Raises:
        InputError: a line is something else; the error has the line.
    """
    for number, line in enumerate(text.split("\n"), 1):
        where = line.partition("#")[0].strip()
        if not where:
            continue
        try:
            yield Line(target_of(parsed({"host": where}, SHEET, Path()), router_name(where), (), {}), number)
        except BadValue as error:
            hint = error.hint or "one [user@]host[:port] a line"
            raise InputError(located(name, number, error.message), hint=hint) from error


def _header(names: list[str]) -> list[str]:
    if len(names) == 1 and (";" in names[0] or "\t" in names[0]):
        raise BadValue("the header has one field", hint="separate the fields by commas")
    for number, name in enumerate(names):
        if not name or name in names[:number]:
            # A first row that is no header may have a secret in it.
            fault = f"has the name of column {names.index(name) + 1}" if name else "has no name"
            raise BadValue(f"column {number + 1} of the header {fault}")
        known = _OTHER_WORDS.get(name.lower().replace("-", "_").replace(" ", "_")) or nearest(name, _COLUMNS, _LIKENESS)
        if name not in _COLUMNS and known:
            raise BadValue(f"the column {name!r} is unknown", hint=f"did you mean {known}? Else name it otherwise")
    if "name" not in names and "host" not in names:
        raise BadValue("the header has neither name nor host", hint=f"a header line first: {','.join(_COLUMNS)}")
    return names


def _row(said: Mapping[str, str], folder: Path, where: str) -> Target:
    name = said.get("name") or router_name(said.get("host", ""))
    if not name:
        raise BadValue("neither name nor host is given")
    try:
        if "," in said.get("groups", ""):
            raise BadValue("commas among groups", "groups", hint="separate groups by ;")
        groups = tuple(group for part in said.get("groups", "").split(";") if (group := part.strip()))
        data: dict[str, str] = {}
        for column, cell in said.items():
            if column not in _COLUMNS:
                data |= flat(column, cell)
        return target_of(parsed(said, SHEET, folder), name, groups, data)
    except BadValue as error:
        column = f"{error.path[-1]}: " if error.path else ""
        raise InputError(f"{where}: {column}{error.message}", device=masked(name), hint=error.hint) from error
