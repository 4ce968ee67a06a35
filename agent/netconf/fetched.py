"""Modules that only the device has: fetched by get-schema, bounded, cached by content, resolved by pyang."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Callable
from pathlib import Path

from agent.model.errors import SchemaError
from agent.netconf.capability import Capabilities

LARGEST = 4 * 2**20
MOST = 40
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,127}")
_REVISION = re.compile(r"\d{4}-\d\d-\d\d")
# Comments, none of them looked at twice, and the keyword.
_BEGINS = re.compile(r"\s*+(?>(?://[^\n]*\n|/\*.*?\*/)\s*)*+(?:module|submodule)\b", re.DOTALL)
_IMPORT = re.compile(r"\b(?:import|include)\s+\"?([A-Za-z_][A-Za-z0-9_.-]*)\"?\s*[{;]")

Fetch = Callable[[str, str], str]


def fetch_modules(
    module: str, revision: str, fetch: Fetch, capabilities: Capabilities, cache_dir: Path | None = None
) -> Path:
    """Fetch *module* and what it imports; the path of its file in a cache folder named by the digest of all texts.

    At most 40 modules of at most 4 MiB each are taken. Equal texts share one folder; it holds a ``yang-library.json``
    that pyang made, which says what is implemented and what only imported.

    Raises:
        SchemaError: too many or too large, an impossible name, texts that pyang refuses, or a folder that cannot be
            written.
        AgentError: get-schema failed.
    """
    texts: dict[tuple[str, str], str] = {}
    wanted = [(module, revision)]
    while wanted:
        name, when = wanted.pop(0)
        if any(name == have for have, _ in texts):
            continue
        if len(texts) >= MOST:
            raise SchemaError(f"{module} needs more than {MOST} modules")
        text = _take(fetch, name, when)
        texts[name, when] = text
        for imported in _IMPORT.findall(text):
            announced = capabilities.module(imported)
            wanted.append((imported, (announced.revision or "") if announced else ""))
    digest = hashlib.sha256("\0".join(f"{key}{texts[key]}" for key in sorted(texts)).encode()).hexdigest()
    folder = (cache_dir or _default_cache()) / digest[:32]
    try:
        if not (folder / "yang-library.json").exists():
            _store(folder, module, texts)
    except OSError as error:
        raise SchemaError(f"{module} cannot be kept in {folder.parent}: {error.strerror or error}") from error
    return folder / _file_name(module, _revision(texts, module))


def _take(fetch: Fetch, name: str, revision: str) -> str:
    if not _NAME.fullmatch(name) or (revision and not _REVISION.fullmatch(revision)):
        raise SchemaError(f"a module named {name!r}@{revision!r} is not fetched")
    text = fetch(name, revision)
    if len(text.encode()) > LARGEST:
        raise SchemaError(f"{name} is larger than {LARGEST} bytes")
    if not _BEGINS.match(text):
        raise SchemaError(f"get-schema of {name} brought no YANG module")
    return text


def _default_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()) / "xr-agent" / "yang"


def _file_name(name: str, revision: str) -> str:
    return f"{name}@{revision}.yang" if revision else f"{name}.yang"


def _revision(texts: dict[tuple[str, str], str], module: str) -> str:
    text = next(text for (name, _), text in texts.items() if name == module)
    found = re.search(r"\brevision\s+\"?(\d{4}-\d\d-\d\d)", text)
    return found.group(1) if found else ""


def _store(folder: Path, module: str, texts: dict[tuple[str, str], str]) -> None:
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as work:
        for name, _ in texts:
            Path(work, _file_name(name, _revision(texts, name))).write_text(
                next(text for (have, _), text in texts.items() if have == name), encoding="utf-8"
            )
        try:
            listed = _resolve(Path(work), module, texts)
        except (LookupError, ValueError, AttributeError, TypeError, RecursionError) as error:
            # pyang's parser runs off the end of text that is cut short or twisted; the text is the device's.
            raise SchemaError(f"the device's {module} is not valid YANG: {type(error).__name__}") from error
        Path(work, "yang-library.json").write_text(json.dumps(listed), encoding="utf-8")
        folder.mkdir(mode=0o700, exist_ok=True)
        for file in Path(work).iterdir():
            file.replace(folder / file.name)


def _resolve(folder: Path, module: str, texts: dict[tuple[str, str], str]) -> dict[str, object]:
    """The yang-library of the fetched modules (RFC 7895), as pyang's context knows them."""
    from pyang.context import Context
    from pyang.error import is_error
    from pyang.repository import FileRepository

    context = Context(FileRepository(str(folder), use_env=False, no_path_recurse=True))
    for (name, _), text in texts.items():
        context.add_module(_file_name(name, _revision(texts, name)), text)
    context.validate()
    grave = [f"{where.ref}:{where.line} {tag}" for where, tag, _ in context.errors if is_error(_level(tag))]
    if grave:
        raise SchemaError(f"the device's {module} is not valid YANG: {grave[0]}")
    modules: list[dict[str, object]] = []
    for statement in context.modules.values():
        if statement.keyword != "module":
            continue
        revision, namespace = statement.search_one("revision"), statement.search_one("namespace")
        included = [{"name": one.arg, "revision": _revision(texts, one.arg)} for one in statement.search("include")]
        modules.append(
            {
                "name": statement.arg,
                "revision": revision.arg if revision else "",
                "namespace": namespace.arg,
                "conformance-type": "implement" if statement.arg == module else "import",
                **({"submodule": included} if included else {}),
            }
        )
    return {"ietf-yang-library:modules-state": {"module-set-id": module, "module": modules}}


def _level(tag: str) -> int:
    from pyang.error import err_level

    return int(err_level(tag))
