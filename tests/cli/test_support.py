"""support: what devices allow, from the known ones and from captured hello messages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from agent.cli.main import program
from agent.model.local.resources import directory
from agent.model.state import Access
from agent.remedy import support
from agent.remedy.access import access
from agent.simulator import Persona
from tests.cli.schemas import check
from tests.scripted import hello

BASE = "urn:ietf:params:xml:ns:netconf:base:1.0"
KEYS = ["source", "config_model", "methods", "trustpoint_state", "licensing_state", "evidence", "files"]
KEYS += ["clear_certificates", "reasons"]


def run(*words: str) -> Any:
    return CliRunner().invoke(program, ["support", *words], catch_exceptions=False)


def objects(*words: str) -> list[Any]:
    rows = [json.loads(line) for line in run(*words, "--format", "jsonl").stdout.splitlines()]
    for row in rows:
        check("support", row)
        assert list(row) == KEYS
    return rows


@pytest.mark.parametrize("prefixed", [False, True])
def test_a_captured_hello_says_what_its_device_allows(tmp_path: Path, prefixed: bool) -> None:
    file = tmp_path / "r1.xml"
    file.write_text(hello(Persona(release="25.2.1").capabilities(), prefixed=prefixed))
    (row,) = objects("--hello", str(file))
    assert row == {
        "source": str(file),
        "config_model": "um-crypto-cfg",
        "methods": ["trustpool", "file", "rpc", "dialog"],
        "trustpoint_state": "yang",
        "licensing_state": "yang",
        "evidence": "fingerprint",
        "files": ["space", "copy", "list", "delete"],
        "clear_certificates": False,
        "reasons": [],
    }


@pytest.mark.parametrize("version", ["1.0?revision=2016-06-21&module-set-id=7", "1.1?revision=2019-01-04&content-id=7"])
def test_a_hello_that_leaves_its_modules_to_the_yang_library_says_so(tmp_path: Path, version: str) -> None:
    file = tmp_path / "r1.xml"
    library = f"urn:ietf:params:netconf:capability:yang-library:{version}"
    file.write_text(hello([BASE.replace(":xml:ns:netconf:", ":netconf:"), library]))
    (row,) = objects("--hello", str(file))
    said = "the hello leaves YANG modules to the device's yang-library, which only the device can be asked for"
    assert (row["methods"], row["reasons"]) == ([], [f"unknown: {said}"])
    # SYNTHETIC: a server of YANG 1.1 lists its modules of YANG 1
    file.write_text(hello([library, "urn:x?module=x&revision=2020-01-01"]))
    (row,) = objects("--hello", str(file))
    assert any(said in reason for reason in row["reasons"])


def test_text_around_the_hello_does_not_matter(tmp_path: Path) -> None:
    file = tmp_path / "session.txt"
    file.write_text(f"router# netconf\n{hello(Persona(release='7.3.2').capabilities())}]]>]]>\nbye\n")
    (row,) = objects("--hello", str(file))
    assert row["config_model"] == "crypto-cepki-cfg:crypto-ca"
    assert row["licensing_state"] == "console"


def test_modules_alone_count_as_usual_and_the_assumption_is_said(tmp_path: Path) -> None:
    file = tmp_path / "modules.xml"
    file.write_text(hello([uri for uri in Persona(release="7.8.1").capabilities() if "?module=Cisco" in uri]))
    (row,) = objects("--hello", str(file))
    assert "rpc" in row["methods"]
    assert any("assumed" in reason for reason in row["reasons"])


def test_a_hello_that_announces_no_module_is_unknown(tmp_path: Path) -> None:
    file = tmp_path / "empty.xml"
    file.write_text(hello([f"{BASE[:-4]}:1.0"]))
    done = run("--hello", str(file), "--format", "jsonl")
    row = json.loads(done.stdout)
    assert (done.exit_code, row["methods"], row["config_model"]) == (1, [], "none")
    assert row["reasons"] == ["unknown: the hello announces nothing"]


def test_one_file_that_is_no_hello_does_not_stop_the_others(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.xml", tmp_path / "bad.xml"
    good.write_text(hello(Persona(release="7.8.1").capabilities()))
    bad.write_text("<rpc-reply/>")
    done = run("--hello", str(bad), str(good), "/nonexistent", "--format", "jsonl")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.exit_code == 1
    assert [bool(row["methods"]) for row in rows] == [False, True, False]
    assert "no captured hello" in rows[0]["reasons"][0]


def test_a_thousand_files_of_one_kind_are_judged_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = hello(Persona(release="7.8.1", platform="asr9k-x64").capabilities())
    files = []
    for number in range(1000):
        (file := tmp_path / f"{number}.xml").write_text(text)
        files.append(str(file))
    judged: list[object] = []

    def counted(*given: Any) -> Access:
        judged.append(given)
        return access(*given)

    monkeypatch.setattr(support, "access", counted)
    monkeypatch.setattr(support, "_answers", {})
    assert len(objects("--hello", *files)) == 1000
    assert len(judged) == 1


def test_a_future_revision_is_marked_or_refused(tmp_path: Path) -> None:
    file = tmp_path / "future.xml"
    uris = [uri.replace("2021-04-02", "2031-01-01") for uri in Persona(release="7.4.1").capabilities()]
    file.write_text(hello(uris))
    (row,) = objects("--hello", str(file))
    assert row["config_model"] == "um-crypto-cfg"
    assert any("nearest older" in reason for reason in row["reasons"])
    (strict,) = objects("--hello", str(file), "--strict-models")
    assert strict["config_model"] != "um-crypto-cfg"


def test_the_known_devices_of_a_release_and_platform() -> None:
    (row,) = objects("--release", "7.3.2", "--platform", "asr9k-x64")
    assert row["source"] == "7.3.2 asr9k-x64"
    assert row["methods"] == ["trustpool", "rpc", "dialog"]
    assert len(objects()) == len(json.loads((directory("yang") / "hellos.json").read_text())["groups"])


def test_the_table_is_for_people(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    done = run("--release", "7.3.2")
    assert done.exit_code == 0
    assert "asr9k-x64" in done.stdout
    assert "files: no model for list" in done.stdout
