"""A release is one command: its modules and hellos become the variants, releases.json and hellos.json of ``yang/``.

What is called vendor's here is SYNTHETIC: modules of our own words in the form of real ones.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from agent.model.local.resources import directory
from scripts.release import hellos, nodes, text
from scripts.release.library import Library
from scripts.release.update import USED, Update

ROOT = Path(__file__).resolve().parents[2]
YANG = directory("yang")
XR = "Cisco-IOS-XR-"
ACT = f"{XR}crypto-act"
DEVIATIONS = "cisco-xr-ietf-netconf-monitoring-deviations"

VENDOR = """module Cisco-IOS-XR-crypto-act {
  namespace "http://cisco.com/ns/yang/Cisco-IOS-XR-crypto-act";
  prefix crypto-act;
  import example-types { prefix ex; }
  include Cisco-IOS-XR-crypto-act-sub1;
  revision %(revision)s { description "Newest."; }
  revision 2016-04-17 { description "Older."; }
  rpc key-zeroize { input { leaf anything { type ex:odd; } } }
  rpc ca-authenticate {
    input {
      leaf server-name { type ex:name { pattern "[a-z]*"; } mandatory true; description "Theirs."; }
      %(more)s
    }
  }
  rpc ca-trustpool-import-url { input { uses SOURCE; } }
}
"""
SUBMODULE = """submodule Cisco-IOS-XR-crypto-act-sub1 {
  belongs-to Cisco-IOS-XR-crypto-act { prefix Cisco-IOS-XR-crypto-act; }
  revision 2030-01-01 { description "Newest."; }
  grouping SOURCE { leaf url { type string { length "1..500"; } must "true()"; description "Theirs."; } }
}
"""
TYPES = """module example-types {
  namespace "urn:example:types";
  prefix ex;
  identity odds;
  typedef name { type string; }
  typedef odd { type identityref { base odds; } }
  typedef level { type enumeration { enum "low" { value 3; } enum "high"; } units "m"; }
}
"""


def uri(module: str, revision: str, more: str = "") -> str:
    return f"http://cisco.com/ns/yang/{module}?module={module}&amp;revision={revision}{more}"


def hello(uris: Iterable[str]) -> str:
    lines = "".join(f"<nc:capability>{one}</nc:capability>" for one in uris)
    space = 'xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0"'
    return f"<?xml version='1.0'?>\n<nc:hello {space}><nc:capabilities>{lines}</nc:capabilities></nc:hello>\n"


def monitoring(deviated: bool) -> str:
    return uri("ietf-netconf-monitoring", "2010-10-04", f"&amp;deviations={DEVIATIONS}" if deviated else "")


def known_release(release: str, folder: Path) -> Path:
    """What is known of a release, put down as if it had been published: our files are the modules."""
    listed = json.loads((YANG / "releases.json").read_text(encoding="utf-8"))["modules"]
    for module, entry in listed.items():
        for file, revisions in entry["files"].items():
            for revision, releases in revisions.items():
                if release in releases:
                    words = (YANG / file).read_text(encoding="utf-8")
                    words = re.sub(r"^  revision \S+", f"  revision {revision}", words, flags=re.MULTILINE)
                    folder.joinpath(f"{module}.yang").write_text(words, encoding="utf-8")
    captured = json.loads((YANG / "hellos.json").read_text(encoding="utf-8"))
    for group in captured["groups"]:
        for name in group["hellos"]:
            if name.partition(" ")[0] == release:
                announced = [uri(module, revision) for module, revision in group["modules"].items()]
                announced.append(monitoring(name in captured["no_get_schema"]))
                platform = name.partition(" ")[2]
                folder.joinpath(f"capabilities-{platform}.xml").write_text(hello(announced), encoding="utf-8")
    deviation = "deviation /ncm:get-schema { deviate not-supported; }"
    folder.joinpath(f"{DEVIATIONS}.yang").write_text(
        f'module {DEVIATIONS} {{ namespace "urn:x"; prefix x; import ietf-netconf-monitoring {{ prefix ncm; }}'
        f" {deviation} }}",
        encoding="utf-8",
    )
    return folder


def made_release(
    folder: Path, revision: str = "2030-01-01", more: str = "", platforms: Mapping[str, str] | None = None
) -> Path:
    """A small release of one module, with what it imports and includes."""
    folder.mkdir(exist_ok=True)
    words = VENDOR % {"revision": revision, "more": more}
    for name, content in ((ACT, words), (f"{ACT}-sub1", SUBMODULE), ("example-types", TYPES)):
        folder.joinpath(f"{name}.yang").write_text(content, encoding="utf-8")
    for platform, announced in (platforms or {"8000": revision, "xrd-vrouter": revision}).items():
        path = folder / f"capabilities-{platform}.xml"
        path.write_text(hello([uri(ACT, announced), uri("Cisco-IOS-XR-shell-act", "2020-01-01")]), encoding="utf-8")
    return folder


@pytest.fixture
def yang(tmp_path: Path) -> Path:
    """A copy of ``yang/``, which a test may change."""
    return Path(shutil.copytree(YANG, tmp_path / "yang"))


def content(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir() if path.is_file()}


def update(release: str, folder: Path, yang: Path) -> Update:
    """Work it out and write it."""
    done = Update.of(release, folder, yang)
    done.library.save()
    (yang / hellos.FILE).write_text(done.hellos, encoding="utf-8")
    return done


def index(yang: Path, module: str) -> Any:
    return json.loads((yang / "releases.json").read_text(encoding="utf-8"))["modules"][module]["files"]


# --- what is there is what the command writes ----------------------------------------------------------------------


def test_every_file_of_yang_is_as_the_command_writes_it() -> None:
    wanted = Library(YANG).files()
    there = content(YANG)
    assert {name for name in there if name.endswith(".yang")} | {"releases.json"} == set(wanted)
    assert [name for name, words in wanted.items() if there[name] != words] == []


def test_hellos_are_as_the_command_writes_them() -> None:
    words = (YANG / hellos.FILE).read_text(encoding="utf-8")
    assert hellos.merged(words, "99.1.1", []) == words


def test_what_is_used_is_listed_for_every_module_that_is_known_and_no_other() -> None:
    listed = json.loads((YANG / "releases.json").read_text(encoding="utf-8"))["modules"]
    named = re.findall(r"^\[(\S+)\]$", USED.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(named) == named == sorted(listed)


@pytest.mark.parametrize("release", ["6.1.1", "6.3.3", "7.0.2", "7.11.2", "24.1.1", "24.2.1", "24.4.1", "26.2.1"])
def test_a_release_that_is_known_changes_nothing(release: str, tmp_path: Path, yang: Path) -> None:
    folder = tmp_path / "release"
    folder.mkdir()
    before = content(yang)
    done = update(release, known_release(release, folder), yang)
    assert done.problems == []
    assert done.heard > 0
    assert not any(one.new for one in done.added)
    assert content(yang) == before


# --- a new release -------------------------------------------------------------------------------------------------


def test_a_new_release_becomes_a_variant_of_the_used_part_with_our_descriptions(tmp_path: Path, yang: Path) -> None:
    done = update("99.1.1", made_release(tmp_path / "release"), yang)
    assert done.problems == []
    (added,) = done.added
    assert (added.new, added.file) == (True, f"{ACT}@2030-01-01.yang")
    made = nodes.read(yang / added.file)
    assert {path: node.shape.type for path, node in nodes.paths(made.nodes) if node.shape.keyword == "leaf"} == {
        "/ca-authenticate/input/server-name": nodes.Type("string"),
        "/ca-trustpool-import-url/input/url": nodes.Type("string", ((1, 500),)),
    }
    words = (yang / added.file).read_text(encoding="utf-8")
    assert "Theirs" not in words
    assert "[a-z]*" not in words
    assert "true()" not in words
    assert "Name of the trustpoint." in words
    assert "/ca-trustpool-import-url/input/url" in added.changed
    assert index(yang, ACT)[added.file] == {"2030-01-01": ["99.1.1"]}
    listed = json.loads((yang / "releases.json").read_text(encoding="utf-8"))["releases"]
    assert listed[-1] == "99.1.1"


def test_what_is_made_passes_pyang(tmp_path: Path, yang: Path) -> None:
    more = (
        "leaf level { type ex:level; } leaf-list port { type uint16 { range '1..10 | 20'; } ordered-by user; }"
        "leaf part { type decimal64 { fraction-digits 2; } } leaf either { type union { type int8; type ex:name; } }"
        "leaf bits { type bits { bit a; bit b { position 4; } } } leaf ref { type leafref { path '../level'; } }"
        "choice way { container one { presence x; } leaf two { type empty; } }"
    )
    (added,) = update("99.1.1", made_release(tmp_path / "release", more=more), yang).added
    done = subprocess.run(
        [str(Path(sys.executable).with_name("pyang")), "-Werror", "-p", str(yang), str(yang / added.file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    made = dict(nodes.paths(nodes.read(yang / added.file).nodes))
    read = dict(nodes.paths(nodes.read(tmp_path / "release" / f"{ACT}.yang", tmp_path / "release").nodes))
    assert {path: node.shape for path, node in made.items()} == {path: read[path].shape for path in made}
    assert made["/ca-authenticate/input/ref"].shape.type == nodes.Type("enumeration", words=(("low", 3), ("high", 4)))
    assert made["/ca-authenticate/input/port"].shape.type == nodes.Type("uint16", ((1, 10), (20, 20)))


def test_a_second_run_changes_nothing(tmp_path: Path, yang: Path) -> None:
    folder = made_release(tmp_path / "release", more="leaf hash { type string; }")
    first = update("99.1.1", folder, yang)
    between = content(yang)
    second = update("99.1.1", folder, yang)
    assert content(yang) == between
    assert second.problems == first.problems
    assert second.library.save() == []


def test_a_node_without_a_description_of_ours_is_named_until_somebody_wrote_it(tmp_path: Path, yang: Path) -> None:
    folder = made_release(tmp_path / "release", more='leaf hash { type string; description "Theirs."; }')
    done = update("99.1.1", folder, yang)
    file = yang / done.added[0].file
    path = "/ca-authenticate/input/hash"
    assert done.problems == [f"{file.name}: describe {path}"]
    words = file.read_text(encoding="utf-8")
    assert text.UNWRITTEN in words
    statement = re.compile(rf'description\s+"{text.UNWRITTEN}[^"]*"')
    file.write_text(statement.sub('description "Digest of the certificate."', words), encoding="utf-8")
    written = content(yang)
    again = update("99.1.1", folder, yang)
    assert again.problems == []
    assert content(yang) == written


def test_a_module_that_is_used_for_the_first_time_is_to_be_described_as_a_whole(yang: Path) -> None:
    library = Library(yang)
    leaf = nodes.Node("on", nodes.Shape("leaf", config=True, type=nodes.Type("boolean")), "Theirs.")
    module = nodes.Module("example-new", "urn:example:new", "new", "2030-01-01", "Theirs.", (leaf,))
    assert library.add("99.1.1", module).new
    assert library.unwritten() == [("example-new@2030-01-01.yang", "/"), ("example-new@2030-01-01.yang", "/on")]
    assert Library(yang).unwritten() == []
    library.save()
    assert Library(yang).unwritten() == library.unwritten()
    assert "Theirs" not in (yang / "example-new@2030-01-01.yang").read_text(encoding="utf-8")


def test_known_nodes_under_a_new_revision_are_a_row_only(tmp_path: Path, yang: Path) -> None:
    folder = tmp_path / "release"
    folder.mkdir()
    known_release("26.2.1", folder)
    path = folder / f"{ACT}.yang"
    path.write_text(path.read_text(encoding="utf-8").replace("2025-04-11", "2030-01-01"), encoding="utf-8")
    for captured in folder.glob("*.xml"):
        words = captured.read_text(encoding="utf-8")
        captured.write_text(words.replace(uri(ACT, "2025-04-11"), uri(ACT, "2030-01-01")), encoding="utf-8")
    before = content(yang)
    done = update("99.1.1", folder, yang)
    assert done.problems == []
    assert not any(one.new for one in done.added)
    after = content(yang)
    assert after.keys() == before.keys()
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"releases.json", "hellos.json", f"{ACT}@2025-04-11.yang"}
    assert index(yang, ACT)[f"{ACT}@2025-04-11.yang"]["2030-01-01"] == ["99.1.1"]
    assert "they are the same in 2030-01-01." in after[f"{ACT}@2025-04-11.yang"]


def test_other_nodes_under_a_known_revision_are_a_second_file_and_said(tmp_path: Path, yang: Path) -> None:
    before = content(yang)
    done = update("99.1.1", made_release(tmp_path / "release", revision="2025-04-11"), yang)
    (added,) = done.added
    assert added.file == f"{ACT}@2025-04-11-b.yang"
    assert added.rivals == (f"{ACT}@2025-04-11.yang",)
    assert any(f"has other nodes in {ACT}@2025-04-11.yang" in remark for remark in done.remarks)
    words = (yang / f"{ACT}@2025-04-11.yang").read_text(encoding="utf-8")
    assert f"Beware: {ACT}@2025-04-11-b.yang has other nodes" in " ".join(words.split())
    assert len(content(yang)) == len(before) + 1


def test_a_variant_of_an_older_release_takes_the_plain_name(tmp_path: Path, yang: Path) -> None:
    done = update("25.2.30", made_release(tmp_path / "release", revision="2025-04-11"), yang)
    assert done.added[0].file == f"{ACT}@2025-04-11.yang"
    files = index(yang, ACT)
    assert files[f"{ACT}@2025-04-11.yang"] == {"2025-04-11": ["25.2.30"]}
    assert files[f"{ACT}@2025-04-11-b.yang"]["2025-04-11"][0] == "25.3.1"
    assert nodes.read(yang / f"{ACT}@2025-04-11-b.yang").revision == "2025-04-11"


def test_a_file_is_called_by_the_first_revision_that_it_serves(tmp_path: Path, yang: Path) -> None:
    update("99.1.1", made_release(tmp_path / "release"), yang)
    update("98.1.1", made_release(tmp_path / "release", revision="2029-12-31"), yang)
    assert not (yang / f"{ACT}@2030-01-01.yang").exists()
    assert index(yang, ACT)[f"{ACT}@2029-12-31.yang"] == {"2029-12-31": ["98.1.1"], "2030-01-01": ["99.1.1"]}


def test_a_release_read_again_with_another_module_moves(tmp_path: Path, yang: Path) -> None:
    before = content(yang)
    update("99.1.1", made_release(tmp_path / "release"), yang)
    update("99.1.1", made_release(tmp_path / "release", more="leaf file-path { type string; }"), yang)
    rows = [served for served in index(yang, ACT).values() if any("99.1.1" in of for of in served.values())]
    assert rows == [{"2030-01-01": ["99.1.1"]}]
    assert len(content(yang)) == len(before) + 1


def test_a_revision_of_no_release_gives_way_to_the_one_of_a_release(tmp_path: Path, yang: Path) -> None:
    update("99.1.1", made_release(tmp_path / "release"), yang)
    listed = json.loads((yang / "releases.json").read_text(encoding="utf-8"))
    listed["modules"][ACT]["files"][f"{ACT}@2030-01-01.yang"] = {"2030-01-01": []}
    (yang / "releases.json").write_text(json.dumps(listed), encoding="utf-8")
    update("99.1.1", made_release(tmp_path / "release", more="leaf file-path { type string; }"), yang)
    assert index(yang, ACT)[f"{ACT}@2030-01-01.yang"] == {"2030-01-01": ["99.1.1"]}
    assert not (yang / f"{ACT}@2030-01-01-b.yang").exists()


# --- hellos --------------------------------------------------------------------------------------------------------


def test_hellos_are_grouped_by_what_they_announce(tmp_path: Path, yang: Path) -> None:
    platforms = {"8000": "2030-01-01", "ncs5500": "2025-04-11", "xrd-vrouter": "2030-01-01"}
    done = update("99.1.1", made_release(tmp_path / "release", platforms=platforms), yang)
    groups = [g for g in json.loads(done.hellos)["groups"] if any(name.startswith("99.1.1") for name in g["hellos"])]
    assert [(group["hellos"], group["modules"]) for group in groups] == [
        (["99.1.1 8000", "99.1.1 xrd-vrouter"], {ACT: "2030-01-01"}),
        (["99.1.1 ncs5500"], {ACT: "2025-04-11"}),
    ]
    devices, releases = map(int, re.findall(r"What (\d+) real devices of (\d+) releases", done.hellos)[0])
    was, of = map(int, re.findall(r"What (\d+) real devices of (\d+) releases", content(YANG)["hellos.json"])[0])
    assert (devices - was, releases - of) == (3, 1)


def test_a_hello_that_comes_later_is_added_and_one_that_differs_takes_the_others_place(
    tmp_path: Path, yang: Path
) -> None:
    update("99.1.1", made_release(tmp_path / "a", platforms={"8000": "2030-01-01", "ncs560": "2030-01-01"}), yang)
    platforms = {"8000": "2025-04-11", "xrd": "2030-01-01"}
    done = update("99.1.1", made_release(tmp_path / "b", platforms=platforms), yang)
    found = {name: g["modules"] for g in json.loads(done.hellos)["groups"] for name in g["hellos"] if "99.1.1" in name}
    assert found == {
        "99.1.1 8000": {ACT: "2025-04-11"},
        "99.1.1 ncs560": {ACT: "2030-01-01"},
        "99.1.1 xrd": {ACT: "2030-01-01"},
    }


@pytest.mark.parametrize("removed", [True, False])
def test_get_schema_is_missing_where_the_deviation_is_announced_and_says_so(
    removed: bool, tmp_path: Path, yang: Path
) -> None:
    folder = made_release(tmp_path / "release")
    for platform, deviated in (("8000", True), ("xrd-vrouter", False)):
        words = hello([uri(ACT, "2030-01-01"), monitoring(deviated)])
        folder.joinpath(f"capabilities-{platform}.xml").write_text(words, encoding="utf-8")
    node = "get-schema" if removed else "netconf-state/ncm:datastores"
    folder.joinpath(f"{DEVIATIONS}.yang").write_text(
        f'module {DEVIATIONS} {{ namespace "urn:x"; prefix x; import ietf-netconf-monitoring {{ prefix ncm; }}'
        f" deviation /ncm:{node} {{ deviate not-supported; }} }}",
        encoding="utf-8",
    )
    done = update("99.1.1", folder, yang)
    assert ("99.1.1 8000" in json.loads(done.hellos)["no_get_schema"]) is removed
    assert "99.1.1 xrd-vrouter" not in json.loads(done.hellos)["no_get_schema"]
    assert done.problems == []
    folder.joinpath(f"{DEVIATIONS}.yang").unlink()
    (problem,) = update("99.1.1", folder, yang).problems
    assert problem == f"{DEVIATIONS}, announced by 8000, is not in the folder"


# --- what is missing or wrong is named -----------------------------------------------------------------------------


def without(name: str) -> Any:
    return lambda folder: folder.joinpath(name).unlink()


def having(name: str, words: str) -> Any:
    return lambda folder: folder.joinpath(name).write_text(words, encoding="utf-8")


@pytest.mark.parametrize(
    "spoil, named",
    [
        (without(f"{ACT}.yang"), f"{ACT}@2030-01-01, announced by 8000, xrd-vrouter, is not in the folder"),
        (without("example-types.yang"), 'module "example-types" not found'),
        (without(f"{ACT}-sub1.yang"), f'module "{ACT}-sub1" not found'),
        (having(f"{ACT}.yang", "module x {"), f"{ACT}.yang cannot be read"),
        (having(f"{ACT}.yang", ""), f"{ACT}.yang cannot be read"),
        (lambda folder: folder.joinpath(f"{ACT}.yang").write_bytes(b"module \xff {"), f"{ACT}.yang cannot be read"),
        (having(f"{DEVIATIONS}.yang", "module x {"), f"{DEVIATIONS}.yang cannot be read"),
        (having("hello.xml", hello([uri(ACT, "2030-01-01")])), "hello.xml has a hello of no platform"),
        (having("capabilities-8000.xml", "<rpc-reply/>"), "capabilities-8000.xml is no hello"),
        (having("capabilities-8000.xml", ""), "capabilities-8000.xml is no hello"),
        (having("capabilities-8000.xml", hello([uri(ACT, "2029-02-02")])), "2029-02-02 is announced, the folder has"),
        (
            having("capabilities-8000.xml", hello([f"http://cisco.com/ns/yang/{ACT}?module={ACT}"])),
            "is announced without a revision",
        ),
    ],
)
def test_what_is_missing_or_wrong_in_the_folder_is_named(spoil: Any, named: str, tmp_path: Path, yang: Path) -> None:
    folder = made_release(tmp_path / "release")
    spoil(folder)
    problems = update("99.1.1", folder, yang).problems
    assert any(named in problem for problem in problems), problems
    before = content(yang)
    assert update("99.1.1", folder, yang).problems == problems
    assert content(yang) == before


def test_a_used_node_of_a_kind_that_cannot_be_written_down_is_refused(tmp_path: Path, yang: Path) -> None:
    folder = made_release(tmp_path / "release", more="leaf odd { type ex:odd; }")
    done = update("99.1.1", folder, yang)
    assert done.problems == [
        f"{ACT}: /ca-authenticate/input/odd is of a kind that yang/ has not had so far: identityref"
    ]
    assert done.added == []


def test_what_is_worth_knowing_is_said_without_being_a_problem(tmp_path: Path, yang: Path) -> None:
    folder = made_release(tmp_path / "release", platforms={"8000": "2016-04-17"})
    folder.joinpath("capabilities-bare.xml").write_text(hello([]), encoding="utf-8")
    folder.joinpath("module-set.xml").write_text("<yang-library/>", encoding="utf-8")
    folder.joinpath("8000").mkdir()
    shutil.copy(folder / f"{ACT}.yang", folder / "8000")
    done = update("99.1.1", folder, yang)
    assert done.problems == []
    said = "\n".join(done.remarks)
    assert "2016-04-17 is announced, the folder has 2030-01-01; its nodes are known of another release" in said
    assert "the hello of bare announces none of the modules" in said
    assert f"8000/{ACT}.yang is not read" in said


def test_a_folder_of_modules_alone_is_taken_and_the_missing_hellos_are_said(tmp_path: Path, yang: Path) -> None:
    folder = made_release(tmp_path / "release")
    for captured in folder.glob("*.xml"):
        captured.unlink()
    before = (yang / hellos.FILE).read_text(encoding="utf-8")
    done = update("99.1.1", folder, yang)
    assert any("xr-agent support will not know 99.1.1" in remark for remark in done.remarks)
    assert done.hellos == before
    assert done.added[0].new


# --- the command ---------------------------------------------------------------------------------------------------


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """What of the project the command works on, to be changed."""
    root = tmp_path / "project"
    for name in ("agent", "scripts", "yang"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    (root / "docs").mkdir()
    shutil.copy(ROOT / "docs" / "support.md", root / "docs")
    return root


def run(tree: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A Python module of the copied project."""
    environment = {**os.environ, "PYTHONPATH": str(tree), "COLUMNS": "200"}
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)


