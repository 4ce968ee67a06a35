"""The site: made without a warning, whole, and readable where there is no network."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from scripts import site
from tests.packaging.project import ROOT, make_venv, pip, run

_FETCHED = {
    "script": "src",
    "img": "src",
    "link": "href",
    "iframe": "src",
    "source": "src",
    "video": "src",
    "object": "data",
}


class Page(HTMLParser):
    """What a page fetches, and what it links to."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.links: list[str] = []
        self.targets: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag in _FETCHED and _FETCHED[tag] in given:
            self.fetched.append(given[_FETCHED[tag]])
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        self.targets.add(given.get("id", ""))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site as ``make docs`` makes it; its environment is kept in ``.venvs/``."""
    folder, kept = tmp_path_factory.mktemp("site"), ROOT / ".venvs" / "docs"
    ready, wanted = kept / ".ready", ROOT / "docs" / "requirements.txt"
    if not ready.is_file() or ready.stat().st_mtime < wanted.stat().st_mtime:
        pip(make_venv(kept), "install", "--requirement", wanted)
        ready.touch()
    site.write(folder / "pages")
    strict = ("--quiet", "--fail-on-warning", "--keep-going", "--nitpicky")
    run(
        kept / "bin" / "sphinx-build",
        *strict,
        "-c",
        ROOT / "docs",
        folder / "pages",
        folder / "site",
        cwd=ROOT,
        timeout=600,
    )
    return folder / "site"


def test_make_docs_does_the_same() -> None:
    recipe = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "sphinx-build --quiet --fail-on-warning --keep-going --nitpicky -c docs build/pages build/site" in recipe


def test_every_page_is_there_and_no_page_fetches_anything_from_elsewhere(built: Path) -> None:
    there = {path.relative_to(built).as_posix() for path in built.rglob("*.html")}
    names = {source.relative_to(ROOT).with_suffix(".html").as_posix() for source in site.pages()} - {"README.html"}
    assert {"index.html", "commands.html", *names} <= there
    for path in built.rglob("*.html"):
        elsewhere = [one for one in Page(path).fetched if re.match(r"(?:[a-z]+:)?//", one)]
        assert elsewhere == [], path
    for path in built.rglob("*.css"):
        assert (
            re.findall(r"url\(\s*['\"]?(?:https?:)?//|@import\s+['\"]?https?:", path.read_text(encoding="utf-8")) == []
        )


def test_every_link_within_the_site_leads_somewhere(built: Path) -> None:
    pages = {path: Page(path) for path in built.rglob("*.html")}
    for path, page in pages.items():
        for link in page.links:
            if re.match(r"[a-z]+:", link):
                continue
            place, _, target = link.partition("#")
            there = (path.parent / place).resolve() if place else path
            assert there.exists(), f"{path}: {link}"
            if target and there in pages:
                assert target in pages[there].targets, f"{path}: {link}"


@pytest.mark.parametrize(
    "text, what",
    [("[gone](docs/gone.md)", "leads to nothing"), ("[out](../../etc/passwd)", "leads to nothing")],
)
def test_a_link_that_leads_nowhere_is_an_error(
    text: str, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "docs").mkdir()
    for name in ("README", "ARCHITECTURE", "SECURITY", "CHANGELOG"):
        (tmp_path / f"{name}.md").write_text("# T\n")
    (tmp_path / "README.md").write_text(text)
    monkeypatch.setattr(site, "ROOT", tmp_path)
    with pytest.raises(ValueError, match=what):
        site.write(tmp_path / "made")


def test_a_page_that_is_led_to_is_one_of_the_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "more").mkdir()
    for name in ("README", "ARCHITECTURE", "SECURITY", "CHANGELOG", "more/far"):
        (tmp_path / f"{name}.md").write_text("# T\n")
    (tmp_path / "docs" / "near.md").write_text(
        "[far](../more/README.md#t) [first](../README.md)\n```\n[x](gone.md)\n```\n"
    )
    (tmp_path / "more" / "README.md").write_text("[far](far.md)\n")
    monkeypatch.setattr(site, "ROOT", tmp_path)
    site.write(tmp_path / "made")
    first = (tmp_path / "made" / "index.md").read_text()
    assert all(f"\n{name}\n" in first for name in ("docs/near", "more/README", "more/far"))
    assert "(../more/README.md#t) [first](../index.md)" in (tmp_path / "made" / "docs" / "near.md").read_text()


def test_a_page_that_nobody_listed_is_in_the_table_of_contents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "docs").mkdir()
    for name in ("README", "ARCHITECTURE", "SECURITY", "CHANGELOG", "docs/new"):
        (tmp_path / f"{name}.md").write_text("# T\n")
    monkeypatch.setattr(site, "ROOT", tmp_path)
    site.write(tmp_path / "made")
    assert "\ndocs/new\n" in (tmp_path / "made" / "index.md").read_text()
