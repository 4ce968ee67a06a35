"""Write the sources of the site into FOLDER: README and docs/ as they are, and a page made of the commands' help.

Sphinx makes the site of them (``make docs``); pages stay where they are, so links are those of the repository.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from scripts.man import commands

ROOT = Path(__file__).resolve().parents[1]
_PARTS = {
    "Use": (
        *("docs/inventory", "docs/secrets", "docs/check", "docs/plan-files", "docs/windows", "docs/methods"),
        *("docs/verdicts", "docs/notices", "docs/next-root"),
    ),
    "Run": (
        *("docs/deploy", "docs/processes", "docs/ssh", "docs/ssh-configuration", "docs/recordings"),
        *("docs/notifications", "docs/opentelemetry"),
    ),
    "Look up": ("commands", "docs/orchestrators", "integrations/ansible/README", "docs/support", "docs/hardware"),
    "Besides": ("ARCHITECTURE", "SECURITY", "CHANGELOG"),
}
_LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)\s]*)?\)")
_TO_README = re.compile(r"\]\(((?:\.\./)*)README\.md\)")
"""A link to the README of the repository, which is the site's first page."""
_WIDTH = 100


def pages() -> Iterator[Path]:
    """What the site is made of, below the root of the repository."""
    yield from (ROOT / f"{name}.md" for name in ("README", "ARCHITECTURE", "SECURITY", "CHANGELOG"))
    yield from sorted((ROOT / "docs").glob("*.md"))
    yield from sorted((ROOT / "integrations").glob("*/README.md"))


def write(folder: Path) -> None:
    """All sources into *folder*, in place of what is there.

    Raises:
        ValueError: a link leads to nothing.
    """
    shutil.rmtree(folder, ignore_errors=True)
    for source in pages():
        text = source.read_text(encoding="utf-8")
        name = source.relative_to(ROOT).with_suffix("").as_posix()
        if name == "README":
            text += _contents()
        _put(folder / f"{'index' if name == 'README' else name}.md", _TO_README.sub(r"](\1index.md)", text))
        _bring(text, source, folder)
    _put(folder / "commands.md", _help())


def _bring(text: str, page: Path, folder: Path) -> None:
    """What *page* links to and is no page goes with it."""
    for link in _LINK.findall(text):
        target = (page.parent / link).resolve()
        if not target.is_relative_to(ROOT) or not target.is_file():
            raise ValueError(f"{page}: the link {link} leads to nothing")
        if target.suffix != ".md":
            there = folder / target.relative_to(ROOT)
            there.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(target, there)


def _contents() -> str:
    """The table of contents, which is seen beside each page and not in it; a page that no part names is in the last."""
    listed = {name for names in _PARTS.values() for name in names}
    every = (source.relative_to(ROOT).with_suffix("").as_posix() for source in pages())
    more = tuple(name for name in every if name not in listed and name != "README")
    *parts, (last, names) = _PARTS.items()
    trees = (
        f"\n```{{toctree}}\n:hidden:\n:caption: {title}\n\n" + "".join(f"{name}\n" for name in names) + "```\n"
        for title, names in (*parts, (last, (*names, *more)))
    )
    return "".join(trees)


def _help() -> str:
    """Each command's help, as it is printed where a terminal has that many columns."""
    parts = ["# Commands\n"]
    for context, command in commands():
        told = command.context_class(command, parent=context.parent, info_name=context.info_name, terminal_width=_WIDTH)
        parts.append(f"## {context.command_path}\n\n```text\n{command.get_help(told)}\n```\n")
    return "\n".join(parts)


def _put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
