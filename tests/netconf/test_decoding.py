"""Values of leaves as devices send them: typed, or unreadable by themselves alone; names with their namespace."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from agent.model.errors import SchemaError
from agent.model.state import Unreadable
from agent.netconf.payload import parse
from agent.netconf.yang.capability import Capabilities
from agent.netconf.yang.schema import Schema, findings
from agent.simulator import Persona

LICENSING = "Cisco-IOS-XR-infra-smartlicense-oper"
HEAD = 'namespace "urn:m0"; prefix m0; revision 2031-01-01;'
TYPES = """
  identity shape; identity round { base shape; }
  leaf other { type string; }
  container c {
    leaf s { type string { length "1..3"; pattern "[a-z]*"; } }
    leaf i { type int32; }  leaf u { type uint8; }  leaf big { type uint64; }
    leaf d { type decimal64 { fraction-digits 2; } }
    leaf b { type boolean; }  leaf e { type empty; }  leaf bin { type binary; }
    leaf bits { type bits { bit one; bit two; } }
    leaf word { type enumeration { enum up; enum down; } }
    leaf shape { type identityref { base shape; } }
    leaf ref { type leafref { path "../i"; } }
    leaf un { type union { type binary { length "4"; } type uint8; type enumeration { enum auto; } } }
    leaf text { type union { type uint8; type string; } }
    leaf path { type instance-identifier; }
    leaf-list many { type uint8; }
    list l { key n; leaf n { type string; } leaf v { type uint8; } }
    container p { presence "x"; leaf x { type string; } }
    choice ch { case one { leaf in-case { type string; } } leaf short { type string; } }
    anydata any;
  }"""
UINT8 = "is no uint8"


def of_text(body: str, cache: Path, version: str = "1.1") -> Schema:
    text = f"module m0 {{ yang-version {version}; {HEAD} {body} }}"
    announced = Capabilities.from_uris(["urn:m0?module=m0&revision=2031-01-01"])
    return Schema(announced, fetch=lambda name, day: text, cache_dir=cache)


@pytest.fixture(scope="module")
def typed(tmp_path_factory: pytest.TempPathFactory) -> Schema:
    """A device whose one module has a leaf of each type."""
    return of_text(TYPES, tmp_path_factory.mktemp("cache"))


def decoded(schema: Schema, inner: str) -> tuple[dict[str, Any], list[str]]:
    data = parse(f'<data><c xmlns="urn:m0" xmlns:p="urn:m0" xmlns:q="urn:q"><p><x>kept</x></p>{inner}</c></data>')
    with findings() as found:
        tree = schema.decode(data, module="m0")["c"]
    assert tree.pop("p") == {"x": "kept"}
    return tree, found.notes


@pytest.mark.parametrize(
    "inner, expected",
    [
        ("<s/>", {"s": ""}),
        ("<s></s>", {"s": ""}),
        ("<s> a b </s>", {"s": " a b "}),
        ("<s>longer THAN it may be</s>", {"s": "longer THAN it may be"}),
        ("<s><![CDATA[<x>]]></s>", {"s": "<x>"}),
        ("<i> -7\n</i>", {"i": -7}),
        ("<big>18446744073709551615</big>", {"big": 18446744073709551615}),
        ("<d> 1.50 </d>", {"d": Decimal("1.50")}),
        ("<b> true </b>", {"b": True}),
        ("<e/>", {"e": True}),
        ("<e>\n  </e>", {"e": True}),
        ("<bin>\n AAAA\n AAAA\n</bin>", {"bin": b"\0" * 6}),
        ("<bin/>", {"bin": b""}),
        ("<bits> two one </bits>", {"bits": "one two"}),
        ("<bits/>", {"bits": ""}),
        ("<word> up </word>", {"word": "up"}),
        ("<shape>p:round</shape>", {"shape": "m0:round"}),
        ("<shape>round</shape>", {"shape": "m0:round"}),
        ("<shape>m0:round</shape>", {"shape": "m0:round"}),
        ("<ref>5</ref>", {"ref": 5}),
        ("<un>7</un>", {"un": 7}),
        ("<un>AAAAAA==</un>", {"un": b"\0" * 4}),
        ("<un>auto</un>", {"un": "auto"}),
        ("<path>/m0:c/m0:i</path>", {"path": "/m0:c/m0:i"}),
        ("<text/>", {"text": ""}),
        ("<text>7</text>", {"text": 7}),
        ("<many>1</many><many>2</many>", {"many": [1, 2]}),
        ("<in-case/>", {"in-case": ""}),
        ("<any><x xmlns='urn:x'/></any>", {"any": '<x xmlns="urn:x" xmlns:p="urn:m0" xmlns:q="urn:q"/>'}),
        ("<s>a</s><s>a</s>", {"s": "a"}),
        ("<i>7</i><i> 7 </i>", {"i": 7}),
    ],
)
def test_a_value_is_read_as_its_type_says(typed: Schema, inner: str, expected: dict[str, Any]) -> None:
    assert decoded(typed, inner) == (expected, [])


@pytest.mark.parametrize(
    "leaf, text, why",
    [
        ("i", "many", "'many' is no int32"),
        ("i", "", "'' is no int32"),
        ("i", "1_000", "is no int32"),
        ("i", "9" * 5000, "is no int32"),
        ("u", "256", UINT8),
        ("u", "-1", UINT8),
        ("d", "NaN", "no decimal64"),
        ("d", "", "is no decimal64"),
        ("b", "yes", "'yes' is no boolean"),
        ("e", "x", "'x' is no empty"),
        ("bin", "*not base64*", "no binary"),
        ("bits", "one three", "'one three' is no bits"),
        ("word", "sideways", "'sideways' is no enumeration"),
        ("word", "", "'' is no enumeration"),
        ("shape", "z:round", "a prefix of no module"),
        ("shape", "q:round", "a prefix of no module"),
        ("ref", "x", "'x' is no int32"),
        ("un", "neither", "none of the types of its union"),
        ("path", "///", "no instance-identifier"),
    ],
)
def test_a_leaf_that_is_not_of_its_type_costs_itself_alone_and_is_said(
    typed: Schema, leaf: str, text: str, why: str
) -> None:
    tree, notes = decoded(typed, f"<s>before</s><{leaf}>{text}</{leaf}><many>9</many>")
    assert tree.pop("s") == "before"
    assert tree.pop("many") == [9]
    assert isinstance(tree[leaf], Unreadable)
    assert str(tree[leaf]) == text
    (note,) = notes
    assert note.startswith(f"m0: /c/{leaf} cannot be read: ")
    assert why in note
    assert len(note) < 200


def test_a_leaf_with_elements_in_it_is_unreadable(typed: Schema) -> None:
    tree, notes = decoded(typed, "<s>a<x/>b</s><i>1</i>")
    assert isinstance(tree["s"], Unreadable)
    assert tree["i"] == 1
    assert notes == ["m0: /c/s cannot be read: elements where a string is expected"]


def test_a_leaf_that_stands_twice_with_two_values_has_none(typed: Schema) -> None:
    for inner in ("<s>a</s><s>b</s>", "<s>a</s><s>b</s><s>b</s>", "<s>a</s><i>1</i><s>b</s>"):
        tree, notes = decoded(typed, inner)
        assert isinstance(tree["s"], Unreadable)
        assert "twice, and not the same" in notes[0]


def test_what_is_wrong_in_a_thousand_entries_is_one_note(typed: Schema) -> None:
    entries = "".join(f"<l><n>{number}</n><v>x</v></l>" for number in range(1000))
    tree, notes = decoded(typed, entries)
    assert [entry["n"] for entry in tree["l"]] == [str(number) for number in range(1000)]
    assert notes == ["m0: /c/l/v cannot be read: 'x' is no uint8 (1000 times)"]
    _, notes = decoded(typed, "".join(f"<l><n>{number}</n><v>x{number}</v></l>" for number in range(1000)))
    assert len(notes) == 21
    assert notes[-1] == "980 further leaves could not be read"


def test_text_where_elements_are_expected_is_said(typed: Schema) -> None:
    tree, notes = decoded(typed, "<l>garbage<n>a</n></l>")
    assert tree == {"l": [{"n": "a"}]}
    assert notes == ["m0: /c/l has text, where elements are expected"]


def test_a_container_that_stands_twice_is_one(typed: Schema) -> None:
    data = parse('<data><c xmlns="urn:m0"><i>1</i></c><c xmlns="urn:m0"><u>2</u></c></data>')
    assert typed.decode(data, module="m0") == {"c": {"i": 1, "u": 2}}


def test_names_are_compared_with_their_namespace(typed: Schema) -> None:
    tree, notes = decoded(typed, '<s>mine</s><s xmlns="urn:other">theirs</s><q:i>5</q:i><i xmlns="">6</i>')
    assert (tree, notes) == ({"s": "mine"}, [])
    with findings() as found:
        assert typed.decode(parse('<data><c xmlns="urn:other"><i>1</i></c></data>'), module="m0") == {}
    assert (found.own, found.foreign) == (False, True)
    for payload in ('<c xmlns="urn:other"><i>1</i></c>', '<c xmlns="urn:m0"><i xmlns="urn:other">1</i></c>', "<c/>"):
        with pytest.raises(SchemaError, match="m0 has no"):
            typed.validate(parse(payload), module="m0")


@pytest.mark.parametrize(
    "inner",
    [
        "<i> 7 </i><bin>AA\nAA</bin><b>true</b><e/><bits>one</bits><word>up</word>",
        "<text/>",
        "<un>7</un>",
        '<shape xmlns:z="urn:m0">z:round</shape>',
        "<l><n>a</n><v>1</v></l><l><n>b</n></l><many>1</many><many>2</many>",
        "<i>7</i><ref>7</ref>",
    ],
)
def test_a_payload_is_judged_by_its_values_not_by_their_spelling(typed: Schema, inner: str) -> None:
    payload = f'<c xmlns="urn:m0">{inner}</c>'
    typed.validate(parse(payload), module="m0")
    assert typed.decode(parse(f"<data>{payload}</data>"), module="m0")["c"]


@pytest.mark.parametrize(
    "inner, why",
    [
        ("<i>x</i>", "/c/i: 'x' is no int32"),
        ("<s/>", "invalid length"),
        ("<s>ABC</s>", "s"),
        ("<shape>nothing</shape>", "not derived"),
        ("<ref>7</ref>", "instance-required"),
        ("<i>1</i><i>1</i>", "does not allow /c/i twice"),
        ("<any><x xmlns='urn:x'/></any>", "says nothing of what stands in /c/any"),
        ("<l><n>a</n></l><l><n>a</n></l>", "non-unique-key"),
        ("<in-case>a</in-case><short>b</short>", "member-not-allowed"),
        ("<bin>*</bin>", "no binary"),
    ],
)
def test_a_payload_that_is_not_valid_is_refused_with_its_reason(typed: Schema, inner: str, why: str) -> None:
    with pytest.raises(SchemaError, match=why) as caught:
        typed.validate(parse(f'<c xmlns="urn:m0">{inner}</c>'), module="m0")
    assert caught.value.hint == "nothing was sent"


CHOICE = (
    "choice x { mandatory true; leaf y { type string; } case z { leaf z { type string; } leaf zz { type string; } } }"
)
LEAVES = "leaf m { mandatory true; type string; } leaf n { mandatory true; type string; }"


@pytest.mark.parametrize(
    "body, good, bad, lacking",
    [
        (f"leaf a {{ type string; }} {CHOICE}", "<z>1</z>", "<a>1</a>", "/c lacks one of y, z, zz"),
        (f"{LEAVES} {CHOICE}", "<m>1</m><n>1</n><y>1</y>", "<m>1</m><n>1</n>", "/c lacks one of y, z, zz"),
        (f"container d {{ presence y; {CHOICE} }}", "", "<d/>", "/c/d lacks one of y, z, zz"),
        (f"choice o {{ case p {{ leaf p {{ type string; }} {CHOICE} }} }}", "", "<p/>", "/c lacks one of y, z, zz"),
        (f"list l {{ key k; leaf k {{ type string; }} {CHOICE} }}", "<l><k>1</k><y/></l>", "<l><k/></l>", "/c/l lacks"),
        (LEAVES, "<m>1</m><n>1</n>", "<n>1</n>", ".*missing-data: expected 'm'"),
    ],
)  # fmt: skip
def test_what_is_missing_is_said_where_the_library_cannot(
    tmp_path: Path, body: str, good: str, bad: str, lacking: str
) -> None:
    """yangson cannot tell of a mandatory choice, and raises TypeError."""
    schema = of_text(f"container c {{ presence x; {body} }}", tmp_path)
    schema.validate(parse(f'<c xmlns="urn:m0">{good}</c>'), module="m0")
    with pytest.raises(SchemaError, match=f"m0 does not allow it: {lacking}"):
        schema.validate(parse(f'<c xmlns="urn:m0">{bad}</c>'), module="m0")


@pytest.mark.parametrize(
    "body",
    [
        "leaf a { type string; must \"lang('en')\"; }",  # XPath that yangson does not have
        "".join(f"container c{n} {{ " for n in range(400)) + "}" * 400,
        "".join(f"container c{n} {{ " for n in range(3000)) + "}" * 3000,
        "leaf a { type bits { bit x { position zero; } } }",
        'leaf a { type uint8 { range "5..x"; } }',
        'leaf a { type string { pattern "["; } }',
        "augment /nowhere { leaf a { type string; } }",
        "deviation /top { deviate add { key x; } } container top;",
        "uses missing;",
        "typedef t { type t; } leaf a { type t; }",
    ],
)
def test_a_module_that_the_libraries_cannot_take_is_not_taken_and_that_is_said(tmp_path: Path, body: str) -> None:
    schema = of_text(body, tmp_path)
    assert not schema.has("m0", "/a")
    assert schema.notes()[0].startswith("the device's own m0 cannot be used: ")


def test_leaves_that_refer_to_each_other_have_no_value(tmp_path: Path) -> None:
    schema = of_text('leaf a { type leafref { path "../b"; } } leaf b { type leafref { path "../a"; } }', tmp_path)
    data = parse('<data><a xmlns="urn:m0">1</a></data>')
    assert isinstance(schema.decode(data, module="m0")["a"], Unreadable)
    with pytest.raises(SchemaError, match="/a: no leafref"):
        schema.validate(data[0], module="m0")


def test_a_reply_of_a_real_model_keeps_all_but_what_is_wrong() -> None:
    schema = Schema(Capabilities.from_uris(Persona(release="7.4.1").capabilities()))
    data = parse(
        f'<data><smart-agent xmlns="http://cisco.com/ns/yang/{LICENSING}"><licensing><state><state-info>'
        "<usage><license-name>a</license-name><count>many</count></usage><registration>"
        "<registration-state>retry</registration-state><registration-retry><registration-info><fail-message/>"
        "<fail-time>Feb 22 2022 10:00:07 UTC</fail-time></registration-info></registration-retry></registration>"
        "</state-info></state></licensing></smart-agent></data>"
    )
    with findings() as found:
        state = schema.decode(data, module=LICENSING)["smart-agent"]["licensing"]["state"]["state-info"]
    assert state["usage"][0]["license-name"] == "a"
    assert state["registration"] == {
        "registration-state": "retry",
        "registration-retry": {
            "registration-info": {"fail-message": "", "fail-time": "Feb 22 2022 10:00:07 UTC"}
        },
    }  # fmt: skip
    path = "/smart-agent/licensing/state/state-info/usage/count"
    assert found.notes == [f"{LICENSING}: {path} cannot be read: 'many' is no uint32"]
