"""The manual pages: each command has one, it says all that its help does, and roff takes it without a complaint."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import click
import pytest

from scripts.man import _text, commands, page, words, write

ALL = {words(context): (context, command) for context, command in commands()}


def shown(roff: str) -> str:
    """What ``man`` shows of it; a warning of groff is the failure."""
    if shutil.which("groff") is None:
        pytest.skip("NOT TESTED with groff: it is not installed; on Debian: apt install groff-base")
    words = ["groff", "-man", "-Tutf8", "-Kutf8", "-ww", "-rLL=200n", "-P-c", "-P-b", "-P-o", "-P-u"]
    done = subprocess.run(words, input=roff, capture_output=True, text=True, timeout=600, check=True)
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("path", ALL)
def test_a_page_shows_every_option_and_exit_code(path: str) -> None:
    context, command = ALL[path]
    text = shown(page(context, command))
    for section in ("NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS", "SEE ALSO"):
        assert f"\n{section}\n" in f"\n{text}"
    for one in command.get_params(context):
        if isinstance(one, click.Option) and not one.hidden:
            assert all(re.search(rf"{option}\b", text) for option in (*one.opts, *one.secondary_opts)), one.opts
    for code in ("0", "2", "130"):
        assert re.search(rf"^ +{code}  ", text, re.MULTILINE)


def test_options_are_in_the_groups_of_the_help() -> None:
    text = shown(page(*ALL["xr-agent push"]))
    assert text.index("Inventory") < text.index("--limit") < text.index("Roll-out") < text.index("--canary")


def test_the_first_page_lists_the_commands_and_leads_to_their_pages() -> None:
    text = shown(page(*ALL["xr-agent"]))
    near = "".join(text.partition("SEE ALSO")[2].split())
    for path in ALL:
        if path != "xr-agent":
            assert f"{path.replace(' ', '-')}(1)" in near
    assert "journal.db" in text


def test_what_means_something_to_roff_is_shown_as_it_is() -> None:
    for text in (".SH NAME", "'quoted'", "a\\b --c", "…"):
        assert text in shown(f".TH X 1\n.SH T\n{_text(text)}\n").replace("\N{HYPHEN}", "-")


def test_pages_of_commands_that_are_gone_go(tmp_path: Path) -> None:
    (tmp_path / "xr-agent-gone.1").write_text("x")
    (tmp_path / "other.1").write_text("x")
    written = write(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([*written, tmp_path / "other.1"])
    assert len(written) == len(ALL)
