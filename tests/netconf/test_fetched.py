"""A device's own modules are read by a YANG parser: words in comments and quotes are no statements."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from agent.model.errors import RPCError, SchemaError
from agent.netconf.yang import yangtext
from agent.netconf.yang.capability import Capabilities
from agent.netconf.yang.fetched import fetch_modules
from agent.netconf.yang.schema import Schema

HEAD = 'namespace "urn:m0"; prefix m0;'
LEAF = "container c { leaf a { type string; } }"
TYPED = "container c { leaf a { type m1:k; } }"
M1 = 'module m1 { namespace "urn:m1"; prefix m1; revision 2031-01-02; typedef k { type string; } }'


def giving(texts: Mapping[str, str]) -> Callable[[str, str], str]:
    def fetch(name: str, revision: str) -> str:
        if name not in texts:
            raise RPCError((), operation=f"get-schema {name}")
        return texts[name]

    return fetch


def schema(texts: Mapping[str, str], cache: Path) -> Schema:
    revisions = {"m0": "2031-01-01", "m1": "2031-01-02"}
    uris = [f"urn:{name}?module={name}&revision={day}" for name, day in revisions.items() if name in texts]
    return Schema(Capabilities.from_uris(uris), fetch=giving(texts), cache_dir=cache)


@pytest.mark.parametrize(
    "text",
    [
        f'module m0 {{ {HEAD} description "crypto ca import url; include x;"; revision 2031-01-01; {LEAF} }}',
        f"module m0 {{ {HEAD} revision 2031-01-01; // do not import foo;\n {LEAF} }}",
        f"module m0 {{ {HEAD} /* import foo {{ prefix f; }} */ revision 2031-01-01; {LEAF} }}",
        f'module m0 {{ {HEAD} description "as of revision 2017-05-01"; revision 2031-01-01; {LEAF} }}',
        f"module m0 {{ {HEAD} /* revision 2017-05-01 */ revision 2031-01-01; {LEAF} }}",
        f"module m0 {{ {HEAD} revision '2031-01-01'; {LEAF} }}",
        f'module m0 {{ {HEAD} revision "2031-" + "01-01"; {LEAF} }}',
        f"module m0 {{ {HEAD} revision 2031-01-01; revision 2017-05-01; {LEAF} }}",
        f"// module m9\n/* module m8 {{ */\nmodule m0 {{ {HEAD} revision 2031-01-01; {LEAF} }}\n// end\n",
        f"module m0 {{ {HEAD} revision 2031-01-01; {LEAF} }}".replace(" ", "\r\n"),
        f"module 'm0' {{ {HEAD} revision 2031-01-01; {LEAF} }}",
    ],
)
def test_a_module_is_taken_for_what_its_statements_say(text: str, tmp_path: Path) -> None:
    mine = schema({"m0": text}, tmp_path)
    assert mine.source("m0") == "m0@2031-01-01 (device)"
    assert mine.has("m0", "/c/a")
    assert mine.notes() == []


@pytest.mark.parametrize(
    "imported",
    [
        "import m1 { prefix m1; }",
        "import 'm1' { prefix m1; }",
        'import "m" + "1" { prefix m1; }',
        "import m1 // x\n { prefix m1; }",
        "import\n/* x */ m1\n{ prefix m1; }",
        "import m1 { prefix m1; revision-date 2031-01-02; }",
        'import m1 { prefix m1; revision-date "2031-01-02"; }',
    ],
)
def test_an_import_is_found_however_it_is_written(imported: str, tmp_path: Path) -> None:
    text = f"module m0 {{ {HEAD} {imported} revision 2031-01-01; {TYPED} }}"
    assert schema({"m0": text, "m1": M1}, tmp_path).has("m0", "/c/a")


def test_the_revision_that_an_import_insists_on_is_the_one_that_is_asked_for(tmp_path: Path) -> None:
    older = M1.replace("2031-01-02", "2030-01-01")
    asked = []

    def fetch(name: str, revision: str) -> str:
        asked.append((name, revision))
        return {"m0": text, "m1": older if revision == "2030-01-01" else M1}[name]

    text = (
        f"module m0 {{ {HEAD} import m1 {{ prefix m1; revision-date 2030-01-01; }} revision 2031-01-01; {TYPED} }}"
    )  # fmt: skip
    announced = Capabilities.from_uris(["urn:m0?module=m0&revision=2031-01-01", "urn:m1?module=m1&revision=2031-01-02"])
    assert Schema(announced, fetch=fetch, cache_dir=tmp_path).has("m0", "/c/a")
    assert asked == [("m0", "2031-01-01"), ("m1", "2030-01-01")]
    # A device that gives another revision instead is not believed, and that is said.
    mine = schema({"m0": text, "m1": M1}, tmp_path)
    assert not mine.has("m0", "/c/a")
    assert "2030-01-01" in mine.notes()[0]


def test_submodules_are_taken_with_what_they_include_and_import(tmp_path: Path) -> None:
    texts = {
        "m0": f"module m0 {{ {HEAD} include s0; include s1; revision 2031-01-01; container c {{ uses g; }} }}",
        "s0": "submodule s0 { belongs-to m0 { prefix m0; } include s1; revision 2031-01-01;"
        " grouping g { leaf a { type m0:k; } } }",
        "s1": "submodule s1 { belongs-to m0 { prefix m0; } import m1 { prefix m1; } typedef k { type m1:k; } }",
        "m1": M1,
    }
    mine = schema(texts, tmp_path)
    assert mine.has("m0", "/c/a"), mine.notes()


@pytest.mark.parametrize(
    "texts, why",
    [
        ({"m0": "module other { }"}, "brought module other"),
        ({"m0": f"container m0 {{ {HEAD} }}"}, "it is a container"),
        ({"m0": f"module m0 {{ {HEAD} import m7 {{ prefix m7; }} {LEAF} }}"}, "get-schema m7 was refused"),
        ({"m0": f"module m0 {{ {HEAD} {LEAF} }} module m2 {{ }}"}, "no valid YANG module"),
        ({"m0": f"module m0 {{ {HEAD} {LEAF}"}, "no valid YANG module"),
        ({"m0": "module m0 { " + "x " * 200_000 + "}"}, "lines that are too long"),
        ({"m0": f'module m0 {{ {HEAD} description "' + "y" * 5_000_000 + '"; }'}, "larger than"),
        ({"m0": ""}, "no valid YANG module"),
        ({"m0": "module"}, "no valid YANG module"),
        ({"m0": "module m0 {"}, "no valid YANG module"),
        ({"m0": "a" * 3}, "no valid YANG module"),
        ({"m0": f"module m0 {{ {HEAD} revision ../../x; {LEAF} }}"}, "no valid YANG"),
    ],
)
def test_what_cannot_be_taken_is_said(texts: dict[str, str], why: str, tmp_path: Path) -> None:
    mine = schema(texts, tmp_path)
    assert mine.variant("m0") is None
    assert why in mine.notes()[0]
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_text_is_parsed_once_in_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed = []
    parse = yangtext._header
    monkeypatch.setattr(yangtext, "_headers", {})
    monkeypatch.setattr(yangtext, "_MOST_HEADERS", 2)

    def counted(text: str, name: str) -> yangtext.Header:
        parsed.append(name)
        return parse(text, name)

    monkeypatch.setattr(yangtext, "_header", counted)
    for name in ("m0", "m0", "m1", "m0", "m2", "m2"):
        yangtext.header(f"module {name} {{ namespace 'urn:x'; prefix x; }}", name)
    assert parsed == ["m0", "m1", "m2"]
    assert len(yangtext._headers) == 1


def test_where_nothing_can_be_written_the_reason_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SchemaError, match=r"cannot be kept in .*Not a directory"):
        fetch_modules("m1", "", giving({"m1": M1}), Capabilities.from_uris([]), tmp_path / "file" / "x")
