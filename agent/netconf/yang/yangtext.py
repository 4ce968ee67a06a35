"""YANG module texts of devices, read by pyang: one thread at a time, since pyang has one XPath parser per process."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent.model.errors import SchemaError

LARGEST = 4 * 2**20
_LONGEST = 1 << 34
"""The sum of all lines' lengths squared: pyang copies the rest of a line at each word of it."""
MOST_HEADERS = 4096
UNMEANT = (ArithmeticError, AssertionError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What pyang and yangson raise over text that is cut short or twisted, and did not think of."""

_parsing = threading.Lock()
headers: dict[bytes, Header] = {}


@dataclass(frozen=True, slots=True)
class Header:
    """What the head of a module or submodule says.

    Attributes:
        revision: the newest, "" where it has none.
        needs: what it imports and includes, each with the revision it insists on, or None.
    """

    name: str
    keyword: str
    revision: str
    needs: tuple[tuple[str, str | None], ...]


def header(text: str, name: str) -> Header:
    """The head of *text*, which a device gave for module *name*; read once in the process.

    Raises:
        SchemaError: it is larger than 4 MiB, no YANG, or another module's text.
    """
    raw = text.encode("utf-8", "replace")
    if len(raw) > LARGEST:
        raise SchemaError(f"{name} is larger than {LARGEST} bytes")
    if sum(len(line) ** 2 for line in raw.splitlines()) > _LONGEST:
        raise SchemaError(f"get-schema of {name} brought lines that are too long for a YANG module")
    key = hashlib.sha256(raw).digest()
    with _parsing:
        found = headers.get(key)
        if found is None:
            found = parse_header(text, name)
            if len(headers) >= MOST_HEADERS:
                headers.clear()
            headers[key] = found
    if found.name != name:
        raise SchemaError(f"get-schema of {name} brought {found.keyword} {found.name}")
    return found


def library(module: str, texts: Mapping[Header, str]) -> dict[str, object]:
    """The yang-library (RFC 7895) of *texts*, of which *module* is implemented and the others imported.

    Raises:
        SchemaError: by pyang the texts are no valid YANG.
    """
    with _parsing:
        try:
            context = _context(texts)
            for head, text in texts.items():
                context.add_module(f"{head.name}@{head.revision}", text)
            context.validate()
            grave = next(_grave(context), None)
            listed = [] if grave else _listed(module, context)
        except UNMEANT as error:
            raise SchemaError(f"the device's {module} is no valid YANG: {type(error).__name__}") from error
    if grave:
        raise SchemaError(f"the device's {module} is no valid YANG: {grave}")
    return {"ietf-yang-library:modules-state": {"module-set-id": module, "module": listed}}


def parse_header(text: str, name: str) -> Header:
    from pyang.yang_parser import YangParser

    said = "it ends too early"
    try:
        context = _context({})
        root = YangParser().parse(context, name, text)
        if root is None:
            said = next(_grave(context), said)
        elif root.keyword not in ("module", "submodule"):
            said = f"it is a {root.keyword}"
        else:
            return _head(root)
    except UNMEANT as error:
        raise SchemaError(f"get-schema of {name} brought no valid YANG module: {type(error).__name__}") from error
    raise SchemaError(f"get-schema of {name} brought no valid YANG module: {said}")


def _head(root: Any) -> Header:
    needs = []
    for one in (*root.search("import"), *root.search("include")):
        exact = one.search_one("revision-date")
        needs.append((str(one.arg), None if exact is None else str(exact.arg)))
    revision = max((str(one.arg) for one in root.search("revision")), default="")
    return Header(str(root.arg), root.keyword, revision, tuple(needs))


def _context(texts: Mapping[Header, str]) -> Any:
    """A pyang context that knows these texts and nothing of this machine's files."""
    from pyang.context import Context
    from pyang.repository import Repository

    class Texts(Repository):  # type: ignore[misc] # pyang has no types
        def get_modules_and_revisions(self, _context: object) -> Sequence[tuple[str, str | None, tuple[str, Header]]]:
            return [(head.name, head.revision or None, ("fetched", head)) for head in texts]

        def get_module_from_handle(self, handle: tuple[str, Header]) -> tuple[str, str, str]:
            return f"{handle[1].name}@{handle[1].revision}", "yang", texts[handle[1]]

    return Context(Texts())


def _grave(context: Any) -> Iterator[str]:
    from pyang.error import err_level, err_to_str, is_error

    for where, tag, arguments in context.errors:
        if is_error(err_level(tag)):
            yield f"{where.ref}:{where.line}: {err_to_str(tag, arguments)}"


def _listed(module: str, context: Any) -> list[dict[str, object]]:
    """Each module of *context* as yang-library lists it."""
    listed: list[dict[str, object]] = []
    for (name, revision), statement in context.modules.items():
        if statement.keyword != "module":
            continue
        names = {one.arg for one in statement.search("include")}  # all of its submodules, by pyang
        included = [{"name": one, "revision": _revision(day)} for one, day in context.modules if one in names]
        listed.append(
            {
                "name": name,
                "revision": _revision(revision),
                "namespace": statement.search_one("namespace").arg,
                "conformance-type": "implement" if name == module else "import",
                **({"submodule": included} if included else {}),
            }
        )
    return listed


def _revision(shown: str) -> str:
    """pyang calls it unknown where there is none."""
    return "" if shown == "unknown" else shown
