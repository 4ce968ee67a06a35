"""XML from a device is refused or harmless, and a value put into a template is that value and nothing else."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from agent.model.errors import ProtocolError, SchemaError
from agent.netconf import payload
from agent.netconf.payload import (
    NETCONF_NS,
    Element,
    parse,
    payload_of,
    qname,
    rendered_once,
    serialize,
    template,
    to_dict,
)
from tests.netconf.placeholders import placeholders

UM = "http://cisco.com/ns/yang/Cisco-IOS-XR-um-crypto-cfg"
NAME = f".//{{{UM}}}trustpoint-name"
FILTER = "filter-trustpoint.um-crypto-cfg"
EDIT = "edit-trustpoint.um-crypto-cfg"

# XML 1.0 production [2]: Char.
LEGAL = st.text(
    st.characters(codec="utf-8").filter(lambda c: c in "\t\n\r" or (ord(c) >= 0x20 and ord(c) not in (0xFFFE, 0xFFFF)))
)
LAUGHS = """<?xml version="1.0"?>
<!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;">
<!ENTITY lol3 "&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;">]><rpc-reply>&lol3;</rpc-reply>"""


def nested(depth: int) -> bytes:
    return b"<a>" * (depth - 1) + b"<x/>" + b"</a>" * (depth - 1)


def edit(**values: str | bool | None) -> Element:
    given: dict[str, str | bool | None] = dict.fromkeys(placeholders(EDIT))
    return template(EDIT, **(given | values))


@pytest.mark.parametrize(
    "data",
    [
        LAUGHS,
        LAUGHS.encode(),
        "<!DOCTYPE a><a/>",
        "<!doctype a><a/>",
        '\n <!-- a comment --> <?pi x?>\n<!DOCTYPE a SYSTEM "http://192.0.2.1/a.dtd"><a/>',
        "\ufeff<!DOCTYPE a><a/>",
        '<?xml version="1.0" encoding="UTF-8"?><!DOCTYPE html PUBLIC "-//W3C//DTD HTML 4.01//EN" "x.dtd"><html/>',
        "<!-- -->" * 2000 + "<!DOCTYPE a><a/>",
    ],
)
def test_a_doctype_is_refused(data: str | bytes) -> None:
    with pytest.raises(ProtocolError, match="DOCTYPE") as caught:
        parse(data)
    assert caught.value.hint


def test_an_external_entity_is_never_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s3cret")
    document = f'<!DOCTYPE a [<!ENTITY x SYSTEM "{secret.as_uri()}">]><a>&x;</a>'
    with pytest.raises(ProtocolError) as caught:
        parse(document)
    assert "s3cret" not in str(caught.value)


def test_a_doctype_that_the_first_look_missed_is_refused_unexpanded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payload, "DOCTYPE", re.compile(rb"\Znever"))
    with pytest.raises(ProtocolError, match="DOCTYPE"):
        parse(LAUGHS)


def test_the_letters_of_a_doctype_inside_the_document_are_text() -> None:
    # A module sent by get-schema, or a message quoted in a reply, may say them.
    assert parse("<data><![CDATA[<!DOCTYPE a>]]></data>").text == "<!DOCTYPE a>"


@pytest.mark.parametrize(
    "data, said",
    [
        (b"", "broken XML"),
        (b"garbage", "not XML: it begins with 'garbage'"),
        (b"<rpc-reply><data>", "broken XML"),
        (b"<a/><b/>", "broken XML"),
        (b"<a>&undefined;</a>", "broken XML"),
        (b"<p:a/>", "broken XML"),
        (b"<a x='1' x='2'/>", "broken XML"),
        (b"<a>\x00</a>", "broken XML"),
        (b"<a>&#0;</a>", "broken XML"),
        (b"<a>\xe9</a>", "not UTF-8"),
        (b"\xff\xfe<\x00a\x00/\x00>\x00", "not UTF-8"),
        ("<a>\ud800</a>", "not UTF-8"),
        ("<a/>".encode("utf-16-le"), "broken XML"),
        ("<!DOCTYPE a><a/>".encode("utf-16-be"), "not XML"),
    ],
)
def test_what_is_no_xml_gets_one_line_that_says_what_to_do(data: bytes | str, said: str) -> None:
    with pytest.raises(ProtocolError, match=said) as caught:
        parse(data, device="r1")
    assert caught.value.device == "r1"
    assert caught.value.hint
    assert "\n" not in str(caught.value)


def test_the_declared_encoding_is_not_followed() -> None:
    assert parse('<?xml version="1.0" encoding="UTF-7"?><a>+ADw-b/+AD4-</a>').text == "+ADw-b/+AD4-"
    assert parse('<?xml version="1.0" encoding="iso-8859-1"?><a>é</a>').text == "é"


def test_depth_is_bounded() -> None:
    assert parse(nested(payload.DEEPEST)).tag == "a"
    for depth in (payload.DEEPEST + 1, 100_000):
        with pytest.raises(ProtocolError, match="nested more than 200 deep"):
            parse(nested(depth))
    with pytest.raises(ProtocolError, match=r"nested|broken"):
        parse(b"<a>" * 100_000)


def test_a_deep_branch_beside_many_shallow_ones_is_found() -> None:
    with pytest.raises(ProtocolError, match="nested"):
        parse(b"<r>" + b"<s/>" * 1000 + nested(payload.DEEPEST) + b"<s/>" * 1000 + b"</r>")


@pytest.mark.parametrize("data", [b"<a>12345</a>", "<a>12345</a>", "<a>\xe9\xe9\xe9</a>"])
def test_size_is_bounded_in_bytes(data: bytes | str) -> None:
    size = len(data.encode() if isinstance(data, str) else data)
    assert parse(data, limit=size).tag == "a"
    with pytest.raises(ProtocolError, match=f"{size} bytes, more than {size - 1}"):
        parse(data, limit=size - 1)


def test_one_text_may_be_larger_than_libxml2_allows_by_itself() -> None:
    assert len(parse("<a>" + "x" * 11_000_000 + "</a>").text or "") == 11_000_000


def test_comments_and_processing_instructions_leave_no_gap_in_a_text() -> None:
    root = parse("<a>one<!-- c -->two<?pi x?></a>")
    assert root.text == "onetwo"
    assert len(root) == 0


@given(
    st.binary(max_size=300)
    | st.text(max_size=300)
    | st.builds(lambda before, after: before + b"<a>" + after, st.binary(max_size=20), st.binary(max_size=200))
)
def test_whatever_arrives_ends_as_an_element_or_a_protocol_error(data: bytes | str) -> None:
    said = ""
    try:
        root = parse(data)
    except ProtocolError as error:
        said = error.message
    else:
        assert isinstance(root.tag, str)
    assert "\n" not in said


@given(LEGAL, LEGAL)
def test_what_was_serialized_is_parsed_back(text: str, attribute: str) -> None:
    root = etree.Element("a", {"b": attribute})
    root.text = text
    root.tail = "not part of it"
    again = parse(serialize(root))
    assert (again.text or "", again.get("b"), again.tail) == (text, attribute, None)


def test_every_thread_parses_by_itself() -> None:
    found: list[str] = []
    threads = [threading.Thread(target=lambda n=n: found.append(str(parse(f"<a>{n}</a>").text))) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [str(n) for n in range(8)]


def test_the_raw_view_keeps_names_and_texts_as_sent() -> None:
    root = parse('<data xmlns="urn:x"><l><k>1</k></l><l><k>2</k></l><empty/></data>')
    assert to_dict(root) == {"data": {"@xmlns": "urn:x", "l": [{"k": "1"}, {"k": "2"}], "empty": None}}


@given(LEGAL)
def test_any_legal_text_goes_through_a_template_unchanged(name: str) -> None:
    root = parse(serialize(template(FILTER, name=name)))
    assert root.findtext(NAME) == name
    assert [element.tag for element in root.iter()] == [element.tag for element in template(FILTER, name="x").iter()]


@given(
    st.characters(codec="utf-8", max_codepoint=0x1F).filter(lambda c: c not in "\t\n\r")
    | st.sampled_from(["\ufffe", "\uffff", "\ud800", "\udfff", "\x00"])
)
def test_a_character_that_xml_refuses_is_refused_by_its_number(character: str) -> None:
    with pytest.raises(SchemaError, match=rf"name has U\+{ord(character):04X} at its character 6") as caught:
        template(FILTER, name=f"Trust{character}pool")
    assert "Trust" not in str(caught.value)


@pytest.mark.parametrize("name", ["{{ name }}", "{{ url }}", "</trustpoint-name><x/>", "]]>", "&amp;", " x "])
def test_a_value_is_never_read_as_markup_or_placeholder(name: str) -> None:
    assert parse(serialize(template(FILTER, name=name))).findtext(NAME) == name


def test_a_value_of_none_removes_its_element() -> None:
    with_path = template("rpc-ca-authenticate", server_name="T", file_path="/a.pem")
    without = template("rpc-ca-authenticate", server_name="T", file_path=None)
    assert [etree.QName(child).localname for child in with_path] == ["server-name", "file-path"]
    assert [etree.QName(child).localname for child in without] == ["server-name"]


def test_an_empty_value_is_a_value() -> None:
    assert template(FILTER, name="").find(NAME) is not None


def test_a_bool_is_written_as_yang_writes_it() -> None:
    for value in (True, False):
        body = template("rpc-register-id-token", id_token="t", force=value)
        assert body.findtext("{*}force") == str(value).lower()


def test_a_switch_keeps_its_element_only_where_it_is_true() -> None:
    on, off = edit(name="T", terminal=True), edit(name="T", terminal=False)
    assert [etree.QName(child).localname for child in on.iterfind(".//{*}enrollment/*")] == ["terminal"]
    assert off.find(".//{*}enrollment/*") is None


def test_one_edit_removes_an_enrollment_and_sets_another() -> None:
    root = parse(serialize(edit(name="T", remove_url=True, terminal=True)))
    operation = qname(NETCONF_NS, "operation")
    shown = [(etree.QName(child).localname, child.get(operation)) for child in root.iterfind(".//{*}enrollment/*")]
    assert shown == [("url", "remove"), ("terminal", None)]


def test_nothing_of_the_template_language_is_sent() -> None:
    sent = serialize(edit(name="T", terminal=True))
    assert payload.TEMPLATE_NS.encode() not in sent
    assert b"xr:" not in sent
    assert b"{{" not in sent


@pytest.mark.parametrize("words", [[], ["name", "nmae"], ["nmae"]])
def test_a_placeholder_too_few_or_too_many_is_a_bug_of_the_caller(words: list[str]) -> None:
    with pytest.raises(KeyError, match="does not fit"):
        template(FILTER, **dict.fromkeys(words, "T"))


def test_a_template_is_not_changed_by_its_use() -> None:
    template(FILTER, name="first").clear()
    assert template(FILTER, name="second").findtext(NAME) == "second"


def test_what_is_sent_over_and_over_is_made_once() -> None:
    before = rendered_once.cache_info().misses
    sent = {rendered_once(FILTER, name="made-once") for _ in range(3)}
    assert rendered_once.cache_info().misses == before + 1
    assert sent == {payload_of(template(FILTER, name="made-once"))} != {rendered_once(FILTER, name="another")}


def test_an_operation_keeps_its_meaning_inside_an_rpc() -> None:
    body = template("edit-config", rollback=True)
    body[-1].append(edit(name="T", remove_terminal=True, url="http://ca.example"))
    rpc = parse(f'<rpc xmlns="{NETCONF_NS}"/>')
    rpc.append(body)
    again = parse(serialize(rpc))
    removed = again.find(".//{*}terminal")
    assert removed is not None
    assert removed.get(qname(NETCONF_NS, "operation")) == "remove"
    assert again.findtext(f".//{{{UM}}}url") == "http://ca.example"
