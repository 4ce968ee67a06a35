"""A field notice is checked when it is read: what is wrong is told once, with the file, before any router is asked."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.model.errors import InputError
from agent.model.plan import VerdictKind
from agent.model.state import Reading, Signature
from agent.remedy.assess import assess, assess_by
from agent.remedy.notices.folder import FILE, ROOT, bundled, read
from agent.remedy.notices.notice import Notice
from agent.simulator import QUOVADIS
from agent.simulator.personas.platforms import releases
from tests.remedy.states import ANCHOR, LICENSING, NOW, state

UNREAD: Reading[Any] = Reading(missing="no CLI")
GOOD: dict[str, Any] = {
    "name": "FN1",
    "affected": ["9.9.1", "9.8.1-9.8.3"],
    "fixes": ["CSCaa00001"],
    "servers": {"ca.example": "2026-01-01"},
    "deadlines": {"comm_failed": 10, "authorization_expired": 20, "unregistered": 20},
    "oldest": [9, 0],
    "first_fixed": ["9.9.2"],
    "fixed_since": "9.10.1",
    "signatures": {
        "lost": ["FACILITY-3-LOST: the server"],
        "untrusted": ["TLS-4-BAD_PEER"],
        "reached": ["A-6-BACK"],
    },
    "piling_up": {"releases": ["9.9.1"], "effect": "9.9.1 starts late"},
}


def folder(place: Path, text: str, root: str = QUOVADIS) -> Path:
    place.mkdir(exist_ok=True)
    (place / FILE).write_text(text, encoding="utf-8")
    (place / ROOT).write_text(root, encoding="ascii")
    return place


def made(place: Path, **changes: Any) -> Notice:
    return read(folder(place, json.dumps(GOOD | changes)))


def kind(notice: Notice, release: str, **read: Any) -> VerdictKind:
    seen = state(release=release, licence=replace(LICENSING, url="https://ca.example/x"), trustpool=UNREAD, **read)
    return assess(seen, notice.root, NOW, notice=notice).kind


def test_another_notice_is_a_folder(tmp_path: Path) -> None:
    notice = made(tmp_path)
    assert [kind(notice, one) for one in ("9.9.1", "9.8.1", "9.8.2", "9.8.3")] == [VerdictKind.AFFECTED] * 4
    assert [kind(notice, one) for one in ("9.9.2", "9.10.1", "10.0.1")] == [VerdictKind.NOT_AFFECTED] * 3
    assert [kind(notice, one) for one in ("9.8.4", "9.9.15", "9.8.15", "8.1.1", "9.10.0")] == [VerdictKind.UNKNOWN] * 5
    elsewhere = assess(state(release="9.9.1"), notice.root, NOW, notice=notice)
    assert elsewhere.kind is VerdictKind.NOT_AFFECTED  # licensing goes to another server
    assert notice.piling_up is not None
    assert pickle.loads(pickle.dumps(notice)) == notice  # noqa: S301 - it travels to workers so


def test_a_notice_of_all_releases_names_all_but_the_fixed_ones(tmp_path: Path) -> None:
    notice = made(tmp_path, affected="all")
    assert [kind(notice, one) for one in ("9.8.4", "9.9.1", "9.9.15", "9.10.0", "9.0.0")] == [VerdictKind.AFFECTED] * 5
    assert [kind(notice, one) for one in ("9.9.2", "10.1.1")] == [VerdictKind.NOT_AFFECTED] * 2
    assert [kind(notice, one) for one in ("8.9.9", "9.9.1.48I")] == [VerdictKind.UNKNOWN] * 2


def test_a_notice_that_names_no_fixed_release_makes_none_fixed(tmp_path: Path) -> None:
    few = {key: value for key, value in GOOD.items() if key not in ("first_fixed", "fixed_since")}
    notice = read(folder(tmp_path, json.dumps(few)))
    assert [one for one in (*releases(), "9.9.2", "99.1.1") if notice.fixed(one)] == []


def test_of_another_root_the_list_tells_nothing(tmp_path: Path) -> None:
    """Neither that a release is on it nor that it is not, nor where licensing goes, nor since when."""
    for release in ("7.3.1", "7.9.2", "9.9.1", "25.1.1"):
        seen = state(release=release, trustpool=UNREAD, licence=replace(LICENSING, url="https://elsewhere.example/x"))
        verdict = assess(seen, bundled().root, NOW, notice=made(tmp_path))
        assert verdict.kind is VerdictKind.UNKNOWN
        assert "tells nothing of IdenTrust Commercial Root CA 1" in verdict.reasons[0]
    assert assess(state(release="7.9.2", trustpool=Reading((), "CLI")), made(tmp_path).root, NOW).kind is not (
        VerdictKind.NOT_AFFECTED
    )


def test_a_failed_verification_is_told_by_the_notices_own_signature(tmp_path: Path) -> None:
    notice = made(tmp_path)
    logged = Reading((Signature("TLS-4-BAD_PEER", 2),), "syslog")
    assert kind(notice, "9.9.2", syslog=logged) is VerdictKind.AFFECTED
    assert kind(bundled(), "7.9.2", syslog=logged) is not VerdictKind.AFFECTED


def test_deadlines_are_the_notices_own(tmp_path: Path) -> None:
    seen = state(release="9.9.1", licence=replace(LICENSING, url="https://ca.example/x"), trustpool=UNREAD)
    named = dict(assess(seen, ANCHOR, NOW, notice=made(tmp_path)).deadlines)
    default = dict(assess(state(release="7.3.1", licence=LICENSING, trustpool=UNREAD), ANCHOR, NOW).deadlines)
    assert {name: (default[name] - named[name]).days for name in named} == {
        "comm_failed": 20,
        "authorization_expired": 70,
        "unregistered": 345,
    }


def test_the_worst_of_several_notices_decides_and_reasons_name_theirs(tmp_path: Path) -> None:
    first = made(tmp_path)
    second = replace(first, name="FN2", affected=frozenset({"9.9.2"}), first_fixed=frozenset())
    seen = state(release="9.9.2", licence=replace(LICENSING, url="https://ca.example/x"), trustpool=UNREAD)
    verdict = assess_by(seen, [first, second], NOW)
    assert verdict.kind is VerdictKind.AFFECTED
    assert verdict.reasons[0].startswith("FN2: ")
    assert {reason.partition(":")[0] for reason in verdict.reasons} == {"FN1", "FN2"}
    assert assess_by(seen, [first], NOW) == assess(seen, first.root, NOW, notice=first)
    assert assess_by(seen, [], NOW) == assess(seen, bundled().root, NOW)


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"affected": "some"}, "affected"),
        ({"affected": {"9.9.1": True}}, "$.affected"),
        ({"affected": None}, "$.affected"),
        ({"affected": ["9.9"]}, '"affected" has "9.9", which is no release'),
        ({"affected": ["9.9.*"]}, '"affected" has "9.9.*", which is no release'),
        ({"affected": ["all"]}, '"affected" has "all", which is no release'),
        ({"affected": [9.9]}, "$.affected[0]"),
        ({"affected": [" 9.9.1"]}, "which is no release"),
        ({"affected": ["9.9.01"]}, "which is no release"),
        ({"affected": [["9.9.1"]]}, "$.affected[0]"),
        ({"affected": ["9.8.3-9.8.1"]}, "no range within one release line"),
        ({"affected": ["9.8.3-9.8.3"]}, "no range within one release line"),
        ({"affected": ["9.7.1-9.8.3"]}, "no range within one release line"),
        ({"affected": ["9.8.0-9.8.9999"]}, "no range within one release line"),
        ({"affected": ["9.8.0-"]}, "no range"),
        ({"affected": ["9.9.0-9.9.2"]}, '9.9.2 is "affected", and not older than 9.9.2'),
        ({"fixes": "CSCaa00001"}, "$.fixes"),
        ({"fixes": ["cscaa1"]}, '"fixes" has "cscaa1", which is no defect'),
        ({"servers": ["ca.example"]}, "$.servers"),
        ({"servers": {}}, '"servers" names no server'),
        ({"servers": {"https://ca.example": "2026-01-01"}}, "which is no host name"),
        ({"servers": {"ca.example.": "2026-01-01"}}, "which is no host name"),
        ({"servers": {"ca.example:443": "2026-01-01"}}, "which is no host name"),
        ({"servers": {"CA.example": "2026-01-01", "ca.example": "2026-01-02"}}, "names a host twice"),
        ({"servers": {"ca.example": "2026-02-30"}}, '"2026-02-30" for ca.example, which is no day'),
        ({"servers": {"ca.example": "01.02.2026"}}, "which is no day"),
        ({"servers": {"ca.example": "20260101"}}, "which is no day"),
        ({"servers": {"ca.example": "2026-01-01T00:00:00"}}, "which is no day"),
        ({"servers": {"ca.example": 20260101}}, "$.servers"),
        ({"servers": {"ca.example": None}}, "$.servers"),
        ({"deadlines": {"comm_failed": 30}}, "authorization_expired"),
        ({"deadlines": {"comm_failed": 0, "authorization_expired": 9, "unregistered": 9}}, '"deadlines" are [0, 9, 9]'),
        ({"deadlines": {"comm_failed": 9, "authorization_expired": 8, "unregistered": 9}}, '"deadlines" are [9, 8, 9]'),
        ({"deadlines": {"comm_failed": True, "authorization_expired": 8, "unregistered": 9}}, "$.deadlines"),
        ({"oldest": "9.0"}, "$.oldest"),
        ({"oldest": [9]}, "$.oldest"),
        ({"oldest": [9, 0, 1]}, "$.oldest"),
        ({"oldest": ["9", "0"]}, "$.oldest"),
        ({"oldest": [True, 0]}, "$.oldest"),
        ({"oldest": [-1, 0]}, "not a line"),
        ({"name": 1}, "$.name"),
        ({"name": " "}, '"name" is empty'),
        ({"revision": 1.1}, "$.revision"),
        ({"sources": "a document"}, "$.sources"),
        ({"related": ["CSCaa00002"]}, "$.related"),
        ({"related": {"one": "what"}}, '"related" has "one", which is no defect'),
        ({"related": {"CSCaa00002": 1}}, "$.related"),
        ({"first_fixed": {"9.9": "9.9.2"}}, "$.first_fixed"),
        ({"first_fixed": ["9.9"]}, '"first_fixed" has "9.9", which is no release'),
        ({"first_fixed": ["9.9.2", "9.9.3"]}, "two releases of the line of 9.9.2"),
        ({"first_fixed": ["9.9.1"]}, '9.9.1 is "affected", and not older than 9.9.1'),
        ({"affected": ["9.10.2"]}, '9.10.2 is "affected", and not older than 9.10.1'),
        ({"fixed_since": "9.10"}, '"fixed_since" is "9.10", which is no release'),
        ({"fixed_since": [9, 10]}, "$.fixed_since"),
        ({"signatures": {"lost": ["it broke"]}}, "'it broke' is no mnemonic such as"),
        ({"signatures": {"lost": ["A-3-B: "]}}, "is no mnemonic"),
        ({"signatures": {"untrusted": ["A-3-B"]}}, "lost"),
        ({"signatures": ["A-3-B"]}, "$.signatures"),
        ({"piling_up": {"releases": ["9.9"], "effect": "x"}}, '"piling_up" has "9.9"'),
        ({"afected": []}, "afected"),
        ({"affected": ["x" * 5000]}, "..., which is no release"),
    ],
)
def test_what_is_wrong_with_a_notice_is_one_error_with_its_file(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError) as raised:
        made(tmp_path, **changes)
    assert raised.value.message.startswith(f"{tmp_path / 'notice.json'}: no notice: ")
    assert said in raised.value.message
    assert len(raised.value.message) < len(str(tmp_path)) + 300
    assert "docs/notices.md" in (raised.value.hint or "")


@pytest.mark.parametrize("key", ["name", "affected", "servers", "deadlines", "oldest", "signatures"])
def test_what_a_notice_needs_is_missed(tmp_path: Path, key: str) -> None:
    with pytest.raises(InputError, match=f"missing required field `{key}`"):
        read(folder(tmp_path, json.dumps({other: value for other, value in GOOD.items() if other != key})))


@pytest.mark.parametrize(
    "text, said",
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[]", "Expected `object`, got `array`"),
        ('"all"', "Expected `object`"),
        ("null", "Expected `object`"),
        ("[" * 100_000, "nested too deeply"),
        (f'{{"oldest": {"1" * 5000}}}', "not JSON"),
        ('{"affected": ["7.3.1"], "affected": []}', '"affected" stands there twice'),
        ('{"servers": {"a.example": "2026-01-01", "a.example": "2020-01-01"}}', '"a.example" stands there twice'),
        (" " * (1 << 20) + "{}", "larger than 1 MiB"),
    ],
)
def test_a_file_that_is_no_notice_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read(folder(tmp_path, text))


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (folder(tmp_path, "") / FILE).write_bytes(b'{"name": "\xff\xfe"}')
    with pytest.raises(InputError, match="not JSON"):
        read(tmp_path)


@pytest.mark.parametrize("left_out", [FILE, ROOT])
def test_a_folder_without_one_of_its_files_is_refused(tmp_path: Path, left_out: str) -> None:
    (folder(tmp_path, json.dumps(GOOD)) / left_out).unlink()
    with pytest.raises(InputError, match=left_out):
        read(tmp_path)


def test_a_root_that_is_no_certificate_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=ROOT):
        read(folder(tmp_path, json.dumps(GOOD), "-----BEGIN NONSENSE-----\n"))


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    for place in (folder(tmp_path, json.dumps(GOOD)) / FILE, tmp_path / "nowhere"):
        with pytest.raises(InputError, match=r"a notice is a folder with notice.json and root.pem"):
            read(place)


def test_every_known_release_is_listed_or_fixed_or_of_a_line_before_any_fix() -> None:
    notice = bundled()
    left = [one for one in releases() if not notice.lists(one) and not notice.fixed(one)]
    assert left == ["5.3.0", "5.3.1", "5.3.2", "5.3.3", "5.3.4"]
    assert all(notice.too_old(one) for one in left)