def test_one_command_makes_support_know_the_release_and_a_second_run_changes_nothing(
    tmp_path: Path, tree: Path
) -> None:
    folder = made_release(tmp_path / "release")
    first = run(tree, "scripts.release", "99.1.1", str(folder))
    assert (first.returncode, first.stderr) == (0, "")
    assert f"{ACT}@2030-01-01: new variant {ACT}@2030-01-01.yang" in first.stdout
    assert f"wrote yang/{ACT}@2030-01-01.yang" in first.stdout
    assert "| **99.1.1** 8000, xrd-vrouter |" in (tree / "docs" / "support.md").read_text(encoding="utf-8")
    asked = run(tree, "agent.cli.main", "support", "--release", "99.1.1", "--strict-models", "--format", "json")
    (row,) = json.loads(asked.stdout)
    assert row["source"] == "99.1.1 8000, 99.1.1 xrd-vrouter"
    assert not any("strict" in reason for reason in row["reasons"])
    second = run(tree, "scripts.release", "99.1.1", str(folder))
    assert second.returncode == 0
    assert second.stdout.endswith("nothing changed\n")


def test_the_command_fails_while_something_is_left_to_do_and_names_it(tmp_path: Path, tree: Path) -> None:
    folder = made_release(tmp_path / "release", more="leaf hash { type string; }")
    done = run(tree, "scripts.release", "99.1.1", str(folder))
    assert done.returncode == 1
    assert done.stderr == f"left to do: {ACT}@2030-01-01.yang: describe /ca-authenticate/input/hash\n"


@pytest.mark.parametrize("arguments", [("26.3", "{folder}"), ("26.3.1", "{folder}/nowhere"), ("26.3.1",)])
def test_what_is_no_release_or_folder_is_a_usage_error(arguments: tuple[str, ...], tmp_path: Path, tree: Path) -> None:
    before = content(tree / "yang")
    done = run(tree, "scripts.release", *(one.format(folder=tmp_path) for one in arguments))
    assert done.returncode == 2
    assert "usage:" in done.stderr
    assert content(tree / "yang") == before
