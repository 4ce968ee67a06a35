"""Which nodes a device has: known exactly, asked of the device, or the nearest older variant and said so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent.model.errors import ProtocolError, RPCError, SchemaError
from agent.netconf.payload import Element, parse, template
from agent.netconf.yang import compiled, fetched, library, yangtext
from agent.netconf.yang import schema as judging
from agent.netconf.yang.capability import Capabilities
from agent.netconf.yang.library import Match
from agent.netconf.yang.schema import Schema, findings
from agent.simulator import Persona, releases
from tests.support import Lab

PREFIX = "http://cisco.com/ns/yang/"
UM, ACT, CEPKI = "Cisco-IOS-XR-um-crypto-cfg", "Cisco-IOS-XR-crypto-act", "Cisco-IOS-XR-crypto-cepki-oper"
LICENSING = "Cisco-IOS-XR-infra-smartlicense-oper"


def announcing(**modules: str) -> Capabilities:
    names = {"um": UM, "act": ACT, "cepki": CEPKI, "licensing": LICENSING, "new": "example-new"}
    return Capabilities.from_uris(
        f"{PREFIX}{names[word]}?module={names[word]}&revision={revision}" for word, revision in modules.items()
    )


def of_release(release: str) -> Capabilities:
    return Capabilities.from_uris(Persona(release=release).capabilities())


@pytest.mark.parametrize("release", releases()[1:])
def test_every_module_of_every_release_is_known_exactly(release: str) -> None:
    capabilities = of_release(release)
    schema = Schema(capabilities, strict=True)
    ours = [name for name in capabilities.modules if name.startswith("Cisco")]
    assert ours
    for name in ours:
        variant = schema.variant(name)
        assert variant is not None
        assert variant.match is Match.EXACT


@pytest.mark.parametrize("release, suffix", [("24.1.1", "2024-02-07.yang"), ("24.3.1", "2024-02-07-b.yang")])
def test_two_variants_of_one_revision_are_told_apart_by_the_rest_of_the_hello(release: str, suffix: str) -> None:
    variant = Schema(of_release(release)).variant(UM)
    assert variant is not None
    assert variant.path.name.endswith(suffix)


def test_the_release_tells_apart_what_the_hello_cannot() -> None:
    for release, suffix in (("24.1.1", "2024-02-07.yang"), ("24.3.1", "2024-02-07-b.yang")):
        variant = Schema(announcing(um="2024-02-07"), release=release).variant(UM)
        assert variant is not None
        assert variant.path.name.endswith(suffix)


def test_an_unknown_revision_takes_the_nearest_older_variant_and_says_so() -> None:
    schema = Schema(announcing(act="2024-12-31"))
    assert schema.source(ACT) == f"{ACT}@2024-12-31 (nearest)"
    assert schema.has(ACT, "/ca-authenticate/input/file-path")
    older = Schema(announcing(act="2010-01-01"))
    assert older.source(ACT).endswith("(nearest)")
    assert not older.has(ACT, "/ca-authenticate/input/file-path")


def test_strict_takes_a_module_that_is_not_known_exactly_for_missing_and_says_so() -> None:
    schema = Schema(announcing(act="2024-12-31"), strict=True)
    assert schema.variant(ACT) is None
    assert not schema.has(ACT, "/ca-authenticate")
    assert schema.notes() == [f"{ACT}@2024-12-31 is not known, and --strict-models is set"]
    assert schema.refused(ACT) == schema.notes()[0]
    with pytest.raises(SchemaError, match="2024-12-31 is not known, and --strict-models is set"):
        schema.validate(template("rpc-ca-authenticate", server_name="T", file_path=None), module=ACT)


def test_two_variants_that_a_hello_does_not_tell_apart_are_not_called_an_unknown_revision() -> None:
    files = f"({UM}@2024-02-07-b.yang, {UM}@2024-02-07.yang)"
    why = f"{UM}@2024-02-07 has variants that the hello does not tell apart {files}"
    strict, lenient = Schema(announcing(um="2024-02-07"), strict=True), Schema(announcing(um="2024-02-07"))
    assert not strict.has(UM, "/crypto")
    assert strict.notes() == [f"{why}, and --strict-models is set"]
    assert lenient.has(UM, "/crypto")
    assert lenient.notes() == [f"{why}: {UM}@2024-02-07.yang, which has fewer nodes, stands in"]


def test_what_stands_in_for_no_revision_or_one_older_than_all_is_named_as_what_it_is() -> None:
    bare = Schema(Capabilities.from_uris([f"http://cisco.com/ns/yang/{ACT}?module={ACT}"]))
    assert bare.has(ACT, "/ca-authenticate")
    assert bare.notes()[0].startswith(f"{ACT} is announced without a revision: ")
    older = Schema(announcing(act="2010-01-01"))
    assert older.has(ACT, "/ca-authenticate")
    assert older.notes() == [f"{ACT}@2010-01-01 is not known: the oldest revision that is known stands in"]


def test_a_stand_in_is_noted() -> None:
    schema = Schema(announcing(act="2024-12-31"))
    assert schema.has(ACT, "/ca-authenticate")
    assert schema.notes() == [f"{ACT}@2024-12-31 is not known: the nearest older revision stands in"]


def test_what_is_not_announced_is_not_there() -> None:
    schema = Schema(announcing(act="2016-04-17"))
    assert schema.variant(UM) is None
    assert not schema.has(UM, "/crypto")
    with pytest.raises(SchemaError, match="does not announce"):
        schema.validate(template("rpc-renew-auth"), module="Cisco-IOS-XR-smart-license-act")


def test_a_payload_the_model_refuses_is_named_by_its_path() -> None:
    schema = Schema(of_release("7.4.1"))
    with pytest.raises(SchemaError, match="file-path"):
        schema.validate(template("rpc-ca-authenticate", server_name="T", file_path="/x"), module=ACT)
    edit = template(
        "edit-trustpoint.um-crypto-cfg", name="T", url=None, terminal=True, local=False, remove_terminal=False,
        remove_url=False, remove_local=True,
    )  # fmt: skip
    with pytest.raises(SchemaError, match="has no"):
        schema.validate(edit, module=UM)
    with pytest.raises(SchemaError, match="crypto-ca"):
        schema.validate(
            template("edit-trustpoint.crypto-cepki-cfg.crypto-ca", name="T", url="terminal"),
            module="Cisco-IOS-XR-um-crypto-cfg",
        )


def test_what_one_device_allows_says_nothing_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "judged_valid", set())
    body = template("rpc-ca-authenticate", server_name="T", file_path="/x")
    for _ in range(2):
        Schema(of_release("25.2.1")).validate(body, module=ACT)
        with pytest.raises(SchemaError, match="file-path"):
            Schema(of_release("7.8.1")).validate(body, module=ACT)
    body[-1].text = "/x" * 200
    with pytest.raises(SchemaError, match="file-path"):
        Schema(of_release("25.2.1")).validate(body, module=ACT)


def test_a_payload_sent_to_many_devices_is_judged_once_and_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    judged = []
    judge = compiled.Model.validate

    def counted(model: compiled.Model, payload: Element) -> None:
        judged.append(model)
        judge(model, payload)

    monkeypatch.setattr(judging, "judged_valid", set())
    monkeypatch.setattr(judging, "MOST_VALID", 3)
    monkeypatch.setattr(compiled.Model, "validate", counted)
    for name in ("first", "first", "second", "third", "fourth", "fourth"):
        body = template("rpc-ca-authenticate", server_name=f"secret-{name}", file_path=None)
        Schema(of_release("7.8.1")).validate(body, module=ACT)
    assert len(judged) == 4
    assert len(judging.judged_valid) == 1
    assert {len(one) for one in judging.judged_valid} == {32}
    assert not any(b"secret" in one for one in judging.judged_valid)


def test_replies_are_decoded_to_typed_values_and_unknown_nodes_left_out() -> None:
    schema = Schema(of_release("7.8.1"))
    data = parse(
        f"""<data><crypto-certificate-authority xmlns="{PREFIX}{CEPKI}"><trustpoints><trustpoint>
        <name>T</name><brand-new>x</brand-new><certificate-authority-certificate><subject>CN=a</subject>
        <certificate-valid-from>18446744073709551615</certificate-valid-from></certificate-authority-certificate>
        </trustpoint></trustpoints></crypto-certificate-authority><other xmlns="urn:other"/></data>"""
    )
    assert schema.decode(data, module=CEPKI) == {
        "crypto-certificate-authority": {"trustpoints": {"trustpoint": [{
            "name": "T",
            "certificate-authority-certificate": {"subject": "CN=a", "certificate-valid-from": 18446744073709551615},
        }]}}
    }  # fmt: skip


def test_presence_and_empty_nodes_are_seen() -> None:
    um = f"""<data><crypto xmlns="{PREFIX}{UM}"><ca><trustpoint><trustpoints><trustpoint><trustpoint-name>T
        </trustpoint-name><enrollment><terminal/></enrollment></trustpoint></trustpoints></trustpoint></ca></crypto>
        </data>""".replace("T\n        ", "T")
    tree: Any = Schema(of_release("7.4.1")).decode(parse(um), module=UM)
    assert tree["crypto"]["ca"]["trustpoint"]["trustpoints"]["trustpoint"][0]["enrollment"] == {"terminal": {}}
    native = "Cisco-IOS-XR-crypto-cepki-cfg"
    tree = Schema(of_release("7.3.2")).decode(
        parse(
            f'<data><crypto-ca xmlns="{PREFIX}{native}"><certificate-authority><trustpool><crl><optional/></crl>'
            "</trustpool></certificate-authority></crypto-ca></data>"
        ),
        module=native,
    )
    assert tree["crypto-ca"]["certificate-authority"]["trustpool"]["crl"]["optional"] is True


def test_an_rpc_output_is_decoded() -> None:
    act = "Cisco-IOS-XR-smart-license-act"
    reply = parse(
        f'<rpc-reply><response xmlns="{PREFIX}{act}"><operation-status>failed</operation-status>'
        "<return-code>commsend</return-code></response></rpc-reply>"
    )
    assert Schema(of_release("7.4.1")).decode(reply, module=act) == {
        "response": {"operation-status": "failed", "return-code": "commsend"}
    }


# --- modules that only the device has -------------------------------------------------------------------------------

MAIN = """module example-new {
  namespace "http://cisco.com/ns/yang/example-new"; prefix n; import example-types { prefix t; }
  revision 2026-01-01; container top { leaf speed { type t:speed; } } }"""
TYPES = """module example-types { namespace "urn:example-types"; prefix t; revision 2025-01-01;
  typedef speed { type uint64; } }"""


def serving(**texts: str) -> Callable[[str, str], str]:
    def fetch(name: str, revision: str) -> str:
        return texts[name.replace("-", "_")]

    return fetch


def test_a_module_that_the_project_does_not_know_is_taken_from_the_device(tmp_path: Path) -> None:
    schema = Schema(
        announcing(new="2026-01-01"), fetch=serving(example_new=MAIN, example_types=TYPES), cache_dir=tmp_path
    )
    assert schema.source("example-new") == "example-new@2026-01-01 (device)"
    assert schema.has("example-new", "/top/speed")
    data = parse(f'<data><top xmlns="{PREFIX}example-new"><speed>7</speed></top></data>')
    assert schema.decode(data, module="example-new") == {"top": {"speed": 7}}


def test_the_text_is_asked_for_once_and_remembered_by_its_content(tmp_path: Path) -> None:
    for _ in range(2):
        Schema(
            announcing(new="2026-01-01"), fetch=serving(example_new=MAIN, example_types=TYPES), cache_dir=tmp_path
        ).variant("example-new")
    assert len(list(tmp_path.iterdir())) == 1
    changed = MAIN.replace("speed {", "pace {")
    Schema(
        announcing(new="2026-01-01"), fetch=serving(example_new=changed, example_types=TYPES), cache_dir=tmp_path
    ).variant("example-new")
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    "text, said",
    [
        ("module example-new { broken", "valid YANG"),
        ("<html>no</html>", "no valid YANG module"),
        ("/* */" * 100_000 + "nothing", "too long"),  # read word by word, it would take for ever
        ("module example-new { } //" + "x" * yangtext.LARGEST, "larger"),
        ('module example-new { import "../../etc/passwd" { prefix x; } }', "is not fetched"),
    ],
)
def test_a_text_that_is_no_module_is_not_taken(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SchemaError, match=said):
        fetched.fetch_modules(
            "example-new", "2026-01-01", serving(example_new=text), announcing(new="2026-01-01"), tmp_path
        )
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_comments_before_a_module_are_passed_over(tmp_path: Path) -> None:
    text = f" // a\n/* b\n * c */ /**/\n{TYPES}"
    assert fetched.fetch_modules("example-types", "", serving(example_types=text), announcing(), tmp_path).exists()


def test_a_chain_of_imports_without_end_is_cut(tmp_path: Path) -> None:
    def fetch(name: str, revision: str) -> str:
        return f"module {name} {{ import {name}x {{ prefix p; }} }}"

    with pytest.raises(SchemaError, match="more than 40"):
        fetched.fetch_modules("a", "", fetch, announcing(), tmp_path)


def refuse(name: str, revision: str) -> str:
    raise RPCError((), operation="get-schema")


def broken(name: str, revision: str) -> str:
    return f"module {name} {{ namespace 'urn:x'; prefix x; revision {revision}; leaf a {{ type nothing; }} }}"


@pytest.mark.parametrize("fetch, why", [(refuse, "get-schema was refused"), (broken, "no valid YANG")])
def test_where_the_device_does_not_help_the_nearest_stands_in_and_all_is_said(
    fetch: Callable[[str, str], str], why: str, tmp_path: Path
) -> None:
    schema = Schema(announcing(act="2024-12-31"), fetch=fetch, cache_dir=tmp_path)
    assert schema.source(ACT) == f"{ACT}@2024-12-31 (nearest)"
    (note,) = schema.notes()
    assert note.startswith(f"{ACT}@2024-12-31 is not known: the nearest older revision stands in; the device's own")
    assert why in note
    with findings() as found:
        schema.decode(parse("<rpc-reply/>"), module=ACT)
    assert found.notes == [note]


def test_where_neither_the_device_nor_the_project_has_a_module_it_is_said_why(tmp_path: Path) -> None:
    schema = Schema(announcing(new="2026-01-01"), fetch=refuse, cache_dir=tmp_path)
    assert not schema.has("example-new", "/top")
    said = "the device's own example-new cannot be used: get-schema was refused: an unnamed error"
    assert schema.notes() == [said]
    with pytest.raises(SchemaError, match=said):
        schema.decode(parse("<data/>"), module="example-new")
    with pytest.raises(SchemaError, match="example-new is not known"):
        Schema(announcing(new="2026-01-01")).decode(parse("<data/>"), module="example-new")


def test_of_a_module_that_is_known_exactly_the_device_is_asked_nothing() -> None:
    schema = Schema(announcing(act="2016-04-17"), fetch=refuse)
    assert schema.source(ACT) == f"{ACT}@2016-04-17"
    assert schema.notes() == []


def test_a_real_session_fetches_what_it_needs(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "exact", lambda *_: None)  # as of a revision that nobody knows
    with lab.connect(lab.add(release="7.8.1")) as session:
        schema = Schema(session.capabilities, fetch=session.fetch_schema, cache_dir=tmp_path)
        assert schema.source(ACT).endswith("(device)")
        assert schema.has(ACT, "/ca-authenticate/input/server-name")
        schema.validate(template("rpc-ca-authenticate", server_name="T", file_path=None), module=ACT)


# --- the hello ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["", "nc:"])
def test_a_hello_is_read_in_both_spellings(prefix: str) -> None:
    declared = f'xmlns{":nc" if prefix else ""}="urn:ietf:params:xml:ns:netconf:base:1.0"'
    hello = (
        f"<{prefix}hello {declared}><{prefix}capabilities><{prefix}capability> urn:ietf:params:netconf:base:1.1 "
        f"</{prefix}capability><{prefix}capability>urn:x?module=m&amp;revision=2020-01-01&amp;features=a,b&amp;"
        f"deviations=d</{prefix}capability></{prefix}capabilities></{prefix}hello>"
    )
    read = Capabilities.from_hello(hello)
    assert "urn:ietf:params:netconf:base:1.1" in read.uris
    module = read.modules["m"]
    assert (module.revision, module.deviations, module.namespace) == ("2020-01-01", ("d",), "urn:x")


def test_of_a_module_that_is_announced_twice_the_newest_counts() -> None:
    uris = [f"urn:x?module=m&revision=20{year}-01-01" for year in range(10, 40)]
    assert Capabilities.from_uris(uris).modules["m"].revision == "2039-01-01"


def test_what_is_no_hello_is_refused() -> None:
    with pytest.raises(ProtocolError, match="no NETCONF hello"):
        Capabilities.from_hello("<html/>")


def test_get_schema_is_offered_unless_a_deviation_takes_it_away() -> None:
    assert Capabilities.from_uris(Persona(release="24.4.1").capabilities()).get_schema
    assert not Capabilities.from_uris(Persona(release="24.4.1", no_get_schema=True).capabilities()).get_schema
    assert not Capabilities.from_uris([]).get_schema
    assert Capabilities.from_uris([]).empty


def test_the_possible_releases_are_those_that_agree_best() -> None:
    assert "7.3.2" in (library.possible_releases(of_release("7.3.2")) or ())
    assert library.possible_releases(announcing()) is None
