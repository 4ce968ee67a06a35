"""Modules that only the device has: fetched by get-schema, bounded, cached by content, resolved by pyang."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from agent.model.errors import SchemaError
from agent.netconf.yang import yangtext
from agent.netconf.yang.capability import NAME, REVISION, Capabilities
from agent.netconf.yang.yangtext import Header

MOST = 40
LIBRARY = "yang-library.json"
"""The file that says what is in a folder of fetched modules (RFC 7895)."""
_ATTEMPTS = 10

Fetch = Callable[[str, str], str]
_storing = threading.Lock()


def fetch_modules(
    module: str, revision: str, fetch: Fetch, capabilities: Capabilities, cache_dir: Path | None = None
) -> Path:
    """Fetch *module* and what it imports; the path of its file in a cache folder named by the digest of all texts.

    At most 40 modules of at most 4 MiB each are taken. Equal texts share one folder; it holds a ``yang-library.json``
    that pyang made, which says what is implemented and what only imported. A folder appears whole, by one rename.

    Raises:
        SchemaError: too many or too large, an impossible name, texts that pyang refuses, or a folder that cannot be
            written.
        AgentError: get-schema failed.
    """
    texts = _fetch_all(module, revision, fetch, capabilities)
    files = {_file_name(head): text.encode() for head, text in texts.items()}
    digest = hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()
    cache = cache_dir or Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()) / "xr-agent" / "yang"
    folder = cache / digest[:32]
    try:
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _storing:
            if not _whole(folder, files):
                files[LIBRARY] = json.dumps(yangtext.library(module, texts)).encode()
                store(folder, files)
    except OSError as error:
        raise SchemaError(f"{module} cannot be kept in {folder.parent}: {error.strerror or error}") from error
    return folder / next(_file_name(head) for head in texts if head.name == module)


def _fetch_all(module: str, revision: str, fetch: Fetch, capabilities: Capabilities) -> dict[Header, str]:
    texts: dict[Header, str] = {}
    asked: set[tuple[str, str]] = set()
    wanted: list[tuple[str, str | None]] = [(module, revision)]
    while wanted:
        name, exact = wanted.pop(0)
        announced = capabilities.module(name)
        when = exact or (announced.revision if announced else None) or ""
        if (name, when) in asked:
            continue
        if len(asked) >= MOST:
            raise SchemaError(f"{module} needs more than {MOST} modules")
        asked.add((name, when))
        if not NAME.fullmatch(name) or (when and not REVISION.fullmatch(when)):
            raise SchemaError(f"a module named {name!r}@{when!r} is not fetched")
        text = fetch(name, when)
        head = yangtext.header(text, name)
        texts[head] = text
        wanted += head.needs
    return texts


def _file_name(head: Header) -> str:
    return f"{head.name}@{head.revision}.yang" if head.revision else f"{head.name}.yang"


def _whole(folder: Path, files: Mapping[str, bytes]) -> bool:
    """Whether *folder* has all of *files* as they are, and its library: somebody may have cleaned it up."""
    try:
        json.loads((folder / LIBRARY).read_bytes())
        return all((folder / name).read_bytes() == raw for name, raw in files.items())
    except (OSError, ValueError):
        return False


def store(folder: Path, files: Mapping[str, bytes]) -> None:
    """Make *folder* with *files* appear at once.

    What stands in its way is as good where another process made the same meanwhile; else it is moved aside.
    """
    with tempfile.TemporaryDirectory(prefix=".new-", dir=folder.parent, ignore_cleanup_errors=True) as work:
        made = Path(work, "made")
        made.mkdir(mode=0o700)
        for name, raw in files.items():
            (made / name).write_bytes(raw)  # what a crash leaves of it is not whole, and so made again
        _appear(made, folder, files)


def _appear(made: Path, folder: Path, files: Mapping[str, bytes]) -> None:
    for attempt in range(_ATTEMPTS):
        try:
            made.rename(folder)
        except OSError:
            if _whole(folder, files):
                return
            if attempt + 1 == _ATTEMPTS:
                raise
            with contextlib.suppress(FileNotFoundError):  # it gave way to another process by now
                folder.rename(made.with_name(f"left-{attempt}"))
        else:
            return
