"""A field notice is checked when it is read: what is wrong is told once, with the file, before any router is asked."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.model.errors import InputError
from agent.model.plan import VerdictKind
from agent.model.state import Reading
from agent.remedy.assess import assess
from agent.remedy.notices.notice import Notice, bundled_notice
from agent.simulator import releases
from tests.remedy.states import ANCHOR, LICENSING, NOW, state

GOOD: dict[str, Any] = {
    "name": "FN1",
    "affected": ["9.9.1", "9.8.3"],
    "fixes": ["CSCaa00001"],
    "servers": {"ca.example": "2026-01-01"},
    "oldest": [9, 0],
    "first_fixed": ["9.9.2"],
    "fixed_since": "9.10.1",
}


def read(folder: Path, text: str) -> Notice:
    file = folder / "notice.json"
    file.write_text(text, encoding="utf-8")
    return Notice.from_file(file)


def test_another_notice_is_a_file(tmp_path: Path) -> None:
    notice = read(tmp_path, json.dumps(GOOD))
    licence = replace(LICENSING, url="https://ca.example/x")

    def judged(release: str) -> VerdictKind:
        unread = state(release=release, licence=licence, trustpool=Reading(missing="no CLI"))
        return assess(unread, ANCHOR, NOW, notice=notice).kind

    assert judged("9.9.1") is VerdictKind.AFFECTED
    assert [judged(one) for one in ("9.9.2", "9.10.1", "10.0.1")] == [VerdictKind.NOT_AFFECTED] * 3
    assert [judged(one) for one in ("9.8.4", "9.9.15", "8.1.1", "9.10.0")] == [VerdictKind.UNKNOWN] * 4
    assert assess(state(release="9.9.1"), ANCHOR, NOW, notice=notice).kind is VerdictKind.NOT_AFFECTED  # goes elsewhere


def test_a_notice_that_names_no_fixed_release_makes_none_fixed(tmp_path: Path) -> None:
    few = {key: value for key, value in GOOD.items() if key not in ("first_fixed", "fixed_since")}
    notice = read(tmp_path, json.dumps(few))
    assert [one for one in (*releases(), "9.9.2", "99.1.1") if notice.fixed(one)] == []


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"affected": "all"}, '"affected" is "all", not a list'),
        ({"affected": {"9.9.1": True}}, '"affected" is an object, not a list'),
        ({"affected": None}, '"affected" is null, not a list'),
        ({"affected": ["9.9"]}, '"affected" has "9.9", which is no release'),
        ({"affected": ["9.9.*"]}, '"affected" has "9.9.*", which is no release'),
        ({"affected": ["all"]}, '"affected" has "all", which is no release'),
        ({"affected": [9.9]}, '"affected" has 9.9, which is no release'),
        ({"affected": [" 9.9.1"]}, "which is no release"),
        ({"affected": ["9.9.01"]}, "which is no release"),
        ({"affected": [["9.9.1"]]}, "which is no release"),
        ({"fixes": "CSCaa00001"}, '"fixes" is "CSCaa00001", not a list'),
        ({"fixes": ["cscaa1"]}, '"fixes" has "cscaa1", which is no defect'),
        ({"servers": ["ca.example"]}, '"servers" is ["ca.example"], not an object'),
        ({"servers": {}}, '"servers" names no server'),
        ({"servers": {"https://ca.example": "2026-01-01"}}, "which is no host name"),
        ({"servers": {"ca.example.": "2026-01-01"}}, "which is no host name"),
        ({"servers": {"ca.example:443": "2026-01-01"}}, "which is no host name"),
        ({"servers": {"CA.example": "2026-01-01", "ca.example": "2026-01-02"}}, "names a host twice"),
        ({"servers": {"ca.example": "2026-02-30"}}, '"2026-02-30" for ca.example, which is no day'),
        ({"servers": {"ca.example": "01.02.2026"}}, "which is no day"),
        ({"servers": {"ca.example": "20260101"}}, "which is no day"),
        ({"servers": {"ca.example": "2026-01-01T00:00:00"}}, "which is no day"),
        ({"servers": {"ca.example": 20260101}}, "which is no day"),
        ({"servers": {"ca.example": None}}, "which is no day"),
        ({"oldest": "9.0"}, '"oldest" is "9.0", not a list'),
        ({"oldest": [9]}, '"oldest" is [9], not a line'),
        ({"oldest": [9, 0, 1]}, "not a line"),
        ({"oldest": ["9", "0"]}, "not a line"),
        ({"oldest": [True, 0]}, "not a line"),
        ({"oldest": [-1, 0]}, "not a line"),
        ({"oldest": [9.0, 0]}, "not a line"),
        ({"name": 1}, '"name" is 1, not a text'),
        ({"name": " "}, "not a text"),
        ({"revision": 1.1}, '"revision" is 1.1, not a text'),
        ({"sources": "a document"}, '"sources" is "a document", not a list'),
        ({"related": ["CSCaa00002"]}, "not an object"),
        ({"related": {"one": "what"}}, '"related" has "one", which is no defect'),
        ({"related": {"CSCaa00002": 1}}, "not a text"),
        ({"first_fixed": {"9.9": "9.9.2"}}, '"first_fixed" is an object, not a list'),
        ({"first_fixed": ["9.9"]}, '"first_fixed" has "9.9", which is no release'),
        ({"first_fixed": ["9.9.2", "9.9.3"]}, "two releases of the line of 9.9.2"),
        ({"first_fixed": ["9.9.1"]}, '9.9.1 is "affected", and not older than 9.9.1'),
        ({"affected": ["9.10.2"]}, '9.10.2 is "affected", and not older than 9.10.1'),
        ({"fixed_since": "9.10"}, '"fixed_since" is "9.10", which is no release'),
        ({"fixed_since": [9, 10]}, "which is no release"),
        ({"afected": []}, 'it has no "afected"; its keys are'),
        ({"affected": ["x" * 5000]}, "..., which is no release"),
    ],
)
def test_what_is_wrong_with_a_notice_is_one_error_with_its_file(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError) as raised:
        read(tmp_path, json.dumps(GOOD | changes))
    assert raised.value.message.startswith(f"{tmp_path / 'notice.json'}: no notice: ")
    assert said in raised.value.message
    assert len(raised.value.message) < len(str(tmp_path)) + 300
    assert '"affected" [releases]' in (raised.value.hint or "")


@pytest.mark.parametrize("key", ["name", "affected", "fixes", "servers", "oldest"])
def test_what_a_notice_needs_is_missed(tmp_path: Path, key: str) -> None:
    with pytest.raises(InputError, match=f'"{key}" is missing'):
        read(tmp_path, json.dumps({other: value for other, value in GOOD.items() if other != key}))


@pytest.mark.parametrize(
    "text, said",
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[]", r"it is \[\], not an object"),
        ('"all"', "not an object"),
        ("null", "not an object"),
        ("[" * 100_000, "nested too deeply"),
        (f'{{"oldest": {"1" * 5000}}}', "not JSON"),
        ('{"affected": ["7.3.1"], "affected": []}', '"affected" stands there twice'),
        ('{"servers": {"a.example": "2026-01-01", "a.example": "2020-01-01"}}', '"a.example" stands there twice'),
        (" " * (1 << 20) + "{}", "larger than 1 MiB"),
    ],
)
def test_a_file_that_is_no_notice_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read(tmp_path, text)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "n.json").write_bytes(b'{"name": "\xff\xfe"}')
    with pytest.raises(InputError, match="not JSON"):
        Notice.from_file(tmp_path / "n.json")


def test_every_known_release_is_listed_or_fixed_or_of_a_line_before_any_fix() -> None:
    notice = bundled_notice()
    left = [one for one in releases() if one not in notice.affected and not notice.fixed(one)]
    assert left == ["5.3.0", "5.3.1", "5.3.2", "5.3.3", "5.3.4"]
    assert all(notice.too_old(one) for one in left)
