"""Write the sources of the site into FOLDER: README and docs/ as they are, and a page made of the commands' help.

Sphinx makes the site of them (``make docs``); pages stay where they are, so links are those of the repository.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

from scripts.man import commands, words

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
_LINK = re.compile(r"(?<=\]\()([^)#:\s]+)(?=[)#])")
_FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_WIDTH = 100


def pages() -> list[Path]:
    """What the site is made of: the pages at the root of the repository and in docs/, and those that they lead to.

    Raises:
        ValueError: a link leads to nothing.
    """
    found = [ROOT / f"{name}.md" for name in ("README", "ARCHITECTURE", "SECURITY", "CHANGELOG")]
    found += sorted((ROOT / "docs").glob("*.md"))
    for page in found:  # which grows meanwhile
        found += [one for one in _linked(page) if one.suffix == ".md" and one not in found]
    return found


def _linked(page: Path) -> list[Path]:
    """The files that *page* links to."""
    links = _LINK.findall(_FENCED.sub("", page.read_text(encoding="utf-8")))
    found = {link: (page.parent / link).resolve() for link in links}
    for link, target in found.items():
        if not target.is_relative_to(ROOT) or not target.is_file():
            raise ValueError(f"{page}: the link {link} leads to nothing")
    return list(dict.fromkeys(found.values()))


def write(folder: Path) -> None:
    """All sources into *folder*, in place of what is there; README is the first page.

    Raises:
        ValueError: a link leads to nothing.
    """
    shutil.rmtree(folder, ignore_errors=True)
    found = pages()
    for page in found:
        text = _LINK.sub(lambda match: _renamed(match[1], page.parent), page.read_text(encoding="utf-8"))  # noqa: B023
        text += _contents(found) if page == ROOT / "README.md" else ""
        _put(folder / _renamed(str(page.relative_to(ROOT)), ROOT), text)
        for file in _linked(page):
            if file.suffix != ".md":
                (folder / file.relative_to(ROOT)).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file, folder / file.relative_to(ROOT))
    _put(folder / "commands.md", _help())


def _renamed(link: str, folder: Path) -> str:
    """A *link* from *folder*, which leads to the first page where it led to README."""
    first = (folder / link).resolve() == ROOT / "README.md"
    return f"{link.removesuffix('README.md')}index.md" if first else link


def _contents(found: list[Path]) -> str:
    """The table of contents, which is seen beside each page and not in it; a page that no part names is in the last."""
    listed = {name for names in _PARTS.values() for name in names}
    every = (source.relative_to(ROOT).with_suffix("").as_posix() for source in found)
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
        parts.append(f"## {words(context)}\n\n```text\n{command.get_help(told)}\n```\n")
    return "\n".join(parts)


def _put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
