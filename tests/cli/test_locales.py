"""Whatever the locale, nothing ends in a traceback, and what an encoding lacks is written in ASCII."""

from __future__ import annotations

import codecs
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from agent.cli.stdio import plain
from tests.cli.lab import COMMAND, Fleet, Lab

LOCALES: dict[str, dict[str, str]] = {
    "C": {"LC_ALL": "C"},
    "POSIX": {"LC_ALL": "POSIX"},
    "empty": {"LC_ALL": "", "LANG": ""},
    "unknown": {"LC_ALL": "xx_YY.klingon"},
    "ASCII": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "latin-1": {"LC_ALL": "C", "PYTHONIOENCODING": "latin-1"},
    "latin-1, strict": {"LC_ALL": "de_DE.ISO-8859-1", "PYTHONIOENCODING": "latin-1:strict"},
    "UTF-8": {"LC_ALL": "C.UTF-8"},
}
NARROW = {"ASCII": "ascii", "latin-1": "latin-1", "latin-1, strict": "latin-1"}


def said(locale: str, words: list[str], **environment: str) -> subprocess.CompletedProcess[bytes]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG", "PYTHON"))}
    done = subprocess.run(
        [*COMMAND, *words],
        env={**kept, "PYTHONPATH": str(Path.cwd()), **environment, **LOCALES[locale]},
        capture_output=True,
        timeout=600,
        check=False,
    )
    assert b"Traceback" not in done.stderr
    assert b"Error" not in done.stderr
    return done


@pytest.mark.parametrize("locale", ["unknown", *NARROW])
def test_what_a_push_tells_and_its_table_in_any_locale(fleet: Fleet, locale: str) -> None:
    fleet.add(release="7.4.1")
    done = said(locale, fleet.words("push", "--yes"), **fleet.environment)
    assert done.returncode == 0
    written = (done.stdout + done.stderr).decode(NARROW.get(locale, "utf-8"))
    assert "\\u" not in written
    assert ("\N{BOX DRAWINGS LIGHT HORIZONTAL}" in written) == (locale not in NARROW)


@pytest.mark.parametrize("locale", LOCALES)
def test_a_table_and_the_help_in_any_locale(locale: str) -> None:
    table = said(locale, ["support", "--release", "25.2.1", "--platform", "ncs5700"])
    assert table.returncode == 0
    assert b"ncs5700" in table.stdout
    assert said(locale, ["push", "--help"]).returncode == 0


def test_a_table_of_ascii_is_the_same_table(fleet: Fleet) -> None:
    fleet.add(release="7.4.1")
    narrow, wide = (said(one, fleet.words("assess"), **fleet.environment).stdout for one in ("ASCII", "UTF-8"))
    rows = [text.decode(encoding).splitlines() for text, encoding in ((narrow, "ascii"), (wide, "utf-8"))]
    assert [len(line) for line in rows[0]] == [len(line) for line in rows[1]]


@pytest.mark.parametrize("locale", LOCALES)
def test_names_that_are_no_text_and_letters_of_others(locale: str, tmp_path: Path) -> None:
    odd = tmp_path / "b\udcff-ü密.csv"
    done = said(locale, ["assess", "-i", str(odd)])
    assert done.returncode == 2
    assert done.stderr.startswith(b"error: ")
    assert said(locale, ["recording", "check", str(odd), "--log-json"]).returncode == 2


@pytest.mark.parametrize("locale", ["C", "latin-1"])
def test_json_is_ascii_in_any(lab: Lab, locale: str) -> None:
    device = lab.add()
    environment: dict[str, Any] = {"XR_TEST_PASSWORD": lab.simulator.password}
    done = said(locale, ["show", *lab.words(device), "--format", "json"], **environment)
    assert json.loads(done.stdout.decode("ascii"))["device"] == "127.0.0.1"


@pytest.mark.parametrize("text, written", [("a · b — c…", b"a - b - c..."), ("─│└", b"-|`"), ("ü密\U0001f600", None)])
def test_what_an_encoding_lacks_is_near_or_spelled_out(text: str, written: bytes | None) -> None:
    codecs.register_error(plain.ERRORS, plain._ascii)
    assert text.encode("ascii", plain.ERRORS) == (written or b"\\xfc\\u5bc6\\U0001f600")
    assert "ü".encode("latin-1", plain.ERRORS) == b"\xfc"


def test_only_encoding_is_made_up_for() -> None:
    codecs.register_error(plain.ERRORS, plain._ascii)
    with pytest.raises(UnicodeDecodeError):
        b"\xff".decode("ascii", plain.ERRORS)
